"""The audit of a study: the front is measured again where it will run, and what that changes is said."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys
from test_cli import ROOT, nasengine

from nasengine import CommandDevice, Device, Image, Space, choice
from nasengine.blocks import Conv, Flatten, GlobalPool, Linear, ReLU, Sequential
from nasengine.errors import StoreError, StudyError
from nasengine.report.audit import audit_table, sentences
from nasengine.report.html import report_html
from nasengine.search import at_most, minimize
from nasengine.study import Front, Ledger, open_store
from nasengine.study.rows import COMPLETE, INFEASIBLE

GOALS = (toys.ACCURACY, minimize("latency_ms"))
BENCH = shlex.join([sys.executable, str(ROOT / "studies" / "bench_onnx.py")]) + " {model} {json}"
DEPLOY = Device(batch=64)
"""Another use of the device: 64 samples a call take longer than one."""


def study(store: Path, **changes: Any) -> Any:
    settings: dict[str, Any] = {"widths": (4, 64), "epochs": 1, "objectives": GOALS, "rungs": toys.FullTraining()}
    return toys.study(store, **{**settings, "sampler": "exhaustive", **changes})


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Front, Path]:
    """Four networks searched one sample at a time, to be deployed 64 at a time."""
    store = tmp_path_factory.mktemp("audit") / "s"
    return study(store, deploy=DEPLOY).run(trials=4, progress=False), store


def test_members_are_measured_where_they_will_run(deployed: tuple[Front, Path]) -> None:
    front, store = deployed
    for member in front:
        assert member.profile is not None
        assert member.final_profile is not None
        assert member.profile.batch == 1
        assert member.final_profile.batch == 64
        assert member.final_profile.device_key == DEPLOY.key() != member.profile.device_key
    assert open_store(store).meta["deploy"] == DEPLOY.to_json()


def test_the_figures_stand_side_by_side_everywhere(deployed: tuple[Front, Path], tmp_path: Path) -> None:
    front, store = deployed
    table, member = front.table(), front[0]
    columns = [f"{when}latency{part}_ms" for when in ("", "final_") for part in ("", "_low", "_high")]
    assert set(columns) | {"latency_source", "latency_p90_ms"} <= set(table.columns)
    assert set(table["latency_source"]) == {"measured"}
    assert member.final_profile is not None
    assert table["final_latency_ms"].iloc[0] == member.final_profile.median_ms
    head, rows = audit_table(front.record)
    assert head[:3] == ["trial", "in the search (ms)", "at the end (ms)"]
    assert len(rows) == len(front)
    page = report_html(open_store(store).record())
    assert "Predicted, searched and final latency" in page
    assert "At the end the members were measured where they will run" in page
    card = (member.export(tmp_path / "net", formats=("source",)) / "MODEL_CARD.md").read_text()
    assert "when the search was over" in card
    assert "batch 64" in card


def test_the_audit_says_whether_the_order_held(deployed: tuple[Front, Path]) -> None:
    said = sentences(deployed[0].record)
    assert any("measured where they will run" in text and "batch 64" in text for text in said)
    if len(deployed[0]) > 1:
        assert any(text.startswith(("The order of the", "Within the intervals")) for text in said)


def test_the_command_line_shows_it_under_the_front(deployed: tuple[Front, Path]) -> None:
    text = nasengine("front", deployed[1], cwd=deployed[1].parent)
    assert "Predicted, searched and final, medians with 95 % intervals" in text
    assert "at the end (ms)" in text
    assert "At the end the members were measured where they will run" in text


def test_another_place_to_deploy_is_another_study(deployed: tuple[Front, Path]) -> None:
    _, store = deployed
    before = Ledger(store).events()
    for other in ({}, {"deploy": Device(batch=2)}):
        with pytest.raises(StoreError, match=r"it holds another study: deploy differs; recorded \{'type': 'device'"):
            study(store, **other).run(trials=4, progress=False)
    assert Ledger(store).events() == before
    assert len(study(store, deploy=DEPLOY).run(trials=4, progress=False)) == len(deployed[0])


def test_a_study_that_deploys_without_measuring_is_audited_all_the_same(tmp_path: Path) -> None:
    front = toys.study(tmp_path / "s", widths=(4,), epochs=1, deploy=Device()).run(trials=1, progress=False)
    assert front[0].profile is None
    assert front[0].final_profile is not None
    assert front.table()["final_latency_ms"].iloc[0] == front[0].final_profile.median_ms


def test_a_study_that_deploys_behind_a_command_is_audited_by_it(tmp_path: Path) -> None:
    board = CommandDevice(BENCH, name="board", batch=2)
    front = toys.study(tmp_path / "s", widths=(4,), epochs=1, deploy=board).run(trials=1, progress=False)
    final = front[0].final_profile
    assert final is not None
    assert (final.device_key, final.runtime, final.batch) == (board.key(), "command", 2)
    assert final.device["command"] == BENCH
    assert len(toys.study(tmp_path / "s", widths=(4,), epochs=1, deploy=board).run(trials=1, progress=False)) == 1


def test_a_member_that_breaks_a_budget_where_it_will_run_leaves_the_front(tmp_path: Path) -> None:
    """64 samples a call cannot be as fast as one: the budget lies between."""
    one = Device().measure(toys.space(64).smallest()).median_ms
    budget = at_most("latency_ms", 4 * one)
    settings: dict[str, Any] = {"widths": (64,), "budgets": (budget,)}
    found = study(tmp_path / "a", **settings).run(trials=1, progress=False)
    assert len(found) == 1
    left = study(tmp_path / "b", **settings, deploy=Device(batch=4096)).run(trials=1, progress=False)
    assert len(left) == 0
    (final,) = Ledger(tmp_path / "b").finals()
    assert final.over_budget.startswith("latency_ms is ")
    assert final.over_budget.endswith(f"the budget is {budget}")
    head, rows = audit_table(left.record)
    assert dict(zip(head, rows[0], strict=True))["left the front"] == final.over_budget


@pytest.mark.parametrize("given", ["cpu", 3])
def test_what_is_no_device_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(StudyError, match=r'Study: deploy is Device\("cpu"\); got '):
        study(tmp_path / "s", deploy=given)
    assert not (tmp_path / "s").exists()


def test_a_store_from_before_the_device_had_a_layout_is_resumed(tmp_path: Path) -> None:
    made = toys.study(tmp_path / "s", widths=(4,), epochs=1)
    made.run(trials=1, progress=False)
    with Ledger(tmp_path / "s") as ledger:
        device = dict(ledger.meta()["device"])
        del device["layout"]
        ledger.put_meta({"device": device})
    assert len(made.run(trials=1, progress=False)) == 1


# --- a runtime that cannot take an operation -------------------------------------------------------------------------


def one_in_two() -> Space:
    """One member is made of convolutions alone, which dynamic int8 in eager PyTorch cannot hold."""
    convolve = Sequential(Conv(4, 3), Conv(10, 3), GlobalPool())
    multiply = Sequential(Flatten(), Linear(8), ReLU(), Linear(10))
    body = choice(convolve, multiply, labels=("convolve", "multiply"))
    return Space("one-in-two", inputs=Image(1, 8), network=Sequential(body))


def test_a_network_that_the_runtime_cannot_take_is_infeasible_and_the_study_goes_on(tmp_path: Path) -> None:
    made = study(tmp_path / "s", space=one_in_two(), device=Device(dtype="int8"))
    made.run(trials=2, progress=False)
    found = {next(iter(row.decisions.values())): row for row in Ledger(tmp_path / "s").trials()}
    assert found["multiply"].status == COMPLETE
    assert found["convolve"].status == INFEASIBLE
    assert found["convolve"].gate == "latency"
    assert "2 Conv2d" in found["convolve"].reason
    assert "runtime eager, int8 on cpu" in found["convolve"].reason


def test_a_member_that_cannot_be_deployed_leaves_the_front_and_says_which_operation(tmp_path: Path) -> None:
    goals = (toys.ACCURACY, toys.PARAMS)
    made = study(tmp_path / "s", space=one_in_two(), deploy=Device(dtype="int8"), objectives=goals)
    front = made.run(trials=2, progress=False)
    rows = Ledger(tmp_path / "s").trials()
    convolve = next(row.number for row in rows if "convolve" in row.decisions.values())
    final = next(final for final in Ledger(tmp_path / "s").finals() if final.trial == convolve)
    assert final.over_budget.startswith("it cannot be deployed: runtime eager, int8 on cpu")
    assert "2 Conv2d" in final.over_budget
    assert [member.number for member in front] == [row.number for row in rows if row.number != convolve]
