"""Networks profiled twice by this engine, by ``torch.utils.benchmark`` and by a plain mean, in equal wall time each.

Each network is measured by the three methods one after the other, first all networks, then all again:

* ``ours``: ``Profiler().profile(network)``, and how long that takes, build and fresh processes included;
* ``benchmark``: the median of ``torch.utils.benchmark.Timer.blocked_autorange`` for as long;
* ``mean``: the mean of calls for as long, 100 at least.

The two peers get the network built and called once before their time starts. Reported for each: how far the two figures
of a network are apart, Kendall's tau between the two orders, and how much tighter ours are. With ``--busy`` a loop
computes on the first core meanwhile; without, the machine should be quiet, and the medians of ``ours`` and
``benchmark`` should agree.

    python benchmarks/latency_peers.py --networks 60 --busy --out benchmarks/results

Cells that the result file holds for these settings are left as they are; ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from latency_cells import Cells, agreement, busy_loop, members, state
from torch.utils.benchmark import Timer

from nasengine import Architecture
from nasengine.graph.module import build, example_inputs
from nasengine.hardware import Profiler

METHODS = ("ours", "benchmark", "mean")


def built(member: Architecture) -> Callable[[], object]:
    """The network as a user would call it."""
    graph = member.graph().simplify()
    torch.manual_seed(0)
    module, inputs = build(graph).eval(), example_inputs(graph, 1)

    def call() -> object:
        with torch.inference_mode():
            return module(*inputs)

    call()
    return call


def by_benchmark(call: Callable[[], object], wall_s: float) -> float:
    """Milliseconds by torch.utils.benchmark."""
    timer = Timer("call()", globals={"call": call}, num_threads=1)
    return float(timer.blocked_autorange(min_run_time=wall_s).median * 1e3)


def by_mean(call: Callable[[], object], wall_s: float) -> float:
    """Milliseconds by a plain mean."""
    start, runs = time.perf_counter(), 0
    while runs < 100 or time.perf_counter() - start < wall_s:
        call()
        runs += 1
    return (time.perf_counter() - start) * 1e3 / runs


def cell(profiler: Profiler, member: Architecture) -> dict[str, Any]:
    """One network by all methods, and what its profile says of itself."""
    start = time.perf_counter()
    profile = profiler.profile(member)
    wall_s = time.perf_counter() - start
    call = built(member)
    return {
        "ours": profile.median_ms,
        "benchmark": by_benchmark(call, wall_s),
        "mean": by_mean(call, wall_s),
        "wall_s": wall_s,
        "ci_low_ms": profile.ci_low_ms,
        "ci_high_ms": profile.ci_high_ms,
        "loaded": profile.loaded,
        "drift": profile.drift,
        "busy_share": profile.busy_share,
        **state(),
    }


def summary(rows: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What both sweeps say together."""
    found: dict[str, Any] = {}
    for method in METHODS:
        first, second = ([rows[f"{sweep}/{name}"][method] for name in names] for sweep in (0, 1))
        found[method] = agreement(first, second)
    ours = max(found["ours"]["median_difference"], 1e-9)
    found["times_tighter"] = {method: found[method]["median_difference"] / ours for method in METHODS[1:]}
    pairs = [rows[f"{sweep}/{name}"] for sweep in (0, 1) for name in names]
    found["ours_over_benchmark"] = statistics.median(row["ours"] / row["benchmark"] for row in pairs)
    found["apart_from_benchmark"] = statistics.median(abs(row["ours"] / row["benchmark"] - 1) for row in pairs)
    found["wall_s"] = statistics.median(row["wall_s"] for row in pairs)
    found["longest_wall_s"] = max(row["wall_s"] for row in pairs)
    found["busy_share"] = statistics.median(row["busy_share"] or 0.0 for row in pairs)
    return found


def main() -> None:
    """Measure what is missing, print the table, write the result after each cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--busy", action="store_true", help="a loop computes on the first core meanwhile")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--again", action="store_true", help="measure cells that the result holds, too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    networks = members(args.networks)
    name = "latency_peers_busy" if args.busy else "latency_peers_quiet"
    cells = Cells(name, {"networks": args.networks}, args.out, again=args.again)
    with busy_loop(args.busy), Profiler() as profiler:
        profiler.profile(next(iter(networks.values())))  # the server's start is not in a cell's time
        for key in (f"{sweep}/{network}" for sweep in (0, 1) for network in networks):
            if key not in cells:
                cells.put(key, cell(profiler, networks[key.partition("/")[2]]))
                row = cells.rows[key]
                print(f"{key:24}", *(f"{method} {row[method]:8.3f} ms" for method in METHODS), flush=True)
    result = summary(cells.rows, list(networks))
    cells.write(result)
    for key, value in result.items():
        print(f"{key:22}", {k: round(v, 4) for k, v in value.items()} if isinstance(value, dict) else round(value, 4))


if __name__ == "__main__":
    main()
