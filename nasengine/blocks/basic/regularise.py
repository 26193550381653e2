"""Regularisers that draw random numbers in training and do nothing in evaluation. ``(...) → (...)``."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.linear import numbers
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, module


class Dropping(Primitive):
    """Base: something is set to zero with probability ``p``, the rest scaled by ``1 / (1 - p)``."""

    p: float
    stochastic: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if not 0 <= self.p < 1:
            raise SpaceError(f"{self.tag}.p: a probability in [0, 1); got {self.p}")

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return numbers(x, self.tag)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.p == 0


@block("dropout")
class Dropout(Dropping):
    """Elements are dropped (Srivastava et al., 2014, section 4)."""

    p: float = 0.5

    def call(self, *inputs: TensorType) -> Call:
        return module("torch.nn.Dropout", **({} if self.p == 0.5 else {"p": self.p}))


@block("drop_path")
class DropPath(Dropping):
    """Stochastic depth: whole samples are dropped (Huang et al., 2016, eq. 2).

    It stands at the end of a residual branch.
    """

    p: float = 0.1

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if inputs[0].batched else {"batched": False}
        return module("nasengine.modules.drop_path.DropPath", self.p, **extra)
