"""Diffusion transformers in plain torch, from the paper (Peebles and Xie, 2023, section 3.2 and fig. 3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def waves(time: Tensor, count: int) -> Tensor:
    """Cosines, then sines, of the time over lengths that go from 1 towards 10,000."""
    rates = torch.exp(-math.log(10_000) * torch.arange(count // 2) / (count // 2))
    return torch.cat((torch.cos(time[:, None] * rates), torch.sin(time[:, None] * rates)), 1)


def grid(side: int, features: int) -> Tensor:
    """Fixed positions of side × side patches: of each, its column as sines and cosines, then its row."""
    quarter = features // 4
    table = torch.zeros(side * side, features, dtype=torch.float64)
    rates = 10_000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    for row in range(side):
        for column in range(side):
            parts = [f(place * rates) for place in (column, row) for f in (torch.sin, torch.cos)]
            table[row * side + column] = torch.cat(parts)
    return table.float()


def plain_norm(x: Tensor) -> Tensor:
    """Layer norm without a scale and shift of its own."""
    mean = x.mean(-1, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(-1, keepdim=True) + 1e-6).sqrt()


def swish(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


class Layer(nn.Module):
    """Fig. 3, the block with adaLN-Zero: one map of the condition gives shift, scale and gate, twice."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.condition = nn.Linear(features, 6 * features)
        self.qkv = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)
        self.up = nn.Linear(features, 4 * features)
        self.down = nn.Linear(4 * features, features)

    def attend(self, x: Tensor) -> Tensor:
        b, t, f = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, f // self.heads).unbind(2)
        weights = torch.einsum("bthd,bshd->bhts", q, k) / (f // self.heads) ** 0.5
        return self.out(torch.einsum("bhts,bshd->bthd", weights.softmax(-1), v).reshape(b, t, f))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.condition(c)[:, None].chunk(6, -1)
        x = x + gate1 * self.attend(plain_norm(x) * (1 + scale1) + shift1)
        hidden = self.up(plain_norm(x) * (1 + scale2) + shift2)
        hidden = hidden / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (hidden + 0.044715 * hidden**3)))
        return x + gate2 * self.down(hidden)


class DiT(nn.Module):
    """Latents, a time step and a class to noise and its variance; the last class stands for none."""

    def __init__(
        self, features: int, depth: int, heads: int, patch: int, side: int = 32, classes: int = 1000, count: int = 256
    ) -> None:
        super().__init__()
        self.patch, self.side, self.count = patch, side // patch, count
        self.embed = nn.Linear(4 * patch**2, features)
        self.time1 = nn.Linear(count, features)
        self.time2 = nn.Linear(features, features)
        self.classes = nn.Embedding(classes + 1, features)
        self.layers = nn.ModuleList(Layer(features, heads) for _ in range(depth))
        self.condition = nn.Linear(features, 2 * features)
        self.last = nn.Linear(features, 8 * patch**2)

    def forward(self, image: Tensor, time: Tensor, label: Tensor) -> Tensor:
        b, n, p = image.shape[0], self.side, self.patch
        patches = image.reshape(b, 4, n, p, n, p).permute(0, 2, 4, 1, 3, 5).reshape(b, n * n, 4 * p * p)
        x = self.embed(patches) + grid(n, self.embed.out_features)
        c = swish(self.time2(swish(self.time1(waves(time, self.count)))) + self.classes(label))
        for layer in self.layers:
            x = layer(x, c)
        shift, scale = self.condition(c)[:, None].chunk(2, -1)
        x = self.last(plain_norm(x) * (1 + scale) + shift)
        return x.reshape(b, n, n, p, p, 8).permute(0, 5, 1, 3, 2, 4).reshape(b, 8, n * p, n * p)
