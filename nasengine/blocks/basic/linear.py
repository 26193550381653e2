"""Linear maps."""

from __future__ import annotations

from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


def numbers(x: TensorType, place: str) -> TensorType:
    """The input, if it holds real numbers.

    Raises:
        ShapeError: it holds ids or truth values.
    """
    if "float" not in x.dtype:
        raise ShapeError(f"{place}: it takes real numbers; got {x!r}; embed ids before it")
    return x


@block("linear")
class Linear(Primitive):
    """``y = x Wᵀ + b`` on the last axis. (..., F) → (..., features).

    Args:
        features: size of the output's feature axis.
        bias: a learned constant per output feature.
    """

    features: int
    bias: bool = True

    def validate(self) -> None:
        if self.features < 1:
            raise SpaceError(f"linear.features: at least 1; got {self.features}")

    def on_zero(self) -> str:
        return "value" if self.bias else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes[-1:] != "F":
            raise ShapeError(
                f"linear: it takes features on the last axis; got {x!r}; put GlobalPool or Flatten before it, "
                "or use Conv(channels, kernel=1) to mix channels"
            )
        return numbers(x, "linear").with_channels(self.features)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        out = Axis("out_features", (self.features,))
        weight = Parameter("weight", (out, Axis("in_features", inputs[0].parts)))
        return (weight, Parameter("bias", (out,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return outputs[0].numel * inputs[0].channels

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if self.bias else {"bias": False}
        return module("torch.nn.Linear", inputs[0].channels, self.features, **extra)
