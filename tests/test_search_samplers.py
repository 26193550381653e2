"""Every sampler that has a name, and what else is taken for a sampler."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from sampler_contract import SamplerContract
from search_toys import OBJECTIVES, conditional_space, evaluate, numeric_space, problem, small_space

from nasengine.errors import StudyError
from nasengine.search import Problem, Proposal, Sampler, TrialView, View, make_sampler
from nasengine.search.samplers import FINISHED, PENDING, SAMPLERS, derived_seed, sampler_for

TESTS = Path(__file__).parent
EVERY = [
    pytest.param(name, marks=pytest.mark.slow) if name == "optuna_gp" else name  # a quarter of a second a proposal
    for name in SAMPLERS
    if name != "predictor"  # another name for gp
]


@pytest.mark.parametrize("name", EVERY)
class TestEverySampler(SamplerContract):
    """The contract, for each name."""


def test_search_imports_neither_torch_nor_optuna() -> None:
    heavy = "{'torch', 'optuna', 'pandas', 'scipy', 'sklearn'}"
    script = f"import sys, nasengine.search; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=TESTS.parent)
    assert run.stdout.strip() == "[]"


def test_a_derived_seed_is_the_same_everywhere() -> None:
    assert derived_seed(0, 1) == 2839049726


def test_the_gaussian_process_of_optuna_proposes_members() -> None:
    space, sampler = small_space(), make_sampler("optuna_gp", small_space(), OBJECTIVES[:1], 0)
    for number in range(12):  # the first ten are random
        for proposal in sampler.ask(1, View(number)):
            assert dict(space.decode(proposal.decisions).decisions) == dict(proposal.decisions)
            values = evaluate(dict(proposal.decisions))
            sampler.tell(TrialView(number, proposal.decisions, "complete", values, attrs=proposal.attrs))


def test_predictor_is_another_name_for_gp() -> None:
    assert type(make_sampler("predictor", small_space(), OBJECTIVES, 0)) is type(
        make_sampler("gp", small_space(), OBJECTIVES, 0)
    )


class Fixed:
    """A sampler of a user: anything with ask and tell."""

    deterministic = True

    def ask(self, n: int, view: View) -> list[Proposal]:
        return [Proposal({})] * n

    def tell(self, trial: TrialView) -> None:
        pass


class Spec:
    """A sampler spec of a user: anything with make."""

    def make(self, problem: Problem) -> Sampler:
        assert problem.seed == 3
        return Fixed()


def test_own_samplers_are_taken_as_they_are() -> None:
    own = Fixed()
    assert make_sampler(own, conditional_space(), OBJECTIVES, 0) is own
    assert isinstance(make_sampler(lambda seed: Fixed(), conditional_space(), OBJECTIVES, 0), Fixed)
    assert isinstance(make_sampler(Spec(), conditional_space(), OBJECTIVES, 3), Fixed)
    assert sampler_for(own, problem()) is own


def test_every_status_is_pending_or_finished() -> None:
    statuses = ["running", "waiting", "complete", "pruned", "infeasible", "failed", "lost"]
    assert set(statuses) == PENDING | FINISHED
    assert [TrialView(0, {}, s).finished for s in statuses] == [False] * 2 + [True] * 5


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ("nsga", r"sampler 'nsga': there is no sampler of this name; .* nsga2, .*; did you mean 'nsga\d'"),
        ("zzz", r"sampler 'zzz': there is no sampler of this name; .*; or pass lambda seed: Sampler\(seed\)"),
        (5, r"sampler: a name, an Optuna sampler, an object with ask and tell, or a factory of one; got 5"),
        (lambda seed: "tpe", r"or a factory of one; got 'tpe'; write sampler='gp' or"),
    ],
)
def test_what_is_no_sampler_is_refused(sampler: object, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        make_sampler(sampler, conditional_space(), OBJECTIVES, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "package"), [("cmaes", "cmaes"), ("optuna_gp", "torch")])
def test_a_package_that_is_not_installed_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "nasengine.search.samplers.named.find_spec", lambda wanted: None if wanted == package else found(wanted)
    )
    message = rf"sampler '{name}': Optuna's sampler needs the package '{package}', .* run pip install {package}, or"
    with pytest.raises(StudyError, match=message):
        make_sampler(name, numeric_space(), OBJECTIVES[:1], 0)


def test_brute_force_says_when_the_space_is_exhausted() -> None:
    sampler = make_sampler(lambda seed: optuna.samplers.BruteForceSampler(seed=seed), small_space(), OBJECTIVES[:1], 0)
    found = []
    for number in range(10):
        for proposal in sampler.ask(1, View(number)):
            found.append(tuple(proposal.decisions.values()))
            sampler.tell(TrialView(number, proposal.decisions, "complete", evaluate(dict(proposal.decisions))))
    assert len(found) == len(set(found)) == 4


def test_optuna_proposes_a_number_once() -> None:
    sampler = make_sampler("optuna_nsga2", conditional_space(), OBJECTIVES, 0)
    sampler.ask(3, View(0))
    with pytest.raises(StudyError, match=r"trial 2: a number is proposed once; the next one is 3; tell the sampler"):
        sampler.ask(1, View(2))
