"""The Gaussian process: its slopes, its posterior, and whether its intervals hold what they say."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from nasengine.search import Problem, TrialView, maximize, minimize
from nasengine.search.model.features import GROUPS, Book, Member, Products
from nasengine.search.model.kernel import PARTS, Units, covariance, matern, variance
from nasengine.search.model.scores import GUESS, PAIRS, Guide, Warp, before, observed
from nasengine.search.model.surrogate import HYPER, Data, Surrogate, _loss, chosen
from search_spaces import hwgpt_s, nb201

SPACE = nb201.nb201(cells=1, channels=8, size=16, name="nb201-one")
OPS = {"none": 0.0, "skip_connect": 0.4, "avg_pool_3x3": 0.3, "nor_conv_1x1": 0.8, "nor_conv_3x3": 1.0}


def sample(count: int, seed: int) -> list[Member]:
    """Distinct cells."""
    rng, book = random.Random(seed), Book(Problem(SPACE, (maximize("accuracy"),)))
    made: dict[str, Member] = {}
    while len(made) < count:
        member = book.member(SPACE.sample(rng))
        made.setdefault(member.key, member)
    return list(made.values())


def score(member: Member, rng: random.Random, noise: float = 0.1) -> float:
    """Effects of operations, more of it the later the edge, and one interaction."""
    ops = {edge: OPS[str(label)] for edge, label in member.decisions.items()}
    made = sum(ops.values()) + 1.5 * ops["e01"] * ops["e13"] + (0.5 if ops["e03"] == 0.4 else 0.0)
    return made / 2 + rng.gauss(0, noise)


def data(members: list[Member], seed: int = 0) -> Data:
    rng = random.Random(seed)
    scores = np.array([score(m, rng) for m in members])
    return Data(tuple(members), scores - 1.5, np.zeros(len(members)))


def products() -> tuple[Products, ...]:
    return tuple(Products(i) for i in range(len(GROUPS)))


def test_the_slopes_of_the_evidence_are_its_derivatives() -> None:
    some = data(sample(25, 0))
    some = Data(some.members, some.scores, np.linspace(0, 0.5, 25))
    found = products()
    blocks = Units(some.members, found).blocks(some.members, some.members)
    rng = np.random.default_rng(0)
    for _ in range(3):
        hyper = HYPER + 0.4 * rng.standard_normal(len(HYPER))
        _, slopes = _loss(hyper, blocks, some)
        for i in range(len(HYPER)):
            step = 1e-5 * np.eye(len(HYPER))[i]
            wanted = (_loss(hyper + step, blocks, some)[0] - _loss(hyper - step, blocks, some)[0]) / 2e-5
            assert slopes[i] == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_the_posterior_is_that_of_the_kernel() -> None:
    members = sample(40, 1)
    some = data(members[:30])
    model = Surrogate(some)
    units, hyper = model.fitted.units, model.fitted.hyper
    whole = covariance(units.blocks(members, members), hyper)
    assert np.diag(whole) == pytest.approx(variance(units.own(members), hyper))
    inverse = np.linalg.inv(whole[:30, :30] + model.noise**2 * np.eye(30))
    mean, sd = model.predict(members[30:])
    assert mean == pytest.approx(whole[30:, :30] @ inverse @ some.scores, rel=1e-4, abs=1e-6)
    left = np.diag(whole[30:, 30:] - whole[30:, :30] @ inverse @ whole[:30, 30:])
    assert sd**2 == pytest.approx(left, rel=1e-3, abs=1e-6)
    noisy = model.predict(members[30:], noisy=True)[1]
    assert noisy**2 == pytest.approx(sd**2 + model.noise**2)


def test_the_kernel_is_positive_definite_and_its_matern_part_is_scikit_learns() -> None:
    from sklearn.gaussian_process.kernels import Matern

    members = sample(60, 2)
    found = products()
    units = Units(members[:20], found)
    whole = covariance(units.blocks(members, members), HYPER)
    assert np.linalg.eigvalsh(whole).min() > -1e-8
    points = np.random.default_rng(0).random((10, 3))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    assert matern(squares, 0.7)[0] == pytest.approx(Matern(length_scale=0.7, nu=2.5)(points))


def test_believing_changes_no_mean_and_makes_sure() -> None:
    members = sample(60, 3)
    model = Surrogate(data(members[:40]))
    believing = model.believing(members[40:43])
    assert believing.predict(members[43:])[0] == pytest.approx(model.predict(members[43:])[0], abs=1e-6)
    assert (believing.predict(members[40:43])[1] < model.predict(members[40:43])[1]).all()
    assert model.believing([]) is model


@pytest.mark.parametrize("seed", [0, 1])
def test_intervals_hold_what_they_say_on_unseen_members(seed: int) -> None:
    """200 unseen members: by chance alone the 50 % interval would hold outside 0.38-0.62 once in 2,000 times; the
    bounds leave room for a process that is only like the truth."""
    members = sample(300, 10 + seed)
    rng = random.Random(seed)
    scores = np.array([score(m, rng) for m in members])
    scores = (scores - scores[:100].mean()) / scores[:100].std()
    model = Surrogate(Data(tuple(members[:100]), scores[:100], np.zeros(100)))
    mean, sd = model.predict(members[100:], noisy=True)
    off = np.abs(scores[100:] - mean) / sd
    assert 0.35 < (off < norm.ppf(0.75)).mean() < 0.68
    assert 0.82 < (off < norm.ppf(0.95)).mean() < 0.97
    assert spearmanr(mean, scores[100:])[0] > 0.85


def test_extra_variance_makes_an_observation_count_less() -> None:
    members = sample(41, 4)
    scores = data(members).scores
    sure = Surrogate(Data(tuple(members[:40]), scores[:40], np.zeros(40)))
    shifted = scores[:40] + np.where(np.arange(40) == 0, 3.0, 0.0)
    trusted = Surrogate(Data(tuple(members[:40]), shifted, np.zeros(40)), sure.products, sure.fitted)
    doubted = Surrogate(
        Data(tuple(members[:40]), shifted, np.where(np.arange(40) == 0, 9.0, 0.0)), sure.products, sure.fitted
    )
    at = members[:1]
    assert abs(doubted.predict(at)[0][0] - scores[0]) < abs(trusted.predict(at)[0][0] - scores[0])


def test_one_observation_and_equal_ones_are_enough() -> None:
    members = sample(12, 5)
    for count in (1, 10):
        model = Surrogate(Data(tuple(members[:count]), np.zeros(count), np.zeros(count)))
        mean, sd = model.predict(members[10:])
        assert mean == pytest.approx([0, 0], abs=1e-6)
        assert (sd > 0).all()


def test_a_subset_holds_the_best_the_latest_and_some_of_all() -> None:
    scores = np.arange(1_000.0)[::-1]
    places = chosen(scores, 100)
    assert len(places) == len(set(places.tolist())) == 100
    assert set(range(50)) <= set(places.tolist())
    assert set(range(975, 1_000)) <= set(places.tolist())
    assert (chosen(scores[:50], 100) == np.arange(50)).all()


# --- scores -----------------------------------------------------------------------------------------------------------


def test_a_score_is_linear_above_the_median_and_failures_do_not_set_the_scale() -> None:
    results = [10.0] * 12 + list(np.linspace(85, 94, 60))
    warp = Warp.of(maximize("accuracy"), results)
    scores = warp.score(np.array([10.0, 90.0, 92.0, 94.0]))
    assert scores[3] - scores[2] == pytest.approx(
        scores[2] - warp.score(90.0) if warp.center <= 90 else scores[3] - scores[2]
    )
    assert -6 < scores[0] < scores[1] < scores[2] < scores[3] < 4
    assert warp.result(scores) == pytest.approx([10.0, 90.0, 92.0, 94.0])


@pytest.mark.parametrize(("name", "direction"), [("loss", minimize), ("accuracy", maximize), ("latency_ms", minimize)])
def test_scores_rise_as_results_get_better_and_come_back(name: str, direction: object) -> None:
    objective = direction(name)  # type: ignore[operator]
    results = np.random.default_rng(0).gamma(2.0, size=200) + 0.01
    warp = Warp.of(objective, results.tolist())
    ordered = np.sort(results) if objective.direction == "maximize" else -np.sort(-results)
    assert (np.diff(warp.score(ordered)) > 0).all()
    assert warp.result(warp.score(results)) == pytest.approx(results)
    assert warp.log == (name == "latency_ms")


def test_equal_results_and_no_results_have_a_scale() -> None:
    assert Warp.of(maximize("accuracy"), [0.5] * 5).score(0.5) == 0
    assert Warp.of(maximize("accuracy"), []).score(0.5) == 0.5


def trial(number: int, status: str, accuracy: float, epochs: int = 27, partial: float | None = None) -> TrialView:
    curve = ((9, {"accuracy": partial}),) if partial is not None else ()
    return TrialView(number, {}, status, {"accuracy": accuracy}, epochs=epochs, curve=curve)


def test_a_pruned_trial_counts_through_those_that_went_on() -> None:
    objective = maximize("accuracy")
    whole = [trial(i, "complete", 0.5 + 0.04 * i, partial=0.2 + 0.04 * i) for i in range(10)]
    pruned = trial(10, "pruned", 0.2 + 0.04 * 5, epochs=9)
    warp, scores = observed(objective, [*whole, pruned])
    assert [s.variance for s in scores[:10]] == [0.0] * 10
    assert scores[10].score == pytest.approx(float(warp.score(0.7)), abs=0.35)
    assert 0 < scores[10].variance < GUESS**2
    _, alone = observed(objective, [*whole[: PAIRS - 1], pruned])
    assert alone[-1].variance == GUESS**2


def test_a_guide_never_turns_a_better_partial_result_into_a_worse_one() -> None:
    guide = Guide.of(np.arange(10.0), -np.arange(10.0))
    assert guide.slope == 0
    assert guide.spread > 1


def test_earlier_trials_count_as_a_guess() -> None:
    scores = before(
        maximize("accuracy"), [trial(-2, "complete", 0.5), trial(-1, "failed", 0.0), trial(-3, "complete", 0.7)]
    )
    assert [s.number for s in scores] == [0, 2]
    assert {s.variance for s in scores} == {GUESS**2}


# --- a real table -----------------------------------------------------------------------------------------------------

DATA = os.environ.get("NASENGINE_DATA", "")
TABLE = Path(DATA) / "nas/hwgptbench_s.parquet"


@pytest.mark.skipif(
    not TABLE.is_file(), reason="nas/hwgptbench_s.parquet: set NASENGINE_DATA to the folder that holds it"
)
def test_perplexity_of_transformers_is_learned_from_forty() -> None:
    import pandas

    table = pandas.read_parquet(TABLE).sample(240, random_state=0)
    book = Book(Problem(hwgpt_s.space, (minimize("perplexity"),)))
    members = [
        book.member(
            hwgpt_s.space.decode(
                hwgpt_s.decisions(r.embed_dim, r.n_layer, list(r.n_head), list(r.mlp_ratio), bool(r.bias))
            )
        )
        for r in table.itertuples()
    ]
    results = table.perplexity.to_numpy(dtype=float)
    warp = Warp.of(minimize("perplexity"), results[:40].tolist())
    model = Surrogate(Data(tuple(members[:40]), warp.score(results[:40]), np.zeros(40)))
    mean, sd = model.predict(members[40:], noisy=True)
    truth = warp.score(results[40:])
    assert spearmanr(mean, truth)[0] > 0.9
    assert 0.75 < (np.abs(truth - mean) / sd < norm.ppf(0.95)).mean() <= 1.0


def test_there_is_a_scale_for_each_part() -> None:
    assert len(HYPER) == 3 * PARTS + 1
