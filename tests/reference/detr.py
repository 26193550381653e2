"""DETR in plain torch, written from Carion et al. (2020), section 3.2 and appendix A.3 and A.4."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def places(height: int, width: int, features: int) -> Tensor:
    """Rows and columns in sines and cosines, one feature after another: (height * width, features)."""
    half = features // 2
    table = torch.zeros(height, width, features)
    for axis, count in enumerate((height, width)):
        angles = [2 * math.pi * (k + 1) / count for k in range(count)]
        for i in range(half):
            wave = math.sin if i % 2 == 0 else math.cos
            line = torch.tensor([wave(a / 10_000 ** (2 * (i // 2) / half)) for a in angles])
            table[:, :, axis * half + i] = line[:, None] if axis == 0 else line[None, :]
    return table.reshape(height * width, features)


class Encodes(nn.Module):
    """A layer of the encoder (figure 10, left)."""

    def __init__(self, d: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention, self.first = nn.MultiheadAttention(d, heads, batch_first=True), nn.LayerNorm(d)
        self.up, self.down, self.second = nn.Linear(d, hidden), nn.Linear(hidden, d), nn.LayerNorm(d)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        x = self.first(x + self.attention(x + place, x + place, x, need_weights=False)[0])
        return self.second(x + self.down(self.up(x).relu()))


class Decodes(nn.Module):
    """A layer of the decoder (figure 10, right)."""

    def __init__(self, d: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention, self.first = nn.MultiheadAttention(d, heads, batch_first=True), nn.LayerNorm(d)
        self.cross, self.second = nn.MultiheadAttention(d, heads, batch_first=True), nn.LayerNorm(d)
        self.up, self.down, self.third = nn.Linear(d, hidden), nn.Linear(hidden, d), nn.LayerNorm(d)

    def forward(self, x: Tensor, memory: Tensor, query: Tensor, place: Tensor) -> Tensor:
        x = self.first(x + self.attention(x + query, x + query, x, need_weights=False)[0])
        x = self.second(x + self.cross(x + query, memory + place, memory, need_weights=False)[0])
        return self.third(x + self.down(self.up(x).relu()))


class DETR(nn.Module):
    """Figure 2; ``body`` gives a map of ``channels``, its batch norms fixed."""

    def __init__(
        self, body: nn.Module, channels: int, classes: int, d: int, heads: int, hidden: int, depth: int, queries: int
    ) -> None:
        super().__init__()
        self.body = body
        self.project = nn.Conv2d(channels, d, 1)
        self.encoder = nn.ModuleList(Encodes(d, heads, hidden) for _ in range(depth))
        self.queries = nn.Embedding(queries, d)
        self.decoder = nn.ModuleList(Decodes(d, heads, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(d)
        self.classify = nn.Linear(d, classes + 1)
        self.box = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 4))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found = self.project(self.body(image))
        place = places(found.shape[2], found.shape[3], found.shape[1])
        memory = found.flatten(2).transpose(1, 2)
        for layer in self.encoder:
            memory = layer(memory, place)
        queries = self.queries.weight
        x = torch.zeros(len(image), *queries.shape)
        for layer in self.decoder:
            x = layer(x, memory, queries, place)
        x = self.norm(x)
        return self.classify(x), self.box(x).sigmoid()
