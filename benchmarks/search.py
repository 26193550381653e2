"""Samplers side by side on tables of whole spaces, ours and those of other packages, over many seeds.

A cell is a table, a method and a seed; each is kept as one line of JSON and never computed twice. What is printed, and
written to ``tables.md``: for each table the share of the true hypervolume (several objectives) or the regret (one)
after so many evaluations, as mean, 95 % bootstrap interval, median and worst seed; mean ranks; and what an ask takes.

    python benchmarks/search.py --tables nb201-c10-edgegpu --methods random gp tpe --seeds 5 --evaluations 100
    python benchmarks/search.py --tables all --seeds 50 --evaluations 500 --out benchmarks/results/search      # days
    python benchmarks/search.py --print --out benchmarks/results/search             # the tables of what is there

A method is a sampler of ours by its name, or a peer; ``NAME@sh6`` trains by rungs from the first tabulated epoch on,
one in 6 going on; ``NAME@measured`` learns a latency only when a network is about to train, where it otherwise may ask
for that of any candidate (and is charged for it in the columns "charged"). A peer slower than 50 ms an ask gets 20
seeds and stops at 200 evaluations. A peer needs an environment of its own, ``PEERS/NAME/bin/python``, made as
`README.md` beside this says.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from search_remote import Remote
from search_report import report
from search_tables import Absent, Table, tables
from toy_tables import toys

from nasengine.search import (
    Problem,
    Proposal,
    Rungs,
    Sampler,
    SuccessiveHalving,
    TrialView,
    View,
    replay,
    violations,
)
from nasengine.search.samplers.named import sampler_for
from nasengine.study.history import History
from nasengine.study.simulation import simulate

AT = (10, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 400, 500)
"""Evaluations at which a cell records its standing."""
SLOW_MS, SLOW_SEEDS, SLOW_EVALUATIONS = 50.0, 20, 200
DEFAULT = (
    "random", "uniform", "local", "evolution", "nsga2", "nsga3", "gp", "tpe", "optuna", "optuna_gp", "optuna_nsga2",
    "pymoo", "rustuna-tpe", "rustuna-nsga2", "smac", "syne-tune", "syne-tune-evolution", "neps",
)  # fmt: skip
OURS = ("random", "uniform", "exhaustive", "sobol", "local", "evolution", "nsga2", "nsga3", "gp")
PEERS = {
    "pymoo": "pymoo", "rustuna-tpe": "rustuna", "rustuna-nsga2": "rustuna", "smac": "smac", "syne-tune": "syne-tune",
    "syne-tune-evolution": "syne-tune", "neps": "neps", "peer-random": "",
}  # fmt: skip
"""Method to the environment of its package; empty for this one's Python."""


@dataclass(frozen=True)
class Method:
    """How a table is searched.

    Attributes:
        name: as on the command line.
        sampler: of ours, or a factory; None for a peer.
        peer: its name in :mod:`search_peers`; empty for ours.
        eta: of successive halving; 0 trains every trial to the end.
        look_up: may it ask for measured quantities of any candidate?
    """

    name: str
    sampler: Any = None
    peer: str = ""
    eta: int = 0
    look_up: bool = True

    def rungs(self, table: Table) -> Rungs | None:
        """From the first epoch at which the table holds anything."""
        return SuccessiveHalving(eta=self.eta, min_epochs=table.task.epochs[0]) if self.eta else None

    def open(self, table: Table, seed: int, evaluations: int, peers: Path) -> AbstractContextManager[Any]:
        """The sampler, for the time of one cell."""
        if not self.peer:
            return nullcontext(self.sampler)
        folder = PEERS[self.name.partition("@")[0]]
        python = str(peers / folder / "bin" / "python") if folder else sys.executable
        space = table.task.over(table.space).space
        plan: dict[str, Any] = {"objectives": table.objectives, "seed": seed, "trials": evaluations}
        return Remote(self.peer, python, space=space, **plan)


def method(name: str) -> Method:
    """The method of a name such as ``gp``, ``pymoo`` or ``random@sh6``."""
    base, *options = name.split("@")
    eta = next((int(option[2:]) for option in options if option.startswith("sh")), 0)
    settings: dict[str, Any] = {"eta": eta, "look_up": "measured" not in options}
    if base in PEERS:
        return Method(name, peer=base.removeprefix("peer-"), **settings)
    if base in OURS:
        return Method(name, base, **settings)
    return Method(name, Rebuilt(_optuna_default if base == "optuna" else base), **settings)


@dataclass(frozen=True)
class Rebuilt:
    """A sampler of Optuna that is made anew once it is told of another member than it proposed: Optuna cannot take a
    trial's parameters back, and on a pool the row near to a proposal is trained in its place."""

    sampler: Any
    ask_s: list[float] = field(default_factory=list)
    """Seconds of each ask, without those of rebuilding."""

    def make(self, problem: Problem) -> Sampler:
        """See :class:`nasengine.search.SamplerSpec`."""
        return _Rebuilt(self, problem)


