"""Calibration: sixty measurements of a family on this machine, then a hundred members that the predictor has not seen.

For each family: how long the measurements and the fit take, and, over the unseen members, the share whose measured
median lies within 10 % of the prediction, Spearman's correlation, the median error, and how many measured medians lie
inside the predicted 95 % intervals. Shares come with Wilson's 95 % interval.

    python benchmarks/calibration.py --out benchmarks/results

Families are shipped spaces as ``nasengine calibrate --space`` names them. The result's file name holds the machine.
What is measured is kept in ``--keep`` as it comes, so that a run that was interrupted goes on where it ended; families
(cells) that the result file holds for these settings are left as they are, ``--again`` fits and judges them anew.
Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from nasengine import Device
from nasengine.hardware.predictor.calibration import Step, calibrate
from nasengine.hardware.predictor.profiles import HELD, Profiles
from nasengine.study.files import find_space

FAMILIES = ("proxyless:small", "nb201", "transformer:encoder_small", "rnn:small")


def wilson(hits: int, count: int) -> list[float]:
    """95 % interval of a share (Wilson, 1927)."""
    z, share = 1.96, hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return [max(0.0, centre - half), min(1.0, centre + half)]


def share(hits: list[bool]) -> dict[str, Any]:
    """A share with its interval."""
    return {"share": sum(hits) / len(hits), "interval": wilson(sum(hits), len(hits))}


def cell(family: str, device: Device, args: argparse.Namespace) -> dict[str, Any]:
    """One family: calibrate, measure members that are not seen, judge."""
    space, _ = find_space(family)
    name = re.sub(r"\W+", "-", f"{family}-{device.kind}-{device.runtime}-{device.dtype}")
    out = args.keep / machine(device) / f"{name}.json"
    settings: dict[str, Any] = {"out": out, "samples": args.samples, "seed": args.seed, "watch": Watch(family)}
    first = calibrate(space, device, **settings)
    found = calibrate(space, device, held_out=args.unseen, **settings)
    rows = [row for row in Profiles(found.profiles, space, device).rows.values() if row["split"] == HELD]
    graphs = [space.decode(row["decisions"]).graph().simplify() for row in rows]
    predicted = first.predictor.predict(graphs)
    measured = [float(row["profile"]["median_ms"]) for row in rows]
    errors = [p.median_ms / m - 1 for p, m in zip(predicted, measured, strict=True)]
    return {
        "space": space.name,
        "measured_on": len(rows),
        "calibration_s": first.measuring_s + first.fitting_s if first.reused else first.elapsed_s,
        "fitting_s": first.fitting_s,
        "within_10_percent": share([abs(error) <= 0.1 for error in errors]),
        "median_error": statistics.median(abs(error) for error in errors),
        "spearman": float(spearmanr([p.median_ms for p in predicted], measured).statistic),
        "coverage": share([p.low_ms <= m <= p.high_ms for p, m in zip(predicted, measured, strict=True)]),
        "latency_ms": [min(measured), statistics.median(measured), max(measured)],
        "loaded": sum(bool(row["profile"]["loaded"]) for row in rows),
        "not_precise": sum(row["profile"]["precise"] is False for row in rows),
        "skipped": len(found.skipped),
        "cross_validation": first.predictor.report and first.predictor.report.to_json(),
    }


class Watch:
    """A line every tenth member."""

    def __init__(self, family: str) -> None:
        self.family = family

    def __call__(self, step: Step) -> None:
        if step.done % 10 == 0:
            print(f"  {self.family}: {step.done}/{step.total}", flush=True)


def machine(device: Device) -> str:
    """The machine, as a part of a file name."""
    facts = device.describe()
    name = f"{facts.get('gpu') or facts.get('cpu')}-{facts.get('usable_cores')}-cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def shown(family: str, row: dict[str, Any]) -> str:
    """A cell as a line."""
    within, coverage = row["within_10_percent"], row["coverage"]
    return (
        f"{family:28} {row['calibration_s']:6.0f} s  within 10 %: {within['share']:.0%} "
        f"({within['interval'][0]:.0%} to {within['interval'][1]:.0%})  median error {row['median_error']:.1%}  "
        f"Spearman {row['spearman']:.3f}  coverage {coverage['share']:.0%}"
    )


def main() -> None:
    """Measure what is missing, print the table, write the result after each family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="*", default=list(FAMILIES))
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--unseen", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--keep", type=Path, default=Path("out/calibration"), help="folder for what is measured")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--again", action="store_true", help="judge families that the result holds, too")
    args = parser.parse_args()
    device = Device(args.device, threads=args.threads, runtime=args.runtime, dtype=args.dtype)
    place, facts = machine(device), device.describe()
    path = args.out / f"calibration-{place}-{args.runtime}.json" if args.out else None
    settings = {"samples": args.samples, "unseen": args.unseen, "seed": args.seed, "device": device.to_json()}
    known = json.loads(path.read_text()) if path is not None and path.exists() else {}
    rows: dict[str, Any] = known.get("rows", {}) if known.get("settings") == settings else {}
    for family in args.families:
        if args.again or family not in rows:
            rows[family] = cell(family, device, args)
        print(shown(family, rows[family]), flush=True)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            record = {"benchmark": "calibration", "machine": facts, "settings": settings, "rows": rows}
            path.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
