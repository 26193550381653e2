"""A ledger as a report reads it. Nothing here imports a user's code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nasengine.report.record import StudyRecord
from nasengine.study.foresight import FORMAT as PREDICTION
from nasengine.study.ledger import Ledger
from nasengine.study.rows import RungRow, TrialRow


def read_record(ledger: Ledger) -> StudyRecord:
    """The whole study as plain data."""
    trials, rungs, profiles = ledger.trials(), ledger.rungs(), ledger.profiles()
    by_key = rungs_by_key(rungs)
    record = StudyRecord.from_rows(
        ledger.meta(),
        trials=[_trial(row, by_key) for row in trials],
        rungs=rungs,
        profiles=[row for row in profiles if row.profile.get("format") != PREDICTION],
        predictions=[row for row in profiles if row.profile.get("format") == PREDICTION],
        events=ledger.events(),
        finals=ledger.finals(),
    )
    return _with_architectures(record, ledger, trials)


def rungs_by_key(rungs: list[RungRow]) -> dict[str, list[RungRow]]:
    """Completed rungs by key, in order."""
    found: dict[str, list[RungRow]] = {}
    for row in sorted(rungs, key=lambda r: r.rung):
        found.setdefault(row.key, []).append(row)
    return found


def _with_architectures(record: StudyRecord, ledger: Ledger, rows: list[TrialRow]) -> StudyRecord:
    """Architectures are read for the front's members alone: a large study has thousands."""
    front = {trial.number for trial in record.front}
    trials = [
        replace(trial, architecture=ledger.architecture(row)) if trial.number in front else trial
        for trial, row in zip(record.trials, rows, strict=True)
    ]
    return replace(record, trials=tuple(trials))


def _trial(row: TrialRow, rungs: Mapping[str, list[RungRow]]) -> dict[str, Any]:
    done = rungs.get(row.key, []) if row.key else []
    return {
        "number": row.number,
        "status": row.status,
        "values": {**row.known, **(done[-1].metrics if done else {})},
        "decisions": row.decisions,
        "gate": row.gate,
        "reason": row.reason,
        "graph_id": row.graph_id,
        "same_as": row.same_as,
    }
