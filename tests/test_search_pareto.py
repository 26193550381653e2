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
from nasengine.search import pareto

# Few distinct values, so that ties and equal points are common.
small = st.integers(1, 5).flatmap(
    lambda m: st.integers(0, 25).flatmap(lambda n: arrays(float, (n, m), elements=st.integers(0, 4).map(float)))
)
Points = npt.NDArray[np.float64]


def dominates(a: Points, b: Points) -> bool:
    return bool((a <= b).all() and (a < b).any())


def brute_ranks(points: Points) -> list[int]:
    found, left, rank = [-1] * len(points), set(range(len(points))), 0
    while left:
        front = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in front:
            found[i] = rank
        left, rank = left - front, rank + 1
    return found


def brute_hypervolume(points: Points, reference: Points) -> float:
    """Count the cells of the grid that the coordinates themselves span."""
    axes = [np.unique(np.append(points[:, k], reference[k])) for k in range(points.shape[1])]
    total = 0.0
    for corner in itertools.product(*(range(len(a) - 1) for a in axes)):
        low = np.array([a[i] for a, i in zip(axes, corner, strict=True)])
        high = np.array([a[i + 1] for a, i in zip(axes, corner, strict=True)])
        if (high <= reference).all() and any((p <= low).all() for p in points):
            total += float(np.prod(high - low))
    return total


def down(points: Points) -> list[str]:
    return ["minimize"] * points.shape[1]


@given(small)
def test_ranks_agree_with_the_definition(points: Points) -> None:
    expected = brute_ranks(points)
    assert pareto.ranks(points, down(points)).tolist() == expected
    assert pareto.non_dominated(points, down(points)).tolist() == [r == 0 for r in expected]


@given(small)
def test_directions_only_turn_signs(points: Points) -> None:
    up = ["maximize"] * points.shape[1]
    assert pareto.ranks(-points, up).tolist() == pareto.ranks(points, down(points)).tolist()
    assert pareto.ordering(-points, up).tolist() == pareto.ordering(points, down(points)).tolist()


@given(small, st.integers(1, 5))
def test_hypervolume_agrees_with_a_grid(points: Points, corner: int) -> None:
    points = points[:, :4][:10]
    reference = np.full(points.shape[1], float(corner))
    got = pareto.hypervolume(points, down(points), reference.tolist())
    assert got == pytest.approx(brute_hypervolume(points, reference))


def test_hypervolume_of_five_objectives_agrees_with_monte_carlo() -> None:
    rng = np.random.default_rng(0)
    points, samples = rng.random((30, 5)), rng.random((400_000, 5))
    hit = np.zeros(len(samples), dtype=bool)
    for point in points:
        hit |= (samples >= point).all(axis=1)
    share = float(hit.mean())
    # Six standard errors of a proportion: a right value fails about twice in 10^9 seeds (the seed is fixed).
    error = 6 * math.sqrt(share * (1 - share) / len(samples))
    assert pareto.hypervolume(points, down(points), [1.0] * 5) == pytest.approx(share, abs=error)


def test_hypervolume_in_the_objectives_own_signs() -> None:
    points, directions = [(0.9, 10.0), (0.8, 5.0), (0.7, 20.0)], ["maximize", "minimize"]
    assert pareto.hypervolume(points, directions, [0.5, 20.0]) == pytest.approx(0.4 * 10 + 0.3 * 5)
    assert pareto.hypervolume([], directions, [0.5, 20.0]) == 0.0


def test_hypervolume_grows_with_a_new_member_of_the_front() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((40, 3))
    volumes = [pareto.hypervolume(points[:k], down(points), [1.1] * 3) for k in range(1, 41)]
    assert all(b >= a for a, b in itertools.pairwise(volumes))


def test_crowding_by_hand() -> None:
    points = [(0.0, 4.0), (1.0, 2.0), (4.0, 0.0), (3.0, 1.0)]
    expected = [math.inf, 3 / 4 + 3 / 4, math.inf, 3 / 4 + 2 / 4]
    assert pareto.crowding(points, ["minimize", "minimize"]).tolist() == expected
    assert pareto.crowding([(1.0, 1.0)] * 3, ["minimize", "minimize"]).tolist() == [0.0] * 3


def test_ordering_puts_the_best_of_the_first_objective_first() -> None:
    points = [(0.5, 1.0), (0.9, 9.0), (0.7, 4.0), (0.4, 9.0)]
    assert pareto.ordering(points, ["maximize", "minimize"]).tolist() == [1, 0, 2, 3]


def test_knee_is_where_the_front_bends() -> None:
    front = [(0.0, 10.0), (1.0, 2.0), (5.0, 1.0), (10.0, 0.0), (9.0, 9.0)]
    assert pareto.knee(front, ["minimize", "minimize"]) == 1
    assert pareto.knee([(x * 1e6, y * 1e-3) for x, y in front], ["minimize", "minimize"]) == 1
    assert pareto.knee([(0.9, 1.0)], ["maximize", "minimize"]) == 0
    assert pareto.knee([(0.2,), (0.9,)], ["maximize"]) == 1
    cube = [(0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.3, 0.3, 0.3), (0.5, 0.5, 0.2)]
    assert pareto.knee(cube, ["minimize"] * 3) == 3


@given(small)
def test_knee_is_a_member_of_the_front(points: Points) -> None:
    if len(points):
        assert pareto.non_dominated(points, down(points))[pareto.knee(points, down(points))]


