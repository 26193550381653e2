"""A study by each kind of rungs: who goes on, who is stopped and why, resumed or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

from nasengine.search import (
    CurveStopping,
    FixedRungs,
    Hyperband,
    Objective,
    Promotion,
    Rung,
    Rungs,
    SuccessiveHalving,
)
from nasengine.space.spec import Spec, tagged
from nasengine.study import Ledger
from nasengine.study.rows import COMPLETE, FAILED, PRUNED, TrialRow

EPOCHS = 4
KINDS: dict[str, Any] = {
    "cohorts": SuccessiveHalving(eta=2, min_epochs=1, cohort=4),
    "epsilon_net": SuccessiveHalving(eta=2, min_epochs=1, order="epsilon_net"),
    "hyperband": Hyperband(eta=2, min_epochs=1),
    "hyperband, synchronous": Hyperband(eta=2, min_epochs=1, synchronous=True),
    "fixed": FixedRungs((1, 2)),
    "curves": CurveStopping(FixedRungs((1, 2)), confidence=0.5),
}


def run(store: Path, rungs: Any, trials: int, **changes: Any) -> list[TrialRow]:
    toys.study(store, epochs=EPOCHS, rungs=rungs, **changes).run(trials=trials, progress=False)
    return Ledger(store).trials()


@pytest.mark.parametrize("kind", KINDS)
def test_every_trial_ends_and_no_rung_is_trained_twice(tmp_path: Path, kind: str) -> None:
    found = run(tmp_path / "s", KINDS[kind], 8, sampler="exhaustive")
    assert {row.status for row in found} <= {COMPLETE, PRUNED}
    rungs = Ledger(tmp_path / "s").rungs()
    assert len({(r.key, r.rung) for r in rungs}) == len(rungs)
    for row in found:
        ends = [r.epoch for r in rungs if r.key == row.key]
        assert ends == list(KINDS[kind].rung_epochs(EPOCHS)[: len(ends)]), "rungs are passed in order"
        assert (row.status == COMPLETE) == (len(ends) == 3)


def test_a_cohort_waits_for_all_of_its_trials(tmp_path: Path) -> None:
    """Of four, two go on, and one of these: 4 + 2 + 1 rungs, cohort by cohort, whatever the number of workers."""
    for workers in (1, 2):
        store = tmp_path / str(workers)
        toys.study(store, epochs=EPOCHS, rungs=KINDS["cohorts"], sampler="exhaustive").run(
            trials=8, workers=workers, progress=False
        )
        counts = [sum(r.rung == i for r in Ledger(store).rungs()) for i in range(3)]
        assert counts == [8, 4, 2]


def test_a_failed_trial_does_not_hold_its_cohort_back(tmp_path: Path) -> None:
    space = toys.space(4, 6)
    broken = space[1].cost().params
    found = run(
        tmp_path / "s", KINDS["cohorts"], 4, space=space, sampler="exhaustive",
        task=toys.Trouble(deed="raise", params=broken),
    )  # fmt: skip
    assert [row.status for row in found].count(FAILED) == 1
    rungs = Ledger(tmp_path / "s").rungs()
    assert [sum(r.rung == i for r in rungs) for i in range(3)] == [3, 1, 1]


@tagged("toy.watching")
class Watching(Spec):
    """Fixed rungs that note what a study shows them."""

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        return (1, 2, total)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        SEEN.append(list(rungs))
        return FixedRungs((1, 2)).promote(rungs, objectives, closing=closing)


SEEN: list[list[Rung]] = []


def test_rungs_see_who_is_on_the_way_and_the_curves(tmp_path: Path) -> None:
    SEEN.clear()
    assert isinstance(Watching(), Rungs)
    made = toys.study(tmp_path / "s", epochs=EPOCHS, rungs=Watching(), sampler="exhaustive")
    made.run(trials=3, workers=2, progress=False)
    assert any(rung.running for table in SEEN for rung in table)
    last = SEEN[-1]
    for place, epochs in enumerate(([1], [1, 2], [1, 2, 3, 4])):
        for number, curve in last[place].curves.items():
            assert [epoch for epoch, _ in curve] == epochs
            final = last[place].results[number]["accuracy"]
            assert curve[-1][1]["accuracy"] == final


def test_a_stopped_trial_says_what_was_foretold_and_a_resumed_study_ends_the_same(tmp_path: Path) -> None:
    rungs = CurveStopping(FixedRungs((1,)), confidence=0.5)
    settings: dict[str, Any] = {"sampler": "exhaustive", "objectives": (toys.ACCURACY,)}
    whole = run(tmp_path / "a", rungs, 20, **settings)
    stopped = [row for row in whole if row.status == PRUNED]
    assert stopped, "of twenty at a confidence of one half some are stopped"
    assert any("accuracy would end at" in row.reason and "0.5 confidence" in row.reason for row in stopped)
    run(tmp_path / "b", rungs, 14, **settings)
    again = run(tmp_path / "b", rungs, 20, **settings)
    assert [row.decisions for row in again] == [row.decisions for row in whole]
