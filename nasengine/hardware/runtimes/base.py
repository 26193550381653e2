"""What a runtime is: how a graph becomes a call that can be timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact


@dataclass(frozen=True)
class Loaded:
    """A network ready to be timed.

    Attributes:
        call: runs the whole network once on inputs that already lie on the device.
        outputs: does the same and gives what came out: name of the output to a float32 tensor on the CPU.
        facts: what the runtime says of itself: versions, options, the layout of images (``layout``), and in which
            number format weights really are, looked up after loading.
    """

    call: Callable[[], object]
    outputs: Callable[[], dict[str, Tensor]]
    facts: Mapping[str, Fact]


class Runtime(Protocol):
    """One way of running a network.

    ``prepare`` and ``load`` run in processes of their own, forked from one that has torch imported but has computed
    nothing yet; they may change such a process for good (its environment, torch's settings). ``load`` and the calls run
    under ``torch.inference_mode``. Weights and inputs are seeded, so that every runtime computes the same.
    """

    name: str

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Once a network: write to ``folder`` what every process then loads (an ONNX file, a compiled library).

        Raises:
            UnsupportedError: the runtime cannot take an operation of the network; names it.
        """
        ...

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """In each fresh process: the network with seeded weights on the device, ready to be called.

        Raises:
            UnsupportedError: the runtime cannot take an operation of the network; names it.
        """
        ...
