"""A measurement: prepare once, then at least three fresh processes one after the other, joined into one profile."""

from __future__ import annotations

import datetime
import importlib
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential
from nasengine.errors import DeviceError
from nasengine.graph import Graph, Image, lower
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact, LatencyProfile
from nasengine.hardware.limits import Limits
from nasengine.hardware.runtimes import runtime_of
from nasengine.hardware.timing.intervals import percentile
from nasengine.hardware.timing.load import load_average, quiet_cores, ticks
from nasengine.hardware.timing.method import method
from nasengine.hardware.timing.processes import in_process
from nasengine.hardware.timing.reference import reference_kernel
from nasengine.hardware.timing.sampling import Place, sample
from nasengine.hardware.timing.selection import MOVED, Outcome, PassFigures, figures_of, until_known
from nasengine.hardware.timing.settle import first_in_line
from nasengine.space import Architecture, Space
from nasengine.space.spec import fingerprint, spec_from_json

BUSY = 0.1  # others that use more than this share of the cores are told of


def warm(request: Mapping[str, Any] | None = None) -> None:
    """In a server, before it forks for a request: what is imported here need not be in each process.

    One thread only: a pool of threads made here would be missing in the children.
    """
    torch.set_num_threads(1)
    importlib.import_module("nasengine.graph.module")
    runtime_of(str((request or {}).get("device", {}).get("runtime", "eager")))


def rehearse() -> None:
    """In a server, once: build and call a tiny network, so that what Python and torch do at first use is done for all
    passes. On one thread of the CPU, so that processes can still be forked."""
    warm()
    body = Sequential(ConvNormAct(2), GlobalPool(), Linear(2))
    graph = lower(Space("rehearsal", inputs=Image(1, 4), network=body).smallest()).simplify()
    with torch.inference_mode():
        runtime_of("eager").load(graph, Device(), Path()).call()
        reference_kernel(torch.device("cpu"))()


def measure(request: Mapping[str, Any], *, quiet_ms: float | None = None) -> dict[str, Any]:
    """The JSON of a `LatencyProfile` for a request as plain data.

    It forks: call it where torch is imported and has neither computed with several threads nor touched CUDA.

    Args:
        request: architecture, network (a name or None), device and limits as their `to_json` wrote them, and modules to
            import for blocks of a user; and `quiet_ms` in place of the argument.
        quiet_ms: what the reference kernel takes on this machine at rest, where that is known.

    Raises:
        DeviceError: the device is absent, the network does not run there, or a process died or took too long.
        UnsupportedError: the runtime cannot take an operation of the network.
    """
    for name in request.get("modules") or ():
        importlib.import_module(name)
    device, limits = spec_from_json(request["device"]), Limits.from_json(request.get("limits") or {})
    if not isinstance(device, Device):
        raise DeviceError(f"profile: the device is measured by this process and is a Device; got {device!r}")
    warm({"device": {"runtime": device.runtime}})
    with tempfile.TemporaryDirectory(prefix="nasengine-") as folder, first_in_line() as first:
        rest = request.get("quiet_ms") if quiet_ms is None else quiet_ms
        run = _Run(_graph(request), device, limits, Path(folder), rest)
        return run.profile(first).to_json()


def _graph(request: Mapping[str, Any]) -> Graph:
    architecture = Architecture.from_json(request["architecture"])
    name = request.get("network")
    return (lower(architecture) if name is None else lower(architecture, name)).simplify()


@dataclass
class _Run:
    """One measurement as it goes on: what was asked, and the passes so far."""

    graph: Graph
    device: Device
    limits: Limits
    folder: Path
    quiet_ms: float | None
    passes: list[dict[str, Any]] = field(default_factory=list)

    def profile(self, first: bool) -> LatencyProfile:
        """All of it, from the preparation to the joined profile."""
        load = load_average()
        described: dict[str, Fact] = in_process(self._prepare, self.limits.prepare_limit_s, "the preparation")
        before = ticks()
        # a GPU's driver has threads of its own beside the one that launches kernels
        cores = quiet_cores(self.device.threads + self.device.is_cuda)
        outcome = until_known(lambda: self._pass(cores), self.limits, self.quiet_ms)
        after = ticks()
        busy = None if before is None or after is None else after.busy_share(before)
        return self._joined(outcome, described, load, busy, method(self.device, pinned=bool(cores), first=first))

    def _prepare(self) -> dict[str, Fact]:
        """In a process of its own: is the device here, and what the runtime does once a network."""
        described = self.device.describe()
        runtime_of(self.device.runtime).prepare(self.graph, self.device, self.folder)
        return described

    def _pass(self, cores: Sequence[int]) -> PassFigures:
        metered, seen = not self.passes, [statistics.median(one["reference_ms"]) for one in self.passes]
        quiet_ms = min(seen if self.quiet_ms is None else [*seen, self.quiet_ms], default=None)
        place = Place(cores, quiet_ms, self.passes[-1]["patience_s"] if self.passes else self.limits.patience_s)
        found = in_process(
            lambda: sample(self.graph, self.device, self.folder, self.limits, place, metered=metered),
            self.limits.process_s,
            "a process that times the network",
        )
        self.passes.append(found)
        return figures_of(found["blocks"], found["reference_ms"])

    def _joined(
        self, outcome: Outcome, described: dict[str, Fact], load: float | None, busy: float | None, how: str
    ) -> LatencyProfile:
        device, kept = self.device, [self.passes[i] for i in outcome.kept]
        times = sorted(ms for one in kept for block in one["blocks"] for ms, _ in block)
        facts, readings = dict(kept[0]["facts"]), self.passes[0]["readings"]
        return LatencyProfile(
            median_ms=outcome.median_ms,
            p10_ms=min(percentile(times, 10), outcome.median_ms),
            p90_ms=max(percentile(times, 90), outcome.median_ms),
            p99_ms=max(percentile(times, 99), outcome.median_ms),
            ci_low_ms=outcome.low_ms,
            ci_high_ms=outcome.high_ms,
            runs=len(times),
            warmup_runs=sum(one["warmup_runs"] for one in kept),
            steady=all(one["steady"] for one in kept),
            batch=device.batch,
            threads=device.threads,
            runtime=device.runtime,
            dtype=device.dtype,
            device=described,
            device_key=fingerprint(described),
            load_average=load,
            measured_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            method=how,
            passes_ms=outcome.passes_ms,
            wanted_ci=self.limits.ci,
            precise=outcome.ci <= self.limits.ci,
            loaded=outcome.drift > MOVED or (busy is not None and busy > BUSY),
            drift=outcome.drift,
            reference_ms=outcome.reference_ms,
            busy_share=busy,
            retries=outcome.retries,
            layout=str(facts.pop("layout", device.layout)),
            cache="warm",
            peak_memory_bytes=readings["peak_memory_bytes"],
            energy_mj=readings["energy_mj"],
            power_w=readings["power_w"],
            temperature_c=kept[-1]["readings"]["temperature_c"],
            clock_mhz=kept[-1]["readings"]["clock_mhz"],
            facts=facts,
        )
