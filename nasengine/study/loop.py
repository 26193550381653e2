"""The loop of a study: ask, screen, train by rungs, tell. It decides; the executor runs; the ledger remembers.

Where a trial stands is read from its row: the same code begins a trial and takes up one whose process was killed.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nasengine.errors import NasError
from nasengine.graph import lower, screen
from nasengine.search import Sampler, View
from nasengine.search.rungs import CurveStopping
from nasengine.space import Architecture
from nasengine.study import gates, rows
from nasengine.study.artifacts import folder_of
from nasengine.study.definition import Definition
from nasengine.study.knowing import learn
from nasengine.study.local import LocalExecutor, Outcome
from nasengine.study.measuring import Blame
from nasengine.study.parts import Importable, pieces
from nasengine.study.rows import RungRow, TrialRow
from nasengine.study.state import State, is_waiting
from nasengine.tasks import Task

REFUSED_IN_A_ROW = 1_000
LOSSES = 3
BEAT_S = 20.0


@dataclass(frozen=True)
class Limits:
    """When a run ends: candidates that enter training over the whole study, and a moment of ``time.monotonic``."""

    trials: int
    deadline: float
    threads: int


class Run:
    """One call of ``study.run``.

    Args:
        definition: the study.
        state: its trials so far.
        sampler: told all of them.
        executor: where jobs go.
        task: the stored task, as workers get it.
        limits: when to end.
        watch: called after each change, to show progress.
    """

    def __init__(
        self,
        definition: Definition,
        state: State,
        sampler: Sampler,
        executor: LocalExecutor,
        *,
        task: Task,
        limits: Limits,
        watch: Callable[[Run], None],
    ) -> None:
        self.definition, self.state, self.limits = definition, state, limits
        self.ended = ""
        self._sampler, self._executor, self._task, self._watch = sampler, executor, task, watch
        self._store = state.ledger.store
        self._importable = Importable()
        self._losses: dict[int, int] = {}
        self._exhausted = self._none_due = False
        self._rung_count = _count_rungs(definition)
        self._members = definition.identity()["space"]["size"]
        self._seen = {_label(row.decisions) for row in state.trials.values()}
        running = (n for n, row in state.trials.items() if row.status == rows.RUNNING and row.same_as is None)
        self._ready = deque(sorted(running))
        self._beat = time.monotonic()
        self.blame = Blame(state.device_key)

    def go(self) -> None:
        """Until enough candidates entered training and none is left to promote, or time is over."""
        while self._fill() or self._executor.busy:
            left = self.limits.deadline - time.monotonic()
            if left <= 0:
                self._stop()
                return
            for outcome in self._executor.poll(min(left, BEAT_S)):
                self._settle(outcome)
            self._renew()
            self._watch(self)
        self._prune()

    def _stop(self) -> None:
        """Time is over: what trains stops where it is and stays on record as running, for the next run to take up."""
        self.ended = "the time limit was reached; the same command continues"
        for outcome in self._executor.stop():
            self._settle(outcome)
        self.state.ledger.release()

    # --- what next -----------------------------------------------------------------------------------------------

    def _fill(self) -> bool:
        """Give every free slot work; False when there is none to give."""
        while self._executor.free and time.monotonic() < self.limits.deadline:
            number = self._next()
            if number is None:
                return False
            self._train(number)
        return True

    def _next(self) -> int | None:
        """The trial that should train now: one taken up again, a promoted one, a new one, in this order."""
        while True:
            if self._ready:
                again = self._ready.popleft()
                if self._passes_latency(again):  # the process may have been killed before it was measured
                    return again
                continue
            number = self._promoted(closing=False)
            if number is None and self._wants_more():
                number = self._ask()
                if number is None:
                    continue  # refused or a duplicate: decide anew
            if number is None and not self._executor.busy:
                number = self._promoted(closing=True)
            if number is None:
                return None
            if self._passes_latency(number):
                return number

    def _wants_more(self) -> bool:
        if self._exhausted or self.state.entered >= self.limits.trials or time.monotonic() >= self.limits.deadline:
            return False
        if self._members is not None and len(self._seen) >= self._members:
            self._exhaust(f"all {self._members:,} members of the space were looked at")
        elif self.state.refused_in_a_row >= REFUSED_IN_A_ROW:
            self._exhaust(
                f"{REFUSED_IN_A_ROW:,} candidates in a row were refused or already known; {self._refusals()}; "
                "loosen a budget, widen the space or ask for fewer trials"
            )
        return not self._exhausted

    def _exhaust(self, why: str) -> None:
        self._exhausted, self.ended = True, why
        self.state.ledger.note("exhausted", why=why)

    def _refusals(self) -> str:
        """What refused the latest candidates, most frequent first."""
        latest = list(self.state.trials.values())[-REFUSED_IN_A_ROW:]
        names = ["a network that is known" if row.same_as is not None else f"the {row.gate} gate" for row in latest]
        counts = sorted(((names.count(name), name) for name in set(names)), reverse=True)
        return ", ".join(f"{count} by {name}" for count, name in counts)

    def _promoted(self, *, closing: bool) -> int | None:
        if self._none_due and not closing:
            return None  # nothing has finished since it was last asked
        due = self.state.due(self.definition.rungs, self.definition.objectives, self._rung_count, closing=closing)
        self._none_due = not due
        if not due:
            return None
        self.state.promote(due[0].number, due[0].rung + 1)
        return due[0].number

    # --- a new candidate -----------------------------------------------------------------------------------------

    def _ask(self) -> int | None:
        """Propose one candidate and record it; its number when it may enter training."""
        number = self.state.next_number
        view = View(number, remaining=self.limits.trials - self.state.entered)
        proposals = self._sampler.ask(1, view)
        if not proposals:
            self._exhaust("the sampler has nothing left to propose")
            return None
        proposal = proposals[0]
        row = TrialRow(number, rows.RUNNING, decisions=dict(proposal.decisions), attrs=dict(proposal.attrs))
        row, architecture = self._screened(row)
        self._seen.add(_label(row.decisions))
        self.state.add(row, architecture)
        if row.status == rows.RUNNING and row.same_as is None:
            return number
        self._tell(number)
        return None

    def _screened(self, row: TrialRow) -> tuple[TrialRow, Architecture | None]:
        """The gates that cost microseconds: types, closed-form cost, duplicates, the task."""
        definition = self.definition
        try:
            architecture = definition.space.decode(row.decisions)
            screened = screen(architecture)
        except NasError as error:
            return _refused(row, "types", str(error)), None
        recipe = definition.recipe_of(architecture)
        searched = None if architecture.recipe is None else recipe.to_json()
        row = replace(row, graph_id=screened.id, known=dict(screened.cost.to_json()), seed=recipe.seed, recipe=searched)
        violations, reason = gates.broken(definition.budgets, dict(row.known))
        if violations:
            return _refused(row, "cost", reason, violations=violations), None
        row = replace(row, key=definition.key(screened.id, recipe))
        first = self.state.first_of(row.key)
        if first is not None:
            return replace(row, same_as=first, status=rows.DUPLICATE), None
        try:
            self._importable.modules(pieces(architecture))
            self._task.check(lower(architecture).simplify())
        except NasError as error:
            return _refused(replace(row, key=""), "task", str(error)), None
        return row, architecture

    def _passes_latency(self, number: int) -> bool:
        """Learn the latency of a network that is about to train, unless it is known, and whatever else is measured;
        False when it is over a budget."""
        wanted, row = self.definition.measured, self.state.trials[number]
        if all(name in row.known for name in wanted):
            return True
        found = learn(self, self._executor, number)
        if found.values:
            self.state.know(number, found.values)
        violations, reason = gates.broken(self.definition.budgets, found.values)
        if found.failure:
            self._end(number, rows.FAILED, "latency", found.failure)
        elif violations or found.refusal:
            self._end(number, rows.INFEASIBLE, "latency", found.refusal or reason, violations=violations)
        return not (violations or found.refusal or found.failure)

    # --- training ------------------------------------------------------------------------------------------------

    def job(self, kind: str, number: int) -> dict[str, Any]:
        """A job on a trial's network, as plain JSON."""
        row, architecture = self.state.trials[number], self.state.architecture(number)
        return {
            "kind": kind,
            "architecture": architecture.to_json(),
            "device": self.definition.trains_on.to_json(),
            "threads": self.limits.threads,
            "folder": str(folder_of(self._store, row.key)),
            "key": row.key,
            "task": self._task.to_json(),
            "recipe": self.definition.recipe_of(architecture).to_json(),
        }

    def _train(self, number: int) -> None:
        row, done = self.state.trials[number], self.state.done(number)
        recipe = self.definition.recipe_of(self.state.architecture(number))
        ends = self.definition.rungs.rung_epochs(recipe.epochs)
        self.state.start(number)
        job = self.job("rung", number) | {
            "rung": row.rung,
            "from_epoch": done[-1].epoch if done else 0,
            "to_epoch": ends[row.rung],
            "checkpoint": done[-1].checkpoint if done else "",
        }
        log = folder_of(self._store, row.key) / "log.txt"
        self._executor.submit(str(number), job, modules=self.modules(number), log=log)

    def modules(self, number: int) -> list[str]:
        """What a worker imports before it can read a trial's job."""
        architecture = self.state.architecture(number)
        recipe = self.definition.recipe_of(architecture)
        return self._importable.modules([*pieces(architecture), ("task", self._task), ("recipe", recipe)])

    def _settle(self, outcome: Outcome) -> None:
        """Record how a rung ended."""
        self._none_due = False
        number = int(outcome.id)
        if outcome.lost:
            self._lose(number, outcome.reason)
        elif outcome.value is None:
            self._end(number, rows.FAILED, "training", outcome.reason)
        elif missing := self._missing(outcome.value["metrics"]):
            self._end(number, rows.FAILED, "training", missing)
        else:
            row, value = self.state.trials[number], outcome.value
            names = ("epoch", "metrics", "train_loss", "elapsed_s", "curve", "checkpoint")
            rung = RungRow(row.key, row.rung, number, row.attempt, **{name: value[name] for name in names})
            self.state.complete(rung, last=rung.rung == self._rung_count - 1)
            self._tell(number)

    def _missing(self, metrics: dict[str, Any]) -> str:
        """Why these metrics cannot be compared; empty when they can."""
        for metric in self.definition.task.metrics():
            value = metrics.get(metric.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                return f"the task's {metric.name} is a finite number; its evaluate() gave {value!r}"
        return ""

    def _lose(self, number: int, reason: str) -> None:
        """The worker died: the trial begins its rung again, a bounded number of times a run."""
        self._losses[number] = self._losses.get(number, 0) + 1
        attempt = self.state.trials[number].attempt
        if self._losses[number] >= LOSSES:
            self._end(number, rows.LOST, "worker", f"{reason}, {LOSSES} times")
            return
        self.state.change(number, rows.LOST, attempt=attempt + 1, data={"attempt": attempt, "why": reason})
        self._ready.append(number)

    def _end(self, number: int, status: str, gate: str, reason: str, **changes: Any) -> None:
        self.state.change(number, status, durable=True, status=status, gate=gate, reason=reason, **changes)
        self._tell(number)

    def _tell(self, number: int) -> None:
        for view in self.state.views_after(number):
            self._sampler.tell(view)

    def _prune(self) -> None:
        """The study is over: what still waits at a rung was not good enough to go on."""
        count, rungs = self._rung_count, self.definition.rungs
        foretold: dict[int, str] = {}
        if isinstance(rungs, CurveStopping):
            foretold = rungs.reasons(self.state.table(count), self.definition.objectives)
        for number, row in self.state.trials.items():
            if is_waiting(row):
                epoch = self.state.done(number)[-1].epoch
                why = foretold.get(number, "others went on")
                reason = f"stopped at rung {row.rung + 1} of {count} ({epoch} epochs): {why}"
                self._end(number, rows.PRUNED, "rung", reason)

    def _renew(self) -> None:
        if time.monotonic() - self._beat > BEAT_S:
            self._beat = time.monotonic()
            self.state.ledger.renew()


def _count_rungs(definition: Definition) -> int:
    """All trials have the same number of rungs: where epochs are searched, there is one."""
    recipe = definition.recipe or definition.recipe_of(definition.space.smallest())
    return len(definition.rungs.rung_epochs(recipe.epochs))


def _refused(row: TrialRow, gate: str, reason: str, **changes: Any) -> TrialRow:
    return replace(row, status=rows.INFEASIBLE, gate=gate, reason=reason, **changes)


def _label(decisions: Any) -> str:
    return repr(sorted(decisions.items()))
