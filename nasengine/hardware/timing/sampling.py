"""In a fresh process: load the network, warm it up, time its calls, and the reference kernel between them."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nasengine.errors import DeviceError, NasError
from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.hardware.limits import Limits
from nasengine.hardware.runtimes import runtime_of
from nasengine.hardware.timing.meters import Meters
from nasengine.hardware.timing.reference import reference_kernel
from nasengine.hardware.timing.selection import SLOW, Call
from nasengine.hardware.timing.settle import Waited, pin, waiting

WINDOW_RUNS, WINDOW_MS = 3, 8.0  # a window of the warm-up holds at least both
STEADY = 0.03  # successive windows whose medians differ by less are steady
BLOCK_MS = 4.0  # the reference is timed between blocks of at least so long
_REFERENCE_WARMUP = 20
_REFERENCE_RUNS = 3
_NAP_S = 0.01

Clock = Callable[[], float]  # does one call and returns the milliseconds it took


@dataclass(frozen=True)
class Place:
    """Where a pass runs, and what is known of the machine.

    Attributes:
        cores: to be pinned to; none leaves the process where the system puts it.
        quiet_ms: what the reference kernel takes at rest; None where that is not known yet.
        patience_s: how long to wait for that, at most.
    """

    cores: Sequence[int]
    quiet_ms: float | None
    patience_s: float


@dataclass(frozen=True)
class Pass:
    """What one fresh process saw; plain data.

    Attributes:
        blocks: the calls in order, (milliseconds, milliseconds that its longest waiting thread waited for a core).
        reference_ms: the reference kernel before each block and after the last.
        facts: the runtime's; `readings` are the meters'.
        patience_s: what was left of it at the end.
    """

    blocks: list[list[Call]]
    reference_ms: list[float]
    warmup_runs: int
    steady: bool
    facts: dict[str, Fact]
    readings: dict[str, Any]
    patience_s: float


def sample(
    graph: Graph, device: Device, folder: Path, limits: Limits, place: Place, *, metered: bool
) -> dict[str, Any]:
    """One pass as plain data (`Pass`). It changes this process for good: call it in one that was made for it.

    Args:
        graph: the network; `folder` is what its runtime prepared.
        device: where and how.
        limits: how long.
        place: where to run, and how the machine is at rest.
        metered: read peak memory and energy too, after the timing.

    Raises:
        DeviceError: the network does not run on the device, or `min_runs` do not fit into `limit_s`.
        UnsupportedError: the runtime cannot take an operation of the network.
    """
    pin(place.cores)
    torch.set_num_threads(device.threads)
    with torch.inference_mode():
        loaded = _runs(lambda: runtime_of(device.runtime).load(graph, device, folder), device)
        clock, reference = clock_of(loaded.call, device), clock_of(reference_kernel(device.torch_device()), device)
        _runs(lambda: _check_time(clock, limits), device)
        gc.collect()
        gc.disable()
        warmup_runs, steady = warm_up(clock, limits)
        for _ in range(_REFERENCE_WARMUP):
            reference()
        rest = Rest(clock, reference, place.quiet_ms, place.patience_s)
        with waiting() as waited:
            blocks, reference_ms = timed(clock, rest, None if device.is_cuda else waited, limits)
        readings = Meters(device, place.cores).read(loaded.call if metered else None)
    runs = warmup_runs + 1  # with the one that showed how long a call takes
    return asdict(Pass(blocks, reference_ms, runs, steady, dict(loaded.facts), asdict(readings), rest.patience_s))


def _runs(work: Callable[[], Any], device: Device) -> Any:
    """What shows whether the network runs here at all."""
    try:
        return work()
    except NasError:
        raise
    except (RuntimeError, TypeError, MemoryError) as error:  # NotImplementedError and OutOfMemoryError among them
        raise DeviceError(
            f"profile: the network does not run on {device.kind} in {device.dtype}: {_line(error)}; "
            "check the inputs' number and shapes, and whether the device computes in this dtype"
        ) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


def clock_of(call: Callable[[], object], device: Device) -> Clock:
    """A clock around one call: time.perf_counter_ns on the CPU; on a GPU two events, and a wait for the second."""
    return _gpu_clock(call, device) if device.is_cuda else _cpu_clock(call)


def _cpu_clock(call: Callable[[], object]) -> Clock:
    def run_ms() -> float:
        start_ns = time.perf_counter_ns()
        outputs = call()
        elapsed_ns = time.perf_counter_ns() - start_ns
        del outputs  # freed after the clock was read
        return elapsed_ns / 1e6

    return run_ms


def _gpu_clock(call: Callable[[], object], device: Device) -> Clock:
    place = device.torch_device()

    def run_ms() -> float:
        with torch.cuda.device(place):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            outputs = call()
            end.record()
            end.synchronize()
            del outputs
            return float(start.elapsed_time(end))

    return run_ms


def _check_time(clock: Clock, limits: Limits) -> None:
    """A network that cannot be timed often enough is refused after a call, not after all of them."""
    call_s, runs = clock() / 1e3, limits.runs_a_process
    if call_s * runs > limits.limit_s:
        raise DeviceError(
            f"profile: {runs} runs of {call_s:.3g} s do not fit into limit_s={limits.limit_s:g}; raise limit_s, or "
            "measure a smaller batch"
        )


def warm_up(clock: Clock, limits: Limits) -> tuple[int, bool]:
    """Call until the medians of two successive windows agree; the number of calls, and if they do."""
    runs, before = 0, float("inf")
    deadline = time.perf_counter() + limits.warmup_limit_s
    window: list[float] = []
    while runs < WINDOW_RUNS or time.perf_counter() < deadline:
        window.append(clock())
        runs += 1
        if len(window) >= WINDOW_RUNS and sum(window) >= WINDOW_MS:
            now = statistics.median(window)
            if abs(now - before) <= STEADY * now:
                return runs, True
            before, window = now, []
    return runs, False


class Rest:
    """The reference kernel between blocks. While it is slower than at rest, the next block waits, for a bounded time.

    A neighbour on the same physical core, or one that takes the memory's bandwidth, comes and goes in stretches of up
    to seconds. Timing in them and telling so would be honest too, but the figure would be of no use.
    """

    def __init__(self, clock: Clock, reference: Clock, quiet_ms: float | None, patience_s: float) -> None:
        self._clock, self._reference = clock, reference
        self._quiet_ms = math.inf if quiet_ms is None else quiet_ms
        self.patience_s, self.waited_s = patience_s, 0.0

    def reference_ms(self) -> float:
        """What the kernel takes now, or once the slow moment has passed, or once patience has ended."""
        found = self._look()
        start_s = time.perf_counter()
        slow = False
        while found > self._quiet_ms * (1 + SLOW) and time.perf_counter() - start_s < self.patience_s:
            slow = True
            time.sleep(_NAP_S)
            found = self._look()
        if slow:
            self._clock()  # what has cooled down meanwhile
            found = self._look()
            spent_s = time.perf_counter() - start_s
            self.patience_s = max(0.0, self.patience_s - spent_s)
            self.waited_s += spent_s
        self._quiet_ms = min(self._quiet_ms, found)
        return found

    def _look(self) -> float:
        return statistics.median(self._reference() for _ in range(_REFERENCE_RUNS))


def timed(clock: Clock, rest: Rest, waited: Waited | None, limits: Limits) -> tuple[list[list[Call]], list[float]]:
    """Blocks of timed calls, and the reference before each and after the last."""
    blocks: list[list[Call]] = []
    references: list[float] = []
    runs, start_s = 0, time.perf_counter()
    while True:
        references.append(rest.reference_ms())
        elapsed_s = time.perf_counter() - start_s - rest.waited_s
        enough = runs >= limits.runs_a_process and elapsed_s >= limits.target_s
        if enough or runs >= limits.max_runs or elapsed_s >= limits.limit_s:
            return blocks, references
        blocks.append(_block(clock, waited, limits.max_runs - runs))
        runs += len(blocks[-1])


def _block(clock: Clock, waited: Waited | None, most: int) -> list[Call]:
    block: list[Call] = []
    sum_ms = 0.0
    while sum_ms < BLOCK_MS and len(block) < most:
        before = waited() if waited else [0.0]
        ms = clock()
        after = waited() if waited else [0.0]
        block.append((ms, max(b - a for a, b in zip(before, after, strict=True))))
        sum_ms += ms
    return block
