"""One network on several runtimes and in several number formats: what each takes, or why it cannot. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nasengine.errors import DeviceError, UnsupportedError
from nasengine.hardware.devices.device import RUNTIMES, Device
from nasengine.hardware.latency import LatencyProfile
from nasengine.hardware.limits import Limits
from nasengine.hardware.profiler import Profiler
from nasengine.space import Architecture

COMPARED_DTYPES = ("float32", "bfloat16", "int8")


@dataclass(frozen=True)
class Measured:
    """One line of a comparison.

    Attributes:
        device: with the runtime and dtype of this line.
        profile: None where the runtime cannot take the network.
        note: why it cannot, or what to know of the figure; empty where there is nothing to say.
    """

    device: Device
    profile: LatencyProfile | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        found = None if self.profile is None else self.profile.to_json()
        return {"runtime": self.device.runtime, "dtype": self.device.dtype, "latency": found, "note": self.note}


def variants(device: Device, runtimes: Sequence[str] = RUNTIMES, dtypes: Sequence[str] = ("float32",)) -> list[Device]:
    """The device with each runtime and dtype, in that order, without those that a device of its kind never has."""
    made = []
    for runtime in runtimes:
        if runtime == "cuda_graphs" and not device.is_cuda:
            continue
        layout = "contiguous" if runtime == "onnxruntime" else device.layout
        made += [replace(device, runtime=runtime, dtype=dtype, layout=layout) for dtype in dtypes]
    return made


def compare(
    architecture: Architecture,
    devices: Sequence[Device],
    *,
    network: str | None = None,
    limits: Limits | None = None,
    modules: Sequence[str] = (),
    watch: Callable[[Device], None] = lambda device: None,
) -> Iterator[Measured]:
    """Measure a network on each device, one after the other; ``watch`` is told which one is next.

    A runtime that is not installed here or cannot take the network, or a measurement that fails, is a line with its
    reason.

    Raises:
        DeviceError: the device itself is not here.
    """
    replace(devices[0], runtime="eager", dtype="float32").check()
    with Profiler() as profiler:
        for device in devices:
            watch(device)
            try:
                found = profiler.profile(architecture, device, network=network, limits=limits, modules=modules)
            except UnsupportedError as error:
                yield Measured(device, None, f"unsupported: {_brief(error)}")
            except DeviceError as error:
                yield Measured(device, None, f"not measured: {error}")
            else:
                yield Measured(device, found, note_of(found))


def _brief(error: UnsupportedError) -> str:
    """The error without what the line's other columns say, and without the remedy."""
    parts = str(error).split("; ")
    brief = "; ".join(parts[1:-1]).replace(" does not: ", ": ", 1)
    return brief if parts[0].startswith("runtime ") and brief else str(error)


def note_of(profile: LatencyProfile) -> str:
    """What to know of a figure: doubts about it, what is not in the asked number format, where a compiler gave up."""
    facts = profile.facts
    parts = ["loaded"] if profile.loaded else []
    parts += [] if profile.precise else ["interval wider than asked"]
    if facts.get("int8"):
        rest = f"; in float32: {facts['not_int8']}" if facts.get("not_int8") else ""
        parts.append(f"int8: {facts['int8']}{rest}")
    if facts.get("graph_breaks"):
        parts.append(f"not compiled: {facts['graph_breaks']}")
    return "; ".join(parts)
