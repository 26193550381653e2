"""TensorType: what is known of a tensor before torch is loaded."""

from __future__ import annotations

import math
from typing import Any

from nasengine.errors import ShapeError

BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "uint8": 1, "bool": 1}
AXES = {
    "C": "channels", "D": "depth", "H": "height", "W": "width", "L": "length", "T": "position", "F": "feature",
    "N": "node", "E": "edge", "P": "endpoint", "K": "kind", "A": "head", "S": "source",
}  # fmt: skip


class TensorType:
    """Shape without the batch axis, what each axis means, and the element type. Immutable.

    Args:
        shape: sizes, the batch left out.
        axes: one letter an axis: ``C`` channels, ``D H W`` depth, height, width, ``L`` length of a signal, ``T``
            position in a sequence, ``F`` feature, ``N`` node, ``E`` edge, ``P`` endpoint of an edge.
        dtype: torch's name of the element type.
        batched: False where there is no batch axis (the edge index of one graph).
        segments: sizes of the parts that the channel or feature axis was concatenated from; () means one part.
            They describe, they do not distinguish: types that differ only in segments are equal.
        stored: True for a parameter that is handed on as a value (a tied embedding): no activation memory holds it.
    """

    __slots__ = ("_hash", "axes", "batched", "dtype", "nbytes", "numel", "segments", "shape", "stored")

    def __init__(
        self,
        shape: tuple[int, ...],
        axes: str,
        dtype: str = "float32",
        *,
        batched: bool = True,
        segments: tuple[int, ...] = (),
        stored: bool = False,
    ) -> None:
        if len(shape) != len(axes):
            raise ShapeError(f"type: one letter an axis; got shape {shape} with axes {axes!r}")
        if dtype not in BYTES:
            raise ShapeError(f"type: dtype is one of {', '.join(BYTES)}; got {dtype!r}")
        if any(n < 1 for n in shape):
            raise ShapeError(f"type: every axis has at least one element; got shape {shape}")
        self.shape, self.axes, self.dtype, self.batched, self.stored = shape, axes, dtype, batched, stored
        self.segments = segments if len(segments) > 1 else ()
        self.numel = math.prod(shape)
        self.nbytes = 0 if stored else self.numel * BYTES[dtype]
        self._hash = hash((shape, axes, dtype, batched, stored))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TensorType):
            return NotImplemented
        mine = (self.shape, self.axes, self.dtype, self.batched, self.stored)
        return mine == (other.shape, other.axes, other.dtype, other.batched, other.stored)

    def __repr__(self) -> str:
        sizes = " × ".join(f"{n} {AXES.get(a, a)}" for n, a in zip(self.shape, self.axes, strict=True))
        return f"({sizes or 'scalar'}){'' if self.dtype == 'float32' else ' ' + self.dtype}"

    @property
    def feature_axis(self) -> int:
        """Index of the axis that holds channels or features, batch left out.

        Raises:
            ShapeError: there is none.
        """
        for letter in "CF":
            if letter in self.axes:
                return self.axes.index(letter)
        raise ShapeError(f"{self!r} has neither channels nor features")

    @property
    def channels(self) -> int:
        """Size of the channel or feature axis."""
        return self.shape[self.feature_axis]

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the axes after the channels, ``(H, W)`` of an image."""
        return self.shape[self.axes.index("C") + 1 :] if "C" in self.axes else ()

    @property
    def parts(self) -> tuple[int, ...]:
        """Segments of the channel or feature axis; one where nothing was concatenated."""
        return self.segments or (self.channels,)

    def with_channels(self, channels: int, spatial: tuple[int, ...] | None = None) -> TensorType:
        """The same kind of tensor with other channels (or features) and, if given, other spatial sizes."""
        shape = list(self.shape)
        shape[self.feature_axis] = channels
        if spatial is not None:
            shape[self.axes.index("C") + 1 :] = spatial
        return TensorType(tuple(shape), self.axes, self.dtype, batched=self.batched)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"shape": list(self.shape), "axes": self.axes, "dtype": self.dtype, "batched": self.batched}
