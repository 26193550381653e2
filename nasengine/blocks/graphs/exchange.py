"""What passes between the nodes of a graph: sums over neighbours, attention over them, pooling of whole graphs.

Edges are (2, E): a source and a target each, and what a node takes comes over the edges that end in it. By the
counter, only maps and recurrent steps have MACs, so they grow with the nodes; sums over edges count 0.
"""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


def nodes_of(x: TensorType, place: str) -> TensorType:
    """The input, if it holds the features of nodes.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "NF" or x.batched:
        raise ShapeError(f"{place}: it takes nodes, (N, F) without a batch; got {x!r}; give the network Nodes(n, f)")
    return numbers(x, place)


def edges_of(x: TensorType, place: str) -> TensorType:
    """The input, if it holds the edges of a graph.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "PE" or x.dtype != "int64":
        raise ShapeError(f"{place}: it takes edges, (2, E) of node ids; got {x!r}; give the network EdgeIndex(e)")
    return x


class OverEdges(Primitive):
    """Base: nodes and edges in, nodes out. (N, F), (2, E) → (N, F)."""

    def ids(self, *inputs: TensorType) -> int:
        """How many ids an edge may name: one a node."""
        return inputs[0].shape[0]

    def infer(self, *inputs: TensorType) -> TensorType:
        x, edges = inputs
        edges_of(edges, self.tag)
        return nodes_of(x, self.tag)


@block("propagate")
class Propagate(OverEdges):
    """Sum, mean or maximum over the neighbours of each node. (N, F), (2, E) → (N, F).

    Args:
        kind: ``"sum"``, ``"mean"``, ``"max"``, or ``"symmetric"``: the sum with weights 1 / √(d d'), d and d' being the
            degrees of the two nodes (Kipf and Welling, 2017, eq. 2).
        loops: of edges from a node to itself, ``"keep"`` them, ``"drop"`` them, or ``"add"``: have one a node.
    """

    kind: str = "sum"
    loops: str = "keep"

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.kind not in ("sum", "mean", "max", "symmetric"):
            raise SpaceError(f"propagate.kind: one of sum, mean, max, symmetric; got {self.kind!r}")
        if self.loops not in ("keep", "drop", "add"):
            raise SpaceError(f"propagate.loops: one of keep, drop, add; got {self.loops!r}")

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.kind == "sum" else {"kind": self.kind}
        if self.loops != "keep":
            extra["loops"] = self.loops
        return module("nasengine.modules.propagate.Propagate", **extra)


@block("edge_attention")
class EdgeAttention(OverEdges):
    """Weighted sum over a node and its neighbours (Velickovic et al., 2018, eq. 3 to 6).

    (N, heads · F), (2, E) → (N, heads · F), or (N, F) with ``average``. The features are those of all heads, mapped.

    Args:
        heads: the features are a multiple of them.
        average: the mean of the heads, as in a last layer (eq. 6); off, they stand side by side (eq. 5).
        slope: of the leaky ReLU of the scores.
        dropout: of the weights, in training.
    """

    heads: int = 1
    average: bool = False
    slope: float = 0.2
    dropout: float = 0.0

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.heads < 1 or not 0 <= self.dropout < 1:
            raise SpaceError(f"edge_attention: heads >= 1 and dropout in [0, 1); got {self.heads} and {self.dropout}")

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Dropout draws random numbers."""
        return self.dropout > 0

    def infer(self, *inputs: TensorType) -> TensorType:
        x = super().infer(*inputs)
        if x.channels % self.heads:
            raise ShapeError(
                f"edge_attention.heads: they divide the features; got {self.heads} heads for {x!r}; change one of them"
            )
        each = x.channels // self.heads
        parts = () if self.average else (each,) * self.heads
        return TensorType((x.shape[0], each if self.average else x.channels), "NF", batched=False, segments=parts)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        axes = (Axis("heads", (self.heads,)), Axis("features", (inputs[0].channels // self.heads,)))
        return Parameter("source", axes), Parameter("target", axes)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        for name, default in (("heads", 1), ("average", False), ("slope", 0.2), ("dropout", 0.0)):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        return module("nasengine.modules.edge_attention.EdgeAttention", inputs[0].channels // self.heads, **extra)


@block("neighbour_lstm")
class NeighbourLSTM(OverEdges):
    """The state of an LSTM that reads a node's neighbours one by one (Hamilton et al., 2017, section 3.3).

    (N, F), (2, E) → (N, F). 8 F (F + 1) parameters; MACs 8 F² for each node and neighbour read.

    Args:
        neighbours: at most so many of a node are read, the first in the order of the edges; the paper draws 25 and 10.
    """

    neighbours: int = 16

    def validate(self) -> None:
        if self.neighbours < 1:
            raise SpaceError(f"neighbour_lstm.neighbours: at least 1; got {self.neighbours}")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x, _) = inputs
        gates = Axis("gates", (x.channels,) * 4)
        into, state = Axis("in_features", x.parts), Axis("state", (x.channels,))
        maps = (Parameter("weight_ih", (gates, into)), Parameter("weight_hh", (gates, state)))
        return (*maps, Parameter("bias_ih", (gates,)), Parameter("bias_hh", (gates,)))

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        nodes, features = inputs[0].shape
        return nodes * self.neighbours * 8 * features * features

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.neighbour_lstm.NeighbourLSTM", inputs[0].channels, self.neighbours)


@block("self_weight")
class SelfWeight(Primitive):
    """(1 + ε) x with a learned ε: how much a node counts beside its neighbours (Xu et al., 2019, eq. 4.1)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("epsilon", (Axis("weight", (1,)),)),)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.self_weight.SelfWeight")


@block("graph_pool")
class GraphPool(Primitive):
    """Sum, mean or maximum over the nodes of each graph (Xu et al., 2019, eq. 4.2).

    (N, F), (N) numbers of graphs → (graphs, F), which stand where the nodes stood.

    Args:
        graphs: how many there are; a graph without nodes gives 0.
        kind: ``"sum"``, ``"mean"`` or ``"max"``.
    """

    graphs: int
    kind: str = "sum"

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.graphs < 1 or self.kind not in ("sum", "mean", "max"):
            raise SpaceError(f"graph_pool: graphs >= 1 and kind sum, mean or max; got {self.graphs} and {self.kind!r}")

    def ids(self, *inputs: TensorType) -> int:
        """How many graphs an index may name."""
        return self.graphs

    def infer(self, *inputs: TensorType) -> TensorType:
        x, index = inputs
        if index.axes != "N" or index.dtype != "int64" or index.shape[0] != nodes_of(x, self.tag).shape[0]:
            raise ShapeError(
                f"graph_pool: it takes the graph of each of {x.shape[0]} nodes, (N) ids; got {index!r}; "
                f"give the network GraphIndex({x.shape[0]})"
            )
        return TensorType((self.graphs, x.channels), "NF", batched=False, segments=x.segments)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.kind == "sum" else {"kind": self.kind}
        return module("nasengine.modules.graph_pool.GraphPool", self.graphs, **extra)
