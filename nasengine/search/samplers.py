"""Samplers: which candidate to look at next.

A sampler is a pure function of its problem and of the trials it has been told: it never executes anything,
and it is not saved. A study that continues makes the same sampler again and tells it the recorded trials
(:func:`replay`); it then proposes what the uninterrupted study would have proposed, as long as
:attr:`Sampler.deterministic` is true.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nasengine.errors import StudyError
from nasengine.search.objectives import Budget, Objective

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from nasengine.space import Architecture, Label, Space

PENDING = frozenset({"running", "waiting"})
FINISHED = frozenset({"complete", "pruned", "infeasible", "failed", "lost"})


@dataclass(frozen=True)
class Problem:
    """What a sampler searches: known before the first trial and the same until the last.

    Attributes:
        space: where candidates come from.
        objectives: at least one; the order is the order of values.
        seed: of the study; every random number of a sampler derives from it and from the trial's number.
        budgets: bounds on quantities known before training.
        known: quantities known of a candidate before it is trained, by name; None where nothing offers them.
    """

    space: Space
    objectives: tuple[Objective, ...]
    seed: int = 0
    budgets: tuple[Budget, ...] = ()
    known: Callable[[Architecture], Mapping[str, float]] | None = None


@dataclass(frozen=True)
class TrialView:
    """A trial as a sampler sees it.

    Attributes:
        number: its place in the study, from 0.
        decisions: path to label.
        status: ``running`` or ``waiting`` (not decided yet), ``complete``, ``pruned``, ``infeasible``,
            ``failed``, ``lost``.
        values: quantities by name. A complete trial has every objective; a pruned one has those of its last
            rung.
        violations: relative violation of each broken budget, for infeasible trials.
        epochs: how far it was trained.
        attrs: what the sampler attached to its proposal; plain JSON.
    """

    number: int
    decisions: Mapping[str, Label]
    status: str
    values: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Will this trial never change again?"""
        return self.status in FINISHED


@dataclass(frozen=True)
class View:
    """The study at the moment of asking.

    Attributes:
        next_number: the number that the first proposal will get; proposals are numbered without gaps from it.
        trials: trials by number, from callers that offer them; a study leaves it empty, since it tells its sampler
            every change.
        remaining: how many more trials the study will start; None without a limit.
    """

    next_number: int
    trials: Mapping[int, TrialView] = field(default_factory=dict)
    remaining: int | None = None


@dataclass(frozen=True)
class Proposal:
    """A candidate to look at: its decisions, and what the sampler wants back when the trial is told again
    (JSON)."""

    decisions: Mapping[str, Label]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Sampler(Protocol):
    """The protocol of samplers.

    ``deterministic`` says whether a sampler made anew and told the recorded trials proposes the same as one
    that was never interrupted.
    """

    deterministic: bool

    def ask(self, n: int, view: View) -> list[Proposal]:
        """Up to ``n`` candidates for the trials ``view.next_number``, ``+ 1``, ...; fewer when the space is
        exhausted."""

    def tell(self, trial: TrialView) -> None:
        """Learn a trial's present state. Telling the same state again changes nothing, and order does not
        matter."""


SamplerFactory = Callable[[int], "BaseSampler | Sampler"]


class RandomSampler:
    """Each decision uniform over its options. Trial k has a generator of its own, seeded from the study's
    seed and k."""

    deterministic = True

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`Sampler`."""
        numbers = range(view.next_number, view.next_number + n)
        return [Proposal(dict(self._sample(number).decisions)) for number in numbers]

    def _sample(self, number: int) -> Architecture:
        return self._problem.space.sample(random.Random(derived_seed(self._problem.seed, number)))

    def tell(self, trial: TrialView) -> None:
        """Nothing is learned."""


class ExhaustiveSampler:
    """Every member once, in the space's order: trial k is ``space[k]``.

    Raises:
        StudyError: the space is infinite.
    """

    deterministic = True

    def __init__(self, problem: Problem) -> None:
        self._space = problem.space
        if math.isinf(self._space.size):
            raise StudyError(
                f"sampler 'exhaustive': the space must be finite; {self._space.name!r} holds a real-valued "
                "position; use choice or integer there, or another sampler"
            )

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`Sampler`; empty once every member was proposed."""
        stop = int(min(view.next_number + n, self._space.size))
        return [Proposal(dict(self._space[i].decisions)) for i in range(view.next_number, stop)]

    def tell(self, trial: TrialView) -> None:
        """Nothing is learned."""


