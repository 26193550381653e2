"""Counting decision sets, and the bijection ``i -> decisions``.

Without ties a tree counts itself: products over fields, sums over options. A name used more than once couples distant
places. Where such a decision changes what else is open, counting conditions on its label: for every joint assignment it
counts, by which of the tied names a member reaches, and adds each (reached names, their labels) once; other tied names
only multiply. Exact, also with ties, conditions and repeats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

from nasengine.errors import SpaceError
from nasengine.space.choices import Choice, Integer, Uniform
from nasengine.space.spec import Label, is_open
from nasengine.space.walk import CompiledNode, DomainNode, RepeatNode, SpecNode, TupleNode

JOINT_LIMIT = 100_000
Names = frozenset[str]
Counts = dict[Names, int]
"""Members by the set of tied names they reach."""
_NONE: Names = frozenset()
_ONE: Counts = {_NONE: 1}


class Infinite(Exception):  # noqa: N818 - a signal between two functions of this file
    """A real-valued position makes the count infinite."""


class Counter:
    """Counts and unranks the decision sets of compiled roots (fields of one tuple).

    Counting conditions on tied names that shape what is open: those whose options hold open parts, and those that a
    repeat takes its count from. Any other tied name multiplies the count by its options wherever it is reached.
    """

    def __init__(self, roots: TupleNode) -> None:
        self.root = roots
        self.tied = _tied_names(roots)
        self._counts: dict[Any, Counts] = {}
        self._closures: dict[Any, Counts] = {}
        self._below: dict[int, Names] = {}
        self._repeats = self._times_names(roots).union(
            *(self._times_names(child) for node in self.tied.values() for child in below(node))
        )
        self.shaping = [n for n in sorted(self.tied) if self._shapes(self.tied[n])]
        self._cells: list[tuple[Names, dict[str, Label], int]] | None = None

    def cells(self) -> list[tuple[Names, dict[str, Label], int]]:
        """(tied names reached, their labels, members), in a fixed order; the whole space once."""
        if self._cells is None:
            found: dict[Any, tuple[Names, dict[str, Label], int]] = {}
            for labels in self._assignments():
                for names, count in self._reach(labels).items():
                    mine = {n: labels[n] for n in self.shaping if n in names}
                    ways = math.prod(len(_labels(self.tied[n])) for n in names - mine.keys())
                    key = (names, tuple((n, repr(v)) for n, v in mine.items()))
                    found.setdefault(key, (names, mine, count * ways))
            self._cells = list(found.values())
        return self._cells

    def size(self) -> int | float:
        """Number of decision sets; infinite with a real-valued position."""
        try:
            return sum(count for _, _, count in self.cells())
        except Infinite:
            return math.inf

    def decisions(self, index: int) -> dict[str, Label]:
        """The decision set at ``index``."""
        out: dict[str, Label] = {}
        for names, labels, count in self.cells():
            if index < count:
                chosen = dict(labels)
                for name in sorted(names - labels.keys()):
                    options = _labels(self.tied[name])
                    index, place = divmod(index, len(options))
                    chosen[name] = options[place]
                self._unrank_cell(index, names, chosen, out)
                return out
            index -= count
        raise IndexError(index)

    # --- tied names -------------------------------------------------------------------------------------------

    def _assignments(self) -> Iterator[dict[str, Label]]:
        names = self.shaping
        options = [_labels(self.tied[n]) for n in names]
        joint = math.prod(len(o) for o in options)
        if joint > JOINT_LIMIT:
            shown = ", ".join(f"{n} ({len(o)})" for n, o in zip(names, options, strict=True))
            raise SpaceError(
                "size: counting conditions on the names used more than once that decide what else is open, "
                f"at most {JOINT_LIMIT:,} joint options; got {joint:,} from {shown}; "
                "untie one of them, or give it fewer options"
            )
        for labels in product(*options):
            yield dict(zip(names, labels, strict=True))

    def _reach(self, labels: dict[str, Label]) -> Counts:
        out: Counts = {}
        for names, count in self.count(self.root, labels).items():
            for final, ways in self._closure(names, _NONE, labels).items():
                out[final] = out.get(final, 0) + count * ways
        return out

    def _closure(self, reached: Names, done: Names, labels: dict[str, Label]) -> Counts:
        """Ways to decide what stands under the tied names reached, by the names reached in the end."""
        todo = sorted(reached - done)
        if not todo:
            return {reached: 1}
        out: Counts = {}
        for names, count in self._under(todo[0], labels).items():
            for final, ways in self._closure(reached | names, done | {todo[0]}, labels).items():
                out[final] = out.get(final, 0) + count * ways
        return out

    def _under(self, name: str, labels: dict[str, Label]) -> Counts:
        node = self.tied[name]
        if name not in self.shaping:
            return _ONE
        return self.count(node.option(labels[name]), labels) if isinstance(node.domain, Choice) else _ONE

    def _unrank_cell(self, index: int, final: Names, labels: dict[str, Label], out: dict[str, Label]) -> None:
        for names, count in _ordered(self.count(self.root, labels)):
            if not names <= final:  # another branch; its names have no label in this cell
                continue
            ways = self._closure(names, _NONE, labels).get(final, 0)
            if index < count * ways:
                here, rest = divmod(index, ways)
                self.unrank(self.root, names, here, labels, out)
                self._unrank_closure(rest, names, _NONE, final, labels, out)
                return
            index -= count * ways

    def _unrank_closure(
        self, index: int, reached: Names, done: Names, final: Names, labels: dict[str, Label], out: dict[str, Label]
    ) -> None:
        todo = sorted(reached - done)
        if not todo:
            return
        name = todo[0]
        out[self.tied[name].path] = labels[name]
        for names, count in _ordered(self._under(name, labels)):
            if not names <= final:
                continue
            ways = self._closure(reached | names, done | {name}, labels).get(final, 0)
            if index < count * ways:
                here, rest = divmod(index, ways)
                node = self.tied[name]
                if isinstance(node.domain, Choice):
                    self.unrank(node.option(labels[name]), names, here, labels, out)
                self._unrank_closure(rest, reached | names, done | {name}, final, labels, out)
                return
            index -= count * ways

    # --- one tree ---------------------------------------------------------------------------------------------

    def count(self, node: CompiledNode, labels: dict[str, Label]) -> Counts:
        """Members of a subtree by tied names reached, when tied counts of repeats have these labels."""
        key = (id(node.source), tuple((n, labels[n]) for n in sorted(self._times_names(node)) if n in labels))
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = self._count(node, labels)
        return found

    def _count(self, node: CompiledNode, labels: dict[str, Label]) -> Counts:
        if isinstance(node, DomainNode):
            return self._count_domain(node, labels)
        if isinstance(node, RepeatNode):
            return _sum(self._count_times(node, times, labels) for times in self._times(node, labels))
        counts = _ONE
        for child in children(node):
            counts = _join(counts, self.count(child, labels))
        return counts

    def _count_domain(self, node: DomainNode, labels: dict[str, Label]) -> Counts:
        if node.name in self.tied:
            return {frozenset([node.name]): 1}
        if isinstance(node.domain, Uniform):
            raise Infinite
        if isinstance(node.domain, Integer):
            return {_NONE: len(node.domain.labels)}
        return _sum(self.count(node.option(label), labels) for label in _labels(node))

    def _times(self, node: RepeatNode, labels: dict[str, Label]) -> list[tuple[Label, int]]:
        """(label, times) pairs that a repeat may take."""
        times = node.times
        if not isinstance(times, DomainNode):
            return [(None, times.source)]
        options = [labels[times.name]] if times.name in self.tied and times.name in labels else _labels(times)
        return [(o, _value(times, o)) for o in options]

    def _count_times(self, node: RepeatNode, times: tuple[Label, int], labels: dict[str, Label]) -> Counts:
        counts = self._count_label(node, labels)
        for i in range(times[1]):
            counts = _join(counts, self.count(node.copy(i), labels))
        return counts

    def _count_label(self, node: RepeatNode, labels: dict[str, Label]) -> Counts:
        times = node.times
        return {frozenset([times.name]): 1} if isinstance(times, DomainNode) and times.name in self.tied else _ONE

    def _tied_times(self, node: RepeatNode) -> bool:
        return isinstance(node.times, DomainNode) and node.times.name in self.tied

    def unrank(
        self, node: CompiledNode, names: Names, index: int, labels: dict[str, Label], out: dict[str, Label]
    ) -> None:
        """Write the decisions of the ``index``-th member of a subtree that reaches exactly ``names``."""
        if isinstance(node, DomainNode):
            self._unrank_domain(node, names, index, labels, out)
        elif isinstance(node, RepeatNode):
            self._unrank_repeat(node, names, index, labels, out)
        else:
            self._unrank_all(list(children(node)), names, index, labels, out)

    def _unrank_domain(
        self, node: DomainNode, names: Names, index: int, labels: dict[str, Label], out: dict[str, Label]
    ) -> None:
        if node.name in self.tied:
            return
        if isinstance(node.domain, Integer):
            out[node.path] = node.domain.labels[index]
            return
        for label in _labels(node):
            count = self.count(node.option(label), labels).get(names, 0)
            if index < count:
                out[node.path] = label
                self.unrank(node.option(label), names, index, labels, out)
                return
            index -= count

    def _unrank_repeat(
        self, node: RepeatNode, names: Names, index: int, labels: dict[str, Label], out: dict[str, Label]
    ) -> None:
        for times in self._times(node, labels):
            count = self._count_times(node, times, labels).get(names, 0)
            if index >= count:
                index -= count
                continue
            tied = self._tied_times(node)
            if isinstance(node.times, DomainNode) and not tied:
                out[node.times.path] = times[0]
            copies: list[CompiledNode] = [node.copy(i) for i in range(times[1])]
            self._unrank_all(([node.times] if tied else []) + copies, names, index, labels, out)
            return

    def _unrank_all(
        self, nodes: list[CompiledNode], names: Names, index: int, labels: dict[str, Label], out: dict[str, Label]
    ) -> None:
        suffixes = [_ONE]
        for node in reversed(nodes):
            suffixes.append(_join(self.count(node, labels), suffixes[-1]))
        suffixes.reverse()
        for node, suffix in zip(nodes, suffixes[1:], strict=True):
            mine, names, here, index = self._split(self.count(node, labels), suffix, names, index)
            self.unrank(node, mine, here, labels, out)

    def _split(self, counts: Counts, suffix: Counts, names: Names, index: int) -> tuple[Names, Names, int, int]:
        for mine, count in _ordered(counts):
            for rest, ways in _ordered(suffix):
                if mine | rest != names:
                    continue
                if index < count * ways:
                    here, index = divmod(index, ways)
                    return mine, rest, here, index
                index -= count * ways
        raise AssertionError("an index within the count has a member")

    def _times_names(self, node: CompiledNode) -> Names:
        """Tied names that a repeat under this node takes its count from."""
        if not self.tied:
            return _NONE
        found = self._below.get(id(node.source))
        if found is None:
            self._below[id(node.source)] = _NONE
            found = frozenset().union(*(self._times_names(c) for c in below(node) if not self._is_tied(c)))
            if isinstance(node, RepeatNode) and isinstance(node.times, DomainNode) and node.times.name in self.tied:
                found |= {node.times.name}
            self._below[id(node.source)] = found
        return found

    def _shapes(self, node: DomainNode) -> bool:
        """Does a tied decision change what else is open?"""
        opens = isinstance(node.domain, Choice) and any(is_open(option) for option in node.domain.options)
        return opens or node.name in self._repeats

    def _is_tied(self, node: CompiledNode) -> bool:
        return isinstance(node, DomainNode) and node.name in self.tied


def children(node: CompiledNode) -> Iterator[CompiledNode]:
    """Open parts of a spec or a tuple, in walk order."""
    if isinstance(node, SpecNode):
        yield from (child for _, child in node.open)
    elif isinstance(node, TupleNode):
        yield from node.items


def below(node: CompiledNode) -> Iterator[CompiledNode]:
    """Every compiled part of a node: fields, items, options; one copy stands for all of a repeat."""
    if isinstance(node, DomainNode):
        if isinstance(node.domain, Choice):
            yield from (node.option(label) for label in node.domain.labels)
    elif isinstance(node, RepeatNode):
        yield node.times
        if max(_value(node.times, t) for t in _times_labels(node)) > 0:
            yield node.copy(0)
    else:
        yield from children(node)


def _tied_names(root: CompiledNode) -> dict[str, DomainNode]:
    """Names that a member may reach at more than one place (repeats and shared lazy options count as many)."""
    uses: dict[str, int] = {}
    nodes: dict[str, DomainNode] = {}
    memo: dict[int, dict[str, int]] = {}

    def visit(node: CompiledNode) -> dict[str, int]:
        if isinstance(node, DomainNode) and node.name is not None:
            first = node.name not in nodes
            nodes[node.name] = node
            if first:
                for child in below(node):
                    _add(uses, visit(child))
            return {node.name: 1}
        found = memo.get(id(node.source))
        if found is None:
            found = {}
            for child in below(node):
                _add(found, visit(child), 2 if isinstance(node, RepeatNode) and child is not node.times else 1)
            memo[id(node.source)] = found
        return found

    _add(uses, visit(root))
    return {name: node for name, node in sorted(nodes.items()) if uses.get(name, 0) > 1}


def _add(total: dict[str, int], more: dict[str, int], times: int = 1) -> None:
    for name, count in more.items():
        total[name] = min(2, total.get(name, 0) + count * times)


def _times_labels(node: RepeatNode) -> list[Label]:
    return _labels(node.times) if isinstance(node.times, DomainNode) else [None]


def _labels(node: DomainNode) -> list[Label]:
    if isinstance(node.domain, Uniform):
        raise Infinite
    assert isinstance(node.domain, (Choice, Integer))
    return list(node.domain.labels)


def _value(times: CompiledNode, label: Label) -> int:
    if not isinstance(times, DomainNode):
        return int(times.source)
    option = times.option(label)
    if isinstance(option, DomainNode):
        raise SpaceError(f"{times.path}: times is a whole number or one choice of such; got a choice of choices")
    return int(option.source)


def _join(a: Counts, b: Counts) -> Counts:
    out: Counts = {}
    for names, count in a.items():
        for more, ways in b.items():
            both = names | more
            out[both] = out.get(both, 0) + count * ways
    return out


def _sum(parts: Any) -> Counts:
    out: Counts = {}
    for part in parts:
        for names, count in part.items():
            out[names] = out.get(names, 0) + count
    return out


def _ordered(counts: Counts) -> list[tuple[Names, int]]:
    return sorted(counts.items(), key=lambda item: sorted(item[0]))
