"""Normalisation that is not trained."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.conv import needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.norm import check_eps
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


@block("frozen_batch_norm")
class FrozenBatchNorm(Primitive):
    """Batch norm of fixed statistics, scale and shift, as detectors keep that of a pretrained backbone. (C, *S).

    All four tensors are buffers (He et al., 2016, appendix A: batch norm is fixed while a detector is trained).

    Args:
        eps: as of :class:`BatchNorm`.
    """

    eps: float = 1e-5

    def validate(self) -> None:
        check_eps(self.eps, self.tag)

    def infer(self, *inputs: TensorType) -> TensorType:
        needs_spatial(inputs[0], self.tag)
        return numbers(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        axis = (Axis("channels", inputs[0].parts),)
        return tuple(
            Parameter(name, axis, trainable=False) for name in ("weight", "bias", "running_mean", "running_var")
        )

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.eps == 1e-5 else {"eps": self.eps}
        return module("nasengine.modules.frozen_batch_norm.FrozenBatchNorm", inputs[0].channels, **extra)
