"""A task on stored arrays: a closed spec that names its files by their content."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nasengine.errors import StoreError, TaskError
from nasengine.space.spec import Spec, fingerprint, tagged
from nasengine.tasks.base import Data, LossOptions, Metric, Split, Task
from nasengine.tasks.files import Array, open_array, sha256_of, write_array
from nasengine.tasks.supervised import (
    CLASSIFICATION_METRICS,
    check_input,
    check_output,
    classification_figures,
    classification_loss,
    regression_figures,
    regression_loss,
    regression_metrics,
    resize_images,
)

if TYPE_CHECKING:
    from nasengine.graph import Graph, TensorType

_CHUNK_ROWS = 4096


@tagged("array_file")
class ArrayFile(Spec):
    """One stored array: its rows stand in the order train, validation, test."""

    name: str
    sha256: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def file(self) -> str:
        return f"{re.sub(r'[^A-Za-z0-9_-]', '_', self.name)}-{self.sha256[:16]}.npy"

    def open(self, folder: Path) -> Array:
        """The array, memory-mapped.

        Raises:
            StoreError: absent, truncated, or of another shape or dtype.
        """
        array = open_array(folder / self.file)
        if (str(array.dtype), array.shape) != (self.dtype, tuple(self.shape)):
            raise StoreError(
                f"{folder / self.file}: expected {self.dtype} {tuple(self.shape)}; "
                f"got {array.dtype} {array.shape}; "
                "run the study again with its arrays, which writes the file anew"
            )
        return array

    def put(self, folder: Path, array: Array) -> None:
        """Write ``array`` unless the file is there with the same content; a damaged file is replaced.

        Raises:
            StoreError: the folder cannot be written.
        """
        try:
            if sha256_of(self.open(folder)) == self.sha256:
                return
        except StoreError:
            pass  # absent or damaged: written below
        write_array(folder / self.file, array)


@tagged("arrays")
class StoredArrays(Task):
    """Classification or regression on stored arrays; made by :class:`nasengine.tasks.Arrays`.

    The fingerprint covers the arrays' hashes and everything that shapes training and scoring, and leaves out
    ``folder``: a study that was moved, or stored again elsewhere, is the same study.
    """

    kind: str
    inputs: tuple[ArrayFile, ...]
    targets: ArrayFile
    counts: tuple[int, int, int]
    class_names: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()
    standardize: bool = True
    unit: str = ""
    folder: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON without ``folder``."""
        return fingerprint({key: value for key, value in self.to_json().items() if key != "folder"})

    @property
    def output_size(self) -> int:
        return len(self.class_names) if self.kind == "classification" else len(self.target_mean)

    def metrics(self) -> tuple[Metric, ...]:
        return CLASSIFICATION_METRICS if self.kind == "classification" else regression_metrics(self.unit)

    def check(self, graph: Graph) -> None:
        for name, file, kind in self._matched(graph):
            check_input("Arrays", name, kind, tuple(file.shape[1:]))
            if kind.dtype == "int64" and np.dtype(file.dtype).kind not in "iu":
                raise TaskError(
                    f"Arrays: input {name!r} wants whole numbers (int64); x holds {file.dtype}; "
                    "convert it with x.astype('int64') or declare an input of float32"
                )
        meaning = "one logit a class" if self.kind == "classification" else "one number a target"
        check_output("Arrays", graph, self.output_size, meaning)

    def store(self, folder: Path) -> StoredArrays:
        """The same task with its files in ``folder``, copied from where they are when they are not there."""
        target = Path(folder).resolve()
        if self.folder and Path(self.folder) != target:
            for file in (*self.inputs, self.targets):
                if not (target / file.file).exists():
                    file.put(target, file.open(Path(self.folder)))
        return replace(self, folder=str(target))

    def load(self, graph: Graph, device: torch.device) -> Data:
        if not self.folder:
            raise TaskError("Arrays: the arrays were not written yet; call task.store(folder) and use what it returns")
        folder = Path(self.folder)
        return self.prepare([file.open(folder) for file in self.inputs], self.targets.open(folder), graph, device)

    def prepare(self, arrays: list[Array], targets: Array, graph: Graph, device: torch.device) -> Data:
        """Splits from arrays in the order of ``self.inputs``: cast, standardised, resized, placed."""
        by_name = {file.name: array for file, array in zip(self.inputs, arrays, strict=True)}
        tensors = [self._tensor(by_name[file.name], kind) for _, file, kind in self._matched(graph)]
        labels = torch.from_numpy(self._targets(targets))
        ends = np.cumsum((0, *self.counts)).tolist()
        rows = [slice(a, b) for a, b in pairwise(ends)]
        return Data(*(Split(tuple(t[r] for t in tensors), labels[r]) for r in rows)).place(device)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
        if self.kind == "classification":
            return classification_loss(outputs, targets, recipe)
        return regression_loss(outputs, targets, recipe)

    def evaluate(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        if self.kind == "classification":
            return classification_figures(outputs, targets)
        mean = torch.tensor(self.target_mean, dtype=torch.float64, device=outputs.device)
        std = torch.tensor(self.target_std, dtype=torch.float64, device=outputs.device)
        return regression_figures(outputs.double() * std + mean, targets.double() * std + mean)

    def preparation(self, graph: Graph) -> dict[str, Any]:
        return self.describe([file.open(Path(self.folder)) for file in self.inputs], graph)

    def describe(self, arrays: list[Array], graph: Graph) -> dict[str, Any]:
        """:meth:`preparation` from arrays in the order of ``self.inputs``."""
        by_name = {file.name: array for file, array in zip(self.inputs, arrays, strict=True)}
        inputs = {n: self._scaling(by_name[file.name], kind) for n, file, kind in self._matched(graph)}
        if self.kind == "classification":
            return {"inputs": inputs, "classes": list(self.class_names)}
        output = {"mean": list(self.target_mean), "std": list(self.target_std), "unit": self.unit}
        return {"inputs": inputs, "output": output}

    def _matched(self, graph: Graph) -> list[tuple[str, ArrayFile, TensorType]]:
        """(input name, its array, its type) in the order of ``graph.inputs``."""
        wanted, given = list(graph.inputs), {file.name: file for file in self.inputs}
        if len(wanted) == 1 and len(given) == 1:
            given = {wanted[0]: self.inputs[0]}
        if set(wanted) != set(given):
            raise TaskError(
                f"Arrays: the network's inputs are {', '.join(wanted)}; x has {', '.join(given)}; "
                "pass x={name: array, ...} with the network's input names"
            )
        return [(name, given[name], graph.types[graph.inputs[name]]) for name in wanted]

    def _tensor(self, array: Array, kind: TensorType) -> torch.Tensor:
        array = array[:, 0] if kind.axes == "" else array  # a column is a scalar input
        if kind.dtype == "int64":
            return torch.from_numpy(array.astype(np.int64))
        mean, std = self._statistics(array, kind)
        scaled = np.empty(array.shape, dtype=np.float32)
        for start in range(0, len(array), _CHUNK_ROWS):
            part = slice(start, start + _CHUNK_ROWS)
            scaled[part] = (array[part] - mean) / std
        tensor = torch.from_numpy(scaled)
        return resize_images(tensor, (kind.shape[1], kind.shape[2])) if kind.axes == "CHW" else tensor

    def _statistics(self, array: Array, kind: TensorType) -> tuple[Array, Array]:
        """Mean and deviation of the training rows: one a channel or feature, broadcastable; float64."""
        if not self.standardize:
            return np.zeros(1), np.ones(1)
        kept = next((i + 1 for i, axis in enumerate(kind.axes) if axis in "CF"), None)
        axes = tuple(i for i in range(array.ndim) if i != kept)
        train = array[: self.counts[0]]
        mean: Array = train.mean(axis=axes, dtype=np.float64, keepdims=True)
        std: Array = train.std(axis=axes, dtype=np.float64, keepdims=True)
        return mean, np.where(std > 1e-12 * np.maximum(1.0, np.abs(mean)), std, 1.0)

    def _scaling(self, array: Array, kind: TensorType) -> dict[str, Any]:
        if kind.dtype == "int64":
            return {"dtype": "int64"}
        mean, std = (np.ravel(v).tolist() for v in self._statistics(array, kind))
        resize = {"resize": list(kind.shape[1:])} if kind.axes == "CHW" else {}
        return {"mean": mean, "std": std, **resize}

    def _targets(self, targets: Array) -> Array:
        if self.kind == "classification":
            return targets.astype(np.int64)
        mean, std = np.array(self.target_mean), np.array(self.target_std)
        scaled: Array = ((targets - mean) / std).astype(np.float32)
        return scaled
