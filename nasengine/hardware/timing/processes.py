"""A process of its own for one piece of work: forked, watched, killed when it takes too long."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import nasengine.errors
from nasengine.errors import DeviceError, NasError

_PR_SET_PDEATHSIG = 1


def in_process(work: Callable[[], Any], limit_s: float, what: str) -> Any:
    """The JSON value of `work()`, done in a forked process that ends with it.

    The process stays in the caller's process group, so that whoever kills the group ends it too, and on Linux it is
    killed when its parent dies.

    Raises:
        NasError: the one that `work` raised.
        DeviceError: it raised another error, died by a signal, or took more than `limit_s` seconds.
    """
    reading, writing = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _do(work, writing, parent)
    os.close(writing)
    answer, late = _read_all(reading, limit_s)
    os.close(reading)
    if late:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if late:
        raise DeviceError(
            f"profile: {what} took more than {limit_s:.3g} s and was stopped; raise the limits, or measure a smaller "
            "network or batch"
        )
    return _value(answer, os.waitstatus_to_exitcode(status), what)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux); a parent that is gone is noticed too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def failure(error: BaseException) -> dict[str, str]:
    """An error as plain data: its class and one line of text."""
    text = " ".join(str(error).split())[:2000]
    return {"error": type(error).__name__, "text": text}


def raise_failure(found: dict[str, str], what: str) -> NoReturn:
    """The error that `failure` wrote: ours as it was, any other as a DeviceError that names it."""
    kind = getattr(nasengine.errors, found["error"], None)
    if isinstance(kind, type) and issubclass(kind, NasError):
        raise kind(found["text"])
    raise DeviceError(
        f"profile: {what} failed: {found['error']}: {found['text']}; check that the network runs on this device"
    )


def _do(work: Callable[[], Any], writing: int, parent: int) -> NoReturn:
    """In the child: the work, its value or error into the pipe, and the end, without the parent's exit handlers."""
    try:
        die_with_parent(parent)
        faulthandler.enable(file=sys.stderr)
        try:
            answer = json.dumps({"value": work()}, separators=(",", ":"))
        except BaseException as error:  # noqa: BLE001 - whatever ends the work is its result, SystemExit too
            answer = json.dumps(failure(error))
        data = answer.encode()
        while data:
            data = data[os.write(writing, data) :]
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)


def _read_all(fd: int, limit_s: float) -> tuple[bytes, bool]:
    """All that comes until the other end closes, and whether that took too long."""
    deadline = time.monotonic() + limit_s
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                data = os.read(fd, 1 << 16)
                if not data:
                    return b"".join(parts), False
                parts.append(data)
    return b"".join(parts), True


def _value(answer: bytes, code: int, what: str) -> Any:
    if code < 0:
        raise DeviceError(f"profile: {what} was killed by {_named(-code)}; {_remedy(-code)}")
    try:
        found = json.loads(answer)
    except ValueError:
        raise DeviceError(
            f"profile: {what} ended with exit status {code} before it had an answer; see its output"
        ) from None
    if "error" in found:
        raise_failure(found, what)
    return found["value"]


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _remedy(number: int) -> str:
    if number == signal.SIGKILL:
        return "the kernel does so when memory runs out: measure a smaller network or batch"
    return "a compiled operation crashed: its output says where"
