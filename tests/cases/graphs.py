"""Graphs: sums over neighbours, attention over them, layers, pooling, networks."""

from __future__ import annotations

from block_types import NODES, Case

from nasengine.blocks import (
    ARMA,
    ELU,
    GAT,
    GCN,
    GIN,
    Attention,
    BatchNorm,
    Cheb,
    DegreeEncoding,
    EdgeAttention,
    GlobalPool,
    GraphConv,
    GraphLayer,
    GraphNetwork,
    GraphPool,
    GraphSAGE,
    GraphTransformer,
    HopBias,
    Linear,
    NeighbourLSTM,
    Propagate,
    SelfWeight,
    Sequential,
    TransformerLayer,
)
from nasengine.graph import Block, TensorType

EDGES = TensorType((2, 19), "PE", "int64", batched=False)
INDEX = TensorType((7,), "N", "int64", batched=False)
PARTS = TensorType((7, 12), "NF", batched=False, segments=(8, 4))


def over(*blocks: Block) -> list[Case]:
    """Each on nodes and edges."""
    return [(b, (NODES, EDGES)) for b in blocks]


PRIMITIVES: list[Case] = [
    *over(
        *[Propagate(kind, loops) for kind in ("sum", "mean", "max", "symmetric") for loops in ("keep", "drop", "add")]
    ),
    *over(EdgeAttention(), EdgeAttention(3), EdgeAttention(4, average=True, slope=0.1, dropout=0.2)),
    *over(NeighbourLSTM(2), NeighbourLSTM(20), DegreeEncoding(), DegreeEncoding(2)),
    (NeighbourLSTM(3), (PARTS, EDGES)),
    (SelfWeight(), (NODES,)),
    *[(GraphPool(3, kind), (NODES, INDEX)) for kind in ("sum", "mean", "max")],
    (HopBias(2), (INDEX, EDGES)),
    (HopBias(3, hops=1), (INDEX, EDGES, INDEX)),
    (GlobalPool("sum"), (NODES,)),
]

TWO = Sequential(GraphLayer(GCN(5)), GraphLayer(GraphSAGE(5), norm=BatchNorm(), residual=True))
TRANSFORMER = Sequential(TransformerLayer(Attention(3)), TransformerLayer(Attention(3)))
COMPOSITES: list[Case] = [
    *over(GCN(5), GAT(6, 2), GAT(5, 3, average=True, dropout=0.1), GIN(5), GIN(5, 2, epsilon=True, norm=BatchNorm())),
    *over(*[GraphSAGE(5, kind, project) for kind in ("mean", "max", "lstm") for project in (False, True)]),
    *over(Cheb(5), Cheb(5, 1), Cheb(5, 4), ARMA(5), GraphConv(5), GraphConv(5, "max")),
    *over(GraphLayer(GCN(12), BatchNorm(), ELU(), 0.3, residual=True), GraphLayer(GCN(5), residual=True)),
    *over(
        GraphNetwork(TWO, last=GCN(3)),
        GraphNetwork(TWO, jump="concat", head=Linear(3)),
        GraphTransformer(TRANSFORMER, HopBias(3)),
    ),
    (GraphNetwork(TWO, Linear(5), pool=GraphPool(3, "mean"), head=Linear(2), jump="sum"), (NODES, EDGES, INDEX)),
    (
        GraphTransformer(TRANSFORMER, HopBias(3, 2), Linear(9), pool=GraphPool(3), head=Linear(2)),
        (NODES, EDGES, INDEX),
    ),
]
