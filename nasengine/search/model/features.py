"""Features: members of a space as sparse and dense vectors, and exact products between them.

Four groups, each with a kernel of its own in the surrogate:

* ``graph``: square roots of the counts of Weisfeiler-Lehman colours (:mod:`nasengine.search.model.reading`);
* ``paths``: square roots of the counts of paths;
* ``decisions``: a mark for each decision's label, and its rank where the labels are numbers;
* ``costs``: logarithms of parameters, MACs, memory, depth and of whatever else is known before training, and what
  ``Problem.cheap`` gives.

A square root makes a network repeated twice look the same but for a factor, and Euclidean distance between such vectors
is Hellinger's. Values are rounded to multiples of 1/256, so that sums of their products are exact in double precision:
what a surrogate computes does not depend on the order in which members were met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasengine.errors import NasError
from nasengine.search.model.reading import Counts, Reader, decided
from nasengine.search.samplers.members import known_of
from nasengine.search.samplers.protocol import Problem, TrialView
from nasengine.space.choices import Choice, Domain, Integer, Uniform
from nasengine.space.variation import domains_of

if TYPE_CHECKING:
    from nasengine.space import Architecture, Label

Array = NDArray[np.float64]
GROUPS = ("graph", "paths", "decisions")
GRAIN = 256.0
KEPT = 4_096
"""Members that are remembered."""
SLOTS = 2_048
"""Members whose products are remembered."""
MARK, RANKED_MARK = 0.70703125, 0.5
"""Weight of a label's mark where labels are names, and where they are numbers (multiples of 1/256)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """A sparse vector: (entries,) column numbers, (entries,) values, squared length."""

    columns: NDArray[np.int64]
    values: Array
    square: float


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A member of a space with what a surrogate reads of it.

    Args:
        key: equal keys are equal evaluations: the network's id with the recipe's decisions.
        sound: does it lower to a graph? One that does not has its decisions alone.
        known: quantities known before training, by name.
        numbers: the group ``costs``, by name.
        sparse: one vector for each of :data:`GROUPS`.
    """

    architecture: Architecture
    key: str
    sound: bool
    known: Mapping[str, float]
    numbers: Mapping[str, float]
    sparse: tuple[Sparse, ...]

    @property
    def decisions(self) -> Mapping[str, Label]:
        """Path to label."""
        return self.architecture.decisions


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A member of which nothing is read but its decisions: a hundredth of the work.

    Args:
        place: the decisions as sorted text.
        sparse: as of a :class:`Member`; only the group ``decisions`` is filled.
    """

    architecture: Architecture
    place: tuple[tuple[str, str], ...]
    sparse: tuple[Sparse, ...]


NOTHING = Sparse(np.zeros(0, dtype=np.int64), np.zeros(0), 0.0)


