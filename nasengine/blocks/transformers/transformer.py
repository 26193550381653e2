"""Transformer layers: attention and feed-forward, each around a shortcut."""

from __future__ import annotations

from nasengine.blocks.basic.activation import GELU
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add, Multiply
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.regularise import Dropout, DropPath
from nasengine.blocks.compose import Identity
from nasengine.blocks.transformers.attention import Attention
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("feed_forward")
class FeedForward(Composite):
    """Position-wise feed-forward network (Vaswani et al., 2017, eq. 2), or its gated form. (..., F) → (..., features).

    Gated, with SiLU it is SwiGLU, with GELU GEGLU (Shazeer, 2020, eq. 6).

    Args:
        ratio: hidden features over F, rounded down.
        hidden: hidden features; overrides ``ratio`` where not 0.
        features: of the output; 0 keeps F.
        activation: of the hidden features, or of the gate.
        gated: multiply the hidden features by an activated gate of their own.
        bias: learned constants of the maps.
        dropout: of the hidden features.
        norm: of the hidden features.
    """

    ratio: float = 4
    hidden: int = 0
    features: int = 0
    activation: Block = GELU()
    gated: bool = False
    bias: bool = True
    dropout: float = 0.0
    norm: Block = Identity()

    def validate(self) -> None:
        if self.ratio <= 0 or self.hidden < 0 or self.features < 0:
            raise SpaceError(
                f"feed_forward: ratio > 0, hidden and features >= 0; got {self.ratio}, {self.hidden}, {self.features}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        hidden = self.hidden or max(1, int(x.channels * self.ratio))
        y = net(Linear(hidden, self.bias), x, name="gate" if self.gated else "up")
        y = net(self.activation, y, name="act")
        if self.gated:
            y = net(Multiply(), y, net(Linear(hidden, self.bias), x, name="up"), name="gated")
        y = net(self.norm, net(Dropout(self.dropout), y, name="drop"), name="norm")
        made: Value = net(Linear(self.features or x.channels, self.bias), y, name="down")
        return made


@block("sublayer")
class Sublayer(Composite):
    """A block around which a shortcut leads: ``x + f(norm(x))``, or ``norm(x + f(x))`` (Xiong et al., 2020, fig. 1).

    (T, F)[, more] → (T, F)[, losses]; further inputs go to ``inner``, and further outputs of it, as the balance loss of
    a mixture of experts, are handed on.

    Args:
        inner: the block.
        norm: before it, or after the sum.
        pre_norm: which of the two.
        dropout, drop_path: of the block's output, in training.
        scale: of the block's output, as layer scale.
    """

    inner: Block
    norm: Block = LayerNorm()
    pre_norm: bool = True
    dropout: float = 0.0
    drop_path: float = 0.0
    scale: Block = Identity()

    def wire(self, net: Wiring, x: Value, *more: Value) -> Value | tuple[Value, ...]:
        given = net(self.norm, x, name="norm") if self.pre_norm else x
        made = net(self.inner, given, *more, name="inner")
        y, *losses = made if isinstance(made, tuple) else (made,)
        y = net(self.scale, y, name="scale")
        y = net(DropPath(self.drop_path), net(Dropout(self.dropout), y, name="drop"), name="drop_path")
        out: Value = net(Add(), x, y, name="add")
        out = out if self.pre_norm else net(self.norm, out, name="norm")
        return (out, *losses) if losses else out


@block("transformer_layer")
class TransformerLayer(Composite):
    """A layer of an encoder or, with ``cross``, of a decoder (Vaswani et al., 2017, fig. 1).

    (T, F) → (T, F) for an encoder; (T, F), (S, G) → (T, F) for a decoder. A last input (heads, T, S) is the bias of the
    self-attention. Where attention takes ``places``, those of x and of the second sequence come after the sequences.

    Args:
        attention: self-attention.
        feed_forward: what follows.
        cross: attention to a second sequence, between the two.
        norm, pre_norm, dropout, drop_path, scale: as of :class:`Sublayer`.
    """

    attention: Block
    feed_forward: Block = FeedForward()
    cross: Block = Identity()
    norm: Block = LayerNorm()
    pre_norm: bool = True
    dropout: float = 0.0
    drop_path: float = 0.0
    scale: Block = Identity()

    def sublayer(self, inner: Block) -> Sublayer:
        """One of the parts around its shortcut."""
        return Sublayer(inner, self.norm, self.pre_norm, self.dropout, self.drop_path, self.scale)

    def wire(self, net: Wiring, x: Value, *more: Value) -> Value | tuple[Value, ...]:
        bias = [value for value in more if value.type.axes == "ATS"]
        memory = [value for value in more if value.type.axes != "ATS"]
        if getattr(self.attention, "places", False):
            bias = [*memory[isinstance(self.cross, Attention) :][:1], *bias]
        x = net(self.sublayer(self.attention), x, *bias, name="attention")
        if isinstance(self.cross, Attention):
            x = net(self.sublayer(self.cross), x, *memory, name="cross")
        made: Value | tuple[Value, ...] = net(self.sublayer(self.feed_forward), x, name="feed_forward")
        return made
