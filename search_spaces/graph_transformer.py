"""Graph transformers: every node attends to every other, with a bias that knows the edges.

Generalises Graphormer: a learned number for the distance of two nodes is added to the scores of attention, and a vector
for the degree of a node to its features. Open are the features and layers of the network, the heads and their features,
the longest distance with a number of its own, where the norm stands and which one, the hidden features and activation
after attention, dropout, and for whole graphs the pooling (in place of Graphormer's extra node). `space` has a head for
whole graphs, of which several are one graph with more nodes and do not see each other; `nodes` has one for nodes. MACs
and the bias grow with the square of the nodes.

Papers: Ying et al. (2021), "Do transformers really perform badly for graph representation?", eq. 5 and 6, table 1 and
appendix B; Dwivedi and Bresson (2020), "A generalization of transformer networks to graphs".
Input: nodes and edges of 32 molecules of ZINC at a time, 28 kinds of atoms as features; of `nodes`, Cora.
Task: one number a graph (regression); of `nodes`, the class of each node.
Counts: derived, as published but for edge features, which these graphs have none of, and for the extra node. With F
features, D of the network and of all heads together, R D hidden, A heads, L layers, C outputs, degrees up to M and
distances up to H with a number of their own: D (F + 1) + (M + 1) D + (H + 2) A + L (4 D (D + 1) + 2 R D D + R D + D +
4 D) + 2 D + C (D + 1). `graphormer_slim`, 80 features, 12 layers, 8 heads of 10, R = 1, H = 20, M = 64: 2,320 + 5,200 +
176 + 12 * 39,200 + 160 + 81 = 478,337.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, EdgeIndex, GraphIndex, Nodes, Space, choice, repeat
from nasengine.blocks import (
    GELU,
    Attention,
    DegreeEncoding,
    FeedForward,
    GraphPool,
    GraphTransformer,
    HopBias,
    Identity,
    LayerNorm,
    Linear,
    ReLU,
    RMSNorm,
    TransformerLayer,
)
from nasengine.space import Label

SIZES = {"graphormer_slim": (80, 12, 8), "graphormer_small": (512, 6, 32), "graphormer_base": (768, 12, 32)}
"""Features, layers and heads (appendix B); the hidden features of a layer are as many as its features."""


def graph_transformer(
    sizes: tuple[int, int, int, int] = (40, 7, 120, 2),
    *,
    batch: int = 4,
    features: tuple[int, ...] = (16, 32),
    depths: tuple[int, ...] = (1, 2, 3),
    heads: tuple[int, ...] = (1, 2, 4),
    each: tuple[int, ...] = (8, 12),
    hops: tuple[int, ...] = (1, 2, 4),
    degrees: tuple[int, ...] = (4, 8),
    name: str = "graph-transformer-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for given nodes, features, edges and outputs.

    Args:
        sizes: of the data: nodes, features, edges, outputs.
        batch: number of graphs; 0 gives a head for nodes.
        features: of the network, to choose from.
        depths: numbers of layers.
        heads, each: of attention, and features of a head.
        hops: longest distances with a number of their own.
        degrees: highest degrees with a vector of their own.
    """
    nodes, given, edges, outputs = sizes
    norm = choice(LayerNorm(), RMSNorm(), name="norm")
    head_count = choice(*heads, name="heads")
    body = TransformerLayer(
        Attention(head_count, head_features=choice(*each, name="head_features")),
        FeedForward(choice(1, 2, 4), activation=choice(GELU(), ReLU(), name="activation")),
        norm=norm,
        pre_norm=choice(True, False, name="pre_norm"),
        dropout=choice(0.0, 0.1, name="dropout"),
    )
    pool: Block = GraphPool(batch, choice("mean", "sum", "max")) if batch else Identity()
    network = GraphTransformer(
        repeat(body, choice(*depths)),
        HopBias(head_count, choice(*hops)),
        stem=Linear(choice(*features)),
        degrees=choice(DegreeEncoding(choice(*degrees)), Identity()),
        norm=norm,
        pool=pool,
        head=Linear(outputs),
    )
    inputs = {"nodes": Nodes(nodes, given), "edges": EdgeIndex(edges)} | (
        {"graphs": GraphIndex(nodes)} if batch else {}
    )
    return Space(name, inputs=inputs, network=network, references=references)


def published(features: int, depth: int, heads: int) -> dict[str, Label]:
    """Decisions of a network of appendix B."""
    return {
        "stem.features": features, "layers.times": depth, "heads": heads, "head_features": features // heads,
        "*.ratio": 1, "activation": "gelu",
        "norm": "layer_norm", "pre_norm": True, "dropout": 0.1, "bias.hops": 20, "degrees": "degree_encoding",
        "degrees.*.limit": 64, "pool.kind": "mean",
    }  # fmt: skip


space = graph_transformer(
    (768, 28, 1_600, 1),
    batch=32,
    features=(64, 80, 96, 128, 192, 256, 384, 512, 768),
    depths=(2, 4, 6, 8, 10, 12),
    heads=(4, 8, 16, 32),
    each=(8, 10, 16, 24, 32),
    hops=(1, 2, 4, 8, 20),
    degrees=(16, 64),
    name="graph-transformer",
    references={name: published(*size) for name, size in SIZES.items()},
)
nodes = graph_transformer(
    (2_708, 1_433, 10_556, 7),
    batch=0,
    features=(32, 64, 128, 256),
    depths=(1, 2, 3, 4, 6),
    heads=(1, 2, 4, 8),
    each=(8, 16, 32),
    hops=(1, 2, 4, 8),
    degrees=(16, 64),
    name="graph-transformer-nodes",
)
small = graph_transformer()
nodes_small = graph_transformer((40, 12, 120, 3), batch=0, name="graph-transformer-nodes-small")
