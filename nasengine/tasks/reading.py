"""From what people have (NumPy, pandas, torch, a Dataset) to checked NumPy arrays, one row an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

from nasengine.errors import TaskError
from nasengine.tasks.files import Array
from nasengine.tasks.importable import require_importable

Examples = tuple[dict[str, Array], Array]
"""Named inputs, each (N, ...), and targets (N, ...)."""

SINGLE_INPUT = "x"
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def read_examples(x: Any, y: Any, place: str) -> Examples:
    """Features and raw targets of equal length from arrays, frames, tensors, a mapping of them, or a Dataset.

    Raises:
        TaskError: empty, not numeric, NaN or infinite features, or lengths that differ.
    """
    if isinstance(x, Dataset):
        if y is not None:
            raise TaskError(f"{place}y: a Dataset yields (x, y) pairs itself; pass it alone, without y")
        x, y = _materialise(x, place)
    elif y is None:
        raise TaskError(f"{place}y: no targets are given; pass Arrays(x, y, ...) or a Dataset that yields (x, y) pairs")
    named = x if isinstance(x, Mapping) else {SINGLE_INPUT: x}
    inputs = {name: _features(value, _where(place, name)) for name, value in named.items()}
    targets = to_array(y, f"{place}y")
    if targets.ndim == 0:
        raise TaskError(f"{place}y: one target an example is needed; got a single value {y!r}")
    for name, array in inputs.items():
        if len(array) != len(targets):
            raise TaskError(
                f"{_where(place, name)} and {place}y must have one row an example; "
                f"got {len(array)} and {len(targets)} rows"
            )
    return inputs, targets


def _where(place: str, name: str) -> str:
    return f"{place}x" if name == SINGLE_INPUT else f"{place}x[{name!r}]"


def to_array(value: Any, place: str) -> Array:
    """A NumPy array of the same values; frames with columns that are not numbers are refused by name."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
    if type(value).__module__.partition(".")[0] == "pandas":
        return _from_pandas(value, place)
    try:
        return np.asarray(value)
    except ValueError as problem:
        raise TaskError(f"{place}: rows must all have one shape; got {problem}; pad or crop them first") from problem


def _from_pandas(value: Any, place: str) -> Array:
    from pandas import DataFrame
    from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

    if not isinstance(value, DataFrame):
        return np.asarray(value.to_numpy(dtype="float64", na_value=np.nan) if _masked(value.dtype) else value)
    bad = [str(c) for c, dtype in value.dtypes.items() if not (is_numeric_dtype(dtype) or is_bool_dtype(dtype))]
    if bad:
        raise TaskError(
            f"{place}: every column must hold numbers; {_listed(bad)} {'does' if len(bad) == 1 else 'do'} "
            "not; encode them, as pandas.get_dummies(frame) does, or drop them"
        )
    if value.isna().to_numpy().any():
        holes = [str(c) for c in value.columns if value[c].isna().any()]
        raise TaskError(
            f"{place}: values must be finite; NaN in {_listed(holes)}; fill them, as frame.fillna(0), or drop the rows"
        )
    whole = all(is_integer_dtype(dtype) for dtype in value.dtypes)
    return np.asarray(value.to_numpy(dtype="int64" if whole else "float64"))


def _masked(dtype: Any) -> bool:
    """pandas' own nullable numbers, which NumPy would read as objects."""
    from pandas.api.types import is_numeric_dtype

    return not isinstance(dtype, np.dtype) and bool(is_numeric_dtype(dtype))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _features(value: Any, place: str) -> Array:
    array = to_array(value, place)
    if array.ndim == 0 or array.size == 0:
        raise TaskError(f"{place}: at least one example is needed; got an array of shape {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TaskError(
            f"{place}: features must be numbers (float, integer or bool); got dtype {array.dtype}; "
            "encode them first, as pandas.get_dummies does for categories"
        )
    array = array[:, None] if array.ndim == 1 else array
    check_finite(array, place)
    wider = {"float16": "float32", "bool": "uint8", "uint16": "int64", "uint32": "int64", "uint64": "int64"}
    return array.astype(wider.get(str(array.dtype), array.dtype), copy=False)


def check_finite(array: Array, place: str) -> None:
    """Raises TaskError when a value is NaN, infinite, or beyond float32's range; names the first row."""
    if array.dtype.kind != "f":
        return
    low, high = float(array.min()), float(array.max())  # NaN wins in both, without a temporary array
    if np.isfinite(low) and np.isfinite(high) and max(-low, high) <= _FLOAT32_MAX:
        return
    wrong = ~(np.abs(array) <= _FLOAT32_MAX)
    row = int(np.flatnonzero(wrong.reshape(len(array), -1).any(axis=1))[0])
    value = array[row][wrong[row]].flat[0]
    raise TaskError(
        f"{place}: values must be finite float32 numbers; got {value} in row {row} "
        f"({int(wrong.sum())} such in all); fill them or drop their rows"
    )


