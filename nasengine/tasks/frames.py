"""Columns of a user's frame as what a table is made of."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasengine.errors import NasError, TaskError
from nasengine.space import Label

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Decisions = Mapping[str, Label]


class Frame:
    """A frame whose columns are read by name.

    Args:
        name: of the table, for messages.
        frame: a row a network.
    """

    def __init__(self, name: str, frame: pd.DataFrame) -> None:
        self._name, self._frame = name, frame

    def numbers(self, column: str) -> Floats:
        """A column, (N,).

        Raises:
            TaskError: it is not there, or holds something else than numbers.
        """
        self._check(column)
        try:
            return self._frame[column].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TaskError(f"{self._name}: column {column!r} holds numbers; {error}") from error

    def decisions(self, source: Sequence[str] | Callable[[Mapping[str, Any]], Decisions]) -> list[Decisions]:
        """Decisions of each row: from columns named as paths are, or by a function of the row.

        Raises:
            TaskError: a column is not there, or the function cannot read a row.
        """
        if callable(source):
            records = self._frame.to_dict("records")
            return [self._called(source, i, {str(k): v for k, v in row.items()}) for i, row in enumerate(records)]
        for column in source:
            self._check(column)
        columns = {path: [_label(value) for value in self._frame[path].tolist()] for path in source}
        rows = range(len(self._frame))
        return [{path: values[i] for path, values in columns.items() if values[i] is not None} for i in rows]

    def _called(self, read: Callable[[Mapping[str, Any]], Decisions], i: int, row: Mapping[str, Any]) -> Decisions:
        try:
            return read(row)
        except (NasError, LookupError, TypeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
            raise TaskError(f"{self._name}: row {i}: decisions= cannot read it; {said}; mend the row") from error

    def _check(self, column: str) -> None:
        names = [str(name) for name in self._frame.columns]
        if column in names:
            return
        close = difflib.get_close_matches(column, names, n=1)
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise TaskError(
            f"{self._name}: there is no column {column!r}; the columns are {shown}"
            + (f"; did you mean {close[0]!r}?" if close else "")
        )


def _label(value: Any) -> Any:
    """A cell as a label; None where it is missing. A whole number that a missing one beside it made real is whole."""
    if value is None or value != value:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value