class Book:
    """Members by their decisions, each read once (a bounded memory)."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._reader = Reader()
        self._members: dict[tuple[tuple[str, str], ...], Member] = {}
        self._sketches: dict[tuple[tuple[str, str], ...], Sketch] = {}
        self._domains: dict[str, Domain] = {}
        self._marks: dict[tuple[str, Label, type], dict[Any, float]] = {}
        self._columns: tuple[dict[Any, int], ...] = tuple({} for _ in GROUPS)

    def member(self, architecture: Architecture) -> Member:
        """The member with its readings."""
        key = decided(architecture.decisions)
        found = self._members.get(key)
        if found is None:
            if len(self._members) >= KEPT:
                for old in list(self._members)[: KEPT // 2]:
                    del self._members[old]
            found = self._members[key] = self._read(architecture, key)
        return found

    def sketch(self, architecture: Architecture) -> Sketch:
        """The member as its decisions alone."""
        place = decided(architecture.decisions)
        found = self._sketches.get(place)
        if found is None:
            if len(self._sketches) >= KEPT:
                for old in list(self._sketches)[: KEPT // 2]:
                    del self._sketches[old]
            vector = self._sparse(self._columns[-1], self._encoded(architecture))
            found = self._sketches[place] = Sketch(architecture, place, (NOTHING, NOTHING, vector))
        return found

    def of_trial(self, trial: TrialView) -> Member | None:
        """The member a trial looked at; None where its decisions no longer decode."""
        found = self._members.get(decided(trial.decisions))
        if found is not None:
            return found
        try:
            return self.member(self._problem.space.decode(trial.decisions, strict=False))
        except NasError:
            return None

    def _read(self, architecture: Architecture, key: tuple[tuple[str, str], ...]) -> Member:
        counts, known, name = Counts(), dict[str, float](), ""
        try:
            counts = self._reader.read(architecture)
            name, known = architecture.id, dict(known_of(self._problem, architecture))
        except NasError:
            name = ""
        tokens = (_rooted(counts.graph), _rooted(counts.paths))
        graph, paths = (self._sparse(columns, group) for columns, group in zip(self._columns, tokens, strict=False))
        sparse = (graph, paths, self.sketch(architecture).sparse[-1])
        shown = _key(name, key) if name else blake2b(repr(key).encode(), digest_size=16).hexdigest()
        return Member(architecture, shown, bool(name), known, self._numbers(architecture, counts, known, name), sparse)

    def _numbers(
        self, architecture: Architecture, counts: Counts, known: Mapping[str, float], name: str
    ) -> dict[str, float]:
        if not name:
            return {}
        made = {f"known {k}": math.log1p(max(v, 0.0)) for k, v in known.items() if math.isfinite(v)}
        made.update(counts.numbers())
        cheap = self._problem.cheap
        if cheap is not None:
            made.update({f"cheap {k}": float(v) for k, v in cheap(architecture).items() if math.isfinite(v)})
        return made

    def _encoded(self, architecture: Architecture) -> dict[Any, float]:
        """Marks and ranks of the decisions."""
        decisions = architecture.decisions
        if any(path not in self._domains for path in decisions):
            self._domains.update(domains_of(self._problem.space, architecture))
        made: dict[Any, float] = {}
        for path, label in decisions.items():
            key = (path, label, type(label))
            marks = self._marks.get(key)
            if marks is None:
                if len(self._marks) >= 4 * KEPT:
                    self._marks.clear()
                marks = self._marks[key] = _marks(path, label, self._domains[path])
            made.update(marks)
        return made

    @staticmethod
    def _sparse(columns: dict[Any, int], group: Mapping[Any, float]) -> Sparse:
        places = [columns.setdefault(token, len(columns)) for token in group]
        values = np.array(list(group.values()), dtype=np.float64)
        return Sparse(np.array(places, dtype=np.int64), values, float(values @ values))


class Products:
    """Dot products of members with trials in one group, each computed once (a bounded memory)."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._clear()

    def _clear(self) -> None:
        self._trials: dict[Member, int] = {}
        self._lists: dict[tuple[Member, ...], NDArray[np.int64]] = {}
        self._slots: dict[Member | Sketch, int] = {}
        self._local = np.zeros(256, dtype=np.int64)  # column to place among those that trials have; 0: none has it
        self._width = 1
        self._rows = np.zeros((16, 256))
        self._dots = np.zeros((256, 16))
        self._filled = np.zeros(256, dtype=np.int64)

    def between(self, members: Sequence[Member | Sketch], trials: Sequence[Member]) -> Array:
        """(members, trials): products of the vectors."""
        if len(self._slots) + len(members) > SLOTS or len(self._trials) + len(trials) > SLOTS:
            self._clear()
        columns = self._places(tuple(trials))
        slots = np.array([self._slots.setdefault(m, len(self._slots)) for m in members], dtype=np.int64)
        self._dots = _grown(self._dots, len(self._slots), self._rows.shape[0])
        self._filled = _longer(self._filled, len(self._slots))
        self._fill(members, slots)
        made: Array = self._dots[slots[:, None], columns[None, :]]
        return made

    def _places(self, trials: tuple[Member, ...]) -> NDArray[np.int64]:
        """Columns of trials; those of the lists asked for last are remembered."""
        found = self._lists.get(trials)
        if found is None:
            if len(self._lists) >= 16:
                self._lists.clear()
            found = self._lists[trials] = np.array([self._trial(trial) for trial in trials], dtype=np.int64)
        return found

    def _trial(self, trial: Member) -> int:
        found = self._trials.get(trial)
        if found is not None:
            return found
        vector = trial.sparse[self._group]
        row = self._trials[trial] = len(self._trials)
        self._local = _longer(self._local, int(vector.columns.max(initial=0)) + 1)
        new = vector.columns[self._local[vector.columns] == 0]
        self._local[new] = np.arange(self._width, self._width + len(new))
        self._width += len(new)
        self._rows = _grown(self._rows, len(self._trials), self._width)
        self._rows[row, self._local[vector.columns]] = vector.values
        return row

    def _fill(self, members: Sequence[Member | Sketch], slots: NDArray[np.int64]) -> None:
        """Products that are missing, for all members that miss the same ones together."""
        count = len(self._trials)
        levels = self._filled[slots]
        for level in np.unique(levels[levels < count]):
            chosen = np.flatnonzero(levels == level)
            vectors = [members[int(i)].sparse[self._group] for i in chosen]
            lengths = np.array([len(v.values) for v in vectors])
            found = np.zeros((len(chosen), count - level))
            if lengths.sum():
                columns = np.concatenate([v.columns for v in vectors])
                values = np.concatenate([v.values for v in vectors])
                places = np.where(columns < len(self._local), self._local[np.minimum(columns, len(self._local) - 1)], 0)
                products = self._rows[level:count, places] * values
                starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
                kept = lengths > 0
                found[kept] = np.add.reduceat(products, starts[kept], axis=1).T
            self._dots[slots[chosen], level:count] = found
            self._filled[slots[chosen]] = count