def _materialise(data: Dataset[Any], place: str) -> tuple[Any, Any]:
    if type(data).__module__ == "__main__":  # a resumed or remote run could not make the same examples again
        require_importable(data, "dataset")
    pairs = list(_pairs(data, place))
    if not pairs:
        raise TaskError(f"{place}x: at least one example is needed; the Dataset is empty")
    first = pairs[0][0]
    targets = _stack([y for _, y in pairs], f"{place}y")
    if isinstance(first, Mapping):
        return {n: _stack([x[n] for x, _ in pairs], _where(place, n)) for n in first}, targets
    return _stack([x for x, _ in pairs], f"{place}x"), targets


def _pairs(data: Dataset[Any], place: str) -> Iterator[tuple[Any, Any]]:
    sized: Any = data
    items = iter(sized) if isinstance(data, IterableDataset) else (sized[i] for i in range(len(sized)))
    for index, item in enumerate(items):
        if not (isinstance(item, (tuple, list)) and len(item) == 2):
            raise TaskError(
                f"{place}x: a Dataset must yield (x, y) pairs; item {index} is {type(item).__name__}; "
                "for several inputs yield ({name: x, ...}, y)"
            )
        yield item[0], item[1]


def _stack(values: Sequence[Any], place: str) -> Array:
    arrays = [to_array(v, place) for v in values]
    shapes = sorted({a.shape for a in arrays})
    if len(shapes) > 1:
        raise TaskError(
            f"{place}: rows must all have one shape; got {shapes[0]} and {shapes[-1]}; pad or crop them first"
        )
    return np.stack(arrays)


def read_labels(raw: Array, classes: int | None, place: str) -> tuple[Array, tuple[str, ...]]:
    """Class numbers (N,) int64 from 0, and the classes' names. Text is numbered in sorted order.

    Raises:
        TaskError: more than one column, missing, not whole, or out of range.
    """
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim != 1:
        raise TaskError(
            f"{place}: classification wants one label an example, shape (N,); got shape {raw.shape}; "
            "from one-hot rows take y.argmax(1)"
        )
    if raw.dtype.kind in "OUS":
        return _named_labels(raw, classes, place)
    labels = _whole(raw, place)
    count = classes if classes is not None else int(labels.max()) + 1
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= count:
        raise TaskError(
            f"{place}: labels must be 0 to {count - 1} for {count} classes; got {low if low < 0 else high}; "
            "number them from 0, as numpy.unique(y, return_inverse=True)[1]"
        )
    if count > max(1000, 10 * len(labels)):
        raise TaskError(
            f"{place}: the largest label, {high}, means {count} classes for {len(labels)} examples; "
            'number the labels from 0, or say kind="regression" if y is a quantity'
        )
    return labels, tuple(str(i) for i in range(count))


def _whole(raw: Array, place: str) -> Array:
    if raw.dtype.kind not in "iubf":
        raise TaskError(f"{place}: labels must be whole numbers or text; got dtype {raw.dtype}")
    if raw.dtype.kind == "f":
        check_finite(raw, place)
        fractional = np.flatnonzero(raw != np.floor(raw))
        if len(fractional):
            raise TaskError(
                f"{place}: labels must be whole numbers; got {raw[fractional[0]]} in row {fractional[0]}; "
                'say kind="regression" if y is a quantity'
            )
    return raw.astype(np.int64)


def _named_labels(raw: Array, classes: int | None, place: str) -> tuple[Array, tuple[str, ...]]:
    missing = [i for i, v in enumerate(raw.tolist()) if v is None or v != v]
    if missing:
        raise TaskError(f"{place}: every example needs a label; row {missing[0]} has none; drop its rows")
    text = np.array([str(v) for v in raw.tolist()])
    names, labels = np.unique(text, return_inverse=True)
    if classes is not None and classes != len(names):
        raise TaskError(f"{place}: classes={classes}, but y holds {len(names)} different labels")
    return labels.astype(np.int64), tuple(str(n) for n in names)


def read_quantities(raw: Array, place: str) -> Array:
    """Targets (N, K) float64.

    Raises:
        TaskError: text, NaN or infinite values, or more than two axes.
    """
    if raw.dtype.kind not in "fiub":
        raise TaskError(
            f'{place}: regression wants numbers; got dtype {raw.dtype}; say kind="classification" for labels'
        )
    columns = raw[:, None] if raw.ndim == 1 else raw
    if columns.ndim != 2:
        raise TaskError(f"{place}: regression wants targets of shape (N,) or (N, K); got {raw.shape}; flatten them")
    check_finite(columns, place)
    return columns.astype(np.float64)
