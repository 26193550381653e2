"""Predicted, searched and final latency side by side; when the order of the members is said to have changed."""

from __future__ import annotations

from typing import Any

import pytest
from report_fakes import study_meta

from nasengine.report import model_card
from nasengine.report.audit import audit_table, audited, device_sentence, order_sentence, sentences, share_sentence
from nasengine.report.html import report_html
from nasengine.report.record import StudyRecord
from nasengine.report.tables import doubts, latency_summary, method, provenance_table, range_notes


def latency(median: float, half: float = 0.01) -> dict[str, Any]:
    around = {"ci_low_ms": median * (1 - half), "ci_high_ms": median * (1 + half)}
    return {"median_ms": median, **around, "runs": 90, "runtime": "eager", "dtype": "float32", "batch": 1}


def predicted(median: float, half: float = 0.05) -> dict[str, Any]:
    around = {"low_ms": median * (1 - half), "high_ms": median * (1 + half)}
    return {"format": "nasengine.prediction/1", "median_ms": median, **around}


def record(
    rows: list[dict[str, Any]], *, meta: dict[str, Any] | None = None, budgets: list[dict[str, Any]] | None = None
) -> StudyRecord:
    """Members that trade accuracy for latency: each row has predicted, searched, final (ms, or None), maybe more."""
    found: dict[str, list[Any]] = {"trials": [], "profiles": [], "predictions": [], "finals": []}
    for number, row in enumerate(rows):
        known = row.get("searched") or row.get("predicted")
        trial = {"number": number, "status": "complete", "graph_id": f"g{number}"}
        values = {"accuracy": 0.5 + number / 100, "latency_ms": known, "params": 1000 * (number + 1)}
        found["trials"].append(trial | {"values": values | row.get("values", {})} | row.get("trial", {}))
        half = row.get("half", 0.01)
        if row.get("searched"):
            found["profiles"].append({"graph_id": f"g{number}", "profile": latency(row["searched"], half)})
        if row.get("predicted"):
            found["predictions"].append({"graph_id": f"g{number}", "profile": predicted(row["predicted"])})
        if row.get("final"):
            profile = latency(row["final"], half) | row.get("profile", {})
            found["finals"].append({"trial": number, "profile": profile, "over_budget": row.get("over", "")})
    objectives = [{"name": "accuracy", "direction": "maximize"}, {"name": "latency_ms", "direction": "minimize"}]
    about = study_meta() | {"objectives": objectives, "budgets": budgets or []}
    return StudyRecord.from_rows(about | (meta or {}), **found)


def test_three_figures_stand_side_by_side_with_their_intervals() -> None:
    head, rows = audit_table(
        record([{"predicted": 1.0, "searched": 1.1, "final": 1.21}, {"predicted": 2.0, "final": 2.5}])
    )
    assert head == ["trial", "predicted (ms)", "in the search (ms)", "at the end (ms)", "change"]
    assert rows[0] == ["0", "1 (0.95 to 1.05)", "1.1 (1.089 to 1.111)", "1.21 (1.198 to 1.222)", "+10.0%"]
    assert rows[1] == ["1", "2 (1.9 to 2.1)", None, "2.5 (2.475 to 2.525)", "+25.0%"]


def test_columns_that_nothing_fills_are_left_out() -> None:
    head, _ = audit_table(record([{"searched": 1.0, "final": 1.0}]))
    assert head == ["trial", "in the search (ms)", "at the end (ms)", "change"]
    assert audit_table(record([{"searched": 1.0}])) == ([], [])


def test_other_measured_quantities_stand_there_too() -> None:
    rows = [{"searched": 1.0, "final": 1.0, "values": {"energy_mj": 3.0}, "profile": {"energy_mj": 4.0}}]
    head, found = audit_table(record(rows, budgets=[{"name": "energy_mj", "limit": 9.0, "sense": "at_most"}]))
    assert dict(zip(head, found[0], strict=True))["energy (mJ) in the search"] == 3.0
    assert dict(zip(head, found[0], strict=True))["energy (mJ) at the end"] == 4.0


def test_an_order_that_held_is_said_to_have_held() -> None:
    found = record([{"searched": 1.0, "final": 2.0}, {"searched": 1.5, "final": 3.0}])
    assert order_sentence(found) == "The order of the 2 members by latency is at the end what it was in the search."
    assert order_sentence(record([{"searched": 1.0, "final": 2.0}])) == ""


def test_members_that_changed_places_beyond_the_intervals_are_named() -> None:
    found = record([{"searched": 1.0, "final": 3.0}, {"searched": 1.5, "final": 2.0}, {"searched": 4.0, "final": 5.0}])
    assert order_sentence(found) == (
        "The order of the members by latency changed between the search and the end: trial 0 was faster than trial 1 "
        "and is slower."
    )


