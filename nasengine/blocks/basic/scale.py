"""Multiplication by a fixed number, and addition of one."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

from nasengine.blocks.basic.linear import numbers
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


@block("shift")
class Shift(Primitive):
    """A fixed number added to every number. (...) → (...).

    Args:
        amount: what is added; 0 does nothing.
    """

    amount: float = 0.0

    def validate(self) -> None:
        if not isfinite(self.amount):
            raise SpaceError(f"shift.amount: a finite number; got {self.amount}")

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.amount == 0

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.add", self.amount)
