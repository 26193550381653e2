"""Stochastic depth."""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Drops a whole sample of ``(B, ...)`` with probability ``p`` in training.

    The others are scaled by ``1 / (1 - p)`` (Huang et al., 2016, eq. 2).
    With ``batched=False`` the whole tensor is one sample.
    """

    def __init__(self, p: float, batched: bool = True) -> None:
        super().__init__()
        self.p, self.batched = p, batched

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        samples = x.shape[0] if self.batched else 1
        kept = torch.rand(samples, device=x.device) >= self.p
        return x * (kept.to(x.dtype) / (1.0 - self.p)).reshape(samples, *(1 for _ in x.shape[1:]))

    def extra_repr(self) -> str:
        return f"p={self.p}"
