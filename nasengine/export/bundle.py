"""Export: write a trained network in several formats, each run against it before it gets its name."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nasengine.errors import ExportError, NasError
from nasengine.export import onnx, pt2, source, weights
from nasengine.export.job import Job, Writer, Written, batch_size, batches_of
from nasengine.export.parity import Inputs, Outputs, Parity, compare, run
from nasengine.graph.cost import Cost
from nasengine.graph.graph import Graph, lower, only_deployed
from nasengine.graph.module import build
from nasengine.space.architecture import Architecture

WRITERS: dict[str, Writer] = {
    "safetensors": weights.write,
    "source": source.write,
    "pt2": pt2.write,
    "onnx": onnx.write,
}
FORMATS = ("onnx", "pt2", "safetensors", "source")
ARCHITECTURE, RECORD, CARD = "architecture.json", "export.json", "MODEL_CARD.md"


@dataclass(frozen=True)
class ExportedFile:
    """One format: its file, how far it is from the trained module, and how long writing and running it took."""

    path: Path
    nbytes: int
    sha256: str
    parity: Parity
    elapsed_s: float


@dataclass(frozen=True)
class Exported:
    """What an export wrote, by format, and what it was written from: all that a model card tells."""

    folder: Path
    files: Mapping[str, ExportedFile]
    architecture: Architecture
    network: str
    id: str
    cost: Cost
    metrics: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, format: str) -> ExportedFile:
        return self.files[format]

    @property
    def parity(self) -> dict[str, Parity]:
        """Parity by format."""
        return {name: file.parity for name, file in self.files.items()}

    def parity_rows(self) -> list[dict[str, Any]]:
        """Parity as a model card shows it: one plain mapping a file."""
        return [{**file.parity.to_json(), "file": file.path.name} for file in self.files.values()]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; files by name, relative to the folder."""
        files = {
            name: {"file": f.path.name, "bytes": f.nbytes, "sha256": f.sha256, "parity": f.parity.to_json(),
                   "elapsed_s": round(f.elapsed_s, 3)}
            for name, f in self.files.items()
        }  # fmt: skip
        return {
            "format": "nasengine.export/1", "network": self.network, "id": self.id, "cost": self.cost.to_json(),
            "files": files, "metrics": dict(self.metrics), "origin": dict(self.origin),
        }  # fmt: skip


def export(
    architecture: Architecture,
    module: nn.Module,
    path: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    inputs: Inputs | None = None,
    metrics: Mapping[str, Any] | None = None,
    origin: Mapping[str, Any] | None = None,
    network: str | None = None,
    card: Callable[[Exported], str] | None = None,
) -> Exported:
    """Write a trained network to a folder, in several formats, each run against the module on the same inputs.

    Beside ``network.onnx``, ``network.pt2``, ``network.safetensors`` and ``network.py`` the folder gets
    ``architecture.json``, ``export.json`` (files, hashes, parity, metrics, origin) and, with ``card``,
    ``MODEL_CARD.md``. A file gets its name only when all formats agree with the module; the file of one that does not
    is kept with the suffix ``.rejected``.

    Args:
        module: the trained module of ``architecture``; it is left as it is.
        path: the folder; made if need be.
        inputs: tensors in the order of the graph's inputs for the parity check (real data, say); random ones unless
            given.
        metrics, origin: plain JSON for the record: what is known of the network and where it comes from.
        network: which network, where several are deployed.
        card: makes the text of the model card.

    Raises:
        ExportError: an unknown format, a missing package, a folder that cannot be written, weights that do not fit the
            architecture, a format that cannot hold the network, or one that does not agree.
    """
    _check_formats(formats)
    name = network or only_deployed(architecture)
    graph = lower(architecture, name).simplify()
    trained = _on_cpu(module, graph)
    folder = Path(path)
    stage = _stage(folder)
    try:
        text = json.dumps(architecture.to_json(), ensure_ascii=False)
        batches = batches_of(graph, None if inputs is None else tuple(t.detach().cpu() for t in inputs))
        job = Job(graph, trained, batches, stage, {"architecture": text, "network": name})
        files = _write_all(job, [f for f in WRITERS if f in formats], folder)
        about = (architecture, name, graph.id, graph.cost, metrics or {}, origin or {})
        made = Exported(folder, {f: files[f] for f in formats}, *about)
        _write(stage / ARCHITECTURE, architecture.to_json())
        _write(stage / RECORD, made.to_json())
        if card is not None:
            (stage / CARD).write_text(card(made), encoding="utf-8")
        for file in sorted(stage.iterdir()):
            _place(file, folder / file.name)
        return made
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _check_formats(formats: Sequence[str]) -> None:
    unknown = [f for f in formats if f not in WRITERS]
    if isinstance(formats, str) or unknown or not formats:
        got = repr(formats) if isinstance(formats, str) or not formats else repr(unknown[0])
        raise ExportError(f"formats: some of {', '.join(FORMATS)}, as a sequence; got {got}; write formats={FORMATS!r}")
    if "onnx" in formats:
        onnx.require_packages()


