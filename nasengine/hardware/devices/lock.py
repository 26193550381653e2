"""The lock of a device: while one process measures on it, no other of ours computes there.

It holds between all processes of one user on one machine, whatever study they belong to. A :class:`Claim` says which
*rooms* of the machine a process needs and how. Each room is two files that are locked with ``flock``: who works there
holds ``ROOM.users`` shared, and asks at ``ROOM.gate`` first; who measures keeps the gate shut, and waits until no one
works there. The rooms, and what is decided by them:

==================  ==================  ==================================================================
who                 claims              so that
==================  ==================  ==================================================================
training on the CPU  work in cpu          many train at once
training on GPU N    work in host, gpu-N  two GPUs train without a word to each other
measuring the CPU    host and cpu alone   nothing of ours runs on the machine: a GPU's trainer has a thread
                                          that launches kernels, and its data passes through this memory
measuring GPU N      gpu-N alone, work    nothing of ours runs on that GPU, and none trains on the CPU: a
                     in host, quiet cpu   GPU's latency is often that of the thread that launches kernels.
                                          Other GPUs go on, since theirs is a core and a device apart
==================  ==================  ==================================================================

The kernel lets go of a lock when its process ends, however it ends. Neither a program that the process starts nor a
child that it forks holds it. Where ``fcntl`` is missing (Windows), nothing is locked.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nasengine.errors import DeviceError

FOLDER_VARIABLE = "NASENGINE_LOCKS"
"""An environment variable that names another folder for the locks."""
WAIT_S = 600.0
TELL_S = 3.0
_BEAT_S = 0.05
_PROBES = 5  # a gate that is shut for longer than a few looks is shut by one who measures
_PROBE_S = 0.002

Say = Callable[[str], None]


@dataclass(frozen=True)
class Claim:
    """What a process needs of this machine.

    Attributes:
        work: rooms that it shares with others who work there.
        alone: rooms that it has for itself, taken in this order.
        quiet: rooms in which nobody may work; others may want them quiet at the same time.
    """

    work: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()

    @property
    def here(self) -> bool:
        """Is it this machine's own processor or a GPU of it, rather than something elsewhere?"""
        return "host" in self.rooms() or "cpu" in self.rooms()

    def rooms(self) -> tuple[str, ...]:
        """The names of all its rooms."""
        return (*self.work, *self.alone, *self.quiet)


class DeviceLock:
    """A claim that can be taken and given back, any number of times. Not for several threads at once.

    Args:
        claim: the rooms and how they are needed.
        folder: where the files are; by default one folder a user and machine.

    Raises:
        DeviceError: the folder cannot be used.
    """

    def __init__(self, claim: Claim, folder: Path | None = None) -> None:
        self.claim = claim
        made = _folder() if folder is None else folder
        self._rooms = {name: _Room(made, name) for name in claim.rooms()}
        self.held = False
        _ALL.add(self)

    def try_acquire(self) -> bool:
        """Take the claim if it is free now."""
        return self.held or self._take(lambda: False)

    def acquire(self, limit_s: float = WAIT_S, say: Say | None = None) -> None:
        """Wait until the claim is free, and take it.

        Args:
            limit_s: the longest wait.
            say: told once, after some seconds, who is waited for; by default it goes to stderr.

        Raises:
            DeviceError: it was not free in time; names the processes that hold it.
        """
        start, told = time.monotonic(), False

        def patient() -> bool:
            nonlocal told
            waited = time.monotonic() - start
            if waited > TELL_S and not told:
                told = True
                (say or _tell)(f"nasengine: waiting for {self._wanted_names()}: {self.holders()}")
            if waited >= limit_s:
                return False
            time.sleep(_BEAT_S)
            return True

        if not self.held and not self._take(patient):
            raise self.late(limit_s)

    def late(self, limit_s: float) -> DeviceError:
        """The error of a claim that was not free in time; names who holds it."""
        return DeviceError(
            f"device lock: {self._wanted_names()} should be free within {limit_s:g} s; got {self.holders()}; "
            "wait for that process, or stop it"
        )

    def release(self) -> None:
        """Give all of it back; nothing happens when nothing is held."""
        self.held = False
        for room in self._rooms.values():
            room.leave()

    def wanted(self) -> bool:
        """Does someone wait to measure where this claim works? Then pause what runs, and release."""
        return self.held and any(self._rooms[name].is_shut() for name in self.claim.work)

    def holders(self) -> str:
        """Who is in the way, for people: "process 123 measures there"."""
        found = [text for name in self.claim.rooms() for text in self._rooms[name].holders()]
        return ", ".join(dict.fromkeys(found)) or "a process that is not known"

    def forget(self) -> None:
        """In a forked child: close the files, which leaves the parent's lock as it is."""
        self.held = False
        for room in self._rooms.values():
            room.forget()

    def _wanted_names(self) -> str:
        return " and ".join(self.claim.alone or self.claim.work)

    def _take(self, patient: Callable[[], bool]) -> bool:
        """Take room by room; all is given back when one is not free and patience ends."""
        claim = self.claim
        done = False
        try:
            done = (
                all(_until(self._rooms[name].work, patient) for name in claim.work)
                and all(_until(self._rooms[name].shut, patient) for name in (*claim.alone, *claim.quiet))
                and all(_until(self._rooms[name].empty, patient) for name in claim.alone)
                and all(_until(self._rooms[name].see_empty, patient) for name in claim.quiet)
            )
        finally:
            if not done:
                self.release()
        self.held = done
        return done


