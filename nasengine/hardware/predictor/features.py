"""Features: what a predictor reads of a graph, and how the readings of many graphs become arrays.

A reading counts equal kernels and says how they hang together; nothing in it depends on names or on the order of nodes,
so equal networks have equal readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasengine.graph.graph import Graph
from nasengine.hardware.predictor.fusion import PRUNINGS, Kernel, Program, is_bare, program, programs

Array = NDArray[np.float64]
COSTS = 3
"""Launches, multiply-accumulates and bytes: what the time of a kernel is made of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Kernels of one graph with their number, and counts of how they are wired.

    Args:
        counts: kernel to number.
        structure: name to number: kernels of each kind, results of one kind read by another, the longest path.
    """

    counts: Mapping[Kernel, int]
    structure: Mapping[str, int]

    def to_json(self, index: Mapping[Kernel, int]) -> dict[str, Any]:
        """Plain JSON; kernels by their number in a list that is kept once."""
        counts = sorted([index[kernel], n] for kernel, n in self.counts.items())
        return {"counts": counts, "structure": dict(sorted(self.structure.items()))}

    @staticmethod
    def from_json(data: Mapping[str, Any], kernels: Sequence[Kernel]) -> Reading:
        """What :meth:`to_json` wrote."""
        return Reading({kernels[i]: n for i, n in data["counts"]}, dict(data["structure"]))


def read(found: Program) -> Reading:
    """The reading of a program."""
    structure: Counter[str] = Counter()
    for kernel in found.kernels:
        structure[kernel.kind] += kernel.launches
    for (_, kind), n in Counter(
        [(r, k.kind) for k, rs in zip(found.kernels, found.reads, strict=True) for r in rs]
    ).items():
        structure[f"{kind} again"] += n - 1  # it finds its input in the cache
    for (source, target), n in found.edges.items():
        structure[f"{source} > {target}"] = n
    structure["longest path"] = found.depth
    return Reading(found.counts, {name: n for name, n in structure.items() if n})


def readings(graph: Graph, prunings: Sequence[str] = PRUNINGS) -> dict[str, Reading]:
    """Pruning to reading. The structure of a graph with dead or zero parts also counts what is declared and not run."""
    found = programs(graph, prunings)
    made = {id(one): read(one) for one in found.values()}
    plain = {pruning: made[id(one)] for pruning, one in found.items()}
    if is_bare(graph):
        return plain
    declared = Counter([k.kind for k in program(graph, "declared").kernels])
    return {name: reading if name == "eager" else _with_idle(reading, declared) for name, reading in plain.items()}


def _with_idle(reading: Reading, declared: Counter[str]) -> Reading:
    idle = {f"idle {kind}": n - reading.structure.get(kind, 0) for kind, n in declared.items()}
    return Reading(reading.counts, {**reading.structure, **{k: n for k, n in idle.items() if n > 0}})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Kernels and structural counts that occur in the measured networks; each has a column.

    Args:
        kernels: one column each of the counts.
        structure: one column each of the structure.
    """

    kernels: tuple[Kernel, ...]
    structure: tuple[str, ...]

    @staticmethod
    def of(found: Iterable[Reading]) -> Vocabulary:
        """All that occurs, in an order that does not depend on the order of the networks."""
        kernels: set[Kernel] = set()
        structure: set[str] = set()
        for reading in found:
            kernels.update(reading.counts)
            structure.update(reading.structure)
        return Vocabulary(tuple(sorted(kernels)), tuple(sorted(structure)))

    def extended(self, found: Iterable[Reading]) -> Vocabulary:
        """With the kernels and structure of others after its own."""
        other = Vocabulary.of(found)
        kernels, structure = set(self.kernels), set(self.structure)
        return Vocabulary(
            (*self.kernels, *[k for k in other.kernels if k not in kernels]),
            (*self.structure, *[s for s in other.structure if s not in structure]),
        )

    def counts(self, found: Sequence[Reading]) -> Array:
        """(networks, kernels)."""
        column = {kernel: i for i, kernel in enumerate(self.kernels)}
        made = np.zeros((len(found), len(column)))
        for row, reading in enumerate(found):
            for kernel, n in reading.counts.items():
                made[row, column[kernel]] = n
        return made

    def wiring(self, found: Sequence[Reading]) -> Array:
        """(networks, structure): log(1 + count), so that a doubling weighs the same everywhere."""
        column = {name: i for i, name in enumerate(self.structure)}
        made = np.zeros((len(found), len(column)))
        for row, reading in enumerate(found):
            for name, n in reading.structure.items():
                made[row, column[name]] = n
        return np.log1p(made)

    def costs(self) -> Array:
        """(kernels, 3): launches, multiply-accumulates, bytes of each."""
        return np.array([[k.launches, k.macs, k.bytes] for k in self.kernels], dtype=float).reshape(-1, COSTS)
