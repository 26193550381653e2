"""What an earlier study found, on this space or one that it grew from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nasengine.errors import SpaceError, StudyError
from nasengine.search.objectives import Objective
from nasengine.search.samplers.compose import check_reads, named, same_member, sampler_after, shown, tell_left_out
from nasengine.search.samplers.protocol import Problem, Sampler, TrialView

if TYPE_CHECKING:
    from nasengine.search.samplers.compose import Then
    from nasengine.space import Label

Observation = tuple[Mapping[str, Any], Mapping[str, float]]
"""(decisions, values by name) of a trial of an earlier study."""


@dataclass(frozen=True)
class Transfer:
    """Trials of an earlier study, on this space or one that it grew from, as what another sampler starts from.

    What still decodes is taken: all of its decisions have to be options here, and positions that are new here have one
    option. Their values are of another study: samplers with a model trust them less than trials of their own, evolution
    takes them as its first population.

    Attributes:
        then: the sampler that goes on; one that learns.
        earlier: (decisions, values by name) of each trial.
        left_out: (decisions, reason) of each trial that is not taken; told in one line of the log.

    Raises:
        StudyError: no trial, something that is no pair, or a sampler that does not look at earlier trials.
    """

    then: Then
    earlier: Iterable[Observation] = ()
    left_out: list[tuple[str, str]] = field(default_factory=list, init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "earlier", tuple(self.earlier))

    def make(self, problem: Problem) -> Sampler:
        """The sampler for one study."""
        self.left_out.clear()
        if not self.earlier:
            raise StudyError(
                "transfer: at least one trial of an earlier study is needed; got none; "
                "pass earlier=[(decisions, values)]"
            )
        found: list[tuple[Mapping[str, Label], Mapping[str, float]]] = []
        for pair in self.earlier:
            decisions, values = _observation(pair)
            reason = _unusable(values, problem.objectives)
            try:
                member = same_member(problem.space, decisions)
            except SpaceError as error:
                reason = reason or str(error)
            if reason:
                self.left_out.append((shown(decisions), reason))
            else:
                found.append((dict(member.decisions), dict(values)))
        tell_left_out("transfer", "trials", self.left_out, len(found))
        views = [TrialView(i - len(found), d, "complete", v) for i, (d, v) in enumerate(found)]
        sampler = sampler_after(
            self.then, replace(problem, earlier=(*problem.earlier, *_renumbered(views, problem.earlier)))
        )
        check_reads(sampler, "earlier", "transfer", f"{named(self.then)} does not look at earlier trials")
        return sampler


def _observation(pair: Any) -> Observation:
    if isinstance(pair, TrialView):
        return pair.decisions, pair.values
    if isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(part, Mapping) for part in pair):
        return pair[0], pair[1]
    raise StudyError(f"transfer: an earlier trial is a pair (decisions, values by name); got {pair!r}")


def _unusable(values: Mapping[str, float], objectives: Sequence[Objective]) -> str:
    for objective in objectives:
        value = values.get(objective.name)
        if value is None or not math.isfinite(value):
            return f"{objective.name!r} is {'missing' if value is None else value}"
    return ""


def _renumbered(views: Sequence[TrialView], before: Sequence[TrialView]) -> list[TrialView]:
    """Views numbered below those that a problem has already."""
    lowest = min((view.number for view in before), default=0)
    return [replace(view, number=view.number + lowest) for view in views]