class _Rebuilt:
    deterministic = True

    def __init__(self, spec: Rebuilt, problem: Problem) -> None:
        self._spec, self._problem = spec, problem
        self._inner: Sampler | None = None
        self._told: dict[int, TrialView] = {}
        self._proposed: dict[int, Mapping[str, Any]] = {}

    def ask(self, n: int, view: View) -> list[Proposal]:
        if self._inner is None:
            self._inner = replay(sampler_for(self._spec.sampler, self._problem), self._told.values())
            self._inner.ask(0, view)  # it takes in what it was told
        before = time.perf_counter()
        proposals = self._inner.ask(n, view)
        self._spec.ask_s.append(time.perf_counter() - before)
        self._proposed.update({view.next_number + i: p.decisions for i, p in enumerate(proposals)})
        return proposals

    def tell(self, trial: TrialView) -> None:
        self._told[trial.number] = trial
        if self._proposed.get(trial.number) != trial.decisions:
            self._inner = None
        if self._inner is not None:
            self._inner.tell(trial)


def _optuna_default(seed: int) -> Any:
    """What Optuna takes when it is told nothing but the seed, for one objective."""
    import optuna

    return optuna.samplers.TPESampler(seed=seed)


# --- one cell ----------------------------------------------------------------------------------------------------


@cache
def table_named(name: str) -> Table:
    """A table, read once in a process."""
    return {**tables(), **toys()}[name]()


def cell(name: str, how: str, seed: int, evaluations: int, peers: Path) -> dict[str, Any]:
    """One search, and what came of it."""
    table, found = table_named(name), method(how)
    before = time.perf_counter()
    with found.open(table, seed, evaluations, peers) as sampler:
        history = simulate(
            table.space,
            table.task,
            objectives=table.objectives,
            sampler=sampler,
            budgets=table.budgets,
            rungs=found.rungs(table),
            trials=evaluations,
            seed=seed,
            look_up=found.look_up,
        )
        elapsed_s = time.perf_counter() - before
        extra = {"versions": sampler.versions, "peak_mb": sampler.peak_mb} if isinstance(sampler, Remote) else {}
    row = {"table": name, "method": how, "seed": seed, "evaluations": evaluations, "elapsed_s": elapsed_s}
    ask_s = sampler.ask_s if isinstance(sampler, Rebuilt) else history.ask_s
    return {**row, **standing(table, history), **asks(ask_s), **extra, "ended": history.ended}


def standing(table: Table, history: History) -> dict[str, Any]:
    """How good the search was at each number of evaluations, free and charged for what was measured."""
    truth, last = table.truth, max((e.spent for e in history.endings), default=0.0)
    found: dict[str, Any] = {"spent": last, "profiled": history.endings[-1].profiled if history.endings else 0}
    marks = [at for at in AT if at <= max(math.ceil(last), 1) or history.ended]
    for kind, charged in (("", False), ("_charged", True)):
        if charged and not history.profiling:
            continue
        regrets = map(_finite, history.regrets(truth, marks, charged=charged))
        found[f"regret{kind}"] = dict(zip(marks, regrets, strict=True))
        found[f"found_at{kind}"] = _finite(history.found_at(truth, charged=charged))
        if len(table.objectives) > 1:
            found[f"share{kind}"] = dict(zip(marks, history.shares(truth, marks, charged=charged), strict=True))
            found[f"upper{kind}"] = dict(zip(marks, history.shares(table.upper, marks, charged=charged), strict=True))
    if len(table.objectives) > 1:
        found["share_last"] = history.shares(truth, [math.inf])[0]
        found["upper_last"] = history.shares(table.upper, [math.inf])[0]
    trained = [history.trials[n] for n in {e.trial for e in history.endings}]
    found["broken"] = sum(bool(violations(table.budgets, trial.values)) for trial in trained)
    found["refused"] = len(history.trials) - len(trained)
    return found


def _finite(value: float) -> float | None:
    """As JSON has it: None for what did not come about."""
    return value if math.isfinite(value) else None


