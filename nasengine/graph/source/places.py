"""A graph as a person reads it: places in the module tree, each with the steps of its forward pass.

A *place* is where a composite stands (``body.1``), the network itself being the root. Primitives and composites
directly inside are its *members*. A member's name may hold dots (``blocks.0``): what is before the last dot is a
namespace. Where all that it holds takes one value and gives one, it is a place too, else a plain container of modules.
A place that is applied several times has several *uses*.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from nasengine.graph.flat import Node
from nasengine.graph.fragment import Fragment
from nasengine.graph.graph import Graph
from nasengine.graph.wiring import lower_block

Name = tuple[str, ...]
GENERIC = ("", "sequential", "repeated")
"""Tags that say nothing about what a composite is."""


@dataclass
class Step:
    """One application of a member."""

    name: Name
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    node: Node | None = None
    place: Place | None = None
    use: int = 0
    """Which use of ``place`` this is."""

    @property
    def is_module(self) -> bool:
        """Is a module applied, or a function called?"""
        return self.node is None or (self.node.fragment.call is not None and self.node.fragment.call.style == "module")


@dataclass
class Use:
    """One application of a place: what it takes from outside, what the outside takes from it."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: list[Step]

    @property
    def is_row(self) -> bool:
        """Is it nothing but modules in a row, each taking what the one before made?"""
        if not self.steps or self.steps[0].inputs != self.inputs or self.steps[-1].outputs != self.outputs:
            return False
        if any(before.outputs != after.inputs for before, after in pairwise(self.steps)):
            return False
        return all(step.is_module and len(step.inputs) == 1 and len(step.outputs) == 1 for step in self.steps)


@dataclass
class Place:
    """Where a composite stands."""

    path: str
    tag: str
    members: dict[Name, Node | Place] = field(default_factory=dict)
    """Modules by name, in order of first use; functions are not among them."""
    uses: list[Use] = field(default_factory=list)

    @property
    def children(self) -> list[Place]:
        """Composites directly inside."""
        return [member for member in self.members.values() if isinstance(member, Place)]


