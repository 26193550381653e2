"""Graph networks: convolutions over neighbours, with heads for nodes and for whole graphs.

Generalises the graph networks of 2016 to 2019: layer by layer the kind is open (graph convolution, GraphSAGE with mean,
max, pooling or LSTM aggregator, attention over neighbours, graph isomorphism, Chebyshev polynomial) with its width and
what belongs to it (heads, terms, a learned weight of the node itself); for the whole network the depth, norm,
activation, dropout, shortcuts and, for whole graphs, the pooling and which layers the head sees. Sizes of the data sets
are open too, so that cost answers for each: a graph has N nodes and E directed edges, several graphs are one with more
nodes. `space` has a head for nodes, `graphs` one for whole graphs. MACs grow with the nodes; edges cost sums, which the
counter does not count.

Papers: Kipf and Welling (2017), "Semi-supervised classification with graph convolutional networks"; Hamilton et al.
(2017), "Inductive representation learning on large graphs"; Velickovic et al. (2018), "Graph attention networks"; Xu et
al. (2019), "How powerful are graph neural networks?"; Defferrard et al. (2016); Hu et al. (2020), "Open graph
benchmark".
Input: nodes and edges: Cora 2,708 x 1,433 with 10,556 edges, Citeseer, Pubmed, ogbn-arxiv, ogbn-products; graphs of
MUTAG, PROTEINS and NCI1, 32 at a time.
Task: the class of each node (7 for Cora), or of each graph.
Counts: F features, H hidden, C classes. GCN of two layers: H (F + 1) + C (H + 1). GAT of k heads of h, then j averaged
heads: kh (F + 3) + j C (kh + 2) + C. GraphSAGE: a layer of m on n has n (2 m + 1). GIN-0 with L layers of H, two maps
each, two batch norms, and a head for each of the L + 1 outputs: H (F + 1) + L (H (H + 1) + 4 H) + (L - 1) H (H + 1) +
C (F + 1) + L C (H + 1). Norms add 2 H a layer.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, EdgeIndex, GraphIndex, Nodes, Space, choice, repeat
from nasengine.blocks import (
    ELU,
    GAT,
    GCN,
    GIN,
    BatchNorm,
    Cheb,
    Dropout,
    GraphLayer,
    GraphNetwork,
    GraphPool,
    GraphSAGE,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sequential,
)
from nasengine.space import Label

DATA = {
    "cora": (2_708, 1_433, 10_556, 7),
    "citeseer": (3_327, 3_703, 9_104, 6),
    "pubmed": (19_717, 500, 88_648, 3),
    "arxiv": (169_343, 128, 2_315_598, 40),
    "products": (2_449_029, 100, 123_718_280, 47),
}
"""Nodes, features, directed edges and classes, arxiv with its edges in both directions."""
GRAPHS = {"mutag": (576, 7, 1_280, 2), "proteins": (1_248, 3, 4_672, 2), "nci1": (960, 37, 2_080, 2)}
"""Of 32 graphs of the mean size, rounded up."""


def conv(widths: tuple[int, ...], neighbours: tuple[int, ...]) -> Block:
    """A layer over neighbours, its kind and width open; heads divide every width."""
    return choice(
        GCN(choice(*widths)),
        GraphSAGE(
            choice(*widths), choice("mean", "max", "lstm"), project=choice(False, True), neighbours=choice(*neighbours)
        ),
        GAT(choice(*widths), choice(1, 2, 4, 8)),
        GIN(choice(*widths), choice(1, 2), epsilon=choice(False, True), norm=choice(Identity(), BatchNorm())),
        Cheb(choice(*widths), choice(2, 3)),
    )


def classifier(classes: int, neighbours: tuple[int, ...]) -> Block:
    """A last layer over neighbours: scores of each node."""
    return choice(
        GCN(classes),
        GraphSAGE(classes, choice("mean", "max", "lstm"), neighbours=choice(*neighbours)),
        GAT(classes, choice(1, 2, 4, 8), average=True),
        GIN(classes),
        Cheb(classes, choice(2, 3)),
    )


def layer(widths: tuple[int, ...], neighbours: tuple[int, ...]) -> Block:
    """What is decided once a layer, and what once for the network."""
    norm = choice(Identity(), BatchNorm(), LayerNorm(), name="norm")
    activation = choice(ReLU(), ELU(), LeakyReLU(0.2), name="activation")
    dropout = choice(0.0, 0.2, 0.5, 0.6, name="dropout")
    return GraphLayer(conv(widths, neighbours), norm, activation, dropout, choice(False, True, name="residual"))


def node_level(
    sizes: tuple[tuple[int, ...], ...] = ((40,), (12,), (120,), (3,)),
    *,
    widths: tuple[int, ...] = (8, 16, 24),
    depths: tuple[int, ...] = (0, 1, 2),
    neighbours: tuple[int, ...] = (2, 4),
    name: str = "graph-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """Networks with a head for each node.

    Args:
        sizes: nodes, features, edges and classes to choose from.
        widths: of hidden layers, multiples of 8.
        depths: numbers of hidden layers.
        neighbours: that an LSTM reads.
    """
    nodes, features, edges, classes = sizes
    last = GraphLayer(
        classifier(choice(*classes, name="classes"), neighbours),
        activation=Identity(),
        dropout=choice(0.0, 0.2, 0.5, 0.6, name="dropout"),
    )
    network = GraphNetwork(repeat(layer(widths, neighbours), choice(*depths)), last=last)
    inputs = {"nodes": Nodes(choice(*nodes), choice(*features)), "edges": EdgeIndex(choice(*edges))}
    return Space(name, inputs=inputs, network=network, references=references)


def graph_level(
    sizes: tuple[tuple[int, ...], ...] = ((40,), (7,), (120,), (2,)),
    *,
    batch: int = 4,
    widths: tuple[int, ...] = (8, 16, 24),
    depths: tuple[int, ...] = (1, 2),
    neighbours: tuple[int, ...] = (2, 4),
    name: str = "graphs-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """Networks with a head for each of ``batch`` graphs; arguments as of :func:`node_level`."""
    nodes, features, edges, classes = sizes
    head = Sequential(
        linear=Linear(choice(*classes, name="classes")), drop=Dropout(choice(0.0, 0.2, 0.5, 0.6, name="dropout"))
    )
    network = GraphNetwork(
        repeat(layer(widths, neighbours), choice(*depths)),
        pool=GraphPool(batch, choice("sum", "mean", "max")),
        head=head,
        jump=choice("last", "concat", "sum"),
    )
    count = choice(*nodes, name="nodes")
    inputs = {
        "nodes": Nodes(count, choice(*features)),
        "edges": EdgeIndex(choice(*edges)),
        "graphs": GraphIndex(count),
    }
    return Space(name, inputs=inputs, network=network, references=references)


def published(data: str, kind: str, hidden: int, depth: int, norm: str = "identity", **more: Label) -> dict[str, Label]:
    """Decisions of a network for the nodes of a data set: layers of one kind and width, then a layer of that kind."""
    nodes, features, edges, classes = DATA[data]
    layers: dict[str, Label] = {"layers.times": depth} | (
        {"*.conv": kind, "layers.*.features": hidden, "norm": norm, "residual": False, "activation": "relu"}
    )
    return {
        "inputs.nodes.nodes": nodes, "inputs.nodes.features": features, "inputs.edges.edges": edges,
        "classes": classes, "dropout": 0.5, **layers, **more,
    }  # fmt: skip


def attention(data: str, heads: int) -> dict[str, Label]:
    """Decisions of the GAT of a data set: 8 heads of 8, then averaged heads."""
    return published(data, "gat", 64, 1, activation="elu", dropout=0.6) | {
        "layers.*.heads": 8,
        "last.conv.gat.heads": heads,
    }


def isomorphism(data: str) -> dict[str, Label]:
    """Decisions of the GIN-0 of a data set, as the published code trains it by default."""
    nodes, features, edges, classes = GRAPHS[data]
    mlp: dict[str, Label] = {
        "*.conv": "gin",
        "*.features": 64,
        "*.layers": 2,
        "*.epsilon": False,
        "*.gin.norm": "batch_norm",
    }
    return mlp | {
        "nodes": nodes, "inputs.nodes.features": features, "inputs.edges.edges": edges, "classes": classes,
        "layers.times": 4, "norm": "batch_norm", "activation": "relu", "dropout": 0.5, "residual": False,
        "pool.kind": "sum", "jump": "sum",
    }  # fmt: skip


SAGE: dict[str, Label] = {"*.aggregator": "mean", "*.project": False, "*.neighbours": 25}
REFERENCES = {
    **{f"gcn_{data}": published(data, "gcn", 16, 1) for data in ("cora", "citeseer", "pubmed")},
    "gcn_arxiv": published("arxiv", "gcn", 256, 2, "batch_norm"),
    "gcn_products": published("products", "gcn", 256, 2),
    **{f"gat_{data}": attention(data, heads) for data, heads in (("cora", 1), ("citeseer", 1), ("pubmed", 8))},
    "sage_arxiv": published("arxiv", "graph_sage", 256, 2, "batch_norm") | SAGE,
    "sage_products": published("products", "graph_sage", 256, 2) | SAGE,
}

space = node_level(
    tuple(tuple(row[i] for row in DATA.values()) for i in range(4)),
    widths=(8, 16, 32, 64, 128, 256),
    depths=(0, 1, 2, 3, 4, 5),
    neighbours=(10, 25),
    name="graph",
    references=REFERENCES,
)
graphs = graph_level(
    (*(tuple(row[i] for row in GRAPHS.values()) for i in range(3)), (2,)),
    batch=32,
    widths=(16, 32, 64, 128),
    depths=(1, 2, 3, 4, 5, 6),
    neighbours=(10, 25),
    name="graphs",
    references={f"gin0_{data}": isomorphism(data) for data in GRAPHS},
)
small = node_level()
graphs_small = graph_level()
