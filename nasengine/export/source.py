"""Stand-alone source: one Python file that needs only torch, run in a fresh interpreter that has nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from nasengine.errors import ExportError
from nasengine.export import weights
from nasengine.export.job import Job, Written
from nasengine.export.parity import Outputs
from nasengine.graph.source import source
from nasengine.graph.source.file import IMPORTED_BY_NAME

FILE = "network.py"
LIMIT_S = 600
BLOCKED = ("nasengine", "numpy", "safetensors")

RUNNER = """
import importlib.util, json, sys
folder, task = sys.argv[1], json.loads(sys.argv[2])
sys.path[:0] = task["path"]
for name in task["blocked"]:
    sys.modules[name] = None
spec = importlib.util.spec_from_file_location("network", folder + "/network.py")
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
import torch
network = made.Network().eval()
network.load_state_dict(made.load_weights(folder + "/network.safetensors"))
inputs = made.load_weights(folder + "/parity-inputs.safetensors")
outputs = {}
with torch.no_grad():
    for k in range(task["batches"]):
        out = network(*[inputs[f"{k}.{i}"] for i in range(task["inputs"])])
        out = list(out.values()) if isinstance(out, dict) else [out]
        outputs.update({f"{k}.{i}": tensor.clone() for i, tensor in enumerate(out)})
torch.save(outputs, folder + "/parity-outputs.pt")
"""


def write(job: Job) -> Written:
    """Write the file and its weights; run them where nasengine, NumPy and safetensors cannot be imported."""
    text = source(job.graph)
    (job.folder / FILE).write_text(text, encoding="utf-8")
    if not (job.folder / weights.FILE).exists():
        weights.write_weights(job.folder / weights.FILE, job.module.state_dict(), job.metadata)
    alone = IMPORTED_BY_NAME not in text
    outputs = _run(job, alone)
    beside = "with torch only" if alone else "with torch and the modules that it imports by name"
    return Written(FILE, outputs, f"fresh interpreter {beside}, torch {torch.__version__}", (weights.FILE,))


def _run(job: Job, alone: bool) -> list[Outputs]:
    named = {f"{k}.{i}": t.clone().contiguous() for k, batch in enumerate(job.batches) for i, t in enumerate(batch)}
    save_file(named, job.folder / "parity-inputs.safetensors")
    task = {
        "batches": len(job.batches),
        "inputs": len(job.inputs),
        "blocked": BLOCKED if alone else (),
        "path": [] if alone else [entry or "." for entry in sys.path],
    }
    _interpret(job.folder, json.dumps(task))
    found = torch.load(job.folder / "parity-outputs.pt", weights_only=True)
    for name in ("parity-inputs.safetensors", "parity-outputs.pt"):
        (job.folder / name).unlink()
    return [{name: found[f"{k}.{i}"] for i, name in enumerate(job.outputs)} for k in range(len(job.batches))]


def _interpret(folder: Path, task: str) -> None:
    command = [sys.executable, "-I", "-B", "-c", RUNNER, str(folder), task]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise ExportError(
            f"source: {FILE} ran for more than {LIMIT_S} s in a fresh interpreter; give smaller inputs=..."
        ) from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}"
        raise ExportError(
            f"source: {FILE} runs in a fresh interpreter; it failed with {last}; a module imported by name must be "
            "installed or on the path; otherwise report this as a bug"
        )
