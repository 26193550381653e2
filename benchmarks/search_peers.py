"""Optimisers of other packages, each in an environment of its own, behind one protocol of JSON lines.

This file is run by the peer's Python, which has no nasengine: it imports the standard library and the peer. It reads a
line, answers with a line, and ends with its input:

    {"setup": {"peer": ..., "parameters": [...], "objectives": 3, "seed": 0, "trials": 200}}  ->  {"versions": {...}}
    {"ask": 7}                                       ->  {"parameters": {path: label}}
    {"tell": 7, "parameters": {...}, "values": [...], "violation": 0.0}  ->  {}
    {"end": true}                                    ->  {"peak_mb": ...}

Values are losses, smaller is better; they are null where a budget refused the candidate, and the violation is above 0.
A parameter is ``{"name", "kind", "labels" or "low", "high", "log", "when"}``: categorical, ordinal, integer or real;
``when`` is null or ``[parent, labels]``, the values of an earlier parameter with which it exists. The parameters told
may be others than those asked: on a pool they are those of the row that was trained.

    python benchmarks/search_peers.py --peer pymoo      # under the peer's Python; search.py does this
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from typing import Any, TextIO

Parameters = dict[str, Any]
POPULATION = 20
"""Of a few hundred evaluations, generations of 20 leave ten or more; the usual 100 would leave two."""


def alive(parameters: list[dict[str, Any]], suggest: Callable[[dict[str, Any]], Any]) -> Parameters:
    """Suggestions for the parameters that exist, in order."""
    chosen: Parameters = {}
    for p in parameters:
        if p["when"] is None or chosen.get(p["when"][0]) in p["when"][1]:
            chosen[p["name"]] = suggest(p)
    return chosen


class Random:
    """Random search: checks the protocol, and every peer's plumbing."""

    packages: tuple[str, ...] = ()

    def __init__(self, setup: dict[str, Any]) -> None:
        import random

        self._parameters, self._rng = setup["parameters"], random.Random(setup["seed"])

    def ask(self, number: int) -> Parameters:
        return alive(self._parameters, self._draw)

    def _draw(self, p: dict[str, Any]) -> Any:
        if "labels" in p:
            return self._rng.choice(p["labels"])
        draw = self._rng.randint if p["kind"] == "integer" else self._rng.uniform
        return draw(p["low"], p["high"])

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        pass


class Rustuna:
    """Optuna's algorithms in Rust; conditional parameters are suggested where they exist."""

    packages = ("rustuna",)

    def __init__(self, setup: dict[str, Any]) -> None:
        import rustuna

        self._optuna, self._parameters = rustuna, setup["parameters"]
        samplers, seed = rustuna.samplers, setup["seed"]
        made = samplers.NSGAIISampler(seed=seed, population_size=POPULATION) if "nsga2" in setup["peer"] else None
        made = made or samplers.TPESampler(seed=seed, multivariate=True)
        self._study = rustuna.create_study(directions=["minimize"] * setup["objectives"], sampler=made)
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Parameters:
        trial = self._trials[number] = self._study.ask()
        return alive(self._parameters, lambda p: self._suggest(trial, p))

    def _suggest(self, trial: Any, p: dict[str, Any]) -> Any:
        name = p["name"]
        if "labels" in p:  # an index, since options may be of several types
            return p["labels"][int(trial.suggest_categorical(name, [str(i) for i in range(len(p["labels"]))]))]
        if p["kind"] == "integer":
            return trial.suggest_int(name, p["low"], p["high"], log=p["log"])
        return trial.suggest_float(name, p["low"], p["high"], log=p["log"])

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        trial = self._trials.pop(number)
        if values is None:
            self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial.number, values if len(values) > 1 else values[0])


