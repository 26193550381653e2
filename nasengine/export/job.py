"""What every format is written from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nasengine.export.parity import Inputs, Outputs
from nasengine.graph.graph import Graph
from nasengine.graph.module import example_inputs

if TYPE_CHECKING:
    from torch.export import ExportedProgram

BATCHES = (1, 2, 5)


@dataclass
class Job:
    """One export on its way.

    Args:
        graph: the simplified graph.
        module: the trained module, on the CPU, in eval mode.
        batches: inputs that every format is run on.
        folder: where files are made before they are proven; nothing else is there.
        metadata: text that weights carry along.
    """

    graph: Graph
    module: nn.Module
    batches: Sequence[Inputs]
    folder: Path
    metadata: dict[str, str]

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return list(self.graph.outputs)

    @cached_property
    def program(self) -> ExportedProgram:
        """The module as ``torch.export`` sees it; the batch axis is free."""
        with torch.no_grad():
            return torch.export.export(
                self.module, example_inputs(self.graph, batch=2), dynamic_shapes=self.dynamic_shapes()
            )

    def dynamic_shapes(self) -> tuple[dict[int, Any] | None, ...]:
        """Free axes of each input: the batch, where there is one."""
        batch = torch.export.Dim("batch", min=1)
        kinds = [self.graph.types[value] for value in self.graph.inputs.values()]
        return tuple({0: batch} if kind.batched else None for kind in kinds)


@dataclass(frozen=True)
class Written:
    """What a format's writer gives back: its file, further files it made, and what it gave when it was run."""

    file: str
    outputs: list[Outputs]
    runtime: str
    more: tuple[str, ...] = ()


Writer = Callable[[Job], Written]


def batches_of(graph: Graph, inputs: Inputs | None) -> list[Inputs]:
    """The inputs of every parity check: several batch sizes, 1 among them; the caller's data where given."""
    batched = [graph.types[value].batched for value in graph.inputs.values()]
    if not any(batched):
        return [inputs if inputs is not None else example_inputs(graph)]
    if inputs is None:
        return [example_inputs(graph, batch=n, seed=n) for n in BATCHES]
    rows = min(len(t) for t, b in zip(inputs, batched, strict=True) if b)
    sizes = dict.fromkeys(min(n, rows) for n in BATCHES)
    return [tuple(t[:n] if b else t for t, b in zip(inputs, batched, strict=True)) for n in sizes]


def batch_size(graph: Graph, inputs: Sequence[Tensor]) -> int:
    """Samples in a batch; 1 where there is no batch axis."""
    kinds = [graph.types[value] for value in graph.inputs.values()]
    return next((len(t) for t, kind in zip(inputs, kinds, strict=True) if kind.batched), 1)
