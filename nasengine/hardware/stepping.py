"""A network run operation by operation: what each is called with, and how long each takes by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nasengine.graph import Graph
from nasengine.graph.flat import Node
from nasengine.graph.module import find
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.placed import Placed

WARMUP_RUNS, MIN_RUNS, TARGET_S = 5, 30, 0.5


class Step(NamedTuple):
    """One operation: what it calls, the values it reads and writes, and those that nobody reads after it."""

    call: Callable[..., Any]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    gone: tuple[int, ...]


def call_of(node: Node, network: nn.Module) -> Callable[..., Any]:
    """A node as something to call with its input tensors; as :func:`nasengine.graph.module.build` emits it."""
    call = node.fragment.call
    assert call is not None
    if call.style == "module":
        return network.get_submodule(node.path)
    function, kwargs = find(call.target), dict(call.kwargs)
    if call.style == "list":
        return lambda *values: function(list(values), *call.args, **kwargs)
    if call.style == "chain":
        return lambda *values: reduce(lambda a, b: function(a, b, **kwargs), values)
    return lambda *values: function(*values, *call.args, **kwargs)


def steps_of(graph: Graph, network: nn.Module) -> list[Step]:
    """The operations in the order in which they run; outputs of the network stay to its end."""
    last = {value: k for k, node in enumerate(graph.nodes) for value in node.inputs}
    kept = {*graph.outputs.values(), *graph.inputs.values()}
    gone: list[list[int]] = [[] for _ in graph.nodes]
    for value, k in last.items():
        if value not in kept:
            gone[k].append(value)
    return [Step(call_of(n, network), n.inputs, n.outputs, tuple(gone[k])) for k, n in enumerate(graph.nodes)]


def timed(graph: Graph, placed: Placed, device: Device) -> tuple[list[float], int]:
    """Median milliseconds of each node, and over how many runs."""
    steps = steps_of(graph, placed.module)
    once = _run_on_gpu if device.is_cuda else _run_on_cpu
    for _ in range(WARMUP_RUNS):
        once(steps, placed.inputs)
    times: list[list[float]] = []
    deadline = time.perf_counter() + TARGET_S
    while len(times) < MIN_RUNS or time.perf_counter() < deadline:
        times.append(once(steps, placed.inputs))
    return [statistics.median(column) for column in zip(*times, strict=True)], len(times)


def _run_on_cpu(steps: Sequence[Step], inputs: Sequence[Tensor]) -> list[float]:
    values: dict[int, Any] = dict(enumerate(inputs))
    times = []
    for step in steps:
        args = [values[i] for i in step.reads]
        start_ns = time.perf_counter_ns()
        found = step.call(*args)
        times.append((time.perf_counter_ns() - start_ns) / 1e6)
        store(values, found, step)
    return times


def _run_on_gpu(steps: Sequence[Step], inputs: Sequence[Tensor]) -> list[float]:
    values: dict[int, Any] = dict(enumerate(inputs))
    events = []
    with torch.cuda.device(inputs[0].device):
        for step in steps:
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            args = [values[i] for i in step.reads]
            start.record()
            found = step.call(*args)
            end.record()
            events.append((start, end))
            store(values, found, step)
        torch.cuda.synchronize()
    return [float(start.elapsed_time(end)) for start, end in events]


def store(values: dict[int, Any], found: Any, step: Step) -> None:
    """Keep what an operation gave, by value number, and let go of what nobody reads any more."""
    values.update(zip(step.writes, found if len(step.writes) > 1 else (found,), strict=True))
    for value in step.gone:
        del values[value]
