"""MLP-Mixer: perceptrons across positions and across features, in turn."""

from __future__ import annotations

from nasengine.blocks.basic.activation import GELU
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.shape import Permute
from nasengine.blocks.transformers.transformer import FeedForward, Sublayer
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


def needs_sequence(x: TensorType, place: str) -> None:
    """Refuse what is no sequence of vectors.

    Raises:
        ShapeError: it is none.
    """
    if x.axes != "TF":
        raise ShapeError(f"{place}: it takes a sequence; got {x!r}; put Patchify or ToSequence before it")


@block("token_mixing")
class TokenMixing(Composite):
    """A block applied along the positions, each feature alike (Tolstikhin et al., 2021, eq. 1, first line).

    (T, F) → (T', F).

    Args:
        inner: what maps the T positions, which it sees as the features of a sequence of F: ``FeedForward()``.
    """

    inner: Block

    def wire(self, net: Wiring, x: Value) -> Value:
        needs_sequence(x.type, "token_mixing")
        turned = net(Permute((1, 0), "TF"), x, name="transpose")
        made: Value = net(Permute((1, 0), "TF"), net(self.inner, turned, name="inner"), name="restore")
        return made


@block("mixer_layer")
class MixerLayer(Composite):
    """Token mixing, then channel mixing, each around a shortcut (Tolstikhin et al., 2021, fig. 1, eq. 1).

    (T, F) → (T, F).

    Args:
        tokens: hidden width of the token-mixing perceptron over F, D_S / C of table 1: 0.5.
        channels: hidden width of the channel-mixing perceptron over F, D_C / C of table 1: 4.
        norm: before each perceptron.
        activation, dropout: after each hidden layer.
        drop_path: probability that either branch of a sample is dropped in training.
    """

    tokens: float = 0.5
    channels: float = 4.0
    norm: Block = LayerNorm(eps=1e-6)
    activation: Block = GELU()
    dropout: float = 0.0
    drop_path: float = 0.0

    def validate(self) -> None:
        if self.tokens <= 0 or self.channels <= 0:
            raise SpaceError(
                f"mixer_layer: tokens and channels above 0, they multiply the features; got tokens={self.tokens}, "
                f"channels={self.channels}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        needs_sequence(x.type, "mixer_layer")
        hidden = max(1, int(self.tokens * x.channels))
        across = TokenMixing(FeedForward(hidden=hidden, activation=self.activation, dropout=self.dropout))
        along = FeedForward(self.channels, activation=self.activation, dropout=self.dropout)
        for name, mixing in (("tokens", across), ("channels", along)):
            x = net(Sublayer(mixing, self.norm, drop_path=self.drop_path), x, name=name)
        return x
