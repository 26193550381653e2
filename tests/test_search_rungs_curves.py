"""Learning-curve extrapolation: what is foretold, how often it is right, and what is stopped by it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping

import numpy as np
import pytest
from rungs_plays import Play

from nasengine.errors import SpaceError, StudyError
from nasengine.search import Rung, maximize, minimize
from nasengine.search.rungs import (
    CurveStopping,
    FixedRungs,
    FullTraining,
    Hyperband,
    Promotion,
    Rungs,
    SuccessiveHalving,
    outlooks,
)
from nasengine.search.rungs.extrapolation import LEAST_FINISHED, shown_so_far
from nasengine.space import spec_from_json

ACCURACY, PARAMS = maximize("accuracy"), minimize("params")
ENDS = (3, 9, 27)


def curve(number: int, epoch: int) -> float:
    """A power law of its own limit, reach and speed, with noise: as learning curves are."""
    rng = random.Random(number)
    limit, reach, speed = rng.uniform(0.5, 0.95), rng.uniform(0.1, 0.4), rng.uniform(0.3, 1.0)
    return limit - reach * float(epoch**-speed) + random.Random(1_000 * number + epoch).gauss(0, 0.005)


def score(number: int, rung: int) -> dict[str, float]:
    return {"accuracy": curve(number, ENDS[rung]), "params": random.Random(-number - 1).uniform(1, 10)}


def recorded(finished: list[int], waiting: list[int], at: int) -> list[Rung]:
    """Trials that are finished, and trials that wait at a rung."""
    there = [Rung({n: score(n, i) for n in (*finished, *(waiting if i <= at else ()))}) for i in range(2)]
    return [*there, Rung({n: score(n, 2) for n in finished})]


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("finished", [12, 40])
def test_the_bound_holds_as_often_as_it_says(at: int, confidence: float, finished: int) -> None:
    """100 studies of 10 unseen trials each. The trials of one study share its regression, so the share that holds has a
    standard error of at most √(p (1 - p) / 100) (as if the ten were one): 0.022 for 0.95, 0.05 for 0.5. A true
    bound falls four of them below its confidence once in 30,000 seeds."""
    held, margins, numbers = [], [], itertools.count()
    for _ in range(100):
        known, unseen = list(itertools.islice(numbers, finished)), list(itertools.islice(numbers, 10))
        rungs = recorded(known, unseen, at)
        for number in unseen:
            found = outlooks(rungs, at, [number], ACCURACY, confidence)[number]
            assert found.best >= found.expected
            held.append(score(number, 2)["accuracy"] <= found.best)
            margins.append(found.best - found.expected)
    share = float(np.mean(held))
    assert share >= confidence - 4 * (confidence * (1 - confidence) / 100) ** 0.5
    assert share < 1  # a bound that never fails says nothing
    spread = np.std([score(n, 2)["accuracy"] for n in range(1_000)])
    assert np.mean(margins) < 2 * spread


def test_a_gain_tells_more_than_the_last_score_alone() -> None:
    """Curves that have gained much lately gain more: the bound is tighter with the rung before than without."""
    known, unseen = list(range(60)), list(range(60, 100))
    rungs = recorded(known, unseen, 1)
    blind = [Rung(), *rungs[1:]]

    def error(given: list[Rung]) -> float:
        found = outlooks(given, 1, unseen, ACCURACY, 0.9)
        return float(np.mean([abs(found[n].expected - score(n, 2)["accuracy"]) for n in unseen]))

    assert error(rungs) < 0.8 * error(blind)


def test_what_a_curve_shows() -> None:
    epochs = {7: [(e, {"accuracy": e / 10}) for e in (1, 2, 3, 4)]}
    values = {7: {"accuracy": 0.4}}
    assert shown_so_far([Rung(values)], 0, 7, ACCURACY) == [-0.4]
    assert shown_so_far([Rung(values, curves=epochs)], 0, 7, ACCURACY) == pytest.approx([-0.4, -0.2])
    assert shown_so_far([Rung({7: {"accuracy": 0.1}}), Rung(values)], 1, 7, ACCURACY) == pytest.approx([-0.4, -0.3])
    assert shown_so_far([Rung(), Rung(values)], 1, 7, ACCURACY) == [-0.4]
    assert shown_so_far([Rung(values, curves={7: [(4, {"loss": 1.0})]})], 0, 7, ACCURACY) == [-0.4]


def test_few_finished_trials_foretell_nothing() -> None:
    few = list(range(LEAST_FINISHED - 1))
    assert outlooks(recorded(few, [50], 1), 1, [50], ACCURACY, 0.95) == {}
    assert list(outlooks(recorded([*few, 40], [50], 1), 1, [50], ACCURACY, 0.95)) == [50]


def test_equal_curves_are_foretold_exactly() -> None:
    flat = {n: {"accuracy": 0.5, "params": 1.0} for n in range(12)}
    rungs = [Rung(flat), Rung({n: {"accuracy": 0.7, "params": 1.0} for n in range(11)})]
    found = outlooks(rungs, 0, [11], ACCURACY, 0.95)[11]
    assert (found.expected, found.best) == pytest.approx((0.7, 0.7))


def line(count: int) -> list[Rung]:
    """Trials that end 0.2 above where they were, and one more, 99, that waits with a poor score."""
    partial = {n: {"accuracy": 0.3 + n / 100, "params": 5.0 + n % 3} for n in range(count)}
    final = {
        n: {"accuracy": v["accuracy"] + 0.2 + 0.001 * (-1) ** n, "params": v["params"]} for n, v in partial.items()
    }
    return [Rung(partial | {99: {"accuracy": 0.31, "params": 6.0}}, promoted=partial.keys()), Rung(final)]


def test_what_cannot_reach_the_front_is_stopped() -> None:
    stopping = CurveStopping(FixedRungs((3,)))
    rungs = line(20)
    assert FixedRungs((3,)).promote(rungs, (ACCURACY, PARAMS), closing=False) == [Promotion(0, 99)]
    assert stopping.promote(rungs, (ACCURACY, PARAMS), closing=False) == []
    assert stopping.promote(rungs, (ACCURACY, PARAMS), closing=True) == []
    assert stopping.promote(line(9), (ACCURACY, PARAMS), closing=False) == [Promotion(0, 99)]  # too few to say


def test_a_trial_that_costs_less_than_the_front_goes_on() -> None:
    first, last = line(20)
    cheap = Rung(dict(first.results) | {99: {"accuracy": 0.31, "params": 4.9}}, first.promoted)
    assert CurveStopping(FixedRungs((3,))).promote([cheap, last], (ACCURACY, PARAMS), closing=False) == [
        Promotion(0, 99)
    ]
    assert CurveStopping(FixedRungs((3,))).promote([cheap, last], (ACCURACY,), closing=False) == []


def test_a_trial_that_may_still_reach_the_front_goes_on() -> None:
    first, last = line(20)
    good = Rung(dict(first.results) | {99: {"accuracy": 0.4895, "params": 6.0}}, first.promoted)
    assert CurveStopping(FixedRungs((3,)), 0.99).promote([good, last], (ACCURACY,), closing=False) == [Promotion(0, 99)]


def test_several_objectives_that_training_decides_share_the_doubt() -> None:
    """Stopped only where a finished trial is better in all of them, each with half of the doubt."""
    first, last = line(20)
    recall = maximize("recall")
    with_recall = [
        Rung({n: {**v, "recall": v["accuracy"]} for n, v in rung.results.items()}, rung.promoted)
        for rung in (first, last)
    ]
    stopping = CurveStopping(FixedRungs((3,)), 0.9)
    assert stopping.promote(with_recall, (ACCURACY, recall), closing=False) == []
    both = stopping.outlooks(with_recall, 0, [99], (ACCURACY, recall))[99]
    alone = CurveStopping(FixedRungs((3,)), 0.95).outlooks(with_recall, 0, [99], (ACCURACY,))[99]
    assert both["accuracy"].best == pytest.approx(alone["accuracy"].best)
    rising = Rung(
        {n: {**v, "recall": 1.0 if n == 99 else -v["accuracy"]} for n, v in first.results.items()}, first.promoted
    )
    ended = Rung({n: {**v, "recall": -v["accuracy"]} for n, v in last.results.items()})
    assert stopping.promote([rising, ended], (ACCURACY, recall), closing=False) == [Promotion(0, 99)]


def test_why_a_trial_was_stopped() -> None:
    reasons = CurveStopping(FixedRungs((3,))).reasons(line(20), (ACCURACY, PARAMS))
    assert list(reasons) == [99]
    assert reasons[99].startswith("accuracy would end at 0.51")
    assert reasons[99].endswith("with 0.95 confidence: the front is out of reach")


def regret(play: Play, objectives: tuple[object, ...]) -> tuple[int, int]:
    """How many trials were stopped, and how many of them would have ended on the front of the finished ones."""
    final = play.results[-1]
    stopped = [n for n in play.results[0] if n not in final]

    def beaten(number: int) -> bool:
        own = score(number, 2)
        return any(
            v["accuracy"] >= own["accuracy"] and (len(objectives) < 2 or v["params"] <= own["params"])
            for v in final.values()
        )

    return len(stopped), sum(not beaten(n) for n in stopped)


@pytest.mark.parametrize("objectives", [(ACCURACY,), (ACCURACY, PARAMS)])
@pytest.mark.parametrize("base", [FixedRungs((3, 9)), SuccessiveHalving(eta=2, min_epochs=3), Hyperband(eta=3)])
def test_studies_stop_much_and_lose_little(
    base: FixedRungs | SuccessiveHalving | Hyperband, objectives: tuple[object, ...]
) -> None:
    """Of what is stopped beyond what the other rungs stop, at most one in twenty would have reached the front."""
    plain = Play(base, objectives, score, 3)  # type: ignore[arg-type]
    plain.go(120, workers=4)
    play = Play(CurveStopping(base), objectives, score, 3)  # type: ignore[arg-type]
    play.go(120, workers=4)
    assert play.epochs(ENDS) < plain.epochs(ENDS)
    (before, lost_before), (stopped, lost) = regret(plain, objectives), regret(play, objectives)
    assert lost - lost_before <= max(1, 0.05 * (stopped - before))
    if isinstance(base, FixedRungs):
        assert play.epochs(ENDS) < 0.8 * plain.epochs(ENDS)
        assert lost <= 0.05 * stopped


def test_every_study_ends_with_a_fully_trained_trial() -> None:
    bases: list[Rungs] = [FixedRungs((3, 9)), SuccessiveHalving(), Hyperband()]
    for trials, base in itertools.product((1, 2, 11, 30), bases):
        assert Play(CurveStopping(base, 0.5), (ACCURACY, PARAMS), score, 3).go(trials)[-1].results


def test_it_is_on_record_with_the_rungs_it_wraps() -> None:
    for rungs in (CurveStopping(), CurveStopping(Hyperband(eta=2), 0.8), CurveStopping(FixedRungs((2,)))):
        again = spec_from_json(rungs.to_json())
        assert again == rungs
    assert CurveStopping().rung_epochs(27) == (3, 9, 27)
    assert CurveStopping().to_json()["type"] == "curve_stopping"


def test_bad_input_says_so() -> None:
    for wrong in (FullTraining(), 3, None):
        with pytest.raises(
            SpaceError, match=r"curve_stopping.rungs: rungs with a place to stop at, SuccessiveHalving\(\)"
        ):
            CurveStopping(wrong)  # type: ignore[arg-type]
    for confidence in (0.2, 1.0, 95):
        with pytest.raises(SpaceError, match=r"curve_stopping.confidence: a number from 0.5 on and below 1; got"):
            CurveStopping(confidence=confidence)
    with pytest.raises(SpaceError, match=r"curve_stopping.confidence"):
        CurveStopping(confidence="high")  # type: ignore[arg-type]
    first, last = line(20)
    without: Mapping[int, Mapping[str, float]] = {n: {"params": 1.0} for n in first.results}
    with pytest.raises(
        StudyError, match=r"trial 0: a rung's result holds every objective; 'accuracy' is missing; got params"
    ):
        outlooks([Rung(without), last], 0, [99], ACCURACY, 0.95)
