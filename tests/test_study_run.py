"""Whole studies on digits: gates, rungs, front, resuming. Real training in real worker processes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import study_toys as toys

from nasengine.errors import StoreError, StudyError
from nasengine.search import SuccessiveHalving, at_most, minimize
from nasengine.study import Front, Ledger, open_store
from nasengine.study.loop import Run
from nasengine.study.rows import COMPLETE, FAILED, INFEASIBLE, PRUNED, RUNNING
from nasengine.train import AdamW, Recipe


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Front, Path]:
    """Ten candidates by successive halving, under a budget that refuses some, latency measured."""
    store = tmp_path_factory.mktemp("study") / "s"
    goals = (toys.ACCURACY, toys.PARAMS, minimize("latency_ms"))
    budgets = (at_most("params", 1_200), at_most("latency_ms", 50.0))
    rungs = SuccessiveHalving(eta=3, min_epochs=1)
    space = toys.space(4, 6, 8, 16)
    settings: dict[str, Any] = {"objectives": goals, "budgets": budgets, "rungs": rungs, "sampler": toys.Blind(space)}
    return toys.study(store, space=space, **settings).run(trials=10, progress=False), store


def test_trials_count_candidates_that_enter_training(done: tuple[Front, Path]) -> None:
    rows = Ledger(done[1]).trials()
    assert sum(row.entered for row in rows) == 10
    assert [row.number for row in rows] == list(range(len(rows)))
    assert {row.status for row in rows} == {COMPLETE, PRUNED, INFEASIBLE}


def test_no_trained_network_breaks_a_budget(done: tuple[Front, Path]) -> None:
    for row in Ledger(done[1]).trials():
        assert (row.known["params"] > 1_200) == (row.status == INFEASIBLE)
        if row.status == INFEASIBLE:
            assert row.gate == "cost"
            assert row.reason == f"params is {row.known['params']:,}; the budget is params <= 1,200"
            assert row.violations["params"] == pytest.approx(row.known["params"] / 1_200 - 1)


def test_one_key_trains_once_and_duplicates_share(done: tuple[Front, Path]) -> None:
    rows = Ledger(done[1]).trials()
    own = [row for row in rows if row.key and row.same_as is None]
    assert len({row.key for row in own}) == len(own)
    copies = [row for row in rows if row.same_as is not None]
    assert copies
    for row in copies:
        assert row.key == rows[row.same_as or 0].key
        assert row.status == rows[row.same_as or 0].status


def test_rungs_are_completed_in_order_and_one_in_three_goes_on(done: tuple[Front, Path]) -> None:
    ledger = Ledger(done[1])
    counts = [sum(row.rung == rung for row in ledger.rungs()) for rung in (0, 1)]
    assert counts[0] == 10
    assert 1 <= counts[1] <= 5
    assert {row.epoch for row in ledger.rungs()} == {1, 3}
    assert [[point["epoch"] for point in row.curve] for row in ledger.rungs() if row.rung == 1] == [[2, 3]] * counts[1]
    pruned = [row for row in ledger.trials() if row.status == PRUNED]
    assert pruned[0].reason == "stopped at rung 1 of 2 (1 epochs): others went on"


def test_the_front_is_tested_measured_again_and_written_out(done: tuple[Front, Path]) -> None:
    front, _ = done
    assert len(front) >= 1
    for member in front:
        assert 0.0 <= member.test_metrics["accuracy"] <= 1.0
        assert member.profile is not None
        assert member.final_profile is not None
        assert member.profile.runs >= 30
        assert sorted(p.name for p in member.folder.glob("final.*")) == ["final.py", "final.safetensors"]
        assert member.architecture.cost().params == member.costs["params"]


def test_the_table_has_units_in_its_column_names(done: tuple[Front, Path]) -> None:
    table = done[0].table()
    assert isinstance(table, pd.DataFrame)
    expected = ["trial", "accuracy", "test_accuracy", "params", "macs", "peak_activation_bytes", "receptive_field_px"]
    assert set(expected) | {"latency_ms", "latency_p90_ms", "final_latency_ms", "loss_nats"} <= set(table.columns)
    assert len(table) == len(done[0])


def test_the_trials_table(done: tuple[Front, Path]) -> None:
    table = open_store(done[1]).trials
    assert table.index.name == "number"
    assert {"status", "gate", "reason", "same_as", "params", "accuracy", "latency_ms", "epochs"} <= set(table.columns)
    assert table["status"].value_counts()["complete"] >= len(done[0])


def test_a_trial_killed_before_its_latency_was_known_is_measured_before_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    goals = (toys.ACCURACY, minimize("latency_ms"))
    study = toys.study(tmp_path / "s", epochs=1, objectives=goals, budgets=(at_most("latency_ms", 50.0),))
    with monkeypatch.context() as patched:
        patched.setattr(Run, "_passes_latency", killed)
        with pytest.raises(KeyboardInterrupt):
            study.run(trials=1, progress=False)
    assert "latency_ms" not in Ledger(study.store).trials()[0].known
    assert open_store(study.store).status()["interrupted"] == 1
    study.run(trials=1, progress=False)
    assert Ledger(study.store).trials()[0].known["latency_ms"] > 0


def test_hypervolume_has_a_stated_reference(done: tuple[Front, Path]) -> None:
    front, _ = done
    assert len(front.reference) == len(front.record.objectives)
    assert front.hypervolume() == front.hypervolume(front.reference) > 0
    with pytest.raises(StudyError, match="the reference has one value an objective"):
        front.hypervolume([0.5])


def test_knee_best_and_pictures(done: tuple[Front, Path], tmp_path: Path) -> None:
    front, _ = done
    assert front.best("params").costs["params"] == min(m.costs["params"] for m in front)
    assert front.best("accuracy").metrics["accuracy"] == max(m.metrics["accuracy"] for m in front)
    assert front.knee() in list(front)
    assert front.plot(tmp_path / "front.png").stat().st_size > 1_000
    assert "plotly" in front.plot(tmp_path / "front.html", x="params", y="accuracy").read_text()


def test_the_same_call_does_nothing_twice_and_more_trials_continue(tmp_path: Path) -> None:
    store, rungs = tmp_path / "s", SuccessiveHalving(min_epochs=1)
    toys.study(store, rungs=rungs).run(trials=3, progress=False)
    before = Ledger(store).rungs()
    toys.study(store, rungs=rungs).run(trials=3, progress=False)
    assert Ledger(store).rungs() == before
    toys.study(store, rungs=rungs).run(trials=6, progress=False)
    after = Ledger(store)
    assert [row for row in after.rungs() if row in before] == before
    assert sum(row.entered for row in after.trials()) == 6


def test_reading_a_store_imports_no_user_code(done: tuple[Front, Path]) -> None:
    code = (
        "import sys; from nasengine.study import open_store\n"
        f"store = open_store({str(done[1])!r})\n"
        "print(len(store.front()), store.status()['trials'], 'study_toys' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert printed == [str(len(done[0])), str(len(Ledger(done[1]).trials())), "False"]


def test_an_exhausted_space_ends_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = toys.study(tmp_path / "s", widths=(4, 8), epochs=1)
    front = study.run(trials=50)
    assert len(study.trials) >= 4
    assert "Ended: all 4 members of the space were looked at." in capsys.readouterr().out
    assert len(front) >= 1


def test_refusals_without_end_are_bounded_and_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nasengine.study.loop.REFUSED_IN_A_ROW", 5)
    study = toys.study(tmp_path / "s", epochs=1, widths=tuple(range(4, 200)), budgets=(at_most("params", 400),))
    study.run(trials=50)
    printed = capsys.readouterr().out
    assert "Ended: 5 candidates in a row were refused or already known; 5 by the cost gate; loosen a budget" in printed


def test_a_searched_recipe_joins_the_space(tmp_path: Path) -> None:
    from nasengine import choice

    recipe = Recipe(epochs=1, batch_size=256, optimizer=AdamW(lr=choice(1e-3, 1e-2)))
    study = toys.study(tmp_path / "s", widths=(8,), recipe=recipe)
    study.run(trials=2, progress=False)
    rows = Ledger(tmp_path / "s").trials()
    own = [row for row in rows if row.same_as is None]
    assert len({row.graph_id for row in own}) == 1
    assert len({row.key for row in own}) == 2
    assert sorted(row.recipe["optimizer"]["lr"] for row in own if row.recipe) == [1e-3, 1e-2]


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("raise", "OSError: the disk is on fire (study_toys.py:"),
        ("exit", "the process ended with exit status 7 before its job was done"),
        ("abort", "killed by SIGABRT"),
    ],
)
def test_a_trial_that_fails_is_recorded_and_the_study_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], deed: str, reason: str
) -> None:
    space = toys.space(4, 8, 12)
    params = space.largest().cost().params
    task = toys.Trouble(deed=deed, params=params)
    toys.study(tmp_path / "s", space=space, task=task, epochs=1, sampler="exhaustive").run(trials=9)
    rows = [row for row in Ledger(tmp_path / "s").trials() if row.same_as is None]
    assert {row.status for row in rows if row.known["params"] != params} == {COMPLETE}
    failed = [row for row in rows if row.known["params"] == params]
    assert [row.status for row in failed] == [FAILED]
    assert failed[0].gate == "training"
    assert failed[0].reason.startswith(reason)
    printed = " ".join(capsys.readouterr().out.split())
    assert f"1 failed; the last one, trial {failed[0].number}: {failed[0].reason[:40]}" in printed


def test_a_metric_that_is_no_number_fails_its_trial(tmp_path: Path) -> None:
    toys.study(tmp_path / "s", task=toys.Silent(), epochs=1).run(trials=1, progress=False)
    row = Ledger(tmp_path / "s").trials()[0]
    assert row.status == FAILED
    assert "accuracy" in row.reason


def test_two_workers(tmp_path: Path) -> None:
    study = toys.study(tmp_path / "s", epochs=2)
    study.run(trials=8, workers=2, progress=False)
    assert sum(row.entered for row in Ledger(tmp_path / "s").trials()) == 8
    assert len({(row.key, row.rung) for row in Ledger(tmp_path / "s").rungs()}) == len(Ledger(tmp_path / "s").rungs())


def test_a_time_limit_leaves_a_study_that_continues(tmp_path: Path) -> None:
    toys.study(tmp_path / "s", epochs=200, rungs=toys.FullTraining()).run(trials=30, timeout=2.0, progress=False)
    first = Ledger(tmp_path / "s")
    assert 0 < sum(row.entered for row in first.trials()) < 30
    begun = first.trials()
    study = toys.study(tmp_path / "s", epochs=200, rungs=toys.FullTraining())
    study.run(trials=sum(row.entered for row in begun), timeout=60, progress=False)
    assert {row.status for row in Ledger(tmp_path / "s").trials()} <= {COMPLETE, INFEASIBLE}
    assert [row.decisions for row in Ledger(tmp_path / "s").trials()][: len(begun)] == [row.decisions for row in begun]


def test_a_time_limit_that_meets_busy_workers_still_finishes_the_front(tmp_path: Path) -> None:
    store = tmp_path / "s"
    toys.study(store, epochs=1, rungs=toys.FullTraining()).run(trials=2, progress=False)
    with Ledger(store) as ledger, ledger._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM finals")
    study = toys.study(store, epochs=1, rungs=toys.FullTraining(), widths=())
    held = Run.go

    def go(run: Run) -> None:
        """Time is over just after the workers got their trials."""
        run._fill()
        assert run._executor.busy == 2
        run.limits = replace(run.limits, deadline=0.0)
        held(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "go", go)
        front = study.run(trials=8, workers=2, timeout=60, progress=False)
    assert all(member.test_metrics for member in front)
    rows = Ledger(store).trials()
    assert all(row.owner == "" for row in rows)
    assert {row.status for row in rows} <= {RUNNING, COMPLETE}


def test_a_ledger_may_lie_in_another_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    study = toys.study(tmp_path / "s", epochs=1, url=url)
    front = study.run(trials=2, progress=False)
    assert len(front) >= 1
    assert len(study.trials) >= 2
    assert open_store(tmp_path / "s", url=url).status()["trials"] == len(study.trials)
    assert not (tmp_path / "s" / "ledger.sqlite").exists()


def test_a_finished_rung_that_was_not_recorded_is_found_and_not_trained_again(tmp_path: Path) -> None:
    """The study dies after a worker wrote its completion file and before the ledger heard of it."""
    store = tmp_path / "s"
    toys.study(store, epochs=1).run(trials=1, progress=False)
    ledger = Ledger(store)
    (row,) = ledger.rungs()
    marker = store / "artifacts" / row.key / "rung-0.json"
    value = json.loads(marker.read_bytes())
    value["metrics"]["accuracy"] = 0.123  # no training would give it
    marker.write_text(json.dumps(value))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rungs")
        connection.exec_driver_sql("DELETE FROM finals")
        connection.exec_driver_sql("UPDATE trials SET status = 'running', finished = 0, owner = 'gone:1:1'")
    ledger.close()
    toys.study(store, epochs=1).run(trials=1, progress=False)
    assert [row.metrics["accuracy"] for row in Ledger(store).rungs()] == [0.123]


def test_a_member_is_taken_home_with_parity_and_a_card(done: tuple[Front, Path], tmp_path: Path) -> None:
    member = done[0].best("accuracy")
    folder = member.export(tmp_path / "net", formats=("safetensors", "source"))
    assert (member.export(tmp_path / "one", formats="source") / "network.py").is_file()
    assert {"network.safetensors", "network.py", "architecture.json", "export.json", "MODEL_CARD.md"} <= {
        path.name for path in folder.iterdir()
    }
    record = json.loads((folder / "export.json").read_text())
    assert record["metrics"]["test"] == member.test_metrics
    assert record["origin"]["trial"] == member.number
    card = (folder / "MODEL_CARD.md").read_text()
    assert "| accuracy | test |" in card
    assert "when the search was over" in card


def test_weights_that_were_changed_are_not_exported(done: tuple[Front, Path], tmp_path: Path) -> None:
    member = done[0][0]
    damaged = replace(member, artifacts={"final.safetensors": "0" * 64})
    with pytest.raises(StoreError, match="expected the weights with SHA-256 0000000000000000; got "):
        damaged.export(tmp_path / "net", formats=("source",))
    early = replace(member, artifacts={})
    with pytest.raises(StoreError, match=r"the weights of trial \d+ are not written yet"):
        early.export(tmp_path / "net", formats=("source",))
