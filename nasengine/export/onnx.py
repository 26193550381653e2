"""ONNX, written by torch's exporter, checked by ``onnx.checker`` and run by ONNX Runtime on the CPU."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nasengine.errors import ExportError
from nasengine.export.job import Job, Written
from nasengine.export.parity import Outputs

if TYPE_CHECKING:
    from torch.export import ExportedProgram

FILE = "network.onnx"
DATA = f"{FILE}.data"
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
LARGE = 1_500_000_000
"""Bytes of weights from which they lie in a file of their own: one protobuf message holds less than 2 GB."""


def require_packages() -> None:
    """Raise where a package is absent.

    Raises:
        ExportError: it names the package and how to install it.
    """
    absent = [name for name in PACKAGES if find_spec(name) is None]
    if absent:
        raise ExportError(
            f"onnx: this format needs {', '.join(PACKAGES)}; absent here: {', '.join(absent)}; "
            "install them with: pip install 'nasengine[onnx]'"
        )


def write(job: Job) -> Written:
    """Write the model with a free batch axis, check it and run it."""
    path = job.folder / FILE
    apart = sum(t.nbytes for t in job.module.state_dict().values()) > LARGE
    save(job.program, path, job.inputs, job.outputs, dynamic_shapes=job.dynamic_shapes(), external_data=apart)
    return Written(FILE, _run(job, path), _runtime(), (DATA,) if (job.folder / DATA).exists() else ())


def save(program: ExportedProgram, path: Path, inputs: Sequence[str], outputs: Sequence[str], **options: Any) -> None:
    """Write an exported program as ONNX; ``options`` go to ``torch.onnx.export``."""
    with quiet():
        torch.onnx.export(
            program, (), path, dynamo=True, verbose=False, input_names=inputs, output_names=outputs, **options
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what torch's exporter says of torch's own code and of packages that the network does not use."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", r"# The axis name: batch will not be used, since it shares", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def _runtime() -> str:
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__} on the CPU"


def _run(job: Job, path: Path) -> list[Outputs]:
    import onnx
    import onnxruntime

    onnx.checker.check_model(str(path))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = {one.name for one in session.get_inputs()}
    made: list[Outputs] = []
    for inputs in job.batches:
        feed: dict[str, Any] = {n: t.numpy() for n, t in zip(job.inputs, inputs, strict=True) if n in taken}
        found = session.run(job.outputs, feed)
        made.append({name: torch.from_numpy(array) for name, array in zip(job.outputs, found, strict=True)})
    return made
