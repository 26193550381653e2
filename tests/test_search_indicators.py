"""Indicators of a front's quality, by hand and by their laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasengine.errors import StudyError
from nasengine.search import indicators
from nasengine.search.indicators import additive_epsilon, igd_plus, multiplicative_epsilon

Points = npt.NDArray[np.float64]
DOWN = ["minimize", "minimize"]
FRONT = [(1.0, 4.0), (2.0, 2.0), (4.0, 1.0)]
sets = st.integers(1, 4).flatmap(
    lambda m: st.tuples(*(arrays(float, (n, m), elements=st.integers(1, 6).map(float)) for n in (5, 4)))
)


def test_by_hand() -> None:
    points = [(2.0, 5.0), (3.0, 2.0)]
    # (1, 4): (2, 5) is 1 worse in both; (2, 2): (3, 2) is 1 worse in one; (4, 1): (3, 2) is 1 worse in one.
    assert additive_epsilon(points, FRONT, DOWN, scaled=False) == 1.0
    assert additive_epsilon(points, FRONT, DOWN) == pytest.approx(1 / 3)  # both ranges are 3
    assert multiplicative_epsilon(points, FRONT, DOWN) == pytest.approx(2.0)
    assert igd_plus(points, FRONT, DOWN, scaled=False) == pytest.approx((math.sqrt(2) + 1 + 1) / 3)
    assert igd_plus(points, FRONT, DOWN) == pytest.approx((math.sqrt(2) + 1 + 1) / 9)


def test_a_front_is_at_no_distance_from_itself() -> None:
    assert additive_epsilon(FRONT, FRONT, DOWN) == 0.0
    assert multiplicative_epsilon(FRONT, FRONT, DOWN) == pytest.approx(1.0)
    assert igd_plus(FRONT, FRONT, DOWN) == 0.0


def test_a_better_set_has_a_negative_epsilon() -> None:
    assert additive_epsilon([(0.5, 0.5)], FRONT, DOWN, scaled=False) == -0.5
    assert multiplicative_epsilon([(0.5, 0.5)], FRONT, DOWN) == pytest.approx(0.5)
    assert igd_plus([(0.5, 0.5)], FRONT, DOWN) == 0.0


def brute_additive(points: Points, front: Points) -> float:
    return float(max(min(max(a - r) for a in points) for r in front))


@given(sets)
def test_epsilon_agrees_with_the_definition(pair: tuple[Points, Points]) -> None:
    points, front = pair
    down = ["minimize"] * points.shape[1]
    assert additive_epsilon(points, front, down, scaled=False) == brute_additive(points, front)
    ratio = max(min(max(a / r) for a in points) for r in front)
    assert multiplicative_epsilon(points, front, down) == pytest.approx(ratio)


@given(sets)
def test_directions_only_turn_signs(pair: tuple[Points, Points]) -> None:
    points, front = pair
    down, up = ["minimize"] * points.shape[1], ["maximize"] * points.shape[1]
    for indicator in (additive_epsilon, igd_plus):
        assert indicator(-points, -front, up) == pytest.approx(indicator(points, front, down))
    assert multiplicative_epsilon(1 / points, 1 / front, up) == pytest.approx(
        multiplicative_epsilon(points, front, down)
    )


@given(sets, st.integers(0, 4))
def test_a_set_that_covers_another_is_never_worse(pair: tuple[Points, Points], kept: int) -> None:
    """The law that GD and IGD break."""
    points, front = pair
    down = ["minimize"] * points.shape[1]
    poorer = points[kept:][:1] + 1.0
    for indicator in (additive_epsilon, multiplicative_epsilon, igd_plus):
        assert indicator(points, front, down) <= indicator(poorer, front, down) + 1e-12


@given(sets, st.sampled_from([0.25, 1024.0]))
def test_units_do_not_matter_when_scaled(pair: tuple[Points, Points], factor: float) -> None:
    points, front = pair
    down, units = ["minimize"] * points.shape[1], np.array([factor, *[1.0] * (points.shape[1] - 1)])
    for indicator in (additive_epsilon, igd_plus, multiplicative_epsilon):
        assert indicator(points * units, front * units, down) == pytest.approx(indicator(points, front, down))


def test_large_sets_are_compared_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points, front = rng.random((30, 3)), rng.random((40, 3))
    down = ["minimize"] * 3
    whole = [f(points, front, down) for f in (additive_epsilon, igd_plus)]
    monkeypatch.setattr(indicators, "_CELLS", 100)
    assert [f(points, front, down) for f in (additive_epsilon, igd_plus)] == whole


def test_bad_sets_say_so() -> None:
    for indicator, (points, front, place) in itertools.product(
        (additive_epsilon, igd_plus, multiplicative_epsilon), (([], FRONT, "points"), (FRONT, [], "front"))
    ):
        with pytest.raises(
            StudyError, match=rf"{place}: an indicator compares at least one point with at least one; got none"
        ):
            indicator(points, front, DOWN)
    with pytest.raises(StudyError, match=r"values are finite numbers; got nan"):
        igd_plus([(math.nan, 1.0)], FRONT, DOWN)
    with pytest.raises(
        StudyError,
        match=r"multiplicative_epsilon: points hold numbers above zero, since they are divided; got -1.0; use additive",
    ):
        multiplicative_epsilon([(-1.0, 1.0)], FRONT, DOWN)
