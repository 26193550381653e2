"""A predictor in a study: certain candidates are not measured, uncertain ones are, and nothing is used out of place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

from nasengine import Device, Image, Space, choice
from nasengine.blocks import Conv, Flatten, GlobalPool, Linear, ReLU, Sequential
from nasengine.errors import BudgetError, PredictorError, StoreError, StudyError
from nasengine.hardware import Limits
from nasengine.hardware.predictor import LatencyPredictor
from nasengine.hardware.predictor.calibration import calibrate
from nasengine.report.html import report_html
from nasengine.search import at_least, at_most, maximize, minimize
from nasengine.study import Front, Ledger, Study, open_store
from nasengine.study.foresight import Foresight, Verdict
from nasengine.study.loop import Run
from nasengine.study.rows import INFEASIBLE, TrialRow
from nasengine.train import AdamW, Recipe

WIDTHS = (4, 8, 16, 32, 64)
GOALS = (toys.ACCURACY, minimize("latency_ms"))


def latency_ms(macs: int) -> float:
    """What the predictors here are fitted on: half a microsecond a multiply-add, and a millisecond. Far more than these
    networks take, so that what was predicted and what was measured cannot be taken for each other."""
    return 1.0 + macs / 2_000


def predictor_of(space: Space, device: Device | None = None, *, factor: float = 1.0) -> LatencyPredictor:
    device = device or Device()
    graphs = [member.graph().simplify() for member in space]
    times = [factor * latency_ms(graph.cost.macs) for graph in graphs]
    return LatencyPredictor.fit(graphs, times, device=device.describe(), device_key=device.key(), space=space)


@pytest.fixture(scope="module")
def predictor() -> LatencyPredictor:
    return predictor_of(toys.space(*WIDTHS))


def study(store: Path, predictor: Any, **changes: Any) -> Study:
    settings: dict[str, Any] = {"widths": WIDTHS, "epochs": 1, "objectives": GOALS, "rungs": toys.FullTraining()}
    return toys.study(store, **{**settings, "sampler": "exhaustive", "predictor": predictor, **changes})


def rows_of(store: Path) -> list[TrialRow]:
    with Ledger(store) as ledger:
        return ledger.trials()


# --- what an interval decides ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "middle", "high", "budgets", "expected"),
    [
        (0.95, 1.0, 1.05, (), Verdict.CERTAIN),
        (0.80, 1.0, 1.20, (), Verdict.UNSURE),
        (0.95, 1.0, 1.05, (at_most("latency_ms", 1.05),), Verdict.CERTAIN),
        (0.95, 1.0, 1.05, (at_most("latency_ms", 1.01),), Verdict.UNSURE),
        (0.95, 1.0, 1.05, (at_most("latency_ms", 0.96),), Verdict.UNSURE),
        (0.95, 1.0, 1.05, (at_most("latency_ms", 0.94),), Verdict.OVER),
        (0.50, 1.0, 1.50, (at_most("latency_ms", 0.49),), Verdict.OVER),
        (0.50, 1.0, 1.50, (at_most("latency_ms", 2.00),), Verdict.UNSURE),
        (0.95, 1.0, 1.05, (at_least("latency_ms", 1.06),), Verdict.OVER),
        (0.95, 1.0, 1.05, (at_least("latency_ms", 0.9), at_most("latency_ms", 1.1)), Verdict.CERTAIN),
        (0.95, 1.0, 1.05, (at_most("params", 1),), Verdict.CERTAIN),
    ],
)
def test_an_interval_decides(
    predictor: LatencyPredictor, low: float, middle: float, high: float, budgets: tuple[Any, ...], expected: Verdict
) -> None:
    found = {"low_ms": low, "median_ms": middle, "high_ms": high}
    assert Foresight(predictor, 0.1, budgets).verdict(found) is expected


# --- studies ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory, predictor: LatencyPredictor) -> tuple[Front, Path, str]:
    """All 25 networks under a latency budget that the predictor says two fifths are over; and what was printed."""
    store = tmp_path_factory.mktemp("predictor") / "s"
    limit = sorted(latency_ms(member.cost().macs) for member in toys.space(*WIDTHS))[15] - 1e-6
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("nasengine.study.progress.Watch.say", lambda _, text: said.append(text))
        front = study(store, predictor, budgets=(at_most("latency_ms", limit),)).run(trials=25)
    return front, store, "\n".join(said)


def test_certain_candidates_are_not_measured_and_hopeless_ones_are_refused(bounded: tuple[Front, Path, str]) -> None:
    store = bounded[1]
    limit = open_store(store).meta["budgets"][0]["limit"]
    with Ledger(store) as ledger:
        profiles = {row.graph_id: row for row in ledger.profiles() if not row.device_key.startswith("predicted:")}
        predictions = {row.graph_id: row for row in ledger.profiles() if row.device_key.startswith("predicted:")}
    decided = [row for row in rows_of(store) if row.graph_id not in profiles]
    assert len(decided) > 15
    for row in decided:
        found = predictions[row.graph_id].profile
        assert row.known["latency_ms"] == found["median_ms"]
        if row.status == INFEASIBLE:
            assert found["low_ms"] > limit
            assert row.gate == "latency"
            assert row.violations["latency_ms"] == pytest.approx(found["median_ms"] / limit - 1)
            assert row.reason == (
                f"latency_ms is predicted as {found['median_ms']:,.4g} (95 % interval {found['low_ms']:,.4g} to "
                f"{found['high_ms']:,.4g}); the budget is latency_ms <= {limit:,}"
            )
        else:
            assert found["high_ms"] <= limit
            assert (found["high_ms"] - found["low_ms"]) / 2 <= 0.1 * found["median_ms"]


def test_no_network_is_trained_whose_interval_ends_over_the_budget_unless_it_was_measured(
    bounded: tuple[Front, Path, str],
) -> None:
    limit = open_store(bounded[1]).meta["budgets"][0]["limit"]
    record = open_store(bounded[1]).record()
    for trial in record.trials:
        profile, found = record.profile(trial), record.prediction(trial)
        best = profile["median_ms"] if profile else (found or {})["high_ms"]
        assert (best <= limit) == (trial.status == "complete"), trial


def test_every_member_of_the_front_has_been_measured_in_the_end(bounded: tuple[Front, Path, str]) -> None:
    """The three that had been measured are the fastest by far, and make the front."""
    for member in bounded[0]:
        assert member.prediction is not None
        assert member.final_profile is not None


def test_predicted_members_of_a_front_are_measured_at_the_end(tmp_path: Path) -> None:
    """Predicted as much faster than they are, so that the front is made of predictions."""
    quick = predictor_of(toys.space(*WIDTHS), factor=1e-4)
    front = study(tmp_path / "s", quick, tolerance=0.9, sampler="random").run(trials=6, progress=False)
    table = front.table()
    assert "predicted" in set(table["latency_source"])
    assert (table["predicted_latency_low_ms"] <= table["predicted_latency_high_ms"]).all()
    for member in front:
        assert member.prediction is not None
        assert member.final_profile is not None
        assert member.final_profile.median_ms > 2 * member.prediction["high_ms"]
        if member.profile is None:
            assert member.values["latency_ms"] == member.prediction["median_ms"]


def test_the_share_of_predicted_and_measured_is_printed_recorded_and_reported(bounded: tuple[Front, Path, str]) -> None:
    _, store, printed = bounded
    status = open_store(store).status()
    refused, predicted = status["latency_refused_by_prediction"], status["latency_predicted"]
    total = refused + predicted + status["latency_measured"]
    assert total == 25
    sentence = (
        f"Latency of 25 networks: {refused + predicted} predicted ({(refused + predicted) / 25:.0%}; {refused} of them "
        f"refused so), {status['latency_measured']} measured ({status['latency_measured'] / 25:.0%})."
    )
    assert sentence in printed
    with Ledger(store) as ledger:
        (event,) = [event for event in ledger.events() if event.kind == "latency sources"]
    assert event.data["predicted"] == predicted
    record = open_store(store).record()
    assert sentence in report_html(record)
    trials = open_store(store).trials
    assert trials["latency_source"].value_counts()["measured"] == status["latency_measured"]
    assert (trials["latency_low_ms"] <= trials["latency_ms"]).all()


def test_what_a_space_offers_is_predicted_and_its_ends_are_measured(bounded: tuple[Front, Path, str]) -> None:
    meta = open_store(bounded[1]).meta
    assert meta["ranges_how"] == {"latency_ms": "predicted for 25 members, 2 of them measured"}
    assert "latency_ms: " in bounded[2]
    assert ", predicted for 25 members, 2 of them measured" in bounded[2]
    assert meta["ranges"]["latency_ms"][0] < 1 < 2 < meta["ranges"]["latency_ms"][1]  # a measured and a predicted end


def test_what_is_not_known_within_the_tolerance_is_measured(tmp_path: Path, predictor: LatencyPredictor) -> None:
    study(tmp_path / "s", predictor, tolerance=1e-9).run(trials=4, progress=False)
    record = open_store(tmp_path / "s").record()
    assert record.latency_shares == {"predicted": 0, "refused_by_prediction": 0, "measured": 4}
    assert all(row.known["latency_ms"] < 1 for row in rows_of(tmp_path / "s"))


def test_without_a_budget_what_is_certain_is_not_measured(tmp_path: Path, predictor: LatencyPredictor) -> None:
    study(tmp_path / "s", predictor, tolerance=0.9).run(trials=6, progress=False)
    shares = open_store(tmp_path / "s").record().latency_shares
    assert shares["predicted"] >= 4  # the ends of the space were measured before the study began
    assert shares["refused_by_prediction"] == 0


def test_another_measured_quantity_is_measured_unless_latency_refuses(tmp_path: Path) -> None:
    widths = (4, 16, 64)
    limit = sorted(latency_ms(member.cost().macs) for member in toys.space(*widths))[4]
    settings: dict[str, Any] = {"objectives": (*GOALS, minimize("peak_memory_bytes")), "widths": widths}
    bound = (at_most("latency_ms", 1.05 * limit),)
    made = study(tmp_path / "s", predictor_of(toys.space(*widths)), budgets=bound, tolerance=0.9, **settings)
    made.run(trials=9, progress=False)
    shares = open_store(tmp_path / "s").record().latency_shares
    assert shares["predicted"] == 0
    assert shares["refused_by_prediction"] >= 1
    assert all("peak_memory_bytes" in row.known for row in rows_of(tmp_path / "s") if row.status != INFEASIBLE)


def test_a_predictor_fitted_on_this_machine_in_a_study_of_convolutions(tmp_path: Path) -> None:
    """Calibrated by real measurements, used from its file."""
    widths, kernels = (4, 8, 16, 32), (1, 3, 5)
    first, second = (Conv(choice(*widths), choice(*kernels)) for _ in range(2))
    body = Sequential(first, ReLU(), second, ReLU(), GlobalPool(), Flatten(), Linear(10))
    space = Space("convolutions", inputs=Image(1, 8), network=body)
    quick = Limits(ci=0.2, limit_s=1.0, warmup_limit_s=0.2, retries=0)
    calibrate(space, out=tmp_path / "p.json", samples=16, limits=quick)
    made = study(tmp_path / "s", tmp_path / "p.json", space=space, sampler="random", tolerance=0.3)
    front = made.run(trials=5, progress=False)
    assert sum(open_store(tmp_path / "s").record().latency_shares.values()) == 5
    assert all(member.final_profile is not None and member.prediction is not None for member in front)


# --- resuming --------------------------------------------------------------------------------------------------------


def test_a_resumed_study_decides_as_one_that_ran_through(tmp_path: Path, predictor: LatencyPredictor) -> None:
    budgets = (at_most("latency_ms", 3.0),)
    whole = study(tmp_path / "a", predictor, budgets=budgets)
    whole.run(trials=5, progress=False)
    for trials in (2, 5):
        study(tmp_path / "b", predictor, budgets=budgets).run(trials=trials, progress=False)
    first, second = (rows_of(tmp_path / name) for name in "ab")
    assert [(r.decisions, r.status, r.gate) for r in first] == [(r.decisions, r.status, r.gate) for r in second]
    told = [[r.known["latency_ms"] for r in rows if r.known["latency_ms"] > 1] for rows in (first, second)]
    assert told[0] == told[1]


def test_a_trial_killed_between_prediction_and_training_is_decided_alike(
    tmp_path: Path, predictor: LatencyPredictor
) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    made = study(tmp_path / "s", predictor, tolerance=0.9, sampler="random")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_train", killed)
        with pytest.raises(KeyboardInterrupt):
            made.run(trials=1, progress=False)
    before = rows_of(tmp_path / "s")[0].known
    made.run(trials=1, progress=False)
    assert rows_of(tmp_path / "s")[0].known == before


def test_another_predictor_or_none_is_another_study(tmp_path: Path, predictor: LatencyPredictor) -> None:
    study(tmp_path / "s", predictor).run(trials=1, progress=False)
    slower = predictor_of(toys.space(*WIDTHS), factor=2.0)
    for other, more in ((slower, {}), (None, {}), (predictor, {"tolerance": 0.2})):
        with pytest.raises(StoreError, match="it holds another study: predictor differs; recorded toy"):
            study(tmp_path / "s", other, **more).run(trials=1, progress=False)
    study(tmp_path / "s", LatencyPredictor.from_json(predictor.to_json())).run(trials=1, progress=False)
    study(tmp_path / "t", None).run(trials=1, progress=False)
    assert "predictor" not in open_store(tmp_path / "t").meta
    with pytest.raises(StoreError, match="it holds another study: predictor differs; recorded None, given toy"):
        study(tmp_path / "t", predictor).run(trials=1, progress=False)


def test_a_searched_recipe_leaves_the_predictor_in_its_space(tmp_path: Path, predictor: LatencyPredictor) -> None:
    recipe = Recipe(epochs=1, batch_size=256, optimizer=AdamW(lr=choice(1e-3, 1e-2)))
    study(tmp_path / "s", predictor, recipe=recipe, sampler="random").run(trials=2, progress=False)
    assert open_store(tmp_path / "s").status()["complete"] == 2


# --- out of place ----------------------------------------------------------------------------------------------------


def test_a_predictor_of_another_device_is_refused(tmp_path: Path, predictor: LatencyPredictor) -> None:
    with pytest.raises(PredictorError) as caught:
        study(tmp_path / "s", predictor, device=Device(batch=2)).run(trials=1, progress=False)
    assert "device" in str(caught.value)
    assert predictor.device_key[:12] in str(caught.value)
    assert Device(batch=2).key()[:12] in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_a_predictor_of_another_space_is_refused(tmp_path: Path, predictor: LatencyPredictor) -> None:
    with pytest.raises(PredictorError) as caught:
        study(tmp_path / "s", predictor, widths=(4, 8)).run(trials=1, progress=False)
    assert "space" in str(caught.value)
    assert toys.space(4, 8).fingerprint[:12] in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("limit", [1e9, 1e6])
def test_a_budget_that_no_prediction_reaches_ends_at_once(
    tmp_path: Path, predictor: LatencyPredictor, limit: float
) -> None:
    with pytest.raises(BudgetError) as caught:
        study(tmp_path / "s", predictor, budgets=(at_least("latency_ms", limit),)).run(trials=1, progress=False)
    text = str(caught.value)
    assert "no member of the space 'toy' was found to meet it; the most found in 25 members (2 measured; " in text
    assert "ends of 95 % intervals of the others) is " in text
    assert rows_of(tmp_path / "s") == []


@pytest.mark.parametrize("value", [0, -0.1, 1, 1.5, math.nan, math.inf, True, "5 %"])
def test_a_tolerance_is_a_share(tmp_path: Path, predictor: LatencyPredictor, value: Any) -> None:
    with pytest.raises(StudyError, match="Study: tolerance is the half width of a 95 % interval, as a share of the"):
        study(tmp_path / "s", predictor, tolerance=value)


def test_what_is_no_predictor(tmp_path: Path, predictor: LatencyPredictor) -> None:
    with pytest.raises(StudyError, match="Study: predictor is a LatencyPredictor or the path of its file; got 3"):
        study(tmp_path / "s", 3)
    with pytest.raises(PredictorError, match=r"absent\.json"):
        study(tmp_path / "s", tmp_path / "absent.json")
    with pytest.raises(StudyError, match="a predictor foretells latency_ms, and neither an objective nor a budget"):
        study(tmp_path / "s", predictor, objectives=(maximize("accuracy"),))
    assert not (tmp_path / "s").exists()
