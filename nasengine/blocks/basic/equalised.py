"""Linear maps and convolutions with an equalised learning rate."""

from __future__ import annotations

from math import isfinite

from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear
from nasengine.errors import SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Parameter, Primitive, block, module


@block("equalised_linear")
class EqualisedLinear(Primitive):
    """Linear map whose weights have unit variance and are scaled where they are used (Karras et al., 2018, 4.1).

    (..., F) → (..., features). So an adaptive optimiser takes equal relative steps in every layer.

    Args:
        features, bias: as of :class:`Linear`.
        rate: multiplies weights and bias where they are used: the learning rate relative to the other layers.
    """

    features: int
    bias: bool = True
    rate: float = 1.0

    def validate(self) -> None:
        self._plain()
        if not isfinite(self.rate) or self.rate <= 0:
            raise SpaceError(f"equalised_linear.rate: a finite number above 0; got {self.rate}")

    def _plain(self) -> Linear:
        return Linear(self.features, self.bias)

    def on_zero(self) -> str:
        return self._plain().on_zero()

    def infer(self, *inputs: TensorType) -> TensorType:
        return self._plain().infer(*inputs)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return self._plain().parameters(*inputs)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return self._plain().macs(inputs, outputs)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, object] = {} if self.bias else {"bias": False}
        if self.rate != 1:
            extra["rate"] = self.rate
        return module("nasengine.modules.equalised.EqualisedLinear", inputs[0].channels, self.features, **extra)


@block("equalised_conv")
class EqualisedConv(Primitive):
    """Convolution whose weights have unit variance and are scaled where they are used (Karras et al., 2018, 4.1).

    (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, padding, bias: as of :class:`Conv`.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = "same"
    bias: bool = True

    def validate(self) -> None:
        self._plain()

    def _plain(self) -> Conv:
        return Conv(self.channels, self.kernel, self.stride, self.padding, bias=self.bias)

    def on_zero(self) -> str:
        return self._plain().on_zero()

    def infer(self, *inputs: TensorType) -> TensorType:
        return self._plain().infer(*inputs)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return self._plain().parameters(*inputs)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return self._plain().macs(inputs, outputs)

    def reach(self, *inputs: TensorType) -> Reach:
        return self._plain().reach(*inputs)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, object] = {} if self.bias else {"bias": False}
        kernel, stride, padding, _ = self._plain().geometry(x)
        target = "nasengine.modules.equalised.EqualisedConv"
        return module(target, x.channels, self.channels, kernel, stride, padding, **extra)
