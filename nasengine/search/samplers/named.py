"""Samplers by name, and whatever else a study takes for one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nasengine.errors import StudyError
from nasengine.search.objectives import Budget, Objective
from nasengine.search.samplers.evolution import nsga2, nsga3, regularised_evolution
from nasengine.search.samplers.local import LocalSearch
from nasengine.search.samplers.protocol import Problem, Sampler, SamplerSpec, TrialView
from nasengine.search.samplers.simple import ExhaustiveSampler, RandomSampler, UniformSampler
from nasengine.search.samplers.sobol import SobolSampler

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from nasengine.space import Architecture, Space

SamplerFactory = Callable[[int], "BaseSampler | Sampler"]
Make = Callable[[Problem], Sampler]


def _model(problem: Problem) -> Sampler:
    from nasengine.search.model.sampler import ModelSampler

    return ModelSampler(problem)


def _optuna(factory: str, needs: str = "") -> Make:
    """A sampler of Optuna by the name of its factory; ``needs`` is a package that Optuna itself does not bring."""

    def make(problem: Problem) -> Sampler:
        from nasengine.search.samplers import optuna_sampler

        if needs and find_spec(needs) is None:
            raise StudyError(
                f"sampler {factory!r}: Optuna's sampler needs the package {needs!r}, which is not installed; "
                f"run pip install {needs}, or choose another sampler, such as 'gp' or 'nsga2'"
            )
        return optuna_sampler.OptunaSampler(problem, getattr(optuna_sampler, factory))

    return make


SAMPLERS: Mapping[str, Make] = {
    "random": RandomSampler,
    "uniform": UniformSampler,
    "exhaustive": ExhaustiveSampler,
    "sobol": SobolSampler,
    "local": LocalSearch,
    "evolution": regularised_evolution,
    "nsga2": nsga2,
    "nsga3": nsga3,
    "gp": _model,
    "predictor": _model,
    "tpe": _optuna("tpe"),
    "cmaes": _optuna("cmaes", needs="cmaes"),
    "optuna_gp": _optuna("optuna_gp", needs="torch"),
    "optuna_nsga2": _optuna("optuna_nsga2"),
    "optuna_nsga3": _optuna("optuna_nsga3"),
}
"""Sampler by name; those from ``tpe`` on are Optuna's."""


def make_sampler(
    sampler: str | SamplerFactory | BaseSampler | Sampler | SamplerSpec,
    space: Space,
    objectives: Sequence[Objective],
    seed: int,
    *,
    budgets: Sequence[Budget] = (),
    known: Callable[[Architecture], Mapping[str, float]] | None = None,
    earlier: Sequence[TrialView] = (),
    cheap: Callable[[Architecture], Mapping[str, float]] | None = None,
) -> Sampler:
    """Make a sampler for one study.

    Args:
        sampler: a name of :data:`SAMPLERS`; a spec such as :class:`WarmStart`, :class:`Prior` or :class:`Transfer`; a
            factory ``lambda seed: Sampler(seed)`` of an Optuna sampler or of one with ``ask`` and ``tell``; or an
            instance of either. An Optuna instance works, but a resumed study may propose other candidates than an
            uninterrupted one (``deterministic`` is false).
        space: where candidates come from.
        objectives: at least one.
        seed: of the study.
        budgets: bounds on quantities known before training.
        known: quantities known of a candidate before it is trained.
        earlier: trials of an earlier study, numbered below 0; see :class:`Problem`.
        cheap: cheap figures of a candidate, for samplers with a model.

    Raises:
        StudyError: an unknown name, or something that is no sampler.
    """
    problem = Problem(space, tuple(objectives), seed, tuple(budgets), known=known, earlier=tuple(earlier), cheap=cheap)
    return sampler_for(sampler, problem)


def sampler_for(sampler: str | SamplerFactory | BaseSampler | Sampler | SamplerSpec, problem: Problem) -> Sampler:
    """As :func:`make_sampler`, for a problem."""
    if isinstance(sampler, str):
        return _named(sampler)(problem)
    if not isinstance(sampler, type):
        if isinstance(sampler, Sampler):
            return sampler
        if isinstance(sampler, SamplerSpec):
            return sampler.make(problem)
    return _foreign(problem, sampler)


def _named(name: str) -> Make:
    if name in SAMPLERS:
        return SAMPLERS[name]
    close = difflib.get_close_matches(name, SAMPLERS, n=1)
    raise StudyError(
        f"sampler {name!r}: there is no sampler of this name; the names are {', '.join(SAMPLERS)}"
        + (f"; did you mean {close[0]!r}?" if close else "; or pass lambda seed: Sampler(seed)")
    )


def _foreign(problem: Problem, sampler: Any) -> Sampler:
    """An Optuna sampler, or a factory of any sampler."""
    from optuna.samplers import BaseSampler

    from nasengine.search.samplers.optuna_sampler import OptunaSampler
    from nasengine.search.samplers.optuna_study import quiet

    if isinstance(sampler, BaseSampler):
        return OptunaSampler(problem, sampler)
    with quiet():
        made = sampler(problem.seed) if callable(sampler) else sampler
    if isinstance(made, BaseSampler):
        return OptunaSampler(problem, sampler)
    if isinstance(made, Sampler):
        return made
    raise StudyError(
        "sampler: a name, an Optuna sampler, an object with ask and tell, or a factory of one; "
        f"got {made!r}; write sampler='gp' or sampler=lambda seed: optuna.samplers.TPESampler(seed=seed)"
    )
