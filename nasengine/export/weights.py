"""Weights as safetensors: name and tensor, and the architecture that they belong to; nothing in the file is code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nasengine.errors import ExportError
from nasengine.export.job import Job, Written
from nasengine.export.parity import run
from nasengine.graph.module import build

FILE = "network.safetensors"


def write(job: Job) -> Written:
    """Write the state, read it back into a network built anew from the graph, and run that."""
    path = job.folder / FILE
    write_weights(path, job.module.state_dict(), job.metadata)
    rebuilt = build(job.graph).eval()
    rebuilt.load_state_dict(read_weights(path))
    return Written(FILE, run(rebuilt, job.batches, job.outputs), "rebuilt from the architecture")


def write_weights(path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a state dict; tensors that share memory are written each in full."""
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in state.items()}
    path.touch()
    mode = path.stat().st_mode  # safetensors makes files that only their owner reads
    save_file(plain, path, metadata={"format": "pt", **(metadata or {})})
    path.chmod(mode)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict.

    Raises:
        ExportError: no such file, or not a safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as problem:
        raise _unreadable(path, problem) from problem


def read_metadata(path: Path) -> dict[str, str]:
    """The text that weights carry along.

    Raises:
        ExportError: no such file, or not a safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: Exception) -> ExportError:
    return ExportError(
        f"{path}: expected weights in the safetensors format; they cannot be read ({problem}); "
        "export again with 'safetensors' among the formats"
    )
