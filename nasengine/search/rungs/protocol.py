"""What a rung holds, and what a study needs of a way to stop early.

A rung is a number of epochs. A trial that reaches the end of a rung waits there until it is promoted to the
next one or the study ends and it is pruned. A promoted trial continues from its checkpoint. Everything in this
folder is a pure function of recorded results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from nasengine.errors import SpaceError
from nasengine.search.objectives import Objective

RungResults = Mapping[int, Mapping[str, float]]
"""Trial number to values of all objectives at one rung: partial scores of the task, and known costs."""
Curve = Sequence[tuple[int, Mapping[str, float]]]
"""(epoch, metrics after it), in order."""


@dataclass(frozen=True)
class Rung:
    """What is recorded at one rung. ``results`` and ``promoted`` are enough for every asynchronous rule.

    Attributes:
        results: values by trial number, of every trial that finished this rung (promoted ones too).
        promoted: numbers of the trials that were sent on from this rung, whether they have arrived or not.
        running: numbers of the trials that are on their way to the end of this rung.
        failed: numbers of the trials that set out for the end of this rung and will never arrive.
        curves: metrics of earlier epochs by trial number, up to the end of this rung; those that are known.
    """

    results: RungResults = field(default_factory=dict)
    promoted: AbstractSet[int] = frozenset()
    running: AbstractSet[int] = frozenset()
    failed: AbstractSet[int] = frozenset()
    curves: Mapping[int, Curve] = field(default_factory=dict)


@dataclass(frozen=True)
class Promotion:
    """Send trial ``number`` on from rung ``rung`` (counted from 0)."""

    rung: int
    number: int


@runtime_checkable
class Rungs(Protocol):
    """What a study needs of a way to stop early. Implementations are specs, so that they belong to a study's
    record."""

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """Epochs, counted from the start of training, at which each rung ends; the last one is ``total``."""

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """Promotions due now, the most urgent first; none is due from the last rung.

        Args:
            rungs: all rungs in order, the last one included.
            objectives: the study's objectives.
            closing: no new trial will come and none is running, so what is not promoted now never will be.
        """


def check_whole(place: str, value: object, least: int) -> None:
    """Refuse what is no whole number from ``least`` on.

    Raises:
        SpaceError: the place, the law and what was got.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpaceError(f"{place}: a whole number from {least} on; got {value!r}")
