"""What a study optimises and what it must not exceed.

An :class:`Objective` names a quantity and a direction. A :class:`Budget` bounds a quantity that is known
before a network is trained, so a candidate that breaks it is never trained. Both are plain data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, cast

from nasengine.errors import StudyError

Direction = Literal["maximize", "minimize"]
Sense = Literal["at_most", "at_least"]

LATENCY, PEAK_MEMORY, ENERGY = "latency_ms", "peak_memory_bytes", "energy_mj"
MEASURED: Mapping[str, str] = {LATENCY: "median_ms", PEAK_MEMORY: "peak_memory_bytes", ENERGY: "energy_mj"}
"""Quantities that are measured on the device, and the field of a ``LatencyProfile`` that holds each."""
KNOWN_BEFORE_TRAINING: Mapping[str, str] = {
    "params": "",
    "macs": "",
    "param_bytes": "bytes",
    "peak_activation_bytes": "bytes",
    "active_params": "",
    "active_macs": "",
    "model_bytes": "bytes",
    LATENCY: "ms",
    PEAK_MEMORY: "bytes",
    ENERGY: "mJ",
}
"""Quantities known before a network is trained, with their units: closed-form costs, then what is measured."""


@dataclass(frozen=True)
class Objective:
    """A quantity to maximize or minimize.

    Attributes:
        name: a metric of the task, or one of :data:`KNOWN_BEFORE_TRAINING`.
        direction: ``"maximize"`` or ``"minimize"``.

    Raises:
        StudyError: no name, or another direction.
    """

    name: str
    direction: Direction

    def __post_init__(self) -> None:
        _check_name(self.name, "objective")
        if self.direction not in ("maximize", "minimize"):
            raise StudyError(
                f"objective {self.name!r}: the direction is 'maximize' or 'minimize'; got "
                f"{self.direction!r}; write maximize(name) or minimize(name)"
            )

    @property
    def known(self) -> bool:
        """Is the quantity known before training?"""
        return self.name in KNOWN_BEFORE_TRAINING

    def loss(self, value: float) -> float:
        """The value with its sign turned so that smaller is better."""
        return -value if self.direction == "maximize" else value

    def to_json(self) -> dict[str, Any]:
        """``{"name": ..., "direction": ...}``."""
        return {"name": self.name, "direction": self.direction}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Objective:
        """The objective that :meth:`to_json` wrote."""
        return cls(str(data["name"]), cast(Direction, data["direction"]))


@dataclass(frozen=True)
class Budget:
    """A bound on a quantity known before training.

    Attributes:
        name: one of :data:`KNOWN_BEFORE_TRAINING`.
        limit: a finite number above zero, in the quantity's unit.
        sense: ``"at_most"`` or ``"at_least"``.

    Raises:
        StudyError: a quantity known only after training, or a limit that is not a finite number above zero.
    """

    name: str
    limit: float
    sense: Sense = "at_most"

    def __post_init__(self) -> None:
        _check_name(self.name, "budget")
        if self.sense not in ("at_most", "at_least"):
            raise StudyError(f"budget {self.name!r}: the sense is 'at_most' or 'at_least'; got {self.sense!r}")
        if self.name not in KNOWN_BEFORE_TRAINING:
            raise StudyError(
                f"budget {self.name!r}: a budget bounds a quantity known before training, one of "
                f"{', '.join(KNOWN_BEFORE_TRAINING)}; make {self.name!r} an objective instead"
            )
        self._check_limit()

    def _check_limit(self) -> None:
        limit = self.limit
        if isinstance(limit, bool) or not isinstance(limit, Real) or not (math.isfinite(limit) and limit > 0):
            raise StudyError(
                f"budget {self.name!r}: the limit is a finite number above zero; got {limit!r}; "
                f"write {self.sense}({self.name!r}, limit)"
            )

    def met(self, value: float) -> bool:
        """Is the budget met? A value equal to the limit meets it."""
        return self.violation(value) == 0.0

    def violation(self, value: float) -> float:
        """By how much the value breaks the budget, as a share of the limit; 0 where it is met.

        Relative, so that violations of budgets in different units can be added and compared.

        Raises:
            StudyError: the value is not a number.
        """
        if math.isnan(value):
            raise StudyError(f"budget {self.name!r}: a number is needed to compare with {self.limit}; got nan")
        excess = value - self.limit if self.sense == "at_most" else self.limit - value
        return float(max(0.0, excess / self.limit))

    def __str__(self) -> str:
        unit = KNOWN_BEFORE_TRAINING[self.name]
        sign = "<=" if self.sense == "at_most" else ">="
        return f"{self.name} {sign} {self.limit:,}" + (f" {unit}" if unit and not self.name.endswith(unit) else "")

    def to_json(self) -> dict[str, Any]:
        """``{"name": ..., "limit": ..., "sense": ...}``."""
        return {"name": self.name, "limit": self.limit, "sense": self.sense}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Budget:
        """The budget that :meth:`to_json` wrote."""
        return cls(str(data["name"]), data["limit"], cast(Sense, data["sense"]))


def maximize(name: str) -> Objective:
    """An objective where more is better: ``maximize("accuracy")``."""
    return Objective(name, "maximize")


def minimize(name: str) -> Objective:
    """An objective where less is better: ``minimize("latency_ms")``."""
    return Objective(name, "minimize")


def at_most(name: str, limit: float) -> Budget:
    """A budget from above: ``at_most("params", 500_000)``. See :class:`Budget` for what it raises."""
    return Budget(name, limit, "at_most")


def at_least(name: str, limit: float) -> Budget:
    """A budget from below: ``at_least("macs", 1_000_000)``. See :class:`Budget` for what it raises."""
    return Budget(name, limit, "at_least")


def violations(budgets: Iterable[Budget], known: Mapping[str, float]) -> dict[str, float]:
    """Relative violation of each budget that ``known`` breaks; empty when all known quantities meet their
    budgets.

    A budget whose quantity is not in ``known`` (latency before it is measured) is left out. Where two budgets
    bound one quantity, the larger violation stands.
    """
    broken: dict[str, float] = {}
    for budget in budgets:
        if budget.name in known and (excess := budget.violation(known[budget.name])) > 0:
            broken[budget.name] = max(excess, broken.get(budget.name, 0.0))
    return broken


def check_objectives(objectives: Sequence[Objective], budgets: Sequence[Budget], task_metrics: Sequence[str]) -> None:
    """Check objectives and budgets against what the task reports.

    Args:
        objectives: at least one, each quantity once.
        budgets: at most one of each sense for a quantity, not contradicting each other.
        task_metrics: names of the metrics that the task reports after training.

    Raises:
        StudyError: no objective, a quantity that nothing reports, one named twice, or budgets that exclude
            each other.
    """
    if not objectives:
        raise StudyError("objectives: a study needs at least one; got none; pass objectives=(maximize(...),)")
    known = (*task_metrics, *(n for n in KNOWN_BEFORE_TRAINING if n not in task_metrics))
    for objective in objectives:
        if objective.name not in known:
            raise StudyError(
                f"objective {objective.name!r}: nothing reports it; the task reports "
                f"{', '.join(task_metrics) or 'no metric'}; known before training are "
                f"{', '.join(KNOWN_BEFORE_TRAINING)}"
            )
    _check_once([o.name for o in objectives], "objective")
    _check_once([f"{b.sense}({b.name!r})" for b in budgets], "budget")
    _check_compatible(budgets)


def _check_compatible(budgets: Sequence[Budget]) -> None:
    upper = {b.name: b.limit for b in budgets if b.sense == "at_most"}
    for budget in budgets:
        if budget.sense == "at_least" and budget.limit > upper.get(budget.name, math.inf):
            raise StudyError(
                f"budget {budget.name!r}: at least {budget.limit} and at most {upper[budget.name]} exclude "
                "each other; raise the upper limit or lower the other"
            )


def _check_once(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"{what} {name}: each quantity is named once; got it {names.count(name)} times; keep one")


def _check_name(name: object, what: str) -> None:
    if not isinstance(name, str) or not name:
        raise StudyError(f"{what}: its name is a non-empty string; got {name!r}")