def dense(members: Sequence[Member], names: Sequence[str]) -> Array:
    """(members, names): the numbers of the group ``costs``; NaN where a member has none."""
    return np.array([[m.numbers.get(n, math.nan) for n in names] for m in members]).reshape(len(members), len(names))


def _rooted(counts: Mapping[Any, int]) -> dict[Any, float]:
    return {token: _root(n) for token, n in counts.items()}


@lru_cache(4_096)
def _root(count: int) -> float:
    return round(GRAIN * math.sqrt(count)) / GRAIN


def _marks(path: str, label: Label, domain: Domain) -> dict[Any, float]:
    place = _rank(label, domain)
    if place is None:
        return {(path, repr(label)): MARK}
    rank = {path: round(GRAIN * place) / GRAIN}
    return rank if isinstance(domain, Uniform) else {(path, repr(label)): RANKED_MARK, **rank}


def _rank(label: Any, domain: Domain) -> float | None:
    """Place of a number among a domain's, from 0 to 1; None where labels are names or only two."""
    if isinstance(domain, Choice):
        numbers = sorted(x for x in domain.labels if isinstance(x, (int, float)) and not isinstance(x, bool))
        if len(numbers) < max(len(domain.labels), 3):
            return None
        return numbers.index(label) / (len(numbers) - 1)
    assert isinstance(domain, (Integer, Uniform))
    if domain.high <= domain.low:
        return 0.0
    if domain.log:
        return math.log(label / domain.low) / math.log(domain.high / domain.low)
    return float((label - domain.low) / (domain.high - domain.low))


def _key(name: str, decisions: tuple[tuple[str, str], ...]) -> str:
    recipe = [pair for pair in decisions if pair[0].startswith("recipe")]
    return f"{name}{recipe!r}" if recipe else name


def _longer(array: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    if length <= len(array):
        return array
    made = np.zeros(max(length, 2 * len(array)), dtype=np.int64)
    made[: len(array)] = array
    return made


def _grown(array: Array, rows: int, columns: int) -> Array:
    """The array with at least so many rows and columns, doubled where it was too small."""
    have = array.shape
    if rows <= have[0] and columns <= have[1]:
        return array
    made = np.zeros(
        [max(need, 2 * now) if need > now else now for need, now in zip((rows, columns), have, strict=True)]
    )
    made[: have[0], : have[1]] = array
    return made
