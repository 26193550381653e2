"""``nasengine profile``: the latency of a network, on one runtime or on all, and what each operation costs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nasengine.commands.targets import DEVICE, target_of
from nasengine.errors import DeviceError

if TYPE_CHECKING:
    from nasengine.hardware import Device, LatencyProfile, Target
    from nasengine.hardware.breakdown import Breakdown, Operation
    from nasengine.hardware.comparison import Measured
    from nasengine.space import Architecture

console = Console()
errors = Console(stderr=True)
ALL = "all"


def profile(
    target: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="An exported folder, an architecture's JSON file, STORE:TRIAL, or a shipped member: resnet:resnet18.",
        ),
    ],
    device: Annotated[str, typer.Option(help=DEVICE)] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Samples in a forward pass.")] = 1,
    runtime: Annotated[str, typer.Option(help="eager, compile, aot, onnxruntime, cuda_graphs; or all.")] = "eager",
    dtype: Annotated[
        str, typer.Option(help="float32, bfloat16, float16 or int8; or all (without float16).")
    ] = "float32",
    layout: Annotated[str, typer.Option(help="Of images: contiguous or channels_last.")] = "contiguous",
    network: Annotated[str | None, typer.Option(help="Which one, where the architecture has several.")] = None,
    breakdown: Annotated[
        bool, typer.Option("--breakdown", help="Cost, time and other tools' counts of each operation.")
    ] = False,
    depth: Annotated[
        int | None, typer.Option(min=1, help="With --breakdown: join operations by so many parts of their path.")
    ] = None,
    imports: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module that defines blocks first.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")] = False,
) -> None:
    """Measure the latency of a network on this machine, beside its closed-form cost.

    With ``--runtime all`` or ``--dtype all`` it is one table of the same network on each; a runtime that cannot take
    the network is a row that says why.
    """
    from nasengine.graph import lower
    from nasengine.hardware import DTYPES, RUNTIMES, Device
    from nasengine.hardware.comparison import COMPARED_DTYPES, variants
    from nasengine.study.files import import_modules, read_architecture

    _check_name("--runtime", runtime, (*RUNTIMES, ALL))
    _check_name("--dtype", dtype, (*DTYPES, ALL))
    if breakdown and ALL in (runtime, dtype):
        raise DeviceError("--breakdown: it is of one runtime and dtype; got all; leave `all` out")
    import_modules(imports or [])
    architecture = read_architecture(target)
    runtimes = RUNTIMES if runtime == ALL else (runtime,)
    dtypes = COMPARED_DTYPES if dtype == ALL else (dtype,)
    graph = lower(architecture, network).simplify()
    about = {"id": graph.id, "cost": graph.cost.to_json()}
    if ALL in (runtime, dtype):
        one = Device(device, threads=threads, batch=batch, layout=layout)
        _all(architecture, variants(one, runtimes, dtypes), network, imports or [], about, as_json=as_json)
        return
    place = target_of(device, threads=threads, batch=batch, runtime=runtime, dtype=dtype, layout=layout)
    parts = _broken_down(architecture, network, place, depth) if breakdown else None
    found = _measured(architecture, place, network, imports or [])
    _show(found, about, parts, as_json=as_json)


def _check_name(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise DeviceError(f"{option}: {value!r} is not known; expected one of {', '.join(known)}")


def _measured(architecture: Architecture, place: Target, network: str | None, modules: list[str]) -> LatencyProfile:
    from nasengine.hardware import profile as measure

    with _saying(f"measuring, {place.runtime} {place.dtype}"):
        return measure(architecture, place, network=network, modules=modules)


def _broken_down(architecture: Architecture, network: str | None, place: Target, depth: int | None) -> Breakdown:
    from nasengine.graph import lower
    from nasengine.hardware import Device
    from nasengine.hardware.breakdown import breakdown
    from nasengine.hardware.devices.lock import held

    if not isinstance(place, Device):
        raise DeviceError(f"--breakdown: operations are timed on this machine; got the device {place!r}; leave it out")
    with _saying("timing each operation"), held(place.claim()):
        found = breakdown(lower(architecture, network).simplify(), place)
    return found if depth is None else found.grouped(depth)


def _show(found: LatencyProfile, about: dict[str, Any], parts: Breakdown | None, *, as_json: bool) -> None:
    if as_json:
        more = {} if parts is None else {"breakdown": parts.to_json()}
        print(json.dumps({**about, "latency": found.to_json(), **more}))
        return
    if parts is not None:
        _show_breakdown(parts, found)
    console.print(found.summary(), highlight=False, markup=False, soft_wrap=True)
    for name, value in about["cost"].items():
        console.print(f"  {name} {value:,}", highlight=False)


def _all(
    architecture: Architecture,
    devices: list[Device],
    network: str | None,
    modules: list[str],
    about: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    from nasengine.hardware.comparison import compare

    with errors.status("measuring") as status:

        def say(device: Device) -> None:
            done = devices.index(device) + 1
            status.update(f"measuring {device.runtime} {device.dtype} ({done} of {len(devices)})")

        rows = list(compare(architecture, devices, network=network, modules=modules, watch=say))
    if as_json:
        print(json.dumps({**about, "profiles": [row.to_json() for row in rows]}))
        return
    first = devices[0]
    threads = "1 thread" if first.threads == 1 else f"{first.threads} threads"
    place = next((row.profile.device for row in rows if row.profile is not None), None)
    where = "" if place is None else f" on {place.get('gpu') or place.get('cpu')}"
    console.print(_runtimes_table(rows, f"One network{where}, batch {first.batch}, {threads}"))


def _runtimes_table(rows: Iterable[Measured], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("runtime", "dtype"):
        table.add_column(name)
    for name in ("median_ms", "95 % CI", "p90", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for row in rows:
        table.add_row(row.device.runtime, row.device.dtype, *_cells(row.profile), escape(row.note))
    return table


def _cells(found: LatencyProfile | None) -> tuple[str, str, str, str]:
    if found is None:
        return "-", "-", "-", "-"
    peak = "-" if found.peak_memory_bytes is None else f"{found.peak_memory_bytes / 2**20:.1f}"
    interval = f"{_ms(found.ci_low_ms)}-{_ms(found.ci_high_ms)}"
    return _ms(found.median_ms), interval, _ms(found.p90_ms), peak


def _show_breakdown(parts: Breakdown, found: LatencyProfile) -> None:
    others = [
        tool for tool in ("torch", "fvcore") if any(_count(row, tool) not in (None, row.macs) for row in parts.rows)
    ]
    table = Table(title="What each operation costs", title_justify="left")
    for name in ("path", "kind"):
        table.add_column(name, overflow="fold")
    for name in ("params", "MACs", "out KiB", "time ms", "share", *(f"{tool} MACs" for tool in others)):
        table.add_column(name, justify="right", no_wrap=True)
    for row in parts.rows:
        counts = (row.params, row.macs, -(-row.output_bytes // 1024), *(_count(row, tool) for tool in others))
        shown = ["-" if value is None else f"{value:,}" for value in counts]
        times = (_ms(row.time_ms), f"{parts.share(row):.1%}")
        table.add_row(escape(row.path), row.kind, *shown[:3], *times, *shown[3:])
    console.print(table)
    for line in _explained(parts, found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _count(row: Operation, tool: str) -> int | None:
    return row.torch_macs if tool == "torch" else row.fvcore_macs


def _explained(parts: Breakdown, found: LatencyProfile) -> Iterator[str]:
    from nasengine.hardware.counters import FVCORE_ABSENT, fvcore_is_here

    yield (
        f"Shares are of {_ms(parts.sum_ms)} ms, the sum of operations timed one by one ({parts.runs} runs each); that "
        f"is not the latency. The whole network's median is {_ms(found.median_ms)} ms."
    )
    tools = "torch and fvcore" if fvcore_is_here() else "torch"
    different = parts.differences()
    yield (
        f"Counts by {tools} that differ from ours, in MACs:" if different else f"All counts by {tools} agree with ours."
    )
    for kind, text in different.items():
        yield f"  {kind}: {text}"
    if not fvcore_is_here():
        yield f"fvcore's counts are absent: {FVCORE_ABSENT}"


@contextmanager
def _saying(what: str) -> Iterator[None]:
    with errors.status(what):
        yield


def _ms(time_ms: float) -> str:
    """Three significant digits or so, without an exponent."""
    return f"{time_ms:.1f}" if time_ms >= 100 else f"{time_ms:.3g}" if time_ms >= 0.01 else f"{time_ms:.4f}"
