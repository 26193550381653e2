"""What is said of an operation that a runtime cannot take, and how it is found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import fx, nn

from nasengine.errors import NasError, UnsupportedError
from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.runtimes.placed import Placed
from nasengine.hardware.runtimes.silence import silent

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_ATEN = re.compile(r"(?:target: |op='|torch\.ops\.)((?:aten|quantized|torchao|prims|higher_order)[.:\w]+)")


def refused(device: Device, operation: str, reason: str, remedy: str = "") -> UnsupportedError:
    """The error for an operation that cannot be run as the device asks."""
    instead = remedy or "use another runtime or dtype, or leave the operation out of the space"
    return UnsupportedError(
        f"runtime {device.runtime}, {device.dtype} on {device.kind}: every operation of the network runs in it; "
        f"{operation} does not: {reason}; {instead}"
    )


@contextmanager
def named(
    graph: Graph, device: Device, placed: Placed | None = None, program: ExportedProgram | None = None
) -> Iterator[None]:
    """Turn what torch raises inside into an UnsupportedError that names the operation; be silent else.

    Errors of ours and a lack of memory, which is no matter of one operation, are passed on.

    Args:
        placed: the network in torch, to be walked for an operation that fails.
        program: the network as exported, to find the block that an operation of torch came from.
    """
    try:
        with silent():
            yield
    except (NasError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as problem:  # compilers and exporters raise whatever the code below them raises
        walked = None if placed is None else failing_node(graph, placed)
        operation = walked or _in_text(problem, graph, program) or "one of its operations"
        raise refused(device, operation, reason(problem)) from problem


def exported(graph: Graph, device: Device, placed: Placed) -> ExportedProgram:
    """The network as ``torch.export`` sees it, for this batch.

    Raises:
        UnsupportedError: an operation that it refuses, found by exporting the blocks one by one.
    """
    try:
        with silent(), torch.no_grad():
            return torch.export.export(placed.module, placed.inputs)
    except Exception as problem:  # torch.export raises many kinds of errors
        with silent():
            operation = failing_node(graph, placed) or failing_node(graph, placed, alone=_export_alone)
        raise refused(device, operation or "one of its operations", reason(problem)) from problem


def _export_alone(module: nn.Module, args: tuple[Any, ...]) -> object:
    return torch.export.export(module, args)


def failing_node(
    graph: Graph, placed: Placed, alone: Callable[[nn.Module, tuple[Any, ...]], object] | None = None
) -> str | None:
    """The first operation that torch cannot run on the network's inputs, as ``tag (path)``; None if all run.

    With ``alone``, that is also called with each module and its inputs, and may be what fails.
    """
    walk = _Walk(placed.module)
    walk.alone = alone
    try:
        with torch.no_grad():
            walk.run(*placed.inputs)
    except Exception:  # noqa: BLE001 - whichever error: the node that raised it is the answer
        return _label(graph, str(walk.last.target if walk.last.op == "call_module" else walk.last.name))
    return None


class _Walk(fx.Interpreter):
    """Runs node by node and remembers which one was started last."""

    last: fx.Node
    alone: Callable[[nn.Module, tuple[Any, ...]], object] | None = None

    def run_node(self, n: fx.Node) -> object:
        self.last = n
        return super().run_node(n)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> object:
        if self.alone is not None:
            self.alone(self.fetch_attr(target), tuple(args))
        return super().call_module(target, args, kwargs)


def _in_text(problem: BaseException, graph: Graph, program: ExportedProgram | None) -> str | None:
    """The torch operation that an exporter's or a compiler's message names, and the block that it came from."""
    found = _ATEN.search("\n".join(str(one) for one in _chain(problem)))
    if found is None:
        return None
    operation = found.group(1).rstrip(".")
    where = _block_of(operation, program)
    return f"{_label(graph, where)}, {operation}" if where else operation


def _block_of(operation: str, program: ExportedProgram | None) -> str | None:
    """The path of the module in which an exported program has an operation of torch."""
    for node in () if program is None else program.graph.nodes:
        stack = list(node.meta.get("nn_module_stack", {}).values())
        if stack and (str(node.target) == operation or str(node.target).startswith(f"{operation}.")):
            return str(stack[-1][0])
    return None


def _label(graph: Graph, path: str) -> str:
    tag = next((node.op.tag for node in graph.nodes if node.path == path), None)
    return f"{tag} ({path})" if tag else path


def reason(problem: BaseException) -> str:
    """The first error of a chain, on one line of moderate length."""
    text = next((line for line in _lines(list(_chain(problem))[-1])), "no message")
    return f"{type(problem).__name__}: {text[:300]}"


def _lines(problem: BaseException) -> Iterator[str]:
    for line in re.sub(r"\x1b\[[0-9;]*m", "", str(problem)).splitlines():
        if line.strip():
            yield line.strip()


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """An error and the ones that it was raised from."""
    one: BaseException | None = problem
    while one is not None:
        yield one
        one = one.__cause__
