"""Cohorts: synchronous successive halving, whatever the order of arrival."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rungs_plays import Play

from nasengine.search import Promotion, Rung, SuccessiveHalving, maximize, minimize

OBJECTIVES = (minimize("params"), maximize("accuracy"))


def by_number(number: int, rung: int) -> dict[str, float]:
    return {"accuracy": ((number * 37) % 81) / 81, "params": 1.0}


def test_a_cohort_goes_on_when_all_of_it_has_finished() -> None:
    halving = SuccessiveHalving(eta=3, cohort=3)
    found = {n: {"accuracy": n / 10, "params": 1.0} for n in range(6)}
    two = {n: found[n] for n in (0, 1)}
    assert halving.promote([Rung(two, running={2}), Rung()], OBJECTIVES, closing=False) == []
    assert halving.promote([Rung(two, failed={2}), Rung()], OBJECTIVES, closing=False) == [Promotion(0, 1)]
    six = Rung(found)
    assert halving.promote([six, Rung()], OBJECTIVES, closing=False) == [Promotion(0, 2), Promotion(0, 5)]
    late = Rung({n: found[n] for n in (0, 1, 3, 4, 5)}, running={2})
    assert halving.promote([late, Rung()], OBJECTIVES, closing=False) == [Promotion(0, 5)]


def test_the_next_rung_is_compared_when_all_that_were_sent_there_arrived() -> None:
    halving = SuccessiveHalving(eta=2, cohort=8)
    found = {n: {"accuracy": n / 10, "params": 1.0} for n in range(8)}
    first = Rung(found, promoted={7})
    arrived = Rung({7: found[7]})
    waits = [Promotion(0, 6), Promotion(0, 5), Promotion(0, 4)]
    assert halving.promote([first, arrived, Rung()], OBJECTIVES, closing=False) == waits
    first = Rung(found, promoted={4, 5, 6, 7})
    assert halving.promote([first, arrived, Rung()], OBJECTIVES, closing=False) == []
    arrived = Rung({n: found[n] for n in (4, 6, 7)}, failed={5})
    assert halving.promote([first, arrived, Rung()], OBJECTIVES, closing=False) == [Promotion(1, 7)]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_cohorts_do_not_depend_on_the_order_of_arrival(workers: int, seed: int) -> None:
    """Of each 27 the best 9, of them the best 3, of them the best one: whoever comes first."""
    play = Play(SuccessiveHalving(eta=3, cohort=27), OBJECTIVES, by_number, 4)
    seen = play.go(81, workers=workers, seed=seed)
    assert [len(r.results) for r in seen] == [81, 27, 9, 3]
    best = {max(range(i, i + 27), key=lambda n: by_number(n, 0)["accuracy"]) for i in (0, 27, 54)}
    assert set(seen[-1].results) == best


@settings(max_examples=60)
@given(
    st.sets(st.tuples(st.integers(0, 17), st.integers(0, 2))), st.integers(1, 4), st.integers(3, 9), st.integers(0, 9)
)
def test_failures_do_not_block_a_cohort(failing: set[tuple[int, int]], workers: int, cohort: int, seed: int) -> None:
    play = Play(SuccessiveHalving(eta=3, cohort=cohort), OBJECTIVES, by_number, 3, frozenset(failing))
    seen = play.go(18, workers=workers, seed=seed)
    assert set(seen[0].results) | set(seen[0].failed) == set(range(18))
    reached = [r for r in seen if r.results]
    assert seen[-1].results or all(r.results.keys() <= r.promoted for r in reached)


@pytest.mark.parametrize("cohort", [None, 9])
def test_a_study_that_continues_goes_on_from_where_it_ended(cohort: int | None) -> None:
    play = Play(SuccessiveHalving(eta=3, cohort=cohort), OBJECTIVES, by_number, 3)
    assert play.go(14, workers=2)[-1].results
    seen = play.go(40, first=14, workers=2)
    assert len(seen[0].results) == 40
    assert len(seen[-1].results) >= 4
