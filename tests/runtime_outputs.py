"""Run networks on runtimes in a fresh interpreter, each step in a process of its own, as the profiler does.

JSON in (stdin): ``{"path": [...], "modules": [...], "requests": [{"architecture", "device"}]}``; JSON out: for each
request ``{"outputs": {name: numbers}, "facts": {...}}`` or ``{"error": class, "text": ...}``.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasengine import Architecture
from nasengine.hardware import Device

ROOT = Path(__file__).parent.parent
LIMIT_S = 600.0


def outputs(
    requests: Sequence[tuple[Architecture, Device]], modules: Sequence[str] = (), limit_s: float = 3_000.0
) -> list[dict[str, Any]]:
    """The answers to requests, in order."""
    asked = [{"architecture": a.to_json(), "device": d.to_json()} for a, d in requests]
    text = json.dumps({"path": [str(ROOT), str(ROOT / "tests")], "modules": list(modules), "requests": asked})
    done = subprocess.run(
        [sys.executable, str(Path(__file__))], input=text, capture_output=True, text=True, timeout=limit_s, check=False,
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": _path(), "OMP_NUM_THREADS": "1", "HOME": str(Path.home())},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def _path() -> str:
    import os

    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    import torch

    from nasengine.errors import NasError
    from nasengine.hardware.runtimes import runtime_of
    from nasengine.hardware.timing.processes import in_process
    from nasengine.space.spec import spec_from_json

    graph = Architecture.from_json(request["architecture"]).graph().simplify()
    device: Any = spec_from_json(request["device"])
    runtime = runtime_of(device.runtime)

    def run(folder: Path) -> dict[str, Any]:
        torch.set_num_threads(device.threads)
        with torch.inference_mode():
            loaded = runtime.load(graph, device, folder)
            loaded.call()
            found = {name: value.flatten().tolist() for name, value in loaded.outputs().items()}
        return {"outputs": found, "facts": dict(loaded.facts)}

    with tempfile.TemporaryDirectory() as name:
        try:
            in_process(lambda: runtime.prepare(graph, device, Path(name)), LIMIT_S, "the preparation")
            found: dict[str, Any] = in_process(lambda: run(Path(name)), LIMIT_S, "the run")
            return found
        except NasError as error:
            return {"error": type(error).__name__, "text": str(error)}


if __name__ == "__main__":
    import torch  # noqa: F401 - loaded before the first fork

    task = json.load(sys.stdin)
    sys.path[:0] = task["path"]
    for module in task["modules"]:
        importlib.import_module(module)
    print(json.dumps([_answer(request) for request in task["requests"]]))
