"""Graph networks against torch_geometric's layers and the plain torch of ``reference/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from reference import graphs as reference
from torch import Tensor, nn

from nasengine import Graph, Space
from nasengine.graph.module import example_inputs
from peers import Peer, State, Twin, by_rules
from search_spaces import graph as spaces
from search_spaces import graph_transformer, nasbench_graph


class Layers(nn.Module):
    """Layers of torch_geometric in a row, each but the last with norm and activation."""

    def __init__(
        self, convs: Sequence[nn.Module], norms: Sequence[nn.Module] = (), activation: Any = torch.relu
    ) -> None:
        super().__init__()
        self.convs, self.norms, self.activation = nn.ModuleList(convs), nn.ModuleList(norms), activation

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        for k, conv in enumerate(self.convs):
            x = conv(x, edges)
            if k < len(self.convs) - 1:
                x = self.activation(self.norms[k](x) if len(self.norms) else x)
        return x


def rows(kind: str, sizes: Sequence[int], *, norm: bool = False, **more: Any) -> Callable[[], nn.Module]:
    """Layers of one kind with these widths."""

    def make() -> nn.Module:
        from torch_geometric import nn as pyg

        convs = [getattr(pyg, kind)(m, n, **more) for m, n in pairwise(sizes)]
        return Layers(convs, [nn.BatchNorm1d(n) for n in sizes[1:-1]] if norm else ())

    return make


def attention(features: int, each: int, heads: int, classes: int, last: int) -> Callable[[], nn.Module]:
    """A GAT of two layers, the heads of the second averaged."""

    def make() -> nn.Module:
        from torch_geometric.nn import GATConv

        first = GATConv(features, each, heads)
        return Layers([first, GATConv(each * heads, classes, last, concat=False)], activation=nn.functional.elu)

    return make


class Benchmark(nn.Module):
    """NAS-Bench-Graph with torch_geometric's layers, all of the tensors that it holds (Qin et al., 2022, section 3)."""

    def __init__(self, links: str, ops: Sequence[str], features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.links, self.ops = [int(c) for c in links], ops
        raw, self.layers, self.norms = [True], nn.ModuleList(), nn.ModuleList()
        for link, op in zip(self.links, ops, strict=True):
            self.layers.append(self.layer(op, features if raw[link] else hidden, hidden))
            self.norms.append(nn.BatchNorm1d(hidden))
            raw.append(raw[link] and op == "skip")
        self.raw = raw
        self.leaves = [k for k in range(1, 5) if k not in self.links]
        self.perceptron = nn.Sequential(nn.Linear(len(self.leaves) * hidden, hidden), nn.Linear(hidden, classes))

    def layer(self, op: str, features: int, hidden: int) -> nn.Module:
        """The layer of a name."""
        from torch_geometric import nn as pyg

        if op in ("fc", "skip"):
            return nn.Linear(features, hidden) if op == "fc" else nn.Identity()
        if op == "gin":
            return pyg.GINConv(nn.Linear(features, hidden))
        if op == "gat":
            return pyg.GATConv(features, hidden // 4, 4)
        kind = {"gcn": "GCN", "cheb": "Cheb", "sage": "SAGE", "arma": "ARMA", "graph": "Graph"}[op]
        made: nn.Module = getattr(pyg, f"{kind}Conv")(features, hidden, **({"K": 2} if op == "cheb" else {}))
        return made

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        seen = [x]
        for link, op, layer, norm in zip(self.links, self.ops, self.layers, self.norms, strict=True):
            given = seen[link] if self.raw[link] else norm(seen[link]).relu()
            seen.append(layer(given) if op in ("fc", "skip") else layer(given, edges))
        out: Tensor = self.perceptron(torch.cat([seen[k] for k in self.leaves], 1).relu())
        return out


def gcn(data: str, hidden: int, depth: int, norm: bool = False, kind: str = "GCNConv") -> Callable[[], nn.Module]:
    """A network for a data set."""
    _, features, _, classes = spaces.DATA[data]
    return rows(kind, (features, *[hidden] * depth, classes), norm=norm)


def gin(data: str) -> Callable[[], nn.Module]:
    """GIN-0 for a data set of graphs."""
    _, features, _, classes = spaces.GRAPHS[data]
    return lambda: reference.GIN(features, 64, 4, classes, 32)


def graphormer(name: str) -> Callable[[], nn.Module]:
    """A graph transformer of a published size."""
    features, layers, heads = graph_transformer.SIZES[name]
    sizes = (28, features, layers, heads, features // heads, features)
    return lambda: reference.GraphTransformer(*sizes, outputs=1, graphs=32, hops=20, degrees=64)


PEERS = [
    *[Peer("graph", f"gcn_{data}", gcn(data, 16, 1)) for data in ("cora", "citeseer", "pubmed")],
    Peer("graph", "gcn_arxiv", gcn("arxiv", 256, 2, norm=True)),
    Peer("graph", "gcn_products", gcn("products", 256, 2)),
    Peer("graph", "sage_arxiv", gcn("arxiv", 256, 2, norm=True, kind="SAGEConv")),
    Peer("graph", "sage_products", gcn("products", 256, 2, kind="SAGEConv")),
    *[
        Peer("graph", f"gat_{data}", attention(spaces.DATA[data][1], 8, 8, spaces.DATA[data][3], last))
        for data, last in (("cora", 1), ("citeseer", 1), ("pubmed", 8))
    ],
    *[Peer("graph", f"gin0_{data}", gin(data), "graphs") for data in spaces.GRAPHS],
    *[Peer("graph_transformer", name, graphormer(name)) for name in graph_transformer.SIZES],
]


def member(space: Space, **decisions: Any) -> Callable[[], Graph]:
    """The graph of a member of a small space."""
    return lambda: space.select(decisions).graph()


def rename(*rules: tuple[str, str]) -> Callable[[Mapping[str, torch.Size], State], State]:
    """torch_geometric's names, and its tensors in our shapes: it holds one stack of ARMA, transposed."""
    translate = by_rules(
        (r"\.att_src$", ".attention.source"), (r"\.att_dst$", ".attention.target"),
        (r"\.lin\.weight$", ".linear.weight"),
        (r"\.lin_l\.", ".neighbours."), (r"\.lin_r\.", ".own."), (r"\.lin_rel\.", ".neighbours."),
        (r"\.lin_root\.", ".own."), (r"\.lins\.", ".maps."),
        (r"\.init_weight$", ".linear.weight"), (r"\.root_weight$", ".own.weight"), (r"\.nn\.", ".mlp.output."), *rules,
    )  # fmt: skip

    def apply(ours: Mapping[str, torch.Size], theirs: State) -> State:
        turned = {
            n: t.transpose(-1, -2) if n.endswith(("init_weight", "root_weight")) else t for n, t in theirs.items()
        }
        return {name: tensor.reshape(ours[name]) for name, tensor in translate(ours, turned).items()}

    return apply


HIDDEN: dict[str, Any] = {
    "layers.times": 1, "norm": "identity", "activation": "relu", "dropout": 0.0, "residual": False,
}  # fmt: skip
PLACES = ((r"^convs\.0\.", "layers.blocks.0.conv."), (r"^convs\.1\.", "last.conv."))
BIASES = (*PLACES, (r"conv\.bias$", "conv.bias.bias"))


def over(kind: str, **more: Any) -> Callable[[], Graph]:
    """Two layers of one kind, 12 features to 16 to 3."""
    return member(spaces.small, **HIDDEN | {"*.conv": kind, "layers.*.features": 16} | more)


def projected() -> nn.Module:
    """GraphSAGE whose first layer maps neighbours before their maximum."""
    from torch_geometric.nn import SAGEConv

    return Layers([SAGEConv(12, 16, aggr="max", project=True), SAGEConv(16, 3, aggr="max")])


def uneven(graph: Graph) -> tuple[Tensor, ...]:
    """Random edges: of some nodes more than an LSTM reads, of the last five none."""
    x, _ = example_inputs(graph, seed=3)
    return x, torch.randint(0, x.shape[0] - 5, (2, 120), generator=torch.Generator().manual_seed(4))


def undirected(graph: Graph) -> tuple[Tensor, ...]:
    """Random edges in both directions: torch_geometric's Laplacian takes degrees of sources, ours of targets."""
    x, edges = example_inputs(graph, seed=7)
    half = edges[:, : edges.shape[1] // 2]
    return x, torch.cat((half, half.flip(0)), 1)


def without_epsilon(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Its buffer of GIN's fixed epsilon was made random with the weights."""
    for name, buffer in module.named_buffers():
        if name.endswith("eps"):
            buffer.zero_()
    return module(*inputs)


def several(graph: Graph) -> tuple[Tensor, ...]:
    """Random graphs side by side, edges only inside each; the last graph has no node."""
    x, edges, _ = example_inputs(graph, seed=5)
    each, rng = 13, torch.Generator().manual_seed(6)
    index = (torch.arange(x.shape[0]) // each).clamp(max=2)
    inside = torch.randint(0, each, edges.shape, generator=rng)
    return x, inside + each * torch.randint(0, 3, (1, edges.shape[1]), generator=rng), index


def benchmark(links: str, *ops: str) -> Twin:
    """A network of NAS-Bench-Graph."""
    constants = {"gat": "bias", "gcn": "bias", "arma": "own", "cheb": "maps.0"}
    rules = [(rf"^(layers|norms)\.{k}(?=\.)", rf"\g<1>.{k + 1}") for k in (3, 2, 1, 0)]
    rules += [
        (rf"^(layers\.{k})\.bias$", rf"\g<1>.{constants[op]}.bias") for k, op in enumerate(ops, 1) if op in constants
    ]
    return Twin(
        f"nasbench_graph, {links}, {' '.join(ops)}",
        member(nasbench_graph.small, **nasbench_graph.decisions(links, "-".join(ops))),
        lambda: Benchmark(links, ops, 12, 16, 3),
        rename(*rules),
        without_epsilon,
        undirected,
    )


def lstm_names(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """The plain network keeps its layers by part, ours its parts by layer."""
    made: State = {}
    for name, tensor in theirs.items():
        part, layer, rest = name.split(".", 2)
        place = {"lstms": "gather", "there": "neighbours", "here": "own"}[part]
        start = "layers.blocks.0.conv" if layer == "0" else "last.conv"
        made[f"{start}.{place}.{rest.removesuffix('_l0')}"] = tensor
    return {name: made[name] for name in ours}


GIN_RULES = by_rules(
    (r"^layers\.(\d)\.0\.", r"layers.blocks.\1.conv.mlp.hidden.0.linear."),
    (r"^layers\.(\d)\.1\.", r"layers.blocks.\1.conv.mlp.hidden.0.norm."),
    (r"^layers\.(\d)\.3\.", r"layers.blocks.\1.conv.mlp.output."),
    (r"^norms\.(\d)", r"layers.blocks.\1.norm"), (r"^heads\.(\d)", r"head.\1.linear"),
)  # fmt: skip
TRANSFORMER_RULES = by_rules(
    (r"^degree\.", "degrees."), (r"^distance\.", "bias."), (r"^layers\.(\d)", r"layers.blocks.\1"),
    (r"\.before\.", ".attention.norm."), (r"\.between\.", ".feed_forward.norm."),
    (r"\.(query|key|value|out)\.", r".attention.inner.\1."), (r"\.(up|down)\.", r".feed_forward.inner.\1."),
)  # fmt: skip

TWINS = [
    Twin("gcn, 2 layers", over("gcn"), rows("GCNConv", (12, 16, 3)), rename(*BIASES)),
    Twin("gat, 4 heads, then 2 averaged", over("gat", activation="elu", **{"layers.*.heads": 4, "last.*.heads": 2}),
         attention(12, 4, 4, 3, 2), rename(*BIASES)),
    Twin("graph_sage, mean", over("graph_sage", **{"*.aggregator": "mean", "*.project": False, "*.neighbours": 4}),
         rows("SAGEConv", (12, 16, 3)), rename(*PLACES)),
    Twin("graph_sage, max", over("graph_sage", **{"*.aggregator": "max", "*.project": False, "*.neighbours": 4}),
         rows("SAGEConv", (12, 16, 3), aggr="max"), rename(*PLACES), inputs=uneven),
    Twin("graph_sage, max of mapped neighbours",
         over("graph_sage", **{"*.aggregator": "max", "*.project": True, "*.neighbours": 4}), projected,
         rename(*PLACES, (r"\.linear\.weight$", ".project.weight"), (r"\.lin\.bias$", ".project.bias"))),
    Twin("graph_sage, lstm", over("graph_sage", **{"*.aggregator": "lstm", "*.project": False, "*.neighbours": 4}),
         lambda: reference.SageLSTM(12, 16, 3, 4), lstm_names, inputs=uneven),
    Twin("gin0, 3 graphs and an empty one",
         member(spaces.graphs_small, **HIDDEN | {"layers.times": 2, "*.conv": "gin",
                "layers.*.features": 16, "*.layers": 2, "*.epsilon": False, "*.gin.norm": "batch_norm",
                "norm": "batch_norm", "pool.kind": "sum", "jump": "sum"}),
         lambda: reference.GIN(7, 16, 2, 2, 4), GIN_RULES, inputs=several),
    benchmark("0111", "gcn", "cheb", "arma", "graph"),
    benchmark("0122", "skip", "sage", "gin", "gat"),
    benchmark("0001", "arma", "fc", "cheb", "skip"),
    Twin("graph transformer, 3 graphs and an empty one",
         member(graph_transformer.small, **{"stem.features": 32, "layers.times": 2, "heads": 4, "head_features": 8,
                "*.ratio": 2, "activation": "gelu", "norm": "layer_norm", "pre_norm": True, "dropout": 0.0,
                "bias.hops": 2, "degrees": "degree_encoding", "degrees.*.limit": 4, "pool.kind": "mean"}),
         lambda: reference.GraphTransformer(7, 32, 2, 4, 8, 64, outputs=2, graphs=4, hops=2, degrees=4),
         TRANSFORMER_RULES, inputs=several),
]  # fmt: skip
