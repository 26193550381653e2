"""What each operation of a network costs: ours in closed form, measured time, and other tools' counts beside them.

The times come from a run in which every operation is timed by itself, in eager torch. Their sum is *not* the latency of
the network: on a CPU each time holds a reading of the clock, and on a GPU operations no longer overlap with launches.
Shares are of that sum; the latency is what :func:`nasengine.hardware.profile` measures of the whole network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from nasengine.errors import DeviceError
from nasengine.graph import Graph
from nasengine.graph.flat import Node
from nasengine.graph.module import build, example_inputs
from nasengine.hardware.counters import Count, by_fvcore, by_torch
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.placed import place
from nasengine.hardware.runtimes.refusal import named
from nasengine.hardware.stepping import call_of, steps_of, store, timed


@dataclass(frozen=True)
class Operation:
    """One operation, or a block of them.

    Attributes:
        path: where it stands; of a block, the path's leading part.
        kind: the operation's tag; of a block, its kinds.
        operations: how many calls it stands for.
        params: trainable numbers; those of a module applied again are counted at its first call.
        macs: ours, for one sample.
        output_bytes: what it writes for one sample in its declared dtype; views write nothing.
        time_ms: its median time for the device's batch, when each operation is timed by itself.
        torch_macs, fvcore_macs: the tools' counts for one sample; None where a tool cannot run the operation or is
            not installed.
        notes: what the tools count otherwise than we do.
    """

    path: str
    kind: str
    operations: int
    params: int
    macs: int
    output_bytes: int
    time_ms: float
    torch_macs: int | None
    fvcore_macs: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Breakdown:
    """The operations of a network in the order in which they run.

    ``runs`` is how often each was timed.
    """

    rows: tuple[Operation, ...]
    runs: int

    @property
    def sum_ms(self) -> float:
        """All operations' times added up: not the network's latency."""
        return sum(row.time_ms for row in self.rows)

    def share(self, row: Operation) -> float:
        """A row's part of `sum_ms`."""
        return row.time_ms / self.sum_ms

    def grouped(self, depth: int) -> Breakdown:
        """Operations whose paths agree in their first ``depth`` parts as one row."""
        groups: dict[str, list[Operation]] = {}
        for row in self.rows:
            groups.setdefault(".".join(row.path.split(".")[:depth]), []).append(row)
        return replace(self, rows=tuple(_joined(path, rows) for path, rows in groups.items()))

    def differences(self) -> dict[str, str]:
        """Kind of operation → how the tools' counts differ from ours, and why; nothing where they agree."""
        kinds: dict[str, list[Operation]] = {}
        for row in self.rows:
            kinds.setdefault(row.kind, []).append(row)
        return {kind: text for kind, rows in kinds.items() if (text := _difference(rows))}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rows": [asdict(row) for row in self.rows], "runs": self.runs, "sum_ms": self.sum_ms}


def breakdown(graph: Graph, device: Device) -> Breakdown:
    """Break a network down; it computes in this process, with the device's threads, and puts them back.

    Raises:
        DeviceError: the device is absent, or its runtime or dtype has no operations to be timed one by one.
        UnsupportedError: an operation does not run on the device in its dtype.
    """
    if device.runtime != "eager" or device.dtype == "int8":
        raise DeviceError(
            f"breakdown: operations are timed one by one, which only eager torch runs; got the runtime "
            f"{device.runtime!r} in {device.dtype}; choose runtime='eager' and a floating dtype"
        )
    device.check()
    with _threads(device.threads), torch.inference_mode():
        placed = place(graph, device)
        with named(graph, device, placed):
            times, runs = timed(graph, placed, device)
        counts = _counts(graph)
    seen: set[str] = set()
    rows = [_row(node, ms, *count, seen) for node, ms, count in zip(graph.nodes, times, counts, strict=True)]
    return Breakdown(tuple(rows), runs)


def _row(node: Node, time_ms: float, torch_count: Count, fvcore_count: Count, seen: set[str]) -> Operation:
    fragment, first = node.fragment, node.path not in seen
    seen.add(node.path)
    written = 0 if node.op.view else sum(t.nbytes for t in fragment.outputs)
    return Operation(
        path=node.call,
        kind=node.op.tag,
        operations=1,
        params=fragment.params if first else 0,
        macs=fragment.macs,
        output_bytes=written,
        time_ms=time_ms,
        torch_macs=torch_count.macs,
        fvcore_macs=fvcore_count.macs,
        notes=(*_notes("torch", fragment.macs, torch_count), *_notes("fvcore", fragment.macs, fvcore_count)),
    )


def _notes(tool: str, macs: int, count: Count) -> Iterator[str]:
    """Why a tool's count differs from ours, in the tool's own names."""
    if count.macs is None or count.macs == macs:
        return
    if count.counted:
        yield f"{tool} counts {', '.join(sorted(count.counted))}"
    if count.missed:
        yield f"{tool} has no rule for {', '.join(count.missed)}"


def _difference(rows: Sequence[Operation]) -> str:
    ours = sum(row.macs for row in rows)
    parts = [
        f"{tool} {'none' if got is None else f'{got:,}'}"
        for tool, got in (
            ("torch", _total(r.torch_macs for r in rows)),
            ("fvcore", _total(r.fvcore_macs for r in rows)),
        )
        if got != ours and not (got is None and tool == "fvcore")
    ]
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    return f"ours {ours:,}, {', '.join(parts)}" + (f" ({'; '.join(notes)})" if notes else "") if parts else ""


def _joined(path: str, rows: Sequence[Operation]) -> Operation:
    kinds = dict.fromkeys(row.kind for row in rows)
    return Operation(
        path=path,
        kind=", ".join(kinds),
        operations=sum(row.operations for row in rows),
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        output_bytes=sum(row.output_bytes for row in rows),
        time_ms=sum(row.time_ms for row in rows),
        torch_macs=_total(row.torch_macs for row in rows),
        fvcore_macs=_total(row.fvcore_macs for row in rows),
        notes=tuple(dict.fromkeys(note for row in rows for note in row.notes)),
    )


def _total(values: Iterable[int | None]) -> int | None:
    found = list(values)
    return None if None in found else sum(value for value in found if value is not None)


def _counts(graph: Graph) -> list[tuple[Count, Count]]:
    """torch's and fvcore's counts of each node for one sample; equal operations are counted once."""
    with torch.inference_mode(False), torch.no_grad():
        with torch.device("meta"):
            shapes = build(graph).eval()
        network, inputs = build(graph).eval(), example_inputs(graph)
        values: dict[int, Any] = dict(enumerate(inputs))
        known: dict[Any, tuple[Count, Count]] = {}
        found = []
        for node, step in zip(graph.nodes, steps_of(graph, network), strict=True):
            args = [values[i] for i in step.reads]
            alike = (node.op, node.fragment.inputs)
            if alike not in known:
                known[alike] = by_torch(call_of(node, shapes), args), by_fvcore(step.call, args)
            found.append(known[alike])
            store(values, step.call(*args), step)
    return found


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
