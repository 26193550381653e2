"""What a simulated study did, and how good that was: the truth is known, since the whole table is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nasengine.errors import StudyError
from nasengine.search import Budget, Objective
from nasengine.search.pareto import Floats, hypervolume, non_dominated, reference_point
from nasengine.space import Label
from nasengine.study import rows

if TYPE_CHECKING:
    import pandas as pd

    from nasengine.tasks.tabular import Tabulated


@dataclass(frozen=True)
class Simulated:
    """One trial.

    Attributes:
        number: its place in the study, from 0.
        decisions: path to label.
        status: as of a study's trials.
        id: equal id, equal network.
        row: in the table.
        values: all that is known of it by name: costs, and the metrics of its last rung.
        violations: relative violation of each broken budget.
        gate, reason: what refused it, and why.
        same_as: the trial whose network it repeats, and whose results it shares.
        rung: the last one, from 0, that it was sent to.
        epochs: that it was trained.
        start_s, end_s: virtual seconds at which it began to train and its last rung ended.
        attrs: what its sampler attached.
        curve: (epoch, metrics) of its rungs.
    """

    number: int
    decisions: Mapping[str, Label]
    status: str = rows.RUNNING
    id: str = ""
    row: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    gate: str = ""
    reason: str = ""
    same_as: int | None = None
    rung: int = 0
    epochs: int = 0
    start_s: float = math.nan
    end_s: float = math.nan
    attrs: Mapping[str, Any] = field(default_factory=dict)
    curve: tuple[tuple[int, Mapping[str, float]], ...] = ()


@dataclass(frozen=True)
class Ending:
    """The end of one rung of one trial.

    Attributes:
        trial: its number.
        rung: from 0.
        last: is the trial complete?
        at_s: virtual seconds.
        spent: epochs that the study has trained by then, in full trainings: the number of evaluations, where every
            trial trains to the end.
        profiled: networks that were measured by then.
    """

    trial: int
    rung: int
    last: bool
    at_s: float
    spent: float
    profiled: int


@dataclass(frozen=True)
class Truth:
    """What is best in a table.

    Hypervolumes are of the objectives as they are, up to a reference that is the worst value of each over all rows
    moved a tenth of its range further; a share does not depend on units.

    Attributes:
        objectives: of the study.
        report: for each objective the name of the quantity that is reported in its place, such as a test metric.
        reference: (M,).
        volume: hypervolume of all feasible rows.
        optimum: best feasible value of the first objective.
    """

    objectives: tuple[Objective, ...]
    report: tuple[str, ...]
    reference: tuple[float, ...]
    volume: float
    optimum: float

    @classmethod
    def of(
        cls,
        table: Tabulated,
        objectives: Sequence[Objective],
        *,
        budgets: Sequence[Budget] = (),
        report: Mapping[str, str] | None = None,
        floor: float = 0.0,
    ) -> Truth:
        """The truth of a table.

        Args:
            table: the table read against its space.
            objectives: of the study.
            budgets: rows that break one are not in the truth.
            report: objective to the quantity that stands for it, ``{"accuracy": "test_accuracy"}``.
            floor: a share from 0 to 1; see the class.

        Raises:
            StudyError: no row meets all budgets.
            TaskError: the table does not hold a quantity.
        """
        names = tuple((report or {}).get(o.name, o.name) for o in objectives)
        points = np.stack([table.column(name) for name in names], axis=1)
        met = np.ones(len(points), dtype=bool)
        for budget in budgets:
            met &= np.array([budget.met(float(value)) for value in table.column(budget.name)])
        if not met.any():
            raise StudyError(
                f"{table.task.name}: no row meets the budgets {', '.join(map(str, budgets))}; loosen one of them"
            )
        directions = [o.direction for o in objectives]
        reference = reference_point(points, directions)
        for i, objective in enumerate(objectives):
            if floor and not objective.known:
                share = floor if objective.direction == "maximize" else 1 - floor
                reference[i] = float(np.quantile(points[met, i], share))
        best = max if directions[0] == "maximize" else min
        volume = hypervolume(points[met], directions, reference)
        return cls(tuple(objectives), names, tuple(reference), volume, float(best(points[met, 0])))

    def share(self, points: Sequence[Sequence[float]] | Floats) -> float:
        """Share (N, M) points have of the true hypervolume; 0 without a point."""
        if not len(points):
            return 0.0
        return hypervolume(points, [o.direction for o in self.objectives], self.reference) / self.volume


@dataclass(frozen=True)
class History:
    """A simulated study, whole.

    Attributes:
        trials: by number.
        endings: rungs in the order in which they ended.
        ask_s: real seconds of each ask.
        objectives: of the study.
        profiling: what measuring one network takes, in full trainings.
        ended: why it ended before all trials had entered training; empty when it did not.
    """

    trials: tuple[Simulated, ...]
    endings: tuple[Ending, ...]
    ask_s: tuple[float, ...]
    objectives: tuple[Objective, ...]
    profiling: float = 0.0
    ended: str = ""

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a trial; decisions as ``decision.PATH``, quantities and metrics under their names."""
        import pandas as pd

        plain = ("number", "id", "status", "same_as", "gate", "reason", "epochs", "start_s", "end_s")
        records = []
        for trial in self.trials:
            record = {"trial" if name == "number" else name: getattr(trial, name) for name in plain}
            records.append({**record, **trial.values, **{f"decision.{k}": v for k, v in trial.decisions.items()}})
        return pd.DataFrame(records)

    @property
    def evaluations(self) -> int:
        """Trials that entered training on their own account."""
        return len({ending.trial for ending in self.endings})

    def complete(self, spent: float = math.inf, *, charged: bool = False) -> list[Simulated]:
        """Trials that were complete once so many full trainings were spent, in the order of their ends.

        Args:
            spent: full trainings; evaluations, where every trial trains to the end.
            charged: measuring networks is spent too, at what it takes.
        """
        price = self.profiling if charged else 0.0
        within = (e for e in self.endings if e.last and e.spent + e.profiled * price <= spent + 1e-9)
        return [self.trials[e.trial] for e in within]

    def points(self, names: Sequence[str], spent: float = math.inf, *, charged: bool = False) -> Floats:
        """Quantities (N, M) of complete trials. See :meth:`complete`."""
        found = [[trial.values[name] for name in names] for trial in self.complete(spent, charged=charged)]
        return np.array(found, dtype=np.float64).reshape(len(found), len(names))

    def shares(self, truth: Truth, at: Sequence[float], *, charged: bool = False) -> list[float]:
        """Share of the true hypervolume after so many evaluations.

        Where the truth reports another quantity than was optimised, the trials that are not dominated in the objectives
        are chosen, and their reported quantities compared.
        """
        return [truth.share(self._chosen(truth, spent, charged)) for spent in at]

    def regrets(self, truth: Truth, at: Sequence[float], *, charged: bool = False) -> list[float]:
        """By how much the best trial is worse than the best row in the first objective, after so many evaluations, in
        the objective's unit; infinite before the first trial is complete."""
        sign = 1.0 if self.objectives[0].direction == "maximize" else -1.0
        found = []
        for spent in at:
            best = self.best(spent, charged=charged)
            found.append(math.inf if best is None else sign * (truth.optimum - best.values[truth.report[0]]))
        return found

    def best(self, spent: float = math.inf, *, charged: bool = False) -> Simulated | None:
        """The complete trial that is best in the first objective; the earliest of equal ones."""
        done = self.complete(spent, charged=charged)
        return min(done, key=lambda t: self.objectives[0].loss(t.values[self.objectives[0].name]), default=None)

    def found_at(self, truth: Truth, *, charged: bool = False) -> float:
        """Evaluations after which a row as good as the best one was complete; infinite where none was."""
        name, price = truth.report[0], self.profiling if charged else 0.0
        for ending in self.endings:
            if ending.last and self.trials[ending.trial].values[name] == truth.optimum:
                return ending.spent + ending.profiled * price
        return math.inf

    def _chosen(self, truth: Truth, spent: float, charged: bool) -> Floats:
        names = [o.name for o in self.objectives]
        if tuple(names) == truth.report:
            return self.points(names, spent, charged=charged)
        points = self.points(names, spent, charged=charged)
        front = non_dominated(points, [o.direction for o in self.objectives])
        return self.points(truth.report, spent, charged=charged)[front]