class Pymoo:
    """NSGA-II on mixed variables; all parameters always exist. Several objectives and one alike."""

    packages = ("pymoo",)

    def __init__(self, setup: dict[str, Any]) -> None:
        from pymoo.algorithms.moo.nsga2 import RankAndCrowding
        from pymoo.core.mixed import MixedVariableGA
        from pymoo.core.problem import Problem
        from pymoo.core.termination import NoTermination

        self._parameters = setup["parameters"]
        self._count = setup["objectives"]
        variables = {p["name"]: _pymoo_variable(p) for p in self._parameters}
        problem = Problem(vars=variables, n_obj=self._count, n_ieq_constr=1)
        several = {"survival": RankAndCrowding()} if self._count > 1 else {}
        self._algorithm = MixedVariableGA(pop_size=POPULATION, **several)
        self._algorithm.setup(problem, termination=NoTermination(), seed=setup["seed"], verbose=False)
        self._generation: Any = None
        self._waiting: list[int] = []
        self._places: dict[int, int] = {}
        self._told: dict[int, tuple[list[float], float]] = {}

    def ask(self, number: int) -> Parameters:
        if not self._waiting:
            if self._generation is not None:
                self._close()
            self._generation = self._algorithm.ask()
            self._waiting = list(range(len(self._generation)))
            self._told = {}
        place = self._places[number] = self._waiting.pop(0)
        chosen = self._generation[place].X
        return alive(self._parameters, lambda p: _label(p, chosen[p["name"]]))

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        place = self._places.pop(number)
        x = self._generation[place].X
        x.update({p["name"]: _value(p, parameters[p["name"]]) for p in self._parameters if p["name"] in parameters})
        self._told[place] = ([0.0] * self._count if values is None else values, violation)

    def _close(self) -> None:
        """The generation is whole."""
        import numpy as np

        found = [self._told.get(i, ([0.0] * self._count, 1.0)) for i in range(len(self._generation))]
        self._generation.set("F", np.array([values for values, _ in found]))
        self._generation.set("G", np.array([[violation] for _, violation in found]))
        for individual in self._generation:
            individual.evaluated.update({"F", "G"})
        self._algorithm.tell(infills=self._generation)


def _pymoo_variable(p: dict[str, Any]) -> Any:
    from pymoo.core.variable import Choice, Integer, Real

    if p["kind"] == "categorical":
        return Choice(options=list(range(len(p["labels"]))))
    if p["kind"] == "ordinal":
        return Integer(bounds=(0, len(p["labels"]) - 1))
    return (Integer if p["kind"] == "integer" else Real)(bounds=(p["low"], p["high"]))


def _label(p: dict[str, Any], value: Any) -> Any:
    if "labels" in p:
        return p["labels"][int(value)]
    return int(value) if p["kind"] == "integer" else float(value)


def _value(p: dict[str, Any], label: Any) -> Any:
    return p["labels"].index(label) if "labels" in p else label


class Smac:
    """SMAC3: a random forest; ParEGO for several objectives; conditional parameters are conditions."""

    packages = ("smac", "ConfigSpace")

    def __init__(self, setup: dict[str, Any]) -> None:
        import logging

        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario
        from smac.multi_objective.parego import ParEGO

        logging.disable(logging.WARNING)
        self._parameters, self._count = setup["parameters"], setup["objectives"]
        self._space = _config_space(self._parameters, setup["seed"])
        names = [f"loss{i}" for i in range(self._count)]
        scenario = Scenario(
            self._space,
            objectives=names if self._count > 1 else names[0],
            deterministic=True,
            n_trials=100 * setup["trials"],  # those that cost nothing count here, too
            seed=setup["seed"],
            output_directory=tempfile.mkdtemp(prefix="smac-"),
        )
        design = Facade.get_initial_design(scenario, n_configs=10)
        several = {"multi_objective_algorithm": ParEGO(scenario)} if self._count > 1 else {}
        self._smac = Facade(scenario, _never, initial_design=design, overwrite=True, logging_level=False, **several)
        self._asked: dict[int, Any] = {}
        self._worst = [0.0] * self._count

    def ask(self, number: int) -> Parameters:
        info = self._asked[number] = self._smac.ask()
        chosen = dict(info.config)
        return alive(self._parameters, lambda p: _label(p, chosen[p["name"]]))

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        from ConfigSpace import Configuration
        from smac.runhistory.dataclasses import TrialInfo, TrialValue

        info = self._asked.pop(number)
        if values is not None:
            self._worst = [max(pair) for pair in zip(self._worst, values, strict=True)]
        losses = self._worst if values is None else values
        value = TrialValue(cost=losses if self._count > 1 else losses[0])
        self._smac.tell(info, value)
        by_name = {p["name"]: p for p in self._parameters}
        told = {name: _value(by_name[name], label) for name, label in parameters.items()}
        if told != dict(info.config):  # the row that was trained in its place
            with contextlib.suppress(ValueError):
                other = Configuration(self._space, values=told)
                self._smac.tell(TrialInfo(other, seed=info.seed), value)


