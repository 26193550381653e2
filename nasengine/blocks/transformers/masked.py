"""Masked autoencoders: most patches are hidden, and predicted from the others."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.shape import Patchify
from nasengine.blocks.transformers.position import LearnedPositions, sequence
from nasengine.blocks.transformers.tokens import PrependTokens, Span
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("keep_tokens")
class KeepTokens(Primitive):
    """A random share of a sequence (MAE; He et al., 2022, section 3).

    (T, F), noise (T - always) → (always + kept, F), places (T - always), mask (T - always), 1 where hidden. The tokens
    with the least noise are kept; what noise there is, its caller decides.

    Args:
        share: of the tokens that is kept, rounded down.
        always: tokens at the front that are kept in any case.
    """

    share: float = 0.25
    always: int = 0

    def validate(self) -> None:
        if not 0 < self.share <= 1 or self.always < 0:
            raise SpaceError(f"keep_tokens: share in (0, 1] and always >= 0; got {self.share} and {self.always}")

    def kept(self, x: TensorType) -> int:
        """How many of the tokens that may be hidden are kept."""
        return int((x.shape[0] - self.always) * self.share)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, noise = sequence(inputs[0], self.tag), inputs[1]
        rest = x.shape[0] - self.always
        if noise.shape != (rest,) or self.kept(x) < 1:
            raise ShapeError(
                f"keep_tokens: one number of noise for each of {rest} tokens, and at least one kept; got {noise!r} for "
                f"{x!r} with a share of {self.share}; change the input of the noise, or the share"
            )
        kept = TensorType((self.always + self.kept(x), x.shape[1]), "TF")
        return kept, TensorType((rest,), "T", "int64"), TensorType((rest,), "T")

    def on_zero(self) -> str:
        return "value"

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"always": self.always} if self.always else {}
        return module("nasengine.modules.masked_tokens.KeepTokens", self.kept(inputs[0]), **extra)


@block("restore_tokens")
class RestoreTokens(Primitive):
    """Kept tokens back in their places, a learned token at the others (MAE; He et al., 2022, section 3).

    (always + kept, F), places (T) → (always + T, F).

    Args:
        always: tokens at the front that were never hidden.
    """

    always: int = 0

    def infer(self, *inputs: TensorType) -> TensorType:
        x, places = sequence(inputs[0], self.tag), inputs[1]
        if places.dtype != "int64" or len(places.shape) != 1 or x.shape[0] - self.always > places.shape[0]:
            raise ShapeError(f"restore_tokens: the places that keep_tokens gave; got {places!r} for {x!r}")
        return TensorType((self.always + places.shape[0], x.shape[1]), "TF")

    def ids(self, *inputs: TensorType) -> int:
        """How many places there are."""
        return inputs[1].shape[0]

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("features", (inputs[0].channels,)),)),)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"always": self.always} if self.always else {}
        return module("nasengine.modules.masked_tokens.RestoreTokens", inputs[0].channels, **extra)


@block("masked_autoencoder")
class MaskedAutoencoder(Composite):
    """An encoder of the patches that are seen, a decoder of all (MAE; He et al., 2022, fig. 1).

    (C, H, W), noise (patches) → ``patches`` (T, patch² C), ``mask`` (T), 1 where a patch was hidden: the loss is the
    mean square error of those.

    Args:
        patch: side of a patch.
        features: of the encoder.
        encoder, decoder: rows of layers.
        decoder_features: of the decoder.
        share: of the patches that is seen.
        norm: after encoder and decoder.
    """

    output_names: ClassVar[tuple[str, ...]] = ("patches", "mask")
    patch: int
    features: int
    encoder: Block
    decoder_features: int
    decoder: Block
    share: float = 0.25
    norm: Block = LayerNorm()

    def wire(self, net: Wiring, image: Value, noise: Value) -> tuple[Value, Value]:
        x = net(PrependTokens(), net(Patchify(self.patch, self.features), image, name="patches"), name="token")
        x = net(LearnedPositions(), x, name="positions")
        x, places, mask = net(KeepTokens(self.share, 1), x, noise, name="keep")
        x = net(self.norm, net(self.encoder, x, name="encoder"), name="norm")
        x = net(Linear(self.decoder_features), x, name="decoder_map")
        x = net(LearnedPositions(), net(RestoreTokens(1), x, places, name="restore"), name="decoder_positions")
        x = net(self.norm, net(self.decoder, x, name="decoder"), name="decoder_norm")
        x = net(Linear(self.patch**2 * image.channels), x, name="head")
        return net(Span(1), x, name="predicted"), mask
