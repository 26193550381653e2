"""A time step as waves."""

import math

import torch
from torch import Tensor, nn


class TimeWaves(nn.Module):
    """Sines and cosines of a time (Ho et al., 2020, appendix B). (B) → (B, features).

    The waves' lengths over 2π go from 1 in equal ratios towards ``base``: they would reach it at the
    ``features / 2 - shift``-th step from the first.
    """

    def __init__(self, features: int, base: float = 10_000.0, shift: int = 0, cosine_first: bool = False) -> None:
        super().__init__()
        self.cosine_first = cosine_first
        half = features // 2
        rates = torch.exp(torch.arange(half) * -math.log(base) / (half - shift))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, time: Tensor) -> Tensor:
        rates: Tensor = self.rates  # type: ignore[assignment]
        angles = time.unsqueeze(-1) * rates
        sine, cosine = angles.sin(), angles.cos()
        return torch.cat((cosine, sine) if self.cosine_first else (sine, cosine), -1)
