"""Biases of attention that depend on the distance of two positions."""

import math

import torch
from torch import Tensor, nn


class Alibi(nn.Module):
    """Minus the distance, times a slope a head: ``(heads, T, S)`` (Press et al., 2022, section 3)."""

    def __init__(self, heads: int, length: int, sources: int) -> None:
        super().__init__()
        whole = 2 ** math.floor(math.log2(heads))
        slopes = [2 ** (-8 * (i + 1) / whole) for i in range(whole)]
        slopes += [2 ** (-4 * (2 * i + 1) / whole) for i in range(heads - whole)]
        distance = (torch.arange(sources) - torch.arange(length).unsqueeze(1)).abs()
        bias = -torch.tensor(slopes).reshape(-1, 1, 1) * distance
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        bias: Tensor = self.bias  # type: ignore[assignment]
        return bias.to(x.dtype)


class RelativeBias(nn.Module):
    """A learned number a head for each bucket of distances: ``(heads, T, S)`` (Raffel et al., 2020, section 2.1)."""

    def __init__(
        self, heads: int, length: int, sources: int, buckets: int = 32, farthest: int = 128, both: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(buckets, heads))
        nn.init.normal_(self.weight, std=0.02)
        apart = torch.arange(sources) - torch.arange(length).unsqueeze(1)
        self.register_buffer("bucket", bucket_of(apart, buckets, farthest, both), persistent=False)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        bucket: Tensor = self.bucket  # type: ignore[assignment]
        return self.weight[bucket].permute(2, 0, 1)


def bucket_of(apart: Tensor, buckets: int, farthest: int, both: bool) -> Tensor:
    """Near distances have a bucket each, far ones share buckets of logarithmic width; ahead and behind are apart."""
    offset = torch.zeros_like(apart)
    if both:
        buckets //= 2
        offset = (apart > 0).long() * buckets
        apart = apart.abs()
    else:
        apart = (-apart).clamp(min=0)
    near = buckets // 2
    far = near + (torch.log(apart.clamp(min=1) / near) / math.log(farthest / near) * (buckets - near)).long()
    return offset + torch.where(apart < near, apart, far.clamp(max=buckets - 1))
