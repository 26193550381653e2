"""Individuals and populations: which individual beats which, in fronts and by how crowded they are.

Everything here is small and asked for at every trial, so it is plain Python on tens of individuals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nasengine.search.objectives import Objective
from nasengine.search.samplers.protocol import PENDING, TrialView

if TYPE_CHECKING:
    from nasengine.space import Label


@dataclass(frozen=True, slots=True)
class Individual:
    """A trial that selection can look at.

    Attributes:
        number: of the trial.
        decisions: path to label.
        losses: values of the objectives with signs turned so that smaller is better; empty where a budget is broken.
        violation: relative violations of budgets, added; 0 for a feasible trial.
        partial: was it trained only part of the way?
    """

    number: int
    decisions: Mapping[str, Label]
    losses: tuple[float, ...]
    violation: float = 0.0
    partial: bool = False


def individual_of(trial: TrialView, objectives: Sequence[Objective]) -> Individual | None:
    """A trial as an individual; None while nothing of it can be compared, and for failed and lost trials.

    A trial that waits at a rung, trains on from one, or was pruned counts with its latest values, as ``partial``. One
    that breaks budgets counts with their violation; one refused for another reason is none.
    """
    if trial.status in ("failed", "lost") or (trial.status in PENDING and not trial.epochs):
        return None
    if trial.status == "infeasible":
        violation = sum(trial.violations.values())
        return Individual(trial.number, trial.decisions, (), violation) if violation > 0 else None
    values = trial.values
    losses = []
    for objective in objectives:
        value = values.get(objective.name)
        if value is None or not math.isfinite(value):
            return None
        losses.append(-value if objective.direction == "maximize" else value)
    return Individual(trial.number, trial.decisions, tuple(losses), partial=trial.status != "complete")


def compare(a: Individual, b: Individual) -> int:
    """-1 where ``a`` dominates ``b``, 1 where ``b`` dominates ``a``, else 0.

    Constrained domination (Deb et al., 2002, definition 1): feasible before infeasible, less violation before more, and
    among feasible ones no worse in every objective and better in one.
    """
    if a.violation != b.violation:
        return -1 if a.violation < b.violation else 1
    better = worse = False
    for x, y in zip(a.losses, b.losses, strict=True):
        if x < y:
            if worse:
                return 0
            better = True
        elif y < x:
            if better:
                return 0
            worse = True
    return -1 if better else int(worse)


class Population:
    """Individuals from the oldest to the youngest. Never changed: each change gives another population.

    Attributes:
        members: the individuals.
        beaten_by: for each, the members that dominate it, as a mask: bit i for member i.
    """

    def __init__(self, members: tuple[Individual, ...] = (), beaten_by: tuple[int, ...] = ()) -> None:
        self.members, self.beaten_by = members, beaten_by
        self._crowding: dict[int, dict[int, float]] = {}

    def __len__(self) -> int:
        return len(self.members)

    def joined(self, newcomer: Individual) -> Population:
        """With one more member."""
        beaten, mine, bit = list(self.beaten_by), 0, 1 << len(self.members)
        for i, other in enumerate(self.members):
            order = compare(newcomer, other)
            if order < 0:
                beaten[i] |= bit
            elif order > 0:
                mine |= 1 << i
        return Population((*self.members, newcomer), (*beaten, mine))

    def without(self, index: int) -> Population:
        """With one member less."""
        low = (1 << index) - 1
        masks = [(m & low) | (m >> (index + 1) << index) for i, m in enumerate(self.beaten_by) if i != index]
        smaller = Population((*self.members[:index], *self.members[index + 1 :]), tuple(masks))
        if "ranks" in self.__dict__ and self.ranks[index] == max(self.ranks):  # nobody stands behind it
            smaller.__dict__["ranks"] = [r for i, r in enumerate(self.ranks) if i != index]
        return smaller

    @cached_property
    def ranks(self) -> list[int]:
        """Front of each member: 0 for those that nobody dominates, 1 for those behind them only, ...

        Who dominates a member is dominated by fewer, and a member's dominators fill every front before its own, so
        members enter by the number of their dominators and fronts are searched by bisection.
        """
        ranks = [0] * len(self.members)
        fronts: list[int] = []
        for i in sorted(range(len(ranks)), key=lambda i: self.beaten_by[i].bit_count()):
            low, high, beaten = 0, len(fronts), self.beaten_by[i]
            while low < high:
                middle = (low + high) // 2
                if beaten & fronts[middle]:
                    low = middle + 1
                else:
                    high = middle
            if low == len(fronts):
                fronts.append(0)
            fronts[low] |= 1 << i
            ranks[i] = low
        return ranks

    def front(self, rank: int) -> list[int]:
        """Indices of the members of a front."""
        return [i for i, r in enumerate(self.ranks) if r == rank]

    def crowding(self, index: int) -> float:
        """Crowding distance of a member on its front; wide is better."""
        rank = self.ranks[index]
        if rank not in self._crowding:
            front = self.front(rank)
            distances = crowding_of([self.members[i].losses for i in front])
            self._crowding[rank] = dict(zip(front, distances, strict=True))
        return self._crowding[rank][index]


def crowding_of(losses: Sequence[tuple[float, ...]]) -> list[float]:
    """Crowding distance of each point of one front; infinite at the ends of each objective.

    As :func:`nasengine.search.pareto.crowding` (Deb et al., 2002, section III-B).
    """
    distance = [0.0] * len(losses)
    for column in zip(*losses, strict=True):
        order = sorted(range(len(column)), key=column.__getitem__)
        first, last = order[0], order[-1]
        width = column[last] - column[first]
        if width == 0.0:
            continue
        distance[first] = distance[last] = math.inf
        for before, here, after in zip(order, order[1:], order[2:], strict=False):
            distance[here] += (column[after] - column[before]) / width
    return distance
