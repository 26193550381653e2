"""What an ask takes, and what memory, as a study grows: each sampler in a fresh process that loads no torch of its own.

At up to 500 trials a whole study is run, and the mean of all asks is the amortised figure; beyond, random members are
told first, one ask takes them in, and the last 100 are timed. Scores are made up: a sampler's time hardly depends on
them.

    python benchmarks/search_speed.py --samplers evolution nsga2 gp tpe --trials 200 1000 50000 --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from search_peers import peak_mb

from nasengine.search import TrialView, View, make_sampler, maximize, minimize
from nasengine.study.gates import known_of

WHOLE, LAST = 500, 100
SAMPLERS = ("random", "local", "evolution", "nsga2", "nsga3", "gp", "tpe", "optuna_nsga2", "optuna_gp")
OBJECTIVES = {1: (maximize("accuracy"),), 2: (maximize("accuracy"), minimize("params"))}


def one(name: str, trials: int, space_name: str, objectives: int) -> dict[str, Any]:
    """The figures of one sampler, in this process."""
    module, _, attribute = space_name.partition(":")
    space = getattr(import_module(f"search_spaces.{module}"), attribute or "space")
    goals, rng = OBJECTIVES[objectives], random.Random(0)
    sampler = make_sampler(name, space, goals, 0, known=known_of)
    told = 0 if trials <= WHOLE else trials - LAST
    for number in range(told):
        sampler.tell(outcome(number, space.sample(rng).decisions, {"params": float(number % 997)}))
    if told:
        sampler.ask(1, View(told))  # nobody is told of it, and the number comes again
    asks, tells = [], []
    for number in range(told, trials):
        start = time.perf_counter()
        (proposal,) = sampler.ask(1, View(number))
        asks.append(time.perf_counter() - start)
        trial = outcome(number, proposal.decisions, known_of(space.decode(proposal.decisions)), proposal.attrs)
        start = time.perf_counter()
        sampler.tell(trial)
        tells.append(time.perf_counter() - start)
    row = {"sampler": name, "trials": trials, "space": space_name, "objectives": objectives}
    row |= {f"ask_{key}": value for key, value in milliseconds(asks).items()} | {
        "tell_ms": statistics.fmean(tells) * 1e3
    }
    row["last_ask_ms"] = statistics.fmean(asks[-50:]) * 1e3
    return row | {"peak_mb": peak_mb(), "torch": "torch" in sys.modules}


def outcome(number: int, decisions: Any, known: dict[str, float], attrs: Any = None) -> TrialView:
    """A complete trial with a score that wide networks and luck have in common."""
    luck = random.Random(number).random()
    size = sum(len(str(label)) for label in decisions.values())
    return TrialView(number, decisions, "complete", {**known, "accuracy": size + luck}, epochs=1, attrs=attrs or {})


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """Mean, median and 95th percentile."""
    ms = sorted(1e3 * s for s in seconds)
    return {"ms": statistics.fmean(ms), "median_ms": statistics.median(ms), "p95_ms": ms[int(0.95 * (len(ms) - 1))]}


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown."""
    head = [
        "sampler",
        "trials",
        "objectives",
        "ask ms: mean",
        "median",
        "p95",
        "last 50",
        "tell ms",
        "peak MB",
        "torch",
    ]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for row in rows:
        times = [row[key] for key in ("ask_ms", "ask_median_ms", "ask_p95_ms", "last_ask_ms", "tell_ms")]
        cells = [row["sampler"], f"{row['trials']:,}", str(row["objectives"]), *(f"{ms:.3f}" for ms in times)]
        lines.append("| " + " | ".join([*cells, f"{row['peak_mb']:.0f}", "yes" if row["torch"] else "no"]) + " |")
    return "\n".join(lines)


def main() -> None:
    """A process for each sampler, number of trials and number of objectives; then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS))
    parser.add_argument("--trials", nargs="+", type=int, default=[200, 1000])
    parser.add_argument("--objectives", nargs="+", type=int, default=[1, 2], choices=list(OBJECTIVES))
    parser.add_argument("--space", default="nb201", help="module of search_spaces, and :name of a space in it")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--one", action="store_true", help="run in this process and print JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.samplers[0], args.trials[0], args.space, args.objectives[0])))
        return
    rows = []
    for name in args.samplers:
        for trials in args.trials:
            for objectives in args.objectives:
                command = [sys.executable, __file__, "--one", "--samplers", name, "--trials", str(trials)]
                command += ["--objectives", str(objectives), "--space", args.space]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{name} at {trials:,}: {done.stderr.strip().splitlines()[-1]}", flush=True)
                    continue
                rows.append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{name} at {trials:,}: {rows[-1]['ask_ms']:.3f} ms an ask", flush=True)
    print(table(rows))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "search_speed.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
