"""From best to worst at one rung: by front, and along a front by how much a trial adds to its spread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nasengine.errors import SpaceError, StudyError
from nasengine.search import pareto
from nasengine.search.objectives import Objective
from nasengine.search.rungs.protocol import RungResults

Ordering = Callable[[pareto.Points, Sequence[str], int], list[int]]
"""(points (N, M), M directions, how many are wanted) to indices of at least that many points, best first."""


def by_crowding(points: pareto.Points, directions: Sequence[str], count: int) -> list[int]:
    """By front, then by crowding distance, then by the first objective (Deb et al., 2002). O(N log² N) up to three
    objectives."""
    return [int(i) for i in pareto.ordering(points, directions)[:count]]


def by_epsilon_net(points: pareto.Points, directions: Sequence[str], count: int) -> list[int]:
    """By front, then so that each next trial is the farthest from those before it (Schmucker et al., 2021).

    O(N log² N) for the fronts up to three objectives, and O(F · count) for the fronts of F points in all that are
    needed.
    """
    loss, down = pareto.losses(points, directions), ["minimize"] * len(directions)
    found: list[int] = []
    for members in pareto.fronts(loss, down):
        if len(found) >= count:
            break
        alone = len(members) == 1  # with one objective every front is one trial, but for ties
        chosen = members if alone else members[pareto.epsilon_net(loss[members], down, count - len(found))]
        found += chosen.tolist()
    return found


ORDERINGS: Mapping[str, Ordering] = {"crowding": by_crowding, "epsilon_net": by_epsilon_net}
"""What ``order=`` of successive halving and Hyperband may name."""


def order(
    results: RungResults, objectives: Sequence[Objective], by: str = "crowding", count: int | None = None
) -> list[int]:
    """Trial numbers from best to worst: by front, then as :data:`ORDERINGS` says.

    Only the order of values within each objective and the ratios of their differences count, so units do not
    matter. The objective that comes first is the first one that training decides. Equal trials keep the order of
    their numbers.

    Args:
        results: values by trial number.
        objectives: what the values are ordered by.
        by: ``"crowding"`` or ``"epsilon_net"``.
        count: how many of the best are wanted; by default all.

    Raises:
        StudyError: a result lacks an objective or holds a value that is not finite.
    """
    if not results:
        return []
    numbers = sorted(results)
    learned_first = sorted(objectives, key=lambda o: o.known)
    rows = [[value_of(results[n], n, o) for o in learned_first] for n in numbers]
    wanted = len(numbers) if count is None else count
    return [numbers[i] for i in ORDERINGS[by](rows, [o.direction for o in learned_first], wanted)]


def value_of(values: Mapping[str, float], number: int, objective: Objective) -> float:
    """A trial's value of an objective.

    Raises:
        StudyError: the result does not hold it.
    """
    if objective.name not in values:
        raise StudyError(
            f"trial {number}: a rung's result holds every objective; {objective.name!r} is missing; "
            f"got {', '.join(values) or 'nothing'}"
        )
    return values[objective.name]


def check_order(place: str, value: object) -> None:
    """Refuse the name of no ordering.

    Raises:
        SpaceError: the place, the names there are, and what was got.
    """
    if value not in ORDERINGS:
        raise SpaceError(f"{place}: one of {', '.join(ORDERINGS)}; got {value!r}")