def _on_cpu(module: nn.Module, graph: Graph) -> nn.Module:
    """A copy on the CPU in eval mode, after checking that its state is the architecture's."""
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in build(graph).state_dict().items()}
    found = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    wrong = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if wrong:
        name = wrong[0]
        raise ExportError(
            f"{name}: the module's state is that of the architecture; got {found.get(name, 'nothing')} for "
            f"{wanted.get(name, 'nothing')} ({len(wrong)} such); pass the module that was built from this architecture"
        )
    return copy.deepcopy(module).to("cpu").eval()


def _stage(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    except OSError as problem:
        raise _unwritable(folder, problem) from problem


def _write_all(job: Job, formats: Sequence[str], folder: Path) -> dict[str, ExportedFile]:
    sizes = [batch_size(job.graph, inputs) for inputs in job.batches]
    try:
        wanted = run(job.module, job.batches, job.outputs)
    except Exception as problem:  # a user's module raises whatever it likes
        raise ExportError(
            f"module: in eval mode it runs on batches of {', '.join(map(str, sizes))}; it failed with "
            f"{_cause(problem)}; give inputs=... that it takes, or mend the block"
        ) from problem
    return {format: _write_one(format, job, wanted, folder) for format in formats}


def _write_one(format: str, job: Job, wanted: list[Outputs], folder: Path) -> ExportedFile:
    start = time.perf_counter()
    try:
        written = WRITERS[format](job)
    except (NasError, OSError):
        raise
    except Exception as problem:  # exporters raise whatever the code below them raises
        raise ExportError(
            f"{format}: this format cannot hold the network: {_cause(problem)}; leave {format!r} out of formats"
        ) from problem
    sizes = [batch_size(job.graph, inputs) for inputs in job.batches]
    parity = compare(format, written.runtime, written.outputs, wanted, sizes)
    if not parity.agrees:
        raise _rejected(job, written, parity, folder)
    path = job.folder / written.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return ExportedFile(folder / written.file, path.stat().st_size, digest, parity, time.perf_counter() - start)


def _cause(problem: BaseException) -> str:
    """The first error of a chain, on one line."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(problem)).strip()
    return f"{type(problem).__name__}: {text.splitlines()[0] if text else 'no message'}"


def _rejected(job: Job, written: Written, parity: Parity, folder: Path) -> ExportError:
    kept = []
    for name in (written.file, *written.more):
        os.replace(job.folder / name, folder / f"{name}.rejected")
        kept.append(f"{name}.rejected")
    return ExportError(
        f"{parity.format}: outputs agree with the trained module within {parity.tolerance:.3g}; got max |a-b| = "
        f"{parity.max_abs_error:.3g} at {parity.output} ({parity.runtime}); kept as {', '.join(kept)} in {folder}; "
        "pass the module that was built from this architecture, unchanged but for its weights"
    )


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _place(file: Path, target: Path) -> None:
    with open(file, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(file, target)


def _unwritable(folder: Path, problem: OSError) -> ExportError:
    return ExportError(
        f"{folder}: cannot be written ({problem.strerror or problem}); "
        "choose a folder that you may write and that has room"
    )