@contextlib.contextmanager
def held(claim: Claim, *, limit_s: float = WAIT_S, say: Say | None = None) -> Iterator[None]:
    """Hold a claim for the time of a ``with`` block. See :meth:`DeviceLock.acquire`."""
    lock = DeviceLock(claim)
    lock.acquire(limit_s, say)
    try:
        yield
    finally:
        lock.release()


class _Room:
    """Two files: the gate, and those who are inside."""

    def __init__(self, folder: Path, name: str) -> None:
        stem = re.sub(r"[^\w.-]", "_", name)
        self._name = name
        self._gate, self._users = _File(folder / f"{stem}.gate"), _File(folder / f"{stem}.users")

    def work(self) -> bool:
        """Go in beside others, unless the gate is shut. The gate is held for a moment only."""
        if not self._gate.lock(alone=True):
            return False
        inside = self._users.lock(alone=False)
        self._gate.unlock()
        return inside

    def shut(self) -> bool:
        """Shut the gate. Others who measure may shut it too."""
        return self._gate.lock(alone=False)

    def empty(self) -> bool:
        """Have it alone; only once all have left."""
        if not self._users.lock(alone=True):
            return False
        self._users.sign()
        return True

    def see_empty(self) -> bool:
        """Nobody is inside; behind a gate that is shut, none will be."""
        if not self._users.lock(alone=True):
            return False
        self._users.unlock()
        return True

    def is_shut(self) -> bool:
        for _ in range(_PROBES):
            if self._gate.lock(alone=True):
                self._gate.unlock()
                return False
            time.sleep(_PROBE_S)
        return True

    def leave(self) -> None:
        self._users.unlock()
        self._gate.unlock()

    def forget(self) -> None:
        self._users.close()
        self._gate.close()

    def holders(self) -> list[str]:
        """Those inside and those at the gate, this process left out."""
        inside = [f"process {pid} is in {self._name}" for pid in self._users.holders()]
        return inside + [f"process {pid} measures, or waits to, in {self._name}" for pid in self._gate.holders()]


class _File:
    """A file that is locked; open only while it is. Python opens it so that no program that is started inherits it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def lock(self, *, alone: bool) -> bool:
        if sys.platform == "win32":
            return True
        import fcntl

        fd = _opened(self._path) if self._fd is None else self._fd
        try:
            fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as problem:
            if self._fd is None:
                os.close(fd)
            if isinstance(problem, BlockingIOError):
                return False
            raise DeviceError(
                f"{self._path}: a file there should be lockable; got {problem.strerror}; "
                f"name a folder on a local disk in {FOLDER_VARIABLE}"
            ) from problem
        self._fd = fd
        return True

    def unlock(self) -> None:
        """Unlocked before it is closed: a child between fork and exec has the file open for a moment more."""
        if self._fd is not None and sys.platform != "win32":
            import fcntl

            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def sign(self) -> None:
        """Write who holds it, for systems where the kernel does not say."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def holders(self) -> list[int]:
        """Process numbers, from the kernel's table where there is one, else what was written last."""
        with contextlib.suppress(OSError, ValueError):
            found = os.stat(self._path)
            place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
            table = Path("/proc/locks")
            if table.is_file():
                rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()]
                pids = {int(row[4]) for row in rows if row[1] == "FLOCK" and row[5] == place}
            else:
                pids = {int(self._path.read_text(encoding="ascii"))}
            return sorted(pids - {os.getpid()})
        return []


def _until(step: Callable[[], bool], patient: Callable[[], bool]) -> bool:
    while not step():
        if not patient():
            return False
    return True


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise DeviceError(
            f"{path}: the file of a device's lock should open; got {problem.strerror}; "
            f"name a folder that you may write in {FOLDER_VARIABLE}"
        ) from problem


def _folder() -> Path:
    """One folder a user, made on first use.

    Not ``TMPDIR`` nor ``XDG_RUNTIME_DIR``: batch systems and logins give each session its own, and two sessions must
    find the same files.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    common = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()
    folder = Path(named) if named else Path(common) / f"nasengine-{user}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as problem:
        raise DeviceError(
            f"{folder}: the folder of the devices' locks cannot be made ({problem.strerror}); "
            f"name one that you may write in {FOLDER_VARIABLE}"
        ) from problem
    if hasattr(os, "getuid") and owner != os.getuid():
        raise DeviceError(
            f"{folder}: the folder of the devices' locks should be yours, user {user}; got one of user {owner}; "
            f"remove it, or name another folder in {FOLDER_VARIABLE}"
        )
    return folder


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


_ALL: weakref.WeakSet[DeviceLock] = weakref.WeakSet()
"""The locks of this process: a forked child has them open too, and would hold on to them after we let go."""


def _forget_all() -> None:
    for lock in list(_ALL):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
