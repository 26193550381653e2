"""A study on a table, in memory and on virtual time: thousands of trials a second, nothing trained.

The order of steps is that of a study (:mod:`nasengine.study.loop`): ask, types, closed-form budgets, duplicates by id,
measured budgets, rungs, promotions, tell. What is left out is what only a real study has: a ledger, processes that die,
and time that passes while a sampler thinks.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nasengine.errors import NasError, StudyError
from nasengine.search import (
    Budget,
    FullTraining,
    Objective,
    Proposal,
    Rung,
    Rungs,
    Sampler,
    TrialView,
    View,
    check_objectives,
    make_sampler,
)
from nasengine.space import Architecture, Space
from nasengine.study import gates, rows
from nasengine.study.history import Ending, History, Simulated

if TYPE_CHECKING:
    from nasengine.tasks.tabular import Entry, TabularTask, Tabulated

REFUSED_IN_A_ROW = 1_000


def simulate(
    space: Space,
    task: TabularTask,
    *,
    objectives: Sequence[Objective],
    sampler: Any = "nsga2",
    budgets: Sequence[Budget] = (),
    rungs: Rungs | None = None,
    trials: int = 100,
    workers: int = 1,
    seed: int = 0,
    look_up: bool = True,
) -> History:
    """Run a study on a table.

    A candidate counts as an evaluation when it enters training: one that a budget refuses, and one whose network is
    known already, cost nothing and count nothing, whatever the sampler is.

    A table that holds a part of the space is a :class:`~nasengine.tasks.pool.Pool`, and every sampler chooses among its
    rows: samples, mutants, crosses and neighbours are rows, and in place of a proposal that is none the nearest row is
    taken that was not looked at yet. The sampler is told that row's decisions.

    Args:
        space: what is searched.
        task: the table; every objective is one of its metrics at the last epoch, one of its known or measured
            quantities, or a closed-form cost.
        objectives: at least one.
        sampler: as of :class:`~nasengine.study.Study`.
        budgets: on quantities known before training.
        rungs: by default every trial trains to the end. Each rung ends at a tabulated epoch.
        trials: candidates that enter training.
        workers: trials that train at the same time.
        seed: of the sampler.
        look_up: tell the sampler measured quantities of any candidate that it asks about before it proposes one. Each
            network asked about takes the task's ``profiling_s`` once, on one device, and is counted. Without, a network
            is measured when it is about to train, as in a study without a predictor.

    Raises:
        StudyError: objectives, budgets or rungs that make no study on this table, or counts below 1.
        TaskError: a row of the table is no member of the space.
    """
    plan = Plan(tuple(objectives), tuple(budgets), FullTraining() if rungs is None else rungs, trials, workers)
    table = task.over(space)
    plan.check(task)
    knowledge = _Knowledge(table, look_up)
    made = make_sampler(sampler, table.space, plan.objectives, seed, budgets=plan.budgets, known=knowledge)
    return _Run(table, plan, made, knowledge).go()


@dataclass(frozen=True)
class Plan:
    """What is simulated on a table; the fields are those of :func:`simulate`."""

    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    rungs: Rungs
    trials: int
    workers: int

    def check(self, task: TabularTask) -> None:
        """Refuse what makes no study on this table. See :func:`simulate`."""
        for name, count in (("trials", self.trials), ("workers", self.workers)):
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise StudyError(f"simulate: {name} is a whole number from 1 on; got {count!r}")
        check_objectives(self.objectives, self.budgets, [*task.metrics, *task.known, *task.measured])
        ends = self.rungs.rung_epochs(task.epochs[-1])
        for objective in self.objectives:
            tabulated = task.metrics.get(objective.name)
            if tabulated is None:
                continue
            missing = [end for end in ends if end not in tabulated]
            if missing:
                raise StudyError(
                    f"simulate: every rung ends where {objective.name!r} is tabulated; {task.name} holds it after "
                    f"{', '.join(map(str, sorted(tabulated)))} epochs, and the rungs end at "
                    f"{', '.join(map(str, ends))}; choose min_epochs= and eta= of the rungs so"
                )


class _Knowledge:
    """Quantities of a candidate before it trains, as a sampler asks for them; counts networks measured for it."""

    def __init__(self, table: Tabulated, look_up: bool) -> None:
        self._table, self._look_up = table, look_up and bool(table.task.measured)
        self.measured: set[str] = set()

    def __call__(self, architecture: Architecture) -> Mapping[str, float]:
        entry = self._table.look(architecture.decisions)
        if not self._look_up:
            return dict(entry.known)
        self.measured.add(entry.id)
        return {**entry.known, **entry.measured}


class _Run:
    """One simulated study."""

    def __init__(self, table: Tabulated, plan: Plan, sampler: Sampler, knowledge: _Knowledge) -> None:
        self._table, self._plan, self._sampler, self._knowledge = table, plan, sampler, knowledge
        self._task = table.task
        self._pool = table.pool
        self._looked: set[int] = set()
        self._ends = plan.rungs.rung_epochs(self._task.epochs[-1])
        self._trials: list[Simulated] = []
        self._rungs: list[tuple[dict[int, Mapping[str, float]], set[int]]] = [({}, set()) for _ in self._ends]
        self._busy: list[tuple[float, int, int]] = []
        self._first: dict[str, int] = {}
        self._copies: dict[int, list[int]] = {}
        self._seen: set[frozenset[tuple[str, Any]]] = set()
        self._endings: list[Ending] = []
        self._ask_s: list[float] = []
        self._clock = self._spent = 0.0
        self._entered = self._refused = self._started = self._profiled = 0
        self._none_due = False
        self._ended = ""

    def go(self) -> History:
        """Until enough candidates entered training and none is left to promote."""
        while self._fill() or self._busy:
            self._clock, _, number = heapq.heappop(self._busy)
            self._settle(number)
        self._prune()
        task = self._task
        return History(
            tuple(self._trials),
            tuple(self._endings),
            tuple(self._ask_s),
            objectives=self._plan.objectives,
            profiling=task.profiling_s / task.full_s,
            ended=self._ended,
        )

    # --- what next -----------------------------------------------------------------------------------------------

    def _fill(self) -> bool:
        """Give every free worker a trial; False when there is none to give."""
        while len(self._busy) < self._plan.workers:
            number = self._next()
            if number is None:
                return False
            self._train(number)
        return True

    def _next(self) -> int | None:
        while True:
            number = self._promoted(closing=False)
            if number is None and self._wants_more():
                number = self._ask()
                if number is None:
                    continue  # refused or a duplicate: decide anew
            if number is None and not self._busy:
                number = self._promoted(closing=True)
            return number

    def _wants_more(self) -> bool:
        if self._ended or self._entered >= self._plan.trials:
            return False
        size = _size(self._table.space)
        if size is not None and len(self._seen) >= size:
            self._ended = f"all {size:,} members of the space were looked at"
        elif self._refused >= REFUSED_IN_A_ROW:
            self._ended = f"{REFUSED_IN_A_ROW:,} candidates in a row were refused or already known"
        return not self._ended

    def _promoted(self, *, closing: bool) -> int | None:
        if len(self._ends) == 1 or (self._none_due and not closing):
            return None
        due = self._plan.rungs.promote(
            [self._rung(i) for i in range(len(self._ends))], self._plan.objectives, closing=closing
        )
        self._none_due = not due
        if not due:
            return None
        self._rungs[due[0].rung][1].add(due[0].number)
        self._change(due[0].number, status=rows.RUNNING, rung=due[0].rung + 1)
        return due[0].number

    def _rung(self, place: int) -> Rung:
        """What is recorded at a rung, as a study shows it; nothing fails here."""
        results, promoted = self._rungs[place]
        running = {number for _, _, number in self._busy if self._trials[number].rung == place}
        curves = {n: [at for at in self._trials[n].curve if at[0] <= self._ends[place]] for n in results}
        return Rung(results, promoted, running, frozenset(), curves)

    # --- a new candidate -----------------------------------------------------------------------------------------

    def _ask(self) -> int | None:
        number, before = len(self._trials), time.perf_counter()
        proposals = self._sampler.ask(1, View(number, remaining=self._plan.trials - self._entered))
        self._ask_s.append(time.perf_counter() - before)
        if not proposals:
            self._ended = "the sampler has nothing left to propose"
            return None
        trial = self._screened(number, self._held(proposals[0]))
        self._seen.add(frozenset(trial.decisions.items()))
        self._trials.append(trial)
        if trial.same_as is not None:
            self._copies.setdefault(trial.same_as, []).append(number)
            self._share(trial.same_as)
        runs = trial.status == rows.RUNNING and trial.same_as is None
        self._refused = 0 if runs else self._refused + 1
        self._entered += runs
        self._tell(number)
        return number if runs else None

    def _held(self, proposal: Proposal) -> Proposal:
        """The proposal; in its place, where a pool does not hold it, the nearest row that was not looked at."""
        pool = self._pool
        if pool is None:
            return proposal
        row = pool.row(proposal.decisions)
        if row is None and len(self._looked) < pool.size:
            try:
                pool.whole.decode(proposal.decisions)
            except NasError:  # the gate of types says why
                return proposal
            row = pool.nearest(proposal.decisions, but=self._looked)
            proposal = replace(proposal, decisions=pool[row].decisions)
        if row is not None:
            self._looked.add(row)
        return proposal

    def _screened(self, number: int, proposal: Proposal) -> Simulated:
        """The gates: types, the table, closed-form and measured budgets, duplicates."""
        trial = Simulated(number, dict(proposal.decisions), attrs=dict(proposal.attrs))
        try:
            entry = self._table.look(trial.decisions)
        except NasError as error:
            return replace(trial, status=rows.INFEASIBLE, gate="types", reason=str(error))
        trial = replace(trial, id=entry.id, row=entry.row, values=dict(entry.known))
        violations, reason = gates.broken(self._plan.budgets, entry.known)
        if violations:
            return replace(trial, status=rows.INFEASIBLE, gate="cost", reason=reason, violations=violations)
        if entry.row is None:
            return replace(trial, status=rows.INFEASIBLE, gate="table", reason="the table does not hold it")
        if entry.id in self._first:
            return replace(trial, same_as=self._first[entry.id])
        self._first[entry.id] = number
        return self._measured(trial, entry)

    def _measured(self, trial: Simulated, entry: Entry) -> Simulated:
        """With what measuring tells, and the verdict of the budgets on it."""
        if entry.measured:
            self._knowledge.measured.add(entry.id)
        trial = replace(trial, values={**trial.values, **entry.measured})
        violations, reason = gates.broken(self._plan.budgets, entry.measured)
        if violations:
            return replace(trial, status=rows.INFEASIBLE, gate="latency", reason=reason, violations=violations)
        return trial

    # --- training ------------------------------------------------------------------------------------------------

    def _train(self, number: int) -> None:
        """Give a trial its rung to train; what was measured meanwhile, on one device, comes before it."""
        trial, task = self._trials[number], self._task
        assert trial.row is not None
        profiled = len(self._knowledge.measured)
        waits = (profiled - self._profiled) * task.profiling_s
        self._profiled = profiled
        start = self._clock + waits
        from_epoch = trial.epochs if task.continues else 0
        end = start + (self._ends[trial.rung] - from_epoch) * float(task.epoch_s[trial.row])
        if trial.rung == 0:
            self._change(number, start_s=start)
        self._started += 1
        heapq.heappush(self._busy, (end, self._started, number))

    def _settle(self, number: int) -> None:
        """A rung is complete."""
        self._none_due = False
        trial, task = self._trials[number], self._task
        assert trial.row is not None
        epoch, last = self._ends[trial.rung], trial.rung == len(self._ends) - 1
        metrics = task.metrics_at(trial.row, epoch)
        values = {**trial.values, **metrics}
        self._rungs[trial.rung][0][number] = values
        self._spent += (epoch - (trial.epochs if task.continues else 0)) / task.epochs[-1]
        self._endings.append(Ending(number, trial.rung, last, self._clock, self._spent, len(self._knowledge.measured)))
        changes = {"values": values, "epochs": epoch, "end_s": self._clock, "curve": (*trial.curve, (epoch, metrics))}
        self._change(number, status=rows.COMPLETE if last else rows.WAITING, **changes)
        self._tell(number)

    def _prune(self) -> None:
        for number, trial in enumerate(self._trials):
            if trial.status == rows.WAITING and trial.same_as is None:
                self._change(number, status=rows.PRUNED, gate="rung", reason=f"stopped after {trial.epochs} epochs")
                self._tell(number)

    # --- records -------------------------------------------------------------------------------------------------

    def _change(self, number: int, **changes: Any) -> None:
        self._trials[number] = replace(self._trials[number], **changes)
        if number in self._copies:
            self._share(number)

    def _share(self, number: int) -> None:
        """Those that repeat a trial have its results."""
        first = self._trials[number]
        shared = ("status", "values", "violations", "gate", "reason", "rung", "epochs", "start_s", "end_s", "curve")
        for copy in self._copies[number]:
            self._trials[copy] = replace(self._trials[copy], **{name: getattr(first, name) for name in shared})

    def _tell(self, number: int) -> None:
        for n in (number, *self._copies.get(number, ())):
            trial = self._trials[n]
            self._sampler.tell(
                TrialView(
                    n,
                    trial.decisions,
                    trial.status,
                    trial.values,
                    trial.violations,
                    epochs=trial.epochs,
                    attrs=trial.attrs,
                    curve=trial.curve,
                )
            )


def _size(space: Space) -> int | None:
    """Number of members; None when it is infinite or too entangled to count."""
    try:
        size = space.size
    except NasError:
        return None
    return size if isinstance(size, int) else None
