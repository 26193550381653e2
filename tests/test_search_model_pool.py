"""Where candidates come from, which trials hyper-parameters are chosen on, and the first trials."""

from __future__ import annotations

import random

import numpy as np
import pytest
from search_toys import conditional_space, small_space

from nasengine.search import Problem, TrialView, at_least, at_most, maximize, minimize
from nasengine.search.model.acquisition import Gain, Model, Trained, believed, feasible
from nasengine.search.model.design import spread_out
from nasengine.search.model.features import GROUPS, Book, Member, Products
from nasengine.search.model.fitting import Fits, _step
from nasengine.search.model.pool import FAR, NEIGHBOURS, Pool
from nasengine.search.model.scores import Warp
from nasengine.search.model.surrogate import Data, Surrogate
from nasengine.space import Space
from search_spaces import nb201

SPACE = nb201.nb201(cells=1, channels=8, size=16, name="nb201-one")


def problem(space: Space = SPACE, **more: object) -> Problem:
    return Problem(space, (maximize("accuracy"), minimize("params")), **more)  # type: ignore[arg-type]


def made(task: Problem, count: int, seed: int = 0) -> tuple[Book, list[Member]]:
    rng, book = random.Random(seed), Book(task)
    return book, [book.member(task.space.sample(rng)) for _ in range(count)]


def products() -> tuple[Products, ...]:
    return tuple(Products(i) for i in range(len(GROUPS)))


# --- the pool ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [SPACE, conditional_space()], ids=["cells", "conditional"])
def test_a_pool_is_a_function_of_the_number_and_the_best(space: Space) -> None:
    keys = []
    for asked in ([30], [3, 29, 30], [30, 30]):  # whatever was asked before
        book, best = made(problem(space), 6)
        pool = Pool(problem(space), book)
        keys.append([[s.place for s in pool.gather(number, best)] for number in asked][-1])
    assert keys[0] == keys[1] == keys[2]
    assert len(keys[0]) == len(set(keys[0])) > 50


def test_relatives_are_one_to_three_decisions_away() -> None:
    book, (one, *_) = made(problem(), 1)
    relatives = Pool(problem(), book).relatives(one)
    away = [sum(m.architecture.decisions[k] != v for k, v in one.decisions.items()) for m in relatives]
    assert set(Pool(problem(), book).gather(0, [one]).values()) == {one, None}
    assert away.count(1) >= 24  # six edges, four other operations each
    assert set(away) == {1, 2, 3}
    assert len(relatives) <= NEIGHBOURS + FAR


def test_a_space_with_many_neighbours_gives_some_of_them() -> None:
    book, (one, *_) = made(problem(conditional_space()), 1)
    assert len(Pool(problem(conditional_space()), book).relatives(one)) <= NEIGHBOURS + FAR


def test_a_small_space_is_its_own_pool() -> None:
    space = small_space()
    book, best = made(problem(space), 1)
    assert len(Pool(problem(space), book).gather(5, best)) == space.size


def test_random_members_are_drawn_as_the_problem_says() -> None:
    only = SPACE.sample(3)
    task = problem(draw=lambda rng: only)
    book, _ = made(problem(), 0)
    assert {s.architecture.id for s in Pool(task, book).strangers(1)} == {only.id}


# --- the first trials -------------------------------------------------------------------------------------------------


def test_first_trials_spread_over_costs_and_are_no_two_alike() -> None:
    task = problem()
    book, _ = made(task, 0)
    pool, taken, found = Pool(task, book), list[Member](), products()
    for place in range(12):
        strangers = [book.member(s.architecture) for s in pool.strangers(-1 - place, 16)]
        one = spread_out(strangers, taken, found, place)
        assert one is not None
        taken.append(one)
    _, chance = made(task, 300, seed=1)
    edges = np.quantile([m.known["macs"] for m in chance], [0.25, 0.5, 0.75])
    quarters = np.searchsorted(edges, [m.known["macs"] for m in taken])
    assert set(quarters.tolist()) == {0, 1, 2, 3}
    assert len({m.key for m in taken}) == 12
    assert spread_out([], taken, found, 3) is None


# --- fitting ----------------------------------------------------------------------------------------------------------


def told(count: int, running: tuple[int, ...] = ()) -> list[TrialView]:
    rng = random.Random(0)
    return [
        TrialView(
            i,
            SPACE.sample(rng).decisions,
            "running" if i in running else "complete",
            {} if i in running else {"accuracy": rng.random(), "params": 1.0},
        )
        for i in range(count)
    ]