def _tpe(problem: Problem) -> Sampler:
    from nasengine.search import optuna_sampler

    return optuna_sampler.OptunaSampler(problem, optuna_sampler.tpe)


def _nsga2(problem: Problem) -> Sampler:
    from nasengine.search import optuna_sampler

    return optuna_sampler.OptunaSampler(problem, optuna_sampler.nsga2)


SAMPLERS: Mapping[str, Callable[[Problem], Sampler]] = {
    "random": RandomSampler,
    "exhaustive": ExhaustiveSampler,
    "tpe": _tpe,
    "nsga2": _nsga2,
}


def make_sampler(
    sampler: str | SamplerFactory | BaseSampler | Sampler,
    space: Space,
    objectives: Sequence[Objective],
    seed: int,
    *,
    budgets: Sequence[Budget] = (),
    known: Callable[[Architecture], Mapping[str, float]] | None = None,
) -> Sampler:
    """Make a sampler for one study.

    Args:
        sampler: a name (``random``, ``exhaustive``, ``tpe``, ``nsga2``); a factory ``lambda seed:
            Sampler(seed)`` of an Optuna sampler or of one with ``ask`` and ``tell``; or an instance of
            either. An Optuna instance works, but a resumed study may propose other candidates than an
            uninterrupted one (``deterministic`` is false).
        space: where candidates come from.
        objectives: at least one.
        seed: of the study.
        budgets: bounds on quantities known before training.
        known: quantities known of a candidate before it is trained.

    Raises:
        StudyError: an unknown name, or something that is no sampler.
    """
    problem = Problem(space, tuple(objectives), seed, tuple(budgets), known)
    if isinstance(sampler, str):
        return _named(sampler)(problem)
    if isinstance(sampler, Sampler) and not isinstance(sampler, type):
        return sampler
    return _foreign(problem, sampler)


def replay(sampler: Sampler, trials: Iterable[TrialView]) -> Sampler:
    """Tell a fresh sampler what is recorded, in order of trial numbers; returns it."""
    for trial in sorted(trials, key=lambda t: t.number):
        sampler.tell(trial)
    return sampler


def derived_seed(seed: int, number: int) -> int:
    """A seed (32 bits) for one trial of a study; the same on every machine and in every version of Python."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")


def check_values(trial: TrialView, objectives: Sequence[Objective]) -> list[float]:
    """Values of a complete trial in the order of the objectives.

    Raises:
        StudyError: one is missing or not finite.
    """
    for objective in objectives:
        value = trial.values.get(objective.name)
        if value is None or not math.isfinite(value):
            raise StudyError(
                f"trial {trial.number}: a complete trial has a finite value of every objective; "
                f"{objective.name!r} is {'missing' if value is None else value}; tell it as failed, with the "
                "reason"
            )
    return [float(trial.values[o.name]) for o in objectives]


def _named(name: str) -> Callable[[Problem], Sampler]:
    if name in SAMPLERS:
        return SAMPLERS[name]
    close = difflib.get_close_matches(name, SAMPLERS, n=1)
    raise StudyError(
        f"sampler {name!r}: there is no sampler of this name; the names are {', '.join(SAMPLERS)}"
        + (f"; did you mean {close[0]!r}?" if close else "; or pass lambda seed: Sampler(seed)")
    )


def _foreign(problem: Problem, sampler: Any) -> Sampler:
    """An Optuna sampler, or a factory of any sampler."""
    from optuna.samplers import BaseSampler

    from nasengine.search.optuna_sampler import OptunaSampler
    from nasengine.search.optuna_study import quiet

    if isinstance(sampler, BaseSampler):
        return OptunaSampler(problem, sampler)
    with quiet():
        made = sampler(problem.seed) if callable(sampler) else sampler
    if isinstance(made, BaseSampler):
        return OptunaSampler(problem, sampler)
    if isinstance(made, Sampler):
        return made
    raise StudyError(
        "sampler: a name, an Optuna sampler, an object with ask and tell, or a factory of one; "
        f"got {made!r}; write sampler='tpe' or sampler=lambda seed: optuna.samplers.TPESampler(seed=seed)"
    )
