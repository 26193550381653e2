"""``torch.compile`` with inductor: compiled once, then loaded by each process from a cache in the network's folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.hardware.runtimes.base import Loaded
from nasengine.hardware.runtimes.placed import named_outputs, place
from nasengine.hardware.runtimes.quantised import quantise
from nasengine.hardware.runtimes.refusal import named, refused

CACHE = "inductor"


class Compiled:
    """``torch.compile(module, dynamic=False)(*inputs)``.

    An operation that the compiler cannot see through (a recurrent layer of torch) splits the network: the compiled
    parts run around it. ``facts`` says into how many graphs, and where; a network of which nothing compiles is refused.
    """

    name = "compile"

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Compile into the folder's cache."""
        torch.set_num_threads(device.threads)  # the number is written into the code
        with torch.inference_mode():
            _compiled(graph, device, folder)

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """Compile again, from the cache, with no compiling process left beside the measurement."""
        import torch._inductor.config as settings

        settings.compile_threads = 1
        call, facts = _compiled(graph, device, folder)
        return Loaded(call, lambda: named_outputs(graph, call()), facts)


def _compiled(graph: Graph, device: Device, folder: Path) -> tuple[Callable[[], Any], dict[str, Fact]]:
    from torch._dynamo.utils import counters

    placed = place(graph, device)
    facts = placed.facts | quantise(placed.module, device)
    inputs = placed.inputs
    counters.clear()
    with compiling_in(folder), named(graph, device, placed), torch.inference_mode():
        compiled = torch.compile(placed.module, dynamic=False)
        compiled(*inputs)
    graphs, breaks = counters["stats"]["unique_graphs"], [str(text) for text in counters["graph_break"]]
    if not graphs:
        where = "; ".join(_short(text) for text in breaks) or "no operation was compiled"
        raise refused(device, "the whole network", f"torch.compile takes none of it ({where})")
    facts |= {"graphs": graphs, "graph_breaks": "; ".join(_short(text) for text in breaks) or None}
    return lambda: compiled(*inputs), facts


def _short(text: str) -> str:
    """The first line of what dynamo says of a graph break, and the module that it is about."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    about = next((line.partition(": ")[2] for line in lines if line.startswith("Developer debug context: ")), "")
    return f"{lines[0]}: {about}" if about else lines[0]


@contextmanager
def compiling_in(folder: Path) -> Iterator[None]:
    """Have torch's compilers keep what they make in the folder."""
    with environment(TORCHINDUCTOR_CACHE_DIR=str(folder / CACHE)):
        yield


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
