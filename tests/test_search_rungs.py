from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasengine.errors import SpaceError, StudyError
from nasengine.search import FullTraining, Promotion, Rung, SuccessiveHalving, maximize, minimize
from nasengine.search.rungs import last_promotion, order, promotable
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
