"""A node's own features, weighted."""

import torch
from torch import Tensor, nn


class SelfWeight(nn.Module):
    """``(1 + epsilon) x`` with a learned epsilon (Xu et al., 2019, eq. 4.1)."""

    def __init__(self) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.epsilon)
