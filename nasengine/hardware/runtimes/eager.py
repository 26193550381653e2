"""PyTorch as it is: one kernel an operation."""

from __future__ import annotations

from pathlib import Path

import torch

from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.base import Loaded
from nasengine.hardware.runtimes.placed import named_outputs, place
from nasengine.hardware.runtimes.quantised import quantise
from nasengine.hardware.runtimes.refusal import named


class Eager:
    """`module(*inputs)`."""

    name = "eager"

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Nothing is written."""

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """The module with seeded weights and its inputs, on the device and in its dtype, called once."""
        placed = place(graph, device)
        facts = placed.facts | quantise(placed.module, device)
        module, inputs = placed.module, placed.inputs
        with named(graph, device, placed), torch.inference_mode():
            module(*inputs)
        return Loaded(lambda: module(*inputs), lambda: named_outputs(graph, module(*inputs)), facts)
