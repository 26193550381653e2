"""What Optuna's samplers are shown, and what of them is recorded."""

from __future__ import annotations

import pickle

import optuna
import pytest
from search_toys import (
    OBJECTIVES,
    Input,
    Item,
    Net,
    conditional_space,
    drive,
    dump,
    evaluate,
    load,
    numeric_space,
    problem,
)

from nasengine.errors import StudyError
from nasengine.search import Problem, TrialView, View, make_sampler, replay
from nasengine.search.samplers.optuna_sampler import POPULATION_SIZE, OptunaSampler, tpe
from nasengine.search.samplers.optuna_sampler import optuna_nsga2 as nsga2
from nasengine.search.samplers.optuna_study import restorable
from nasengine.space import Space, choice

GENERATION = "NSGAIISampler:generation"


def finish(sampler: OptunaSampler, upto: int, limit_ms: float = 1e9) -> dict[int, TrialView]:
    """Trials one after another; those above the limit on latency are infeasible."""
    trials: dict[int, TrialView] = {}
    for number in range(upto):
        (proposal,) = sampler.ask(1, View(number))
        values = evaluate(dict(proposal.decisions))
        excess = values["latency_ms"] / limit_ms - 1
        status = "complete" if excess <= 0 else "infeasible"
        broken = {"latency_ms": excess} if excess > 0 else {}
        trials[number] = TrialView(number, proposal.decisions, status, values, broken, attrs=proposal.attrs)
        sampler.tell(trials[number])
    return trials


def test_generations_survive_a_rebuild() -> None:
    trials = finish(OptunaSampler(problem(), nsga2), 3 * POPULATION_SIZE)
    generations = [t.attrs["optuna"]["trial"][GENERATION] for t in trials.values()]
    assert generations == sorted(generations)
    assert set(generations) == {0, 1, 2}
    rebuilt = replay(OptunaSampler(problem(), nsga2), load(dump(trials)).values())
    (proposal,) = rebuilt.ask(1, View(len(trials)))
    assert proposal.attrs["optuna"]["trial"][GENERATION] == 3


def test_the_parents_of_a_generation_are_recorded_once_with_its_first_child() -> None:
    trials = finish(OptunaSampler(problem(), nsga2), 2 * POPULATION_SIZE)
    carriers = [n for n, t in trials.items() if "study" in t.attrs["optuna"]]
    assert carriers == [POPULATION_SIZE]
    (parents,) = trials[POPULATION_SIZE].attrs["optuna"]["study"].values()
    assert sorted(parents) == list(range(POPULATION_SIZE))


def test_late_results_do_not_change_the_parents_of_a_rebuilt_study() -> None:
    """Workers finish out of order: trials of generation 0 arrive when generation 1 is already bred."""
    whole, part = dict[int, TrialView](), dict[int, TrialView]()
    drive(make_sampler("optuna_nsga2", conditional_space(), OBJECTIVES, 1), whole, 90, workers=12)
    drive(make_sampler("optuna_nsga2", conditional_space(), OBJECTIVES, 1), part, 50, workers=12)
    drive(replay(make_sampler("optuna_nsga2", conditional_space(), OBJECTIVES, 1), part.values()), part, 90, workers=12)
    assert dump(part) == dump(whole)


def test_dead_decisions_are_never_shown() -> None:
    sampler = OptunaSampler(problem(), tpe)
    trials = finish(sampler, 20)
    assert sampler._study is not None
    for frozen in sampler._study.trials_now:
        assert list(frozen.params) == list(trials[frozen.number].decisions)


def test_options_that_vary_with_other_decisions_do_not_raise() -> None:
    """Optuna refuses two sets of options under one name; a path fixes its options, so there is one."""
    thin, wide = Item(choice(1, 2), choice(3, 5)), Item(choice(10, 20, 30), choice(7, 9, 11))
    block = choice(thin, wide, labels=["thin", "wide"])
    space = Space("varying", inputs=Input(), network=Net((block,)))
    for source in (tpe, nsga2):
        finished = finish_any(OptunaSampler(Problem(space, OBJECTIVES[:1]), source), 60)
        assert {label for d in finished for label in d.values()} >= {"thin", "wide", 1, 20, 7}


def finish_any(sampler: OptunaSampler, upto: int) -> list[dict[str, object]]:
    found = []
    for number in range(upto):
        (proposal,) = sampler.ask(1, View(number))
        sampler.tell(TrialView(number, proposal.decisions, "complete", {"accuracy": number % 7 / 7}))
        found.append(dict(proposal.decisions))
    return found


@pytest.mark.parametrize("source", [tpe, nsga2])
def test_violations_lead_to_the_feasible_part(source: object) -> None:
    """About 5 % of the space has a latency of at most 12 ms. A sampler that learnt nothing would reach 20 of
    100 such trials with a probability below 10^-7; the seed is fixed."""
    trials = finish(OptunaSampler(problem(), source), 160, limit_ms=12.0)  # type: ignore[arg-type]
    early = sum(t.status == "complete" for n, t in trials.items() if n < 60)
    late = sum(t.status == "complete" for n, t in trials.items() if n >= 60)
    assert late >= 20
    assert late > early


def test_other_samplers_never_hear_of_infeasible_trials() -> None:
    sampler = OptunaSampler(problem(), lambda seed: optuna.samplers.RandomSampler(seed=seed))
    finish(sampler, 30, limit_ms=12.0)
    sampler.ask(1, View(30))
    assert sampler._study is not None
    states = {t.state.name for t in sampler._study.trials_now if t.number < 30}
    assert states <= {"COMPLETE", "FAIL"}
    assert "FAIL" in states


