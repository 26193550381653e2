"""Learned tokens in front of a sequence."""

import torch
from torch import Tensor, nn


class PrependTokens(nn.Module):
    """``count`` learned vectors before ``(B, T, F)``: ``(B, count + T, F)`` (Devlin et al., 2019)."""

    def __init__(self, count: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, features))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.weight.expand(x.shape[0], -1, -1), x), 1)
