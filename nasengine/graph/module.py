"""Graph to ``torch.fx.GraphModule``, with the module paths of the spec as its names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import fx, nn

from nasengine.errors import ShapeError
from nasengine.graph.flat import Node
from nasengine.graph.graph import Graph
from nasengine.graph.tensor import TensorType


def build(graph: Graph) -> fx.GraphModule:
    """The network of a graph.

    Its ``forward`` takes the inputs in the order of ``graph.inputs`` (also by keyword) and gives one tensor, or a dict
    of name to tensor where there are several outputs. Keys of its ``state_dict`` are the module paths.
    """
    root = nn.Module()
    traced = fx.Graph()
    values: dict[int, fx.Node] = {i: traced.placeholder(name) for name, i in graph.inputs.items()}
    for node in graph.nodes:
        made = _emit(node, traced, root, [values[i] for i in node.inputs])
        if len(node.outputs) == 1:
            values[node.outputs[0]] = made
        else:
            for k, out in enumerate(node.outputs):
                values[out] = traced.call_function(find("operator.getitem"), (made, k))
    outputs = {name: values[i] for name, i in graph.outputs.items()}
    traced.output(next(iter(outputs.values())) if len(outputs) == 1 else outputs)
    traced.lint()
    return fx.GraphModule(root, traced, "Network")


def _emit(node: Node, traced: fx.Graph, root: nn.Module, args: list[fx.Node]) -> fx.Node:
    call = node.fragment.call
    assert call is not None
    if call.style == "module":
        if not _has(root, node.path):
            _place(root, node.path, construct(node))
        return traced.call_module(node.path, tuple(args))
    function, kwargs = find(call.target), dict(call.kwargs)
    if call.style == "list":
        return traced.call_function(function, (args, *call.args), kwargs)
    if call.style == "chain":
        return reduce(lambda a, b: traced.call_function(function, (a, b), kwargs), args)
    return traced.call_function(function, (*args, *call.args), kwargs)


def construct(node: Node) -> nn.Module:
    """The torch module of a node whose call is of the style ``module``."""
    call = node.fragment.call
    assert call is not None
    made = find(call.target)(*call.args, **dict(call.kwargs))
    if not isinstance(made, nn.Module):
        raise ShapeError(f"{node.path}: {call.target} makes a torch.nn.Module; got {type(made).__name__}")
    return made


def find(dotted: str) -> Callable[..., Any]:
    """What a dotted name stands for; nested classes are found too."""
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name)
        return found  # type: ignore[no-any-return]
    raise ShapeError(f"{dotted}: no module of this name can be imported; import the module that defines it first")


def _has(root: nn.Module, path: str) -> bool:
    for part in path.split("."):
        child = root._modules.get(part)
        if child is None:
            return False
        root = child
    return True


def _place(root: nn.Module, path: str, child: nn.Module) -> None:
    *parents, name = path.split(".")
    for part in parents:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root._modules[part]  # type: ignore[assignment]
    root.add_module(name, child)


def example_inputs(
    graph: Graph, batch: int = 1, device: str | torch.device = "cpu", seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Random tensors of the graph's input types: normal for numbers, ids in range for whole numbers.

    Args:
        batch: size of the batch axis, for types that have one.
    """
    rng = torch.Generator().manual_seed(seed)
    return tuple(_example(graph, i, batch, rng).to(device) for i in graph.inputs.values())


def _example(graph: Graph, value: int, batch: int, rng: torch.Generator) -> torch.Tensor:
    kind: TensorType = graph.types[value]
    shape = (batch, *kind.shape) if kind.batched else kind.shape
    if kind.dtype in ("int64", "int32", "uint8"):
        return torch.randint(0, ids_of(graph, value), shape, generator=rng, dtype=getattr(torch, kind.dtype))
    if kind.dtype == "bool":
        return torch.randint(0, 2, shape, generator=rng).bool()
    return torch.randn(shape, generator=rng, dtype=getattr(torch, kind.dtype))


def _limit(node: Node) -> int | None:
    """How many ids a node reads: a number that its block states, or finds from its input types."""
    stated = getattr(node.op, "ids", None)
    return stated(*node.fragment.inputs) if callable(stated) else stated


def ids_of(graph: Graph, value: int) -> int:
    """How many ids an integer input may name: the least that a reader of it states; nodes for an edge index."""
    limits = [limit for node in graph.nodes if value in node.inputs and (limit := _limit(node)) is not None]
    nodes = [t.shape[t.axes.index("N")] for t in graph.types[: len(graph.inputs)] if "N" in t.axes]
    return min([*limits, *nodes], default=2)
