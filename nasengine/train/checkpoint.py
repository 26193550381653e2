"""What a rung leaves behind: everything needed to continue as if nothing had happened."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nasengine.errors import StoreError
from nasengine.tasks.files import write_atomically

_FORMAT = "nasengine.checkpoint/1"


@dataclass(frozen=True)
class Checkpoint:
    """State at the end of an epoch.

    ``epoch`` epochs are done; ``curve`` has one row for each. There is no schedule and no generator state to
    keep: a schedule is a function of the step, and every epoch seeds its generators from (seed, epoch).
    ``recipe`` is the recipe's fingerprint.
    """

    epoch: int
    recipe: str
    module: dict[str, Any]
    optimizer: dict[str, Any]
    curve: list[dict[str, Any]]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it whole or not at all.

    Raises:
        StoreError: the folder cannot be written.
    """
    buffer = io.BytesIO()  # torch would report a full disk as an error of its own archive
    torch.save({"format": _FORMAT, **vars(checkpoint)}, buffer)
    write_atomically(Path(path), lambda file: file.write(buffer.getbuffer()))


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read tensors and plain values; nothing is unpickled beyond them (``weights_only``).

    Raises:
        StoreError: absent, damaged, or not a checkpoint of this format.
    """
    try:
        data = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise StoreError(
            f"{path}: expected a checkpoint; it cannot be read ({reason}); delete it, and the rung is trained again"
        ) from problem
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise StoreError(f"{path}: expected a checkpoint of format {_FORMAT}; got {found!r}")
    return Checkpoint(**{key: value for key, value in data.items() if key != "format"})