def test_the_reference_point_is_a_tenth_of_the_range_beyond_the_worst() -> None:
    points, directions = [(0.9, 10.0), (0.8, 20.0)], ["maximize", "minimize"]
    assert pareto.reference_point(points, directions) == pytest.approx([0.79, 21.0])
    assert pareto.reference_point([(2.0, 0.0)], directions) == pytest.approx([1.8, 0.1])
    assert pareto.hypervolume(points, directions, pareto.reference_point(points, directions)) > 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(StudyError, match=r"points\[1\]\[0\]: values are finite numbers; got -?(nan|inf); leave out"):
        pareto.ranks([(1.0, 2.0), (bad, 1.0)], ["minimize", "minimize"])


def test_bad_shapes_and_directions_say_so() -> None:
    with pytest.raises(
        StudyError, match=r"points: one row a point and one column an objective, \(N, 2\); got \(1, 3\)"
    ):
        pareto.ranks([(1.0, 2.0, 3.0)], ["minimize", "minimize"])
    with pytest.raises(
        StudyError, match=r"directions: each is 'maximize' or 'minimize', one an objective; got \['up'\]"
    ):
        pareto.ranks([(1.0,)], ["up"])
    with pytest.raises(StudyError, match=r"hypervolume: exact up to 5 objectives; got 6; leave out"):
        pareto.hypervolume([[1.0] * 6], ["minimize"] * 6, [2.0] * 6)
    with pytest.raises(StudyError, match=r"reference: one value an objective, \(2,\); got shape \(1,\)"):
        pareto.hypervolume([(1.0, 1.0)], ["minimize"] * 2, [2.0])
    with pytest.raises(StudyError, match=r"knee: a front needs at least one point; got none"):
        pareto.knee([], ["minimize"])
    with pytest.raises(StudyError, match=r"reference point: at least one point is needed"):
        pareto.reference_point([], ["minimize"])


def test_thousands_of_points_are_sorted_in_seconds() -> None:
    points = np.random.default_rng(2).random((5_000, 3))
    rank = pareto.ranks(points, down(points))
    assert rank.min() == 0
    assert (rank == 0).sum() == pareto.non_dominated(points, down(points)).sum()


def looped_crowding(points: Points) -> list[float]:
    """Crowding distance by the text of NSGA-II, front by front, objective by objective."""
    distance, rank = [0.0] * len(points), brute_ranks(points)
    for front in set(rank):
        members = [i for i in range(len(points)) if rank[i] == front]
        for column in points.T:
            order = sorted(members, key=lambda i: (column[i], i))
            width = column[order[-1]] - column[order[0]]
            if width == 0:
                continue
            for place, i in enumerate(order):
                inner = 0 < place < len(order) - 1
                distance[i] += (column[order[place + 1]] - column[order[place - 1]]) / width if inner else math.inf
    return distance


@given(small)
def test_the_ordering_is_by_front_then_by_crowding_then_by_the_first_objective(points: Points) -> None:
    rank, distance = brute_ranks(points), looped_crowding(points)
    expected = sorted(range(len(points)), key=lambda i: (rank[i], -distance[i], points[i, 0], i))
    assert pareto.ordering(points, down(points)).tolist() == expected


@given(small)
def test_fronts_hold_every_point_once_in_order(points: Points) -> None:
    rank = brute_ranks(points)
    expected = [[i for i in range(len(points)) if rank[i] == r] for r in range(max(rank, default=-1) + 1)]
    assert [front.tolist() for front in pareto.fronts(points, down(points))] == expected


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_ranks_of_many_points_agree_with_peeling(count: int) -> None:
    """More points and fewer ties than the drawn examples have."""
    points = np.random.default_rng(count).random((250, count)).round(2)
    assert pareto.ranks(points, down(points)).tolist() == brute_ranks(points)


@given(small, st.integers(1, 5))
def test_a_contribution_is_what_is_lost_without_the_point(points: Points, corner: int) -> None:
    points = points[:8]
    reference = [float(corner)] * points.shape[1]
    whole = pareto.hypervolume(points, down(points), reference)
    without = [pareto.hypervolume(np.delete(points, i, axis=0), down(points), reference) for i in range(len(points))]
    expected = [whole - volume for volume in without]
    assert pareto.contributions(points, down(points), reference) == pytest.approx(expected, abs=1e-9)


def test_an_epsilon_net_by_hand() -> None:
    """The best of the first objective, then the other end, then the middle, then what is left."""
    front = [(0.0, 10.0), (1.0, 9.0), (5.0, 5.0), (10.0, 0.0), (9.0, 2.0)]
    assert pareto.epsilon_net(front, ["minimize", "minimize"]).tolist() == [0, 3, 2, 4, 1]
    assert pareto.epsilon_net(front, ["minimize", "minimize"], 2).tolist() == [0, 3]
    assert pareto.epsilon_net([(x * 1024, y / 4) for x, y in front], ["minimize"] * 2).tolist() == [0, 3, 2, 4, 1]
    assert pareto.epsilon_net([(1.0, 1.0)] * 3, ["maximize", "minimize"]).tolist() == [0, 1, 2]
    assert pareto.epsilon_net([], ["minimize"]).tolist() == []
    assert pareto.epsilon_net(front, ["minimize", "minimize"], 0).tolist() == []


@given(small)
def test_every_prefix_of_an_epsilon_net_is_farther_apart_than_what_follows(points: Points) -> None:
    chosen = pareto.epsilon_net(points, down(points)).tolist()
    assert sorted(chosen) == list(range(len(points)))
    width = np.ptp(points, axis=0) if len(points) else np.ones(points.shape[1])
    scaled = points / np.where(width > 0, width, 1.0)
    steps = [min(np.linalg.norm(scaled[i] - scaled[j]) for j in chosen[:k]) for k, i in enumerate(chosen) if k]
    assert all(b <= a + 1e-9 for a, b in itertools.pairwise(steps))
