"""Perceiver IO over an image and a text, written from the paper's equations (Jaegle et al., 2022, appendix E)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Reads(nn.Module):
    """Attention of an array to another or to itself, then an MLP; pre-norm, heads one after another."""

    def __init__(self, size: int, source: int, heads: int, each: int, value: int, ratio: float, cross: bool) -> None:
        super().__init__()
        self.heads = heads
        self.source_norm = nn.LayerNorm(source) if cross else None
        self.norm = nn.LayerNorm(size)
        self.to_query = nn.Linear(size, heads * each)
        self.to_key = nn.Linear(source, heads * each)
        self.to_value = nn.Linear(source, heads * value)
        self.to_out = nn.Linear(heads * value, size)
        hidden = int(size * ratio)
        self.mlp = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, hidden), nn.GELU(), nn.Linear(hidden, size))

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        asked = self.norm(x)
        read = asked if source is None or self.source_norm is None else self.source_norm(source)
        maps = (self.to_query(asked), self.to_key(read), self.to_value(read))
        made = []
        for q, k, v in zip(*(m.chunk(self.heads, -1) for m in maps), strict=True):
            scores = torch.einsum("btf,bsf->bts", q, k) / q.shape[-1] ** 0.5
            made.append(torch.einsum("bts,bsf->btf", scores.softmax(-1), v))
        x = x + self.to_out(torch.cat(made, -1))
        out: Tensor = x + self.mlp(x)
        return out


class PerceiverIO(nn.Module):
    """Patches and ids joined, latents, one query, classes."""

    def __init__(
        self, *, image: int, patch: int, length: int, vocabulary: int, features: int, latents: int, size: int,
        heads: int, cross_heads: int, each: int, depth: int, blocks: int, classes: int, ratio: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patches = nn.Conv2d(3, features, patch, patch)
        self.patch_places = nn.Embedding((image // patch) ** 2, features)
        self.ids = nn.Embedding(vocabulary, features)
        self.id_places = nn.Embedding(length, features)
        self.latents = nn.Embedding(latents, size)
        self.read = Reads(size, features, cross_heads, each, each, ratio, True)
        self.block = nn.ModuleList(Reads(size, size, heads, each, each, ratio, False) for _ in range(depth))
        self.queries = nn.Embedding(1, features)
        self.answer = Reads(features, size, cross_heads, each, each, ratio, True)
        self.head = nn.Linear(features, classes)
        self.blocks = blocks

    def forward(self, image: Tensor, ids: Tensor) -> Tensor:
        seen = self.patches(image).flatten(2).mT + self.patch_places.weight
        x = torch.cat((seen, self.ids(ids) + self.id_places.weight), 1)
        z = self.read(self.latents.weight.repeat(len(x), 1, 1), x)
        for _ in range(self.blocks):
            for layer in self.block:
                z = layer(z)
        out: Tensor = self.head(self.answer(self.queries.weight.repeat(len(x), 1, 1), z)[:, 0])
        return out
