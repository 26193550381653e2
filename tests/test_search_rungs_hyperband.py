"""Hyperband: brackets, and what each of them promotes."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rungs_plays import Play

from nasengine.errors import SpaceError
from nasengine.search import Rung, maximize, minimize
from nasengine.search.rungs import Hyperband, Promotion, SuccessiveHalving
from nasengine.space import spec_from_json

OBJECTIVES = (maximize("accuracy"), minimize("params"))


def score(number: int, rung: int) -> dict[str, float]:
    return {"accuracy": random.Random(number).random(), "params": random.Random(-number).random()}


def test_brackets_have_the_sizes_of_the_paper() -> None:
    """Li et al., 2018, table 1: R = 81, η = 3."""
    assert Hyperband(eta=3).sizes(5) == (81, 34, 15, 8, 5)
    assert Hyperband(eta=3).sizes(1) == (1,)
    assert Hyperband(eta=3).rung_epochs(81) == SuccessiveHalving(eta=3).rung_epochs(81) == (9, 27, 81)
    assert Hyperband(eta=3, min_epochs=1).rung_epochs(81) == (1, 3, 9, 27, 81)


@given(st.integers(2, 4), st.integers(1, 5))
def test_every_round_deals_each_bracket_its_share(eta: int, count: int) -> None:
    band = Hyperband(eta=eta)
    sizes = band.sizes(count)
    dealt = [band.bracket(number, count) for number in range(2 * sum(sizes))]
    assert Counter(dealt) == {b: 2 * size for b, size in enumerate(sizes)}
    for stop in range(1, len(dealt) + 1):  # evenly mixed: no bracket is ever far behind or ahead
        for b, size in enumerate(sizes):
            assert abs(dealt[:stop].count(b) - stop * size / sum(sizes)) < len(sizes)


def test_a_trial_is_not_compared_before_its_bracket_s_rung() -> None:
    band = Hyperband(eta=3)
    numbers = {b: [n for n in range(40) if band.bracket(n, 3) == b] for b in range(3)}
    found = {n: score(n, 0) for n in (*numbers[1][:2], *numbers[2][:1])}
    due = band.promote([Rung(found), Rung(), Rung()], OBJECTIVES, closing=False)
    assert sorted(p.number for p in due) == sorted(found)
    assert {p.rung for p in due} == {0}
    arrived = [Rung(found, promoted=found.keys()), Rung(found), Rung()]
    last = numbers[2][0]
    assert band.promote(arrived, OBJECTIVES, closing=False) == [Promotion(1, last)]


def test_a_bracket_is_compared_with_itself_alone() -> None:
    band = Hyperband(eta=3)
    own = [n for n in range(60) if band.bracket(n, 3) == 0][:6]
    others = [n for n in range(60) if band.bracket(n, 3) == 1][:6]
    found = {n: {"accuracy": 0.1 + n / 1000, "params": 1.0} for n in own}
    better = {n: {"accuracy": 0.9, "params": 1.0} for n in others}
    rungs = [Rung(found | better, promoted=set(others)), Rung(), Rung()]
    assert band.promote(rungs, OBJECTIVES, closing=False) == [Promotion(0, own[5]), Promotion(0, own[4])]


@pytest.mark.parametrize("synchronous", [False, True])
@pytest.mark.parametrize("workers", [1, 5])
def test_a_whole_study(synchronous: bool, workers: int) -> None:
    band = Hyperband(eta=3, synchronous=synchronous)
    seen = Play(band, OBJECTIVES, score, 3).go(4 * 17, workers=workers)
    part = [[sum(band.bracket(n, 3) == b for n in rung.results) for b in range(3)] for rung in seen]
    assert part[0] == [36, 20, 12]
    assert [part[1][1], part[1][2], part[2][2]] == [20, 12, 12]  # up to its own rung a bracket goes whole
    if synchronous:
        assert [part[1][0], part[2][0], part[2][1]] == [12, 4, 4]  # 9 → 3 → 1, and 5 → 1, in each of four rounds
    else:
        assert 36 // 3 <= part[1][0] <= 2 * 36 // 3
        assert part[2][0] >= 4
        assert part[2][1] >= 20 // 3


def test_a_synchronous_round_does_not_depend_on_the_order_of_arrival() -> None:
    plays = [Play(Hyperband(eta=3, synchronous=True), OBJECTIVES, score, 3) for _ in range(3)]
    ends = [
        set(play.go(34, workers=workers, seed=workers)[-1].results)
        for workers, play in zip((1, 4, 9), plays, strict=True)
    ]
    assert ends[0] == ends[1] == ends[2]


@given(st.sets(st.tuples(st.integers(0, 19), st.integers(0, 2))), st.integers(1, 4), st.booleans())
def test_failures_do_not_block_a_bracket(failing: set[tuple[int, int]], workers: int, synchronous: bool) -> None:
    play = Play(Hyperband(synchronous=synchronous), OBJECTIVES, score, 3, frozenset(failing))
    seen = play.go(20, workers=workers)
    assert set(seen[0].results) | set(seen[0].failed) == set(range(20))
    assert seen[-1].results or all(r.results.keys() <= r.promoted for r in seen if r.results)


def test_the_smallest_studies_end_with_a_fully_trained_trial() -> None:
    for synchronous in (False, True):
        for trials in range(1, 6):
            assert Play(Hyperband(synchronous=synchronous), OBJECTIVES, score, 3).go(trials)[-1].results


def test_it_is_on_record() -> None:
    band = Hyperband(eta=4, min_epochs=2, order="epsilon_net", synchronous=True)
    assert spec_from_json(band.to_json()) == band
    assert band.to_json()["type"] == "hyperband"
    with pytest.raises(SpaceError, match=r"hyperband.eta: a whole number from 2 on; got 1"):
        Hyperband(eta=1)
    with pytest.raises(SpaceError, match=r"hyperband.min_epochs: a whole number from 1 on; got 0"):
        Hyperband(min_epochs=0)
    with pytest.raises(SpaceError, match=r"hyperband.order: one of crowding, epsilon_net; got 'best'"):
        Hyperband(order="best")
    with pytest.raises(SpaceError, match=r"hyperband.synchronous: True or False is wanted; got 1"):
        Hyperband(synchronous=1)  # type: ignore[arg-type]