def test_hyper_parameters_are_chosen_on_trials_that_will_not_change() -> None:
    assert [_step(n) for n in (3, 4, 5, 6, 20, 23, 200)] == [4, 4, 5, 6, 19, 22, 196]
    assert Fits._first(told(20)) == set(range(19))
    assert Fits._first(told(20, running=(17, 19))) == set(range(_step(17)))
    stuck = Fits._first(told(60, running=(2,)))
    assert len(stuck) == _step(41)
    assert 2 not in stuck


def test_hyper_parameters_stay_between_two_places_and_do_not_depend_on_what_came_before() -> None:
    trials, task = told(24), problem()
    book, _ = made(task, 0)
    members = {t.number: m for t in trials if (m := book.of_trial(t)) is not None}
    fits = Fits(task, book, products())
    before, after = (fits.model("accuracy", trials[:n], members) for n in (22, 24))
    assert before is not None
    assert after is not None
    assert before.surrogate.fitted is after.surrogate.fitted
    assert len(after.surrogate.data) == 24
    fresh = Fits(task, book, products()).model("accuracy", trials, members)
    assert fresh is not None
    assert (fresh.surrogate.fitted.hyper == after.surrogate.fitted.hyper).all()
    assert fits.model("accuracy", [], {}) is None


def test_what_broke_a_budget_says_what_it_was() -> None:
    task = problem(budgets=(at_most("latency_ms", 10.0), at_least("energy_mj", 4.0)))
    book, _ = made(task, 0)
    broken = {"latency_ms": 0.5, "energy_mj": 0.25}
    trials = [
        TrialView(i, t.decisions, "infeasible", violations=broken) if i % 2 else
        TrialView(i, t.decisions, "complete", {"latency_ms": 5.0, "energy_mj": 8.0, "accuracy": 0.5, "params": 1.0})
        for i, t in enumerate(told(10))
    ]  # fmt: skip
    members = {t.number: m for t in trials if (m := book.of_trial(t)) is not None}
    fits = Fits(task, book, products())
    for name, limit in (("latency_ms", 15.0), ("energy_mj", 3.0)):
        model = fits.model(name, trials, members)
        assert model is not None
        results = model.warp.result(model.surrogate.data.scores)
        assert sorted(set(np.round(results, 6))) == sorted({limit, 5.0 if name == "latency_ms" else 8.0})


# --- what counts ------------------------------------------------------------------------------------------------------


def model_of(members: list[Member], results: list[float], objective: object) -> Model:
    warp = Warp.of(objective, results)  # type: ignore[arg-type]
    return Model(warp, Surrogate(Data(tuple(members), warp.score(np.array(results)), np.zeros(len(members)))))


def test_the_probability_of_meeting_a_budget_follows_its_sense() -> None:
    _, members = made(problem(), 30)
    results = [1.0 + m.known["params"] / 1e4 for m in members]
    models = {"latency_ms": model_of(members, results, minimize("latency_ms"))}
    limit = float(np.median(results))
    below = feasible([at_most("latency_ms", limit)], models, members)
    above = feasible([at_least("latency_ms", limit)], models, members)
    assert below + above == pytest.approx(np.ones(30))
    least, most = int(np.argmin(results)), int(np.argmax(results))
    assert below[least] > 0.9
    assert below[most] < 0.1
    assert (feasible([at_most("energy_mj", 1.0)], models, members) == 1).all()


def test_a_dominated_member_of_which_all_is_known_gains_nothing() -> None:
    _, members = made(problem(), 40)
    objectives = (minimize("macs"), minimize("params"))
    losses = np.array([[m.known["macs"], m.known["params"]] for m in members])
    trained = Trained(tuple(members[:20]), losses[:20])
    gains = Gain(objectives, {}, trained, members)(members)
    for row, gain in zip(losses, gains, strict=True):
        dominated = bool((losses[:20] <= row).all(axis=1).any())
        assert (gain < 1e-6 * gains.max()) == dominated or gains.max() == 0


def test_a_gain_does_not_depend_on_who_else_is_asked_about() -> None:
    _, members = made(problem(), 40)
    objectives = (maximize("accuracy"), minimize("params"))
    results = [random.Random(i).random() for i in range(20)]
    models = {"accuracy": model_of(members[:20], results, objectives[0])}
    losses = np.array([[-r, m.known["params"]] for r, m in zip(results, members, strict=False)])
    gain = Gain(objectives, models, Trained(tuple(members[:20]), losses), members)
    assert gain(members[20:]) == pytest.approx(np.concatenate([gain(members[20:27]), gain(members[27:])]))
    expected = believed(objectives, models, members[20:22])
    assert expected[:, 1].tolist() == [m.known["params"] for m in members[20:22]]
    assert (np.abs(expected[:, 0]) <= 2).all()
