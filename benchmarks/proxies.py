"""Zero-cost proxies on NAS-Bench-201: against the published ones, together, and what they cost.

    OMP_NUM_THREADS=1 python benchmarks/proxies.py --cells 500 --out benchmarks/results
    OMP_NUM_THREADS=1 python benchmarks/proxies.py --cost --out benchmarks/results

The first computes our proxies of random cells of the published table, on 64 images of CIFAR-10, and compares, proxy by
proxy and on the same cells, the rank correlation with the published 200-epoch validation accuracy. Cells that the cache
holds are not computed again. The second times all proxies together, each alone, and the passes of the published code,
one after another. Tables are read through NASENGINE_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from nasengine.estimate import COMBINED, PROXIES, Batch, Passes, combine, measure
from nasengine.estimate.proxies.agreement import kendall, spearman
from nasengine.graph import lower
from nasengine.graph.module import build
from search_spaces.nb201 import decisions, space

ACCURACY = "c10_val_e200"
PUBLISHED = {**{name: name for name in PROXIES}, "macs": "flops"}
TOLERANCE = 0.05
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BEST = 0.1
ELEVEN = ("synflow", "snip", "grasp", "fisher", "grad_norm", "jacov", "nwot", "zen", "l2_norm", "params", "macs")
"""What is timed together."""


def main() -> None:
    """Compare or time, print the tables, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=500, help="random cells of the published table")
    parser.add_argument("--seed", type=int, default=0, help="which cells, which images, which weights")
    parser.add_argument("--batch", type=int, default=64, help="images")
    parser.add_argument("--proxies", nargs="*", default=list(PROXIES), help="which; those of earlier runs are kept")
    parser.add_argument("--cost", action="store_true", help="time them instead")
    parser.add_argument("--networks", type=int, default=5, help="networks to time")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nasengine-proxies")
    args = parser.parse_args()
    if args.cost:
        result = cost(args.networks, args.batch, args.seed)
        print(cost_table(result))
    else:
        rows = computed(args.cells, args.batch, args.seed, args.cache, args.proxies)
        result = compared(rows)
        print(table(result))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        name = "proxies_cost" if args.cost else "proxies"
        settings = {"batch": args.batch, "seed": args.seed, "torch": torch.__version__}
        (args.out / f"{name}.json").write_text(json.dumps({"benchmark": name, **settings, **result}, indent=1) + "\n")


def data(name: str) -> Path:
    """A file of the public data."""
    path = Path(os.environ.get("NASENGINE_DATA") or ".") / name
    if not path.is_file():
        raise SystemExit(f"{name} is not in NASENGINE_DATA")
    return path


