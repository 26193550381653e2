"""A study's record made up of plausible rows, for the tests of the report."""

from __future__ import annotations

import math
import random
from typing import Any

from nasengine.report.record import StudyRecord

HOSTILE = "</script><script>boom()</script><img src=x onerror=boom()>\"'&%{x}${y}\x00\x1b|`\u2028"
RUNGS = (1, 3, 9)


def study_rows(trials: int = 60, *, text: str = "", seed: int = 0) -> dict[str, Any]:
    """Rows under the ledger's names: some refused by cost or latency, some pruned, failed, or duplicates."""
    rng = random.Random(seed)
    rows: dict[str, Any] = {"trials": [], "rungs": [], "profiles": [], "finals": [], "events": []}
    trained: list[dict[str, Any]] = []
    for number in range(trials):
        trial = _trial(rng, number, text)
        rows["trials"].append(trial)
        rows["events"].append({"seq": number, "at": 1.79e9 + number, "kind": f"trial{text}", "trial": number})
        if trial["known"]["params"] > 500_000:
            trial |= {"status": "infeasible", "gate": "cost", "reason": f"{trial['known']['params']} > 500000{text}"}
        elif trained and rng.random() < 0.1:
            first = rng.choice(trained)
            trial |= {name: first[name] for name in ("status", "graph_id", "known")} | {"same_as": first["number"]}
        else:
            rows["profiles"].append(_profile(trial, text))
            _train(rng, trial, rows["rungs"])
            trained.append(trial)
    return rows


def _trial(rng: random.Random, number: int, text: str) -> dict[str, Any]:
    params = int(10 ** rng.uniform(4, 5.9))
    latency = 0.1 + params / 6e5 + rng.random() * 0.3
    known = {"params": params, "macs": params * 60, "param_bytes": 4 * params, "latency_ms": latency}
    decisions = {f"body.{i}.kernel{text}": rng.choice([3, 5, f"seven{text}"]) for i in range(12)}
    return {
        "number": number, "status": "complete", "decisions": decisions, "graph_id": f"g{number}{text}", "known": known,
        "gate": "", "reason": "", "same_as": None, "architecture": "",
    }  # fmt: skip


def _profile(trial: dict[str, Any], text: str) -> dict[str, Any]:
    median = trial["known"]["latency_ms"]
    profile = {
        "median_ms": median, "p10_ms": median * 0.98, "p90_ms": median * 1.04, "p99_ms": median * 1.2,
        "ci_low_ms": median * 0.99, "ci_high_ms": median * 1.01, "runs": 60, "warmup_runs": 20, "steady": True,
        "batch": 1, "threads": 1, "runtime": "eager", "dtype": "float32", "device": {"cpu": f"A processor{text}"},
        "device_key": "ab12", "load_average": 0.4, "measured_at": "2026-01-02T03:04:05+00:00",
        "method": f"Single calls timed one by one{text}.",
    }  # fmt: skip
    return {"graph_id": trial["graph_id"], "device_key": "ab12", "profile": profile}


def _train(rng: random.Random, trial: dict[str, Any], rungs: list[dict[str, Any]]) -> None:
    best = 0.99 - 0.3 * math.exp(-(math.log10(trial["known"]["params"]) - 3.5) * 2) - rng.random() * 0.01
    reached = rng.choice([1, 2, 3, 3])
    start = 0
    for rung, end in enumerate(RUNGS[:reached]):
        curve = [{"epoch": e, "accuracy": best * (1 - 0.6 / e), "train_loss": 2 / e} for e in range(start + 1, end + 1)]
        rungs.append({"key": "k", "trial": trial["number"], "rung": rung, "epoch": end, "attempt": 1, "train_loss": 0.1,
                      "metrics": {"accuracy": curve[-1]["accuracy"]}, "elapsed_s": 1.0, "curve": curve})  # fmt: skip
        start = end
    if reached < len(RUNGS):
        trial |= {"status": "pruned", "gate": "rung", "reason": f"not promoted from rung {reached - 1}"}
    elif rng.random() < 0.1:
        trial |= {"status": "failed", "gate": "training", "reason": "the loss became nan in epoch 7"}


def study_meta(text: str = "") -> dict[str, Any]:
    """A study's own record: three objectives, two budgets."""
    return {
        "name": f"digits{text}",
        "space": {"name": f"cnn{text}", "size": 13_000_000},
        "objectives": [
            {"name": "accuracy", "direction": "maximize"},
            {"name": "latency_ms", "direction": "minimize"},
            {"name": "params", "direction": "minimize"},
        ],
        "budgets": [
            {"name": "params", "limit": 500_000, "sense": "at_most"},
            {"name": "latency_ms", "limit": 0.9, "sense": "at_most"},
        ],
        "task": {"type": f"digits{text}"},
        "recipe": {"type": "recipe", "epochs": 9},
        "sampler": "nsga2",
        "seed": 0,
        "versions": {"torch": f"2.6{text}"},
        "ranges": {"params": [1200, 800_000]},
        "reference": {"accuracy": 0.1, "latency_ms": 1.0, "params": 500_000},
    }


def study_record(trials: int = 60, *, text: str = "", seed: int = 0, **more: Any) -> StudyRecord:
    """The record of such a study."""
    return StudyRecord.from_rows(study_meta(text) | more, **study_rows(trials, text=text, seed=seed))
