"""One vector for each of several graphs."""

import torch
from torch import Tensor, nn


class GraphPool(nn.Module):
    """Sum, mean or maximum over the nodes of each graph: ``(N, F)``, ``(N)`` numbers of graphs → ``(graphs, F)``.

    A graph without nodes gives 0.
    """

    def __init__(self, graphs: int, kind: str = "sum") -> None:
        super().__init__()
        self.graphs, self.kind = graphs, kind

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        nothing = torch.zeros(self.graphs, x.shape[1], dtype=x.dtype, device=x.device)
        if self.kind == "max":
            where = index.unsqueeze(-1).expand_as(x)
            top = torch.full_like(nothing, float("-inf")).scatter_reduce(0, where, x, "amax")
            return torch.where(top == float("-inf"), nothing, top)
        made = nothing.index_add(0, index, x)
        if self.kind == "mean":
            nodes = torch.zeros_like(nothing[:, 0]).index_add(0, index, torch.ones_like(x[:, 0]))
            made = made / nodes.clamp(min=1).unsqueeze(-1)
        return made

    def extra_repr(self) -> str:
        return f"{self.graphs}, {self.kind}"
