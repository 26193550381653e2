"""Measured latency: the whole network, called as it will be served, timed until the figure can be trusted.

What this guards against has been shipped elsewhere: a single timed run without warm-up, clocks inside
per-module hooks (each synchronises, and their sum is not the network's time), operation times added up,
placeholder constants, seconds taken for milliseconds. Here one run is one call of the whole network, and
nothing is hooked into it.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from nasengine.errors import DeviceError
from nasengine.hardware.device import Device
from nasengine.hardware.latency import LatencyProfile, statistics_of
from nasengine.space.spec import fingerprint

MIN_RUNS = 30
_MIN_WARMUP_RUNS = 3
_WINDOW_RUNS, _WINDOW_MS = 5, 10.0  # a window of the warm-up holds at least both
_STEADY = 0.03  # successive windows whose medians differ by less are steady

Clock = Callable[[], float]  # calls the network once and returns the milliseconds it took


@dataclasses.dataclass(frozen=True)
class _Limits:
    min_runs: int
    max_runs: int
    target_s: float
    warmup_limit_s: float
    limit_s: float


def profile(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    device: Device,
    *,
    min_runs: int = MIN_RUNS,
    max_runs: int = 2000,
    target_s: float = 0.3,
    warmup_limit_s: float = 2.0,
    limit_s: float = 60.0,
) -> LatencyProfile:
    """Measure the latency of `module(*inputs)` on `device`.

    A copy of the module is measured: its mode, device, dtype, weights and state stay as they are. `inputs`
    are as `example_inputs` makes them, (B, ...) each with B = `device.batch`; floating ones are cast to the
    device's dtype. The copy is in eval mode, under `torch.inference_mode`, with `device.threads` threads and
    Python's garbage collector paused; both are put back afterwards.

    The warm-up ends when the medians of two successive windows (at least 5 runs and 10 ms each) agree within
    3 %, or, with `steady=False` in the profile, after `warmup_limit_s` seconds. Then calls are timed one by
    one until there are `min_runs` and `target_s` seconds of them, or `max_runs`; they take at most `limit_s`.
    Fast networks thus take `target_s`, and slow ones the time of `min_runs` calls. On a GPU each call lies
    between two CUDA events and is waited for, so its time includes launching the kernels.

    Raises:
        DeviceError: the device is absent, the network or the inputs do not run there, fewer than 30 runs are
            asked for, or `min_runs` do not fit into `limit_s`.
    """
    if not MIN_RUNS <= min_runs <= max_runs:
        raise DeviceError(
            f"profile: min_runs={min_runs}, max_runs={max_runs}; expected {MIN_RUNS} <= min_runs <= max_runs;"
            " raise them: fewer runs say little of the median and nothing of the tail"
        )
    description = device.describe()  # checks that the device is here
    _check_batch(inputs, device)
    limits = _Limits(min_runs, max_runs, target_s, warmup_limit_s, limit_s)
    load_average = _load_average()
    clock = _clock(*_placed(module, inputs, device), device)
    with _settled(device):
        _first_call(clock, device)
        warmup_runs, steady = _warm_up(clock, limits)
        times_ms = _timed(clock, limits)
    return LatencyProfile(
        **statistics_of(times_ms),
        runs=len(times_ms),
        warmup_runs=warmup_runs,
        steady=steady,
        batch=device.batch,
        threads=device.threads,
        runtime=device.runtime,
        dtype=device.dtype,
        device=description,
        device_key=fingerprint(description),
        load_average=load_average,
        measured_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        method=_method(device),
    )


def _method(device: Device) -> str:
    timer = "CUDA events around, and a wait after," if device.is_cuda else "time.perf_counter_ns around"
    return (
        f"{timer} one call of the whole network a run (one run is one call, however short), in inference and "
        "eval mode, with inputs already on the device, caches warm and Python's garbage collector paused; "
        "warm-up until the medians of two successive windows of at least "
        f"{_WINDOW_RUNS} runs and {_WINDOW_MS:.0f} ms agree within {_STEADY:.0%}; "
        "percentiles by nearest rank, the 95 % interval of the median from order statistics."
    )


def _check_batch(inputs: tuple[Tensor, ...], device: Device) -> None:
    """One input at least must carry the batch; others may have none (an edge index)."""
    if not any(value.dim() > 0 and value.shape[0] == device.batch for value in inputs):
        shapes = ", ".join(str(tuple(value.shape)) for value in inputs) or "none"
        raise DeviceError(
            f"profile: no input has the device's batch, {device.batch}, as its first dimension; got {shapes};"
            f" make the inputs for batch {device.batch}, or give the device their batch"
        )


def _load_average() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@contextlib.contextmanager
def _settled(device: Device) -> Iterator[None]:
    """The process as the measurement needs it, and as it was before once done."""
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        torch.set_num_threads(device.threads)
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)
        if collecting:
            gc.enable()


def _placed(module: nn.Module, inputs: tuple[Tensor, ...], device: Device) -> tuple[nn.Module, tuple[Tensor, ...]]:
    place, dtype = device.torch_device(), getattr(torch, device.dtype)
    copied = copy.deepcopy(module).eval().to(device=place, dtype=dtype)
    moved = tuple(v.detach().to(place, dtype if v.is_floating_point() else v.dtype) for v in inputs)
    return copied, moved


def _clock(module: nn.Module, inputs: tuple[Tensor, ...], device: Device) -> Clock:
    return _gpu_clock(module, inputs, device) if device.is_cuda else _cpu_clock(module, inputs)


def _cpu_clock(module: nn.Module, inputs: tuple[Tensor, ...]) -> Clock:
    def run_ms() -> float:
        start_ns = time.perf_counter_ns()
        outputs = module(*inputs)
        elapsed_ns = time.perf_counter_ns() - start_ns
        del outputs  # freed after the clock was read
        return elapsed_ns / 1e6

    return run_ms


def _gpu_clock(module: nn.Module, inputs: tuple[Tensor, ...], device: Device) -> Clock:
    place = device.torch_device()

    def run_ms() -> float:
        with torch.cuda.device(place):
            start, end = _event(), _event()
            start.record()
            outputs = module(*inputs)
            end.record()
            end.synchronize()
            del outputs
            return float(start.elapsed_time(end))

    return run_ms


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # torch leaves it untyped


def _first_call(clock: Clock, device: Device) -> None:
    """The call that shows whether the network runs here at all; it counts as warm-up."""
    try:
        clock()
    except (RuntimeError, TypeError) as error:
        raise DeviceError(
            f"profile: the network does not run on {device.kind} in {device.dtype}: {error}; "
            "check the inputs' number and shapes, and whether the device computes in this dtype"
        ) from error


def _warm_up(clock: Clock, limits: _Limits) -> tuple[int, bool]:
    """Call until two successive windows agree; the number of calls, the first included, and if they do."""
    runs, before = 1, float("inf")
    deadline = time.perf_counter() + limits.warmup_limit_s
    window: list[float] = []
    window_ms = 0.0
    while runs < _MIN_WARMUP_RUNS or time.perf_counter() < deadline:
        window.append(clock())
        window_ms += window[-1]
        runs += 1
        if len(window) >= _WINDOW_RUNS and window_ms >= _WINDOW_MS:
            now = statistics.median(window)
            if abs(now - before) <= _STEADY * now:
                return runs, True
            before, window, window_ms = now, [], 0.0
    return runs, False


def _timed(clock: Clock, limits: _Limits) -> list[float]:
    start_s = time.perf_counter()
    times_ms: list[float] = []
    while len(times_ms) < limits.max_runs:
        times_ms.append(clock())
        elapsed_s = time.perf_counter() - start_s
        if len(times_ms) >= limits.min_runs:
            if elapsed_s >= min(limits.target_s, limits.limit_s):
                break
        elif max(elapsed_s, min(times_ms) / 1e3 * limits.min_runs) > limits.limit_s:
            raise DeviceError(
                f"profile: {limits.min_runs} runs of {min(times_ms) / 1e3:.3g} s or more do not fit into "
                f"limit_s={limits.limit_s:g}; raise limit_s, or measure a smaller batch"
            )
    return times_ms
