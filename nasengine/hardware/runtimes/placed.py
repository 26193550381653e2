"""The network and its inputs as torch runs them: seeded, on the device, in its dtype and layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from nasengine.graph import Graph
from nasengine.graph.module import build, example_inputs
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.modules.zeros import Zeros

SEED = 0
_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass(frozen=True)
class Placed:
    """A module in eval mode, its inputs, and the layout that its images really have."""

    module: fx.GraphModule
    inputs: tuple[Tensor, ...]
    layout: str

    @property
    def facts(self) -> dict[str, Fact]:
        """The layout, and the number formats that the weights are held in."""
        held = {str(t.dtype).removeprefix("torch.") for t in self.module.parameters()}
        return {"layout": self.layout, "weights": ", ".join(sorted(held)) or None}


def place(graph: Graph, device: Device) -> Placed:
    """Build the network with seeded weights and make its inputs; both in the device's dtype, in float32 for int8."""
    inputs, layout = inputs_of(graph, device)
    with torch.inference_mode(False):  # compilers take ordinary tensors only
        torch.manual_seed(SEED)
        module = build(graph).eval().requires_grad_(False).to(device=device.torch_device(), dtype=_dtype(device))
        for child in module.modules():
            if isinstance(child, Zeros) and child.dtype.is_floating_point:
                child.dtype = _dtype(device)  # a cast reaches weights, not the constants that a module makes
        if layout == "channels_last":
            for parameter in module.parameters():
                parameter.data = _channels_last(parameter.data)
    return Placed(module, inputs, layout)


def inputs_of(graph: Graph, device: Device) -> tuple[tuple[Tensor, ...], str]:
    """Inputs on the device, and their layout: that of the device where there are images or volumes."""
    where, dtype = device.torch_device(), _dtype(device)
    with torch.inference_mode(False):
        found = example_inputs(graph, device.batch)
        inputs = tuple(v.to(where, dtype if v.is_floating_point() else v.dtype) for v in found)
        if device.layout == "channels_last" and any(v.dim() in _CHANNELS_LAST for v in inputs):
            return tuple(_channels_last(v) for v in inputs), "channels_last"
    return inputs, "contiguous"


def _dtype(device: Device) -> torch.dtype:
    found: torch.dtype = torch.float32 if device.dtype == "int8" else getattr(torch, device.dtype)
    return found


def _channels_last(value: Tensor) -> Tensor:
    """Images, volumes and the kernels that read them with their channels last; anything else as it is."""
    format = _CHANNELS_LAST.get(value.dim())
    return value if format is None else value.contiguous(memory_format=format)


def named_outputs(graph: Graph, found: Any) -> dict[str, Tensor]:
    """What a network gave, by name, as float32 on the CPU (whole numbers and truth values as they are)."""
    values = found if isinstance(found, Mapping) else dict(zip(graph.outputs, (found,), strict=True))
    return {
        name: value.detach().float().cpu() if value.is_floating_point() else value.detach().cpu()
        for name, value in values.items()
    }
