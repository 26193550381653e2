"""Cells of the search benchmark as tables in Markdown."""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHOWN = (25, 50, 100, 200, 500)
DRAWS = 2_000
Row = Mapping[str, Any]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean; the same for the same values."""
    if len(values) < 2 or not all(map(math.isfinite, values)):
        return math.nan, math.nan
    rng = np.random.default_rng(0)
    means = rng.choice(np.asarray(values), size=(DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def report(rows: Iterable[Row], versions: Mapping[str, str], left_out: Mapping[str, str]) -> str:
    """All tables, the ranks, the speed of asks, versions, and what could not run."""
    rows = _latest(rows)
    names = list(dict.fromkeys(row["table"] for row in rows))
    parts = [_table([row for row in rows if row["table"] == name], name) for name in names]
    parts += [_ranks(rows, names), _speed(rows), _versions(rows, versions)]
    if left_out:
        parts.append("\n".join(["Left out:", "", *(f"* {name}: {why}" for name, why in left_out.items())]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _latest(rows: Iterable[Row]) -> list[Row]:
    """Of cells that were computed twice the one with the most evaluations."""
    found: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        key = (row["table"], row["method"], row["seed"])
        if key not in found or row["evaluations"] >= found[key]["evaluations"]:
            found[key] = row
    return list(found.values())


def at(row: Row, kind: str, evaluations: int) -> float | None:
    """What a cell recorded at a number of evaluations; None where it did not go so far."""
    found = row.get(kind, {})
    value = found.get(evaluations, found.get(str(evaluations)))
    return None if value is None else float(value)


def column(rows: Sequence[Row], kind: str, evaluations: int) -> list[float]:
    """That of all seeds; empty where one did not go so far."""
    values = [at(row, kind, evaluations) for row in rows]
    return [v for v in values if v is not None] if None not in values else []


def _table(rows: Sequence[Row], name: str) -> str:
    kinds = ("share", "upper") if any("share" in row for row in rows) else ("regret",)
    shown = [k for kind in kinds for k in (kind, f"{kind}_charged") if any(k in row for row in rows)]
    return "\n\n".join(_standing(rows, name, kind) for kind in shown)


WHAT = {
    "share": "share of the true hypervolume",
    "upper": "share of the true hypervolume above the median of what training decides",
    "regret": "regret",
}


def _standing(rows: Sequence[Row], name: str, kind: str) -> str:
    what = WHAT[kind.partition("_")[0]] + (", charged" if kind.endswith("charged") else "")
    marks = [m for m in SHOWN if any(at(row, kind, m) is not None for row in rows)]
    head = ["method", "seeds", *(f"at {m}" for m in marks)]
    if "regret" in kind:
        head.append("optimum found")
    lines = [f"**{name}**: {what}; mean [95 % interval] median, worst", "", _line(head), _line(["---"] * len(head))]
    methods = _grouped(rows)
    last = marks[-1] if marks else 0
    order = sorted(methods, key=lambda m: _sort_key(methods[m], kind, [m for m in marks if m <= 100] or [last]))
    for method in order:
        cells = [_cell(column(methods[method], kind, m), kind) for m in marks]
        extra = [_found(methods[method], kind)] if "regret" in kind else []
        lines.append(_line([method, str(len(methods[method])), *cells, *extra]))
    return "\n".join(lines)


def _sort_key(rows: Sequence[Row], kind: str, marks: Sequence[int]) -> float:
    values = column(rows, kind, marks[-1])
    if not values:
        return math.inf
    return -statistics.fmean(values) if not kind.startswith("regret") else statistics.fmean(values)


def _cell(values: Sequence[float], kind: str) -> str:
    if not values:
        return ""
    low, high = interval(values)
    worst = min(values) if not kind.startswith("regret") else max(values)
    places = 4 if not kind.startswith("regret") else 3
    mean, median = statistics.fmean(values), statistics.median(values)
    bounds = "" if math.isnan(low) else f" [{low:.{places}f}, {high:.{places}f}]"
    return f"{mean:.{places}f}{bounds} {median:.{places}f}, {worst:.{places}f}"


def _found(rows: Sequence[Row], kind: str) -> str:
    """In how many seeds the best row was found, and the median of the evaluations."""
    found_at = [row[kind.replace("regret", "found_at")] for row in rows]
    values = [math.inf if value is None else float(value) for value in found_at]
    found = sum(map(math.isfinite, values))
    middle = statistics.median(values)
    return f"{found} of {len(values)}" + (f", median {middle:.0f}" if math.isfinite(middle) else "")


def _ranks(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Mean rank of each method over the tables on which all of them ran, by their means."""
    methods = sorted({row["method"] for row in rows})
    by_table = {name: _grouped([row for row in rows if row["table"] == name]) for name in names}
    common = [name for name in names if set(by_table[name]) == set(methods)]
    if len(methods) < 2 or not common:
        return ""
    lines = [f"Mean rank over {len(common)} tables", "", _line(["method", *(f"at {m}" for m in SHOWN)])]
    lines.append(_line(["---"] * (len(SHOWN) + 1)))
    ranks = {m: _ranks_at(by_table, common, m) for m in SHOWN}
    order = sorted(methods, key=lambda m: ranks[50].get(m, math.inf))
    lines += [_line([m, *(f"{ranks[at][m]:.2f}" if m in ranks[at] else "" for at in SHOWN)]) for m in order]
    return "\n".join(lines)


def _ranks_at(by_table: Mapping[str, Mapping[str, Sequence[Row]]], names: Sequence[str], mark: int) -> dict[str, float]:
    """Mean rank by method, of those that went so far on every table."""
    found: dict[str, list[int]] = {}
    for name in names:
        kind = "share" if any("share" in r for rs in by_table[name].values() for r in rs) else "regret"
        means = {m: column(rs, kind, mark) for m, rs in by_table[name].items()}
        scores = {m: statistics.fmean(v) * (-1 if kind == "share" else 1) for m, v in means.items() if v}
        for method, score in scores.items():
            found.setdefault(method, []).append(1 + sum(other < score - 1e-12 for other in scores.values()))
    return {m: statistics.fmean(v) for m, v in found.items() if len(v) == len(names)}


def _speed(rows: Sequence[Row]) -> str:
    """Milliseconds of an ask over all cells, and the memory of peers' processes."""
    if not rows:
        return ""
    lines = ["Milliseconds of an ask", "", _line(["method", "mean", "median", "p95", "peak MB"]), _line(["---"] * 5)]
    for method, found in sorted(_grouped(rows).items()):
        figures = [statistics.median(row[key] for row in found) for key in ("ask_ms", "ask_median_ms", "ask_p95_ms")]
        peaks = [row["peak_mb"] for row in found if "peak_mb" in row]
        peak = f"{max(peaks):.0f}" if peaks else ""
        lines.append(_line([method, *(f"{ms:.2f}" for ms in figures), peak]))
    return "\n".join(lines)


def _versions(rows: Sequence[Row], versions: Mapping[str, str]) -> str:
    found = dict(versions)
    for row in rows:
        found.update(row.get("versions", {}))
    return "Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(found.items()))


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["method"], []).append(row)
    return found


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """The tables of a folder of cells."""
    if len(sys.argv) != 2:
        print(__doc__, "\n    python benchmarks/search_report.py benchmarks/results/search")
        return
    paths = sorted(Path(sys.argv[1]).glob("*.jsonl"))
    print(report([json.loads(line) for path in paths for line in path.read_text().splitlines()], {}, {}))


if __name__ == "__main__":
    main()
