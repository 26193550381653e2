"""A pool: the part of a space that a table holds, and the rows near to any member of the whole.

Drawing, counting and the moves of a search lead to rows only, so that a sampler that makes its candidates by them
chooses among the rows. What is decided position by position (:meth:`Space.resolve`, :meth:`Space.decode`) may be any
member of the whole space; a simulated study takes the nearest row in its place that it has not looked at, whatever
proposed it.

The distance of two members is Gower's (1971, "A general coefficient of similarity and some of its properties", without
the division by the number of positions): over all positions that either has, the difference of two numbers as a share
of their range in the pool, 1 for labels that differ, and 1 where only one of the two has the position.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from nasengine.errors import SpaceError
from nasengine.space import Architecture, Label, Space

NEAR = 8
"""Of so many nearest rows one is taken at random in place of a mutation or a cross that is no row."""
AROUND = 16
"""How many neighbours a member has at least, where the pool has so many rows."""
_ABSENT, _UNSEEN = -9.0, -20.0

Decisions = Mapping[str, Label]


class Pool(Space):
    """The members of a space that a table holds.

    Its size is the number of rows and ``pool[i]`` is row ``i``; samples, mutants, crosses and neighbours are rows. Of
    rows at one distance the first in a fixed random order is nearest, so that no end of the table is favoured.

    Args:
        whole: the space.
        rows: decisions of the members, all of them different.

    Raises:
        DecisionError: a row is no member.
        SpaceError: there is no row, or one twice.
    """

    def __init__(self, whole: Space, rows: Iterable[Decisions]) -> None:
        super().__init__(whole.name, inputs=dict(whole.inputs) or None, networks=whole.networks, recipe=whole.recipe)
        self.whole = whole
        self._rows = tuple(whole.decode(row).decisions for row in rows)
        self._place = {key_of(row): i for i, row in enumerate(self._rows)}
        if not self._rows:
            raise SpaceError(f"pool of {whole.name!r}: a pool holds at least one member; got no row")
        if len(self._place) < len(self._rows):
            raise SpaceError(f"pool of {whole.name!r}: each member is there once; got one twice; keep one row of each")
        self._metric = _Metric(self._rows)

    def __repr__(self) -> str:
        return f"Pool({self.name!r}, {len(self._rows):,} rows)"

    def row(self, decisions: Decisions) -> int | None:
        """The row with these decisions; None where the pool does not hold them."""
        return self._place.get(key_of(decisions))

    def nearest(self, decisions: Decisions, *, but: Iterable[int] = ()) -> int:
        """The row nearest to a member of the whole space, some rows left out.

        Raises:
            SpaceError: every row is left out.
        """
        found = self._near(decisions, 1, but)
        if not found:
            raise SpaceError(f"pool of {self.name!r}: a row must be left to be nearest; all {len(self._rows)} are out")
        return found[0]

    # --- members -------------------------------------------------------------------------------------------------

    def sample(self, rng: random.Random | int | None = None) -> Architecture:
        """A row at random, each as likely as any other."""
        source = rng if isinstance(rng, random.Random) else random.Random(rng)
        return self[source.randrange(len(self._rows))]

    @cached_property
    def references(self) -> Mapping[str, Decisions]:
        """Those published members that are rows."""
        known = self.whole.references.items()
        return MappingProxyType({name: found for name, found in known if self.row(found) is not None})

    @cached_property
    def size(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> Architecture:
        return self.whole.decode(self._rows[index])

    # --- neighbourhoods ------------------------------------------------------------------------------------------

    def mutate(self, architecture: Architecture, rng: random.Random, *, changes: int = 1) -> Architecture:
        """A row that a mutation leads to, or one of the rows nearest to what it leads to; never the parent, unless
        there is no other row."""
        return self._beside(self.whole.mutate(architecture, rng, changes=changes), (architecture,), rng)

    def crossover(self, a: Architecture, b: Architecture, rng: random.Random) -> Architecture:
        """A row that a cross leads to, or one of the rows nearest to it that is no parent."""
        return self._beside(self.whole.crossover(a, b, rng), (a, b), rng)

    def neighbours(self, architecture: Architecture, rng: random.Random | None = None) -> Iterator[Architecture]:
        """The rows one decision away, then the nearest others until there are sixteen."""
        places = [self.row(found.decisions) for found in self.whole.neighbours(architecture, rng)]
        one_away = list(dict.fromkeys(place for place in places if place is not None))
        left_out = {*one_away, *self._rows_of((architecture,))}
        yield from (self[i] for i in one_away)
        yield from (self[i] for i in self._near(architecture.decisions, AROUND - len(one_away), left_out))

    # --- inside --------------------------------------------------------------------------------------------------

    def _beside(self, child: Architecture, parents: Sequence[Architecture], rng: random.Random) -> Architecture:
        out = self._rows_of(parents)
        place = self.row(child.decisions)
        if place is None or place in out:
            near = self._near(child.decisions, NEAR, out)
            place = rng.choice(near) if near else self.nearest(child.decisions)
        return self[place]

    def _rows_of(self, members: Sequence[Architecture]) -> set[int]:
        return {place for place in (self.row(m.decisions) for m in members) if place is not None}

    def _near(self, decisions: Decisions, count: int, but: Iterable[int]) -> list[int]:
        distance = self._metric.distances(decisions)
        distance[list(but)] = np.inf
        order = np.lexsort((self._metric.order, distance))[: max(count, 0)]
        return [int(i) for i in order if np.isfinite(distance[i])]


class _Metric:
    """Distances of a member to all rows, as in the module's docstring, and the order of rows at one distance."""

    def __init__(self, rows: Sequence[Decisions]) -> None:
        paths = list(dict.fromkeys(path for row in rows for path in row))
        labels = {path: list(dict.fromkeys(row[path] for row in rows if path in row)) for path in paths}
        self._ranges = {path: _range(found) for path, found in labels.items() if all(map(_is_number, found))}
        self._codes = {
            path: {label: float(2 * i) for i, label in enumerate(found)}
            for path, found in labels.items()
            if path not in self._ranges
        }
        self._rows = np.array([self._point(row) for row in rows], dtype=np.float64).reshape(len(rows), len(paths))
        self.order = np.random.default_rng(0).permutation(len(rows))

    def distances(self, decisions: Decisions) -> npt.NDArray[np.float64]:
        """(rows,), rounded so that equal ones are equal."""
        apart = np.abs(self._rows - np.array(self._point(decisions)))
        beyond = sum(path not in self._ranges and path not in self._codes for path in decisions)
        found: npt.NDArray[np.float64] = np.round(np.minimum(apart, 1.0).sum(axis=1) + beyond, 9)
        return found

    def _point(self, decisions: Decisions) -> list[float]:
        """A coordinate a position: numbers in [0, 1]; labels 2 apart, so that any two of them are 1 apart when cut."""
        found = [
            (_number(decisions[path]) - low) / width if path in decisions else _ABSENT
            for path, (low, width) in self._ranges.items()
        ]
        return found + [
            codes.get(decisions[path], _UNSEEN) if path in decisions else _ABSENT for path, codes in self._codes.items()
        ]


def key_of(decisions: Decisions) -> frozenset[tuple[str, Label]]:
    """What equal decisions have in common, in whatever order they stand."""
    return frozenset(decisions.items())


def _range(numbers: Sequence[Label]) -> tuple[float, float]:
    low, high = min(map(_number, numbers)), max(map(_number, numbers))
    return low, (high - low) or 1.0


def _number(label: Label) -> float:
    """A label of a position whose labels are numbers; out of any range for one that is none."""
    return float(label) if isinstance(label, (int, float)) else _UNSEEN


def _is_number(label: Label) -> bool:
    return isinstance(label, (int, float)) and not isinstance(label, bool)
