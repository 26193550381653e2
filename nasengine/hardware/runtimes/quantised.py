"""Dynamic int8 in torch: int8 weights, activations quantised as they come; what really became int8 is looked up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import nn

from nasengine.hardware.devices.device import Device
from nasengine.hardware.latency import Fact
from nasengine.hardware.runtimes.needs import eager_cpu
from nasengine.hardware.runtimes.refusal import refused
from nasengine.hardware.runtimes.silence import silent

_QUANTISED = "torch.ao.nn.quantized"


def quantise(module: nn.Module, device: Device) -> dict[str, Fact]:
    """Quantise in place where the device's dtype is "int8"; the facts: how many modules of which class are in int8, and
    which with weights stay in float32. Nothing is done, and there are no facts, for another dtype.

    Linear layers are quantised. Eager on the CPU uses torch's own operations, the fastest there; what is compiled, and
    a GPU, torchao's, which compilers can see through.

    Raises:
        UnsupportedError: no layer of the network can be held in int8.
    """
    if device.dtype != "int8":
        return {}
    quantised_by = _by_torch(module) if eager_cpu(device.runtime, is_cuda=device.is_cuda) else _by_torchao(module)
    in_int8, in_float = count(module)
    if not in_int8:
        raise refused(device, listed(in_float) or "a network without weights", "int8 is for linear layers here")
    return in_int8_facts(in_int8, in_float) | {"int8_by": quantised_by}


def in_int8_facts(in_int8: Mapping[str, int], in_float: Mapping[str, int]) -> dict[str, Fact]:
    """What is in int8, and what with weights is not."""
    weights = "int8, float32" if in_float else "int8"
    return {"weights": weights, "int8": listed(in_int8), "not_int8": listed(in_float) or None}


def count(module: nn.Module) -> tuple[Counter[str], Counter[str]]:
    """Modules that hold matrices, by class: those in int8, and the rest; look-up tables do not count."""
    in_int8: Counter[str] = Counter()
    in_float: Counter[str] = Counter()
    for child in module.modules():
        if type(child).__module__.startswith(_QUANTISED) and "PackedParams" not in type(child).__name__:
            in_int8[type(child).__name__] += 1
            continue
        if isinstance(child, nn.Embedding):
            continue
        matrices = [p for p in child.parameters(recurse=False) if p.dim() > 1]
        if any(type(p.data).__module__.startswith("torchao") for p in matrices):
            in_int8[type(child).__name__] += 1
        elif matrices:
            in_float[type(child).__name__] += 1
    return in_int8, in_float


def listed(counts: Mapping[str, int]) -> str:
    """``3 Conv2d, 1 Linear``."""
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


def _by_torch(module: nn.Module) -> str:
    with silent(), torch.inference_mode(False), torch.no_grad():
        from torch.ao.quantization import quantize_dynamic

        quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8, inplace=True)
    return f"torch.ao, engine {torch.backends.quantized.engine}"


def _by_torchao(module: nn.Module) -> str:
    with silent(), torch.inference_mode(False), torch.no_grad():
        import torchao
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        quantize_(module, Int8DynamicActivationInt8WeightConfig())
    return f"torchao {torchao.__version__}"
