"""Zeros: the one primitive that the graph itself needs, a tensor of zeros that depends on no input."""

from __future__ import annotations

from typing import ClassVar

from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, module


@block("zeros")
class Zeros(Primitive):
    """Zeros of a fixed shape; its input is asked for the batch size and the device only."""

    shape: tuple[int, ...]
    axes: str
    dtype: str = "float32"
    batched: bool = True

    zero: ClassVar = "source"

    def infer(self, *inputs: TensorType) -> TensorType:
        return TensorType(self.shape, self.axes, self.dtype, batched=self.batched)

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if self.dtype == "float32" else {"dtype": self.dtype}
        return module(
            "nasengine.modules.zeros.Zeros", self.shape, **extra, **({} if self.batched else {"batched": False})
        )


def zeros_of(type: TensorType) -> Zeros:
    """Zeros of a tensor type."""
    return Zeros(type.shape, type.axes, type.dtype, type.batched)
