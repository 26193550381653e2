"""Graphs, sets and points: what they refuse, and what does not depend on order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from block_types import FEATURES, IMAGE, NODES, SEQUENCE, SIGNAL
from blocks_cases import graph_of
from torch import Tensor, nn

from nasengine import EdgeIndex, GraphIndex, Nodes
from nasengine.blocks import (
    GAT,
    GCN,
    GIN,
    AddToAll,
    Attention,
    BallGroup,
    Cheb,
    DegreeEncoding,
    EdgeAttention,
    EquivariantLayer,
    FarthestPoints,
    GraphConv,
    GraphNetwork,
    GraphPool,
    GraphSAGE,
    GraphTransformer,
    GroupPool,
    HopBias,
    NeighbourLSTM,
    PointGroup,
    Propagate,
    Sequential,
    TransformerLayer,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build, example_inputs

EDGES = EdgeIndex(19).type()
INDEX = GraphIndex(7).type()
POINTS = TensorType((3, 14), "CL")
LAYERS = Sequential(TransformerLayer(Attention(2)))


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (Propagate(), (SEQUENCE, EDGES), r"propagate: it takes nodes, \(N, F\) without a batch; got .*; give the netw"),
        (Propagate(), (NODES, NODES), r"propagate: it takes edges, \(2, E\) of node ids; got .* EdgeIndex\(e\)"),
        (EdgeAttention(5), (NODES, EDGES), "edge_attention.heads: they divide the features; got 5 heads for"),
        (GAT(7, 2), (NODES, EDGES), "gat.heads: they divide the features; got 2 heads for 7 features; change one"),
        (GraphPool(2), (NODES, EDGES), r"graph_pool: it takes the graph of each of 7 nodes, \(N\) ids; got"),
        (GraphPool(2), (NODES, GraphIndex(8).type()), r"graph_pool: .*; give the network GraphIndex\(7\)"),
        (HopBias(2), (SEQUENCE, EDGES), r"hop_bias: it takes nodes, edges and at most the graph of each node; got"),
        (GraphNetwork(GCN(4)), (NODES, EDGES), "graph_network.layers: a row of blocks; got GCN; write repeat"),
        (GraphTransformer(GCN(4), HopBias(2)), (NODES, EDGES), "graph_transformer.layers: a row of blocks; got GCN"),
        (AddToAll(), (SEQUENCE, TensorType((5,), "F")), "add_to_all: a vector of as many features as each position"),
        (FarthestPoints(15), (POINTS,), "farthest_points.count: at most as many as there are; got 15 of"),
        (FarthestPoints(3), (SEQUENCE,), r"farthest_points: it takes points, \(D, T\); got .* Signal\(3, points\)"),
        (BallGroup(1.0, 15), (POINTS, POINTS), "ball_group.neighbours: at most as many as there are points; got 15"),
        (BallGroup(1.0, 4), (POINTS, SIGNAL), "ball_group: points and centres of one space, features of every point"),
        (GroupPool(), (FEATURES,), r"group_pool: it takes groups of points, \(C, S, K\); got"),
    ],
    ids=lambda p: repr(p)[:40],
)
def test_types_that_do_not_fit(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Propagate("median"), "propagate.kind: one of sum, mean, max, symmetric; got 'median'"),
        (lambda: Propagate("sum", "twice"), "propagate.loops: one of keep, drop, add; got 'twice'"),
        (lambda: EdgeAttention(0), r"edge_attention: heads >= 1 and dropout in \[0, 1\); got 0 and 0.0"),
        (lambda: NeighbourLSTM(0), "neighbour_lstm.neighbours: at least 1; got 0"),
        (lambda: GraphPool(0), "graph_pool: graphs >= 1 and kind sum, mean or max; got 0 and 'sum'"),
        (lambda: HopBias(2, 0), "hop_bias: heads >= 1 and hops >= 1; got 2 and 0"),
        (lambda: DegreeEncoding(0), "degree_encoding.limit: at least 1; got 0"),
        (lambda: GraphSAGE(4, "sum"), "graph_sage.aggregator: one of mean, max, lstm; got 'sum'"),
        (lambda: GIN(4, 0), "gin.layers: at least 1; got 0"),
        (lambda: Cheb(4, 0), "cheb.order: at least 1; got 0"),
        (lambda: GraphNetwork(LAYERS, jump="all"), "graph_network.jump: one of last, concat, sum; got 'all'"),
        (lambda: FarthestPoints(0), "farthest_points.count: at least 1; got 0"),
        (lambda: BallGroup(0.0, 2), "ball_group: radius > 0 and neighbours >= 1; got 0.0 and 2"),
        (lambda: GroupPool("sum"), "group_pool.kind: 'max' or 'average'; got 'sum'"),
        (lambda: PointGroup(1.0, 2, ()), "point_group.widths: at least one; got none; BallGroup alone makes groups"),
    ],
    ids=lambda p: p[:40] if isinstance(p, str) else "",
)
def test_values_that_make_no_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def network(block: Block, *types: TensorType) -> nn.Module:
    torch.manual_seed(0)
    return build(graph_of(block, types)).eval()


@pytest.mark.parametrize(
    "block",
    [
        GCN(5), GAT(6, 2), GIN(5, 2, epsilon=True), GraphSAGE(5, "max", project=True), Cheb(5, 3), GraphConv(5),
        GraphTransformer(LAYERS, HopBias(2)),
    ],
    ids=lambda b: b.tag,
)  # fmt: skip
def test_a_node_does_not_depend_on_the_numbering(block: Block) -> None:
    module = network(block, NODES, EDGES)
    x, edges = example_inputs(graph_of(block, (NODES, EDGES)), seed=1)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(module(x, edges)[order], module(x[order], order.argsort()[edges]))


def test_an_lstm_reads_neighbours_in_the_order_of_the_edges() -> None:
    module = network(NeighbourLSTM(2), NODES, EdgeIndex(3).type())
    x, edges = torch.randn(7, 12), torch.tensor([[1, 2, 3], [0, 0, 0]])
    read = module(x, edges)
    assert (read[1:] == 0).all()  # no edge ends there
    torch.testing.assert_close(module(x, torch.tensor([[1, 2, 5], [0, 0, 0]])), read)  # a third one is not read
    assert not torch.allclose(module(x, edges.flip(1))[0], read[0])


def test_distances_follow_the_edges_and_stay_within_a_graph() -> None:
    """A path 0 → 1 → 2 → 3: a row sees from how far each column leads to it; 4 stands for farther, or not at all."""
    path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    module = network(HopBias(1, hops=2), Nodes(4, 2).type(), EdgeIndex(3).type())
    with torch.no_grad():
        module.get_parameter("hop_bias.weight").copy_(torch.arange(4.0).unsqueeze(-1))
    assert module(torch.zeros(4, 2), path)[0].tolist() == [[0, 3, 3, 3], [1, 0, 3, 3], [2, 1, 0, 3], [3, 2, 1, 0]]
    apart = network(HopBias(1), Nodes(4, 2).type(), EdgeIndex(3).type(), GraphIndex(4).type())
    seen = apart(torch.zeros(4, 2), path, torch.tensor([0, 0, 1, 1]))[0].isfinite()
    assert torch.equal(seen, torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)).bool())


def ring(*nodes: int) -> Tensor:
    """Edges in both directions around a ring."""
    there = torch.tensor([nodes, (*nodes[1:], nodes[0])])
    return torch.cat((there, there.flip(0)), 1)


def test_attention_sees_the_edges_by_its_bias_alone() -> None:
    """One ring of ten and two rings of five on the same nodes: all degrees are 2."""
    one, two = ring(*range(10)), torch.cat((ring(*range(5)), ring(*range(5, 10))), 1)
    x = torch.randn(10, 8, generator=torch.Generator().manual_seed(1))
    body = GraphTransformer(Sequential(*[TransformerLayer(Attention(2))] * 2), HopBias(2))
    module = network(body, Nodes(10, 8).type(), EdgeIndex(20).type())
    bias = module.get_parameter("bias.weight")
    with torch.no_grad():
        bias.zero_()
        torch.testing.assert_close(module(x, one), module(x, two))
        bias.normal_(generator=torch.Generator().manual_seed(2))
        assert (module(x, one) - module(x, two)).abs().max() > 1e-3


@pytest.mark.parametrize("block", [EquivariantLayer(7), EquivariantLayer(7, "average", shared=True)], ids=str)
def test_an_equivariant_layer_moves_with_its_elements(block: Block) -> None:
    module, x = network(block, SEQUENCE), torch.randn(2, 5, 12)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(module(x)[:, order], module(x[:, order]))


def test_points_are_picked_far_apart_and_grouped_near() -> None:
    line = torch.tensor([[[0.0, 1.0, 2.0, 10.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0]]])
    sample = network(FarthestPoints(4), TensorType((2, 5), "CL"))
    assert sample(line)[0, 0].tolist() == [0.0, 10.0, 5.0, 2.0]
    group = network(BallGroup(1.5, 3), TensorType((2, 5), "CL"), TensorType((2, 2), "CL"))
    near = group(line, torch.tensor([[[1.0, 10.0], [0.0, 0.0]]]))[0, 0]
    assert near.tolist() == [[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_margins_are_distances_from_a_decision() -> None:
    line = torch.tensor([[[0.0, 3.0, 2.9]]])
    sample = network(FarthestPoints(2), TensorType((1, 3), "CL")).get_submodule("farthest_points")
    assert sample.margin(line).item() == pytest.approx(9.0 - 8.41, rel=1e-5)  # type: ignore[operator]
    group = network(BallGroup(2.0, 2), TensorType((1, 3), "CL"), TensorType((1, 1), "CL"))
    margin = group.get_submodule("ball_group").margin(line, torch.zeros(1, 1, 1))  # type: ignore[operator]
    assert margin.item() == pytest.approx(4.0, rel=1e-5)


def cost(block: Block, nodes: int, edges: int) -> tuple[int, int]:
    """MACs, and parameters."""
    found = graph_of(block, (Nodes(nodes, 12).type(), EdgeIndex(edges).type())).cost
    return found.macs, found.params


def test_cost_grows_with_the_graph_as_it_should() -> None:
    """MACs with the nodes, not with the edges, whose sums count nothing; those of attention with the nodes' square."""
    for block in (GCN(5), GAT(6, 2), GIN(5), GraphSAGE(5, "lstm")):
        assert cost(block, 2_000, 50)[0] == 2 * cost(block, 1_000, 50)[0] == 2 * cost(block, 1_000, 5_000)[0]
        assert cost(block, 2_000, 50)[1] == cost(block, 10, 5)[1]
    square = [cost(GraphTransformer(LAYERS, HopBias(2)), n, 50)[0] for n in (1_000, 2_000, 4_000)]
    assert square[2] - 2 * square[1] == 2 * (2_000 * 2_000 * 12 * 2)
    assert square[1] - 2 * square[0] == 2 * (1_000 * 1_000 * 12 * 2)


def test_memory_grows_with_the_edges() -> None:
    few, many = (
        graph_of(GCN(5), (Nodes(9, 12).type(), EdgeIndex(e).type())).cost.peak_activation_bytes for e in (10, 1_000)
    )
    assert many - few == 2 * 990 * 8


def test_an_image_is_no_graph() -> None:
    with pytest.raises(ShapeError, match="linear: it takes features on the last axis"):
        graph_of(GCN(4), (IMAGE, EDGES))