def _never(config: Any, seed: int = 0) -> float:
    raise RuntimeError("the benchmark evaluates")


def _config_space(parameters: list[dict[str, Any]], seed: int) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer

    made = ConfigurationSpace(seed=seed)
    for p in parameters:
        if "labels" in p:
            options = list(range(len(p["labels"])))
            made.add(Categorical(p["name"], options, ordered=p["kind"] == "ordinal"))
        else:
            kind = Integer if p["kind"] == "integer" else Float
            made.add(kind(p["name"], (p["low"], p["high"]), log=p["log"]))
    by_name = {p["name"]: p for p in parameters}
    for p in parameters:
        if p["when"] is not None:
            parent = by_name[p["when"][0]]
            codes = [_value(parent, label) for label in p["when"][1]]
            made.add(InCondition(made[p["name"]], made[parent["name"]], codes))
    return made


class SyneTune:
    """Syne Tune: CQR (conformal quantile regression) for one objective, expected hypervolume improvement of BoTorch for
    several; or regularised evolution, of the multi-objective kind for several. All parameters always exist."""

    packages = ("syne-tune",)

    def __init__(self, setup: dict[str, Any]) -> None:
        import logging

        import torch
        from syne_tune.optimizer.baselines import CQR, EHVI, REA
        from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

        logging.disable(logging.WARNING)
        self._parameters = setup["parameters"]
        self._names = [f"loss{i}" for i in range(setup["objectives"])]
        torch.set_default_dtype(torch.float64)  # EHVI's model and its box decomposition disagree otherwise
        space = {p["name"]: _syne_tune_domain(p) for p in self._parameters}
        plan = {"do_minimize": True, "random_seed": setup["seed"]}
        if setup["peer"].endswith("evolution"):
            sizes = {"population_size": POPULATION, "sample_size": POPULATION // 4}
            several = len(self._names) > 1
            made = _morea(space, self._names, plan, sizes) if several else REA(space, self._names[0], **plan, **sizes)
        else:
            made = EHVI(space, self._names, **plan) if len(self._names) > 1 else CQR(space, self._names[0], **plan)
        self._scheduler = AskTellScheduler(base_scheduler=made)
        self._trials: dict[int, Any] = {}

    def ask(self, number: int) -> Parameters:
        trial = self._trials[number] = self._scheduler.ask()
        return alive(self._parameters, lambda p: _label(p, trial.config[p["name"]]))

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        trial = self._trials.pop(number)
        if values is None:
            self._scheduler.base_scheduler.on_trial_error(trial)
            return
        by_name = {p["name"]: p for p in self._parameters}
        trial.config.update({name: _value(by_name[name], label) for name, label in parameters.items()})
        self._scheduler.tell(trial, dict(zip(self._names, values, strict=True)))


def _morea(space: Any, names: list[str], plan: dict[str, Any], sizes: dict[str, int]) -> Any:
    from syne_tune.optimizer.schedulers.multiobjective.multi_objective_regularized_evolution import (
        MultiObjectiveRegularizedEvolution,
    )
    from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

    searcher = MultiObjectiveRegularizedEvolution(space, random_seed=plan["random_seed"], **sizes)
    return SingleFidelityScheduler(space, names, searcher=searcher, **plan)


def _syne_tune_domain(p: dict[str, Any]) -> Any:
    from syne_tune import config_space

    if "labels" in p:
        make = config_space.ordinal if p["kind"] == "ordinal" else config_space.choice
        return make(list(range(len(p["labels"]))))
    name = ("log" if p["log"] else "") + ("randint" if p["kind"] == "integer" else "uniform")
    return getattr(config_space, name)(p["low"], p["high"])


class Neps:
    """NePS: Bayesian optimisation (a Gaussian process, noisy expected hypervolume improvement for several objectives);
    all parameters always exist."""

    packages = ("neural-pipeline-search",)

    def __init__(self, setup: dict[str, Any]) -> None:
        import logging
        import random
        import warnings

        import neps
        import numpy
        import torch
        from neps.optimizers.algorithms import bayesian_optimization
        from neps.optimizers.ask_and_tell import AskAndTell

        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        for seed in (random.seed, numpy.random.seed, torch.manual_seed):
            seed(setup["seed"])
        self._parameters, self._count = setup["parameters"], setup["objectives"]
        self._names = {p["name"]: f"p{i}" for i, p in enumerate(self._parameters)}
        fields = {self._names[p["name"]]: _neps_parameter(neps, p) for p in self._parameters}
        space = type("Flat", (neps.PipelineSpace,), fields)()
        self._optimizer = AskAndTell(bayesian_optimization(space))
        self._asked: dict[int, Any] = {}
        self._worst = [0.0] * self._count

    def ask(self, number: int) -> Parameters:
        trial = self._asked[number] = self._optimizer.ask()
        return alive(self._parameters, lambda p: _label(p, trial.config[self._names[p["name"]]]))

    def tell(self, number: int, parameters: Parameters, values: list[float] | None, violation: float) -> None:
        trial = self._asked.pop(number)
        if values is not None:
            self._worst = [max(pair) for pair in zip(self._worst, values, strict=True)]
        by_name = {p["name"]: p for p in self._parameters}
        trial.config.update({self._names[n]: _value(by_name[n], label) for n, label in parameters.items()})
        losses = self._worst if values is None else values
        self._optimizer.tell(trial, {"objective_to_minimize": losses if self._count > 1 else losses[0]})


def _neps_parameter(neps: Any, p: dict[str, Any]) -> Any:
    if p["kind"] == "categorical":
        return neps.Categorical(choices=tuple(range(len(p["labels"]))))
    if p["kind"] == "ordinal":
        return neps.Integer(lower=0, upper=len(p["labels"]) - 1)
    return (neps.Integer if p["kind"] == "integer" else neps.Float)(lower=p["low"], upper=p["high"], log=p["log"])


def peak_mb() -> float:
    """The most memory that this process held, its own and not that of the process which started it."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PEERS: dict[str, type] = {
    "random": Random,
    "pymoo": Pymoo,
    "rustuna-tpe": Rustuna,
    "rustuna-nsga2": Rustuna,
    "smac": Smac,
    "syne-tune": SyneTune,
    "syne-tune-evolution": SyneTune,
    "neps": Neps,
}


def serve(peer: str, lines: TextIO, out: TextIO) -> None:
    """Answer until the input ends."""
    made: Any = None
    for line in lines:
        message = json.loads(line)
        answer: dict[str, Any] = {}
        if "setup" in message:
            made = PEERS[peer](message["setup"])
            answer = {"versions": {name: importlib.metadata.version(name) for name in made.packages}}
        elif "ask" in message:
            answer = {"parameters": made.ask(message["ask"])}
        elif "tell" in message:
            made.tell(message["tell"], message["parameters"], message["values"], message["violation"])
        elif "end" in message:
            answer = {"peak_mb": peak_mb()}
        out.write(json.dumps(answer) + "\n")
        out.flush()


def main() -> None:
    """Answer on what standard output was; what the peer prints goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=sorted(PEERS), default="random")
    args = parser.parse_args()
    if sys.stdin.isatty():  # nobody who speaks the protocol
        parser.print_help()
        return
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(args.peer, sys.stdin, out)


if __name__ == "__main__":
    main()
