"""A learned constant."""

from __future__ import annotations

from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.norm import is_last
from nasengine.errors import ShapeError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


@block("bias")
class Bias(Primitive):
    """A learned constant per feature, as after a tied output layer, which has none of its own. (..., F) → (..., F)."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not x.axes or not is_last(x):
            raise ShapeError(
                f"bias: it takes features on the last axis; got {x!r}; a convolution has a bias of its own"
            )
        return numbers(x, self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("bias", (Axis("features", inputs[0].parts),)),)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.bias.Bias", inputs[0].channels)