def images(count: int, seed: int) -> Batch:
    """Random training images of CIFAR-10 with their classes, scaled by the mean and deviation of their channels."""
    with np.load(data("vision/cifar10_4k.npz")) as found:
        rows = np.random.default_rng(seed).permutation(len(found["x_train"]))[:count]
        pixels, labels = found["x_train"][rows], found["y_train"][rows]
    scaled = (torch.from_numpy(pixels).float() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    return Batch((scaled.permute(0, 3, 1, 2).contiguous(),), torch.from_numpy(labels.astype("int64").ravel()))


def computed(count: int, batch: int, seed: int, cache: Path, names: Sequence[str] = tuple(PROXIES)) -> pd.DataFrame:
    """Published rows of random cells with our readings beside them, in columns ``ours_NAME``."""
    published = pd.read_parquet(data("nas/nb201_proxies_cifar10.parquet"))
    chosen = published.iloc[np.random.default_rng(seed).permutation(len(published))[:count]].reset_index(drop=True)
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"nb201-{batch}-{seed}.jsonl"
    lines = file.read_text().splitlines() if file.is_file() else []
    known: dict[str, dict[str, Any]] = {}
    for row in map(json.loads, lines):
        known[row["arch_str"]] = known.get(row["arch_str"], {}) | row
    pictures = images(batch, seed)
    with file.open("a") as log:
        for arch in chosen.arch_str:
            missing = [name for name in names if name not in known.get(arch, {})]
            if not missing:
                continue
            read = measure(space.decode(decisions(arch)), missing, batch=pictures, seed=seed)
            seconds = known.get(arch, {}).get("seconds", 0.0) + read.elapsed_s
            known[arch] = {**known.get(arch, {}), "arch_str": arch, **read.values, "seconds": seconds}
            log.write(json.dumps(known[arch]) + "\n")
            log.flush()
    ours = pd.DataFrame([known[arch] for arch in chosen.arch_str]).drop(columns="arch_str").add_prefix("ours_")
    return chosen.join(ours)


def compared(rows: pd.DataFrame) -> dict[str, Any]:
    """Rank correlations with the accuracy, ours and published; of the combined score too."""
    accuracy = rows[ACCURACY].to_numpy(float)
    found: dict[str, Any] = {}
    for name in (name for name in PROXIES if f"ours_{name}" in rows):
        ours = rows[f"ours_{name}"].to_numpy(float)
        found[name] = {"cells": int(np.isfinite(ours).sum()), **figures(ours, accuracy)}
        if PUBLISHED[name] in rows:
            same = np.where(np.isfinite(ours), rows[PUBLISHED[name]].to_numpy(float), np.nan)
            theirs = figures(same, accuracy)
            found[name] |= {f"published_{key}": value for key, value in theirs.items()}
            found[name]["same_ranks"] = spearman(*finite(ours, rows[PUBLISHED[name]].to_numpy(float)))
    if all(f"ours_{name}" in rows for name in COMBINED):
        readings = [{name: float(row[f"ours_{name}"]) for name in COMBINED} for _, row in rows.iterrows()]
        found["combined"] = {"cells": len(rows), **figures(np.array(combine(readings)), accuracy)}
    seconds = float(rows.ours_seconds.median())
    return {"cells": len(rows), "seconds_a_network": seconds, "proxies": found}


def finite(x: Any, y: Any) -> tuple[Any, Any]:
    """Where both are numbers."""
    kept = np.isfinite(x) & np.isfinite(y)
    return x[kept], y[kept]


def figures(scores: Any, accuracy: Any) -> dict[str, float]:
    """Spearman and Kendall over all cells, and Spearman among the tenth with the best accuracy."""
    scores, accuracy = finite(scores, accuracy)
    best = accuracy >= np.quantile(accuracy, 1 - BEST)
    return {
        "spearman": spearman(scores, accuracy),
        "kendall": kendall(scores, accuracy),
        "spearman_best_tenth": spearman(scores[best], accuracy[best]),
    }


def table(result: Mapping[str, Any]) -> str:
    """As markdown; an asterisk where ours is further than 0.05 from the published one."""
    lines = [
        f"{result['cells']} cells, {result['seconds_a_network']:.2f} s a network for all proxies",
        "",
        "| proxy | cells | Spearman | published | difference | Kendall | best tenth | published | ranks alike |",
        "| --- " * 9 + "|",
    ]
    for name, one in result["proxies"].items():
        theirs = one.get("published_spearman")
        gap = "" if theirs is None else f"{one['spearman'] - theirs:+.3f}"
        mark = "*" if gap and abs(one["spearman"] - theirs) > TOLERANCE else ""
        shown = [str(one["cells"]), number(one["spearman"]), number(theirs), gap + mark, number(one["kendall"])]
        rest = [number(one.get(key)) for key in ("spearman_best_tenth", "published_spearman_best_tenth", "same_ranks")]
        lines.append(f"| {name} | " + " | ".join([*shown, *rest]) + " |")
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Three digits, or nothing."""
    return "" if value is None else f"{value:.3f}"


# --- what they cost -------------------------------------------------------------------------------------------------


def cost(networks: int, batch: int, seed: int) -> dict[str, Any]:
    """CPU seconds of all together, of each alone and of the published passes: sums over networks, interleaved."""
    pictures, rng = images(batch, seed), np.random.default_rng(seed)
    runs: dict[str, Callable[[Any], Any]] = {
        "together": lambda arch: measure(arch, ELEVEN, batch=pictures),
        "together with feature maps": lambda arch: measure(arch, batch=pictures),
    }
    for name in PROXIES:
        runs[name] = lambda arch, name=name: measure(arch, (name,), batch=pictures)
    for name, passes in AS_PUBLISHED.items():
        runs[f"published {name}"] = lambda arch, passes=passes: passes(lower(arch).simplify(), pictures)
    times: dict[str, list[float]] = {name: [] for name in runs}
    members = [space[int(i)] for i in rng.permutation(len(space))[:networks]]
    for arch in [members[0], *members]:  # the first round warms up
        for name, run in runs.items():
            started = time.process_time()
            run(arch)
            times[name].append(time.process_time() - started)
    return {"networks": networks, "seconds": {name: sum(found[1:]) / networks for name, found in times.items()}}


def cost_table(result: Mapping[str, Any]) -> str:
    """All together beside each alone."""
    seconds = result["seconds"]
    alone = {name: seconds[name] for name in ELEVEN}
    published = {name: value for name, value in seconds.items() if name.startswith("published ")}
    dearest = max(alone, key=lambda name: alone[name])
    together = seconds["together"]
    lines = [f"{name}: {value:.3f} s" for name, value in seconds.items()]
    lines += [
        f"together / dearest alone ({dearest}): {together / alone[dearest]:.2f} (goal: at most 1.5)",
        f"one by one / together: {sum(alone.values()) / together:.2f} (goal: at least 4)",
        f"one by one, passes as published / together: {sum(published.values()) / together:.2f}",
        f"dearest as published / together: {max(published.values()) / together:.2f}",
    ]
    return "\n".join(lines)


def _loss(network: Any, pictures: Batch) -> torch.Tensor:
    assert pictures.targets is not None
    return F.cross_entropy(network(*pictures.inputs), pictures.targets)


def _weights(network: Any) -> list[torch.Tensor]:
    return [p for p in network.parameters() if p.ndim >= 2]


def _gradient(graph: Any, pictures: Batch) -> None:
    """One forward and one backward pass: snip, grad_norm and fisher each take one."""
    network = build(graph).train()
    torch.autograd.grad(_loss(network, pictures), _weights(network))


def _grasp(graph: Any, pictures: Batch) -> float:
    """Two forward passes, a backward pass, and one through the backward pass; the exact product."""
    network = build(graph).train()
    weights = _weights(network)
    first = torch.autograd.grad(_loss(network, pictures), weights)
    second = torch.autograd.grad(_loss(network, pictures), weights, create_graph=True)
    inner = torch.stack([(a.detach() * b).sum() for a, b in zip(first, second, strict=True)]).sum()
    product = torch.autograd.grad(inner, weights)
    return -float(sum((w.detach() * h).sum() for w, h in zip(weights, product, strict=True)))


def _jacobian(graph: Any, pictures: Batch) -> None:
    """One forward and one backward pass to weights and images."""
    network = build(graph).train()
    x = pictures.inputs[0].clone().requires_grad_()
    torch.autograd.grad(network(x).sum(), [x, *_weights(network)])


def _codes(graph: Any, pictures: Batch) -> None:
    """One forward pass; two products of the codes a ReLU."""
    network, total = build(graph).train(), torch.zeros(len(pictures.inputs[0]), len(pictures.inputs[0]))

    def note(_: Any, inputs: Sequence[torch.Tensor]) -> None:
        code = (inputs[0].flatten(1) > 0).float()
        total.add_(code @ code.T + (1 - code) @ (1 - code).T)

    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_pre_hook(note)
    network(*pictures.inputs)


def _zen(graph: Any, pictures: Batch) -> None:
    """Two forward passes of a batch of noise."""
    network = build(graph).train()
    with torch.no_grad():
        for parameter in _weights(network):
            torch.nn.init.normal_(parameter)
        for _ in range(2):
            network(torch.randn_like(pictures.inputs[0]))


def _synflow(graph: Any, pictures: Batch) -> None:
    Passes(graph, pictures).flow  # noqa: B018 - one pass of one example, as published


AS_PUBLISHED: dict[str, Callable[[Any, Batch], Any]] = {
    "snip": _gradient, "grad_norm": _gradient, "fisher": _gradient, "grasp": _grasp, "jacov": _jacobian,
    "nwot": _codes, "zen": _zen, "synflow": _synflow,
}  # fmt: skip


if __name__ == "__main__":
    main()
