"""The contract of samplers: one suite for all of them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import optuna
import pytest
from search_toys import (
    OBJECTIVES,
    Input,
    Item,
    Net,
    Nothing,
    conditional_space,
    drive,
    dump,
    evaluate,
    load,
    numeric_space,
    problem,
    small_space,
)

from nasengine.errors import StudyError
from nasengine.search import Proposal, Sampler, TrialView, View, make_sampler, replay
from nasengine.search.samplers import FINISHED, PENDING, RandomSampler, derived_seed
from nasengine.space import Space, choice, repeat

DETERMINISTIC: dict[str, object] = {
    "random": "random",
    "tpe": "tpe",
    "nsga2": "nsga2",
    "nsga3": lambda seed: optuna.samplers.NSGAIIISampler(seed=seed, population_size=8),
    "grouped tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
    "independent tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=False),
    "brute force": lambda seed: optuna.samplers.BruteForceSampler(seed=seed),
}
named = pytest.mark.parametrize("name", DETERMINISTIC)
TESTS = Path(__file__).parent


def space_for(name: str) -> Space:
    return brute_space() if name == "brute force" else conditional_space()


def brute_space() -> Space:
    item = repeat(choice(Item(choice(8, 16, 32, 64), choice(3, 5, 7)), Nothing()), choice(1, 2))
    return Space("brute", inputs=Input(), network=Net((item,), bias=choice(True, False)))


def make(name: str, count: int = 3, seed: int = 0) -> Sampler:
    return make_sampler(DETERMINISTIC[name], space_for(name), OBJECTIVES[:count], seed)  # type: ignore[arg-type]


@named
@pytest.mark.parametrize("count", [1, 3])
def test_proposals_are_members_with_plain_attributes(name: str, count: int) -> None:
    trials: dict[int, TrialView] = {}
    sampler = make(name, count)
    drive(sampler, trials, 60)
    space = space_for(name)
    for trial in trials.values():
        assert dict(space.decode(trial.decisions).decisions) == dict(trial.decisions)
        json.dumps(trial.attrs)
    assert sampler.deterministic


@named
@pytest.mark.parametrize("count", [1, 3])
def test_a_rebuilt_sampler_proposes_what_an_uninterrupted_one_does(name: str, count: int) -> None:
    whole: dict[int, TrialView] = {}
    drive(make(name, count), whole, 60)
    for cut in (11, 37, 54):
        part: dict[int, TrialView] = {}
        drive(make(name, count), part, cut)
        resumed = load(dump(part))
        drive(replay(make(name, count), resumed.values()), resumed, 60)
        assert {n: t.decisions for n, t in resumed.items()} == {n: t.decisions for n, t in whole.items()}


@named
def test_the_seed_decides(name: str) -> None:
    first, again, other = (dict[int, TrialView]() for _ in range(3))
    drive(make(name, seed=5), first, 25)
    drive(make(name, seed=5), again, 25)
    drive(make(name, seed=6), other, 25)
    assert dump(first) == dump(again)
    assert dump(first) != dump(other)


@named
def test_telling_twice_or_late_changes_nothing(name: str) -> None:
    trials: dict[int, TrialView] = {}
    drive(make(name), trials, 30)
    plain = replay(make(name), trials.values())
    twice = make(name)
    for number in sorted(trials, key=lambda n: (n * 7) % 30):  # not in order of numbers
        twice.tell(trials[number])
        twice.tell(trials[number])
    assert plain.ask(3, View(30)) == twice.ask(3, View(30))


@named
def test_a_batch_is_asked_at_once(name: str) -> None:
    proposals = make(name).ask(4, View(0))
    assert len(proposals) == 4
    assert len({json.dumps(dict(p.decisions), sort_keys=True) for p in proposals}) > 1


@named
def test_nothing_is_printed_and_no_warning_is_shown(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drive(make(name), {}, 30)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["random", "tpe", "nsga2"])
def test_a_resumed_study_goes_on_alike_in_fresh_interpreters(name: str) -> None:
    trials: dict[int, TrialView] = {}
    drive(make(name), trials, 40)
    expected = [dict(p.decisions) for p in replay(make(name), trials.values()).ask(3, View(40))]
    script = (
        "import json, sys\n"
        "from search_toys import conditional_space, OBJECTIVES, load\n"
        "from nasengine.search import View, make_sampler, replay\n"
        f"sampler = make_sampler({name!r}, conditional_space(), OBJECTIVES, 0)\n"
        "replay(sampler, load(sys.stdin.read()).values())\n"
        "print(json.dumps([dict(p.decisions) for p in sampler.ask(3, View(40))]))\n"
    )
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
        run = subprocess.run(
            [sys.executable, "-c", script],
            input=dump(trials),
            capture_output=True,
            text=True,
            env=env,
            check=True,
        )
        assert json.loads(run.stdout) == expected


def test_search_imports_neither_torch_nor_optuna() -> None:
    script = "import sys, nasengine.search; print(sorted({'torch', 'optuna', 'pandas'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TESTS.parent)
    assert run.stdout.strip() == "[]"


def test_random_trials_do_not_depend_on_each_other() -> None:
    sampler = RandomSampler(problem())
    assert sampler.ask(5, View(0))[3] == sampler.ask(1, View(3))[0]
    assert derived_seed(0, 1) == 2839049726


def test_exhaustive_meets_every_member_once_and_then_stops() -> None:
    space = small_space()
    sampler = make_sampler("exhaustive", space, OBJECTIVES, 0)
    found = [p.decisions for p in sampler.ask(10, View(0))]
    assert found == [dict(space[i].decisions) for i in range(4)]
    assert sampler.ask(1, View(4)) == []
    assert len(sampler.ask(5, View(3))) == 1


def test_brute_force_says_when_the_space_is_exhausted() -> None:
    sampler = make_sampler(lambda seed: optuna.samplers.BruteForceSampler(seed=seed), small_space(), OBJECTIVES[:1], 0)
    found = []
    for number in range(10):
        for proposal in sampler.ask(1, View(number)):
            found.append(tuple(proposal.decisions.values()))
            sampler.tell(TrialView(number, proposal.decisions, "complete", evaluate(dict(proposal.decisions))))
    assert len(found) == len(set(found)) == 4


def test_a_space_of_one_member_is_proposed_by_every_sampler() -> None:
    for name in ("random", "exhaustive", "tpe", "nsga2"):
        sampler = make_sampler(name, Space("one", inputs=Input(), network=Net(())), OBJECTIVES, 0)
        (proposal,) = sampler.ask(1, View(0))
        assert proposal.decisions == {}
        sampler.tell(TrialView(0, {}, "complete", evaluate({})))


def test_a_constant_objective_and_only_infeasible_trials_do_no_harm() -> None:
    for name in ("tpe", "nsga2"):
        for status in ("complete", "infeasible", "failed", "pruned"):
            sampler = make_sampler(name, conditional_space(), OBJECTIVES, 0)
            for number in range(45):
                (proposal,) = sampler.ask(1, View(number))
                same = dict.fromkeys(("accuracy", "params", "latency_ms"), 1.0)
                sampler.tell(TrialView(number, proposal.decisions, status, same, {"params": 0.5}))


class Fixed:
    """A sampler of a user: anything with ask and tell."""

    deterministic = True

    def ask(self, n: int, view: View) -> list[Proposal]:
        return [Proposal({})] * n

    def tell(self, trial: TrialView) -> None:
        pass


def test_own_samplers_are_taken_as_they_are() -> None:
    own = Fixed()
    assert make_sampler(own, conditional_space(), OBJECTIVES, 0) is own
    assert isinstance(make_sampler(lambda seed: Fixed(), conditional_space(), OBJECTIVES, 0), Fixed)


def test_every_status_is_pending_or_finished() -> None:
    statuses = ["running", "waiting", "complete", "pruned", "infeasible", "failed", "lost"]
    assert set(statuses) == PENDING | FINISHED
    assert [TrialView(0, {}, s).finished for s in statuses] == [False] * 2 + [True] * 5


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (
            "nsga",
            r"sampler 'nsga': there is no sampler of this name; .* tpe, nsga2; did you mean 'nsga2'",
        ),
        ("zzz", r"sampler 'zzz': there is no sampler of this name; .*; or pass lambda seed: Sampler\(seed\)"),
        (5, r"sampler: a name, an Optuna sampler, an object with ask and tell, or a factory of one; got 5"),
        (lambda seed: "tpe", r"or a factory of one; got 'tpe'; write sampler='tpe' or"),
    ],
)
def test_what_is_no_sampler_is_refused(sampler: object, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        make_sampler(sampler, conditional_space(), OBJECTIVES, 0)  # type: ignore[arg-type]


def test_exhaustive_refuses_an_infinite_space() -> None:
    with pytest.raises(
        StudyError, match=r"sampler 'exhaustive': the space must be finite; 'numeric' holds a real-valued"
    ):
        make_sampler("exhaustive", numeric_space(), OBJECTIVES, 0)


@pytest.mark.parametrize(("value", "word"), [(math.nan, "nan"), (math.inf, "inf"), (None, "missing")])
def test_a_complete_trial_needs_finite_values(value: float | None, word: str) -> None:
    sampler = make_sampler("tpe", conditional_space(), OBJECTIVES, 0)
    (proposal,) = sampler.ask(1, View(0))
    values = {"accuracy": 0.5, "params": 1.0} | ({} if value is None else {"latency_ms": value})
    with pytest.raises(
        StudyError, match=rf"trial 0: a complete trial has a finite value .*'latency_ms' is {word}; tell it"
    ):
        sampler.tell(TrialView(0, proposal.decisions, "complete", values))


def test_a_number_is_proposed_once() -> None:
    sampler = make_sampler("nsga2", conditional_space(), OBJECTIVES, 0)
    sampler.ask(3, View(0))
    with pytest.raises(StudyError, match=r"trial 2: a number is proposed once; the next one is 3; tell the sampler"):
        sampler.ask(1, View(2))
