"""NAS-Bench-Graph: graph networks of four layers, wired as a tree.

The space of Qin et al.: the input of each of four layers is the data or an earlier layer, which makes nine trees, and
each layer is one of nine operations; layers that no other reads stand side by side before a perceptron of one hidden
layer. All 9 x 9^4 decisions are members; the table holds the 26,206 that are left when equal ones (in another order, or
with an operation that only hands on) are left out. `space` is that of Cora, `citeseer` and `arxiv` those of two other
data sets of the table. Hidden features are fixed at 256, 256 and 128, those at which every row has its parameters;
dropout is fixed too, at 0.5 for all three.

A layer normalises what it takes, applies ReLU and dropout, and then its operation; one that takes the data, or the data
handed on by `skip`, takes them as they are. References are what the authors start from: two or three layers of one
kind.

Papers: Qin et al. (2022), "NAS-Bench-Graph: benchmarking graph neural architecture search", section 3; operations of
Velickovic et al. (2018), Kipf and Welling (2017), Xu et al. (2019), Defferrard et al. (2016), Hamilton et al. (2017),
Bianchi et al. (2021), Morris et al. (2019).
Input: nodes and edges; of Cora 2,708 x 1,433 and 10,556 edges, of Citeseer and ogbn-arxiv alike.
Task: the class of each node: 7, 6 and 40 classes.
Counts: a layer of m features onto H: `gcn`, `gin` and `fc` H (m + 1), `gat` H (m + 3), `cheb`, `sage`, `arma` and
`graph` H (2 m + 1), `skip` none; its norm 2 m; the perceptron H (k + 1) + C (H + 1) on k features side by side. The
published networks hold more, that no output depends on: the norm of H features of a layer that takes the data, and H x
H weights in each `arma`, of a second step that is not made. With `held=True` a network holds these too, and its
parameters as declared equal the table's `params_m` in every row.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Composite, EdgeIndex, Nodes, Space, Value, Wiring, block, choice
from nasengine.blocks import (
    ARMA,
    GAT,
    GCN,
    GIN,
    BatchNorm,
    Cheb,
    Concat,
    Dropout,
    GraphConv,
    GraphSAGE,
    Identity,
    Linear,
    ReLU,
)
from nasengine.errors import SpaceError
from nasengine.space import Label

LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
"""For each layer what it takes: 0 the data, k the k-th layer."""
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
DATA = {
    "cora": (2_708, 1_433, 10_556, 7, 256),
    "citeseer": (3_327, 3_703, 9_104, 6, 256),
    "arxiv": (169_343, 128, 1_166_243, 40, 128),
}
"""Nodes, features, directed edges, classes, hidden features."""


def operation(name: str, hidden: int) -> Block:
    """The block of a published name; ``fc`` and ``skip`` take no edges."""
    return {
        "gat": GAT(hidden, 4), "gcn": GCN(hidden), "gin": GIN(hidden), "cheb": Cheb(hidden), "sage": GraphSAGE(hidden),
        "arma": ARMA(hidden), "graph": GraphConv(hidden), "fc": Linear(hidden), "skip": Identity(),
    }[name]  # fmt: skip


@block("nasbench_graph")
class NASBenchGraph(Composite):
    """A network of the space. (N, F), (2, E) → (N, classes).

    Args:
        links: one of :data:`LINKS`.
        operations: names out of :data:`OPERATIONS`, one a layer.
        hidden: features of every layer.
        classes: of the nodes.
        dropout: of the data and of what layers take.
        held: hold the tensors too that the published networks hold and no output depends on.
    """

    links: str
    operations: tuple[str, ...]
    hidden: int
    classes: int
    dropout: float = 0.5
    held: bool = False

    def validate(self) -> None:
        if self.links not in LINKS or len(self.operations) != 4 or set(self.operations) - set(OPERATIONS):
            raise SpaceError(
                f"nasbench_graph: links of {', '.join(LINKS)} and four operations of {', '.join(OPERATIONS)}; "
                f"got {self.links!r} and {self.operations}"
            )

    def wire(self, net: Wiring, x: Value, edges: Value) -> Value:
        seen = [net(Dropout(self.dropout), x, name="drop")]
        raw, unread = [True], []  # does a value hold the data themselves?
        for k, (link, name) in enumerate(zip(map(int, self.links), self.operations, strict=True), 1):
            given = seen[link]
            if raw[link]:
                unread.append(f"norms.{k}")
            else:
                given = net(ReLU(), net(BatchNorm(), given, name=f"norms.{k}"), name=f"acts.{k}")
                given = net(Dropout(self.dropout), given, name=f"drops.{k}")
            takes = (given,) if name in ("fc", "skip") else (given, edges)
            seen.append(net(operation(name, self.hidden), *takes, name=f"layers.{k}"))
            raw.append(raw[link] and name == "skip")
        leaves = [seen[k] for k in range(1, 5) if str(k) not in self.links]
        y = net(ReLU(), net(Concat(), *leaves, name="concat"), name="act")
        y = net(Linear(self.hidden), y, name="perceptron.0")
        if self.held:
            self.hold(net, y, unread)
        made: Value = net(Linear(self.classes), y, name="perceptron.1")
        return made

    def hold(self, net: Wiring, value: Value, norms: list[str]) -> None:
        """Modules whose outputs nothing reads."""
        for name in norms:
            net(BatchNorm(), value, name=name)
        for k, name in enumerate(self.operations, 1):
            if name == "arma":
                net(Linear(self.hidden, bias=False), value, name=f"steps.{k}")


def decisions(links: str, ops: str) -> dict[str, Label]:
    """Decisions of a row of the table: ``"0112"`` and ``"gat-gcn-fc-skip"``.

    Raises:
        SpaceError: not four operations.
    """
    names = ops.split("-")
    if len(names) != 4:
        raise SpaceError(f"{ops!r}: four operations are written gat-gcn-fc-skip; this has {len(names)}")
    return {"links": links, **{f"op{k}": name for k, name in enumerate(names, 1)}}


def nasbench_graph(
    sizes: tuple[int, int, int, int, int] = (40, 12, 120, 3, 16),
    *,
    held: bool = False,
    name: str = "nasbench-graph-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space of a data set.

    Args:
        sizes: nodes, features, edges, classes, hidden features.
        held: see :class:`NASBenchGraph`.
    """
    nodes, features, edges, classes, hidden = sizes
    operations = tuple(choice(*OPERATIONS, name=f"op{k}") for k in range(1, 5))
    network = NASBenchGraph(choice(*LINKS, name="links"), operations, hidden, classes, held=held)
    inputs = {"nodes": Nodes(nodes, features), "edges": EdgeIndex(edges)}
    return Space(name, inputs=inputs, network=network, references=references)


REFERENCES = {
    f"{op}_{depth}": decisions("0123", "-".join(["skip"] * (4 - depth) + [op] * depth))
    for op in ("gcn", "gat", "gin", "graph", "sage")
    for depth in (2, 3)
}

space = nasbench_graph(DATA["cora"], name="nasbench-graph", references=REFERENCES)
citeseer = nasbench_graph(DATA["citeseer"], name="nasbench-graph-citeseer", references=REFERENCES)
arxiv = nasbench_graph(DATA["arxiv"], name="nasbench-graph-arxiv", references=REFERENCES)
small = nasbench_graph()
