"""Batch normalisation that is not trained."""

import torch
from torch import Tensor, nn


class FrozenBatchNorm(nn.Module):
    """Scales and shifts each channel of ``(B, C, *S)`` by fixed numbers: batch norm whose four tensors are buffers."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight: Tensor
        self.bias: Tensor
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        each = (-1, *(1 for _ in x.shape[2:]))
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(each) + shift.reshape(each)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"
