"""What a task is: data, a loss, metrics, and the inputs and outputs a network must have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch

from nasengine.errors import TaskError
from nasengine.space.spec import Spec

if TYPE_CHECKING:
    from nasengine.graph import Graph

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """One figure that a task reports: its name, which way is better, and its unit."""

    name: str
    direction: Direction
    unit: str


class LossOptions(Protocol):
    """What a loss needs of a recipe; :class:`nasengine.train.Recipe` has it."""

    @property
    def loss(self) -> Any: ...

    @property
    def label_smoothing(self) -> Any: ...


@dataclass(frozen=True)
class Split:
    """Examples: ``inputs`` in the order of ``graph.inputs``, each (N, ...); ``targets`` (N, ...)."""

    inputs: tuple[torch.Tensor, ...]
    targets: torch.Tensor

    def __len__(self) -> int:
        return int(self.targets.shape[0])

    @property
    def nbytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (*self.inputs, self.targets))

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Split:
        """The same split with every tensor changed, as by ``lambda t: t.to(device)``."""
        return Split(tuple(change(t) for t in self.inputs), change(self.targets))


@dataclass(frozen=True)
class Data:
    """A task's splits. Validation guides the search; only :func:`nasengine.train.test` reads ``test``."""

    train: Split
    validation: Split
    test: Split

    @property
    def nbytes(self) -> int:
        return self.train.nbytes + self.validation.nbytes + self.test.nbytes

    def place(self, device: torch.device) -> Data:
        """The data where training wants it.

        On the CPU nothing moves. On a GPU all splits move there when they take at most half of its free
        memory; otherwise they stay in pinned host memory, and the loop moves one batch at a time.
        """
        if device.type == "cpu":
            return self
        if self.nbytes <= _free_bytes(device) // 2:
            return Data(*(s.map(lambda t: t.to(device)) for s in (self.train, self.validation, self.test)))
        return Data(*(s.map(lambda t: t.pin_memory()) for s in (self.train, self.validation, self.test)))


def _free_bytes(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 0


class Task(Spec, ABC):
    """Base of all tasks. A task is closed plain JSON, importable by name, so a worker can rebuild it."""

    @abstractmethod
    def metrics(self) -> tuple[Metric, ...]:
        """What :meth:`evaluate` reports; the first is the main one."""

    @abstractmethod
    def check(self, graph: Graph) -> None:
        """Refuse a network that does not fit, from its input and output types alone.

        Raises:
            TaskError: which input or output does not fit, what was expected, and the remedy.
        """

    @abstractmethod
    def load(self, graph: Graph, device: torch.device) -> Data:
        """The splits, prepared for the inputs of ``graph``, on ``device`` when they fit there."""

    @abstractmethod
    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
        """The training loss, a scalar. ``outputs`` (B, ...) are float32."""

    @abstractmethod
    def evaluate(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """Every metric over one whole split: ``outputs`` (N, ...), ``targets`` (N, ...)."""

    def store(self, folder: Path) -> Task:
        """Write what workers need to ``folder`` once; returns the task that refers to it."""
        return self

    def preparation(self, graph: Graph) -> dict[str, Any]:
        """How raw data becomes the network's input, and its output a prediction: plain JSON."""
        return {}


def metric_named(task: Task, name: str) -> Metric:
    """The task's metric of that name.

    Raises:
        TaskError: the task does not report it; names those it does.
    """
    for metric in task.metrics():
        if metric.name == name:
            return metric
    known = ", ".join(m.name for m in task.metrics())
    raise TaskError(f"{type(task).__name__} does not report {name!r}; it reports {known}")
