"""A graph as nested boxes: nodes grouped by call path, small chains fused, identical neighbours folded.

The outline is what a person would draw: one box for a convolution with its norm and activation, one frame
    for a block,
"×3" for three equal blocks in a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nasengine.report.oplabels import Label, label

if TYPE_CHECKING:
    from nasengine.graph import Graph, Node, TensorType

MAX_BOXES = 90
MAX_NESTING = 8
LIGHT = ("norm", "activation", "shape", "dropout")  # what joins the box of the operation before it


@dataclass(frozen=True)
class Item:
    """A box: one operation, a fused chain of them (`labels`), or a block with `children`.

    `inputs` and `outputs` are value ids that cross its border. `times` equal items in a row are drawn as one.
    """

    name: str
    nodes: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    labels: tuple[Label, ...] = ()
    children: tuple[Item, ...] = ()
    times: int = 1
    again: bool = False  # a module applied once more: its weights were drawn before
    exits: tuple[int, ...] = ()  # the first's own outputs, where `times` are drawn as one
    params: int = 0  # of one
    macs: int = 0

    @property
    def lead(self) -> int:
        """Index of the label that names the box: the first that computes rather than shapes or scales."""
        return next((i for i, one in enumerate(self.labels) if one.family not in LIGHT), 0)

    @property
    def family(self) -> str:
        """What kind of operation leads the box: decides its colour."""
        return self.labels[self.lead].family if self.labels else "block"


@dataclass(frozen=True)
class Outliner:
    """Reads one graph. `costs` gives (params, MACs) per node; `users` the nodes that read a value."""

    nodes: Sequence[Node]
    types: Sequence[TensorType]
    costs: Sequence[tuple[int, int]]
    applied: Counter[str]  # how often a module path is applied
    users: dict[int, tuple[int, ...]]  # node indices; -1 stands for the graph's own output

    def item(
        self, name: str, nodes: Sequence[int], *, labels: tuple[Label, ...] = (), children: tuple[Item, ...] = ()
    ) -> Item:
        """A box around some nodes: its border values and its costs follow from them."""
        inside = set(nodes)
        made = [v for i in nodes for v in self.nodes[i].outputs]
        taken = dict.fromkeys(v for i in nodes for v in self.nodes[i].inputs if v not in made)
        given = tuple(v for v in made if any(user not in inside for user in self.users.get(v, ())))
        params, macs = self._cost(nodes)
        again = all(self.nodes[i].call != self.nodes[i].path for i in nodes)
        border = (tuple(taken), given)
        return Item(name, tuple(nodes), *border, labels, children, 1, again, given, params, macs)

    def label(self, index: int) -> Label:
        """What the node of that index is called."""
        node = self.nodes[index]
        return label(node.op, tuple(self.types[v] for v in node.inputs))

    def _cost(self, nodes: Sequence[int]) -> tuple[int, int]:
        """Parameters of a module applied twice count once; its MACs count each time."""
        params = {self.nodes[i].path: self.costs[i][0] for i in nodes}
        return sum(params.values()), sum(self.costs[i][1] for i in nodes)

    def level(self, nodes: Sequence[int], depth: int, prefix: int, deepest: int) -> tuple[Item, ...]:
        """The boxes of one frame, `prefix` path segments deep."""
        groups = _acyclic(self._by_segment(nodes, prefix), self.nodes)
        items: list[Item] = []
        for name, inside in groups:
            items += self._boxed(name, inside, depth, prefix, deepest)
        return tuple(self._folded(self._fused(items)))

    def _by_segment(self, nodes: Sequence[int], prefix: int) -> list[tuple[str, list[int]]]:
        groups: dict[str, list[int]] = {}
        for i in nodes:
            segments = self.nodes[i].call.split(".")
            groups.setdefault(segments[prefix] if prefix < len(segments) else "", []).append(i)
        return list(groups.items())

    def _boxed(self, name: str, nodes: Sequence[int], depth: int, prefix: int, deepest: int) -> list[Item]:
        if len(nodes) == 1:
            return [self.item(name, nodes, labels=(self.label(nodes[0]),))]
        children = self.level(nodes, depth + 1, prefix + 1, deepest)
        if len(children) == 1:  # a frame around one box says nothing: the box takes its name
            only = children[0]
            return [replace(only, name=name if only.labels else f"{name}.{only.name}")]
        if depth >= deepest:
            return [self.item(name, nodes, labels=(self._summary(nodes),))]
        if depth >= MAX_NESTING or (depth and _is_list(children)):
            return [replace(child, name=f"{name}.{child.name}") for child in children]
        return [self.item(name, nodes, children=children)]

    def _summary(self, nodes: Sequence[int]) -> Label:
        """The label of a closed frame: how many of each operation it holds."""
        count = Counter(self.label(i).kind for i in nodes)
        return Label("block", "", ", ".join(f"{n} {kind}" for kind, n in count.most_common(4)))

    def _fused(self, items: Sequence[Item]) -> list[Item]:
        """Joins a norm, an activation or a reshaping to the box whose only output it reads."""
        done: list[Item] = []
        for item in items:
            at = next((i for i, before in enumerate(done) if self._joins(before, item)), None)
            if at is None:
                done.append(item)
                continue
            before = done[at]
            name = before.name if before.name == item.name else f"{before.name} … {item.name}"
            joined = (*before.labels, *item.labels)
            done[at] = self.item(name, (*before.nodes, *item.nodes), labels=joined)
        return done

    def _joins(self, before: Item, item: Item) -> bool:
        if not (before.labels and item.labels):
            return False
        follows = all(one.family in LIGHT for one in item.labels)
        leads = all(one.family in LIGHT for one in before.labels) and item.family in ("conv", "linear")
        if not follows and not leads:
            return False
        lone = item.inputs == before.outputs and len(item.inputs) == 1 and before.times == item.times == 1
        read = self.users.get(before.outputs[0], ()) if lone else ()
        return lone and set(read) <= set(item.nodes) and len(before.labels) + len(item.labels) <= 5

    def _folded(self, items: Sequence[Item]) -> Iterable[Item]:
        """Equal boxes in a row become one with a count."""
        run: list[Item] = []
        for item in items:
            if run and self._repeats(run[-1], item):
                run.append(item)
                continue
            yield from self._as_one(run)
            run = [item]
        yield from self._as_one(run)

    def _as_one(self, run: Sequence[Item]) -> Iterable[Item]:
        if run:
            first, last = run[0], run[-1]
            name = first.name if len(run) == 1 else f"{first.name} … {last.name}"
            yield replace(first, name=name, outputs=last.outputs, exits=first.exits, times=first.times * len(run))

    def _repeats(self, before: Item, item: Item) -> bool:
        heavy = item.children or item.labels[0].family not in (*LIGHT, "merge")
        lone = len(item.inputs) == len(item.outputs) == 1 and item.inputs == before.outputs
        lone = lone and before.times == item.times == 1
        if not heavy or not lone or set(self.users.get(before.outputs[0], ())) - set(item.nodes):
            return False
        same = self.signature(before.nodes) == self.signature(item.nodes)
        shared = any(self.applied[self.nodes[i].path] > 1 for i in (*before.nodes, *item.nodes))
        siblings = before.name.rpartition(".")[0] == item.name.rpartition(".")[0]
        return same and siblings and not shared

    def signature(self, nodes: Sequence[int]) -> Hashable:
        """What two boxes must share to be drawn as one: operations, wiring and types, not names."""
        place = {v: (k, j) for k, i in enumerate(nodes) for j, v in enumerate(self.nodes[i].outputs)}
        return tuple(
            (
                self.nodes[i].op,
                tuple(place.get(v, self.types[v]) for v in self.nodes[i].inputs),
                tuple(self.types[v] for v in self.nodes[i].outputs),
            )
            for i in nodes
        )


def _is_list(children: Sequence[Item]) -> bool:
    """A list of blocks (numbered children, frames among them), as a stage is: its frame says nothing."""
    numbered = all(child.name.replace(" … ", ".").rpartition(".")[2].isdigit() for child in children)
    return numbered and any(child.children for child in children)


def _leaves(items: Iterable[Item]) -> Iterable[Item]:
    for item in items:
        yield from _leaves(item.children) if item.children else (item,)


def _acyclic(groups: list[tuple[str, list[int]]], nodes: Sequence[Node]) -> list[tuple[str, list[int]]]:
    """Groups in topological order; one that both feeds and reads another is cut where the order cuts it."""
    owner = {i: g for g, (_, inside) in enumerate(groups) for i in inside}
    maker = {v: i for i in owner for v in nodes[i].outputs}
    needs: list[set[int]] = [set() for _ in groups]
    for i, g in owner.items():
        needs[g] |= {owner[maker[v]] for v in nodes[i].inputs if v in maker} - {g}
    done: list[int] = []
    while len(done) < len(groups):
        ready = [g for g in range(len(groups)) if g not in done and needs[g] <= set(done)]
        if not ready:
            return _runs(groups, owner)
        done += ready[:1]
    return [groups[g] for g in done]


def _runs(groups: list[tuple[str, list[int]]], owner: dict[int, int]) -> list[tuple[str, list[int]]]:
    runs: list[tuple[str, list[int]]] = []
    last = -1
    for i in sorted(owner):
        if owner[i] != last:
            runs.append((groups[owner[i]][0], []))
        runs[-1][1].append(i)
        last = owner[i]
    return runs


def node_cost(graph: Graph, node: Node) -> tuple[int, int]:
    """(parameters, MACs) of one call of one primitive, in closed form."""
    inputs = tuple(graph.types[v] for v in node.inputs)
    outputs = tuple(graph.types[v] for v in node.outputs)
    params = sum(p.numel for p in node.op.parameters(*inputs) if p.trainable)
    return params, node.op.macs(inputs, outputs)


def outline(graph: Graph) -> tuple[Item, ...]:
    """The boxes of a graph, outermost first; the deepest frames close until there are at most `MAX_BOXES`."""
    users: dict[int, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for value in node.inputs:
            users.setdefault(value, []).append(i)
    for value in graph.outputs.values():
        users.setdefault(value, []).append(-1)
    reader = Outliner(
        graph.nodes,
        graph.types,
        [node_cost(graph, node) for node in graph.nodes],
        Counter(node.path for node in graph.nodes),
        {value: tuple(found) for value, found in users.items()},
    )
    everything = range(len(graph.nodes))
    items: tuple[Item, ...] = ()
    for deepest in range(8, -1, -1):
        items = reader.level(everything, 0, 0, deepest)
        if sum(1 for _ in _leaves(items)) <= MAX_BOXES:
            break
    return items
