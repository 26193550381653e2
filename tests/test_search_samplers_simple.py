"""Samplers that learn nothing, and local search."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from search_toys import (
    OBJECTIVES,
    Input,
    Item,
    Net,
    Nothing,
    conditional_space,
    evaluate,
    finite_space,
    numeric_space,
    problem,
    small_space,
)

from nasengine.errors import StudyError
from nasengine.search import Problem, Proposal, Sampler, TrialView, View, at_most, make_sampler
from nasengine.search.samplers import LocalSearch, RandomSampler, UniformSampler
from nasengine.search.samplers.sobol import DIMENSIONS, quantile
from nasengine.space import Choice, Integer, Space, Uniform, choice, repeat, uniform


def asked(sampler: Sampler, upto: int) -> list[Proposal]:
    """Proposals one by one, each told as complete."""
    found = []
    for number in range(upto):
        for proposal in sampler.ask(1, View(number)):
            found.append(proposal)
            values = evaluate(dict(proposal.decisions))
            sampler.tell(TrialView(number, proposal.decisions, "complete", values, epochs=9, attrs=proposal.attrs))
    return found


# --- random and uniform ------------------------------------------------------------------------------------------


def test_random_trials_do_not_depend_on_each_other() -> None:
    sampler = RandomSampler(problem())
    assert sampler.ask(5, View(0))[3] == RandomSampler(problem()).ask(1, View(3))[0]


def lopsided_space() -> Space:
    """Nothing, or one of 64 items: 65 members."""
    many = Item(choice(*range(1, 17)), choice(1, 2, 3, 4))
    return Space("lopsided", inputs=Input(), network=Net((choice(Nothing(), many),)))


@pytest.mark.parametrize(("name", "low", "high"), [("random", 20, 45), ("uniform", 0, 6)])
def test_random_draws_decisions_and_uniform_draws_members(name: str, low: int, high: int) -> None:
    """How often the first trial of 65 studies is the one member of the small branch: half of the time (32.5 ± 4.0)
    where decisions are drawn, once in 65 (1 ± 1) where members are: either bound fails with a probability of 10^-3."""
    firsts = [make_sampler(name, lopsided_space(), OBJECTIVES, seed).ask(1, View(0))[0] for seed in range(65)]
    assert low <= sum(len(p.decisions) == 1 for p in firsts) <= high


def test_uniform_refuses_what_it_cannot_count() -> None:
    with pytest.raises(StudyError, match=r"sampler 'uniform': the space must be finite; 'numeric' .*; use choice or"):
        make_sampler("uniform", numeric_space(), OBJECTIVES, 0)
    with pytest.raises(
        StudyError, match=r"sampler 'uniform': it counts the members .*size: .*; or use another sampler"
    ):
        UniformSampler(Problem(entangled_space(), OBJECTIVES))


def entangled_space() -> Space:
    """Twenty names, each used twice, each deciding what else is open: 2^20 joint options."""

    def pair(i: int) -> tuple[Item | Nothing, ...]:
        one = choice(Item(choice(8, 16), 3), Nothing(), name=f"n{i}")
        return (one, one)

    return Space("entangled", inputs=Input(), network=Net(tuple(block for i in range(20) for block in pair(i))))


# --- exhaustive --------------------------------------------------------------------------------------------------


def test_exhaustive_meets_every_member_once_and_then_stops() -> None:
    space = small_space()
    sampler = make_sampler("exhaustive", space, OBJECTIVES, 0)
    found = [p.decisions for p in sampler.ask(10, View(0))]
    assert found == [dict(space[i].decisions) for i in range(4)]
    assert sampler.ask(1, View(4)) == []
    assert len(sampler.ask(5, View(3))) == 1


def test_exhaustive_passes_over_members_that_break_a_budget() -> None:
    space = small_space()
    costs = [a.cost().params for a in space]
    middle = sorted(costs)[1]
    sampler = make_sampler("exhaustive", space, OBJECTIVES, 0, budgets=(at_most("params", middle),))
    found = [p.decisions for p in asked(sampler, 2)]
    assert found == [dict(a.decisions) for a in space if a.cost().params <= middle]


@pytest.mark.parametrize("name", ["exhaustive", "uniform"])
def test_an_infinite_space_is_refused(name: str) -> None:
    message = rf"sampler '{name}': the space must be finite; 'numeric' holds a real-valued position; use choice or"
    with pytest.raises(StudyError, match=message):
        make_sampler(name, numeric_space(), OBJECTIVES, 0)


# --- Sobol -------------------------------------------------------------------------------------------------------


def test_sobol_points_are_even() -> None:
    """Of the first 64 points of a scrambled sequence exactly one lies in each 64th of an axis (elementary intervals);
    of 64 random points that would hold with a probability below 10^-25."""
    sampler = make_sampler("sobol", numeric_space(), OBJECTIVES, 1)
    found = [p.decisions for p in asked(sampler, 64)]
    assert sorted(int(64 * d["rate"]) for d in found) == list(range(64))  # type: ignore[operator]
    assert sorted(d["heads"] for d in found) == list(range(1, 65))  # type: ignore[type-var]


def test_sobol_reads_one_dimension_a_position() -> None:
    """Two positions with two options: the first four points of a sequence take each pair once."""
    sampler = make_sampler("sobol", small_space(), OBJECTIVES, 0)
    assert len({tuple(p.decisions.values()) for p in sampler.ask(4, View(0))}) == 4


def test_sobol_uses_no_point_twice_after_a_restart() -> None:
    whole = asked(make_sampler("sobol", numeric_space(), OBJECTIVES, 1), 20)
    resumed = make_sampler("sobol", numeric_space(), OBJECTIVES, 1)
    for number, proposal in enumerate(whole[:12]):
        resumed.tell(TrialView(number, proposal.decisions, "failed", attrs=proposal.attrs))
    assert resumed.ask(8, View(12)) == whole[12:]
    assert [p.attrs["sobol"] for p in whole] == list(range(20))


def test_positions_past_the_last_dimension_are_random() -> None:
    space = Space("long", inputs=Input(), network=Net((repeat(choice(Item(1), Nothing()), DIMENSIONS + 40),)))
    proposals = asked(make_sampler("sobol", space, OBJECTIVES, 0), 8)
    last = [[label == "search_toys.nothing" for label in p.decisions.values()][DIMENSIONS:] for p in proposals]
    assert 100 < sum(map(sum, last)) < 220  # of 320 fair coins; fails with a probability below 10^-10


@pytest.mark.parametrize(
    ("domain", "shares", "labels"),
    [
        (Choice((3, 5, 7), (3, 5, 7), None), (0.0, 0.34, 0.999), (3, 5, 7)),
        (Integer(2, 8, 3, False, None), (0.0, 0.5, 0.999), (2, 5, 8)),
        (Integer(1, 100, 1, True, None), (0.0, 0.5, 0.999999), (1, 7, 100)),
        (Uniform(2.0, 4.0, False, None), (0.0, 0.5), (2.0, 3.0)),
        (Uniform(1e-4, 1e-2, True, None), (0.0, 0.5), (1e-4, 1e-3)),
    ],
)
def test_quantiles(domain: Choice | Integer | Uniform, shares: tuple[float, ...], labels: tuple[float, ...]) -> None:
    assert [quantile(domain, share) for share in shares] == pytest.approx(list(labels))


def test_quantiles_follow_the_law_of_random_draws() -> None:
    """Shares spread evenly give the labels of a log integer as often as its law says."""
    counts = Counter(quantile(Integer(1, 8, 1, True, None), (i + 0.5) / 10_000) for i in range(10_000))
    for label, count in counts.items():
        assert isinstance(label, int)
        share = math.log((label + 0.5) / (label - 0.5)) / math.log(8.5 / 0.5)
        assert count / 10_000 == pytest.approx(share, abs=2e-4)


# --- local search ------------------------------------------------------------------------------------------------


def test_local_search_looks_at_all_neighbours_of_the_best_first() -> None:
    space = finite_space()
    sampler = LocalSearch(Problem(space, OBJECTIVES[:1]), starts=5)
    proposals = asked(sampler, 5)
    scores = [evaluate(dict(p.decisions))["accuracy"] for p in proposals]
    best = scores.index(max(scores))
    around = {frozenset(a.decisions.items()) for a in space.neighbours(space.decode(proposals[best].decisions))}
    later = asked_on(sampler, 5, 5 + len(around))
    assert [p.attrs["around"] for p in later[:-1]].count(best) >= len(around) - 5  # some were among the first five
    first = later[: [p.attrs["around"] for p in later].count(best)]
    assert len({frozenset(p.decisions.items()) for p in first}) == len(first)
    for proposal in first:
        assert differences(proposals[best].decisions, proposal.decisions) == 1


def differences(a: object, b: object) -> int:
    """Decisions that both have and in which they differ."""
    a, b = dict(a), dict(b)  # type: ignore[call-overload]
    return sum(a[path] != b[path] for path in a.keys() & b.keys())


def asked_on(sampler: Sampler, start: int, stop: int) -> list[Proposal]:
    found = []
    for number in range(start, stop):
        (proposal,) = sampler.ask(1, View(number))
        found.append(proposal)
        values = evaluate(dict(proposal.decisions))
        sampler.tell(TrialView(number, proposal.decisions, "complete", values, epochs=9, attrs=proposal.attrs))
    return found


def test_local_search_climbs() -> None:
    """The best accuracy of 200 trials is in each of five seeds above that of 200 random ones, which chance does with a
    probability of 1/32; that all five are above all of chance's, with 1/252."""
    ours, chance = ([best_accuracy(name, seed) for seed in range(5)] for name in ("local", "random"))
    assert min(ours) > max(chance)


