"""Learned vectors that a network starts from, whatever its input."""

import torch
from torch import Tensor, nn


class Latents(nn.Module):
    """``count`` learned vectors for each sample of ``(B, ...)``: ``(B, count, features)``."""

    def __init__(self, count: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, features))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.repeat(x.shape[0], 1, 1)
