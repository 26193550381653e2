"""Networks over a graph: layers in a row that all see the edges, and heads for nodes or for whole graphs."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.merge import Add, Concat
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.compose import Identity
from nasengine.blocks.graphs.structure import DegreeEncoding, HopBias
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


def row_of(layers: Block, place: str) -> tuple[tuple[str, Block], ...]:
    """(name, block) of blocks in a row.

    Raises:
        ShapeError: it is another block.
    """
    row = getattr(layers, "row", None)
    if row is None:
        raise ShapeError(
            f"{place}.layers: a row of blocks; got {type(layers).__name__}; write repeat(layer, n) or "
            "Sequential(layer, ...)"
        )
    return tuple(row())


def pooled(net: Wiring, pool: Block, x: Value, index: tuple[Value, ...], name: str) -> Value:
    """One vector a graph, where there is a pool."""
    made: Value = x if isinstance(pool, Identity) else net(pool, x, *index, name=name)
    return made


@block("graph_layer")
class GraphLayer(Composite):
    """Dropout, a layer over neighbours, a norm, an activation. (N, F), (2, E) → (N, F').

    Args:
        conv: takes nodes and edges, as :class:`GCN`.
        norm, activation: after it, in this order.
        dropout: of what it takes, in training (Kipf and Welling, 2017, section 5.2).
        residual: add what it takes, where that is of the type of what it gives.
    """

    conv: Block
    norm: Block = Identity()
    activation: Block = ReLU()
    dropout: float = 0.0
    residual: bool = False

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        y = net(self.conv, net(Dropout(self.dropout), x, name="drop"), edges, name="conv")
        y = net(self.activation, net(self.norm, y, name="norm"), name="act")
        made: Value = net(Add(), x, y, name="add") if self.residual and x.type == y.type else y
        return made


@block("graph_network")
class GraphNetwork(Composite):
    """Layers over neighbours, then a head for each node, or for each graph after pooling.

    (N, F), (2, E) → (N, F'); with ``pool`` (N, F), (2, E), (N) numbers of graphs → (graphs, F').

    Args:
        layers: a row of blocks that take nodes and edges.
        stem: takes the nodes alone, before the layers.
        last: one more that takes nodes and edges, as a classifier of nodes.
        pool: takes nodes and the graph of each, as :class:`GraphPool`.
        head: takes nodes, or pooled graphs, alone.
        jump: what the head takes: the ``"last"`` layer, all layers side by side (``"concat"``; Xu et al., 2018), or
            each with a head of its own, the stem's output too, whose outputs are added (``"sum"``; Xu et al., 2019).
    """

    layers: Block
    stem: Block = Identity()
    last: Block = Identity()
    pool: Block = Identity()
    head: Block = Identity()
    jump: str = "last"

    def validate(self) -> None:
        if self.jump not in ("last", "concat", "sum"):
            raise SpaceError(f"graph_network.jump: one of last, concat, sum; got {self.jump!r}")

    def wire(self, net: Wiring, x: Value, edges: Value, *index: Value) -> Value:
        seen = [net(self.stem, x, name="stem")]
        for name, layer in row_of(self.layers, self.tag):
            seen.append(net(layer, seen[-1], edges, name=f"layers.{name}"))
        if not isinstance(self.last, Identity):
            seen.append(net(self.last, seen[-1], edges, name="last"))
        if self.jump == "sum":
            each = [pooled(net, self.pool, y, index, f"pool.{k}") for k, y in enumerate(seen)]
            heads = [net(self.head, y, name=f"head.{k}") for k, y in enumerate(each)]
            made: Value = net(Add(), *heads, name="add")
            return made
        joined = seen[-1] if self.jump == "last" else net(Concat(), *(seen[1:] or seen), name="concat")
        made = net(self.head, pooled(net, self.pool, joined, index, "pool"), name="head")
        return made


@block("graph_transformer")
class GraphTransformer(Composite):
    """Attention over all nodes with a bias that knows the edges (Graphormer; Ying et al., 2021, section 3).

    (N, F), (2, E) → (N, F'); with ``pool`` (N, F), (2, E), (N) numbers of graphs → (graphs, F'), and no node sees
    those of another graph. MACs and the bias grow with N².

    Args:
        layers: a row of blocks that take nodes and the bias, as :class:`TransformerLayer`.
        stem: takes the nodes alone, before all else.
        degrees: takes nodes and edges, as :class:`DegreeEncoding`.
        bias: makes the bias of nodes, edges and graphs, as :class:`HopBias`.
        norm: after the last layer.
        pool, head: as of :class:`GraphNetwork`.
    """

    layers: Block
    bias: Block = HopBias()
    stem: Block = Identity()
    degrees: Block = DegreeEncoding()
    norm: Block = Identity()
    pool: Block = Identity()
    head: Block = Identity()

    def wire(self, net: Wiring, x: Value, edges: Value, *index: Value) -> Value:
        x = net(self.stem, x, name="stem")
        if not isinstance(self.degrees, Identity):
            x = net(self.degrees, x, edges, name="degrees")
        bias = net(self.bias, x, edges, *index, name="bias")
        for name, layer in row_of(self.layers, self.tag):
            x = net(layer, x, bias, name=f"layers.{name}")
        x = pooled(net, self.pool, net(self.norm, x, name="norm"), index, "pool")
        made: Value = net(self.head, x, name="head")
        return made
