"""Activations: element-wise functions, and softmax over features. All are ``(...) → (...)``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


class Activation(Primitive):
    """Base of the activations; ``target`` is the torch module, ``zero`` says whether 0 stays 0."""

    target: ClassVar[str]
    zero: ClassVar[Literal["kept", "value"]] = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return numbers(x, self.tag)

    def extra(self) -> dict[str, Any]:
        """Arguments that differ from torch's defaults."""
        return {}

    def call(self, *inputs: TensorType) -> Call:
        return module(self.target, **self.extra())


@block("relu")
class ReLU(Activation):
    """max(0, x) (Nair and Hinton, 2010)."""

    target: ClassVar[str] = "torch.nn.ReLU"


@block("relu6")
class ReLU6(Activation):
    """min(max(0, x), 6) (Howard et al., 2017)."""

    target: ClassVar[str] = "torch.nn.ReLU6"


@block("leaky_relu")
class LeakyReLU(Activation):
    """x where positive, ``slope * x`` elsewhere (Maas et al., 2013)."""

    slope: float = 0.01
    target: ClassVar[str] = "torch.nn.LeakyReLU"

    def extra(self) -> dict[str, Any]:
        return {} if self.slope == 0.01 else {"negative_slope": self.slope}


@block("prelu")
class PReLU(Activation):
    """LeakyReLU with learned slopes, starting at 0.25 (He et al., 2015, eq. 1).

    Args:
        per_channel: one slope a channel; one for all when off.
    """

    per_channel: bool = False
    target: ClassVar[str] = "torch.nn.PReLU"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.per_channel and x.feature_axis + x.batched != 1:
            raise ShapeError(
                f"prelu.per_channel: torch reads one slope a channel along the second axis; got {x!r}; "
                "use per_channel=False on sequences"
            )
        return numbers(x, self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        axis = Axis("channels", inputs[0].parts) if self.per_channel else Axis("slope", (1,))
        return (Parameter("weight", (axis,)),)

    def call(self, *inputs: TensorType) -> Call:
        extra = {"num_parameters": inputs[0].channels} if self.per_channel else {}
        return module(self.target, **extra)


@block("elu")
class ELU(Activation):
    """x where positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al., 2016, eq. 15)."""

    alpha: float = 1.0
    target: ClassVar[str] = "torch.nn.ELU"

    def extra(self) -> dict[str, Any]:
        return {} if self.alpha == 1.0 else {"alpha": self.alpha}


@block("gelu")
class GELU(Activation):
    """x Φ(x) (Hendrycks and Gimpel, 2016).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for the approximation that GPT-2 uses.
    """

    approximate: str = "none"
    target: ClassVar[str] = "torch.nn.GELU"

    def validate(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise SpaceError(f"gelu.approximate: 'none' or 'tanh'; got {self.approximate!r}")

    def extra(self) -> dict[str, Any]:
        return {} if self.approximate == "none" else {"approximate": self.approximate}


@block("quick_gelu")
class QuickGELU(Activation):
    """x σ(1.702 x), an approximation of GELU (Hendrycks and Gimpel, 2016, section 2) that CLIP uses."""

    target: ClassVar[str] = "nasengine.modules.quick_gelu.QuickGELU"


@block("silu")
class SiLU(Activation):
    """x σ(x), also known as swish (Elfwing et al., 2018; Ramachandran et al., 2017)."""

    target: ClassVar[str] = "torch.nn.SiLU"


@block("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    target: ClassVar[str] = "torch.nn.Sigmoid"
    zero: ClassVar = "value"


@block("tanh")
class Tanh(Activation):
    """Hyperbolic tangent."""

    target: ClassVar[str] = "torch.nn.Tanh"


@block("hardswish")
class Hardswish(Activation):
    """x ReLU6(x + 3) / 6 (Howard et al., 2019, section 5.2)."""

    target: ClassVar[str] = "torch.nn.Hardswish"


@block("hardsigmoid")
class Hardsigmoid(Activation):
    """ReLU6(x + 3) / 6 (Howard et al., 2019, section 5.2): the gate of MobileNetV3's squeeze-excite."""

    target: ClassVar[str] = "torch.nn.Hardsigmoid"
    zero: ClassVar = "value"


@block("softmax")
class Softmax(Activation):
    """exp(x) / Σ exp(x) over channels or features."""

    target: ClassVar[str] = "torch.nn.Softmax"
    zero: ClassVar = "value"

    def call(self, *inputs: TensorType) -> Call:
        return module(self.target, dim=inputs[0].feature_axis + inputs[0].batched)
