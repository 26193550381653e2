"""Graph networks written from the papers' equations with dense matrices or plain loops."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def incoming(edges: Tensor, nodes: int) -> Tensor:
    """(N, N) number of edges from column to row."""
    matrix = torch.zeros(nodes, nodes)
    for source, target in edges.T.tolist():
        matrix[target, source] += 1
    return matrix


class SageLSTM(nn.Module):
    """GraphSAGE with the LSTM aggregator (Hamilton et al., 2017, algorithm 1 and section 3.3), two layers."""

    def __init__(self, features: int, hidden: int, classes: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        sizes = [(features, hidden), (hidden, classes)]
        self.lstms = nn.ModuleList(nn.LSTM(m, m, batch_first=True) for m, _ in sizes)
        self.there = nn.ModuleList(nn.Linear(m, n) for m, n in sizes)
        self.here = nn.ModuleList(nn.Linear(m, n, bias=False) for m, n in sizes)

    def gather(self, lstm: nn.Module, x: Tensor, edges: Tensor) -> Tensor:
        """The last hidden state over each node's neighbours."""
        made = torch.zeros_like(x)
        for node in range(x.shape[0]):
            near = edges[0][edges[1] == node][: self.neighbours]
            if len(near):
                made[node] = lstm(x[near].unsqueeze(0))[1][0].flatten()
        return made

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for k, (lstm, there, here) in enumerate(zip(self.lstms, self.there, self.here, strict=True)):
            x = there(self.gather(lstm, x, edges)) + here(x)
            x = x.relu() if k == 0 else x
        return x


class GIN(nn.Module):
    """GIN-0 for graphs (Xu et al., 2019, eq. 4.1 and 4.2): a linear head for each layer's sum over the nodes, added."""

    def __init__(self, features: int, hidden: int, layers: int, classes: int, graphs: int) -> None:
        super().__init__()
        self.graphs = graphs
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for k in range(layers):
            given = features if k == 0 else hidden
            mlp = (nn.Linear(given, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, hidden))
            self.layers.append(nn.Sequential(*mlp))
            self.norms.append(nn.BatchNorm1d(hidden))
        self.heads = nn.ModuleList(nn.Linear(features if k == 0 else hidden, classes) for k in range(layers + 1))

    def forward(self, x: Tensor, edges: Tensor, index: Tensor) -> Tensor:
        neighbours = incoming(edges, x.shape[0])
        member = F.one_hot(index, self.graphs).T.float()
        total = self.heads[0](member @ x)
        for layer, norm, head in zip(self.layers, self.norms, list(self.heads)[1:], strict=True):
            x = norm(layer(x + neighbours @ x)).relu()
            total = total + head(member @ x)
        return total


class GraphTransformer(nn.Module):
    """Graphormer without edge features (Ying et al., 2021, eq. 5 to 9); the head takes the mean of a graph's nodes."""

    def __init__(
        self, features: int, dim: int, layers: int, heads: int, each: int, hidden: int, *, outputs: int, graphs: int,
        hops: int, degrees: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads, self.graphs, self.hops, self.degrees = heads, graphs, hops, degrees
        self.stem = nn.Linear(features, dim)
        self.degree = nn.Embedding(degrees + 1, dim)
        self.distance = nn.Embedding(hops + 2, heads)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "before": nn.LayerNorm(dim), "query": nn.Linear(dim, heads * each),
                    "key": nn.Linear(dim, heads * each), "value": nn.Linear(dim, heads * each),
                    "out": nn.Linear(heads * each, dim), "between": nn.LayerNorm(dim),
                    "up": nn.Linear(dim, hidden), "down": nn.Linear(hidden, dim),
                }
            )
            for _ in range(layers)
        )  # fmt: skip
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, outputs)

    def hop_counts(self, edges: Tensor, nodes: int) -> Tensor:
        """(N, N) lengths of shortest paths from column to row, by breadth-first search."""
        found = torch.full((nodes, nodes), self.hops + 1)
        for start in range(nodes):
            reached, front = {start: 0}, [start]
            for hop in range(1, self.hops + 1):
                ahead = [t for s, t in edges.T.tolist() if s in front and t not in reached]
                reached.update(dict.fromkeys(ahead, hop))
                front = ahead
            for node, hop in reached.items():
                found[node, start] = hop
        return found

    def attend(self, layer: nn.ModuleDict, x: Tensor, bias: Tensor) -> Tensor:
        """Softmax of scores and bias, head by head."""
        q, k, v = (layer[name](x).reshape(len(x), self.heads, -1) for name in ("query", "key", "value"))
        made = []
        for head in range(self.heads):
            score = q[:, head] @ k[:, head].T / q.shape[-1] ** 0.5 + bias[..., head]
            made.append(score.softmax(-1) @ v[:, head])
        out: Tensor = layer["out"](torch.cat(made, -1))
        return out

    def forward(self, x: Tensor, edges: Tensor, index: Tensor) -> Tensor:
        nodes = len(x)
        degree = incoming(edges, nodes).sum(1).long().clamp(max=self.degrees)
        x = self.stem(x) + self.degree(degree)
        bias = self.distance(self.hop_counts(edges, nodes))
        bias = bias.masked_fill((index[:, None] != index[None]).unsqueeze(-1), float("-inf"))
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            x = x + self.attend(layer, layer["before"](x), bias)
            x = x + layer["down"](F.gelu(layer["up"](layer["between"](x))))
        x = self.norm(x)
        means = [x[index == g].mean(0) if (index == g).any() else torch.zeros_like(x[0]) for g in range(self.graphs)]
        out: Tensor = self.head(torch.stack(means))
        return out