def best_accuracy(name: str, seed: int) -> float:
    proposals = asked(make_sampler(name, conditional_space(), OBJECTIVES[:1], seed), 200)
    return max(evaluate(dict(p.decisions))["accuracy"] for p in proposals)


def test_local_search_starts_again_when_nothing_is_left() -> None:
    """A space of isolated members: with one position, all members are neighbours; with every neighbour seen, random."""
    space = Space("line", inputs=Input(), network=Net((Item(choice(*range(1, 9)), 1),)))
    found = [p.decisions["0.width"] for p in asked(LocalSearch(Problem(space, OBJECTIVES[:1]), starts=1), 12)]
    assert sorted(found) == list(range(1, 9))  # type: ignore[type-var]


def test_local_search_looks_around_feasible_members_first() -> None:
    sampler = LocalSearch(Problem(conditional_space(), OBJECTIVES[:1]), starts=3)
    proposals = sampler.ask(3, View(0))
    for number, proposal in enumerate(proposals):
        good = {"accuracy": 0.9 if number == 1 else 0.1}
        status, broken = ("infeasible", {"latency_ms": 0.2}) if number == 0 else ("complete", {})
        sampler.tell(TrialView(number, proposal.decisions, status, {} if broken else good, broken, 9))
    assert [p.attrs["around"] for p in sampler.ask(4, View(3))] == [1] * 4


@pytest.mark.parametrize("starts", [0, True, 2.5])
def test_local_search_needs_a_start(starts: object) -> None:
    with pytest.raises(StudyError, match=r"local search: starts is a whole number from 1 on; got"):
        LocalSearch(problem(), starts=starts)  # type: ignore[arg-type]


def test_real_positions_are_neighbours_by_a_tenth() -> None:
    space = Space("real", inputs=Input(), network=Net((), rate=uniform(0.0, 1.0)))
    sampler = LocalSearch(Problem(space, OBJECTIVES[:1]), starts=1)
    (first,) = asked(sampler, 1)
    (second,) = asked_on(sampler, 1, 2)
    assert abs(first.decisions["rate"] - second.decisions["rate"]) == pytest.approx(0.1)  # type: ignore[operator]
