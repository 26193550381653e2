"""A learned constant per feature."""

import torch
from torch import Tensor, nn


class Bias(nn.Module):
    """Adds a learned number to each feature of ``(..., F)``."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias
