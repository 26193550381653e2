"""Expected gain over what is unknown: the closed form against the hypervolume itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from nasengine.search.model.improvement import Boxes, Scale, excess, expected_improvement, nodes, partition
from nasengine.search.pareto import hypervolume, non_dominated

GRID = (np.arange(4_000) + 0.5) / 4_000
COARSE = (np.arange(200) + 0.5) / 200
LINE = Scale(np.linspace(-1.0, 2.0, 31), np.linspace(-1.0, 2.0, 31))


def front(count: int, costs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Costs in [0, 1] and values on a grid, so that ties occur; the non-dominated of them."""
    rng = np.random.default_rng(seed)
    points = np.round(rng.random((count, costs + 1)) * 20) / 20
    points = points[non_dominated(points, ["minimize"] * costs + ["maximize"])]
    return points[:, :costs], points[:, costs]


def knots(values: np.ndarray) -> Scale:
    units = np.unique(np.concatenate([[0.0], values, np.linspace(0, 1.2, 7)]))
    return Scale(units, units)


@pytest.mark.parametrize("costs", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_the_mean_growth_of_the_hypervolume(costs: int, seed: int) -> None:
    known, values = front(8, costs, seed)
    rng = np.random.default_rng(seed + 100)
    places, means, sds = rng.random((4, costs)), rng.random(4), np.array([0.02, 0.1, 0.3, 0.0])
    corner = np.full(costs, 1.05)
    boxes = partition(known, values, corner, 0.0)
    found = expected_improvement(boxes, places, means, sds, knots(values))
    directions = ["minimize"] * costs + ["maximize"]
    reference = [*corner, 0.0]
    points = np.column_stack([known, values])
    before = hypervolume(points, directions, reference)
    for place, mean, sd, gain in zip(places, means, sds, found, strict=True):
        draws = mean + sd * norm.ppf(COARSE) if sd else np.array([mean])
        grown = [hypervolume([*points, [*place, y]], directions, reference) - before for y in draws]
        assert gain == pytest.approx(np.mean(grown), rel=0.02, abs=1e-3)


@pytest.mark.parametrize("costs", [0, 1, 2, 3])
def test_the_boxes_are_disjoint_and_leave_out_just_what_is_dominated(costs: int) -> None:
    known, values = front(15, costs, 7)
    boxes = partition(known, values, np.ones(costs), 0.0)
    rng = np.random.default_rng(3)
    for _ in range(400):
        place, value = rng.random(costs), rng.random()
        inside = ((boxes.low <= place) & (place < boxes.high)).all(axis=1)
        inside &= (boxes.bottom <= value) & (value < boxes.top)
        dominated = bool(((known <= place).all(axis=1) & (values > value)).any())
        assert inside.sum() == (0 if dominated else 1)


def test_with_two_costs_there_are_few_boxes() -> None:
    points = np.random.default_rng(5).random((300, 3))
    points = points[non_dominated(points, ["minimize", "minimize", "maximize"])]
    assert len(points) > 20
    assert len(partition(points[:, :2], points[:, 2], np.ones(2), 0.0).bottom) <= 2 * len(points) + 1


def test_with_one_objective_it_is_expected_improvement() -> None:
    boxes = partition(np.zeros((3, 0)), np.array([0.2, 0.5, 0.4]), np.zeros(0), 0.0)
    mean, sd = np.array([0.4, 0.6]), np.array([0.2, 0.1])
    scale = Scale(np.array([0.0, 0.5]), np.array([0.0, 0.5]))
    found = expected_improvement(boxes, np.zeros((2, 0)), mean, sd, scale)
    away = (mean - 0.5) / sd
    assert found == pytest.approx(sd * (norm.pdf(away) + away * norm.cdf(away)))


def test_excess_is_an_integral_and_has_its_limits() -> None:
    draws = 0.3 + 0.5 * norm.ppf(GRID)
    levels = np.array([-1.0, 0.0, 0.3, 1.0])
    integrals = [np.maximum(draws - level, 0).mean() for level in levels]
    assert excess(np.array(0.3), np.array(0.5), levels) == pytest.approx(integrals, abs=1e-3)
    assert excess(np.array(1.0), np.array(0.0), np.array(0.25)) == pytest.approx(0.75)
    assert excess(np.array(0.0), np.array(0.0), np.array(0.25)) == 0.0
    assert excess(np.array(0.0), np.array(1.0), np.array(np.inf)) == 0.0


def test_a_scale_that_bends_is_integrated_between_its_knots() -> None:
    scale = Scale(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 2.0]))  # results grow faster above a score of 1
    draws = 1.1 + 0.4 * norm.ppf(GRID)
    results = np.where(draws < 1, draws, 1 + 3 * (draws - 1))
    found = scale.excess(np.array([1.1]), np.array([0.4]), np.array([0.0, 1.0, 4.0, np.inf]))[0]
    integrals = [np.maximum(results - level, 0).mean() for level in (0.0, 1.0, 4.0)]
    assert found[:3] == pytest.approx(integrals, abs=2e-3)
    assert found[3] == 0.0


def test_no_box_no_gain() -> None:
    nothing = Boxes(np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0), np.zeros(0))
    assert expected_improvement(nothing, np.zeros((2, 1)), np.zeros(2), np.ones(2), LINE) == pytest.approx([0, 0])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_the_rule_has_the_moments_of_the_normal_law(count: int) -> None:
    points, weights = nodes(count)
    assert points.shape == (len(weights), count)
    assert weights.sum() == pytest.approx(1)
    assert weights @ points == pytest.approx(np.zeros(count), abs=1e-9)
    assert weights @ points**2 == pytest.approx(np.ones(count))
