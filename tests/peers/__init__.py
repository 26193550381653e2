"""Independent implementations of the published members, one file a family.

A file holds two lists: ``PEERS``, networks of another package whose parameters are counted on the meta device, and
``TWINS``, networks whose random weights are copied across so that outputs can be compared. Packages are imported inside
the functions, so that collecting the tests loads none of them.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Architecture, Space
from nasengine.graph import Graph
from nasengine.graph.module import example_inputs

State = dict[str, Tensor]


@dataclass(frozen=True)
class Peer:
    """A network of another package, for its parameter count.

    Args:
        space: module of ``search_spaces``.
        reference: name in ``space.references``.
        make: the independent network; called under ``torch.device("meta")``.
        attribute: the module's own name of the space where it holds several.
    """

    space: str
    reference: str
    make: Callable[[], nn.Module]
    attribute: str = "space"

    def architecture(self) -> Architecture:
        """Our member."""
        space: Space = getattr(importlib.import_module(f"search_spaces.{self.space}"), self.attribute)
        return space.decode(space.references[self.reference])


def plain(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
    """Call it with the inputs in order."""
    return module(*inputs)


@dataclass(frozen=True)
class Twin:
    """Two implementations of one network, for their outputs.

    Args:
        name: what is compared, ``resnet18`` or ``llama, 2 layers``.
        ours: our graph; a published member, or one of the same space at a size that fits in memory.
        theirs: the independent network, made on the CPU.
        rename: (our names to shapes, their state) → our state; every tensor of ours is in it.
        call: how theirs is called; gives one tensor, or as many as our graph has outputs, in order.
        inputs: what both are given; random tensors of the graph's input types by default.
    """

    name: str
    ours: Callable[[], Graph]
    theirs: Callable[[], nn.Module]
    rename: Callable[[Mapping[str, torch.Size], State], State]
    call: Callable[[nn.Module, tuple[Tensor, ...]], Any] = plain
    inputs: Callable[[Graph], tuple[Tensor, ...]] = lambda graph: example_inputs(graph, batch=2)


def in_order(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Tensors in the order both modules hold them; their shapes agree."""
    found = [t for name, t in theirs.items() if not name.endswith("num_batches_tracked")]
    wanted = [name for name in ours if not name.endswith("num_batches_tracked")]
    assert [t.shape for t in found] == [ours[name] for name in wanted], "the order of the modules differs"
    return dict(zip(wanted, found, strict=True)) | {
        name: torch.tensor(0) for name in ours if name.endswith("num_batches_tracked")
    }


def by_rules(*rules: tuple[str, str]) -> Callable[[Mapping[str, torch.Size], State], State]:
    """Their names turned into ours by regular expressions, each applied in turn to every name."""

    def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
        made: State = {}
        for name, tensor in theirs.items():
            for pattern, new in rules:
                name = re.sub(pattern, new, name)
            made[name] = tensor
        return {name: made[name] for name in ours}

    return rename


def randomise(module: nn.Module, seed: int = 0) -> None:
    """Random weights and running statistics, of a size at which values neither vanish nor explode."""
    rng = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=rng)
        elif tensor.dim() > 1:
            tensor.normal_(0.0, (2.0 / max(1, tensor[0].numel())) ** 0.5, generator=rng)
        else:
            tensor.uniform_(0.5, 1.0, generator=rng).mul_(1.0 if name.endswith("weight") else 0.1)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out the warnings of packages that are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def families() -> Sequence[Any]:
    """Every file of this folder."""
    return [importlib.import_module(f"peers.{name}") for _, name, _ in pkgutil.iter_modules(__path__)]
