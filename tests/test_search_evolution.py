"""Evolution: populations, selection, variation, survival, and what they make together."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
from search_toys import OBJECTIVES, conditional_space, drive, evaluate, finite_space, problem, small_space

from nasengine.errors import StudyError
from nasengine.search import Problem, TrialView, View, make_sampler, pareto, replay
from nasengine.search.samplers.evolution import (
    Evolution,
    Individual,
    Population,
    compare,
    crossover_then_mutation,
    individual_of,
    mutation,
    non_dominated_crowding,
    reference_directions,
    tournament,
    uniform,
    youngest,
)
from nasengine.search.samplers.evolution.fold import EVERY, Fold
from nasengine.search.samplers.evolution.population import crowding_of
from nasengine.search.samplers.evolution.survival import count_of, directions, divisions_of
from nasengine.search.samplers.evolution.vary import mix_uniformly, swap_subtree
from nasengine.space.skeleton import Skeleton


def individual(number: int, *losses: float, violation: float = 0.0, partial: bool = False) -> Individual:
    return Individual(number, {}, losses, violation, partial)


def population(*members: Individual) -> Population:
    found = Population()
    for member in members:
        found = found.joined(member)
    return found


def random_individuals(count: int, objectives: int, seed: int) -> list[Individual]:
    """Points on a coarse grid, so that some are equal and some share a value."""
    rng = random.Random(seed)
    return [individual(i, *(float(rng.randrange(8)) for _ in range(objectives))) for i in range(count)]


# --- populations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_ranks_and_crowding_are_those_of_the_reference(objectives: int) -> None:
    for seed in range(20):
        members = random_individuals(25, objectives, seed)
        points = [m.losses for m in members]
        down = ["minimize"] * objectives
        found = population(*members)
        assert found.ranks == pareto.ranks(points, down).tolist()
        front = np.array(points)[pareto.non_dominated(points, down)]
        ours, theirs = crowding_of([tuple(p) for p in front.tolist()]), pareto.crowding(front, down)
        assert ours == pytest.approx(theirs.tolist())


@pytest.mark.parametrize("objectives", [1, 3])
def test_a_population_without_a_member_is_as_if_it_had_never_joined(objectives: int) -> None:
    members = random_individuals(15, objectives, 1)
    whole = population(*members)
    _ = whole.ranks
    for index in range(15):
        smaller = whole.without(index)
        again = population(*members[:index], *members[index + 1 :])
        assert (smaller.members, smaller.beaten_by, smaller.ranks) == (again.members, again.beaten_by, again.ranks)


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        (individual(0, 1, 1), individual(1, 1, 2), -1),
        (individual(0, 2, 1), individual(1, 1, 1), 1),
        (individual(0, 1, 2), individual(1, 2, 1), 0),
        (individual(0, 1, 1), individual(1, 1, 1), 0),
        (individual(0, 9, 9), individual(1, violation=0.1), -1),
        (individual(0, violation=0.5), individual(1, violation=0.1), 1),
        (individual(0, violation=0.5), individual(1, violation=0.5), 0),
    ],
)
def test_constrained_domination(a: Individual, b: Individual, order: int) -> None:
    assert compare(a, b) == order
    assert compare(b, a) == -order


def test_which_trials_are_individuals() -> None:
    values = {"accuracy": 0.5, "params": 3.0, "latency_ms": 2.0}
    complete = TrialView(0, {}, "complete", values)
    assert individual_of(complete, OBJECTIVES) == Individual(0, {}, (-0.5, 3.0, 2.0))
    for status, epochs, counts in [
        ("pruned", 3, True), ("waiting", 3, True), ("running", 3, True), ("running", 0, False),
        ("failed", 3, False), ("lost", 3, False), ("infeasible", 0, False),
    ]:  # fmt: skip
        found = individual_of(replace(complete, status=status, epochs=epochs), OBJECTIVES)
        assert found == (Individual(0, {}, (-0.5, 3.0, 2.0), partial=True) if counts else None)
    broken = TrialView(0, {}, "infeasible", violations={"params": 0.5, "macs": 0.25})
    assert individual_of(broken, OBJECTIVES) == Individual(0, {}, (), 0.75)
    assert individual_of(TrialView(0, {}, "pruned", {"params": 3.0}), OBJECTIVES) is None
    assert individual_of(TrialView(0, {}, "pruned", {**values, "accuracy": math.nan}, epochs=1), OBJECTIVES) is None


# --- selection ---------------------------------------------------------------------------------------------------


def test_a_tournament_prefers_front_then_training_then_room() -> None:
    """Each of four members meets another in 200 duels; who is preferred wins all of those."""
    front = [individual(0, 0, 4), individual(1, 1, 3, partial=True), individual(2, 1.1, 2.9), individual(3, 4, 0)]
    behind = individual(4, 5, 5)
    members = population(*front, behind)
    rng = random.Random(0)
    wins = [tournament(8)(members, rng).number for _ in range(200)]
    assert set(wins) <= {0, 3, 2}  # with eight contestants the ends, of infinite crowding, are nearly always there
    assert wins.count(2) < 20
    picked = {uniform(members, rng).number for _ in range(200)}
    assert picked == {0, 1, 2, 3, 4}


def test_without_crowding_equals_have_equal_chances() -> None:
    """Each of three members of a front wins a third of 300 duels of many: below 60 with a probability of 10^-6."""
    members = population(individual(0, 0, 4), individual(1, 1, 3), individual(2, 4, 0), individual(3, 5, 5))
    rng, select = random.Random(0), tournament(16, crowding=False)
    wins = [select(members, rng).number for _ in range(300)]
    assert all(wins.count(number) > 60 for number in (0, 1, 2))


def test_a_tournament_of_one_is_any_member() -> None:
    members, rng = population(*random_individuals(5, 2, 0)), random.Random(1)
    assert {tournament(1)(members, rng).number for _ in range(200)} == set(range(5))


# --- survival ----------------------------------------------------------------------------------------------------


def test_who_leaves() -> None:
    front = [individual(i, x, 10 - x) for i, x in enumerate((0, 4, 5, 5.5, 10))]
    assert non_dominated_crowding(population(*front)) == 2
    assert non_dominated_crowding(population(*front, individual(5, 11, 11))) == 5
    assert non_dominated_crowding(population(*front, individual(5, violation=0.1))) == 5
    half = [*front[:4], replace(front[4], partial=True)]
    assert non_dominated_crowding(population(*half)) == 4
    assert youngest(population(*front)) == 0


@pytest.mark.parametrize(
    ("objectives", "divisions", "count"), [(1, 1, 1), (2, 19, 20), (3, 5, 21), (4, 3, 20), (5, 3, 35)]
)
def test_reference_directions_of_das_and_dennis(objectives: int, divisions: int, count: int) -> None:
    assert divisions_of(objectives) == divisions
    unit = directions(objectives, divisions)
    assert unit.shape == (count, objectives) == (count_of(objectives, divisions), objectives)
    assert np.linalg.norm(unit, axis=1) == pytest.approx(np.ones(count))
    simplex = unit / unit.sum(axis=1, keepdims=True)
    assert np.allclose(simplex * divisions, np.round(simplex * divisions))
    assert len({tuple(row) for row in np.round(simplex, 9)}) == count


def test_niching_thins_out_the_most_crowded_direction() -> None:
    """Points on the line x + y = 1 at the directions, and two more near the middle: of those the farther leaves."""
    share = [0.0, 0.25, 0.5, 0.75, 1.0]
    points = [individual(i, s, 1 - s) for i, s in enumerate(share)]
    near, far = individual(5, 0.51, 0.49), individual(6, 0.56, 0.44)
    survive = reference_directions(2, divisions=4)
    assert survive(population(*points, near, far)) == 6
    assert survive(population(*points, near)) == 5
    assert survive(population(*points, near, individual(7, 2, 2))) == 6


def test_niching_keeps_a_spread_in_three_objectives() -> None:
    """From 300 random points of the unit sphere, the 21 that stay lie near more directions than chance reaches: 21
    random points reach 13.5 ± 1.6 of 21 directions at most, so 18 have a probability below 10^-2."""
    rng = np.random.default_rng(0)
    points = np.abs(rng.normal(size=(300, 3)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    fold = Fold(reference_directions(3), 21)
    for i, point in enumerate(points):
        fold.put(i, individual(i, *point))
    kept = np.array([m.losses for m in fold.population().members])
    assert len({int(i) for i in (kept @ directions(3, 5).T).argmax(axis=1)}) >= 18


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_degenerate_fronts_do_no_harm(objectives: int) -> None:
    """All equal, all on a line, all infeasible: some member leaves."""
    survive = reference_directions(objectives)
    equal = [individual(i, *[1.0] * objectives) for i in range(5)]
    line = [individual(i, float(i), *[1.0] * (objectives - 1)) for i in range(5)]
    broken = [individual(i, violation=0.5) for i in range(5)]
    for members in (equal, line, broken):
        assert 0 <= survive(population(*members)) < 5


# --- variation ---------------------------------------------------------------------------------------------------


def test_children_are_members() -> None:
    space = conditional_space()
    skeleton, rng = Skeleton(space), random.Random(0)
    parents = [Individual(i, dict(space.sample(rng).decisions), ()) for i in range(10)]
    for vary in (mutation(), crossover_then_mutation(), crossover_then_mutation(crossover=1.0, subtree=1.0)):
        for attempt in range(100):
            child = vary(skeleton, lambda: parents[int(rng.random() * 10)], rng, attempt)
            assert dict(space.decode(child).decisions) == child


def test_mutation_changes_one_decision_and_more_when_that_is_known() -> None:
    space = finite_space()
    skeleton, rng = Skeleton(space), random.Random(0)
    parent = Individual(0, dict(space.sample(rng).decisions), ())
    for attempt, most in ((0, 1), (7, 1), (8, 2), (40, 6)):
        for _ in range(50):
            child = mutation()(skeleton, lambda: parent, rng, attempt)
            shared = parent.decisions.keys() & child.keys()
            changed = sum(parent.decisions[path] != child[path] for path in shared)
            assert 1 <= changed <= most


def test_a_subtree_is_swapped_whole() -> None:
    a = {"0.kind": "x", "0.kind.x.width": 1, "0.kind.x.kernel": 2, "1.width": 3, "bias": True}
    b = {"0.kind": "y", "0.kind.y.width": 9, "1.width": 3, "bias": True}
    seen = set()
    for seed in range(200):
        child = swap_subtree(a, b, random.Random(seed))
        seen.add(json.dumps(child, sort_keys=True))
        assert ("0.kind.y.width" in child) or child == a | {"0.kind": "y"} or child == a
    swapped = {"0.kind": "y", "0.kind.y.width": 9, "1.width": 3, "bias": True}
    assert json.dumps(swapped, sort_keys=True) in seen
    assert swap_subtree(a, a, random.Random(0)) == a


def test_a_subtree_swap_leaves_the_rest_of_its_first_parent() -> None:
    space, rng = finite_space(), random.Random(3)
    skeleton = Skeleton(space)
    for _ in range(50):
        a, b = (dict(space.sample(rng).decisions) for _ in range(2))
        child = swap_subtree(a, b, rng)
        from_b = {path for path in child if child[path] != a.get(path)}
        roots = {path.split(".")[0] for path in from_b}
        assert len(roots) <= 1
        assert skeleton.resolve(lambda path, domain, c=child: c.get(path, domain.labels[0]))  # type: ignore[misc, attr-defined]


def test_uniform_crossover_takes_each_decision_from_either_parent() -> None:
    """Of 2,000 decisions about half come from each parent: outside 900 to 1,100 with a probability of 10^-5."""
    a, b = {f"p{i}": 0 for i in range(2_000)}, {f"p{i}": 1 for i in range(2_000)}
    child = mix_uniformly(a, b, random.Random(0))
    assert child.keys() == a.keys()
    assert 900 <= sum(child.values()) <= 1_100
    assert mix_uniformly({"x": 1}, {"y": 2}, random.Random(0)) == {"x": 1, "y": 2}


# --- the fold ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("survive", [youngest, non_dominated_crowding, reference_directions(2)])
def test_a_fold_does_not_depend_on_the_order_of_telling(survive: object) -> None:
    members = random_individuals(5 * EVERY, 2, 4)
    plain = Fold(survive, 12)  # type: ignore[arg-type]
    for member in members:
        plain.put(member.number, member)
    mixed, rng = Fold(survive, 12), random.Random(0)  # type: ignore[arg-type]
    first = {i: replace(m, losses=(9.0, 9.0), partial=True) for i, m in enumerate(members)}
    for number in rng.sample(range(len(members)), len(members)):
        mixed.put(number, rng.choice([first[number], members[number], None]))
        mixed.population()
    for number in rng.sample(range(len(members)), len(members)):
        mixed.put(number, members[number])
        if rng.random() < 0.3:
            mixed.population()
    assert mixed.population().members == plain.population().members
    assert len(mixed) == len(members)


def test_the_best_of_a_fold_are_never_lost() -> None:
    members = random_individuals(400, 1, 0)
    fold = Fold(non_dominated_crowding, 10)
    for member in members:
        fold.put(member.number, member)
    assert min(m.losses for m in fold.population().members) == min(m.losses for m in members)


def test_a_fold_remembers_few_populations() -> None:
    fold = Fold(youngest, 5)
    for number in range(3_000):
        fold.put(number, individual(number, float(number % 7)))
        fold.population()
    assert len(fold._after) <= 3_000 // EVERY + 140


# --- the sampler -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"), [("evolution", 1), ("nsga2", 1), ("nsga3", 1), ("evolution", 2), ("nsga2", 2), ("nsga3", 2)]
)
def test_evolution_learns(name: str, count: int) -> None:
    """Volume of the best of 200 trials, beside that of 200 random ones: the mean over six seeds is more than a standard
    deviation of a seed better, which chance reaches with a probability below 10^-2; it was three and more."""
    ours, chance = ([volume(method, count, seed) for seed in range(6)] for method in (name, "random"))
    assert fmean(ours) > fmean(chance) + stdev(chance)


def volume(name: str, count: int, seed: int) -> float:
    sampler = make_sampler(name, conditional_space(), OBJECTIVES[:count], seed)
    points = []
    for number in range(200):
        (proposal,) = sampler.ask(1, View(number))
        values = evaluate(dict(proposal.decisions))
        points.append([values[o.name] for o in OBJECTIVES[:count]])
        sampler.tell(TrialView(number, proposal.decisions, "complete", values, epochs=9))
    reference = [0.0, 3_500.0][:count]
    return pareto.hypervolume(points, [o.direction for o in OBJECTIVES[:count]], reference)


def test_earlier_trials_are_the_first_population() -> None:
    space, rng = finite_space(), random.Random(0)
    earlier = []
    for number in range(-20, 0):
        decisions = dict(space.sample(rng).decisions)
        earlier.append(TrialView(number, decisions, "complete", evaluate(decisions)))
    fresh = make_sampler("evolution", space, OBJECTIVES, 0)
    warm = make_sampler("evolution", space, OBJECTIVES, 0, earlier=earlier)
    near = [min(distance(p.decisions, t.decisions) for t in earlier) for p in warm.ask(10, View(0))]
    assert max(near) <= 1
    assert max(min(distance(p.decisions, t.decisions) for t in earlier) for p in fresh.ask(10, View(0))) > 1


def distance(a: object, b: object) -> int:
    a, b = dict(a), dict(b)  # type: ignore[call-overload]
    return sum(a[path] != b[path] for path in a.keys() & b.keys())


def test_violations_lead_to_the_feasible_part() -> None:
    """About 5 % of the space has a latency of at most 12 ms, known only when it is measured. A sampler that learnt
    nothing would reach 20 of 100 such trials with a probability below 10^-7; the seed is fixed."""
    for name in ("evolution", "nsga2", "nsga3"):
        sampler, met = make_sampler(name, conditional_space(), OBJECTIVES, 0), []
        for number in range(160):
            (proposal,) = sampler.ask(1, View(number))
            values = evaluate(dict(proposal.decisions))
            excess = values["latency_ms"] / 12 - 1
            met.append(excess <= 0)
            status, broken = ("complete", {}) if excess <= 0 else ("infeasible", {"latency_ms": excess})
            sampler.tell(TrialView(number, proposal.decisions, status, {} if broken else values, broken, 9))
        assert sum(met[60:]) >= 20


def test_an_own_evolution_is_composed() -> None:
    sampler = Evolution(problem(), select=tournament(3), vary=mutation(), survive=youngest, population=8)
    trials: dict[int, TrialView] = {}
    drive(sampler, trials, 60)
    again = Evolution(problem(), select=tournament(3), vary=mutation(), survive=youngest, population=8)
    assert replay(again, trials.values()).ask(2, View(60)) == sampler.ask(2, View(60))


@pytest.mark.parametrize("starts", [0, 1.5, True])
def test_no_start_is_refused(starts: object) -> None:
    with pytest.raises(StudyError, match=r"evolution: starts is a whole number from 1 on; got"):
        Evolution(
            problem(), select=uniform, vary=mutation(), survive=youngest,
            starts=starts,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.mark.parametrize("size", [1, 0, 2.5, True])
def test_a_population_of_one_is_refused(size: object) -> None:
    with pytest.raises(StudyError, match=r"evolution: the population is a whole number from 2 on; got"):
        Evolution(
            Problem(small_space(), OBJECTIVES), select=uniform, vary=mutation(), survive=youngest,
            population=size,  # type: ignore[arg-type]
        )  # fmt: skip
