"""Multiplication by a fixed number."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

from nasengine.blocks.linear import numbers
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, function


@block("scale")
class Scale(Primitive):
    """Every number times a fixed factor. (...) → (...).

    Args:
        factor: what it is multiplied by; 1 does nothing.
    """

    factor: float = 1.0

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if not isfinite(self.factor) or self.factor == 0:
            raise SpaceError(f"scale.factor: a finite number but 0; got {self.factor}; Zero() stands for nothing")

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.factor == 1

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.mul", self.factor)
