"""An untrained network as proxies need it: its weights drawn by a seed, its feature maps given out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.dropout import _DropoutNd

from nasengine.graph import Graph
from nasengine.graph.flat import Flat, Node, gather
from nasengine.graph.fragment import Fragment
from nasengine.graph.module import build

Tensors = Mapping[str, torch.Tensor]
DEPTH = 1
"""Feature maps stand where a child of the root block ends, or a child of one: names of up to two parts."""
_BUILT_IN = ("torch.", "nasengine.")


@dataclass(frozen=True)
class Untrained:
    """A network with torch's default initial weights, in training mode, whose dropout is off.

    Attributes:
        graph: what it was built from.
        network: gives a tensor, or a mapping: feature maps, then outputs.
        axes: of each feature map at the end of a block, the axis of channels or features, the batch counted.
        tapped: does it give one more, the last map before positions are pooled?
    """

    graph: Graph
    network: nn.Module
    axes: tuple[int, ...]
    tapped: bool

    @cached_property
    def weights(self) -> dict[str, nn.Parameter]:
        """Trained tensors of two or more axes, matrices and kernels, by name: what proxies call the weights."""
        return {name: p for name, p in self.network.named_parameters() if p.ndim >= 2 and p.requires_grad}

    def run(
        self, inputs: Sequence[torch.Tensor], tensors: Tensors | None = None
    ) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """Feature maps, the last of them the one before positions are pooled, and outputs by name.

        Args:
            tensors: parameters and buffers that stand in for the network's own, by name.
        """
        found = self.network(*inputs) if tensors is None else functional_call(self.network, dict(tensors), inputs)
        values = [found] if isinstance(found, torch.Tensor) else list(found.values())
        count = len(self.axes) + self.tapped
        return values[:count], dict(zip(self.graph.outputs, values[count:], strict=True))

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Every module in evaluation mode for a while."""
        modes = {module: module.training for module in self.network.modules()}
        self.network.eval()
        try:
            yield
        finally:
            for module, training in modes.items():
                module.training = training


def untrained(graph: Graph, seed: int, device: torch.device) -> Untrained:
    """Build a network. The same seed draws the same weights; the caller's random state is left as it was."""
    maps = [v for v in block_ends(graph) if _has_features(graph, v)]
    last = last_map(graph)
    taps = [*maps, last] if last is not None else []
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build(_with_outputs(graph, taps) if taps else graph)
    _quieten(network.train(), graph)
    axes = tuple(graph.types[v].feature_axis + 1 for v in maps) if taps else ()
    return Untrained(graph, network.to(device), axes, bool(taps))


def _with_outputs(graph: Graph, values: Sequence[int]) -> Graph:
    """The same network that gives these values out too, before its outputs."""
    flat = graph.flat
    refs = (*values, *flat.refs)
    made = gather(graph.fragment, Flat(flat.nodes, refs, flat.inputs))
    types = tuple(graph.types[ref] for ref in refs)
    fragment = Fragment(made.block, made.inputs, types, calls=made.calls, refs=made.refs)
    return Graph(fragment, tuple(graph.inputs))


def _quieten(network: nn.Module, graph: Graph) -> None:
    """Switch off what draws random numbers in training; a user's module keeps its mode, but for its dropout."""
    for node in graph.nodes:
        call = node.fragment.call
        if node.op.stochastic and call is not None and call.style == "module" and call.target.startswith(_BUILT_IN):
            network.get_submodule(node.path).eval()
    for module in network.modules():
        if isinstance(module, _DropoutNd):
            module.eval()


# --- where the feature maps are -------------------------------------------------------------------------------------


def cuts(graph: Graph) -> list[tuple[int, int]]:
    """(index of a node, value that it makes) wherever all that is computed passes through one value.

    Whole numbers that are handed around, as the edges of a graph, do not count.
    """
    types, nodes = graph.types, graph.nodes
    last: dict[int, int] = {value: len(nodes) for value in graph.flat.refs}
    for k, node in reversed(list(enumerate(nodes))):
        for value in node.inputs:
            last.setdefault(value, k)
    alive = {i for i in graph.inputs.values() if i in last and types[i].dtype.startswith(("float", "bfloat"))}
    found = []
    for k, node in enumerate(nodes):
        alive |= {out for out in node.outputs if out in last}
        alive -= {value for value in alive if last[value] <= k}
        if len(alive) == 1 and node.outputs[0] in alive:
            found.append((k, node.outputs[0]))
    return found


def block_ends(graph: Graph) -> list[int]:
    """Values at which a block of the root, or a block of one of these, ends and the next begins, in order."""
    nodes = graph.nodes
    return [v for k, v in cuts(graph) if k + 1 < len(nodes) and _ends(nodes[k], nodes[k + 1])]


def _ends(node: Node, following: Node) -> bool:
    here, there = node.path.split("."), following.path.split(".")
    common = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    return common <= DEPTH and len(here) - common >= 2


def last_map(graph: Graph) -> int | None:
    """The last value that still has positions; the first output where there is none; None where it is no map."""
    for _, value in reversed(cuts(graph)):
        if _has_features(graph, value) and graph.types[value].numel > graph.types[value].channels:
            return value
    first = graph.flat.refs[0]
    return first if graph.types[first].dtype.startswith(("float", "bfloat")) else None


def _has_features(graph: Graph, value: int) -> bool:
    kind = graph.types[value]
    return kind.batched and bool(set(kind.axes) & set("CF")) and kind.dtype.startswith(("float", "bfloat"))
