"""Means, standard errors and places on the front under noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasengine.errors import StudyError
from nasengine.search.noise import estimates, front_probability

UP_DOWN = ["maximize", "minimize"]


def test_means_and_standard_errors_by_hand() -> None:
    found = estimates([[(1.0, 5.0), (3.0, 5.0)], [(4.0, 7.0)], [(0.0, 1.0), (0.0, 4.0), (3.0, 1.0)]])
    assert found.means.tolist() == [[2.0, 5.0], [4.0, 7.0], [1.0, 2.0]]
    assert found.freedom.tolist() == [1, 3, 2]
    pooled = math.sqrt((2.0 + 6.0) / 3)  # the one measured once takes the others' spread
    assert found.errors[:, 0] == pytest.approx([math.sqrt(2 / 2), pooled, math.sqrt(3 / 3)])
    assert found.errors[:, 1] == pytest.approx([0.0, math.sqrt(6 / 3), math.sqrt(3 / 3)])


def test_standard_errors_are_those_of_the_means() -> None:
    """4,000 candidates of 4 repeats with noise of 0.5: their means lie 0.25 about the truth. The mean of squared
    standard errors has a relative error of √(2 / 3 / 4,000) = 1.3 %; six of them fail once in 10^9 seeds."""
    repeats = 0.5 * np.random.default_rng(0).standard_normal((4_000, 4, 1))
    found = estimates(repeats)
    assert float((found.errors**2).mean()) == pytest.approx(0.25**2, rel=0.08)
    assert float(found.means.std()) == pytest.approx(0.25, rel=0.08)


def test_without_noise_the_front_is_certain() -> None:
    means = [(0.9, 2.0), (0.8, 1.0), (0.7, 3.0), (0.8, 1.0)]
    assert front_probability(means, np.zeros((4, 2)), UP_DOWN, draws=20).tolist() == [1.0, 1.0, 0.0, 1.0]


def test_the_probability_is_that_of_the_better_of_two() -> None:
    """p(a > b) for means 0.1 apart and errors of 0.1: Φ(0.1 / √0.02) = 0.7602. Of 4,000 draws the standard error is
    0.0068; six of them fail once in 10^9 seeds."""
    found = front_probability([(0.6,), (0.5,)], [(0.1,), (0.1,)], ["maximize"], draws=4_000)
    assert found == pytest.approx([0.7602, 0.2398], abs=0.041)
    assert found.sum() == pytest.approx(1.0)


def test_few_repeats_leave_more_doubt() -> None:
    means, errors = [(0.6,), (0.5,)], [(0.05,), (0.05,)]
    sure = front_probability(means, errors, ["maximize"], draws=4_000)
    unsure = front_probability(means, errors, ["maximize"], freedom=[1, 1], draws=4_000)
    # Φ(0.1 / (0.05 √2)) = 0.921; the sum of two Cauchy draws of 0.05 is below 0.1 in 3/4 of cases.
    assert sure[0] == pytest.approx(0.921, abs=0.026)
    assert unsure[0] == pytest.approx(0.75, abs=0.042)


def test_it_is_the_same_for_the_same_seed() -> None:
    means, errors = [(0.6, 1.0), (0.5, 0.5)], [(0.1, 0.0), (0.1, 0.0)]
    first, again, other = (front_probability(means, errors, UP_DOWN, draws=200, seed=s) for s in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    assert first[1] == 1.0  # the cheaper one is on the front, however good the dearer one is
    assert front_probability([], [], UP_DOWN).tolist() == []


def test_bad_input_says_so() -> None:
    with pytest.raises(
        StudyError, match=r"repeats: noise shows where a candidate was measured more than once; got one"
    ):
        estimates([[(1.0,)], [(2.0,)]])
    with pytest.raises(StudyError, match=r"repeats: at least one candidate, and the same objectives for all; got none"):
        estimates([])
    with pytest.raises(StudyError, match=r"same objectives for all; got \(1, 1\), \(1, 2\)"):
        estimates([[(1.0,)], [(2.0, 3.0)]])
    with pytest.raises(
        StudyError, match=r"repeats\[1\]: one row a measurement and one column an objective, \(R, M\); got shape"
    ):
        estimates([[(1.0,)], []])
    with pytest.raises(
        StudyError, match=r"repeats\[0\]: values are finite numbers; got nan; leave out repeats that failed"
    ):
        estimates([[(1.0,), (math.nan,)]])
    with pytest.raises(
        StudyError,
        match=r"errors: a finite standard error from 0 on for each mean, \(1, 2\); got shape \(1, 2\) and the least -1",
    ):
        front_probability([(0.5, 1.0)], [(-1.0, 0.0)], UP_DOWN)
    with pytest.raises(StudyError, match=r"errors: .*got shape \(1, 1\)"):
        front_probability([(0.5, 1.0)], [(1.0,)], UP_DOWN)
    with pytest.raises(StudyError, match=r"freedom: one number from 1 on for each candidate, \(1,\); got \[0\]"):
        front_probability([(0.5, 1.0)], [(1.0, 1.0)], UP_DOWN, freedom=[0])
