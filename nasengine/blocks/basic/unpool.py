"""The way back from a pooled image, and the middle of an image."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from nasengine.blocks.basic.conv import needs_spatial, plain, sizes
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.pool import resized
from nasengine.errors import ShapeError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, function


@block("max_unpool")
class MaxUnpool(Primitive):
    """Each number back to where max pooling found it, zeros elsewhere (Zeiler and Fergus, 2014, section 2.1).

    (C, *S) and the indices that ``MaxPool(indices=True)`` gave → (C, *size). The pooling had no padding.

    Args:
        kernel: side of the pooling window and its stride, or one number an axis.
        size: the output's side, or one number an axis: the size before pooling; None means ``kernel * S``.
    """

    kernel: int | tuple[int, ...] = 2
    size: int | tuple[int, ...] | None = None

    zero: ClassVar = "kept"

    def _sizes(self, x: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(kernel, output size), one number an axis each."""
        dims = needs_spatial(numbers(x, self.tag), self.tag)
        kernel = sizes(self.kernel, dims, "max_unpool.kernel")
        whole = tuple(n * k for n, k in zip(x.spatial, kernel, strict=True))
        return kernel, whole if self.size is None else sizes(self.size, dims, "max_unpool.size")

    def infer(self, *inputs: TensorType) -> TensorType:
        x, indices = inputs
        kernel, size = self._sizes(x)
        if indices.shape != x.shape or indices.dtype != "int64":
            raise ShapeError(
                f"max_unpool: the indices are of the input's shape; got {indices!r} for {x!r}; "
                "give as many channels as were pooled, and the second value of MaxPool(indices=True)"
            )
        if any(m // k != n for n, m, k in zip(x.spatial, size, kernel, strict=True)):
            raise ShapeError(
                f"max_unpool.size: pooling by {plain(kernel)} brings it to the input's; got {size} for {x!r}; "
                "give the size before pooling"
            )
        return resized(x, size)

    def reach(self, *inputs: TensorType) -> Reach:
        return 0.0, 1 / max(self._sizes(inputs[0])[0])

    def ids(self, *inputs: TensorType) -> int:
        """Number of positions an index may name."""
        return prod(self._sizes(inputs[0])[1])

    def call(self, *inputs: TensorType) -> Call:
        x = inputs[0]
        kernel, size = self._sizes(x)
        whole = tuple(n * k for n, k in zip(x.spatial, kernel, strict=True))
        extra: dict[str, Any] = {} if size == whole else {"output_size": size}
        return function(f"torch.nn.functional.max_unpool{len(size)}d", plain(kernel), **extra)


@block("crop")
class Crop(Primitive):
    """The middle of an image, as U-Net cuts it (Ronneberger et al., 2015, fig. 1). (C, *S) → (C, *size).

    Where an odd number of rows goes, the one more goes from the end.

    Args:
        size: the output's side, or one number an axis.
    """

    size: int | tuple[int, ...]

    zero: ClassVar = "kept"

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        return sizes(self.size, needs_spatial(numbers(x, self.tag), self.tag), "crop.size")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        size = self._sizes(x)
        if any(not 1 <= m <= n for n, m in zip(x.spatial, size, strict=True)):
            raise ShapeError(f"crop.size: at least 1 and at most the input's; got {size} for {x!r}; use Upsample")
        return resized(x, size)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self._sizes(inputs[0]) == inputs[0].spatial

    def call(self, *inputs: TensorType) -> Call:
        pairs = list(zip(inputs[0].spatial, self._sizes(inputs[0]), strict=True))
        cut = tuple(-side for n, m in reversed(pairs) for side in ((n - m) // 2, n - m - (n - m) // 2))
        return function("torch.nn.functional.pad", cut)
