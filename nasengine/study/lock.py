"""One process runs a study at a time. The kernel lets go of the lock when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasengine.errors import StoreError


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the study's lock.

    Raises:
        StoreError: another process holds it, or the folder cannot be written.
    """
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)  # a ledger elsewhere did not make it
        handle = os.open(store / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise StoreError(
            f"{store}: cannot be written ({problem.strerror}); choose a store= that you may write"
        ) from problem
    try:
        _take(handle, store)
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def _take(handle: int, store: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(handle, 32).decode(errors="replace") or "unknown"
        raise StoreError(
            f"{store}: process {holder} runs this study now; wait for it, stop it, or choose another store="
        ) from None
