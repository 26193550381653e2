from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rungs_plays import Play

from nasengine.errors import SpaceError, StudyError
from nasengine.search import FullTraining, Promotion, Rung, Rungs, SuccessiveHalving, maximize, minimize, pareto
from nasengine.search.rungs import ORDERINGS, FixedRungs, last_promotion, order, promotable
from nasengine.space import spec_from_json

OBJECTIVES = (minimize("params"), maximize("accuracy"))
Results = dict[int, dict[str, float]]

# Multiples of 1/16: exact under the powers of two that the scale test uses.
sixteenths = st.integers(0, 64).map(lambda v: v / 16)
values = st.fixed_dictionaries({"accuracy": sixteenths, "params": sixteenths})
results = st.dictionaries(st.integers(0, 200), values, max_size=40)


@pytest.mark.parametrize(
    ("total", "eta", "least", "ends"),
    [
        (27, 3, 3, (3, 9, 27)),
        (27, 3, None, (3, 9, 27)),
        (30, 3, 3, (3, 9, 30)),
        (10, 3, None, (1, 3, 10)),
        (20, 3, 50, (20,)),
        (1, 3, None, (1,)),
        (16, 2, 1, (1, 2, 4, 8, 16)),
    ],
)
def test_rung_ends(total: int, eta: int, least: int | None, ends: tuple[int, ...]) -> None:
    assert SuccessiveHalving(eta=eta, min_epochs=least).rung_epochs(total) == ends
    assert FullTraining().rung_epochs(total) == (total,)


@given(st.integers(1, 2_000), st.integers(2, 6), st.none() | st.integers(1, 300))
def test_rung_ends_rise_to_the_total(total: int, eta: int, least: int | None) -> None:
    ends = SuccessiveHalving(eta=eta, min_epochs=least).rung_epochs(total)
    assert ends[-1] == total
    assert all(b >= a * eta for a, b in itertools.pairwise(ends))
    assert least is None or ends[0] >= min(least, total)


def test_rungs_are_specs() -> None:
    for rungs in (SuccessiveHalving(eta=4, min_epochs=2), FullTraining()):
        assert spec_from_json(rungs.to_json()) == rungs


def test_bad_rungs_say_so() -> None:
    with pytest.raises(SpaceError, match=r"successive_halving.eta: a whole number from 2 on; got 1"):
        SuccessiveHalving(eta=1)
    with pytest.raises(SpaceError, match=r"successive_halving.min_epochs: a whole number from 1 on; got 0"):
        SuccessiveHalving(min_epochs=0)
    with pytest.raises(SpaceError, match=r"epochs: a whole number from 1 on; got 0"):
        FullTraining().rung_epochs(0)


def test_a_result_without_an_objective_says_so() -> None:
    with pytest.raises(
        StudyError, match=r"trial 3: a rung's result holds every objective; 'accuracy' is missing; got params"
    ):
        order({3: {"params": 1.0}}, OBJECTIVES)
    with pytest.raises(StudyError, match=r"values are finite numbers; got nan"):
        order({3: {"params": 1.0, "accuracy": float("nan")}}, OBJECTIVES)


@given(results, st.sets(st.integers(0, 200)), st.integers(2, 5))
def test_promotions_are_new_and_no_more_than_the_share(found: Results, promoted: set[int], eta: int) -> None:
    chosen = promotable(found, promoted, eta, OBJECTIVES)
    assert not set(chosen) & promoted
    assert len(set(chosen)) == len(chosen) <= len(found) // eta
    assert set(chosen) <= set(found)
    assert promotable(found, promoted | set(chosen), eta, OBJECTIVES) == []


@given(results, st.integers(2, 5))
def test_the_best_trial_can_always_go_on(found: Results, eta: int) -> None:
    """The best accuracy, and of equals the one with the fewest parameters, is promoted as soon as one may
    be."""
    if len(found) >= eta:
        best = min(found, key=lambda n: (-found[n]["accuracy"], found[n]["params"], n))
        assert promotable(found, set(), eta, OBJECTIVES)[0] == best


@given(results, st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([0.5, 4.0]))
def test_units_do_not_matter(found: Results, a: float, b: float) -> None:
    scaled = {n: {"accuracy": v["accuracy"] * a, "params": v["params"] * b} for n, v in found.items()}
    assert order(scaled, OBJECTIVES) == order(found, OBJECTIVES)


@given(results)
def test_the_order_of_arrival_does_not_matter(found: Results) -> None:
    assert order(dict(reversed(found.items())), OBJECTIVES) == order(found, OBJECTIVES)


def test_one_objective_is_plain_successive_halving() -> None:
    found = {n: {"accuracy": s} for n, s in enumerate((0.1, 0.9, 0.5, 0.7, 0.3, 0.2))}
    assert promotable(found, set(), 3, [maximize("accuracy")]) == [1, 3]
    assert promotable(found, {1}, 3, [maximize("accuracy")]) == [3]


