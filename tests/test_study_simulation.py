"""Simulated studies: the steps of a study on a table, its clock, and what the truth says of it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tabular_toys import GOALS, Told, frame, member, space, task

from nasengine.errors import StudyError
from nasengine.search import SAMPLERS, FixedRungs, FullTraining, SuccessiveHalving, at_most, maximize, minimize
from nasengine.study.history import History, Truth
from nasengine.study.simulation import simulate

RUNGS = SuccessiveHalving(eta=3, min_epochs=3)


def run(**settings: Any) -> History:
    given: dict[str, Any] = {"objectives": GOALS, "sampler": "exhaustive", "trials": 100}
    table = settings.pop("task", None) or task()
    return simulate(space(), table, **{**given, **settings})


def test_each_network_is_trained_once_and_a_repeat_costs_nothing() -> None:
    history = run()
    assert len(history.trials) == 12
    assert history.evaluations == 6
    assert history.ended == "all 12 members of the space were looked at"
    copies = [t for t in history.trials if t.same_as is not None]
    assert len(copies) == 6
    for copy in copies:
        first = history.trials[copy.same_as or 0]
        assert (copy.id, copy.status, copy.values) == (first.id, "complete", first.values)
    assert [e.spent for e in history.endings] == [1, 2, 3, 4, 5, 6]


def test_values_are_the_table_s() -> None:
    history = run(trials=3)
    rows = task()
    for trial in history.complete():
        assert trial.row is not None
        assert dict(rows.rows[trial.row]) == trial.decisions
        assert trial.values["accuracy"] == rows.metrics["accuracy"][27][trial.row]
        assert trial.values["latency_ms"] == rows.measured["latency_ms"][trial.row]
    assert history.evaluations == 3


def test_the_same_seed_is_the_same_study() -> None:
    one, other = run(sampler="random", trials=4, seed=3), run(sampler="random", trials=4, seed=3)
    assert one.trials == other.trials
    assert one.endings == other.endings


def test_a_sampler_is_told_what_a_study_tells() -> None:
    """Running with what is known, waiting and complete with metrics and curve; a repeat as the first one."""
    sampler = Told([member(8), member(16), member(32), member(32, "wrapped"), member(32, "wrapped", 6)])
    history = run(sampler=sampler, rungs=RUNGS, trials=4)
    by_trial = {n: [t for t in sampler.told if t.number == n] for n in range(5)}
    assert [t.status for t in by_trial[4]] == ["running", "waiting", "waiting", "complete"]
    assert [t.status for t in by_trial[0]] == ["running", "waiting", "pruned"]
    assert by_trial[3][0].status == "waiting"  # as trial 2, whose network it is, was at that moment
    assert by_trial[3][-1].values == by_trial[2][-1].values
    running, last = by_trial[4][0], by_trial[4][-1]
    assert running.values["params"] > 0
    assert "accuracy" not in running.values
    assert [epoch for epoch, _ in last.curve] == [3, 9, 27]
    assert last.curve[-1][1]["accuracy"] == last.values["accuracy"]
    assert last.epochs == 27
    assert history.trials[3].same_as == 2


# --- budgets -----------------------------------------------------------------------------------------------------


def test_no_trained_network_breaks_a_budget_and_refusals_cost_nothing() -> None:
    limit = 16 * 4 + 16 + 16 * 6 + 6 + 6 * 2 + 2
    every = Told([dict(row) for row in task().rows])
    history = run(sampler=every, budgets=(at_most("params", limit), at_most("latency_ms", 1.5)))
    assert {t.decisions["0.features"] for t in history.complete()} == {8}
    gates = {t.decisions["0.features"]: (t.gate, t.status) for t in history.trials}
    assert gates == {8: ("", "complete"), 16: ("latency", "infeasible"), 32: ("cost", "infeasible")}
    refused = next(t for t in history.trials if t.gate == "cost")
    assert "params is" in refused.reason
    assert refused.violations["params"] > 0
    assert refused.values["params"] == space().decode(refused.decisions).cost().params
    assert history.evaluations == 2


def test_all_candidates_infeasible() -> None:
    history = run(budgets=(at_most("params", 1),), sampler="random")
    assert history.evaluations == 0
    assert history.ended
    assert history.best() is None
    assert history.regrets(Truth.of(task().over(space()), GOALS), [10]) == [math.inf]


def test_a_sampler_that_repeats_itself_ends_the_study() -> None:
    history = run(sampler=Told([member(8)], again=True), trials=2)
    assert history.evaluations == 1
    assert history.ended == "1,000 candidates in a row were refused or already known"


def test_a_sampler_with_nothing_left_ends_the_study() -> None:
    history = run(sampler=Told([member(8)]), trials=2)
    assert history.ended == "the sampler has nothing left to propose"


def test_a_proposal_that_is_no_member_is_refused_for_its_types() -> None:
    history = run(sampler=Told([{"0.features": 7}, member(8)]), trials=1)
    assert [(t.gate, t.status) for t in history.trials] == [("types", "infeasible"), ("", "complete")]


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_chooses_among_the_rows_of_a_pool(name: str) -> None:
    part = task(frame()[::2].reset_index(drop=True))
    rows = [dict(row) for row in part.rows]
    history = run(task=part, sampler=name, trials=3, objectives=(maximize("accuracy"),))
    assert history.evaluations == 3
    assert all(trial.decisions in rows for trial in history.trials)


def test_in_place_of_a_proposal_that_a_pool_does_not_hold_the_nearest_row_is_told() -> None:
    part = task(frame()[::2].reset_index(drop=True))
    sampler = Told([member(8, again=6), member(8, again=6), member(8, "wrapped"), {"0.features": 7}, member(32)])
    history = run(task=part, sampler=sampler, trials=3)
    assert [t.decisions for t in history.trials[:3]] == [member(8), member(16), member(8, "wrapped")]
    assert [t.same_as for t in history.trials] == [None, None, 0, None, None]
    assert history.trials[3].gate == "types"
    assert {t.number: dict(t.decisions) for t in sampler.told}[0] == member(8)


# --- rungs -------------------------------------------------------------------------------------------------------


def test_rungs_on_a_table() -> None:
    history = run(rungs=RUNGS, objectives=(maximize("accuracy"),))
    reached = {t.decisions["0.features"]: t.epochs for t in history.trials if t.decisions["2.features"] == 6}
    assert reached[32] == 27
    assert reached[8] == 3
    epochs = sum({t.id: t.epochs for t in history.trials}.values())
    assert history.endings[-1].spent == pytest.approx(epochs / 27)
    assert {t.status for t in history.trials} == {"complete", "pruned"}
    pruned = next(t for t in history.trials if t.status == "pruned")
    assert pruned.reason == f"stopped after {pruned.epochs} epochs"


def test_where_training_does_not_continue_a_later_rung_trains_from_the_start() -> None:
    history = run(task=task(continues=False), sampler=Told([member(32)]), rungs=RUNGS)
    assert [e.spent for e in history.endings] == pytest.approx([3 / 27, 12 / 27, 39 / 27])
    assert history.endings[-1].at_s == 5.0 + 2.0 * 39
    continued = run(sampler=Told([member(32)]), rungs=RUNGS)
    assert continued.endings[-1].at_s == 5.0 + 2.0 * 27


# --- virtual time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_so_many_trials_train_at_a_time(workers: int) -> None:
    history = run(workers=workers, task=task(profiling_s=0.0))
    spans = [(t.start_s, t.end_s) for t in history.trials if t.same_as is None]
    at_once = [sum(start <= moment < end for start, end in spans) for moment, _ in spans]
    assert max(at_once) == workers
    assert max(end for _, end in spans) == 54.0 * math.ceil(6 / workers)


def test_measuring_takes_its_time_and_is_charged() -> None:
    """A sampler that asks about every member has all six networks measured before the first one trains."""

    class Curious(Told):
        def ask(self, n: int, view: Any) -> Any:
            for found in self.members:
                self.seen = self.known(space().decode(found))
            return super().ask(n, view)

    def curious(**settings: Any) -> tuple[History, Curious]:
        made = Curious([member(w, again=a) for w in (8, 16, 32) for a in (4, 6)])

        class Spec:
            def make(self, problem: Any) -> Curious:
                made.known = problem.known  # type: ignore[attr-defined]
                return made

        return run(sampler=Spec(), **settings), made

    history, made = curious()
    assert made.seen["latency_ms"] == 4.0
    assert history.trials[0].start_s == 6 * 5.0
    assert [e.profiled for e in history.endings] == [6] * 6
    price = 5.0 / 54.0
    assert history.profiling == pytest.approx(price)
    assert len(history.complete(3, charged=True)) == 2  # 1 + 6 * price, 2 + 6 * price <= 3 < 3 + 6 * price
    history, made = curious(look_up=False)
    assert "latency_ms" not in made.seen
    assert [e.profiled for e in history.endings] == [1, 2, 3, 4, 5, 6]
    assert history.trials[0].start_s == 5.0


# --- the truth ---------------------------------------------------------------------------------------------------


def test_the_whole_table_has_the_whole_hypervolume_and_no_regret() -> None:
    truth = Truth.of(task().over(space()), GOALS)
    history = run()
    shares = history.shares(truth, [1, 3, 6])
    assert 0 < shares[0] <= shares[1] <= shares[2]
    assert shares[2] == pytest.approx(1.0, abs=2e-3)  # a repeat has the first one's accuracy, 0.005 off
    assert history.regrets(truth, [6])[0] == pytest.approx(0.0, abs=0.005)
    assert truth.optimum == pytest.approx((32 + 0.6 + 0.01) / 2)
    assert truth.share([]) == 0.0


def test_a_share_by_hand() -> None:
    """Two objectives: reference 0.1 of the range beyond the worst of all rows."""
    goals = (maximize("accuracy"), minimize("latency_ms"))
    truth = Truth.of(task().over(space()), goals)
    low, high = (8 + 0.4) / 2, (32 + 0.6 + 0.01) / 2
    assert truth.reference == pytest.approx((low - 0.1 * (high - low), 4 + 0.3))
    best = {wide: (wide + 0.6 + 0.01) / 2 - truth.reference[0] for wide in (8, 16, 32)}
    volume = best[32] * 0.3 + best[16] * 2 + best[8] * 1
    assert truth.volume == pytest.approx(volume)
    history = run(sampler=Told([member(16, again=6)]), objectives=goals)
    assert history.shares(truth, [1]) == pytest.approx([best[16] * 2.3 / volume])


def test_what_is_selected_on_validation_is_reported_on_test() -> None:
    rows = frame().assign(test=[-float(i) for i in range(12)])
    table = task(rows, metrics={"accuracy": {27: "acc27"}, "test": {27: "test"}})
    goals = (maximize("accuracy"),)
    truth = Truth.of(table.over(space()), goals, report={"accuracy": "test"})
    assert truth.optimum == 0.0
    history = run(task=table, objectives=goals, sampler=Told([member(8), member(32, again=6)]))
    assert history.regrets(truth, [1, 2]) == [0.0, 9.0]
    assert history.found_at(truth) == 1.0
    both = Truth.of(table.over(space()), (maximize("accuracy"), minimize("latency_ms")), report={"accuracy": "test"})
    history = run(task=table, objectives=both.objectives, sampler=Told([member(32), member(32, again=6)]))
    assert history.shares(both, [2]) == pytest.approx([both.share([(-9.0, 4.0)])])  # the better on validation alone


def test_budgets_bound_the_truth() -> None:
    budgets = (at_most("latency_ms", 2),)
    truth = Truth.of(task().over(space()), GOALS, budgets=budgets)
    assert truth.optimum == pytest.approx((16 + 0.6 + 0.01) / 2)
    with pytest.raises(StudyError, match=r"toys: no row meets the budgets latency_ms <= 0\.5; loosen one of them"):
        Truth.of(task().over(space()), GOALS, budgets=(at_most("latency_ms", 0.5),))


def test_with_a_floor_only_the_better_rows_count() -> None:
    """The median of the twelve accuracies is the mean of the two in the middle; the latency's reference stays."""
    goals = (maximize("accuracy"), minimize("latency_ms"))
    read = task().over(space())
    truth = Truth.of(read, goals, floor=0.5)
    middle = sorted(read.column("accuracy"))[5:7]
    assert truth.reference == pytest.approx((sum(middle) / 2, 4 + 0.3))
    assert truth.share([(min(middle) - 1, 1.0)]) == 0.0
    assert truth.share([(max(middle), 2.0)]) > 0.0
    cheap = Truth.of(read, (minimize("latency_ms"),), floor=0.5)
    assert cheap.reference == pytest.approx((4 + 0.3,))  # known before training: the worst, as without a floor


