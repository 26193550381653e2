"""The contract of samplers: what every one of them must hold, whatever it learns.

A test file subclasses :class:`SamplerContract` and names the samplers by parametrising ``name``.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from search_toys import (
    OBJECTIVES,
    Input,
    Net,
    conditional_space,
    drive,
    dump,
    evaluate,
    finite_space,
    load,
    measured,
    small_space,
)

from nasengine.errors import StudyError
from nasengine.search import Budget, Objective, Sampler, TrialView, View, at_least, at_most, make_sampler, replay
from nasengine.space import Space

TESTS = Path(__file__).parent
COUNTING = {"uniform", "exhaustive"}
"""Samplers that need a space that can be counted."""
REPEATING = {"tpe", "cmaes", "optuna_gp", "optuna_nsga2", "optuna_nsga3"}
"""Optuna's samplers may propose what was proposed before."""
SINGLE = {"cmaes", "optuna_gp"}
"""Samplers that are held to the contract with one objective."""
RESTLESS = {"cmaes"}
"""Samplers that cannot be rebuilt."""
TORCH = {"optuna_gp"}
DEAR = {"gp", "predictor", "optuna_gp"}
TRIALS = 40


def space_for(name: str) -> Space:
    return finite_space() if name in COUNTING else conditional_space()


def objectives_for(name: str, count: int = 3) -> tuple[Objective, ...]:
    return OBJECTIVES[: 1 if name in SINGLE else count]


def make(
    name: str, count: int = 3, seed: int = 0, space: Space | None = None, budgets: tuple[Budget, ...] = ()
) -> Sampler:
    return make_sampler(name, space or space_for(name), objectives_for(name, count), seed, budgets=budgets)


def key(decisions: object) -> str:
    return json.dumps(dict(decisions), sort_keys=True)  # type: ignore[call-overload]


