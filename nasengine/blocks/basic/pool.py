"""Pooling: local windows, windows that adapt to a size, and everything at once."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.conv import needs_spatial, plain, sizes
from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import POINT, Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, function, module


def resized(x: TensorType, spatial: tuple[int, ...]) -> TensorType:
    """The same channels, part by part, with other spatial sizes."""
    return TensorType((x.channels, *spatial), x.axes, x.dtype, batched=x.batched, segments=x.segments)


class Pool(Primitive):
    """Base of max and average pooling over windows.

    (C, *S) → (C, *⌊(S + 2*padding - kernel) / stride⌋ + 1).
    """

    kernel: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None
    padding: int | tuple[int, ...] | str
    ceil: bool

    target: ClassVar[str]
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if isinstance(self.padding, str) and self.padding != "same":
            raise SpaceError(f"{self.tag}.padding: a number, one an axis, or 'same'; got {self.padding!r}")

    def geometry(self, x: TensorType) -> tuple[tuple[int, ...], ...]:
        """(kernel, stride, padding), one number an axis each."""
        dims = needs_spatial(x, self.tag)
        kernel = sizes(self.kernel, dims, f"{self.tag}.kernel")
        stride = kernel if self.stride is None else sizes(self.stride, dims, f"{self.tag}.stride")
        if isinstance(self.padding, str):
            padding = tuple((k - 1) // 2 for k in kernel)
        else:
            padding = sizes(self.padding, dims, f"{self.tag}.padding")
        if min(kernel + stride) < 1 or any(not 0 <= 2 * p <= k for p, k in zip(padding, kernel, strict=True)):
            raise ShapeError(
                f"{self.tag}: kernel and stride are at least 1 and padding at most half the kernel; got kernel "
                f"{plain(kernel)}, stride {plain(stride)}, padding {plain(padding)}"
            )
        return kernel, stride, padding

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        return self.pooled(*inputs)

    def pooled(self, x: TensorType) -> TensorType:
        """The type of what is pooled."""
        kernel, stride, padding = self.geometry(numbers(x, self.tag))
        out = tuple(self._out(n, k, s, p) for n, k, s, p in zip(x.spatial, kernel, stride, padding, strict=True))
        if min(out) < 1:
            raise ShapeError(
                f"{self.tag}: the window fits into the padded input; got kernel {plain(kernel)} on {x!r}; "
                "use a smaller kernel, or downsample less before it"
            )
        return resized(x, out)

    def _out(self, n: int, k: int, s: int, p: int) -> int:
        if not self.ceil:
            return (n + 2 * p - k) // s + 1
        out = -(-(n + 2 * p - k) // s) + 1
        beyond = (out - 1) * s >= n + p  # a window that starts in the far padding is left out
        return out - beyond

    def is_identity(self, *inputs: TensorType) -> bool:
        kernel, stride, _ = self.geometry(inputs[0])
        return set(kernel + stride) == {1}

    def reach(self, *inputs: TensorType) -> Reach:
        kernel, stride, _ = self.geometry(inputs[0])
        return max(kernel) - 1, max(stride)

    def extra(self) -> dict[str, Any]:
        """Further arguments that differ from torch's defaults."""
        return {}

    def call(self, *inputs: TensorType) -> Call:
        kernel, stride, padding = self.geometry(inputs[0])
        extra: dict[str, Any] = {} if stride == kernel else {"stride": plain(stride)}
        if any(padding):
            extra["padding"] = plain(padding)
        if self.ceil:
            extra["ceil_mode"] = True
        return module(f"{self.target}{len(kernel)}d", plain(kernel), **extra, **self.extra())


@block("max_pool")
class MaxPool(Pool):
    """The largest of each window.

    Args:
        kernel: side of the window, or one number an axis.
        stride: None means the kernel's side.
        padding: on both sides; "same" keeps ⌈S/stride⌉ for odd kernels.
        ceil: also take the window that is only partly covered, as torch's ``ceil_mode``.
        indices: also give where each maximum was, for :class:`MaxUnpool`.
    """

    kernel: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] | str = 0
    ceil: bool = False
    indices: bool = False

    target: ClassVar[str] = "torch.nn.MaxPool"

    def on_zero(self) -> str:
        return "value" if self.indices else "kept"

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        out = self.pooled(*inputs)
        return (out, TensorType(out.shape, out.axes, "int64", segments=out.segments)) if self.indices else out

    def is_identity(self, *inputs: TensorType) -> bool:
        return not self.indices and super().is_identity(*inputs)

    def extra(self) -> dict[str, Any]:
        return {"return_indices": True} if self.indices else {}


