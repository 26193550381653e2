"""What a transformer over the nodes of a graph is told of its structure (Graphormer; Ying et al., 2021)."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.graphs.exchange import OverEdges, edges_of
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


@block("hop_bias")
class HopBias(Primitive):
    """A learned number a head for each distance between two nodes (Ying et al., 2021, eq. 6).

    (N, ...), (2, E)[, (N) numbers of graphs] → (heads, N, N), a bias of attention. Distances are lengths of shortest
    paths along the edges; nodes of different graphs do not see each other where the graph of each node is given.

    Args:
        heads: as many as the attention has.
        hops: the longest path with a number of its own; with 1 it tells neighbours from others.
    """

    heads: int = 1
    hops: int = 4

    def validate(self) -> None:
        if self.heads < 1 or self.hops < 1:
            raise SpaceError(f"hop_bias: heads >= 1 and hops >= 1; got {self.heads} and {self.hops}")

    def ids(self, *inputs: TensorType) -> int:
        """How many ids an edge may name: one a node."""
        return inputs[0].shape[0]

    def infer(self, *inputs: TensorType) -> TensorType:
        x, edges = inputs[:2]
        edges_of(edges, self.tag)
        if x.axes[:1] != "N" or x.batched or any(t.shape != x.shape[:1] for t in inputs[2:]):
            raise ShapeError(
                f"hop_bias: it takes nodes, edges and at most the graph of each node; got "
                f"{', '.join(map(repr, inputs))}; give the network Nodes(n, f), EdgeIndex(e) and GraphIndex(n)"
            )
        return TensorType((self.heads, x.shape[0], x.shape[0]), "ATS", batched=False)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("distances", (self.hops + 2,)), Axis("heads", (self.heads,)))),)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.hops == 4 else {"hops": self.hops}
        return module("nasengine.modules.hop_bias.HopBias", self.heads, **extra)


@block("degree_encoding")
class DegreeEncoding(OverEdges):
    """A learned vector for the number of a node's incoming edges, added (Ying et al., 2021, eq. 5).

    (N, F), (2, E) → (N, F).

    Args:
        limit: numbers above it share a vector.
    """

    limit: int = 16

    def validate(self) -> None:
        if self.limit < 1:
            raise SpaceError(f"degree_encoding.limit: at least 1; got {self.limit}")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("degrees", (self.limit + 1,)), Axis("features", inputs[0].parts))),)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.limit == 16 else {"limit": self.limit}
        return module("nasengine.modules.hop_bias.DegreeEncoding", inputs[0].channels, **extra)
