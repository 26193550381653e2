"""Samplers: which candidate to look at next.

A sampler is a pure function of its problem and of the trials it has been told: it never executes anything,
and it is not saved. A study that continues makes the same sampler again and tells it the recorded trials
(:func:`replay`); it then proposes what the uninterrupted study would have proposed, as long as
:attr:`Sampler.deterministic` is true.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nasengine.errors import StudyError
from nasengine.search.objectives import Budget, Objective

if TYPE_CHECKING:
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
        draw: how a random member is drawn; None draws each decision by its own law.
        earlier: trials of an earlier study whose decisions are members of this space, numbered below 0: samplers that
            learn take them as a first population, or as data of lower fidelity.
        cheap: further figures of a candidate that cost little beside its training, by name (zero-cost proxies);
            samplers with a model take them as features.
    """

    space: Space
    objectives: tuple[Objective, ...]
    seed: int = 0
    budgets: tuple[Budget, ...] = ()
    known: Callable[[Architecture], Mapping[str, float]] | None = None
    draw: Callable[[random.Random], Architecture] | None = None
    earlier: tuple[TrialView, ...] = ()
    cheap: Callable[[Architecture], Mapping[str, float]] | None = None


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
        curve: (epoch, metrics) of its completed rungs, in order.
    """

    number: int
    decisions: Mapping[str, Label]
    status: str
    values: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    epochs: int = 0
    attrs: Mapping[str, Any] = field(default_factory=dict)
    curve: Sequence[tuple[int, Mapping[str, float]]] = ()

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


@runtime_checkable
class SamplerSpec(Protocol):
    """What a study takes in place of a sampler: something that makes one for its problem."""

    def make(self, problem: Problem) -> Sampler:
        """The sampler for one study."""


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
