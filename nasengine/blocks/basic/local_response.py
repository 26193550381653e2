"""Local response normalisation."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.conv import needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Call, Primitive, block, module


@block("local_response_norm")
class LocalResponseNorm(Primitive):
    """Each value over the strength of its neighbours in other channels (Krizhevsky et al., 2012, section 3.3).

    (C, *S) → (C, *S): x / (k + alpha * mean x²)^beta over ``size`` channels, as in torch; the paper's alpha is a sum's,
    ``size`` times smaller.

    Args:
        size: number of channels.
        alpha, beta, k: as in torch.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.size < 1 or self.k <= 0:
            raise SpaceError(
                f"local_response_norm: size >= 1 and k > 0, or zeros give no number; got size={self.size}, k={self.k}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        needs_spatial(x, self.tag)
        return numbers(x, self.tag)

    def call(self, *inputs: TensorType) -> Call:
        named = (("alpha", self.alpha, 1e-4), ("beta", self.beta, 0.75), ("k", self.k, 1.0))
        extra: dict[str, Any] = {name: value for name, value, default in named if value != default}
        return module("torch.nn.LocalResponseNorm", self.size, **extra)
