"""Networks for rows of tables, from the papers' equations.

Gorishniy et al. (2021), section 3.3; Guo et al. (2017), equations 1 to 4; Naumov et al. (2019), section 2.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    """Pre-norm attention and ReGLU."""

    def __init__(self, d: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = nn.MultiheadAttention(d, heads, batch_first=True)
        self.gate, self.up, self.down = nn.Linear(d, hidden), nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = self.norm2(x)
        return x + self.down(torch.relu(self.gate(y)) * self.up(y))


class FTTransformer(nn.Module):
    def __init__(
        self, numbers: int, columns: int, categories: int, d: int, depth: int, heads: int, hidden: int, outputs: int
    ) -> None:
        super().__init__()
        self.number_weight, self.number_bias = (nn.Parameter(torch.randn(numbers, d)) for _ in range(2))
        self.tables = nn.ModuleList(nn.Embedding(categories, d) for _ in range(columns))
        self.column_bias = nn.Parameter(torch.randn(columns, d))
        self.cls = nn.Parameter(torch.randn(1, d))
        self.layers = nn.ModuleList(Layer(d, heads, hidden) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, outputs)

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        number = torch.einsum("bn,nd->bnd", x, self.number_weight) + self.number_bias
        category = torch.stack([table(ids[:, k]) for k, table in enumerate(self.tables)], 1) + self.column_bias
        y = torch.cat([self.cls.expand(len(x), 1, -1), number, category], 1)
        for layer in self.layers:
            y = layer(y)
        return self.head(torch.relu(self.norm(y[:, 0])))


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        parts += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


class DeepFM(nn.Module):
    def __init__(self, columns: int, categories: int, d: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.v = nn.ModuleList(nn.Embedding(categories, d) for _ in range(columns))
        self.w = nn.ModuleList(nn.Embedding(categories, 1) for _ in range(columns))
        self.deep = network((columns * d, *hidden, 1))

    def forward(self, ids: Tensor) -> Tensor:
        vectors = [v(ids[:, k]) for k, v in enumerate(self.v)]
        linear = sum(w(ids[:, k]) for k, w in enumerate(self.w))
        pairs = sum((a * b).sum(-1, keepdim=True) for a, b in itertools.combinations(vectors, 2))
        return linear + pairs + self.deep(torch.cat(vectors, 1))


class DLRM(nn.Module):
    def __init__(
        self, numbers: int, columns: int, categories: int, d: int, bottom: tuple[int, ...], top: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(categories, d) for _ in range(columns))
        self.bottom = network((numbers, *bottom, d))
        self.top = network((d + columns * (columns + 1) // 2, *top, 1))

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        dense = torch.relu(self.bottom(x))
        fields = [dense, *(table(ids[:, k]) for k, table in enumerate(self.tables))]
        pairs = [(fields[i] * fields[j]).sum(-1) for i in range(len(fields)) for j in range(i)]
        return self.top(torch.cat([dense, torch.stack(pairs, 1)], 1))