class SamplerContract:
    """Tests that take the name of a sampler."""

    @pytest.mark.parametrize("count", [1, 3])
    def test_proposals_are_members_with_plain_attributes(self, name: str, count: int) -> None:
        trials: dict[int, TrialView] = {}
        drive(make(name, count), trials, TRIALS)
        space = space_for(name)
        assert len(trials) == TRIALS
        for trial in trials.values():
            assert dict(space.decode(trial.decisions).decisions) == dict(trial.decisions)
            json.dumps(trial.attrs)

    @pytest.mark.parametrize("count", [1, 3])
    def test_a_rebuilt_sampler_proposes_what_an_uninterrupted_one_does(self, name: str, count: int) -> None:
        if name in RESTLESS:
            pytest.skip(f"{name} keeps a state that is not recorded, and says so")
        whole: dict[int, TrialView] = {}
        drive(make(name, count), whole, TRIALS)
        for cut in (11, 33):
            part: dict[int, TrialView] = {}
            drive(make(name, count), part, cut)
            resumed = load(dump(part))
            drive(replay(make(name, count), resumed.values()), resumed, TRIALS)
            assert {n: t.decisions for n, t in resumed.items()} == {n: t.decisions for n, t in whole.items()}

    def test_a_fresh_interpreter_goes_on_alike_and_loads_no_torch(self, name: str) -> None:
        trials: dict[int, TrialView] = {}
        drive(make(name), trials, 30)
        expected = [dict(p.decisions) for p in replay(make(name), load(dump(trials)).values()).ask(2, View(30))]
        script = (
            "import json, sys\n"
            "from sampler_contract import make\n"
            "from search_toys import load\n"
            "from nasengine.search import View, replay\n"
            f"sampler = replay(make({name!r}), load(sys.stdin.read()).values())\n"
            "found = [dict(p.decisions) for p in sampler.ask(2, View(30))]\n"
            "print(json.dumps([found, 'torch' in sys.modules]))\n"
        )
        env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
        command = [sys.executable, "-c", script]
        run = subprocess.run(command, input=dump(trials), capture_output=True, text=True, check=True, env=env)
        found, torch = json.loads(run.stdout)
        assert name in RESTLESS or found == expected
        assert torch == (name in TORCH)

    def test_the_seed_decides(self, name: str) -> None:
        """Two seeds give the same 25 members with a probability below 10^-20; an exhaustive search has no seed."""
        first, again, other = (dict[int, TrialView]() for _ in range(3))
        drive(make(name, seed=5), first, 25)
        drive(make(name, seed=5), again, 25)
        drive(make(name, seed=6), other, 25)
        assert dump(first) == dump(again)
        assert (dump(first) != dump(other)) == (name != "exhaustive")

    def test_telling_twice_late_or_in_another_order_changes_nothing(self, name: str) -> None:
        trials: dict[int, TrialView] = {}
        drive(make(name), trials, 30)
        plain = replay(make(name), trials.values())
        twice = make(name)
        for number in sorted(trials, key=lambda n: (n * 7) % 30):
            twice.tell(TrialView(number, trials[number].decisions, "running", attrs=trials[number].attrs))
            twice.tell(trials[number])
            twice.tell(trials[number])
        assert plain.ask(3, View(30)) == twice.ask(3, View(30))

    def test_results_that_come_late_are_as_if_they_had_come_in_order(self, name: str) -> None:
        if name in RESTLESS:
            pytest.skip(f"{name} keeps a state that is not recorded")
        trials: dict[int, TrialView] = {}
        sampler = make(name)
        drive(sampler, trials, 30, workers=9)
        assert [p.decisions for p in sampler.ask(2, View(30))] == [
            p.decisions for p in replay(make(name), load(dump(trials)).values()).ask(2, View(30))
        ]

    def test_a_batch_has_no_duplicates(self, name: str) -> None:
        proposals = make(name).ask(8, View(0))
        assert len(proposals) == 8
        distinct = len({key(p.decisions) for p in proposals})
        assert distinct == 8 or (name in REPEATING and distinct > 1)

    def test_many_may_be_pending(self, name: str) -> None:
        sampler, found = make(name), []
        for number in range(TRIALS):
            (proposal,) = sampler.ask(1, View(number))
            sampler.tell(TrialView(number, proposal.decisions, "running", attrs=proposal.attrs))
            found.append(key(proposal.decisions))
        assert len(set(found)) == TRIALS or name in REPEATING

    def test_trials_that_wait_at_a_rung_and_go_on(self, name: str) -> None:
        if name in RESTLESS:
            pytest.skip(f"{name} keeps a state that is not recorded")
        sampler, now = make(name), dict[int, TrialView]()
        for number in range(25):
            (proposal,) = sampler.ask(1, View(number))
            values = evaluate(dict(proposal.decisions))
            for status, epochs in (("waiting", 3), ("complete", 9)) if number % 4 == 0 else (("waiting", 3),):
                partial = {**values, "accuracy": values["accuracy"] * (1 - 1 / epochs)}
                now[number] = TrialView(number, proposal.decisions, status, partial, {}, epochs, proposal.attrs)
                sampler.tell(now[number])
        expected = [p.decisions for p in sampler.ask(2, View(25))]
        assert expected == [p.decisions for p in replay(make(name), now.values()).ask(2, View(25))]

    def test_no_member_comes_twice_and_then_the_space_is_exhausted(self, name: str) -> None:
        space = small_space()
        sampler, members = make(name, space=space), {key(a.decisions) for a in space}
        found: list[str] = []
        for number in range(len(members)):
            for proposal in sampler.ask(1, View(number)):
                found.append(key(proposal.decisions))
                sampler.tell(outcome(number, proposal.decisions))
        if name not in REPEATING:
            assert sorted(found) == sorted(members)
        for number, member in enumerate(space, start=len(found)):
            sampler.tell(outcome(number, member.decisions))
        next_number = len(found) + len(members)
        assert sampler.ask(1, View(next_number)) == []
        assert sampler.ask(3, View(next_number)) == []

    def test_a_space_of_one_member(self, name: str) -> None:
        sampler = make(name, space=Space("one", inputs=Input(), network=Net(())))
        (proposal,) = sampler.ask(1, View(0))
        assert proposal.decisions == {}
        sampler.tell(TrialView(0, {}, "complete", evaluate({}), attrs=proposal.attrs))
        assert sampler.ask(1, View(1)) == []

    @pytest.mark.parametrize("status", ["complete", "infeasible", "refused", "failed", "lost", "pruned"])
    def test_equal_results_and_none_at_all_do_no_harm(self, name: str, status: str) -> None:
        """An objective that is constant; nothing but infeasible, refused, failed, lost or pruned trials."""
        sampler = make(name)
        same = dict.fromkeys(("accuracy", "params", "latency_ms"), 1.0)
        broken = {"params": 0.5} if status == "infeasible" else {}
        told = "infeasible" if status == "refused" else status
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in range(25 if name in DEAR else TRIALS):
                (proposal,) = sampler.ask(1, View(number))
                assert space_for(name).decode(proposal.decisions).decisions == proposal.decisions
                values = same if status in ("complete", "pruned") else {}
                sampler.tell(TrialView(number, proposal.decisions, told, values, broken, 3, proposal.attrs))

    @pytest.mark.parametrize(("value", "word"), [(math.nan, "nan"), (math.inf, "inf"), (None, "missing")])
    def test_a_complete_trial_needs_finite_values(self, name: str, value: float | None, word: str) -> None:
        sampler = make(name)
        (proposal,) = sampler.ask(1, View(0))
        values = {"params": 1.0, "latency_ms": 1.0} | ({} if value is None else {"accuracy": value})
        message = rf"trial 0: a complete trial has a finite value .*'accuracy' is {word}; tell it as failed"
        with pytest.raises(StudyError, match=message):
            sampler.tell(TrialView(0, proposal.decisions, "complete", values))

    def test_no_proposal_breaks_a_budget_that_is_known(self, name: str) -> None:
        """About a fifth of the members meet these budgets."""
        if name in REPEATING:
            pytest.skip("Optuna learns of a budget only by breaking it")
        budgets = (at_most("params", 600), at_least("macs", 100))
        sampler, space = make(name, budgets=budgets), space_for(name)
        for number in range(TRIALS):
            (proposal,) = sampler.ask(1, View(number))
            cost = space.decode(proposal.decisions).cost()
            assert cost.params <= 600
            assert cost.macs >= 100
            sampler.tell(TrialView(number, proposal.decisions, "complete", measured(space, proposal), epochs=9))

    def test_budgets_that_nothing_meets_leave_the_least_violating(self, name: str) -> None:
        sampler, space = make(name, budgets=(at_most("params", 1),)), space_for(name)
        found = []
        for number in range(10):
            (proposal,) = sampler.ask(1, View(number))
            found.append(space.decode(proposal.decisions).cost().params - 1.0)
            sampler.tell(TrialView(number, proposal.decisions, "infeasible", {}, {"params": found[-1]}))
        chance = [space.sample(seed).cost().params - 1.0 for seed in range(100)]
        if name not in REPEATING:  # Optuna's do not know beforehand
            assert sum(found) / len(found) < sum(chance) / len(chance)

    def test_asking_again_for_the_same_number_gives_the_same(self, name: str) -> None:
        if name in REPEATING:
            pytest.skip("Optuna numbers its trials itself")
        trials: dict[int, TrialView] = {}
        sampler = make(name)
        drive(sampler, trials, 30)
        first = sampler.ask(4, View(30))
        assert sampler.ask(4, View(30)) == first
        assert sampler.ask(2, View(30)) == first[:2]

    def test_nothing_is_printed_and_no_warning_is_shown(self, name: str, capfd: pytest.CaptureFixture[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drive(make(name), {}, 30)
        assert capfd.readouterr() == ("", "")


def outcome(number: int, decisions: object) -> TrialView:
    return TrialView(number, decisions, "complete", evaluate(dict(decisions)), epochs=9)  # type: ignore[call-overload, arg-type]
