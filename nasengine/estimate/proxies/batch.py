"""The examples that proxies look at, and the loss that they take on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from nasengine.errors import StudyError
from nasengine.graph import Graph, TensorType
from nasengine.graph.module import example_inputs

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """Examples, the same for every network that is compared.

    Attributes:
        inputs: one tensor an input, in the order of the network's inputs, each (B, ...) where it has a batch axis.
        targets: (B, ...) of the one output; None draws random ones, of the kind that :func:`loss_of` says.
        loss: of the one output (B, ...) and the targets, a scalar, the mean over examples; None: see :func:`loss_of`.
    """

    inputs: tuple[torch.Tensor, ...]
    targets: torch.Tensor | None = None
    loss: Loss | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        targets = None if self.targets is None else self.targets.to(device)
        return replace(self, inputs=tuple(x.to(device) for x in self.inputs), targets=targets)


def batch_for(graph: Graph, given: Batch | int, seed: int) -> Batch:
    """The batch given, or so many random examples: normal numbers, and ids in range.

    Raises:
        StudyError: no number of examples, or inputs that are not those of the network.
    """
    if isinstance(given, Batch):
        _check(graph, given)
        return given
    if isinstance(given, bool) or not isinstance(given, int) or given < 2:
        raise StudyError(f"proxies: batch is a Batch, or a number of random examples from 2 on; got {given!r}")
    return Batch(example_inputs(graph, given, seed=seed))


def _check(graph: Graph, batch: Batch) -> None:
    kinds = {name: graph.types[i] for name, i in graph.inputs.items()}
    if len(batch.inputs) != len(kinds):
        raise StudyError(
            f"proxies: batch.inputs holds one tensor an input, {', '.join(kinds)}; got {len(batch.inputs)}; give them "
            "in this order"
        )
    for (name, kind), x in zip(kinds.items(), batch.inputs, strict=True):
        shape = tuple(x.shape[1:] if kind.batched else x.shape)
        if shape != kind.shape:
            raise StudyError(
                f"proxies: batch.inputs: {name} has the shape {kind.shape} of an example; got {shape}; make the batch "
                "for this network's inputs"
            )


def examples_of(graph: Graph, batch: Batch) -> int:
    """Number of examples; 1 where no input has a batch axis."""
    batched = [x for i, x in zip(graph.inputs.values(), batch.inputs, strict=True) if graph.types[i].batched]
    return int(batched[0].shape[0]) if batched else 1


def loss_of(graph: Graph, outputs: Mapping[str, torch.Tensor], batch: Batch, seed: int) -> torch.Tensor:
    """The loss of a batch, a scalar.

    It is the batch's own where it has one. Else each output with two or more channels or features is taken for logits
    of classes, at every position, and its loss is the cross-entropy; any other output's is the squared error. Targets
    that were not given are drawn: classes with equal probability, or normal numbers. Several outputs add up.
    """
    if batch.loss is not None and batch.targets is not None and len(outputs) == 1:
        return batch.loss(next(iter(outputs.values())), batch.targets)
    rng = torch.Generator().manual_seed(seed)
    given = batch.targets if len(outputs) == 1 else None
    losses = [
        _one_loss(graph.types[graph.outputs[name]], out, given, rng)
        for name, out in outputs.items()
        if out.is_floating_point()
    ]
    return torch.stack(losses).sum()


def _one_loss(kind: TensorType, out: torch.Tensor, targets: torch.Tensor | None, rng: torch.Generator) -> torch.Tensor:
    if set(kind.axes) & set("CF") and kind.channels >= 2 and (targets is None or not targets.is_floating_point()):
        axis = kind.feature_axis + kind.batched
        logits = (out if out.ndim > 1 else out[None]).movedim(axis if out.ndim > 1 else 1, 1)
        if targets is None:
            shape = (logits.shape[0], *logits.shape[2:])
            targets = torch.randint(0, kind.channels, shape, generator=rng).to(out.device)
        return F.cross_entropy(logits, targets)
    if targets is None:
        targets = torch.randn(out.shape, generator=rng, dtype=out.dtype).to(out.device)
    return F.mse_loss(out, targets.reshape(out.shape).to(out.dtype))