class _Grower:
    """Grows the places of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        self.tags: dict[str, str] = {}
        declared = lower_block(graph.fragment.block, graph.fragment.inputs)
        if declared.call is None:
            self._tag(declared, "")
        self.places: dict[str, Place] = {"": Place("", declared.block.tag)}
        self.readers: dict[int, list[int]] = {}
        for i, node in enumerate(self.nodes):
            for value in node.inputs:
                self.readers.setdefault(value, []).append(i)
        for value in graph.outputs.values():
            self.readers.setdefault(value, []).append(len(self.nodes))

    def _tag(self, fragment: Fragment, prefix: str) -> None:
        for call in fragment.calls:
            if call.fragment.call is None:
                self.tags[prefix + call.name] = call.fragment.block.tag
                self._tag(call.fragment, f"{prefix}{call.name}.")

    def close(self) -> None:
        """Make a place of each namespace that takes one value and gives one, wherever it is applied."""
        groups: dict[str, list[int]] = {}
        paths: dict[str, list[str]] = {}
        for i, node in enumerate(self.nodes):
            for cut, char in enumerate(node.call):
                if char == "." and node.call[:cut] not in self.tags:
                    groups.setdefault(node.call[:cut], []).append(i)
        for call, group in groups.items():
            path = ".".join(self.nodes[group[0]].path.split(".")[: call.count(".") + 1])
            paths.setdefault(path, []).append(call)
        for calls in paths.values():
            if all(len(taken) == len(given) == 1 for taken, given in (self.border(groups[call]) for call in calls)):
                self.tags.update(dict.fromkeys(calls, ""))

    def border(self, indices: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Values that some nodes take from outside, and those that the outside takes from them."""
        inside = set(indices)
        made = dict.fromkeys(v for i in indices for v in self.nodes[i].outputs)
        taken = dict.fromkeys(v for i in indices for v in self.nodes[i].inputs if v not in made)
        return tuple(taken), tuple(v for v in made if any(r not in inside for r in self.readers.get(v, ())))

    def grow(self, path: str, call: str, indices: list[int]) -> tuple[Place, Use]:
        """The place at a path, with one more use: the nodes of these indices."""
        place = self.places.setdefault(path, Place(path, self.tags.get(call, "")))
        groups: dict[str, list[int]] = {}
        for i in indices:
            groups.setdefault(self._member(self.nodes[i].call, call), []).append(i)
        steps = [self._step(path, name, group) for name, group in self._ordered(groups)]
        made = {v for i in indices for v in self.nodes[i].outputs}
        taken = dict.fromkeys(v for step in steps for v in step.inputs if v not in made)
        use = Use(tuple(taken), self.border(indices)[1], steps)
        place.uses.append(use)
        return place, use

    def _member(self, call: str, prefix: str) -> str:
        """Name of the member that a call belongs to: the shortest prefix where a composite stands, or all of it."""
        start = len(prefix) + 1 if prefix else 0
        end = call.find(".", start)
        while end > 0:
            if call[:end] in self.tags:
                return call[:end]
            end = call.find(".", end + 1)
        return call

    def _step(self, path: str, call: str, indices: list[int]) -> Step:
        first = self.nodes[indices[0]]
        depth = call.count(".") + 1
        where = ".".join(first.path.split(".")[:depth])
        name = tuple(where[len(path) + 1 if path else 0 :].split("."))
        if call == first.call:
            return Step(name, first.inputs, first.outputs, node=first)
        place, use = self.grow(where, call, indices)
        return Step(name, use.inputs, use.outputs, place=place, use=len(place.uses) - 1)

    def _ordered(self, groups: dict[str, list[int]]) -> Iterable[tuple[str, list[int]]]:
        """Groups in an order of evaluation, as near as can be to that of their first nodes."""
        owner = {i: name for name, group in groups.items() for i in group}
        maker = {v: owner[i] for i in owner for v in self.nodes[i].outputs}
        waits = {
            name: {maker[v] for i in group for v in self.nodes[i].inputs if v in maker} - {name}
            for name, group in groups.items()
        }
        feeds: dict[str, list[str]] = {}
        for name, sources in waits.items():
            for source in sources:
                feeds.setdefault(source, []).append(name)
        ready = [(group[0], name) for name, group in groups.items() if not waits[name]]
        heapq.heapify(ready)
        while ready:
            _, name = heapq.heappop(ready)
            yield name, groups[name]
            for after in feeds.get(name, ()):
                waits[after].discard(name)
                if not waits[after]:
                    heapq.heappush(ready, (groups[after][0], after))

    def enlist(self) -> None:
        """Members in order of first use in the graph: the order of the built module's ``state_dict``."""
        at = {path: i for i, path in reversed(list(enumerate(self._prefixes())))}
        for place in self.places.values():
            found: dict[Name, Node | Place] = {}
            for step in (step for use in place.uses for step in use.steps if step.is_module):
                member = step.place or step.node
                assert member is not None
                found.setdefault(step.name, member)
            prefix = f"{place.path}." if place.path else ""
            place.members = {name: found[name] for name in sorted(found, key=lambda n: at[prefix + ".".join(n)])}

    def _prefixes(self) -> Iterable[str]:
        for node in self.nodes:
            parts = node.path.split(".")
            for k in range(1, len(parts) + 1):
                yield ".".join(parts[:k])


def places_of(graph: Graph) -> Place:
    """The root place of a graph."""
    grower = _Grower(graph)
    grower.close()
    root, use = grower.grow("", "", list(range(len(graph.nodes))))
    use.inputs = tuple(graph.inputs.values())
    use.outputs = tuple(graph.outputs.values())
    grower.enlist()
    return root
