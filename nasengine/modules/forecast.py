"""Time series: reversible normalisation and patches."""

import torch
from torch import Tensor, nn


class SeriesNorm(nn.Module):
    """Each series of ``(B, C, L)`` less its mean, over its deviation; gives both too (Kim et al., 2022, eq. 1)."""

    def __init__(self, series: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(series)) if affine else None
        self.bias = nn.Parameter(torch.zeros(series)) if affine else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean(-1, keepdim=True)
        deviation = (x.var(-1, keepdim=True, correction=0) + self.eps).sqrt()
        y = (x - mean) / deviation
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.unsqueeze(-1) + self.bias.unsqueeze(-1)
        return y, mean, deviation


class SeriesRestore(nn.Module):
    """Undoes the normalisation of ``(B, C, H)``."""

    def forward(self, x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        return x * deviation + mean


class SeriesPatches(nn.Module):
    """Windows of ``(B, C, L)``: ``(B, C, N, patch)``; the last value is repeated ``stride`` times at the end."""

    def __init__(self, patch: int, stride: int) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride

    def forward(self, x: Tensor) -> Tensor:
        padded = torch.cat((x, x[..., -1:].expand(-1, -1, self.stride)), -1)
        count = (padded.shape[-1] - self.patch) // self.stride + 1
        return torch.stack([padded[..., i * self.stride : i * self.stride + self.patch] for i in range(count)], 2)
