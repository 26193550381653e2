"""What two towers of a contrastive model need: unit vectors, a learned temperature, the vector of a text."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UnitNorm(nn.Module):
    """Vectors ``(..., F)`` of length 1."""

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1)


class Temperature(nn.Module):
    """Multiplies by ``exp(s)`` with a learned ``s`` (Radford et al., 2021, figure 3)."""

    def __init__(self, start: float = 0.07) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([-math.log(start)]))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.exp()


class TakeHighest(nn.Module):
    """The vector of ``(B, T, F)`` at the first place of the highest id of ``(B, T)``."""

    def forward(self, ids: Tensor, x: Tensor) -> Tensor:
        place = ids.argmax(-1).reshape(-1, 1, 1).expand(-1, 1, x.shape[-1])
        return x.gather(1, place).squeeze(1)
