"""Reading: what a surrogate counts in a network, without torch.

A network is read as its simplified graph, so that a dead branch, an identity and the order of terms change nothing. In
a part whose operations branch, operations in a row are one node, and the nodes are counted by their Weisfeiler-Lehman
colours (Shervashidze et al., 2011, "Weisfeiler-Lehman graph kernels", section 3.1; on cells: Ru et al., 2021,
"Interpretable neural architecture search via Bayesian optimisation with Weisfeiler-Lehman kernels") and by the paths
from its inputs to its outputs (White et al., 2021, "BANANAS", section 4). Parts in a row are read one by one and added
up, so that what members share is read once.

Labels name an operation and its small numbers (window, stride, dilation, kind of groups). Widths and resolutions are no
part of them: they are in the numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from nasengine.graph.fragment import Fragment
from nasengine.graph.graph import Screened, cost_of, id_of, lower_network
from nasengine.graph.simplify import simplify
from nasengine.graph.vocabulary import Primitive
from nasengine.space.spec import Spec, field_names

if TYPE_CHECKING:
    from nasengine.space import Architecture

ROUNDS = 3
"""Rounds of colour refinement."""
PATHS = 32
"""A part with more distinct paths than this is read without them."""
SMALL = 8
"""Whole numbers up to here are hyper-parameters where they equal no size of the tensors."""
KEPT = 16_384
"""Fragments whose counts are remembered."""
Token = bytes


@dataclass(slots=True)
class Counts:
    """What is counted in a part of a network.

    Args:
        graph: colour to number.
        paths: path to number.
        size: primitives.
        depth: primitives on the longest path.
        weighted: primitives with parameters, and the sums over them of log2 of parameters and of output elements.
    """

    graph: Counter[Token] = field(default_factory=Counter)
    paths: Counter[Token] = field(default_factory=Counter)
    size: int = 0
    depth: int = 0
    weighted: tuple[int, float, float] = (0, 0.0, 0.0)

    def add(self, other: Counts, times: int = 1) -> None:
        """Take another part in, so many times; all but its depth."""
        for mine, more in ((self.graph, other.graph), (self.paths, other.paths)):
            for token, n in more.items():
                mine[token] = mine.get(token, 0) + times * n
        self.size += times * other.size
        n, params, elements = other.weighted
        m, p, e = self.weighted
        self.weighted = (m + times * n, p + times * params, e + times * elements)

    def numbers(self) -> dict[str, float]:
        """Size, depth, and means over the primitives with parameters."""
        n, params, elements = self.weighted
        return {
            "size": math.log1p(self.size),
            "depth": math.log1p(self.depth),
            "weights": params / max(n, 1),
            "elements": elements / max(n, 1),
        }


class Node(NamedTuple):
    """One node of a part: operations in a row, a merge, or a part that branches within."""

    label: bytes
    args: tuple[int, ...]
    outs: tuple[int, ...]
    depth: int
    unit: str
    """Which part of the composite it is in, where it is operations in a row; else empty."""


class Reader:
    """Reads networks and remembers what it read of each part (a bounded memory)."""

    def __init__(self) -> None:
        self._counts: dict[Fragment, Counts] = {}
        self._structures: dict[object, Counts] = {}
        self._straight: dict[Fragment, tuple[bytes, Counts] | None] = {}

    def read(self, architecture: Architecture) -> Counts:
        """Counts of all networks of an architecture together.

        Raises:
            ShapeError: types that cannot meet.
        """
        made = Counts()
        several = len(architecture.networks) > 1
        for name, net in sorted(architecture.networks.items()):
            simple = simplify(lower_network(net, net.body_path(name)))
            if not several and net.deployed and architecture._screened is None:  # lowered once for all readings
                architecture._screened = Screened(id_of(simple), cost_of(simple))
            one = self.counts(simple)
            if several:
                graph = Counter({_hashed(name.encode() + token): n for token, n in one.graph.items()})
                paths = Counter({_hashed(name.encode() + token): n for token, n in one.paths.items()})
                one = Counts(graph, paths, one.size, one.depth, one.weighted)
            made.add(one)
            made.depth = max(made.depth, one.depth)
        return made

    def counts(self, fragment: Fragment) -> Counts:
        """Counts of a simplified fragment."""
        if getattr(fragment.block, "row", None) is not None and fragment.is_row:
            return self._row(fragment)  # made anew with each network
        found = self._counts.get(fragment)
        if found is None:
            if len(self._counts) >= KEPT:
                self._counts.clear()
                self._straight.clear()
            found = self._counts[fragment] = self._count(fragment)
        return found

    def _count(self, fragment: Fragment) -> Counts:
        if fragment.call is not None:
            return _leaf(fragment)
        return self._branched(fragment)

    def _row(self, fragment: Fragment) -> Counts:
        """Parts in a row: the sum of theirs, and which kind follows which."""
        parts = [call.fragment for call in fragment.calls if not call.fragment.passes_through]
        made = Counts()
        for part, times in Counter(parts).items():
            one = self.counts(part)
            made.add(one, times)
            made.depth += times * one.depth
        labels = [b"", *map(self._label, parts)]
        for (before, label), times in Counter(zip(labels, labels[1:], strict=False)).items():
            made.graph[_hashed(b"row" + before + b">" + label)] += times
        return made

    def _branched(self, fragment: Fragment) -> Counts:
        made = Counts()
        nodes, refs = self._nodes(fragment, made)
        made.depth = _deepest(nodes, refs)
        key = (tuple([(node.label, node.args, node.outs) for node in nodes]), refs, len(fragment.inputs))
        if key not in self._structures:
            if len(self._structures) >= KEPT:
                self._structures.clear()
            colors, paths = Counter[Token](), Counter[Token]()
            _colors(nodes, refs, len(fragment.inputs), colors)
            _paths(nodes, refs, len(fragment.inputs), paths)
            self._structures[key] = Counts(colors, paths)
        made.add(self._structures[key])
        return made

    def _nodes(self, fragment: Fragment, made: Counts) -> tuple[list[Node], tuple[int, ...]]:
        """Nodes over the fragment's value numbers; ``made`` takes in what stands inside of them.

        As in the canonical form, a sum of sums is one sum, and equal operations without state on one input are one.
        """
        alias = list(range(len(fragment.inputs)))
        known: dict[tuple[bytes, tuple[int, ...]], tuple[int, ...]] = {}
        terms: dict[int, tuple[int, ...]] = {}
        found: list[tuple[Node, Counts]] = []
        for call in fragment.calls:
            part, outs = call.fragment, tuple(call.outs)
            args = tuple([alias[a] for a in call.args])
            if part.passes_through:
                alias.extend([args[r] for r in part.refs])
                continue
            op = part.block
            if part.call is not None and isinstance(op, Primitive):
                if op.on_zero() == "summand":
                    args = terms[outs[0]] = tuple([t for a in args for t in terms.get(a, (a,))])
                if part.label[0] == 1:  # pure
                    same = known.setdefault((part.label, tuple(sorted(args)) if op.commutative else args), outs)
                    alias.extend(same)
                    if same is not outs:
                        continue
                else:
                    alias.extend(outs)
            else:
                alias.extend(outs)
            row = self._row_of(part)
            label, inside = (_named(part), self.counts(part)) if row is None else row
            unit = "" if row is None else call.module.partition(".")[0]
            found.append((Node(label, args, outs, inside.depth, unit), inside))
        refs = tuple([alias[r] for r in fragment.refs])
        nodes, uses = _alive(found, refs, made)
        return _joined(nodes, uses), refs

    def _row_of(self, fragment: Fragment) -> tuple[bytes, Counts] | None:
        """Labels and plain counts of a fragment that is primitives in a row; else None."""
        if fragment not in self._straight:
            self._straight[fragment] = self._find_row(fragment)
        return self._straight[fragment]

    def _find_row(self, fragment: Fragment) -> tuple[bytes, Counts] | None:
        if len(fragment.inputs) != 1 or len(fragment.outputs) != 1:
            return None
        if fragment.call is not None:
            op = fragment.block
            branches = isinstance(op, Primitive) and (op.commutative or op.on_zero() == "source")
            return None if branches else (_named(fragment), _leaf(fragment))
        if not fragment.is_row:
            return None
        made, labels = Counts(), []
        for call in fragment.calls:
            row = self._row_of(call.fragment)
            if row is None:
                return None
            made.add(row[1])
            made.depth += row[1].depth
            labels.append(row[0])
        return b" ".join([label for label in labels if label]), made

    def _label(self, fragment: Fragment) -> bytes:
        row = self._row_of(fragment)
        return _named(fragment) if row is None else row[0]


def _leaf(fragment: Fragment) -> Counts:
    made = Counts(Counter({_hashed(_named(fragment)): 1}), size=1, depth=1)
    if fragment.params:
        elements = sum([t.numel for t in fragment.outputs])
        made.weighted = (1, math.log2(1 + fragment.params), math.log2(1 + elements))
    return made


def _named(fragment: Fragment) -> bytes:
    """An operation and its small numbers."""
    found: bytes | None = fragment.__dict__.get("_surrogate_label")
    if found is None:
        sizes = {n for t in (*fragment.inputs, *fragment.outputs) for n in t.shape if n > 4}
        found = fragment.__dict__["_surrogate_label"] = _described(fragment.block, sizes).encode()
    return found


def _described(block: Spec, sizes: set[int]) -> str:
    parts = [_value(getattr(block, name), sizes) for name in field_names(type(block))]
    return f"{block.tag}({','.join(parts)})"


def _value(value: Any, sizes: set[int]) -> str:
    if isinstance(value, Spec):
        return value.tag
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return "~" if value in sizes or value > 2 * SMALL else str(value)
    if isinstance(value, float):
        return f"{value:.2g}"
    if isinstance(value, tuple) and len(value) <= 3 and all(type(v) is int for v in value):
        return "x".join(_value(v, sizes) for v in value)
    return "*"


def _alive(found: list[tuple[Node, Counts]], refs: tuple[int, ...], made: Counts) -> tuple[list[Node], Counter[int]]:
    """Nodes that an output depends on, and how often each value is read; ``made`` takes in what stands inside."""
    uses = Counter(refs)
    kept: list[Node] = []
    for node, inside in reversed(found):
        if any(out in uses for out in node.outs):
            uses.update(node.args)
            made.add(inside)
            kept.append(node)
    return kept[::-1], uses


def _joined(nodes: list[Node], uses: Counter[int]) -> list[Node]:
    """Nodes in a row that are in one part as one, where nothing else reads what is between them."""
    made: list[Node] = []
    maker: dict[int, int] = {}
    for node in nodes:
        before = maker.get(node.args[0]) if node.unit else None
        if before is not None and made[before].unit == node.unit and uses[node.args[0]] == 1:
            first = made[before]
            label = first.label + b" " + node.label
            made[before] = Node(label, first.args, node.outs, first.depth + node.depth, node.unit)
            maker[node.outs[0]] = before
            continue
        maker.update(dict.fromkeys(node.outs, len(made)))
        made.append(node)
    return made


def _deepest(nodes: list[Node], refs: tuple[int, ...]) -> int:
    reached: dict[int, int] = {}
    for node in nodes:
        depth = node.depth + max([reached.get(a, 0) for a in node.args], default=0)
        reached.update(dict.fromkeys(node.outs, depth))
    return max([reached.get(r, 0) for r in refs], default=0)


def _colors(nodes: list[Node], refs: tuple[int, ...], inputs: int, into: Counter[Token]) -> None:
    """Count the colours of every round; a node sees what it reads and what reads it."""
    maker = {out: k for k, node in enumerate(nodes) for out in node.outs}
    before: list[list[int]] = [[maker.get(a, -1 - a) for a in node.args] for node in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for k, made in enumerate(before):
        for b in made:
            if b >= 0:
                after[b].append(k)
    ends = [0] * len(nodes)
    for r in refs:
        if r in maker:
            ends[maker[r]] += 1
    given = {-1 - i: b"x%d" % i for i in range(inputs)}
    colors = [_hashed(b"n" + node.label) for node in nodes]
    into.update(colors)
    for _ in range(ROUNDS):
        colors = [
            _hashed(
                colors[k]
                + b"<".join(sorted([colors[b] if b >= 0 else given[b] for b in before[k]]))
                + b">"
                + b"".join(sorted([colors[a] for a in after[k]]))
                + b"|%d" % ends[k]
            )
            for k in range(len(nodes))
        ]
        into.update(colors)


def _paths(nodes: list[Node], refs: tuple[int, ...], inputs: int, into: Counter[Token]) -> None:
    """Count the paths from inputs to outputs, by the operations on them; merges are left out."""
    found: dict[int, Counter[bytes]] = {i: Counter({b"x%d" % i: 1}) for i in range(inputs)}
    for node in nodes:
        here: Counter[bytes] = Counter()
        for a in node.args:
            here.update(found.get(a, {}))
        if len(here) > PATHS:
            return
        if len(node.args) == 1:
            here = Counter({path + b" " + node.label: n for path, n in here.items()})
        found.update(dict.fromkeys(node.outs, here))
    for r in refs:
        into.update({_hashed(b"p" + path): n for path, n in found.get(r, {}).items()})


def _hashed(data: bytes) -> Token:
    return blake2b(data, digest_size=8).digest()


def decided(decisions: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Decisions as sorted text: what tells two decision sets apart."""
    return tuple(sorted((path, repr(label)) for path, label in decisions.items()))
