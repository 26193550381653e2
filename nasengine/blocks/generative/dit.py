"""Diffusion transformers: layers whose norms are scaled and shifted by time step and class."""

from __future__ import annotations

from math import isqrt
from typing import Any

from nasengine.blocks.basic.activation import GELU
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add, Multiply
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.basic.shape import Patchify, Permute, Reshape
from nasengine.blocks.generative.diffusion import Condition
from nasengine.blocks.generative.style import Modulate
from nasengine.blocks.transformers.position import sequence
from nasengine.blocks.transformers.transformer import FeedForward
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring

PLAIN = LayerNorm(1e-6, affine=False)


@block("zero_linear")
class ZeroLinear(Linear):
    """A :class:`Linear` that begins at zero (Peebles and Xie, 2023, section 3.2). (..., F) → (..., features)."""

    features: int
    bias: bool = True

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if self.bias else {"bias": False}
        return module("nasengine.modules.zero_linear.ZeroLinear", inputs[0].channels, self.features, **extra)


@block("grid_positions")
class GridPositions(Primitive):
    """Sines and cosines of each patch's column and row, added (Peebles and Xie, 2023, section 3.2). (T, F) → (T, F).

    Args:
        height: rows of patches; 0 means √T.
        base: the longest wave over 2π.
    """

    height: int = 0
    base: float = 10_000.0

    def validate(self) -> None:
        if self.height < 0 or self.base <= 1:
            raise SpaceError(f"grid_positions: height >= 0 and base > 1; got {self.height} and {self.base}")

    def sides(self, x: TensorType) -> tuple[int, int]:
        """Rows and columns."""
        height = self.height or isqrt(x.shape[0])
        return height, x.shape[0] // height

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        height, width = self.sides(x)
        if height * width != x.shape[0] or x.channels % 4:
            raise ShapeError(
                f"grid_positions: whole rows, and features in four equal parts; got {x!r} for {height} rows; "
                "give the height, or features that 4 divides"
            )
        return x

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.base == 10_000.0 else {"base": self.base}
        target = "nasengine.modules.grid_positions.GridPositions"
        return module(target, *self.sides(inputs[0]), inputs[0].channels, **extra)


@block("adaptive_norm")
class AdaptiveNorm(Composite):
    """A norm that a vector scales and shifts (adaLN; Peebles and Xie, 2023, fig. 3). (T, F), (G) → (T, F).

    Args:
        norm: without a scale and shift of its own. The map from the vector begins at zero: the norm is plain at first.
    """

    norm: Block = PLAIN

    def wire(self, net: Wiring, x: Value, told: Value) -> Value:
        style = net(ZeroLinear(2 * x.channels), told, name="condition")
        made: Value = net(Modulate(), net(self.norm, x, name="norm"), style, name="modulate")
        return made


@block("adaptive_sublayer")
class AdaptiveSublayer(Composite):
    """A block between an adaptive norm and a gate, around a shortcut (adaLN-Zero; Peebles and Xie, 2023, fig. 3).

    (T, F), (G) → (T, F): ``x + gate(c) * inner(norm(x, c))``; all that is made of c begins at zero, so that the
    sublayer does nothing at first.

    Args:
        inner: the block.
        norm: without a scale and shift of its own.
        gated: off, there is no gate (adaLN).
        drop_path: of the block's output, in training.
    """

    inner: Block
    norm: Block = PLAIN
    gated: bool = True
    drop_path: float = 0.0

    def wire(self, net: Wiring, x: Value, told: Value) -> Value:
        y = net(self.inner, net(AdaptiveNorm(self.norm), x, told, name="norm"), name="inner")
        if self.gated:
            gate = net(ZeroLinear(x.channels), told, name="gate")
            y = net(Multiply(), y, net(Reshape((1, x.channels), "TF"), gate, name="row"), name="gated")
        made: Value = net(Add(), x, net(DropPath(self.drop_path), y, name="drop_path"), name="add")
        return made


@block("adaptive_layer")
class AdaptiveLayer(Composite):
    """A layer of a diffusion transformer (Peebles and Xie, 2023, fig. 3). (T, F), (G) → (T, F).

    Args:
        attention, feed_forward: each in an :class:`AdaptiveSublayer`.
        norm, gated, drop_path: as there.
    """

    attention: Block
    feed_forward: Block = FeedForward(activation=GELU("tanh"))
    norm: Block = PLAIN
    gated: bool = True
    drop_path: float = 0.0

    def wire(self, net: Wiring, x: Value, told: Value) -> Value:
        for name in ("attention", "feed_forward"):
            part = AdaptiveSublayer(getattr(self, name), self.norm, self.gated, self.drop_path)
            x = net(part, x, told, name=name)
        return x


@block("unpatchify")
class Unpatchify(Composite):
    """Patches as an image, the reverse of :class:`Patchify` (Peebles and Xie, 2023, section 3.2).

    (T, patch² channels) → (channels, H, W). A patch's features are its pixels row by row, all channels of each.

    Args:
        patch: side of a patch.
        height: rows of patches; 0 means √T.
    """

    patch: int
    height: int = 0

    def wire(self, net: Wiring, x: Value) -> Value:
        patch, (length, features) = self.patch, sequence(x.type, self.tag).shape
        height = self.height or isqrt(length)
        width, channels = length // height, features // patch**2
        if height * width != length or channels * patch**2 != features:
            raise ShapeError(
                f"unpatchify: whole rows of patches, whole pixels in each; got {x.type!r} for {height} rows and "
                f"patches of {patch}; change the height or the features"
            )
        y = net(Reshape((height, width, patch, patch, channels), "HWHWC"), x, name="patches")
        y = net(Permute((4, 0, 2, 1, 3), "CHHWW"), y, name="turn")
        made: Value = net(Reshape((channels, height * patch, width * patch), "CHW"), y, name="image")
        return made


@block("diffusion_transformer")
class DiffusionTransformer(Composite):
    """Diffusion transformer, DiT (Peebles and Xie, 2023, fig. 3). (C, H, W), ()[, () class id] → (outputs, H, W).

    Args:
        patch: side of a patch.
        features: size of a patch's vector.
        layers: a row of blocks that take the sequence and the condition.
        condition: from time step and class to the vector that layers are told.
        outputs: channels of the output; 0 means 2 C, noise and its variance.
        positions: added to the patches.
        norm: before the last map, scaled and shifted as in the layers.
    """

    patch: int
    features: int
    layers: Block
    condition: Condition
    outputs: int = 0
    positions: Block = GridPositions()
    norm: Block = PLAIN

    def wire(self, net: Wiring, image: Value, time: Value, *label: Value) -> Value:
        row = getattr(self.layers, "row", None)
        if row is None:
            raise ShapeError(
                f"diffusion_transformer.layers: a row of blocks; got {type(self.layers).__name__}; "
                "write repeat(layer, n) or Sequential(layer, ...)"
            )
        told = net(self.condition, time, *label, name="condition")
        x = net(self.positions, net(Patchify(self.patch, self.features), image, name="patches"), name="positions")
        for name, layer in row():
            x = net(layer, x, told, name=f"layers.{name}")
        x = net(AdaptiveNorm(self.norm), x, told, name="norm")
        x = net(ZeroLinear((self.outputs or 2 * image.channels) * self.patch**2), x, name="last")
        made: Value = net(Unpatchify(self.patch, image.spatial[0] // self.patch), x, name="image")
        return made
