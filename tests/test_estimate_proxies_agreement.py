"""Scores of several proxies, and how they agree with what training found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasengine.errors import StudyError
from nasengine.estimate import COMBINED, PROXIES, agreement, combine
from nasengine.estimate.proxies.agreement import kendall, spearman

A, B, C = {"a": 1.0, "b": 30.0}, {"a": 2.0, "b": 20.0}, {"a": 3.0, "b": 10.0}


def test_ranks_are_added_as_logarithms() -> None:
    assert combine([A, B, C], ("a",), ()) == pytest.approx([math.log(1 / 3), math.log(2 / 3), 0.0])
    both = combine([A, B, C], ("a", "b"), ())
    assert both == pytest.approx([math.log(1 / 3), 2 * math.log(2 / 3), math.log(1 / 3)])
    assert max(both) == both[1]  # middling by both beats best by one and worst by the other


def test_only_ranks_count_and_ties_share_theirs() -> None:
    assert combine([A, {"a": 2.5}, C], ("a",), ()) == combine([A, {"a": 2.9}, C], ("a",), ())
    assert combine([A, A, C], ("a",), ()) == pytest.approx([math.log(1.5 / 3)] * 2 + [0.0])


def test_what_is_not_defined_ranks_worst() -> None:
    assert combine([{"a": math.nan}, A, C], ("a",), ()) == pytest.approx([math.log(1 / 3), math.log(2 / 3), 0.0])
    assert combine([], (), ()) == []


def test_a_reading_that_lacks_a_proxy_is_refused() -> None:
    with pytest.raises(StudyError, match=r"combine: every reading holds 'b'; got a, b; read it too"):
        combine([A, {"a": 1.0}], ("a",), ("b",))


def test_voices_decide_among_those_to_which_none_objects() -> None:
    """Of 20 networks, one place by the objector weighs 0.05 at the top and 0.7 at the bottom; a whole turn of the voice
    0.3."""
    readings = [{"a": float(i), "v": float(-i)} for i in range(20)]
    found = combine(readings, ("a",), ("v",), voice=0.3)
    assert found == pytest.approx([math.log((i + 1) / 20) + 0.3 * (20 - i) / 20 for i in range(20)])
    assert min(found) == found[0]  # the last by the objector stays last, with the best voice of all
    assert combine([*readings[:18], {"a": 18.0, "v": 9.0}, {"a": 19.0, "v": -99.0}], ("a",), ("v",), voice=0.3)[
        18:
    ] == (
        pytest.approx([math.log(19 / 20) + 0.3, 0.3 / 20])  # the second by the objector is before the first
    )


def test_what_is_combined_are_proxies() -> None:
    assert set(COMBINED) <= set(PROXIES)


def test_agreement_of_equal_opposite_and_unrelated_order() -> None:
    results = [0.1, 0.4, 0.2, 0.9, 0.7, 0.3]
    same = agreement("same", [10 * r for r in results], results)
    assert (same.count, same.spearman.value, same.kendall.value) == (6, pytest.approx(1), pytest.approx(1))
    assert same.spearman.low == pytest.approx(1)
    opposite = agreement("opposite", [-r for r in results], results)
    assert opposite.kendall.value == pytest.approx(-1)
    swapped = [0.1, 0.3, 0.2, 0.9, 0.7, 0.4]
    assert kendall(np.array(swapped), np.array(results)) == pytest.approx(13 / 15)
    assert spearman(np.array(swapped), np.array(results)) == pytest.approx(1 - 6 * 2 / (6 * 35))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """100 draws of 40 pairs of correlation 0.6, whose Spearman is 6/π asin(0.3). An interval that holds it in 95 % of
    draws does so in fewer than 84 with odds of 1 in 10,000; percentile intervals fall short by a few per cent."""
    truth, held = 6 / math.pi * math.asin(0.3), 0
    for seed in range(100):
        x, noise = np.random.default_rng(seed).normal(size=(2, 40))
        found = agreement("x", x, 0.6 * x + 0.8 * noise, resamples=200, seed=seed).spearman
        held += found.low <= truth <= found.high
    assert 84 <= held < 100


def test_what_cannot_be_compared_is_nan() -> None:
    few = agreement("few", [1.0, math.nan, 3.0], [1.0, 2.0, 3.0])
    assert few.count == 2
    assert all(math.isnan(v) for v in (few.spearman.value, few.spearman.low, few.kendall.value, few.kendall.high))
    constant = agreement("constant", [1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert constant.count == 5
    assert math.isnan(constant.spearman.value)
    assert math.isnan(agreement("none", [], []).kendall.value)


def test_the_same_seed_gives_the_same_interval() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    assert agreement("x", x, y, seed=1) == agreement("x", x, y, seed=1)
    assert agreement("x", x, y, seed=1).spearman.low != agreement("x", x, y, seed=2).spearman.low
