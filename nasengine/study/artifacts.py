"""The files of one key: where they lie in the store, and what they are known by."""

from __future__ import annotations

import hashlib
from pathlib import Path

SOURCE, WEIGHTS = "final.py", "final.safetensors"


def folder_of(store: Path, key: str) -> Path:
    """Where a key's checkpoints, log and final files lie."""
    return store.resolve() / "artifacts" / key


def checkpoint_file(folder: Path, rung: int) -> Path:
    """Where a rung's checkpoint lies in its key's folder."""
    return folder / f"rung-{rung}.pt"


def completion_file(folder: Path, rung: int) -> Path:
    """Where a rung says that it is complete."""
    return folder / f"rung-{rung}.json"


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
