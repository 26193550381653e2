"""Optuna's samplers over a space.

Optuna proposes and keeps no record: its study lives in memory and is rebuilt from the trials it is told. The
walk asks ``trial.suggest_*`` at each open position it reaches, under the position's path, so Optuna sees
exactly the decisions that are alive.

What makes a rebuilt study propose the same: the sampler is made anew for each trial by the factory, with a
seed derived from the study's seed and the trial's number; a trial keeps its number; and what a sampler writes
into Optuna's *system attributes* (generations of NSGA-II, the parents a generation was bred from, the
parameters that TPE shares with its siblings) travels in ``Proposal.attrs`` and comes back on replay. State
that is bytes in hexadecimal is a pickle (CMA-ES writes one): it is neither recorded nor restored, and such a
sampler starts its inner state afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    TPESampler,
)
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import TrialState

from nasengine.errors import NasError, StudyError
from nasengine.search.samplers.members import Seen, size_of
from nasengine.search.samplers.optuna_study import MemoryStudy, quiet, restorable
from nasengine.search.samplers.protocol import PENDING, Problem, Proposal, TrialView, View, check_values, derived_seed
from nasengine.space.choices import Choice, Domain, Integer, Uniform
from nasengine.space.spec import Label

POPULATION_SIZE = 20
_ONE_SEQUENCE = (QMCSampler, GridSampler)


def tpe(seed: int) -> BaseSampler:
    """Tree-structured Parzen estimator over all decisions jointly (Bergstra et al., 2011; multivariate as in
    Falkner et al., 2018; several objectives as in Ozaki et al., 2022)."""
    return TPESampler(seed=seed, multivariate=True)


def optuna_nsga2(seed: int) -> BaseSampler:
    """Optuna's NSGA-II (Deb et al., 2002) with generations of 20: a study trains tens to hundreds of candidates, so
    that Optuna's 50 would leave most studies in their random first generation."""
    return NSGAIISampler(seed=seed, population_size=POPULATION_SIZE)


def optuna_nsga3(seed: int) -> BaseSampler:
    """Optuna's NSGA-III (Deb & Jain, 2014) with generations of 20."""
    return NSGAIIISampler(seed=seed, population_size=POPULATION_SIZE)


def optuna_gp(seed: int) -> BaseSampler:
    """Optuna's Gaussian process; it loads torch."""
    return GPSampler(seed=seed)


def cmaes(seed: int) -> BaseSampler:
    """CMA-ES (Hansen & Ostermeier, 2001) on the numbers of a space, for one objective; choices are drawn at random."""
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


