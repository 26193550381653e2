"""What a worker's child does, from plain JSON: train one rung, measure a latency, or finish a front member."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from nasengine.errors import StoreError
from nasengine.graph import Graph, lower
from nasengine.graph.module import build
from nasengine.hardware import Device, Limits, Target
from nasengine.space import Architecture
from nasengine.space.spec import spec_from_json
from nasengine.study.artifacts import SOURCE, WEIGHTS, checkpoint_file, completion_file, sha256_of
from nasengine.tasks import Task
from nasengine.tasks.files import write_atomically
from nasengine.train import Recipe, run_rung
from nasengine.train import test as test_metrics
from nasengine.train.checkpoint import read_checkpoint

Job = dict[str, Any]
Value = dict[str, Any]
Report = Callable[[dict[str, Any]], None]
FORMAT = "nasengine.rung/1"
_warmed: set[str] = set()


def warm(job: Job) -> None:
    """In the server, before the fork: load a task's data once, so that children share what it imports and caches.

    One thread only: a pool of threads made here would be missing in the children.
    """
    torch.set_num_threads(1)
    if job["kind"] == "rung":
        importlib.import_module("torch._dynamo")  # an optimizer imports it at its first step, for most of a second
    if job["kind"] in ("profile", "check") and (name := json.dumps(job["device"], sort_keys=True)) not in _warmed:
        _warmed.add(name)
        with contextlib.suppress(Exception):  # the child meets the same error and tells it
            _target(job).warm()
    if "task" not in job or (name := json.dumps(job["task"], sort_keys=True)) in _warmed:
        return
    _warmed.add(name)
    with contextlib.suppress(Exception):  # the child meets the same error and tells it as the trial's reason
        _task(job).load(_graph(job), torch.device("cpu"))


def run(job: Job, report: Report) -> Value:
    """Do one job; ``report`` gets each epoch's row."""
    torch.set_num_threads(job["threads"])
    return {"rung": _rung, "profile": _profile, "check": _check, "final": _final}[job["kind"]](job, report)


def _rung(job: Job, report: Report) -> Value:
    """Train to the end of a rung. The checkpoint, then a file that says it is complete, are on disk before this
    returns: when the study dies between here and its ledger, the rung is found complete and not trained again."""
    folder = Path(job["folder"])
    done = completed(folder, job["key"], job["rung"])
    if done is not None:
        return done
    for partial in folder.glob(".*.tmp"):  # of a process that was killed while it wrote; nobody else writes here now
        partial.unlink(missing_ok=True)
    graph, task, device = _graph(job), _task(job), _device(job).torch_device()
    recipe = spec_from_json(job["recipe"])
    assert isinstance(recipe, Recipe)
    before, after = checkpoint_file(folder, job["rung"] - 1), checkpoint_file(folder, job["rung"])
    if job["from_epoch"]:
        _check_sha256(before, job["checkpoint"])
    result = run_rung(
        build(graph),
        task,
        task.load(graph, device),
        recipe,
        from_epoch=job["from_epoch"],
        to_epoch=job["to_epoch"],
        checkpoint_in=before if job["from_epoch"] else None,
        checkpoint_out=after,
        device=device,
        report=report,
    )
    value = {
        "format": FORMAT,
        "key": job["key"],
        "rung": job["rung"],
        "epoch": result.epoch,
        "metrics": result.metrics,
        "train_loss": result.train_loss,
        "elapsed_s": result.elapsed_s,
        "curve": [row for row in result.curve if row["epoch"] > job["from_epoch"]],
        "checkpoint": sha256_of(after),
    }
    text = json.dumps(value, allow_nan=False).encode()
    write_atomically(completion_file(folder, job["rung"]), lambda file: file.write(text))
    return value


def completed(folder: Path, key: str, rung: int) -> Value | None:
    """What the completion file of a rung says, when its checkpoint is the one it names."""
    try:
        value = json.loads(completion_file(folder, rung).read_bytes())
        same = (value["format"], value["key"], value["rung"]) == (FORMAT, key, rung)
        whole = same and sha256_of(checkpoint_file(folder, rung)) == value["checkpoint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(value) if whole else None


def _profile(job: Job, report: Report) -> Value:
    limits = job.get("limits") or Limits(**{name: job[name] for name in ("limit_s",) if name in job}).to_json()
    request = {name: job.get(name) for name in ("architecture", "network", "device", "quiet_ms")}
    return _target(job).measured({**request, "limits": limits, "modules": job.get("modules", ())})


def _check(job: Job, report: Report) -> Value:
    """Does the device answer at all?"""
    _target(job).check()
    return {}


def _final(job: Job, report: Report) -> Value:
    """Test metrics, read here for the first time, and the network as source and as weights."""
    from nasengine.graph.source import source

    folder, graph, task = Path(job["folder"]), _graph(job), _task(job)
    device = _device(job).torch_device()
    path = checkpoint_file(folder, job["rung"])
    _check_sha256(path, job["checkpoint"])
    module = build(graph).to(device)
    module.load_state_dict(read_checkpoint(path, device).module)
    metrics = test_metrics(module, task, task.load(graph, device))
    text, weights = source(graph).encode(), _weights(module)
    write_atomically(folder / SOURCE, lambda file: file.write(text))
    write_atomically(folder / WEIGHTS, lambda file: file.write(weights))
    artifacts = {name: sha256_of(folder / name) for name in (SOURCE, WEIGHTS)}
    return {"metrics": metrics, "artifacts": artifacts, "preparation": task.preparation(graph)}


def _weights(module: nn.Module) -> bytes:
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    return bytes(safetensors.torch.save(tensors))


def _graph(job: Job) -> Graph:
    return lower(Architecture.from_json(job["architecture"])).simplify()


def _task(job: Job) -> Task:
    task = spec_from_json(job["task"])
    assert isinstance(task, Task)
    return task


def _device(job: Job) -> Device:
    device = spec_from_json(job["device"])
    assert isinstance(device, Device)
    return device


def _target(job: Job) -> Target:
    target = spec_from_json(job["device"])
    assert isinstance(target, Target)
    return target


def _check_sha256(path: Path, expected: str) -> None:
    found = sha256_of(path) if os.path.isfile(path) else "no file"
    if found != expected:
        raise StoreError(
            f"{path}: expected the checkpoint with SHA-256 {expected[:16]}; got {found[:16]}; it was changed or "
            "removed since its rung was recorded: put it back, or search in another store"
        )
