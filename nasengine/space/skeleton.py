"""The open positions of a space without its blocks: decision sets by the hundred thousand.

:meth:`Space.resolve` closes blocks as it walks. A sampler that only needs decisions walks the same positions
in the same order and builds nothing; ``space.decode`` then gives the member.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nasengine.space.choices import Choice, Domain, Integer
from nasengine.space.spec import Label, is_open
from nasengine.space.walk import Chooser, CompiledNode, DomainNode, RepeatNode, SpecNode, TupleNode

if TYPE_CHECKING:
    from nasengine.space.space import Space

Decisions = dict[str, Label]


class Position:
    """An open position: where it is, what it offers, and what each of its options opens.

    Attributes:
        path: what its decision goes by.
        domain: what it offers.
    """

    __slots__ = ("_below", "_node", "domain", "path")

    def __init__(self, node: DomainNode) -> None:
        self.path, self.domain, self._node = node.path, node.domain, node
        opens = isinstance(node.domain, Choice) and any(is_open(option) for option in node.domain.options)
        self._below: dict[Label, tuple[Item, ...]] | None = {} if opens else None

    def below(self, label: Label) -> tuple[Item, ...]:
        """What the option under a label opens, in walk order.

        Raises:
            DecisionError: the label is not an option.
        """
        if self._below is None:
            return ()
        found = self._below.get(label)
        if found is None:
            found = self._below[label] = items_of(self._node.option(label))
        return found

    def number(self, label: Label) -> int:
        """The whole number under a label."""
        return int(self._node.option(label).source)


class Copies:
    """A repeat: as many copies of its item as another position, or the spec, says."""

    __slots__ = ("_copies", "_node", "times")

    def __init__(self, node: RepeatNode) -> None:
        self._node = node
        self.times: Position | int = Position(node.times) if isinstance(node.times, DomainNode) else node.times.source
        self._copies: list[tuple[Item, ...]] = []

    def below(self, times: int) -> Iterator[tuple[Item, ...]]:
        """What each of so many copies opens."""
        while len(self._copies) < times:
            self._copies.append(items_of(self._node.copy(len(self._copies))))
        return iter(self._copies[:times])

    def count(self, decisions: Mapping[str, Label]) -> int:
        """How many copies there are once ``times`` is decided."""
        if isinstance(self.times, int):
            return self.times
        return self.times.number(decisions[self.times.path])


Item = Position | Copies


class Skeleton:
    """The positions of a space, for walks that only decide."""

    def __init__(self, space: Space) -> None:
        nodes: list[CompiledNode] = [*space._parts] + ([] if space._recipe is None else [space._recipe])
        self._roots = _distinct([item for node in nodes for item in items_of(node)])

    def resolve(self, choose: Chooser) -> Decisions:
        """The decisions that ``choose(path, domain) -> label`` leads to; equal to those of :meth:`Space.resolve`.

        Labels are taken as they are given, so ``choose`` has to answer with one of the domain's.
        """
        out: Decisions = {}
        _walk(self._roots, choose, out)
        return out

    def domains(self, decisions: Mapping[str, Label]) -> dict[str, Domain]:
        """The domain behind each decision of a member."""
        found: dict[str, Domain] = {}

        def choose(path: str, domain: Domain) -> Label:
            found[path] = domain
            return decisions[path]

        self.resolve(choose)
        return found

    def positions(self, limit: int = 10_000) -> list[Position]:
        """Every position that some member reaches, each path once, up to ``limit`` of them.

        Of repeats, as many copies as there can be.
        """
        found: dict[str, Position] = {}
        stack = list(reversed(self._roots))
        while stack and len(found) < limit:
            item = stack.pop()
            if isinstance(item, Copies):
                stack.extend(reversed(_unfolded(item)))
            elif item.path not in found:
                found[item.path] = item
                stack.extend(reversed([b for label in _labels(item.domain) for b in item.below(label)]))
        return list(found.values())


def items_of(node: CompiledNode) -> tuple[Item, ...]:
    """Positions and repeats under a compiled node that are open whatever is decided, in walk order."""
    if isinstance(node, DomainNode):
        return (Position(node),)
    if isinstance(node, RepeatNode):
        return (Copies(node),)
    if isinstance(node, SpecNode):
        return _distinct([item for _, child in node.open for item in items_of(child)])
    if isinstance(node, TupleNode):
        return _distinct([item for child in node.items for item in items_of(child)])
    return ()


def _walk(items: tuple[Item, ...], choose: Chooser, out: Decisions) -> None:
    for item in items:
        if isinstance(item, Copies):
            if isinstance(item.times, Position):
                _walk((item.times,), choose, out)
            for copy in item.below(item.count(out)):
                _walk(copy, choose, out)
            continue
        path = item.path
        if path in out:  # tied: decided where the walk first met its name
            continue
        label = out[path] = choose(path, item.domain)
        if item._below is not None:
            _walk(item.below(label), choose, out)


def _distinct(items: list[Item]) -> tuple[Item, ...]:
    """Items without those that the walk always finds decided: later places of a tied name in the same row."""
    found: list[Item] = []
    paths: set[str] = set()
    for item in items:
        if isinstance(item, Position):
            if item.path in paths:
                continue
            paths.add(item.path)
        found.append(item)
    return tuple(found)


def _unfolded(item: Copies) -> list[Item]:
    if isinstance(item.times, int):
        return [below for copy in item.below(item.times) for below in copy]
    most = max(item.times.number(label) for label in _labels(item.times.domain))
    return [item.times, *(below for copy in item.below(most) for below in copy)]


def _labels(domain: Domain) -> list[Label]:
    return list(domain.labels) if isinstance(domain, (Choice, Integer)) else []