def test_the_optimum_that_was_not_found() -> None:
    truth = Truth.of(task().over(space()), GOALS)
    assert run(sampler=Told([member(8)])).found_at(truth) == math.inf


def test_the_frame_has_a_row_a_trial() -> None:
    found = run(trials=4).frame
    assert found.trial.tolist() == list(range(len(found)))
    assert found["decision.0.features"].tolist()[0] == 8
    assert (found.end_s >= found.start_s).all()
    assert {"id", "status", "epochs", "accuracy", "params", "latency_ms"} <= set(found.columns)


# --- what is refused ---------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], object], str]] = {
    "rungs": (
        lambda: run(rungs=SuccessiveHalving(eta=3, min_epochs=2)),
        "simulate: every rung ends where 'accuracy' is tabulated; toys holds it after 3, 9, 27 epochs, and the rungs "
        "end at 2, 6, 27; choose min_epochs= and eta=",
    ),
    "objective": (
        lambda: run(objectives=(maximize("f1"),)),
        "objective 'f1': nothing reports it; the task reports accuracy, latency_ms",
    ),
    "last epoch": (
        lambda: run(task=task(metrics={"accuracy": {3: "acc3"}, "loss": {27: "acc27"}}), rungs=FullTraining()),
        "toys holds it after 3 epochs, and the rungs end at 27",
    ),
    "trials": (lambda: run(trials=0), "simulate: trials is a whole number from 1 on; got 0"),
    "workers": (lambda: run(workers=1.5), r"simulate: workers is a whole number from 1 on; got 1\.5"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_a_simulation_refuses(make: Callable[[], object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        make()


def test_a_quantity_that_a_table_does_not_hold_is_the_closed_form() -> None:
    history = run(objectives=(maximize("accuracy"), minimize("macs")), trials=1)
    trial = history.complete()[0]
    assert trial.values["macs"] == space().decode(trial.decisions).cost().macs


def test_simulating_imports_no_torch() -> None:
    code = "import sys, nasengine.study.simulation; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- rungs that look at more than results ----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_cohort_waits_for_all_of_its_trials_whatever_the_number_of_workers(workers: int) -> None:
    every = [member(wide, "bare", again) for wide in (32, 8, 16) for again in (4, 6)]
    rungs = SuccessiveHalving(eta=3, min_epochs=3, cohort=3)
    history = run(sampler=Told(every), rungs=rungs, trials=6, workers=workers)
    reached = [trial.epochs for trial in sorted(history.trials, key=lambda t: t.number)]
    for cohort in (reached[:3], reached[3:]):
        assert sorted(cohort) == [3, 3, 27], "one of each three goes on, and it alone"


def test_curves_reach_the_rungs() -> None:
    seen: list[Any] = []

    class Watching:
        def rung_epochs(self, total: int) -> tuple[int, ...]:
            return (3, 9, total)

        def promote(self, rungs: Any, objectives: Any, *, closing: bool) -> Any:
            seen.append(rungs)
            return FixedRungs((3, 9)).promote(rungs, objectives, closing=closing)

    run(sampler=Told([member(32), member(8)]), rungs=Watching(), trials=2)
    assert [[epoch for epoch, _ in curve] for curve in seen[-1][1].curves.values()] == [[3, 9], [3, 9]]
