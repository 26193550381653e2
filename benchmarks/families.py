"""Screening speed of every shipped family, beside the spine's MobileNet-size space, per node of the network.

For each family: sample, lower, cost and id of random members of its main space, warm. ``search_spaces.proxyless`` is
timed next to it in the same round; the figure is how much longer a node takes than there. At most 1 means that the
family is screened as fast as its networks are large.

    python benchmarks/families.py --candidates 300 --out benchmarks/results

Cells (families) that the result file already holds for these settings are left as they are; ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import search_spaces
from nasengine import Space, screen
from nasengine.graph import lower
from search_spaces.proxyless import space as spine


def seconds(space: Space, count: int, seed: int) -> float:
    """Seconds of this process for a candidate; a tenth of them before, to warm the caches."""
    rng = random.Random(seed)
    for _ in range(max(1, count // 10)):
        screen(space.sample(rng))
    start = time.process_time()
    for _ in range(count):
        screen(space.sample(rng))
    return (time.process_time() - start) / count


def nodes(space: Space, count: int, seed: int) -> float:
    """Mean number of primitives of a member, all networks together."""
    rng = random.Random(seed)
    members = [space.sample(rng) for _ in range(count)]
    return sum(len(lower(member, name).nodes) for member in members for name in member.networks) / count


def cell(name: str, count: int) -> dict[str, float]:
    """One family beside the spine, in turn, three times; medians."""
    space = search_spaces.load(name).space
    pairs = sorted((seconds(space, count, seed) / seconds(spine, count, seed), seed) for seed in range(3))
    ratio, seed = pairs[1]
    mine, theirs = nodes(space, 20, 0), nodes(spine, 20, 0)
    return {
        "screen_ms": 1e3 * seconds(space, count, seed),
        "nodes": mine,
        "time_over_spine": ratio,
        "nodes_over_spine": mine / theirs,
        "time_a_node_over_spine": ratio / (mine / theirs),
    }


def main() -> None:
    """Measure what is missing, print the table, write the result after each family."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--families", nargs="*", default=search_spaces.names())
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--again", action="store_true", help="measure families that the result holds, too")
    args = parser.parse_args()
    path = args.out / "families.json" if args.out else None
    settings = {"candidates": args.candidates}
    known = json.loads(path.read_text()) if path is not None and path.exists() else {}
    rows: dict[str, dict[str, float]] = known.get("rows", {}) if known.get("settings") == settings else {}
    for name in args.families:
        if args.again or name not in rows:
            rows[name] = cell(name, args.candidates)
        row = rows[name]
        figures = f"{row['screen_ms']:9.3f} ms {row['nodes']:8.0f} nodes"
        print(f"{name:20} {figures} {row['time_a_node_over_spine']:7.2f} x a node", flush=True)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            record = {"benchmark": "families", "settings": settings, "rows": dict(sorted(rows.items()))}
            path.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
