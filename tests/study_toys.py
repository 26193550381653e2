"""Studies small enough for tests: dense networks on digits, two or three epochs."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from nasengine.blocks import Flatten, Linear, ReLU, Sequential
from nasengine.graph import Graph, Image
from nasengine.search import FullTraining, Objective, Proposal, TrialView, View, at_most, maximize, minimize
from nasengine.space import Space, choice, tagged
from nasengine.study import Study
from nasengine.tasks import Digits
from nasengine.train import Recipe

Network = Any
ACCURACY, PARAMS = maximize("accuracy"), minimize("params")


def space(*widths: int, classes: int = 10, name: str = "toy") -> Space:
    """Two hidden layers; the number of members is the square of that of widths."""
    hidden = choice(*(widths or (4, 6, 8, 12, 16, 24)))
    again = choice(*(widths or (4, 6, 8, 12, 16, 24)))
    body = Sequential(Flatten(), Linear(hidden), ReLU(), Linear(again), ReLU(), Linear(classes))
    return Space(name, inputs=Image(1, 8), network=body)


class Blind:
    """A user's sampler that looks at nothing: members at random, over a budget or not, known or not."""

    deterministic = True

    def __init__(self, space: Space) -> None:
        self._space = space

    def ask(self, n: int, view: View) -> list[Proposal]:
        numbers = range(view.next_number, view.next_number + n)
        return [Proposal(dict(self._space.sample(random.Random(number)).decisions)) for number in numbers]

    def tell(self, trial: TrialView) -> None:
        """Nothing is learned."""


class InOrder(Blind):
    """Every member once, over a budget or not."""

    def ask(self, n: int, view: View) -> list[Proposal]:
        numbers = range(view.next_number, min(view.next_number + n, int(self._space.size)))
        return [Proposal(dict(self._space[number].decisions)) for number in numbers]


def study(store: Path, *, widths: tuple[int, ...] = (), epochs: int = 3, **changes: Any) -> Study:
    """Accuracy against parameters on digits, without a budget, proposed at random."""
    settings: dict[str, Any] = {
        "task": Digits(),
        "recipe": Recipe(epochs=epochs, batch_size=256),
        "objectives": (ACCURACY, PARAMS),
        "sampler": "random",
    }
    return Study(changes.pop("space", None) or space(*widths), store=store, **{**settings, **changes})


@tagged("toy.trouble")
class Trouble(Digits):
    """Digits whose loss does something to its process, for networks of one size."""

    deed: str = ""
    params: int = 0

    def load(self, graph: Graph, device: Any) -> Any:
        _NOW["params"] = graph.cost.params
        return super().load(graph, device)

    def loss(self, outputs: Any, targets: Any, recipe: Any) -> Any:
        if _NOW["params"] == self.params:
            _DEEDS[self.deed]()
        return super().loss(outputs, targets, recipe)


_NOW = {"params": 0}


@tagged("toy.silent")
class Silent(Digits):
    """Digits that leave out a metric they promise."""

    def evaluate(self, outputs: Any, targets: Any) -> dict[str, float]:
        found = super().evaluate(outputs, targets)
        return {**found, "accuracy": float("nan")}


def _raise() -> None:
    raise OSError("the disk is on fire")


_DEEDS = {"raise": _raise, "exit": lambda: os._exit(7), "abort": os.abort}

__all__ = [
    "ACCURACY",
    "PARAMS",
    "Blind",
    "FullTraining",
    "InOrder",
    "Objective",
    "Silent",
    "Trouble",
    "at_most",
    "space",
    "study",
]
