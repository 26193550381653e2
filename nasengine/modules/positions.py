"""Positions of a sequence, learned or as waves, added to its vectors."""

import math

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Adds a learned vector to each position of ``(B, T, F)`` or ``(T, F)``; ``T`` is at most ``length``."""

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, features))
        nn.init.trunc_normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[-2]]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of the position to ``(B, T, F)`` or ``(T, F)`` (Vaswani et al., 2017, section 3.5)."""

    def __init__(self, length: int, features: int, base: float = 10_000.0, halves: bool = False) -> None:
        super().__init__()
        count = (features + 1) // 2
        steps = max(1, count - 1) if halves else features / 2
        rates = torch.exp(torch.arange(count) * (-math.log(base) / steps))
        angles = torch.arange(length).unsqueeze(1) * rates
        waves = (torch.cat if halves else torch.stack)((angles.sin(), angles.cos()), -1)
        self.register_buffer("waves", waves.reshape(length, -1)[:, :features], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        waves: Tensor = self.waves  # type: ignore[assignment]
        return x + waves[: x.shape[-2]].to(x.dtype)
