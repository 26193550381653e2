"""Layers of graph networks, wired from linear maps and sums over neighbours. All are (N, F), (2, E) → (N, features)."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.bias import Bias
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.scale import Scale
from nasengine.blocks.compose import Identity
from nasengine.blocks.graphs.exchange import EdgeAttention, NeighbourLSTM, Propagate, SelfWeight
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("gcn")
class GCN(Composite):
    """Graph convolution, Â X W + b (Kipf and Welling, 2017, eq. 2).

    Args:
        features: of the output.
    """

    features: int

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        y = net(Linear(self.features, bias=False), x, name="linear")
        y = net(Propagate("symmetric", loops="add"), y, edges, name="propagate")
        made: Value = net(Bias(), y, name="bias")
        return made


@block("graph_sage")
class GraphSAGE(Composite):
    """A node's own features and what it gathers, each mapped, summed (Hamilton et al., 2017, algorithm 1).

    A map of both side by side is the sum of two maps.

    Args:
        features: of the output.
        aggregator: ``"mean"``, ``"max"`` or ``"lstm"``.
        project: map the neighbours, with ReLU, before they are gathered: the paper's pooling aggregator (eq. 3).
        neighbours: how many the ``"lstm"`` reads.
    """

    features: int
    aggregator: str = "mean"
    project: bool = False
    neighbours: int = 16

    def validate(self) -> None:
        if self.aggregator not in ("mean", "max", "lstm"):
            raise SpaceError(f"graph_sage.aggregator: one of mean, max, lstm; got {self.aggregator!r}")

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        given = x
        if self.project:
            given = net(ReLU(), net(Linear(x.channels), x, name="project"), name="act")
        gather: Block = NeighbourLSTM(self.neighbours) if self.aggregator == "lstm" else Propagate(self.aggregator)
        gathered = net(gather, given, edges, name="gather")
        there = net(Linear(self.features), gathered, name="neighbours")
        here = net(Linear(self.features, bias=False), x, name="own")
        made: Value = net(Add(), there, here, name="add")
        return made


@block("gat")
class GAT(Composite):
    """Graph attention layer (Velickovic et al., 2018, eq. 1 to 6).

    Args:
        features: of the output, of all heads together; with ``average``, of each.
        heads: they divide ``features``, unless averaged.
        average: the mean of the heads in place of all side by side.
        dropout: of the attention's weights, in training.
    """

    features: int
    heads: int = 1
    average: bool = False
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        if not self.average and self.features % self.heads:
            raise ShapeError(
                f"gat.heads: they divide the features; got {self.heads} heads for {self.features} features; change "
                "one of them, or average the heads"
            )
        mapped = self.features * self.heads if self.average else self.features
        y = net(Linear(mapped, bias=False), x, name="linear")
        core = EdgeAttention(self.heads, average=self.average and self.heads > 1, dropout=self.dropout)
        made: Value = net(Bias(), net(core, y, edges, name="attention"), name="bias")
        return made


@block("gin")
class GIN(Composite):
    """Graph isomorphism layer, MLP((1 + ε) x + Σ x') (Xu et al., 2019, eq. 4.1).

    Args:
        features: of the output and of the hidden layers of the MLP.
        layers: of the MLP; one makes it a linear map.
        epsilon: is ε learned? Off, it is 0 (GIN-0).
        norm: in the MLP.
        activation: in the MLP.
    """

    features: int
    layers: int = 1
    epsilon: bool = False
    norm: Block = Identity()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.layers < 1:
            raise SpaceError(f"gin.layers: at least 1; got {self.layers}")

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        own = net(SelfWeight(), x, name="own") if self.epsilon else x
        y = net(Add(), own, net(Propagate(), x, edges, name="gather"), name="add")
        hidden = (self.features,) * (self.layers - 1)
        mlp = MLP(hidden, self.features, activation=self.activation, norm=self.norm)
        made: Value = net(mlp, y, name="mlp")
        return made


@block("cheb")
class Cheb(Composite):
    """Chebyshev polynomial of the scaled Laplacian (Defferrard et al., 2016, eq. 4), for a largest eigenvalue of 2.

    Args:
        features: of the output.
        order: number of terms, each with a map.
    """

    features: int
    order: int = 2

    def validate(self) -> None:
        if self.order < 1:
            raise SpaceError(f"cheb.order: at least 1; got {self.order}")

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        terms = [x]
        for k in range(1, self.order):
            spread = net(Propagate("symmetric", loops="drop"), terms[-1], edges, name=f"propagate.{k}")
            term = net(Scale(-1.0 if k == 1 else -2.0), spread, name=f"scale.{k}")
            if k > 1:
                term = net(Add(), term, net(Scale(-1.0), terms[-2], name=f"minus.{k}"), name=f"term.{k}")
            terms.append(term)
        maps = [net(Linear(self.features, bias=k == 0), term, name=f"maps.{k}") for k, term in enumerate(terms)]
        made: Value = net(Add(), *maps, name="add")
        return made


@block("arma")
class ARMA(Composite):
    """Auto-regressive moving-average layer of one step, ReLU(L̂ X W + X V + b) (Bianchi et al., 2021, eq. 7).

    Args:
        features: of the output.
        activation: of the sum.
    """

    features: int
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        y = net(Linear(self.features, bias=False), x, name="linear")
        y = net(Propagate("symmetric"), y, edges, name="propagate")
        y = net(Add(), y, net(Linear(self.features), x, name="own"), name="add")
        made: Value = net(self.activation, y, name="act")
        return made


@block("graph_conv")
class GraphConv(Composite):
    """Layer of a 1-dimensional GNN, W x + W' Σ x' + b (k-GNN; Morris et al., 2019, eq. 1).

    Args:
        features: of the output.
        kind: ``"sum"``, ``"mean"`` or ``"max"`` over the neighbours.
    """

    features: int
    kind: str = "sum"

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        gathered = net(Propagate(self.kind), x, edges, name="gather")
        there = net(Linear(self.features), gathered, name="neighbours")
        here = net(Linear(self.features, bias=False), x, name="own")
        made: Value = net(Add(), there, here, name="add")
        return made