@block("avg_pool")
class AvgPool(Pool):
    """The mean of each window; arguments as of :class:`MaxPool`.

    Args:
        count_padding: does the mean count the padding's zeros, as torch does by default?
    """

    kernel: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] | str = 0
    ceil: bool = False
    count_padding: bool = True

    target: ClassVar[str] = "torch.nn.AvgPool"

    def extra(self) -> dict[str, Any]:
        return {} if self.count_padding else {"count_include_pad": False}


def _kind(kind: str, place: str) -> None:
    if kind not in ("average", "max"):
        raise SpaceError(f"{place}.kind: 'average' or 'max'; got {kind!r}")


@block("adaptive_pool")
class AdaptivePool(Primitive):
    """Mean or maximum over windows that adapt to the output's size. (C, *S) → (C, *size).

    Args:
        size: side of the output, or one number an axis.
        kind: ``"average"`` or ``"max"``.
    """

    size: int | tuple[int, ...]
    kind: str = "average"
    zero: ClassVar = "kept"

    def validate(self) -> None:
        _kind(self.kind, self.tag)

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        return sizes(self.size, needs_spatial(numbers(x, self.tag), self.tag), "adaptive_pool.size")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return resized(x, self._sizes(x))

    def is_identity(self, *inputs: TensorType) -> bool:
        return self._sizes(inputs[0]) == inputs[0].spatial

    def reach(self, *inputs: TensorType) -> Reach:
        """The widest window; a size of 1 sees everything."""
        pairs = list(zip(inputs[0].spatial, self._sizes(inputs[0]), strict=True))
        if all(m == 1 for _, m in pairs):
            return POINT
        windows = [-(-(i + 1) * n // m) - i * n // m for n, m in pairs for i in range(m)]
        return max(windows) - 1, max(n / m for n, m in pairs)

    def call(self, *inputs: TensorType) -> Call:
        found = self._sizes(inputs[0])
        name = "Avg" if self.kind == "average" else "Max"
        return module(f"torch.nn.Adaptive{name}Pool{len(found)}d", plain(found))


REDUCTIONS = {"average": "torch.mean", "max": "torch.amax", "sum": "torch.sum"}


@block("global_pool")
class GlobalPool(Primitive):
    """Mean, maximum or sum over all positions (Lin et al., 2014, section 3.2; of sets, Zaheer et al., 2017, eq. 2).

    (C, *S) → (C,); (T, F), (N, F) → (F,).

    Args:
        kind: ``"average"``, ``"max"`` or ``"sum"``.
        keep: keep the axes, each of size 1: (C, H, W) → (C, 1, 1).
    """

    kind: str = "average"
    keep: bool = False
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.kind not in REDUCTIONS:
            raise SpaceError(f"global_pool.kind: 'average', 'max' or 'sum'; got {self.kind!r}")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not set(x.axes) & set("CF"):
            raise ShapeError(f"global_pool: it takes channels or features; got {x!r}; embed ids before it")
        if self.keep:
            shape, axes = tuple(n if i == x.feature_axis else 1 for i, n in enumerate(x.shape)), x.axes
        else:
            shape, axes = (x.channels,), "F"
        return TensorType(shape, axes, numbers(x, self.tag).dtype, batched=x.batched, segments=x.segments)

    def is_identity(self, *inputs: TensorType) -> bool:
        return inputs[0].axes == "F" or (self.keep and self.infer(*inputs).shape == inputs[0].shape)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        dims = tuple(i + x.batched for i in range(len(x.shape)) if i != x.feature_axis)
        extra: dict[str, Any] = {"keepdim": True} if self.keep else {}
        return function(REDUCTIONS[self.kind], dim=dims, **extra)
