"""The record, its front and the numbers behind the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from report_fakes import study_meta, study_record, study_rows

from nasengine.errors import StudyError
from nasengine.report import style
from nasengine.report.record import StudyRecord, Trial
from nasengine.report.views import front_view, hypervolume_trace, knee, pairs, reference, refusals, staircase

TWO = {"objectives": study_meta()["objectives"][:2], "reference": {}}


def record_of(*values: dict[str, float], **meta: Any) -> StudyRecord:
    trials = [Trial(i, "complete", values=value) for i, value in enumerate(values)]
    return StudyRecord(study_meta() | TWO | {"budgets": []} | meta, trials)


def test_rows_join_costs_with_the_metrics_of_the_last_rung() -> None:
    record = study_record()
    rungs = {rung.trial: rung.metrics["accuracy"] for rung in record.rungs}  # the last one of a trial stays
    for trial in record.trials:
        source = trial.number if trial.same_as is None else trial.same_as
        assert trial.value("accuracy") == rungs.get(source)
        assert trial.value("params") == trial.values["params"]


def test_dataclass_rows_and_architectures_by_key() -> None:
    @dataclass(frozen=True)
    class Row:
        number: int
        status: str
        known: dict[str, float]
        architecture: str
        beyond: str = "ignored"

    row = Row(0, "complete", {"params": 5}, "abc")
    record = StudyRecord.from_rows({}, trials=[row], architectures={"abc": {"format": "x"}})
    assert record.trials[0].architecture == {"format": "x"}
    assert record.trials[0].values == {"params": 5}
    assert StudyRecord.from_rows({}, trials=[row]).trials[0].architecture is None


def test_a_row_that_lacks_a_field_says_which() -> None:
    with pytest.raises(
        StudyError, match=r"a row of Trial lacks a field .*'number'.*got status; give it number, status"
    ):
        StudyRecord.from_rows({}, trials=[{"status": "complete"}])


def test_an_unknown_kind_of_row_is_refused() -> None:
    with pytest.raises(StudyError, match="leaves is not a kind of row; expected one of trials, rungs"):
        StudyRecord.from_rows({}, leaves=[])


def test_front_holds_feasible_first_trials_that_nothing_dominates() -> None:
    record = study_record(120)
    assert record.front
    feasible = [t for t in record.trials if record.feasible(t) and t.same_as is None]
    for trial in feasible:
        beaten = any(_dominates(other, trial) for other in feasible)
        assert (trial in record.front) is not beaten
    for trial in record.front:
        assert trial.values["latency_ms"] <= 0.9
        assert trial.values["params"] <= 500_000


def _dominates(one: Trial, two: Trial) -> bool:
    a, b = ((-t.values["accuracy"], t.values["latency_ms"], t.values["params"]) for t in (one, two))
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def test_a_value_that_is_not_finite_is_unknown() -> None:
    record = record_of({"accuracy": float("nan"), "latency_ms": 1.0}, {"accuracy": 0.5, "latency_ms": 1.0})
    assert [trial.number for trial in record.front] == [1]


def test_an_unmeasured_budget_is_not_met_and_the_final_audit_counts() -> None:
    budget = [{"name": "latency_ms", "limit": 2.0, "sense": "at_most"}]
    assert not record_of({"accuracy": 0.5}, budgets=budget).front
    record = record_of({"accuracy": 0.5, "latency_ms": 1.0}, budgets=budget)
    assert record.front
    audited = StudyRecord.from_rows(
        record.meta,
        trials=[{"number": 0, "status": "complete", "values": {"accuracy": 0.5, "latency_ms": 1.0}}],
        finals=[{"trial": 0, "metrics": {}, "over_budget": "latency 2.3 ms > 2.0 ms"}],
    )
    assert not audited.front


def test_a_budget_from_below_is_kept_too() -> None:
    budget = [{"name": "macs", "limit": 100, "sense": "at_least"}]
    record = record_of(
        {"accuracy": 0.5, "latency_ms": 1.0, "macs": 99},
        {"accuracy": 0.4, "latency_ms": 2.0, "macs": 100},
        budgets=budget,
    )
    assert [trial.number for trial in record.front] == [1]
    assert [b.name for b in record.broken(record.trials[0])] == ["macs"]


def test_marks_tell_the_kinds_of_trials_apart() -> None:
    record = study_record(150)
    view = front_view(record, "latency_ms", "accuracy")
    assert set(view.marks) >= {"front", "dominated", "pruned", "duplicate"}
    shown = [trial.number for trials in view.marks.values() for trial in trials]
    assert len(shown) == len(set(shown))
    assert {t.gate for t in view.rug_x} == {"cost"}
    assert all(t.value("accuracy") is None for t in view.rug_x)
    assert not view.rug_y


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        (("minimize", "maximize"), [(1, 0), (1, 5), (3, 5), (3, 7), (10, 7)]),
        (("minimize", "minimize"), [(1, 10), (1, 5), (2, 5), (2, 1), (10, 1)]),
        (("maximize", "maximize"), [(3, 0), (3, 7), (0, 7)]),
        (("maximize", "minimize"), [(3, 10), (3, 7), (2, 7), (2, 1), (0, 1)]),
    ],
)
def test_staircase_bounds_what_the_front_dominates(directions: tuple[str, str], expected: list[Any]) -> None:
    points = [(1.0, 5.0), (2.0, 1.0), (3.0, 7.0)]
    assert staircase(points, directions, ((0, 10), (0, 10))) == expected
    assert staircase([], directions, ((0, 10), (0, 10))) == []


def test_the_view_keeps_the_front_large_and_counts_what_it_leaves_out() -> None:
    values = [{"accuracy": 0.9 + i / 100, "latency_ms": 1 + i / 10} for i in range(5)]
    record = StudyRecord(
        study_meta() | TWO | {"budgets": []},
        [*record_of(*values).trials, Trial(9, "pruned", values={"accuracy": 0.1, "latency_ms": 1.2})],
    )
    view = front_view(record, "latency_ms", "accuracy")
    assert view.y_range[0] > 0.85
    assert view.beyond == 1


def test_hypervolume_grows_to_that_of_the_front_and_says_its_reference() -> None:
    spots = [(0.5, 1.0), (0.4, 2.0), (0.9, 2.0)]
    record = record_of(
        *({"accuracy": a, "latency_ms": ms} for a, ms in spots),
        reference={"accuracy": 0.0, "latency_ms": 3.0},
    )
    assert reference(record) == ((0.0, 3.0), "stated by the study")
    assert hypervolume_trace(record) == [(0, 1.0), (1, 1.0), (2, pytest.approx(1.4))]
    point, source = reference(record_of({"accuracy": 0.5, "latency_ms": 1.0}, {"accuracy": 0.7, "latency_ms": 2.0}))
    assert point == (pytest.approx(0.48), pytest.approx(2.1))
    assert source == "taken from the feasible trials"
    assert hypervolume_trace(record_of()) == []


def test_knee_is_the_corner_of_the_front() -> None:
    corner = [
        {"accuracy": 0.5, "latency_ms": 1.0},
        {"accuracy": 0.9, "latency_ms": 1.2},
        {"accuracy": 0.91, "latency_ms": 5},
    ]
    best = knee(record_of(*corner))
    assert best is not None
    assert best.number == 1
    assert knee(record_of()) is None


def test_pairs_put_the_cost_on_x_and_the_score_on_y() -> None:
    assert pairs(study_record(1)) == [("latency_ms", "accuracy"), ("params", "accuracy"), ("params", "latency_ms")]


def test_refusals_are_counted_by_gate_and_reason_without_figures() -> None:
    rows = study_rows(120)
    record = StudyRecord.from_rows(study_meta(), **rows)
    found = {(gate, count) for gate, _, count in refusals(record)}
    cost = sum(t["gate"] == "cost" for t in rows["trials"])
    assert ("cost", cost) in found
    gates = [gate for gate, _, _ in refusals(record)]
    assert gates.index("cost") < gates.index("duplicate") < gates.index("rung") < gates.index("training")


def test_numbers_are_written_for_people() -> None:
    assert [style.number(v) for v in (None, 0.98765, 12345, 1.2e-5, "a", True)] == [
        "–", "0.9877", "12,345", "1.2e-05", "a", "True",
    ]  # fmt: skip
    assert [style.short(v) for v in (0, 950, 999.9, 1234, 99_990, 3_450_000, 2e9)] == [
        "0", "950", "1k", "1.23k", "100k", "3.45M", "2G",
    ]  # fmt: skip
    assert [style.size(v) for v in (12, 1500, 3.4e6)] == ["12 B", "1.5 kB", "3.4 MB"]
    assert style.axis("latency_ms", "ms") == "latency (ms)"
    assert style.decisions({"a": 1, "b": 2, "c": 3}, limit=2) == ["a = 1", "b = 2", "… and 1 more"]
