"""The same networks on every runtime and in every number format that this machine has, in one table.

Four families (a MobileNet-like CNN, NAS-Bench-201, an encoder Transformer, an LSTM), one member each. A runtime that
cannot take a network is a cell that says why. On a GPU also ResNet-50 in eager torch, CUDA graphs and
``torch.compile``, each beside ``triton.testing.do_bench`` of the same call; without a GPU or triton that part says so.

    python benchmarks/latency_runtimes.py --out benchmarks/results
    python benchmarks/latency_runtimes.py --device cuda --out benchmarks/results

Cells that the result file holds for these settings are left as they are; ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latency_cells import Cells, state

from nasengine import Architecture, Device
from nasengine.hardware import DTYPES, RUNTIMES
from nasengine.hardware.comparison import Measured, compare, variants
from search_spaces import nb201, proxyless, resnet, rnn, transformer

FIELDS = ("median_ms", "ci_low_ms", "ci_high_ms", "p90_ms", "precise", "loaded", "peak_memory_bytes", "facts")
ON_GPU = ("eager", "cuda_graphs", "compile")


def networks() -> dict[str, Architecture]:
    """One member of each family, by the family's name."""
    lstm = rnn.language_model((1_000,), (20,), (128,), (1,), name="language")
    spaces = {
        "mobile": proxyless.mobile_tiny(),
        "nb201": nb201.space,
        "encoder": transformer.encoder_small,
    }
    found = {name: space.sample(random.Random(0)) for name, space in spaces.items()}
    return {**found, "lstm": first(lambda seed: lstm.sample(random.Random(seed)), lambda text: '"lstm"' in text)}


def first(make: Callable[[int], Architecture], fits: Callable[[str], bool]) -> Architecture:
    """The first of a hundred members whose record says what is wanted."""
    return next(member for seed in range(100) if fits(json.dumps((member := make(seed)).to_json())))


def row_of(found: Measured) -> dict[str, Any]:
    """A cell's figures, or why there are none."""
    figures = {} if found.profile is None else {name: getattr(found.profile, name) for name in FIELDS}
    return {**figures, "note": found.note, **state()}


def measure(cells: Cells, names: list[str], devices: list[Device]) -> None:
    """Every cell that is not there yet."""
    made = networks()
    for name in names:
        wanted = [d for d in devices if f"{name}/{d.runtime}/{d.dtype}" not in cells]
        for found in compare(made[name], wanted) if wanted else ():
            key = f"{name}/{found.device.runtime}/{found.device.dtype}"
            cells.put(key, row_of(found))
            print(f"measured {key}: {shown(cells.rows[key])}", flush=True)


def shown(row: dict[str, Any]) -> str:
    """One cell for the table."""
    return f"{row['median_ms']:.4g} ms" if "median_ms" in row else row["note"].partition(":")[0]


def table(cells: Cells, names: list[str], devices: list[Device]) -> None:
    """Runtimes down, families across; what cannot be is explained below."""
    print(f"\n{'runtime':14}{'dtype':10}" + "".join(f"{name:>16}" for name in names))
    notes: dict[str, str] = {}
    for device in devices:
        rows = [cells.rows[f"{name}/{device.runtime}/{device.dtype}"] for name in names]
        print(f"{device.runtime:14}{device.dtype:10}" + "".join(f"{shown(row):>16}" for row in rows))
        notes |= {f"{n}, {device.runtime} {device.dtype}": r["note"] for n, r in zip(names, rows, strict=True)}
    for where, note in notes.items():
        if note:
            print(f"  {where}: {note}")


def against_do_bench(cells: Cells, device: Device) -> None:
    """ResNet-50 on a GPU: our median beside triton's."""
    if not device.is_cuda:
        print("ResNet-50 against triton.testing.do_bench: left out, it needs --device cuda")
        return
    if find_spec("triton") is None:
        print("ResNet-50 against triton.testing.do_bench: left out, triton is not installed")
        return
    member = resnet.space.decode(resnet.space.references["resnet50"])
    for one in variants(device, ON_GPU):
        key = f"resnet50/{one.runtime}/{one.dtype}"
        if key not in cells:
            (found,) = compare(member, [one])
            cells.put(key, {**row_of(found), "do_bench_ms": do_bench_ms(member, one)})
        row = cells.rows[key]
        print(f"{key}: {shown(row)}, triton.testing.do_bench {row['do_bench_ms']:.4g} ms")


def do_bench_ms(member: Architecture, device: Device) -> float:
    """The median that triton's own benchmark gives of the same call; it empties the L2 cache before each."""
    import torch
    from triton.testing import do_bench

    from nasengine.hardware.runtimes import runtime_of

    graph, runtime = member.graph().simplify(), runtime_of(device.runtime)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        runtime.prepare(graph, device, Path(folder))
        return float(do_bench(runtime.load(graph, device, Path(folder)).call, return_mode="median"))


def name_of(device: Device) -> str:
    """The benchmark's name; the GPU's name is in it where there is one."""
    if not device.is_cuda:
        return "latency_runtimes"
    gpu = re.sub(r"[^a-z0-9]+", "-", str(device.describe()["gpu"]).lower()).strip("-")
    return f"latency_runtimes-{gpu}"


def main() -> None:
    """Measure what is missing, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--families", nargs="*", default=["mobile", "nb201", "encoder", "lstm"])
    parser.add_argument("--runtimes", nargs="*", default=list(RUNTIMES))
    parser.add_argument("--dtypes", nargs="*", default=list(DTYPES))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for the result as JSON, resumed by cell")
    parser.add_argument("--again", action="store_true", help="measure every cell anew")
    args = parser.parse_args()
    device = Device(args.device, batch=args.batch, threads=args.threads)
    settings = {"device": args.device, "batch": args.batch, "threads": args.threads}
    cells = Cells(name_of(device), settings, args.out, again=args.again)
    devices = variants(device, args.runtimes, args.dtypes)
    measure(cells, args.families, devices)
    table(cells, args.families, devices)
    against_do_bench(cells, device)


if __name__ == "__main__":
    main()
