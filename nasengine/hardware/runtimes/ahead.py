"""Ahead of time: ``torch.export``, then AOTInductor, into one package that each process loads and calls."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.base import Loaded
from nasengine.hardware.runtimes.compiled import compiling_in, environment
from nasengine.hardware.runtimes.placed import inputs_of, named_outputs, place
from nasengine.hardware.runtimes.quantised import quantise
from nasengine.hardware.runtimes.refusal import exported, named

FILE, FACTS = "network.pt2", "facts.json"


class Ahead:
    """A compiled library without dynamo: no guards and no tracing when it is called."""

    name = "aot"

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Export, compile and package."""
        torch.set_num_threads(device.threads)  # the number is written into the code
        placed = place(graph, device)
        facts = placed.facts | quantise(placed.module, device)
        program = exported(graph, device, placed)
        with compiling_in(folder), named(graph, device, placed, program), torch.no_grad():
            torch._inductor.aoti_compile_and_package(program, package_path=str(folder / FILE))
        (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """The package, unpacked in the folder; its inputs on the device."""
        inputs, _ = inputs_of(graph, device)
        with _unpacking_in(folder), named(graph, device), torch.inference_mode():
            network = torch._inductor.aoti_load_package(
                str(folder / FILE), run_single_threaded=True, device_index=device.index if device.is_cuda else -1
            )
            network(*inputs)
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return Loaded(lambda: network(*inputs), lambda: named_outputs(graph, network(*inputs)), facts)


@contextmanager
def _unpacking_in(folder: Path) -> Iterator[None]:
    """The library is unpacked to a temporary folder that a process which just ends leaves behind: have it here."""
    with environment(TMPDIR=tempfile.mkdtemp(dir=folder)):
        yield
