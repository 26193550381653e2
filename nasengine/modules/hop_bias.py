"""What attention over the nodes of a graph is told of its edges."""

import torch
from torch import Tensor, nn


class HopBias(nn.Module):
    """A learned number a head for each distance between two nodes: ``(heads, N, N)`` (Ying et al., 2021, eq. 6).

    Distances are lengths of shortest paths, from column to row, up to ``hops``; farther nodes and those that no path
    reaches share a number. Nodes of different graphs do not see each other where the graph of each node is given.
    """

    def __init__(self, heads: int, hops: int = 4) -> None:
        super().__init__()
        self.hops = hops
        self.weight = nn.Parameter(torch.empty(hops + 2, heads))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, edges: Tensor, graphs: Tensor | None = None) -> Tensor:
        nodes = x.shape[0]
        own = torch.arange(nodes, device=edges.device)
        far = torch.full((nodes, nodes), self.hops + 1, dtype=torch.int64, device=edges.device)
        distance = torch.where(own == own.unsqueeze(-1), torch.zeros_like(far), far)
        where = edges[1].unsqueeze(-1).expand(-1, nodes)
        for _ in range(self.hops):
            distance = distance.scatter_reduce(0, where, distance[edges[0]] + 1, "amin")
        bias = self.weight[distance].permute(2, 0, 1)
        if graphs is None:
            return bias
        return bias.masked_fill(graphs != graphs.unsqueeze(-1), float("-inf"))

    def extra_repr(self) -> str:
        return f"hops={self.hops}"


class DegreeEncoding(nn.Module):
    """Adds a learned vector for the number of edges that end in a node, ``(N, F)`` → ``(N, F)`` (Ying et al., eq. 5).

    Numbers above ``limit`` share a vector.
    """

    def __init__(self, features: int, limit: int = 16) -> None:
        super().__init__()
        self.limit = limit
        self.weight = nn.Parameter(torch.empty(limit + 1, features))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        target = edges[1]
        degree = torch.zeros_like(x[:, 0], dtype=torch.int64).index_add(0, target, torch.ones_like(target))
        return x + self.weight[degree.clamp(max=self.limit)]

    def extra_repr(self) -> str:
        return f"limit={self.limit}"
