"""Normalisation layers: left out of a pass, or with their running statistics as they are built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def skipping_norms(network: nn.Module) -> Iterator[None]:
    """Modules that are called a norm hand their input on for a while."""

    def skip(_: nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
        same = isinstance(out, torch.Tensor) and out.shape == inputs[0].shape
        return inputs[0] if same else out

    norms = [module for module in network.modules() if "Norm" in type(module).__name__]
    handles = [module.register_forward_hook(skip) for module in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def fresh_norms(network: nn.Module) -> dict[str, torch.Tensor]:
    """The running statistics of batch norms as they are built, for a pass to change, by their names in the network."""
    kept = [(name, m) for name, m in network.named_modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    found: dict[str, torch.Tensor] = {}
    for name, norm in kept:
        dot = f"{name}." if name else ""
        for key, value in norm.named_buffers(recurse=False):
            found[f"{dot}{key}"] = torch.ones_like(value) if key == "running_var" else torch.zeros_like(value)
    return found
