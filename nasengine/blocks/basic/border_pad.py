"""Padding by what is at the border, for images that zeros would frame."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.conv import needs_spatial, plain, sizes
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.pool import resized
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, function


@block("border_pad")
class BorderPad(Primitive):
    """More positions on both sides of each spatial axis. (C, *S) → (C, *S + 2 size); :class:`Pad` adds zeros.

    Args:
        size: positions on each side, or one number an axis.
        mode: ``"reflect"``, the image mirrored at its border, the border itself left out (Johnson et al., 2016,
            supplementary material; Zhu et al., 2017, appendix 7.2), or ``"replicate"``, the border repeated.
    """

    size: int | tuple[int, ...] = 1
    mode: str = "reflect"

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.mode not in ("reflect", "replicate"):
            raise SpaceError(f"border_pad.mode: 'reflect' or 'replicate'; got {self.mode!r}; Pad adds zeros")
        if min((self.size,) if isinstance(self.size, int) else self.size, default=0) < 0:
            raise SpaceError(f"border_pad.size: at least 0; got {self.size}; Crop takes positions away")

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        return sizes(self.size, needs_spatial(numbers(x, self.tag), self.tag), "border_pad.size")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        sides = self._sizes(x)
        if self.mode == "reflect" and any(p >= n for p, n in zip(sides, x.spatial, strict=True)):
            raise ShapeError(
                f"border_pad.size: a reflection is shorter than the image; got {plain(sides)} for {x!r}; "
                "pad less, or set mode='replicate'"
            )
        return resized(x, tuple(n + 2 * p for n, p in zip(x.spatial, sides, strict=True)))

    def is_identity(self, *inputs: TensorType) -> bool:
        return not any(self._sizes(inputs[0]))

    def call(self, *inputs: TensorType) -> Call:
        pairs = tuple(p for p in reversed(self._sizes(inputs[0])) for _ in range(2))
        return function("torch.nn.functional.pad", pairs, mode=self.mode)
