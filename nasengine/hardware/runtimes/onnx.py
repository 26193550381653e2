"""ONNX Runtime: the network as an ONNX file of one batch size, written once; each process opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nasengine.export.onnx import LARGE, save
from nasengine.graph import Graph
from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.hardware.runtimes.base import Loaded
from nasengine.hardware.runtimes.onnx_facts import facts_of, refusal_of
from nasengine.hardware.runtimes.placed import inputs_of, place
from nasengine.hardware.runtimes.refusal import exported, named
from nasengine.hardware.runtimes.silence import silent

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding

FILE, WRITTEN, OPTIMISED, FACTS = "network.onnx", "float32.onnx", "optimised.onnx", "facts.json"
_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16: NumPy has no such type


class OnnxRuntime:
    """``session.run_with_iobinding(...)`` with the inputs where the runtime computes."""

    name = "onnxruntime"

    def prepare(self, graph: Graph, device: Device, folder: Path) -> None:
        """Write the file, quantise it for int8, and see what ONNX Runtime makes of it."""
        if device.dtype == "int8":
            write(graph, device, folder / WRITTEN)
            _quantise(graph, device, folder / WRITTEN, folder / FILE)
        else:
            write(graph, device, folder / FILE)
        _session(graph, device, folder / FILE, optimised=folder / OPTIMISED)
        facts = facts_of(folder / OPTIMISED, graph, device)
        (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")

    def load(self, graph: Graph, device: Device, folder: Path) -> Loaded:
        """A session on the file, and its inputs bound to tensors that lie on the device."""
        session = _session(graph, device, folder / FILE)
        inputs = dict(zip(graph.inputs, inputs_of(graph, device)[0], strict=True))
        binding = _bound(session, inputs, list(graph.outputs), device)

        def call() -> object:
            session.run_with_iobinding(binding)
            return inputs  # kept alive with the call: the binding holds their addresses only

        facts: dict[str, Fact] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        return Loaded(call, lambda: _outputs(session, binding, graph), facts)


def write(graph: Graph, device: Device, path: Path) -> None:
    """Write the seeded network as ONNX for the device's batch, in its dtype (float32 for int8).

    Raises:
        UnsupportedError: an operation that ``torch.export`` or torch's ONNX exporter cannot take; it is named.
    """
    placed = place(graph, device)
    apart = sum(t.nbytes for t in placed.module.state_dict().values()) > LARGE
    program = exported(graph, device, placed)
    with named(graph, device, placed, program), torch.no_grad():
        save(program, path, list(graph.inputs), list(graph.outputs), external_data=apart)


def _quantise(graph: Graph, device: Device, written: Path, path: Path) -> None:
    """Weights of matrix products, convolutions and recurrent layers to int8; activations as they come."""
    with named(graph, device):
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        model = onnx.load(str(written))
        del model.graph.value_info[:]  # shapes of weights that the quantiser transposes
        quantize_dynamic(model, str(path), weight_type=QuantType.QUInt8)


def _session(graph: Graph, device: Device, path: Path, optimised: Path | None = None) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = device.threads, 1
    options.log_severity_level = 4
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.is_cuda:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        providers = [("CUDAExecutionProvider", {"device_id": device.index})]
    try:
        with silent():
            return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as problem:  # ONNX Runtime's errors have no common base of its own
        raise refusal_of(problem, path, graph, device) from problem


def _bound(session: InferenceSession, inputs: Mapping[str, Tensor], outputs: list[str], device: Device) -> IOBinding:
    binding = session.io_binding()
    where, index = ("cuda", device.index) if device.is_cuda else ("cpu", 0)
    taken = {one.name for one in session.get_inputs()}
    for name, value in inputs.items():
        if name in taken:
            kind = _BFLOAT16 if value.dtype == torch.bfloat16 else torch.empty(0, dtype=value.dtype).numpy().dtype
            binding.bind_input(name, where, index, kind, tuple(value.shape), value.data_ptr())
    for name in outputs:
        binding.bind_output(name, where, index)
    return binding


def _outputs(session: InferenceSession, binding: IOBinding, graph: Graph) -> dict[str, Tensor]:
    session.run_with_iobinding(binding)
    found = (torch.from_numpy(array) for array in binding.copy_outputs_to_cpu())
    return {n: v.float() if v.is_floating_point() else v for n, v in zip(graph.outputs, found, strict=True)}
