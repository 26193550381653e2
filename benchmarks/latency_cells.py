"""What the latency benchmarks share: the networks, the busy loop, the machine, and a result file resumed by cell."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scipy.stats import kendalltau

from nasengine import Architecture, Device, Space
from search_spaces import mobile, nb201, proxyless, rnn, transformer

_LOOP = """
import os, sys
parent = os.getppid()
if sys.argv[1:]:
    os.sched_setaffinity(0, [int(sys.argv[1])])
while os.getppid() == parent:
    sum(range(100_000))
"""


def families() -> dict[str, Space]:
    """Networks of a fraction of a millisecond to some milliseconds on one core."""
    return {
        "mobile-tiny": proxyless.mobile_tiny(),
        "nb201": nb201.space,
        "encoder": transformer.encoder_small,
        "recurrent": rnn.language_model((1000,), (20,), (64, 128, 256), (1, 2, 3), name="recurrent"),
        "mobilenets": mobile.small,
    }


def members(count: int) -> dict[str, Architecture]:
    """So many different networks, the families in turn, by the name of their cell."""
    spaces, found, seen, seed = list(families().items()), {}, set(), 0
    while len(found) < count:
        name, space = spaces[len(found) % len(spaces)]
        member = space.sample(random.Random(seed))
        seed += 1
        if member.id not in seen:
            seen.add(member.id)
            found[f"{name}-{len(found):03}"] = member
    return found


@contextlib.contextmanager
def busy_loop(wanted: bool) -> Iterator[None]:
    """A process that computes for ever on the first core that this one may use; nothing when not wanted."""
    if not wanted:
        yield
        return
    core = [str(min(os.sched_getaffinity(0)))] if hasattr(os, "sched_getaffinity") else []
    process = subprocess.Popen([sys.executable, "-c", _LOOP, *core])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def machine() -> dict[str, Any]:
    """Where this is measured: the device in words."""
    return Device().describe() | {"platform": platform.platform()}


def state() -> dict[str, Any]:
    """How busy the machine is now."""
    return {"load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None}


def agreement(first: list[float], second: list[float]) -> dict[str, float]:
    """How two series of figures of the same networks agree: relative differences and Kendall's tau."""
    differences = sorted(abs(b / a - 1) for a, b in zip(first, second, strict=True))
    return {
        "networks": len(first),
        "median_difference": differences[len(differences) // 2],
        "p90_difference": differences[int(len(differences) * 0.9)],
        "most_difference": differences[-1],
        "kendall": float(kendalltau(first, second).statistic) if len(first) > 1 else 1.0,
    }


class Cells:
    """A result file: what was measured stays, and is not measured again for the same settings on the same machine.

    Its name is the benchmark's and the machine's: `latency_peers-amd-epyc-2-cores.json`.
    """

    def __init__(self, benchmark: str, settings: dict[str, Any], out: Path | None, *, again: bool) -> None:
        self._head = {"benchmark": benchmark, "machine": machine(), "settings": settings}
        cpu = re.sub(r"[^a-z0-9]+", "-", str(self._head["machine"]["cpu"]).lower()).strip("-")
        cores = self._head["machine"]["usable_cores"]
        self.path = None if out is None else out / f"{benchmark}-{cpu}-{cores}-cores.json"
        known = json.loads(self.path.read_text()) if self.path is not None and self.path.exists() and not again else {}
        same = {name: known.get(name) for name in self._head} == self._head
        self.rows: dict[str, Any] = known["rows"] if same else {}

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def put(self, name: str, row: dict[str, Any]) -> None:
        """Keep a cell; the file is whole after each."""
        self.rows[name] = row
        self.write({})

    def write(self, result: dict[str, Any]) -> None:
        """The file, with what the rows say together."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".tmp")
        partial.write_text(json.dumps({**self._head, "rows": self.rows, "result": result}, indent=1) + "\n")
        partial.replace(self.path)


if __name__ == "__main__":
    for cell, member in members(10).items():
        print(cell, member.id)