def asks(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds of an ask."""
    ms = sorted(1e3 * s for s in seconds) or [0.0]
    return {
        "ask_ms": statistics.fmean(ms),
        "ask_median_ms": statistics.median(ms),
        "ask_p95_ms": ms[min(int(0.95 * len(ms)), len(ms) - 1)],
    }


# --- all cells ---------------------------------------------------------------------------------------------------


class Results:
    """Cells kept as lines of JSON, a file for each table and method."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self.rows: list[dict[str, Any]] = []
        if out is not None and out.is_dir():
            for path in sorted(out.glob("*.jsonl")):
                self.rows += [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]

    def has(self, name: str, how: str, seed: int, evaluations: int) -> bool:
        """Is the cell there, with at least so many evaluations?"""
        wanted = (name, how, seed)
        return any(
            (r["table"], r["method"], r["seed"]) == wanted and r["evaluations"] >= evaluations for r in self.rows
        )

    def slow(self, name: str, how: str) -> bool:
        """Did an ask of this method take longer than 50 ms, in the median cell?"""
        found = [r["ask_ms"] for r in self.rows if (r["table"], r["method"]) == (name, how)]
        return bool(found) and statistics.median(found) > SLOW_MS

    def put(self, row: dict[str, Any]) -> None:
        """Keep a cell."""
        self.rows.append(row)
        if self._out is None:
            return
        self._out.mkdir(parents=True, exist_ok=True)
        with (self._out / f"{row['table']}.{row['method']}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def wanted(args: argparse.Namespace, results: Results, *, first: bool = False) -> Iterator[tuple[str, str, int, int]]:
    """Cells that are missing, seed by seed, so that a run that is broken off has the same seeds of all.

    The ``first`` time only one seed of each peer, and no further than slow ones go: that says which are slow.
    """
    for seed in range(args.first_seed, args.first_seed + (1 if first else args.seeds)):
        for name in args.tables:
            for how in args.methods:
                ours = method(how).sampler in OURS
                if first and ours:
                    continue
                slow = not ours and (first or results.slow(name, how))
                evaluations = min(args.evaluations, SLOW_EVALUATIONS) if slow else args.evaluations
                if not (slow and seed >= SLOW_SEEDS and not first) and not results.has(name, how, seed, evaluations):
                    yield name, how, seed, evaluations


def run(args: argparse.Namespace, results: Results) -> dict[str, str]:
    """Compute what is missing; why a method or a table could not run, by its name."""
    left_out: dict[str, str] = {}
    with ProcessPoolExecutor(args.jobs) if args.jobs > 1 else nullcontext() as pool:
        for batch in _batches(chain(wanted(args, results, first=True), wanted(args, results)), args.jobs, left_out):
            calls = [_start(pool, item, args.peers) for item in batch]
            for (name, how, seed, _), call in zip(batch, calls, strict=True):
                try:
                    row = call()
                except Exception as error:  # noqa: BLE001 - what one cell cannot do must not end the others
                    left_out[name if isinstance(error, Absent) else f"{name} {how}"] = (
                        f"{type(error).__name__}: {error}"
                    )
                    print(f"{name:28}{how:16} left out: {error}", flush=True)
                    continue
                results.put(row)
                best = [*row.get("share", row["regret"]).values(), math.nan]
                said = f"{best[-2] if len(best) > 1 else best[0]:9.4f} {row['ask_ms']:9.2f} ms an ask"
                print(f"{name:28}{how:16} seed {seed:2} {said} {row['elapsed_s']:7.1f} s", flush=True)
    return left_out


def _start(pool: Any, item: tuple[str, str, int, int], peers: Path) -> Callable[[], dict[str, Any]]:
    if pool is None:
        return lambda: cell(*item, peers)
    made: Callable[[], dict[str, Any]] = pool.submit(cell, *item, peers).result
    return made


def _batches(
    cells: Iterator[tuple[str, str, int, int]], jobs: int, left_out: Mapping[str, str]
) -> Iterator[list[tuple[str, str, int, int]]]:
    """As many at a time as there are processes, without what cannot run."""
    batch: list[tuple[str, str, int, int]] = []
    for item in cells:
        if item[0] in left_out or f"{item[0]} {item[1]}" in left_out:
            continue
        batch.append(item)
        if len(batch) == jobs:
            yield batch
            batch = []
    if batch:
        yield batch


def main() -> None:
    """Fill the cells that are missing, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=[*toys()], metavar="TABLE", help="names, or all")
    parser.add_argument("--methods", nargs="+", default=list(DEFAULT), metavar="METHOD")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--evaluations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time, each on one core")
    parser.add_argument("--out", type=Path, help="folder for the cells; what is there is not computed again")
    parser.add_argument("--peers", type=Path, default=Path("peers"), help="folder of the peers' environments")
    parser.add_argument("--print", action="store_true", help="only print what is there")
    args = parser.parse_args()
    args.tables = [*tables()] if args.tables == ["all"] else args.tables
    unknown = [name for name in args.tables if name not in {**tables(), **toys()}]
    if unknown:
        parser.error(f"there is no table {unknown[0]}; the tables are {', '.join((*tables(), *toys()))}")
    results = Results(args.out)
    left_out = {} if args.print else run(args, results)
    shown = [r for r in results.rows if args.print or (r["table"] in args.tables and r["method"] in args.methods)]
    text = report(shown, {"nasengine": version("nasengine"), "optuna": version("optuna")}, left_out)
    print(text)
    if args.out is not None:
        (args.out / "tables.md").write_text(text)


if __name__ == "__main__":
    main()
