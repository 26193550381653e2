"""Changes of shape: reshape, permute, resample, and the way between images and sequences."""

from __future__ import annotations

from math import isqrt, prod
from typing import Any, ClassVar

from nasengine.blocks.basic.conv import Conv, needs_spatial, plain, sizes
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.pool import resized
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import AXES, TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, function, module
from nasengine.graph.wiring import Value, Wiring


@block("reshape")
class Reshape(Primitive):
    """The same numbers in another shape, the batch left out.

    Args:
        shape: sizes; one of them may be -1.
        axes: a letter for each (see :class:`TensorType`), such as ``"CHW"`` or ``"TF"``.
    """

    shape: tuple[int, ...]
    axes: str

    view: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if len(self.shape) != len(self.axes) or set(self.axes) - set(AXES):
            raise SpaceError(
                f"reshape.axes: one letter for each of {self.shape}, of {''.join(AXES)}; got {self.axes!r}"
            )
        if self.shape.count(-1) > 1 or any(n < 1 and n != -1 for n in self.shape):
            raise SpaceError(f"reshape.shape: sizes of at least 1, one of them may be -1; got {self.shape}")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        known = prod(n for n in self.shape if n != -1)
        free = -1 in self.shape
        if (x.numel % known if free else x.numel != known) or not x.numel:
            raise ShapeError(
                f"reshape: the number of elements stays; got {x!r}, {x.numel} elements, for {self.shape}; "
                "change a size, or leave one to be -1"
            )
        shape = tuple(x.numel // known if n == -1 else n for n in self.shape)
        return TensorType(shape, self.axes, x.dtype, batched=x.batched)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.infer(*inputs) == inputs[0]

    def call(self, *inputs: TensorType) -> Call:
        shape = self.infer(*inputs).shape
        return function("torch.reshape", (-1, *shape) if inputs[0].batched else shape)


@block("permute")
class Permute(Primitive):
    """Axes in another order, the batch left first.

    Args:
        order: for each output axis, the input axis it comes from, counted from 0 without the batch.
        axes: a letter for each output axis; None keeps each axis' own.
    """

    order: tuple[int, ...]
    axes: str | None = None

    view: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if sorted(self.order) != list(range(len(self.order))):
            raise SpaceError(f"permute.order: each of 0..{len(self.order) - 1} once; got {self.order}")
        if self.axes is not None and (len(self.axes) != len(self.order) or set(self.axes) - set(AXES)):
            raise SpaceError(
                f"permute.axes: one letter an axis, of {''.join(AXES)}; got {self.axes!r} for {self.order}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(self.order) != len(x.shape):
            raise ShapeError(f"permute.order: one number an axis; got {self.order} for {x!r}; list every axis once")
        axes = self.axes or "".join(x.axes[i] for i in self.order)
        made = TensorType(tuple(x.shape[i] for i in self.order), axes, x.dtype, batched=x.batched)
        if not x.segments or not set(axes) & set("CF") or self.order[made.feature_axis] != x.feature_axis:
            return made
        return TensorType(made.shape, axes, x.dtype, batched=x.batched, segments=x.segments)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.order == tuple(range(len(self.order))) and self.infer(*inputs) == inputs[0]

    def call(self, *inputs: TensorType) -> Call:
        batched = inputs[0].batched
        return function("torch.permute", (0, *(i + 1 for i in self.order)) if batched else self.order)


MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


@block("upsample")
class Upsample(Primitive):
    """Resampling by a factor, or to a size. (C, *S) → (C, *scale * S) or (C, *size).

    Args:
        scale: whole factor, or one an axis.
        size: the output's side, or one number an axis; overrides ``scale``.
        mode: ``"nearest"``, or ``"linear"`` (bilinear on images, trilinear on volumes).
        align_corners: of ``"linear"``, as in torch.
    """

    scale: int | tuple[int, ...] = 2
    size: int | tuple[int, ...] | None = None
    mode: str = "nearest"
    align_corners: bool = False

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.mode not in ("nearest", "linear") or (self.mode == "nearest" and self.align_corners):
            raise SpaceError(
                "upsample.mode: 'nearest' or 'linear', with align_corners only for 'linear'; "
                f"got {self.mode!r}, align_corners={self.align_corners}"
            )

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        dims = needs_spatial(numbers(x, self.tag), self.tag)
        if self.size is not None:
            return sizes(self.size, dims, "upsample.size")
        return tuple(n * s for n, s in zip(x.spatial, sizes(self.scale, dims, "upsample.scale"), strict=True))

    def infer(self, *inputs: TensorType) -> TensorType:
        return resized(inputs[0], self._sizes(inputs[0]))

    def is_identity(self, *inputs: TensorType) -> bool:
        return self._sizes(inputs[0]) == inputs[0].spatial

    def reach(self, *inputs: TensorType) -> Reach:
        step = max(n / m for n, m in zip(inputs[0].spatial, self._sizes(inputs[0]), strict=True))
        return (0.0 if self.mode == "nearest" else 1.0), step

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.mode == "nearest" else {"mode": MODES[len(x.spatial)]}
        if self.align_corners:
            extra["align_corners"] = True
        if self.size is None:
            factors = sizes(self.scale, len(x.spatial), "upsample.scale")
            return module("torch.nn.Upsample", scale_factor=plain(factors), **extra)
        return module("torch.nn.Upsample", size=plain(self._sizes(x)), **extra)


@block("to_sequence")
class ToSequence(Composite):
    """Positions as a sequence, row by row. (C, *S) → (T = prod S, F = C)."""

    def wire(self, net: Wiring, x: Value) -> Value:
        needs_spatial(x.type, "to_sequence")
        flat = net(Reshape((x.channels, -1), "CL"), x, name="flatten")
        made: Value = net(Permute((1, 0), "TF"), flat, name="transpose")
        return made


@block("to_image")
class ToImage(Composite):
    """A sequence as an image, row by row. (T, F) → (C = F, height, T / height); square where height is None."""

    height: int | None = None

    def wire(self, net: Wiring, x: Value) -> Value:
        if x.type.axes != "TF":
            raise ShapeError(f"to_image: it takes a sequence; got {x.type!r}; leave it out, or use Reshape")
        length = x.type.shape[0]
        height = self.height or isqrt(length)
        if length % height or (self.height is None and height * height != length):
            raise ShapeError(f"to_image.height: it divides the length; got {length} positions for height {height}")
        turned = net(Permute((1, 0), "CL"), x, name="transpose")
        made: Value = net(Reshape((x.channels, height, length // height), "CHW"), turned, name="unflatten")
        return made


@block("patchify")
class Patchify(Composite):
    """Patches as a sequence, each mapped linearly (ViT, Dosovitskiy et al., 2021, eq. 1).

    (C, *S) → (T = prod(S / patch), F = features).

    Args:
        patch: side of a patch, or one number an axis; it divides the input's sides.
        features: size of each position's vector.
        norm: after the map, before the patches become a sequence.
        bias: of the map.
    """

    patch: int | tuple[int, ...]
    features: int
    norm: Block = Identity()
    bias: bool = True

    def wire(self, net: Wiring, x: Value) -> Value:
        patch = sizes(self.patch, needs_spatial(x.type, "patchify"), "patchify.patch")
        if any(n % p for n, p in zip(x.spatial, patch, strict=True)):
            raise ShapeError(
                f"patchify.patch: it divides the input's sides; got {plain(patch)} for {x.type!r}; "
                "use another patch, or resample the input"
            )
        y = net(Conv(self.features, patch, patch, 0, bias=self.bias), x, name="project")
        made: Value = net(ToSequence(), net(self.norm, y, name="norm"), name="sequence")
        return made
