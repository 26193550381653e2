"""Eager PyTorch captured in a CUDA graph and replayed: the kernels without the cost of launching them one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.base import Loaded
from nasengine.hardware.runtimes.placed import named_outputs, place
from nasengine.hardware.runtimes.quantised import quantise
from nasengine.hardware.runtimes.refusal import named

_WARMUP = 3  # before a capture, so that libraries have chosen their kernels and made their workspaces


class CudaGraphs:
    """``graph.replay()``; inputs and outputs stay in the memory that they were captured with."""

    name = "cuda_graphs"

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Nothing is written: a capture lives in its process."""

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """Capture one call. An operation that waits for the GPU cannot be captured, and is refused."""
        placed = place(graph, device)
        facts = placed.facts | quantise(placed.module, device)
        module, inputs, where = placed.module, placed.inputs, device.torch_device()
        captured = torch.cuda.CUDAGraph()
        with named(graph, device, placed), torch.inference_mode(), torch.cuda.device(where):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARMUP):
                    module(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(captured):
                found = module(*inputs)
            captured.replay()

        def call() -> object:
            captured.replay()
            return placed  # kept alive with the call: the graph holds the addresses of weights and inputs only

        return Loaded(call, lambda: _outputs(graph, call, found), facts)


def _outputs(graph: Graph, call: Callable[[], object], found: object) -> dict[str, torch.Tensor]:
    call()
    torch.cuda.synchronize()
    return named_outputs(graph, found)