class OptunaSampler:
    """An Optuna sampler as a :class:`~nasengine.search.Sampler`.

    Trials reach Optuna as follows.

    * Complete: with their values.
    * Failed and lost: as FAIL, which Optuna's samplers pass over.
    * Pruned: with the score of the last rung, as PRUNED where Optuna ranks partial scores (TPE on one
        objective) and as COMPLETE elsewhere, because NSGA-II and TPE on several objectives would learn
        nothing from it.
    * Infeasible: with the relative violation of each broken budget as a constraint, for TPE (as PRUNED) and
        for NSGA-II and NSGA-III (as COMPLETE; constrained domination never reads the values of an infeasible
        trial); as FAIL for all others, which would take placeholder values for results.

    Earlier trials and priors of the problem do not reach Optuna.

    Attributes:
        deterministic: does a rebuilt sampler propose the same? False for an instance (its random state is not
            recorded), for samplers whose one seed is one sequence (QMC, grid) and for those that keep a
            pickle (CMA-ES).
    """

    ignores = frozenset({"earlier", "draw"})

    def __init__(self, problem: Problem, source: Callable[[int], BaseSampler] | BaseSampler) -> None:
        self._problem = problem
        self._source = source
        self._trials: dict[int, TrialView] = {}
        self._untold: set[int] = set()
        self._seen = Seen()
        self._study: MemoryStudy | None = None
        self._distributions: dict[str, BaseDistribution] = {}
        first = source if isinstance(source, BaseSampler) else self._call_factory(problem.seed)
        # One sampler for the whole study where one seed is one sequence; else a new one for each trial.
        self._fixed = first if first is source or isinstance(first, _ONE_SEQUENCE) else None
        self.deterministic = self._fixed is None and not isinstance(first, CmaEsSampler)

    # --- the protocol ---------------------------------------------------------------------------------------

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; fewer than ``n`` once Optuna's sampler says it is
        done, and none once every member of a finite space was looked at. Before that, Optuna may repeat itself.

        Raises:
            StudyError: a number that was proposed before.
        """
        with quiet():
            study = self._synchronised()
            proposals: list[Proposal] = []
            for number in range(view.next_number, view.next_number + n):
                if study.exhausted or len(self._seen) >= self._size:
                    break
                proposals.append(self._propose(study, number))
        return proposals

    def tell(self, trial: TrialView) -> None:
        """See :class:`~nasengine.search.Sampler`.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        if trial.status == "complete":
            check_values(trial, self._problem.objectives)
        known = self._trials.get(trial.number)
        if known is not None and _same(known, trial):
            return
        if known is not None and known.finished:
            self._study = None  # Optuna never takes back a finished trial: build its study again
        if known is None:
            self._seen.add(trial.decisions)
        elif not trial.attrs:
            trial = replace(trial, attrs=known.attrs)
        self._trials[trial.number] = trial
        self._untold.add(trial.number)

    @cached_property
    def _size(self) -> float:
        """Number of members of the space."""
        return size_of(self._problem.space)

    # --- one proposal ---------------------------------------------------------------------------------------

    def _propose(self, study: MemoryStudy, number: int) -> Proposal:
        if number < len(study.trials_now):
            raise StudyError(
                f"trial {number}: a number is proposed once; the next one is {len(study.trials_now)}; tell "
                "the sampler the recorded trials before asking"
            )
        study.fill(number)
        study.sampler = self._make(number, study.sampler)
        before = study.attrs
        try:
            trial = study.ask()
            architecture = self._problem.space.resolve(lambda path, domain: self._suggest(trial, path, domain))
        except NasError:
            raise
        except Exception as error:  # Optuna's samplers, and a user's own, say in many ways that a study is not for them
            raise StudyError(
                f"sampler: {type(study.sampler).__name__} cannot propose trial {number} of this study: "
                f'{type(error).__name__}: {error}; choose another sampler, such as "gp", "nsga2" or "random"'
            ) from error
        attrs = self._attributes(study, number, before)
        proposal = Proposal(dict(architecture.decisions), attrs)
        self._trials[number] = TrialView(number, proposal.decisions, "running", attrs=attrs)
        self._seen.add(proposal.decisions)
        return proposal

    def _suggest(self, trial: optuna.Trial, path: str, domain: Domain) -> Label:
        if isinstance(domain, Choice):
            chosen = trial.suggest_categorical(path, domain.labels)
            return domain.labels[domain.labels.index(chosen)]
        if isinstance(domain, Integer):
            return int(trial.suggest_int(path, domain.low, domain.high, step=domain.step, log=domain.log))
        assert isinstance(domain, Uniform)
        return float(trial.suggest_float(path, domain.low, domain.high, log=domain.log))

    def _attributes(self, study: MemoryStudy, number: int, before: Mapping[str, Any]) -> dict[str, Any]:
        """What the sampler wrote for this trial and anew for the study, as far as it is plain JSON."""
        trial = study.trials_now[number].system_attrs
        changed = {k: v for k, v in study.attrs.items() if k not in before or before[k] != v}
        kept = {"trial": restorable(trial), "study": restorable(changed)}
        if len(kept["trial"]) < len(trial) or len(kept["study"]) < len(changed):
            self.deterministic = False
        found = {k: v for k, v in kept.items() if v}
        return {"optuna": found} if found else {}

    # --- the sampler of one trial ---------------------------------------------------------------------------

    def _make(self, number: int, previous: BaseSampler | None = None) -> BaseSampler:
        """The sampler for one trial: seeded by the trial's number, so that no random state has to be
        recorded."""
        if self._fixed is not None:
            return self._fixed
        made = self._call_factory(derived_seed(self._problem.seed, number))
        known = getattr(previous, "_search_space", None)
        if type(previous) is type(made) and isinstance(known, IntersectionSearchSpace):
            # The intersection of all past spaces holds no randomness and costs O(trials) to find again.
            vars(made)["_search_space"] = known
        return made

    def _call_factory(self, seed: int) -> BaseSampler:
        assert not isinstance(self._source, BaseSampler)
        with quiet():
            made = self._source(seed)
        if not isinstance(made, BaseSampler):
            raise StudyError(
                f"sampler: the factory returns an Optuna sampler; got {made!r}; write "
                "lambda seed: optuna.samplers.TPESampler(seed=seed)"
            )
        return made

    # --- Optuna's study -------------------------------------------------------------------------------------

    def _synchronised(self) -> MemoryStudy:
        """Optuna's study, holding every trial told so far."""
        late = self._study is not None and any(self._is_late(self._study, n) for n in self._untold)
        if self._study is None or late:
            self._study = MemoryStudy([o.direction for o in self._problem.objectives], self._make(0))
            self._untold = set(self._trials)
        for number in sorted(self._untold):
            self._pass_on(self._study, self._trials[number])
        self._untold.clear()
        return self._study

    def _is_late(self, study: MemoryStudy, number: int) -> bool:
        """Was the trial's place in Optuna's study filled before the trial was told?"""
        return number < len(study.trials_now) and study.trials_now[number].state.is_finished()

    def _pass_on(self, study: MemoryStudy, trial: TrialView) -> None:
        if trial.number >= len(study.trials_now):
            study.fill(trial.number)
            self._add(study, trial)
        if trial.status in PENDING:
            return
        state, values = self._outcome(study, trial)
        if state is TrialState.PRUNED and values is not None:
            study.report(trial.number, trial.epochs, values[0])
        study.tell(trial.number, values if state is TrialState.COMPLETE else None, state=state)

    def _add(self, study: MemoryStudy, trial: TrialView) -> None:
        """Put a recorded trial in as running, with what its sampler had written."""
        kept = trial.attrs.get("optuna", {})
        distributions = self._walk(trial.decisions)
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params={path: trial.decisions[path] for path in distributions},
                distributions=distributions,
                system_attrs=restorable(kept.get("trial", {})),
            )
        )
        study.restore(restorable(kept.get("study", {})))

    def _walk(self, decisions: Mapping[str, Label]) -> dict[str, BaseDistribution]:
        """The distribution behind each decision, in the order of the walk."""
        found: dict[str, BaseDistribution] = {}

        def choose(path: str, domain: Domain) -> Label:
            found[path] = self._distribution(path, domain)
            return decisions[path]

        if decisions:
            self._problem.space.resolve(choose)
        return found

    def _distribution(self, path: str, domain: Domain) -> BaseDistribution:
        known = self._distributions.get(path)
        if known is None:  # a path fixes its options, so its distribution is made once
            known = self._distributions[path] = _distribution(domain)
        return known

    def _outcome(self, study: MemoryStudy, trial: TrialView) -> tuple[TrialState, list[float] | None]:
        """How Optuna hears of a finished trial. See the class."""
        if trial.status == "complete":
            return TrialState.COMPLETE, check_values(trial, self._problem.objectives)
        evolves = isinstance(study.sampler, NSGAIISampler | NSGAIIISampler)
        constrained = evolves or isinstance(study.sampler, TPESampler)
        if trial.status == "infeasible" and trial.violations and constrained:
            study.constrain(trial.number, trial.violations)
            placeholder = [0.0] * len(self._problem.objectives)
            return (TrialState.COMPLETE, placeholder) if evolves else (TrialState.PRUNED, None)
        if trial.status != "pruned":
            return TrialState.FAIL, None
        try:
            values = check_values(trial, self._problem.objectives)
        except StudyError:  # pruned before any score
            return TrialState.PRUNED, None
        return (TrialState.PRUNED if len(values) == 1 and not evolves else TrialState.COMPLETE), values


def _distribution(domain: Domain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.labels)
    if isinstance(domain, Integer):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
    assert isinstance(domain, Uniform)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def _same(a: TrialView, b: TrialView) -> bool:
    if a.status in PENDING and b.status in PENDING:
        return True
    return (a.status, a.values, a.violations, a.epochs) == (b.status, b.values, b.violations, b.epochs)
