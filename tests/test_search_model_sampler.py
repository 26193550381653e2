"""The model-based sampler: the law of samplers, budgets, parallel workers, and that it finds what it looks for."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from search_toys import OBJECTIVES, conditional_space, drive, dump, load, problem, small_space

from nasengine.errors import StudyError
from nasengine.search import (
    Problem,
    Sampler,
    TrialView,
    View,
    at_most,
    make_sampler,
    maximize,
    minimize,
    replay,
)
from nasengine.search.model import ModelSampler
from nasengine.search.pareto import hypervolume
from nasengine.space import Architecture, Space
from search_spaces import nb201

OPS = {"none": 0.0, "skip_connect": 0.4, "avg_pool_3x3": 0.3, "nor_conv_1x1": 0.8, "nor_conv_3x3": 1.0}
SPACE = nb201.nb201(cells=1, channels=8, size=16, name="nb201-one")


def accuracy(architecture: Architecture) -> float:
    """Of a cell: effects of its live operations, which add up to two thirds, and what two of them do together."""
    ops = {edge: OPS[str(label)] for edge, label in architecture.decisions.items()}
    paths = [ops["e03"], ops["e01"] * ops["e13"], ops["e02"] * ops["e23"], ops["e01"] * ops["e12"] * ops["e23"]]
    return 50 + 10 * sum(paths) + 5 * (ops["e03"] == 0.4)


def complete(number: int, decisions: Mapping[str, object], space: Space = SPACE, status: str = "complete") -> TrialView:
    architecture = space.decode(decisions)  # type: ignore[arg-type]
    costs = {k: float(v) for k, v in architecture.cost().to_json().items()}
    return TrialView(number, architecture.decisions, status, {**costs, "accuracy": accuracy(architecture)})


def run(
    sampler: Sampler, count: int, evaluate: Callable[[int, Mapping[str, object]], TrialView] = complete
) -> list[TrialView]:
    trials: list[TrialView] = []
    for number in range(count):
        (proposal,) = sampler.ask(1, View(number))
        trials.append(evaluate(number, proposal.decisions))
        sampler.tell(trials[-1])
    return trials


def both(seed: int = 0, **more: object) -> Problem:
    return Problem(SPACE, (maximize("accuracy"), minimize("params")), seed, **more)  # type: ignore[arg-type]


# --- the law of samplers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_a_rebuilt_sampler_goes_on_as_an_uninterrupted_one(count: int) -> None:
    whole: dict[int, TrialView] = {}
    drive(ModelSampler(problem(count=count)), whole, 40)
    for cut in (6, 21, 34):
        part: dict[int, TrialView] = {}
        drive(ModelSampler(problem(count=count)), part, cut)
        resumed = load(dump(part))
        drive(replay(ModelSampler(problem(count=count)), resumed.values()), resumed, 40)
        assert {n: t.decisions for n, t in resumed.items()} == {n: t.decisions for n, t in whole.items()}


def test_a_fresh_process_proposes_the_same_whatever_the_hash_seed() -> None:
    trials = run(ModelSampler(both()), 25)
    expected = [dict(p.decisions) for p in replay(ModelSampler(both()), trials).ask(2, View(25))]
    script = (
        "import json, sys\n"
        "from search_toys import load\n"
        "from test_search_model_sampler import both\n"
        "from nasengine.search import View, replay\n"
        "from nasengine.search.model import ModelSampler\n"
        "sampler = replay(ModelSampler(both()), load(sys.stdin.read()).values())\n"
        "print(json.dumps([dict(p.decisions) for p in sampler.ask(2, View(25))]))\n"
        "assert 'torch' not in sys.modules\n"
    )
    text = dump({t.number: t for t in trials})
    import json
    import os
    from pathlib import Path

    tests = Path(__file__).parent
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{tests}:{tests.parent}"}
        done = subprocess.run(
            [sys.executable, "-c", script], input=text, capture_output=True, text=True, env=env, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected


def test_order_and_repetition_of_tell_change_nothing() -> None:
    trials = run(ModelSampler(both()), 24)
    plain = replay(ModelSampler(both()), trials)
    other = ModelSampler(both())
    for place in sorted(range(24), key=lambda n: (n * 7) % 24):
        other.tell(replace(trials[place], status="running", values={}))
        other.tell(trials[place])
        other.tell(trials[place])
    assert plain.ask(3, View(24)) == other.ask(3, View(24))


def test_the_seed_decides() -> None:
    first, again, other = (run(ModelSampler(both(seed)), 12) for seed in (5, 5, 6))
    assert [t.decisions for t in first] == [t.decisions for t in again]
    assert [t.decisions for t in first] != [t.decisions for t in other]


@pytest.mark.parametrize("told", [0, 20])
def test_a_batch_holds_each_network_once(told: int) -> None:
    sampler = ModelSampler(both())
    trials = run(sampler, told)
    proposals = sampler.ask(12, View(told))
    ids = [SPACE.decode(p.decisions).id for p in proposals] + [SPACE.decode(t.decisions).id for t in trials]
    assert len(ids) == len(set(ids)) == 12 + told


def test_running_trials_are_not_proposed_again_and_change_what_is() -> None:
    trials = run(ModelSampler(both()), 20)
    plain = replay(ModelSampler(both()), trials)
    (first,) = plain.ask(1, View(20))
    plain.tell(TrialView(20, first.decisions, "running"))
    (second,) = plain.ask(1, View(21))
    assert SPACE.decode(second.decisions).id != SPACE.decode(first.decisions).id
    assert dict(plain.ask(1, View(21))[0].decisions) == dict(second.decisions)


# --- the ends of a space ----------------------------------------------------------------------------------------------


def test_a_small_space_is_gone_through_and_then_nothing_is_left() -> None:
    space = small_space()
    sampler = ModelSampler(Problem(space, OBJECTIVES[:1]))
    found = []
    for number in range(int(space.size)):
        (proposal,) = sampler.ask(1, View(number))
        found.append(tuple(sorted(proposal.decisions.items())))
        sampler.tell(TrialView(number, proposal.decisions, "complete", {"accuracy": number % 3}))
    assert len(set(found)) == space.size
    assert sampler.ask(2, View(int(space.size))) == []
    assert sampler.ask(2, View(int(space.size))) == []


def test_all_infeasible_failed_or_lost_goes_on_with_new_members() -> None:
    for status in ("infeasible", "failed", "lost"):
        sampler = ModelSampler(both())

        def evaluate(number: int, decisions: Mapping[str, object], status: str = status) -> TrialView:
            broken = {"latency_ms": 1.0} if status == "infeasible" else {}
            return TrialView(number, decisions, status, violations=broken)  # type: ignore[arg-type]

        trials = run(sampler, 30, evaluate)
        assert len({SPACE.decode(t.decisions).id for t in trials}) == 30


def test_a_constant_objective_goes_on_with_new_members() -> None:
    def evaluate(number: int, decisions: Mapping[str, object]) -> TrialView:
        return replace(complete(number, decisions), values={"accuracy": 0.1})

    trials = run(ModelSampler(Problem(SPACE, (maximize("accuracy"),))), 25, evaluate)
    assert len({SPACE.decode(t.decisions).id for t in trials}) == 25


def test_objectives_that_are_all_known_are_searched_exactly() -> None:
    sampler = ModelSampler(Problem(SPACE, (minimize("macs"), minimize("params"))))
    trials = run(sampler, 30)
    assert min(t.values["params"] for t in trials[10:]) < np.median([t.values["params"] for t in trials[:10]])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_result_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(StudyError, match=r"trial 3: .*'accuracy' is (nan|inf); tell it as failed"):
        ModelSampler(both()).tell(TrialView(3, {}, "complete", {"accuracy": value, "params": 1}))


def test_a_recorded_trial_that_no_longer_decodes_is_passed_over() -> None:
    trials = run(ModelSampler(both()), 15)
    sampler = replay(ModelSampler(both()), trials)
    sampler.tell(TrialView(15, {"gone": 1}, "complete", {"accuracy": 1.0, "params": 1.0}))
    assert len(sampler.ask(2, View(16))) == 2


# --- budgets ----------------------------------------------------------------------------------------------------------


def test_no_proposal_breaks_a_budget_that_is_known_for_free() -> None:
    costs = sorted(SPACE.sample(i).cost().params for i in range(200))
    budget = at_most("params", costs[20])  # a tenth of the space
    for seed in range(3):
        trials = run(ModelSampler(both(seed, budgets=(budget,))), 40)
        assert max(t.values["params"] for t in trials) <= budget.limit


def test_a_budget_that_nothing_meets_gives_the_least_violating() -> None:
    budget = at_most("params", 1)
    trials = run(ModelSampler(both(budgets=(budget,))), 6)
    typical = np.median([SPACE.sample(i).cost().params for i in range(100)])
    assert np.median([t.values["params"] for t in trials]) < typical


def test_a_budget_on_what_is_only_measured_is_learned() -> None:
    """Latency is told after the proposal; a trial over the budget is infeasible and has no accuracy. Random members
    break this budget nine times in ten."""

    limit = 1 + float(np.quantile([SPACE.sample(i).cost().macs for i in range(300)], 0.1)) / 1e6

    def evaluate(number: int, decisions: Mapping[str, object]) -> TrialView:
        found = complete(number, decisions)
        values = {**found.values, "latency_ms": 1 + found.values["macs"] / 1e6}
        if values["latency_ms"] > limit:
            broken = {"latency_ms": values["latency_ms"] / limit - 1}
            return replace(found, status="infeasible", values={}, violations=broken)
        return replace(found, values=values)

    task = Problem(SPACE, (maximize("accuracy"),), budgets=(at_most("latency_ms", limit),))
    trials = run(ModelSampler(task), 40, evaluate)
    assert sum(t.status == "infeasible" for t in trials[20:]) <= 8


# --- more than one unknown, earlier studies, proxies ------------------------------------------------------------------


def test_two_unknown_objectives_are_modelled_together() -> None:
    def evaluate(number: int, decisions: Mapping[str, object]) -> TrialView:
        found = complete(number, decisions)
        return replace(found, values={**found.values, "latency_ms": 1 + found.values["macs"] / 1e6})

    objectives = (maximize("accuracy"), minimize("latency_ms"))
    ours = [run(ModelSampler(Problem(SPACE, objectives, seed)), 40, evaluate) for seed in range(4)]
    chance = [run(make_sampler("random", SPACE, objectives, seed), 40, evaluate) for seed in range(4)]
    means = [np.mean([volume(trials, "latency_ms") for trials in runs]) for runs in (ours, chance)]
    assert means[0] > 1.03 * means[1]


def volume(trials: list[TrialView], cost: str) -> float:
    points = [[t.values["accuracy"], t.values[cost]] for t in trials]
    scale = {"params": 60_000.0, "latency_ms": 8.0}[cost]
    return hypervolume(points, ["maximize", "minimize"], [50.0, scale])


def test_it_finds_more_than_chance_in_fewer_evaluations() -> None:
    for seed in range(3):
        ours = run(ModelSampler(both(seed)), 40)
        chance = run(make_sampler("random", SPACE, both().objectives, seed), 120)
        assert volume(ours, "params") >= volume(chance, "params")


def test_the_best_cell_is_found() -> None:
    """Of 15,625 cells; random search of 60 finds it or its equal once in hundreds of times."""
    best = max(accuracy(SPACE.sample(i)) for i in range(3_000))
    for seed in range(2):
        trials = run(ModelSampler(Problem(SPACE, (maximize("accuracy"),), seed)), 60)
        assert max(t.values["accuracy"] for t in trials) >= best


def test_an_earlier_study_is_a_start() -> None:
    rng = random.Random(9)
    earlier = tuple(replace(complete(-1 - i, SPACE.sample(rng).decisions)) for i in range(60))
    plain = [max(t.values["accuracy"] for t in run(ModelSampler(single(s)), 10)) for s in range(4)]
    warm = [max(t.values["accuracy"] for t in run(ModelSampler(single(s, earlier)), 10)) for s in range(4)]
    assert np.mean(warm) > np.mean(plain)


def single(seed: int, earlier: tuple[TrialView, ...] = ()) -> Problem:
    return Problem(SPACE, (maximize("accuracy"),), seed, earlier=earlier)


def test_a_proxy_that_knows_is_used() -> None:
    def cheap(architecture: Architecture) -> dict[str, float]:
        return {"proxy": accuracy(architecture) ** 2}

    def mean(tasks: list[Problem]) -> float:
        return float(np.mean([max(t.values["accuracy"] for t in run(ModelSampler(task), 12)) for task in tasks]))

    assert mean([replace(single(s), cheap=cheap) for s in range(4)]) > mean([single(s) for s in range(4)])


def test_partial_results_are_used_and_do_not_count_as_whole() -> None:
    def evaluate(number: int, decisions: Mapping[str, object]) -> TrialView:
        found = complete(number, decisions)
        early = {**found.values, "accuracy": found.values["accuracy"] - 30}
        if number % 3 == 2:
            return replace(found, status="pruned", values=early, epochs=3)
        return replace(found, epochs=27, curve=((3, early),))

    trials = run(ModelSampler(single(0)), 60, evaluate)
    best = max(accuracy(SPACE.sample(i)) for i in range(3_000))
    assert max(t.values["accuracy"] for t in trials) >= best - 3


def test_the_space_is_never_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a large space was indexed")

    monkeypatch.setattr(Space, "__getitem__", refuse)
    monkeypatch.setattr(Space, "__iter__", refuse)
    assert len({dump({0: t}) for t in run(ModelSampler(both()), 15)}) == 15
    trials: dict[int, TrialView] = {}
    drive(ModelSampler(Problem(conditional_space(), OBJECTIVES)), trials, 15)
    assert len(trials) == 15
