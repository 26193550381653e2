"""A recurrent network that reads the neighbours of each node one by one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NeighbourLSTM(nn.LSTMCell):
    """The state of an LSTM after each node's first neighbours in the order of the edges (Hamilton et al., 2017, 3.3).

    ``(N, F)``, ``(2, E)`` → ``(N, F)``; 0 where no edge ends. At most ``neighbours`` are read, the others left out.
    """

    def __init__(self, features: int, neighbours: int) -> None:
        super().__init__(features, features)
        self.neighbours = neighbours

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:  # type: ignore[override]
        read, alive = self.read(x, edges)
        state = torch.zeros_like(x)
        memory = torch.zeros_like(x)
        given = F.linear(read, self.weight_ih, self.bias_ih)
        for step in range(self.neighbours):
            enter, forget, new, leave = (given[:, step] + F.linear(state, self.weight_hh, self.bias_hh)).chunk(4, -1)
            after = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            here = alive[:, step].unsqueeze(-1)
            memory = torch.where(here, after, memory)
            state = torch.where(here, leave.sigmoid() * after.tanh(), state)
        return state

    def read(self, x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of each node's neighbours, ``(N, neighbours, F)``, and which of them there are."""
        (nodes, features), count, most = x.shape, edges.shape[1], self.neighbours
        place = torch.arange(count, device=x.device)
        order = torch.sort(edges[1] * count + place)[1]
        source, target = edges[0][order], edges[1][order]
        degree = torch.zeros_like(x[:, 0], dtype=torch.int64).index_add(0, target, torch.ones_like(target))
        rank = place - (torch.cumsum(degree, 0) - degree)[target]
        slot = torch.where(rank < most, target * most + rank, nodes * most)
        read = torch.zeros_like(x[:1]).expand(nodes * most + 1, features).index_copy(0, slot, x[source])
        alive = torch.arange(most, device=x.device) < degree.unsqueeze(-1)
        return read[: nodes * most].unflatten(0, (nodes, most)), alive

    def extra_repr(self) -> str:
        return f"{self.input_size}, neighbours={self.neighbours}"
