"""Sums, means and maxima over the neighbours of each node."""

import torch
from torch import Tensor, nn


def with_loops(edges: Tensor, nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sources, targets and which edges count, when every node has exactly one edge to itself."""
    own = torch.arange(nodes, device=edges.device)
    source, target = torch.cat((edges[0], own)), torch.cat((edges[1], own))
    counts = torch.cat((edges[0] != edges[1], torch.ones_like(own, dtype=torch.bool)))
    return source, target, counts


def symmetric(source: Tensor, target: Tensor, counts: Tensor, like: Tensor) -> Tensor:
    """``1 / sqrt(d(source) d(target))`` an edge, ``d`` the edges that end in a node; 0 where one has none."""
    weight = counts.to(like.dtype)
    degree = torch.zeros(like.shape[0], dtype=like.dtype, device=like.device).index_add(0, target, weight)
    inverse = torch.where(degree > 0, degree.clamp(min=1).rsqrt(), torch.zeros_like(degree))
    return inverse[source] * weight * inverse[target]


class Propagate(nn.Module):
    """What reaches each node over its incoming edges: ``(N, F)``, ``(2, E)`` → ``(N, F)``.

    ``kind`` is ``sum``, ``mean``, ``max`` (0 where no edge ends), or ``symmetric``, the normalised sum of Kipf and
    Welling (2017, eq. 2). ``loops`` says of edges from a node to itself: ``keep`` them, ``drop`` them, or ``add``: one
    a node.
    """

    def __init__(self, kind: str = "sum", loops: str = "keep") -> None:
        super().__init__()
        self.kind, self.loops = kind, loops

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        if self.loops == "add":
            source, target, counts = with_loops(edges, x.shape[0])
        else:
            source, target = edges[0], edges[1]
            counts = source != target if self.loops == "drop" else torch.ones_like(source, dtype=torch.bool)
        messages = x[source]
        nothing = torch.zeros_like(x)
        if self.kind == "max":
            low = torch.full_like(x, float("-inf"))
            where = target.unsqueeze(-1).expand_as(messages)
            top = low.scatter_reduce(0, where, messages.masked_fill(~counts.unsqueeze(-1), float("-inf")), "amax")
            return torch.where(top == float("-inf"), nothing, top)
        weight = symmetric(source, target, counts, x) if self.kind == "symmetric" else counts.to(x.dtype)
        made = nothing.index_add(0, target, messages * weight.unsqueeze(-1))
        if self.kind == "mean":
            degree = torch.zeros_like(x[:, 0]).index_add(0, target, weight)
            made = made / degree.clamp(min=1).unsqueeze(-1)
        return made

    def extra_repr(self) -> str:
        return f"{self.kind}, loops={self.loops}"