@pytest.mark.parametrize(
    "rows",
    [
        [{"searched": 1.0, "final": 3.00}, {"searched": 1.5, "final": 2.98}],  # close at the end
        [{"searched": 1.0, "final": 3.00}, {"searched": 1.01, "final": 2.0}],  # close in the search
        [{"predicted": 1.0, "final": 3.0}, {"predicted": 1.08, "final": 2.0}],  # predictions are wider
    ],
)
def test_a_change_within_the_intervals_is_called_that(rows: list[dict[str, Any]]) -> None:
    assert order_sentence(record(rows)) == "Within the intervals, these changed places: trials 0 and 1."


def test_both_kinds_of_change_are_told_apart_and_many_are_counted() -> None:
    rows = [{"searched": 1.0, "final": 9.0}, {"searched": 1.5, "final": 2.0}, {"searched": 2.0, "final": 1.99}]
    said = order_sentence(record(rows))
    assert "trial 0 was faster than trial 1 and is slower; trial 0 was faster than trial 2 and is slower." in said
    assert said.endswith("Within the intervals, these changed places too: trials 1 and 2.")
    backwards = [{"searched": 1.0 + 0.1 * i, "final": 9.0 - 0.5 * i} for i in range(6)]
    assert "; and 7 more pairs." in order_sentence(record(backwards))


def test_a_member_that_the_audit_took_off_the_front_stays_in_the_table() -> None:
    over = "latency_ms is 3; the budget is latency_ms <= 2 ms"
    found = record([{"searched": 1.0, "final": 1.0}, {"searched": 1.9, "final": 3.0, "over": over}])
    assert [trial.number for trial in found.front] == [0]
    assert [member.trial.number for member in audited(found)] == [0, 1]
    head, rows = audit_table(found)
    assert dict(zip(head, rows[1], strict=True))["left the front"] == over


def test_where_the_members_will_run_is_named_when_it_is_another_device() -> None:
    row = {"searched": 1.0, "final": 1.0, "profile": {"runtime": "onnxruntime", "device": {"cpu": "A chip"}}}
    assert device_sentence(record([row])) == ""
    found = record([row], meta={"deploy": {"type": "device"}})
    said = "At the end the members were measured where they will run: A chip, onnxruntime float32, batch 1."
    assert sentences(found) == [said]


def test_shares_of_predicted_and_measured() -> None:
    refused = {"status": "infeasible", "gate": "latency"}
    rows = [
        {"predicted": 1.0},
        {"predicted": 1.2},
        {"predicted": 9.0, "trial": refused},
        {"predicted": 2.0, "searched": 2.1},
        {"searched": 3.0},
        {"predicted": 1.0, "trial": {"same_as": 0}},
    ]
    found = record(rows)
    assert found.latency_shares == {"predicted": 2, "refused_by_prediction": 1, "measured": 2}
    assert share_sentence(found) == "Latency of 5 networks: 3 predicted (60%; 1 of them refused so), 2 measured (40%)."
    assert share_sentence(record([{"searched": 1.0}])) == ""
    assert [found.latency_source(trial) for trial in found.trials[:4]] == ["predicted"] * 3 + ["measured"]


def test_the_report_has_all_of_it_and_says_how_predicted_figures_were_got() -> None:
    how = {"latency_ms": "predicted for 900 members, 2 of them measured"}
    found = record(
        [{"predicted": 1.0, "final": 3.0}, {"predicted": 2.0, "searched": 2.1, "final": 2.2}], meta={"ranges_how": how}
    )
    page = report_html(found)
    for text in ("Predicted, searched and final latency", "1 (0.95 to 1.05)", "trial 0 was faster than trial 1", "50%"):
        assert text in page, text
    assert method(found, found.trials[0], "latency_ms").startswith("predicted from the graph, 95 % interval 0.95 to")
    assert method(found, found.trials[1], "latency_ms").startswith("median of 90 runs")
    assert any("predicted and measured at the end" in row[-1] for row in provenance_table(found))
    assert "How latency was measured" in report_html(record([{"predicted": 1.0, "final": 1.1}]))  # at the end alone
    assert range_notes(found) == ["Latency: predicted for 900 members, 2 of them measured."]


def test_the_card_shows_a_prediction_beside_what_was_measured() -> None:
    told = {"as predicted": predicted(1.0), "when the search was over": latency(1.2)}
    text = model_card({"trial": 3}, [], study={"name": "s"}, inputs={}, outputs={}, latency=told)
    assert "* as predicted: **1 ms**, predicted from the graph, 95 % interval 0.95 to 1.05 ms for a measured" in text
    assert "* when the search was over: **1.2 ms**, median of 90 runs" in text


def test_what_speaks_against_a_measurement_is_said() -> None:
    assert doubts(latency(1.0)) == []
    bad = latency(1.0) | {"steady": False, "loaded": True, "drift": 0.07, "precise": False, "wanted_ci": 0.02}
    assert doubts(bad) == [
        "the warm-up did not become steady",
        "the machine was loaded (the reference moved 7%)",
        "less precise than the 2% asked for",
    ]
    assert latency_summary(bad).endswith("; less precise than the 2% asked for")
