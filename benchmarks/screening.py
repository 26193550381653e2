"""Screening speed: sample, lower, cost and id of MobileNet-size candidates, beside the routes that build them.

Four routes answer "what does this candidate cost?" for the same members of ``search_spaces.proxyless`` (224 x 224):

* ``screen``: this engine, closed form, with cold caches (cleared before the run) and warm ones;
* ``meta``: build the module on torch's meta device and count parameters and FLOPs with ``torch.utils.flop_counter``;
* ``build``: build it on the meta device and count parameters only;
* ``fvcore``: build it and trace it with ``fvcore.nn.FlopCountAnalysis``.

    python benchmarks/screening.py --candidates 5000 --built 20 --out benchmarks/results

Rounds of all routes alternate, so that a drifting machine drifts for all; medians over rounds are reported, and ratios
are taken within a round. ``--profile`` says where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import platform
import pstats
import random
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from nasengine import Architecture, Space, screen
from nasengine.graph.module import build
from nasengine.graph.wiring import clear_cache
from search_spaces.proxyless import mobile


def engine(space: Space, count: int, seed: int) -> float:
    """Seconds a candidate for sample, lower, cost and id."""
    rng = random.Random(seed)
    start = time.perf_counter()
    for _ in range(count):
        screen(space.sample(rng))
    return (time.perf_counter() - start) / count


def parts(space: Space, count: int, seed: int) -> dict[str, float]:
    """Seconds a candidate for sampling alone, and for the rest."""
    rng = random.Random(seed)
    start = time.perf_counter()
    members = [space.sample(rng) for _ in range(count)]
    middle = time.perf_counter()
    for member in members:
        screen(member)
    return {"sample_s": (middle - start) / count, "lower_cost_id_s": (time.perf_counter() - middle) / count}


def on_meta(member: Architecture, *, flops: bool) -> tuple[int, int]:
    """(params, MACs) of the module built on the meta device."""
    with torch.device("meta"):
        network = build(member.graph())
        params = sum(p.numel() for p in network.parameters())
        if not flops:
            return params, 0
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network.eval()(torch.empty(1, *member.graph().types[0].shape))
    return params, counter.get_total_flops() // 2


def by_fvcore(member: Architecture) -> tuple[int, int]:
    """(params, MACs) by fvcore's tracer; it counts a multiply-accumulate as one FLOP, and norms too."""
    from fvcore.nn import FlopCountAnalysis, parameter_count

    network = build(member.graph()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        analysis = FlopCountAnalysis(network, torch.zeros(1, *member.graph().types[0].shape))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        total = int(analysis.total())
    return parameter_count(network)[""], total


def timed(route: Callable[[Architecture], object], members: list[Architecture]) -> float:
    """Seconds a candidate."""
    start = time.perf_counter()
    for member in members:
        route(member)
    return (time.perf_counter() - start) / len(members)


def one_round(space: Space, args: argparse.Namespace, seed: int) -> dict[str, float]:
    """Every route once, on members of this round."""
    members = [space.sample(random.Random(f"{seed}:{i}")) for i in range(args.built)]
    gc.collect()
    clear_cache()
    row = {"screen_cold_s": engine(mobile(), args.candidates, seed)}
    row["screen_warm_s"] = engine(space, args.candidates, seed + 1_000)
    row["meta_build_s"] = timed(lambda m: on_meta(m, flops=False), members)
    row["meta_flops_s"] = timed(lambda m: on_meta(m, flops=True), members)
    row["fvcore_s"] = timed(by_fvcore, members[: max(1, args.built // 4)])
    return row


def agree(space: Space, count: int) -> None:
    """The closed form equals what is built: parameters and MACs, exactly."""
    for i in range(count):
        member = space.sample(i)
        cost = screen(member).cost
        if (cost.params, cost.macs) != on_meta(member, flops=True):
            raise SystemExit(f"closed form {cost} differs from the built module {on_meta(member, flops=True)}")


def summary(rows: list[dict[str, float]]) -> dict[str, float]:
    """Medians over rounds, and the median of each round's ratios."""
    found = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    for name in ("meta_build_s", "meta_flops_s", "fvcore_s"):
        for cache in ("cold", "warm"):
            ratio = statistics.median(row[name] / row[f"screen_{cache}_s"] for row in rows)
            found[f"{name[:-2]}_over_screen_{cache}"] = ratio
    found["candidates_per_s_warm"] = 1 / found["screen_warm_s"]
    found["candidates_per_s_cold"] = 1 / found["screen_cold_s"]
    return found


def machine() -> dict[str, str]:
    """Where this was measured."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    return {
        "cpu": model,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def where(space: Space, count: int) -> None:
    """Print where the time goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    engine(space, count, 7)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(20)


def main() -> None:
    """Run the rounds, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=5_000, help="screened a round, for each state of the caches")
    parser.add_argument("--built", type=int, default=20, help="built on the meta device a round (a quarter by fvcore)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--profile", action="store_true", help="say where screening spends its time")
    args = parser.parse_args()
    torch.set_num_threads(1)
    space = mobile()
    agree(space, 5)
    engine(space, args.candidates, 10**6)
    rows = [one_round(space, args, seed) for seed in range(args.rounds)]
    result = {**summary(rows), **{f"warm_{k}": v for k, v in parts(space, args.candidates, 5).items()}}
    for name, value in result.items():
        print(
            f"{name:32} {value * 1e3:12.4f} ms"
            if name.endswith("_s") and "per_s" not in name
            else f"{name:32} {value:12.1f}"
        )
    if args.profile:
        where(space, args.candidates)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        record = {"benchmark": "screening", "machine": machine(), "rounds": rows, "result": result}
        (args.out / "screening.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