def test_higher_rungs_come_first() -> None:
    rung = Rung({n: {"accuracy": n / 10, "params": 1.0} for n in range(3)})
    top = Rung()
    assert SuccessiveHalving().promote([rung, rung, top], OBJECTIVES, closing=False) == [
        Promotion(1, 2),
        Promotion(0, 2),
    ]


def test_nothing_is_promoted_from_the_last_rung() -> None:
    full = Rung({n: {"accuracy": n / 10, "params": 1.0} for n in range(9)})
    assert FullTraining().promote([full], OBJECTIVES, closing=True) == []
    assert SuccessiveHalving().promote([full], OBJECTIVES, closing=True) == []


def test_a_study_that_ends_early_still_trains_its_best_trial() -> None:
    two = Rung({0: {"accuracy": 0.5, "params": 1.0}, 1: {"accuracy": 0.6, "params": 1.0}})
    halving = SuccessiveHalving()
    assert halving.promote([two, Rung(), Rung()], OBJECTIVES, closing=False) == []
    assert halving.promote([two, Rung(), Rung()], OBJECTIVES, closing=True) == [Promotion(0, 1)]


def test_a_promoted_trial_that_failed_gives_its_place_to_the_next() -> None:
    two = Rung({0: {"accuracy": 0.5, "params": 1.0}, 1: {"accuracy": 0.6, "params": 1.0}}, promoted={1})
    assert last_promotion([two, Rung()], OBJECTIVES) == [Promotion(0, 0)]
    both = Rung(two.results, promoted={0, 1})
    assert last_promotion([both, Rung()], OBJECTIVES) == []
    assert last_promotion([two, Rung({5: two.results[0]})], OBJECTIVES) == []


def play(scores: dict[int, dict[str, float]], failing: set[int], rungs: int) -> list[Rung]:
    """A whole study on one worker: a promotion where one is due, else the next trial."""
    halving, waiting = SuccessiveHalving(eta=3), sorted(scores)
    state = [(dict[int, dict[str, float]](), set[int]()) for _ in range(rungs)]
    for _ in range(10 * len(scores) + 10):
        seen = [Rung(dict(r), frozenset(p)) for r, p in state]
        due = halving.promote(seen, OBJECTIVES, closing=not waiting)
        if due:
            state[due[0].rung][1].add(due[0].number)
            if due[0].number not in failing:
                state[due[0].rung + 1][0][due[0].number] = scores[due[0].number]
        elif waiting:
            number = waiting.pop(0)
            state[0][0][number] = scores[number]
        else:
            return seen
    raise AssertionError("the study did not end")


@given(st.dictionaries(st.integers(0, 60), values, min_size=1, max_size=30), st.integers(1, 4), st.data())
def test_every_study_ends_with_a_fully_trained_trial(scores: Results, rungs: int, data: st.DataObject) -> None:
    failing = data.draw(st.sets(st.sampled_from(sorted(scores)), max_size=len(scores) - 1))
    seen = play(scores, failing, rungs)
    assert seen[-1].results
    for lower, upper in itertools.pairwise(seen):
        assert set(upper.results) <= set(lower.results) & set(lower.promoted)


def test_a_study_spends_few_epochs_on_poor_trials() -> None:
    scores = {n: {"accuracy": ((n * 37) % 81) / 81, "params": 1.0} for n in range(81)}
    counts = [len(r.results) for r in play(scores, set(), 4)]
    assert counts[0] == 81
    # ASHA may promote more than 1/eta (an early leader can be overtaken); here not twice as many.
    assert all(n <= 2 * 81 / 3**k for k, n in enumerate(counts))


# --- what is on record ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "meant"),
    [
        ({"type": "successive_halving", "eta": 3, "min_epochs": None}, SuccessiveHalving()),
        ({"type": "successive_halving", "eta": 2, "min_epochs": 5}, SuccessiveHalving(2, 5)),
        ({"type": "full_training"}, FullTraining()),
    ],
)
def test_records_of_the_first_version_mean_what_they_meant(recorded: dict[str, object], meant: Rungs) -> None:
    loaded = spec_from_json(recorded)
    assert loaded == meant
    assert isinstance(loaded, SuccessiveHalving | FullTraining)
    if isinstance(loaded, SuccessiveHalving):
        assert (loaded.order, loaded.cohort) == ("crowding", None)
        assert loaded.to_json().items() >= recorded.items()


