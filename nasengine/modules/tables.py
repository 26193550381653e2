"""Rows of a table as tokens, and how fields interact."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NumericTokens(nn.Module):
    """A token for each number of ``(B, n)``: ``x_j w_j + b_j``, ``(B, n, F)`` (Gorishniy et al., 2021, section 3.3)."""

    def __init__(self, columns: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns, features))
        self.bias = nn.Parameter(torch.empty(columns, features))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -(features**-0.5), features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1) * self.weight + self.bias


class CategoryTokens(nn.Module):
    """A vector for each category of each column: ids ``(B, K)`` → ``(B, K, F)``; one table after another."""

    def __init__(self, columns: int, cardinality: int, features: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns * cardinality, features))
        nn.init.uniform_(self.weight, -(features**-0.5), features**-0.5)
        self.bias = nn.Parameter(torch.zeros(columns, features)) if bias else None
        self.register_buffer("start", torch.arange(columns) * cardinality, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        start: Tensor = self.start  # type: ignore[assignment]
        tokens = F.embedding(ids + start, self.weight)
        return tokens if self.bias is None else tokens + self.bias


class PairwiseDots(nn.Module):
    """Products of every two vectors of ``(B, K, F)``: ``(B, K (K - 1) / 2)`` (Naumov et al., 2019, section 2.3)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        rows, columns = torch.tril_indices(count, count, -1)
        self.register_buffer("place", rows * count + columns, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        place: Tensor = self.place  # type: ignore[assignment]
        return torch.matmul(x, x.transpose(1, 2)).flatten(1).index_select(1, place)


class FactorisationMachine(nn.Module):
    """The sum of the products of every two vectors of ``(B, K, F)``: ``(B, 1)`` (Rendle, 2010, lemma 3.1)."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * (x.sum(1) ** 2 - (x**2).sum(1)).sum(-1, keepdim=True)
