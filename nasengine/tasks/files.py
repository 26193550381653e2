"""Files that are whole or absent, and arrays named by their content."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.format import open_memmap

from nasengine.errors import StoreError

Array = np.ndarray[Any, np.dtype[Any]]
_CHUNK_BYTES = 1 << 24


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that a reader sees whole or not at all: temporary name, flush to disk, rename.

    Raises:
        StoreError: the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise _unwritable(path, problem) from problem
    finally:
        Path(name).unlink(missing_ok=True)


def _unwritable(path: Path, problem: OSError) -> StoreError:
    reason = problem.strerror or problem
    return StoreError(f"{path}: cannot be written ({reason}); choose a folder that you may write and that has room")


def _sync_folder(folder: Path) -> None:
    """A rename lasts through a power cut only once its folder is on disk; Windows has no such call."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(array: Array) -> str:
    """SHA-256 (hex) over dtype, shape and values in row order; a file's header plays no part."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    rows = max(1, _CHUNK_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return digest.hexdigest()


def write_array(path: Path, array: Array) -> None:
    """One npy file, written whole or not at all; pickled values are refused by NumPy.

    Raises:
        StoreError: the file cannot be written.
    """
    write_atomically(path, lambda file: np.save(file, array, allow_pickle=False))


def open_array(path: Path) -> Array:
    """A read-only, memory-mapped view of an npy file.

    Raises:
        StoreError: the file is absent, truncated or no npy file.
    """
    try:
        view: Array = open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as problem:
        raise StoreError(
            f"{path}: expected an array that the study stored; it cannot be read ({problem}); "
            "run the study again with its arrays, which writes the file anew"
        ) from problem
    return view
