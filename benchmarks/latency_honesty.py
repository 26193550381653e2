"""Do latency profiles tell the truth about themselves? The same networks profiled twice, some time apart.

Reported: Kendall's tau between the two orders, and the share of second medians that lie inside twice the stated
interval of the first. With ``--busy`` they are profiled once more while a loop computes on the first core: each of
these is flagged as loaded, or has an interval that reaches the median of the quiet profile, or is within 20 % of it;
one that is none of these is silently wrong, and there should be none.

    python benchmarks/latency_honesty.py --networks 50 --apart-s 3600 --busy --out benchmarks/results

Cells that the result file holds for these settings are left as they are; ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from latency_cells import Cells, agreement, busy_loop, members, state

from nasengine import Architecture
from nasengine.hardware import Profiler

WRONG = 0.2
FIELDS = (
    "median_ms", "ci_low_ms", "ci_high_ms", "p90_ms", "passes_ms", "runs", "precise", "loaded", "drift", "busy_share",
    "reference_ms", "retries",
)  # fmt: skip


def cell(profiler: Profiler, member: Architecture) -> dict[str, Any]:
    """One profile: its figures, when it was made and how long that took."""
    start = time.perf_counter()
    found = profiler.profile(member)
    row = {name: getattr(found, name) for name in FIELDS}
    return {**row, "wall_s": time.perf_counter() - start, "at_s": time.time(), **state()}


def inside(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Is the second median inside twice the interval of the first?"""
    median = first["median_ms"]
    low, high = median - 2 * (median - first["ci_low_ms"]), median + 2 * (first["ci_high_ms"] - median)
    return bool(low <= second["median_ms"] <= high)


def silently_wrong(quiet: dict[str, Any], busy: dict[str, Any]) -> bool:
    """Is a figure more than 20 % off without a word?"""
    off = abs(busy["median_ms"] / quiet["median_ms"] - 1)
    reaches = busy["ci_low_ms"] <= quiet["median_ms"] <= busy["ci_high_ms"]
    return bool(off > WRONG and not busy["loaded"] and not reaches)


def width(row: dict[str, Any]) -> float:
    """Of the interval, as a share of the median."""
    return float((row["ci_high_ms"] - row["ci_low_ms"]) / row["median_ms"])


def summary(rows: dict[str, Any], names: list[str], *, busy: bool) -> dict[str, Any]:
    """What the sweeps say together."""
    first, second = ([rows[f"{sweep}/{name}"] for name in names] for sweep in ("first", "second"))
    found: dict[str, Any] = agreement([r["median_ms"] for r in first], [r["median_ms"] for r in second])
    pairs = list(zip(first, second, strict=True))
    found["inside_twice_the_interval"] = statistics.fmean(inside(a, b) for a, b in pairs)
    found["apart_s"] = min(b["at_s"] - a["at_s"] for a, b in pairs)
    for sweep in ("first", "second", *(["busy"] if busy else [])):
        chosen = [rows[f"{sweep}/{name}"] for name in names]
        found[f"{sweep}_loaded"] = statistics.fmean(bool(r["loaded"]) for r in chosen)
        found[f"{sweep}_precise"] = statistics.fmean(bool(r["precise"]) for r in chosen)
        found[f"{sweep}_width"] = statistics.median(width(r) for r in chosen)
        found[f"{sweep}_busy_share"] = statistics.median(r["busy_share"] or 0.0 for r in chosen)
        found[f"{sweep}_wall_s"] = statistics.median(r["wall_s"] for r in chosen)
    if busy:
        loaded = [rows[f"busy/{name}"] for name in names]
        found["busy_noticed"] = found["busy_loaded"]
        found["busy_median_difference"] = agreement([r["median_ms"] for r in first], [r["median_ms"] for r in loaded])[
            "median_difference"
        ]
        found["silently_wrong"] = sum(silently_wrong(a, b) for a, b in zip(first, loaded, strict=True))
    return found


def main() -> None:
    """Measure what is missing, print the table, write the result after each cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--apart-s", type=float, default=3600.0, help="between the two profiles of a network, at least")
    parser.add_argument("--busy", action="store_true", help="once more while a loop computes on the first core")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--again", action="store_true", help="measure cells that the result holds, too")
    args = parser.parse_args()
    networks = members(args.networks)
    settings = {"networks": args.networks, "apart_s": args.apart_s}
    cells = Cells("latency_honesty", settings, args.out, again=args.again)
    with Profiler() as profiler:
        profiler.profile(next(iter(networks.values())))  # the server's start is not in a cell's time
        for sweep in ("first", "second", *(["busy"] if args.busy else [])):
            with busy_loop(sweep == "busy"):
                for name, member in networks.items():
                    if f"{sweep}/{name}" in cells:
                        continue
                    if sweep == "second":
                        time.sleep(max(0.0, cells.rows[f"first/{name}"]["at_s"] + args.apart_s - time.time()))
                    cells.put(f"{sweep}/{name}", cell(profiler, member))
                    row = cells.rows[f"{sweep}/{name}"]
                    print(f"{sweep:7}{name:18}{row['median_ms']:9.4f} ms, {width(row):6.1%} wide", flush=True)
    result = summary(cells.rows, list(networks), busy=args.busy)
    cells.write(result)
    for key, value in result.items():
        print(f"{key:28}{value:10.4f}")


if __name__ == "__main__":
    main()
