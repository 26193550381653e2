"""Runtimes: eager PyTorch, compiled, ahead of time, ONNX Runtime, CUDA graphs. Loaded where a network is measured."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasengine.hardware.runtimes.base import Loaded, Runtime

__all__ = ["Loaded", "Runtime", "runtime_of"]

_HOMES = {
    "eager": ("eager", "Eager"),
    "compile": ("compiled", "Compiled"),
    "aot": ("ahead", "Ahead"),
    "onnxruntime": ("onnx", "OnnxRuntime"),
    "cuda_graphs": ("cuda_graphs", "CudaGraphs"),
}


def runtime_of(name: str) -> Runtime:
    """The runtime of that name; `Device` has checked that it is one."""
    module, made = _HOMES[name]
    found: Runtime = getattr(importlib.import_module(f"{__name__}.{module}"), made)()
    return found


def __getattr__(name: str) -> object:
    if name in ("Loaded", "Runtime"):
        from nasengine.hardware.runtimes import base

        return getattr(base, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