@pytest.mark.parametrize(
    ("source", "count", "state"), [(tpe, 1, "PRUNED"), (tpe, 3, "COMPLETE"), (nsga2, 1, "COMPLETE")]
)
def test_partial_scores_are_told_where_they_teach(source: object, count: int, state: str) -> None:
    sampler = OptunaSampler(problem(count=count), source)  # type: ignore[arg-type]
    (proposal,) = sampler.ask(1, View(0))
    values = evaluate(dict(proposal.decisions))
    sampler.tell(TrialView(0, proposal.decisions, "pruned", values, epochs=9))
    sampler.ask(1, View(1))
    assert sampler._study is not None
    told = sampler._study.trials_now[0]
    assert told.state.name == state
    assert told.values == [values[o.name] for o in OBJECTIVES[:count]]
    assert told.intermediate_values == ({9: values["accuracy"]} if state == "PRUNED" else {})


def test_a_finished_trial_that_changes_is_told_anew() -> None:
    sampler = OptunaSampler(problem(), nsga2)
    trials = finish(sampler, 25)
    sampler.ask(1, View(25))
    sampler.tell(TrialView(4, trials[4].decisions, "infeasible", violations={"params": 0.5}))
    fresh = OptunaSampler(problem(), nsga2)
    changed = trials | {
        4: TrialView(4, trials[4].decisions, "infeasible", violations={"params": 0.5}, attrs=trials[4].attrs)
    }
    replay(fresh, changed.values())
    fresh.ask(1, View(25))
    assert sampler.ask(2, View(26)) == fresh.ask(2, View(26))


def test_numbers_may_have_gaps() -> None:
    sampler = OptunaSampler(problem(), nsga2)
    assert len(sampler.ask(2, View(5))) == 2
    sampler.tell(TrialView(2, sampler.ask(1, View(7))[0].decisions, "complete", evaluate({"rate": 0.1, "heads": 1})))
    assert len(sampler.ask(1, View(8))) == 1


def test_instances_and_sequences_say_that_they_are_not_deterministic() -> None:
    space = conditional_space()
    assert make_sampler(optuna.samplers.TPESampler(seed=0), space, OBJECTIVES, 0).deterministic is False
    for factory in (
        lambda s: optuna.samplers.QMCSampler(seed=s),
        lambda s: optuna.samplers.CmaEsSampler(seed=s),
    ):
        sampler = make_sampler(factory, numeric_space(), OBJECTIVES[:1], 0)
        assert sampler.deterministic is False
    instance = make_sampler(optuna.samplers.TPESampler(seed=0), space, OBJECTIVES, 0)
    drive(instance, {}, 25)


def test_a_quasi_random_sequence_does_not_repeat_itself() -> None:
    sampler = make_sampler(lambda s: optuna.samplers.QMCSampler(seed=s), numeric_space(), OBJECTIVES[:1], 0)
    trials: dict[int, TrialView] = {}
    drive(sampler, trials, 32, workers=1)
    assert len({t.decisions["rate"] for t in trials.values()}) == 32


class Trap:
    """Unpickling this leaves a mark."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (_spring, ())


def _spring() -> None:
    Trap.sprung = True


def test_pickled_state_is_neither_recorded_nor_restored() -> None:
    def factory(seed: int) -> optuna.samplers.BaseSampler:
        return optuna.samplers.CmaEsSampler(seed=seed, n_startup_trials=1)

    sampler = make_sampler(factory, numeric_space(), OBJECTIVES[:1], 0)
    trials: dict[int, TrialView] = {}
    drive(sampler, trials, 60)
    assert "cma:optimizer" not in dump(trials)
    assert "cma:generation" in dump(trials)
    # A record that somebody wrote a pickle into, in pieces too short to tell by their length.
    text = pickle.dumps(Trap()).hex()
    pieces = {f"cma:optimizer:{i}": text[2 * i : 2 * i + 2] for i in range(len(text) // 2)}
    poisoned = [
        TrialView(
            t.number,
            t.decisions,
            "complete",
            evaluate(dict(t.decisions)),
            attrs={"optuna": {"trial": pieces}},
        )
        for t in trials.values()
    ]
    replay(make_sampler(factory, numeric_space(), OBJECTIVES[:1], 0), poisoned).ask(3, View(60))
    assert not Trap.sprung


def test_only_plain_json_is_restorable() -> None:
    attrs = {
        "generation": 3,
        "parents": [1, 2],
        "params": '{"a": 1}',
        "blob": "80 04\n95",
        "odd": object(),
        "empty": "",
    }
    assert restorable(attrs) == {"generation": 3, "parents": [1, 2], "params": '{"a": 1}'}


def test_a_factory_that_returns_no_sampler_says_so() -> None:
    with pytest.raises(StudyError, match=r"sampler: the factory returns an Optuna sampler; got 3; write lambda seed"):
        OptunaSampler(problem(), lambda seed: 3)  # type: ignore[arg-type, return-value]


def test_a_sampler_that_does_not_suit_the_study_says_so() -> None:
    sampler = OptunaSampler(problem(numeric_space, 2), lambda seed: optuna.samplers.CmaEsSampler(seed=seed))
    with pytest.raises(StudyError, match=r"sampler: CmaEsSampler cannot propose trial 0 .*multi-objective.*choose"):
        drive(sampler, {}, 2)
