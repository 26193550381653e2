"""A table of trained networks, to study samplers and rungs with: replayed on virtual time instead of trained.

A row is a network: its decisions, its metrics after so many epochs, its costs, and the seconds that an epoch of it
takes.
:func:`nasengine.study.simulation.simulate` runs a study on it in memory; nothing is trained, and no worker is started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nasengine.errors import NasError, TaskError
from nasengine.graph import screen
from nasengine.space import Architecture, Label, Space
from nasengine.tasks.frames import Decisions, Floats, Frame
from nasengine.tasks.pool import Pool, key_of

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, str | Mapping[int, str]]


@dataclass(frozen=True, eq=False)
class TabularTask:
    """A table of N trained networks, as plain data.

    Attributes:
        name: of the table, for messages.
        rows: N times decisions, path to label; all of them different.
        metrics: name to epoch to values (N,). An objective that training decides needs the last epoch.
        known: quantities known before training, name to values (N,): costs by the table's own count, or predictions.
            They stand before the closed-form costs of the same name.
        measured: quantities that measuring a network tells, name to values (N,): latency, energy.
        epoch_s: seconds of one epoch of each network, (N,).
        profiling_s: seconds that measuring one network takes, on one device.
        continues: does training go on from a checkpoint? False where the values of each epoch come from a training of
            their own (a schedule that ends there), so that a later rung trains from the start.

    Raises:
        TaskError: no row, columns of other lengths, a value that is not finite, two rows of the same decisions, or
            seconds that are not above 0.

    Example:
        >>> task = TabularTask.from_frame(
        ...     "mine", frame, decisions=["0.features"], metrics={"accuracy": {9: "acc9", 27: "acc27"}}
        ... )
    """

    name: str
    rows: Sequence[Decisions]
    metrics: Mapping[str, Mapping[int, Floats]]
    known: Mapping[str, Floats] = field(default_factory=dict)
    measured: Mapping[str, Floats] = field(default_factory=dict)
    epoch_s: Floats = field(default_factory=lambda: np.ones(0))
    profiling_s: float = 0.0
    continues: bool = True
    _read: dict[str, Tabulated] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.epoch_s):
            object.__setattr__(self, "epoch_s", np.ones(len(self.rows)))
        _check_metrics(self)
        for place, values in self._columns():
            _check_column(f"{self.name}: {place}", values, len(self.rows))
        _check_seconds(self)
        _check_once(self)

    @classmethod
    def from_frame(
        cls,
        name: str,
        frame: pd.DataFrame,
        *,
        decisions: Sequence[str] | Callable[[Mapping[str, Any]], Decisions],
        metrics: Columns,
        known: Mapping[str, str] | None = None,
        measured: Mapping[str, str] | None = None,
        epoch_s: str | float = 1.0,
        **settings: Any,
    ) -> TabularTask:
        """The table in a frame.

        Args:
            name: for messages.
            frame: a row a network.
            decisions: columns that are paths of the space (a missing value: the row has no such position), or a
                function from a row (column to value) to decisions.
            metrics: name to its column, or to the column of each epoch; a column alone is that of epoch 1.
            known, measured: name to column.
            epoch_s: a column, or seconds that all networks take.
            **settings: further fields of the class.

        Raises:
            TaskError: a column that is not there, a row whose decisions cannot be read, or as the class.
        """
        read = Frame(name, frame)
        by_epoch = {m: {1: c} if isinstance(c, str) else dict(c) for m, c in metrics.items()}
        return cls(
            name,
            read.decisions(decisions),
            {metric: {epoch: read.numbers(c) for epoch, c in columns.items()} for metric, columns in by_epoch.items()},
            {quantity: read.numbers(c) for quantity, c in (known or {}).items()},
            {quantity: read.numbers(c) for quantity, c in (measured or {}).items()},
            epoch_s=read.numbers(epoch_s) if isinstance(epoch_s, str) else np.full(len(frame), float(epoch_s)),
            **settings,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs at which something is tabulated, in order; the last one is full training."""
        return tuple(sorted({epoch for values in self.metrics.values() for epoch in values}))

    def metrics_at(self, row: int, epoch: int) -> dict[str, float]:
        """What is tabulated of a row at an epoch."""
        return {name: float(values[epoch][row]) for name, values in self.metrics.items() if epoch in values}

    @property
    def full_s(self) -> float:
        """Seconds that full training takes, the mean over the rows."""
        return float(self.epoch_s.mean()) * self.epochs[-1]

    def over(self, space: Space) -> Tabulated:
        """The table read against a space; what was read is kept.

        Raises:
            TaskError: a row is no member of the space.
        """
        if space.fingerprint not in self._read:
            self._read[space.fingerprint] = Tabulated(self, space)
        return self._read[space.fingerprint]

    def _columns(self) -> Iterable[tuple[str, Floats]]:
        for metric, values in self.metrics.items():
            yield from ((f"metrics[{metric!r}][{epoch}]", column) for epoch, column in values.items())
        yield from ((f"known[{name!r}]", column) for name, column in self.known.items())
        yield from ((f"measured[{name!r}]", column) for name, column in self.measured.items())
        yield "epoch_s", self.epoch_s


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a candidate.

    Attributes:
        id: equal id, equal network.
        row: in the table; None where it does not hold the candidate.
        known: before training and without measuring, by name.
        measured: what measuring it tells.
    """

    id: str
    row: int | None
    known: Mapping[str, float]
    measured: Mapping[str, float]


class Tabulated:
    """A table read against a space.

    Attributes:
        task: the table.
        space: what may be searched: the space where the table holds all of its members, else the :class:`Pool` of its
            rows.
        pool: that pool; None where the table holds the whole space.

    Raises:
        TaskError: a row is no member of the space, or two rows are the same one.
    """

    def __init__(self, task: TabularTask, space: Space) -> None:
        self.task, self._whole = task, space
        self._rows = [_decoded(task, space, i) for i in range(len(task))]
        self._place = {key_of(row): i for i, row in enumerate(self._rows)}
        if len(self._place) < len(self._rows):
            raise TaskError(f"{task.name}: a network has one row; two rows are one member of {space.name!r}; keep one")
        self.pool = None if _size(space) == len(self._rows) else Pool(space, self._rows)
        self.space: Space = self.pool or space
        self._entries: dict[frozenset[tuple[str, Label]], Entry] = {}

    def member(self, row: int) -> Architecture:
        """The network of a row."""
        return self._whole.decode(self._rows[row])

    def look(self, decisions: Decisions) -> Entry:
        """What is known of the member of the whole space with these decisions.

        Raises:
            DecisionError: they are none of the space's.
            ShapeError: types that cannot meet.
        """
        key = key_of(decisions)
        if key not in self._entries:
            self._entries[key] = self._entry(self._whole.decode(decisions))
        return self._entries[key]

    def _entry(self, architecture: Architecture) -> Entry:
        screened, task = screen(architecture), self.task
        row = self._place.get(key_of(architecture.decisions))
        cost: dict[str, float] = dict(screened.cost.to_json())
        if row is None:
            return Entry(screened.id, None, cost, {})
        known = {**cost, **{name: float(column[row]) for name, column in task.known.items()}}
        return Entry(screened.id, row, known, {name: float(c[row]) for name, c in task.measured.items()})

    def column(self, name: str) -> Floats:
        """A quantity of all rows, (N,): a metric after full training, a cost, or a closed-form cost.

        Raises:
            TaskError: nothing holds it.
        """
        task = self.task
        if name in task.metrics and task.epochs[-1] in task.metrics[name]:
            return task.metrics[name][task.epochs[-1]]
        for columns in (task.known, task.measured):
            if name in columns:
                return columns[name]
        costs = [self.look(row).known for row in self._rows]
        if name not in costs[0]:
            raise TaskError(
                f"{task.name}: {name!r} is in no row after {task.epochs[-1]} epochs; there are "
                f"{', '.join((*task.metrics, *task.known, *task.measured, *costs[0]))}"
            )
        return np.array([cost[name] for cost in costs])


def _decoded(task: TabularTask, space: Space, i: int) -> Decisions:
    try:
        return space.decode(task.rows[i]).decisions
    except NasError as error:
        raise TaskError(
            f"{task.name}: row {i} is no member of the space {space.name!r}; {error}; leave the row out, or mend "
            "how its decisions are read"
        ) from error


def _size(space: Space) -> float | None:
    try:
        return space.size
    except NasError:  # too entangled to count: then no table holds all of it
        return None


def _check_metrics(task: TabularTask) -> None:
    if not len(task.rows):
        raise TaskError(f"{task.name}: a table holds at least one row; got none")
    if not task.metrics or not all(task.metrics.values()):
        raise TaskError(f"{task.name}: metrics= names at least one column; got {dict(task.metrics)}")
    for epoch in task.epochs:
        if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 1:
            raise TaskError(f"{task.name}: an epoch is a whole number from 1 on; got {epoch!r}")
    both = sorted({*task.metrics} & {*task.known, *task.measured} | {*task.known} & {*task.measured})
    if both:
        raise TaskError(f"{task.name}: {both[0]!r} is a metric, known or measured; it is named twice; keep one")


def _check_column(place: str, values: Floats, count: int) -> None:
    if np.shape(values) != (count,):
        raise TaskError(f"{place}: one value a row, ({count},); got shape {np.shape(values)}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise TaskError(
            f"{place}: values are finite numbers; row {bad[0]} holds {values[bad[0]]}, and {len(bad) - 1} more rows do "
            "likewise; leave these rows out: the others are a pool"
        )


def _check_seconds(task: TabularTask) -> None:
    least = float(np.min(task.epoch_s))
    if least <= 0:
        raise TaskError(f"{task.name}: epoch_s: an epoch takes more than 0 seconds; got {least}")
    if not 0 <= task.profiling_s < np.inf:
        raise TaskError(f"{task.name}: profiling_s: a number of seconds from 0 on; got {task.profiling_s!r}")


def _check_once(task: TabularTask) -> None:
    first: dict[frozenset[tuple[str, Label]], int] = {}
    for i, row in enumerate(task.rows):
        known = first.setdefault(key_of(row), i)
        if known != i:
            raise TaskError(
                f"{task.name}: a network has one row; rows {known} and {i} have the same decisions, {dict(row)}; keep "
                "one of them, or the mean of both"
            )