@given(results, st.integers(2, 5))
def test_the_asynchronous_order_is_that_of_the_first_version(found: Results, eta: int) -> None:
    """The best ⌊n/eta⌋ by front, crowding distance and the objective that training decides."""
    numbers = sorted(found)
    rows = [[-found[n]["accuracy"], found[n]["params"]] for n in numbers]
    ordered = [numbers[i] for i in pareto.ordering(rows, ["minimize", "minimize"])]
    assert promotable(found, set(), eta, OBJECTIVES) == ordered[: len(found) // eta]


# --- orders ----------------------------------------------------------------------------------------------------------


@given(results, st.sampled_from(sorted(ORDERINGS)))
def test_every_order_is_by_front_first(found: Results, by: str) -> None:
    ordered = order(found, OBJECTIVES, by)
    assert sorted(ordered) == sorted(found)
    rows = [[found[n]["accuracy"], found[n]["params"]] for n in ordered]
    rank = pareto.ranks(rows, ["maximize", "minimize"]).tolist()
    assert rank == sorted(rank)


@given(results, st.integers(0, 40), st.sampled_from(sorted(ORDERINGS)))
def test_the_first_few_are_the_first_of_all(found: Results, count: int, by: str) -> None:
    assert order(found, OBJECTIVES, by, count) == order(found, OBJECTIVES, by)[:count]


def test_an_epsilon_net_goes_on_with_both_ends_and_the_middle() -> None:
    scores = [(0.90, 10.0), (0.89, 9.9), (0.70, 5.0), (0.69, 4.9), (0.50, 1.0)]
    found = {n: {"accuracy": a, "params": p} for n, (a, p) in enumerate(scores)}
    assert order(found, OBJECTIVES, "epsilon_net")[:3] == [0, 4, 2]
    halving = SuccessiveHalving(eta=2, order="epsilon_net")
    assert halving.promote([Rung(found), Rung()], OBJECTIVES, closing=False) == [Promotion(0, 0), Promotion(0, 4)]


@pytest.mark.parametrize("by", sorted(ORDERINGS))
@pytest.mark.parametrize("count", range(1, 6))
def test_one_to_five_objectives(count: int, by: str) -> None:
    rng = random.Random(count)
    objectives = [maximize("accuracy"), *(minimize(n) for n in ("params", "macs", "latency_ms", "model_bytes"))][:count]
    found = {n: {o.name: rng.random() for o in objectives} for n in range(60)}
    chosen = promotable(found, set(), 3, objectives, by)
    best = max(found, key=lambda n: found[n]["accuracy"])
    assert chosen[0] == best
    assert len(set(chosen)) == 20
    rank = pareto.ranks([[v[o.name] for o in objectives] for v in found.values()], [o.direction for o in objectives])
    assert max(rank[chosen]) <= min(rank[[n for n in found if n not in chosen]])


def test_thousands_of_trials_are_ordered_in_a_moment() -> None:
    """The least of five times: due promotions are asked for after each rung of each trial."""
    rng = random.Random(0)
    found = {n: {"accuracy": rng.random(), "params": rng.random(), "latency_ms": rng.random()} for n in range(3_000)}
    objectives = (*OBJECTIVES, minimize("latency_ms"))
    for by in ORDERINGS:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            assert len(promotable(found, set(), 3, objectives, by)) == 1_000
            times.append(time.perf_counter() - start)
        assert min(times) < 0.5


# --- rungs without a comparison --------------------------------------------------------------------------------------


def by_number(number: int, rung: int) -> dict[str, float]:
    return {"accuracy": ((number * 37) % 81) / 81, "params": 1.0}


def test_fixed_rungs_send_everyone_on() -> None:
    play = Play(FixedRungs((2, 6)), OBJECTIVES, by_number, 3)
    seen = play.go(7, workers=3)
    assert [len(r.results) for r in seen] == [7, 7, 7]
    assert play.epochs((2, 6, 20)) == 7 * 20
    assert FixedRungs((2, 6)).rung_epochs(20) == (2, 6, 20)
    assert FixedRungs((2, 6)).rung_epochs(6) == (2, 6)
    assert FixedRungs((2, 6)).rung_epochs(1) == (1,)
    assert spec_from_json(FixedRungs((2, 6)).to_json()) == FixedRungs((2, 6))


def test_bad_fields_say_so() -> None:
    with pytest.raises(SpaceError, match=r"successive_halving.order: one of crowding, epsilon_net; got 'best'"):
        SuccessiveHalving(order="best")
    with pytest.raises(SpaceError, match=r"successive_halving.cohort: a whole number from 1 on; got 2.5"):
        SuccessiveHalving(cohort=2.5)  # type: ignore[arg-type]
    with pytest.raises(
        SpaceError, match=r"cohort: at least eta trials, of which one goes on; got 2 with eta 3; for three rungs take 9"
    ):
        SuccessiveHalving(cohort=2)
    for ends in ((), (5, 5), 5):
        with pytest.raises(SpaceError, match=r"fixed_rungs.ends: at least one, each later than the one before; got"):
            FixedRungs(ends)  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match=r"fixed_rungs.ends: a whole number from 1 on; got 0"):
        FixedRungs((0, 5))
