"""Attention of a node over its neighbours, by additive scores."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasengine.modules.propagate import with_loops


class EdgeAttention(nn.Module):
    """Weighted sum over a node and its neighbours (Velickovic et al., 2018, eq. 3 to 6).

    Takes the mapped features of all heads ``(N, heads * F)`` and ``(2, E)``; gives ``(N, heads * F)``, or ``(N, F)``
    where the heads are averaged.
    """

    def __init__(
        self, features: int, heads: int = 1, average: bool = False, slope: float = 0.2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.heads, self.average, self.slope, self.dropout = heads, average, slope, dropout
        self.source = nn.Parameter(torch.empty(heads, features))
        self.target = nn.Parameter(torch.empty(heads, features))
        nn.init.xavier_uniform_(self.source)
        nn.init.xavier_uniform_(self.target)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        source, target, counts = with_loops(edges, x.shape[0])
        each = x.unflatten(-1, (self.heads, -1))
        sends, takes = (each * self.source).sum(-1), (each * self.target).sum(-1)
        score = F.leaky_relu(sends[source] + takes[target], self.slope)
        score = score.masked_fill(~counts.unsqueeze(-1), float("-inf"))
        where = target.unsqueeze(-1).expand_as(score)
        top = torch.full_like(sends, float("-inf")).scatter_reduce(0, where, score.detach(), "amax")
        weight = (score - top[target]).exp()
        total = torch.zeros_like(sends).index_add(0, target, weight)
        share = F.dropout(weight / total[target], self.dropout, self.training)
        made = torch.zeros_like(each).index_add(0, target, each[source] * share.unsqueeze(-1))
        return made.mean(1) if self.average else made.flatten(-2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}, average={self.average}"
