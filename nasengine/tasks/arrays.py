"""A user's own data as a task: arrays, frames, tensors or a Dataset in; a stored, hashed task out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from nasengine.errors import TaskError
from nasengine.tasks.base import Data, LossOptions, Metric, Task
from nasengine.tasks.files import Array, sha256_of
from nasengine.tasks.reading import Examples, read_examples, read_labels, read_quantities
from nasengine.tasks.splits import NAMES, TEST, VALIDATION, random_split, stratified_split
from nasengine.tasks.stored import ArrayFile, StoredArrays

if TYPE_CHECKING:
    from nasengine.graph import Graph

_KINDS = ("classification", "regression")
_Given = float | tuple[Any, Any] | Dataset[Any]


class Arrays(Task):
    """A task on arrays in memory.

    ``x`` is one array, DataFrame or tensor with a row an example, or a mapping from the network's input names
    to such; or a ``torch.utils.data.Dataset`` of (x, y) pairs, read once. Images are (N, C, H, W). Features
    are standardised by the training rows (one mean and deviation a feature or channel) unless
    ``standardize=False``; integer inputs of a network (token ids) are left alone. For regression, targets are
    standardised the same way while training, and every metric is in the target's unit. Classification splits
    are stratified.

    A study calls :meth:`store`, which writes each array once as an npy file named by its SHA-256.

    Args:
        x: features. y: labels (whole numbers from 0, or text) or quantities of shape (N,) or (N, K).
        kind: "classification" or "regression".
        validation, test: a fraction of the rows, or explicit examples as ``(x, y)`` or a Dataset. A fraction
            is of the rows of ``x``.
        classes: how many classes there are; found from the labels if not given.
        allow_missing: permit a class with no example in validation or test.
        unit: the unit of a regression target, for reports.
        seed: of the split.

    Raises:
        TaskError: empty data, NaN or infinite values, labels that are no class numbers, lengths that differ,
            a class missing from a split, a dtype or column that holds no numbers, or an unknown kind.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        *,
        kind: str,
        validation: _Given = 0.2,
        test: _Given = 0.2,
        classes: int | None = None,
        allow_missing: bool = False,
        standardize: bool = True,
        unit: str = "",
        seed: int = 0,
    ) -> None:
        if kind not in _KINDS:
            raise TaskError(f"Arrays: kind must be one of {', '.join(_KINDS)}; got {kind!r}")
        inputs, raw, fixed = _joined(x, y, validation, test)
        labels, names = (read_quantities(raw, "y"), ()) if kind == "regression" else read_labels(raw, classes, "y")
        codes = _split(labels, fixed, _fractions(validation, test), seed, kind)
        if kind == "classification":
            _check_classes(labels, codes, names, allow_missing)
        order = np.argsort(codes, kind="stable")
        self._inputs = {name: np.ascontiguousarray(array[order]) for name, array in inputs.items()}
        self._targets = np.ascontiguousarray(labels[order])
        counts = tuple(int(n) for n in np.bincount(codes, minlength=3))
        mean, std = _target_scale(self._targets[: counts[0]]) if kind == "regression" else ((), ())
        self.spec = StoredArrays(
            kind,
            tuple(_described(name, array) for name, array in self._inputs.items()),
            _described("y", self._targets),
            (counts[0], counts[1], counts[2]),
            class_names=names,
            target_mean=mean,
            target_std=std,
            standardize=standardize,
            unit=unit,
        )

    def store(self, folder: Path) -> StoredArrays:
        """Write the arrays to ``folder`` (made if absent), once; the task that workers rebuild names them.

        Raises:
            StoreError: the folder cannot be written.
        """
        for file in self.spec.inputs:
            file.put(Path(folder), self._inputs[file.name])
        self.spec.targets.put(Path(folder), self._targets)
        return self.spec.store(folder)

    def metrics(self) -> tuple[Metric, ...]:
        return self.spec.metrics()

    def check(self, graph: Graph) -> None:
        self.spec.check(graph)

    def load(self, graph: Graph, device: torch.device) -> Data:
        return self.spec.prepare(list(self._inputs.values()), self._targets, graph, device)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
        return self.spec.loss(outputs, targets, recipe)

    def evaluate(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        return self.spec.evaluate(outputs, targets)

    def preparation(self, graph: Graph) -> dict[str, Any]:
        return self.spec.describe(list(self._inputs.values()), graph)

    @property
    def fingerprint(self) -> str:
        """That of the stored task: the arrays' hashes, not where they lie."""
        return self.spec.fingerprint

    def values(self) -> tuple[Any, ...]:
        return self.spec.values()

    def to_json(self) -> dict[str, Any]:
        return self.spec.to_json()

    def __repr__(self) -> str:
        sizes = ", ".join(f"{count} {name}" for count, name in zip(self.spec.counts, NAMES, strict=True))
        return f"Arrays({self.spec.kind}, {sizes}, fingerprint {self.fingerprint[:12]})"


def _described(name: str, array: Array) -> ArrayFile:
    return ArrayFile(name, sha256_of(array), str(array.dtype), tuple(array.shape))


def _joined(x: Any, y: Any, validation: _Given, test: _Given) -> tuple[dict[str, Array], Array, Array]:
    """All examples in one, with the split of those that were given explicitly (0 for the others)."""
    inputs, targets = read_examples(x, y, "")
    if "y" in inputs:
        raise TaskError("x: an input cannot be named 'y', the name of the targets; rename it here and in the space")
    parts, codes = [(inputs, targets)], [np.zeros(len(targets), dtype=np.int8)]
    for code, given in ((VALIDATION, validation), (TEST, test)):
        if not isinstance(given, (int, float)):
            part = _explicit(given, f"{NAMES[code]} ", inputs)
            parts.append(part)
            codes.append(np.full(len(part[1]), code, dtype=np.int8))
    joined = {name: np.concatenate([part[0][name] for part in parts]) for name in inputs}
    return joined, np.concatenate([part[1] for part in parts]), np.concatenate(codes)


def _explicit(given: tuple[Any, Any] | Dataset[Any], place: str, like: Mapping[str, Array]) -> Examples:
    if isinstance(given, Dataset):
        part = read_examples(given, None, place)
    elif isinstance(given, tuple) and len(given) == 2:
        part = read_examples(given[0], given[1], place)
    else:
        raise TaskError(
            f"Arrays: {place.strip()} must be a fraction, a pair (x, y) or a Dataset; got {type(given).__name__}"
        )
    shapes = {name: array.shape[1:] for name, array in part[0].items()}
    wanted = {name: array.shape[1:] for name, array in like.items()}
    if shapes != wanted:
        raise TaskError(f"{place}x: examples must have the shape of those to train, {wanted}; got {shapes}")
    return part


def _fractions(validation: _Given, test: _Given) -> tuple[float, float]:
    asked = [float(given) if isinstance(given, (int, float)) else 0.0 for given in (validation, test)]
    for name, given, fraction in zip(NAMES[1:], (validation, test), asked, strict=True):
        if isinstance(given, (int, float)) and not 0 < fraction < 1:
            raise TaskError(f"Arrays: {name} must be a fraction between 0 and 1, or examples (x, y); got {given}")
    if sum(asked) >= 1:
        raise TaskError(f"Arrays: validation + test must leave examples to train; got {asked[0]} + {asked[1]}")
    return asked[0], asked[1]


def _split(labels: Array, fixed: Array, fractions: tuple[float, float], seed: int, kind: str) -> Array:
    codes, free = fixed.copy(), fixed == 0
    if kind == "classification":
        codes[free] = stratified_split(labels[free], fractions, seed)
    else:
        codes[free] = random_split(int(free.sum()), fractions, seed)
    counts = np.bincount(codes, minlength=3)
    if (counts == 0).any():
        raise TaskError(
            f"Arrays: every split needs an example; {NAMES[int(np.argmin(counts))]} has none of the "
            f"{len(labels)}; give more examples or larger fractions"
        )
    return codes


def _check_classes(labels: Array, codes: Array, names: tuple[str, ...], allow_missing: bool) -> None:
    for code, split in enumerate(NAMES):
        counts = np.bincount(labels[codes == code], minlength=len(names))
        missing = [names[i] for i in np.flatnonzero(counts == 0)]
        if not missing or (allow_missing and split != "train"):
            continue
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        remedy = "" if split == "train" else ", or pass allow_missing=True"
        raise TaskError(
            f"y: every class needs an example in each split; {split} has none of class {shown}; "
            "number the classes from 0 without gaps, give at least 3 examples a class, or drop the class"
            f"{remedy}"
        )


def _target_scale(train: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 1e-12 * np.maximum(1.0, np.abs(mean)), std, 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())
