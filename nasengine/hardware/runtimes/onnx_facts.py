"""What ONNX Runtime really runs: read from the graph that it has optimised, and from its errors."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from nasengine.errors import UnsupportedError
from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.hardware.runtimes.quantised import in_int8_facts, listed
from nasengine.hardware.runtimes.refusal import reason, refused

_INT8 = re.compile(r"Integer|DynamicQuantize(MatMul|LSTM)|^QAttention$|^QGemm$|^QLinear(Conv|MatMul)$")
_FLOAT = re.compile(r"^(Fused)?(Conv|ConvTranspose|Gemm|MatMul)$|^(LSTM|GRU|RNN|Attention|Einsum)$")
_CAST_BACK = "InsertedPrecisionFreeCast_"
"""What ONNX Runtime calls the casts to float32 that it puts before an operation without a half-precision kernel."""
_NODE = re.compile(r"node with name '([^']+)'|in node \(([^)]+)\)|Name:'([^']+)'")
_KIND = re.compile(r"implementation for (\w+)\(|of operator \((\w+)\)|running (\w+) node")


def facts_of(optimised: Path, graph: Graph, device: Device) -> dict[str, Fact]:
    """Versions and options, and in which number format the weighted operations run.

    Raises:
        UnsupportedError: an operation would be computed in float32 although another format is asked for, or, with
            int8, no operation became int8.
    """
    import onnx
    import onnxruntime

    model = onnx.load(str(optimised), load_external_data=False)
    kinds = Counter(node.op_type for node in model.graph.node)
    facts: dict[str, Fact] = {
        "layout": "contiguous",
        "onnxruntime": onnxruntime.__version__,
        "provider": "CUDAExecutionProvider" if device.is_cuda else "CPUExecutionProvider",
        "nodes": len(model.graph.node),
    }
    in_float = {kind: n for kind, n in kinds.items() if _FLOAT.search(kind)}
    if device.dtype == "int8":
        in_int8 = {kind: n for kind, n in kinds.items() if _INT8.search(kind)}
        if not in_int8:
            raise refused(device, listed(in_float) or "a network without weights", "none of it becomes int8 here")
        return facts | in_int8_facts(in_int8, in_float)
    back = _cast_back(model) if device.dtype != "float32" else []
    if back:
        first = next((node for node in back if _FLOAT.search(node.op_type)), back[0])
        others = len({node.op_type for node in back} - {first.op_type})
        more = f" and {others} other kinds of operations" if others else ""
        why = f"there is no kernel for {device.dtype}, and it{more} would be computed in float32"
        raise refused(device, f"{first.op_type} ({_block_of(first, graph) or first.name})", why)
    return facts | {"weights": device.dtype}


def refusal_of(problem: Exception, path: Path, graph: Graph, device: Device) -> UnsupportedError:
    """The error for a file that ONNX Runtime does not open: the operation that it names, and the block it came from."""
    text = str(problem)
    name = _first(_NODE.search(text))
    kind = _first(_KIND.search(text)) or "the file that torch's exporter wrote"
    where = _block(path, name, graph) if name else None
    why = reason(problem).replace(str(path), path.name)  # the folder is gone when this is read
    return refused(device, f"{kind} ({where or name})" if name else kind, why)


def _cast_back(model: Any) -> list[Any]:
    """Operations that read what was cast to float32, in the order in which they run."""
    cast = {node.output[0] for node in model.graph.node if node.name.startswith(_CAST_BACK)}
    return [node for node in model.graph.node if cast.intersection(node.input) and node.op_type != "Cast"]


def _block(path: Path, name: str, graph: Graph) -> str | None:
    """The path of the block that a node of the file came from."""
    import onnx

    nodes = onnx.load(str(path), load_external_data=False).graph.node
    return next((_block_of(node, graph) for node in nodes if node.name == name), None)


def _block_of(node: Any, graph: Graph) -> str | None:
    """The path of the block that a node came from, as the exporter has written it down."""
    scopes = next((p.value for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"), "")
    paths = {one.path for one in graph.nodes}
    return next((path for path in sorted(paths, key=len, reverse=True) if f"'{path}'" in scopes), None)


def _first(found: re.Match[str] | None) -> str | None:
    return None if found is None else next((group for group in found.groups() if group), None)
