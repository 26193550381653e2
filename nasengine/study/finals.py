"""The end of a study: its front members are tested once, written out, and measured again where they will run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasengine.report.record import StudyRecord
from nasengine.search import MEASURED
from nasengine.study import gates
from nasengine.study.artifacts import folder_of
from nasengine.study.knowing import measure
from nasengine.study.local import LocalExecutor, Outcome
from nasengine.study.loop import BEAT_S, Run
from nasengine.study.measuring import UNSUPPORTED
from nasengine.study.record import read_record
from nasengine.study.rows import FinalRow


def finish(run: Run, executor: LocalExecutor) -> list[str]:
    """Final figures of every front member that lacks them; what could not be finished, as sentences.

    A member whose latency, measured again, is over a budget leaves the front; those that enter in its place are
    finished too. Each round finishes or gives up on every member, so there are no more rounds than trials.
    """
    troubles: dict[int, str] = {}
    while missing := [n for n in _missing(read_record(run.state.ledger)) if n not in troubles]:
        for number, outcome in _test(run, executor, missing).items():
            if outcome.value is None:
                troubles[number] = f"trial {number}: its final figures are missing: {outcome.reason}"
                run.state.ledger.note("final failed", number, reason=outcome.reason)
            elif trouble := _record(run, executor, number, outcome.value):
                troubles[number] = trouble
    return list(troubles.values())


def _missing(record: StudyRecord) -> list[int]:
    return [trial.number for trial in record.front if record.final(trial.number) is None]


def _test(run: Run, executor: LocalExecutor, numbers: list[int]) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    left = list(numbers)
    while len(found) < len(numbers):
        while left and executor.free:
            _submit(run, executor, left.pop(0))
        for outcome in executor.poll(BEAT_S):
            found[int(outcome.id)] = outcome
    return found


def _submit(run: Run, executor: LocalExecutor, number: int) -> None:
    last = run.state.done(number)[-1]
    job = run.job("final", number) | {"rung": last.rung, "checkpoint": last.checkpoint}
    log = folder_of(run.state.ledger.store, last.key) / "log.txt"
    executor.submit(str(number), job, modules=run.modules(number), log=log)


def _record(run: Run, executor: LocalExecutor, number: int, value: dict[str, Any]) -> str:
    """Record a member's final figures; what is missing among them, as a sentence."""
    row, profile, over, trouble = run.state.trials[number], None, "", ""
    if run.definition.measured or run.definition.deploy is not None:
        outcome = measure(run, executor, number, run.definition.deploy)
        profile = outcome.value
        if profile is not None:
            _, over = gates.broken(run.definition.budgets, _audited(run, profile))
        elif outcome.error == UNSUPPORTED:
            over = f"it cannot be deployed: {outcome.reason}"
        else:
            trouble = f"trial {number}: its latency could not be measured again: {outcome.reason}"
    told = {name: value[name] for name in ("metrics", "artifacts", "preparation")}
    run.state.ledger.put_final(FinalRow(row.key, number, profile=profile, over_budget=over, **told))
    return trouble


def _audited(run: Run, profile: Mapping[str, Any]) -> dict[str, float]:
    """What the audit could read of the quantities that the study measures."""
    fields = {name: profile.get(MEASURED[name]) for name in run.definition.measured}
    return {name: float(value) for name, value in fields.items() if value is not None}
