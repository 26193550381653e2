"""Operations on several values, and changes of shape."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from nasengine.errors import ShapeError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, function


def alike(inputs: tuple[TensorType, ...], place: str) -> TensorType:
    """The one type of all inputs.

    Raises:
        ShapeError: they differ, or there is none.
    """
    if not inputs:
        raise ShapeError(f"{place}: at least one input; got none")
    for other in inputs[1:]:
        if other != inputs[0]:
            raise ShapeError(
                f"{place}: all inputs have one type; got {inputs[0]!r} and {other!r}; "
                "project one of them first (a 1 × 1 convolution or a Linear), or leave the shortcut out"
            )
    return inputs[0]


@block("add")
class Add(Primitive):
    """Element-wise sum of any number of values of one type."""

    commutative: ClassVar[bool] = True
    zero: ClassVar = "summand"

    def infer(self, *inputs: TensorType) -> TensorType:
        return alike(inputs, "add")

    def is_identity(self, *inputs: TensorType) -> bool:
        return len(inputs) == 1

    def call(self, *inputs: TensorType) -> Call:
        return function("operator.add", style="chain")


@block("multiply")
class Multiply(Primitive):
    """Element-wise product; an axis of size 1 is stretched to the others' size."""

    commutative: ClassVar[bool] = True
    zero: ClassVar = "any"

    def infer(self, *inputs: TensorType) -> TensorType:
        if not inputs:
            raise ShapeError("multiply: at least one input; got none")
        whole = max(inputs, key=lambda t: t.numel)
        for other in inputs:
            fits = len(other.shape) == len(whole.shape) and other.axes == whole.axes
            if not fits or any(n not in (1, m) for n, m in zip(other.shape, whole.shape, strict=True)):
                raise ShapeError(
                    f"multiply: each axis is equal or 1; got {whole!r} and {other!r}; "
                    "project one of them first (a 1 × 1 convolution or a Linear)"
                )
        return whole

    def is_identity(self, *inputs: TensorType) -> bool:
        return len(inputs) == 1

    def call(self, *inputs: TensorType) -> Call:
        return function("operator.mul", style="chain")


@block("concat")
class Concat(Primitive):
    """Concatenation along channels or features; the other axes agree.

    Its parts are the segments of what reads it.
    """

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        if not inputs:
            raise ShapeError("concat: at least one input; got none")
        first, axis = inputs[0], inputs[0].feature_axis
        rest = first.shape[:axis] + first.shape[axis + 1 :]
        for other in inputs[1:]:
            if (
                other.axes != first.axes
                or other.dtype != first.dtype
                or other.shape[:axis] + other.shape[axis + 1 :] != rest
            ):
                raise ShapeError(
                    f"concat: all axes but the channels agree; got {first!r} and {other!r}; "
                    "bring them to one size first (pooling or Upsample)"
                )
        shape = list(first.shape)
        parts = tuple(p for t in inputs for p in t.parts)
        shape[axis] = sum(parts)
        return TensorType(tuple(shape), first.axes, first.dtype, batched=first.batched, segments=parts)

    def is_identity(self, *inputs: TensorType) -> bool:
        return len(inputs) == 1

    def call(self, *inputs: TensorType) -> Call:
        first = inputs[0]
        return function("torch.cat", style="list", dim=first.feature_axis + first.batched)


@block("flatten")
class Flatten(Primitive):
    """All axes but the batch as features, channels first. (C, H, W) → (C*H*W)."""

    view: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        each = prod(x.spatial) if "C" in x.axes else 1
        parts = tuple(p * each for p in x.parts) if "C" in x.axes or x.axes == "F" else ()
        return TensorType((x.numel,), "F", x.dtype, batched=x.batched, segments=parts)

    def is_identity(self, *inputs: TensorType) -> bool:
        return inputs[0].axes == "F"

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.flatten", 1 if inputs[0].batched else 0)
