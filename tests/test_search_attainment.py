"""Attainment over seeds, and summaries over seeds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nasengine.errors import StudyError
from nasengine.search.attainment import attained, attainment_surface, indicator_over_seeds, over_seeds
from nasengine.search.pareto import hypervolume, non_dominated

Points = npt.NDArray[np.float64]
DOWN = ["minimize", "minimize"]
run = st.integers(0, 6).flatmap(lambda n: arrays(float, (n, 2), elements=st.integers(0, 5).map(float)))
runs = st.lists(run, min_size=1, max_size=6)


def test_by_hand() -> None:
    found = [[(1.0, 3.0)], [(2.0, 2.0)], [(3.0, 1.0), (1.0, 4.0)]]
    assert attainment_surface(found, DOWN, 1 / 3).tolist() == [[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]
    assert attainment_surface(found, DOWN).tolist() == [[1.0, 4.0], [2.0, 3.0], [3.0, 2.0]]
    assert attainment_surface(found, DOWN, 1.0).tolist() == [[2.0, 4.0], [3.0, 3.0]]


def test_in_the_objectives_own_signs() -> None:
    found = [[(0.9, 10.0), (0.8, 5.0)], [(0.85, 7.0)]]
    ways = ["maximize", "minimize"]
    assert attainment_surface(found, ways, 1.0).tolist() == [[0.85, 10.0], [0.8, 7.0]]
    assert attained([(0.85, 10.0), (0.8, 5.0), (0.95, 99.0)], found, ways).tolist() == [1.0, 0.5, 0.0]


@given(runs, st.integers(1, 6))
def test_the_surface_is_the_front_of_what_enough_runs_attain(found: list[Points], needed: int) -> None:
    needed = min(needed, len(found))
    grid = np.array([(x, y) for x in range(6) for y in range(6)], dtype=float)
    enough = grid[attained(grid, found, DOWN) >= needed / len(found) - 1e-9]
    expected = enough[non_dominated(enough, DOWN)] if len(enough) else enough
    surface = attainment_surface(found, DOWN, needed / len(found))
    assert surface.tolist() == sorted(expected.tolist())


def test_runs_without_points_attain_nothing() -> None:
    assert attainment_surface([[], []], DOWN).tolist() == []
    assert attainment_surface([[], [(1.0, 1.0)]], DOWN, 1.0).tolist() == []
    assert attained([(1.0, 1.0)], [[], [(1.0, 1.0)]], DOWN).tolist() == [0.5]


def test_summary_by_hand() -> None:
    summary = over_seeds([0.9, 0.7, 0.8, 1.0], direction="maximize")
    assert (summary.runs, summary.worst, summary.level) == (4, 0.7, 0.95)
    assert (summary.mean, summary.median) == pytest.approx((0.85, 0.85))
    assert over_seeds([0.9, 0.7], direction="minimize").worst == 0.9
    assert summary == over_seeds([0.9, 0.7, 0.8, 1.0], direction="maximize")
    alone = over_seeds([0.5], direction="minimize")
    assert alone.low == alone.high == alone.mean == 0.5


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    """200 studies of 30 runs: the share of intervals with the true mean, 0.5, is binomial around 0.93 (the percentile
    bootstrap of 30 is a little narrow); six standard errors of it are 0.11: a right interval fails once in 10^9."""
    rng = np.random.default_rng(0)
    summaries = [over_seeds(rng.random(30).tolist(), direction="maximize", draws=400, seed=i) for i in range(200)]
    inside = sum(s.low <= 0.5 <= s.high for s in summaries) / len(summaries)
    assert inside > 0.93 - 0.11
    narrow = over_seeds(rng.random(30).tolist(), direction="maximize", level=0.5)
    wide = over_seeds(rng.random(30).tolist(), direction="maximize", level=0.99)
    assert 0 < narrow.high - narrow.low < wide.high - wide.low < 1


def test_any_indicator_over_seeds() -> None:
    found = [[(1.0, 2.0)], [(2.0, 2.0)], [(2.0, 1.0), (1.0, 2.0)]]
    summary = indicator_over_seeds(found, lambda p: hypervolume(p, DOWN, [3.0, 3.0]), direction="maximize")
    assert (summary.worst, summary.median, summary.mean) == pytest.approx((1.0, 2.0, 2.0))


def test_bad_input_says_so() -> None:
    with pytest.raises(StudyError, match=r"a surface is drawn for two objectives; got 3; use attained\(\)"):
        attainment_surface([[(1.0, 1.0, 1.0)]], ["minimize"] * 3)
    with pytest.raises(StudyError, match=r"share: above 0 and up to 1, 0.5 for the median surface; got 0"):
        attainment_surface([[(1.0, 1.0)]], DOWN, 0)
    with pytest.raises(StudyError, match=r"runs: at least one run is needed to say what is attained; got none"):
        attained([(1.0, 1.0)], [], DOWN)
    with pytest.raises(StudyError, match=r"over_seeds: a summary needs the value of at least one run; got none"):
        over_seeds([], direction="minimize")
    with pytest.raises(StudyError, match=r"level: between 0 and 1, 0.95 as a rule; got 95"):
        over_seeds([1.0], direction="minimize", level=95)
    with pytest.raises(StudyError, match=r"values are finite numbers; got nan"):
        over_seeds([1.0, math.nan], direction="minimize")
