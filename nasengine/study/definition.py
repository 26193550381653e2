"""What a study is, checked before anything runs, and how two studies are told apart."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nasengine.errors import NasError, StoreError, StudyError, TaskError
from nasengine.graph import lower
from nasengine.hardware import Device, Target
from nasengine.search import LATENCY, MEASURED, Budget, FullTraining, Objective, Rungs, check_objectives
from nasengine.space import Architecture, Space, Spec
from nasengine.space.spec import fingerprint, is_open, spec_from_json
from nasengine.study.foresight import Foresight
from nasengine.study.parts import Importable, pieces
from nasengine.tasks import Task
from nasengine.train import Recipe

_TASK_SAMPLES = 8
EXTRAS = ("deploy", "predictor", "train_device")
REMEDY = "choose another store=, or define the study as it was recorded"


@dataclass(frozen=True)
class Definition:
    """A study's definition. ``space`` holds the recipe when it is searched too; ``recipe`` is None then.

    ``device`` is where latency is measured, ``train_device`` where networks train: None for the same device, and for
    this machine's CPU where that one is elsewhere. ``deploy`` is where the front is measured at the end, None for the
    search's own device; ``foresight`` holds the predictor, where there is one.

    Raises (by :meth:`check`):
        StudyError: objectives, budgets, rungs or seed that make no study.
        TaskError: a worker cannot import the task, a block or the recipe, or no network of the space fits the task.
    """

    space: Space
    task: Task
    recipe: Recipe | None
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...]
    device: Target
    rungs: Rungs
    seed: int
    deploy: Target | None = None
    foresight: Foresight | None = None
    train_device: Device | None = None

    @property
    def trains_on(self) -> Device:
        """Where networks train."""
        return self.train_device or _default_trainer(self.device)

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the measured quantities that an objective or a budget needs."""
        names = [*(o.name for o in self.objectives), *(b.name for b in self.budgets)]
        return tuple(name for name in MEASURED if name in names)

    def recipe_of(self, architecture: Architecture) -> Recipe:
        """The recipe that a candidate is trained by."""
        recipe = self.recipe if architecture.recipe is None else architecture.recipe
        assert isinstance(recipe, Recipe)
        return recipe

    def check(self) -> None:
        """Everything that can be known to be wrong before anything runs. See the class."""
        check_objectives(self.objectives, self.budgets, [metric.name for metric in self.task.metrics()])
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise StudyError(f"seed: a whole number; got {self.seed!r}")
        if self.foresight is not None and LATENCY not in self.measured:
            raise StudyError(
                "Study: a predictor foretells latency_ms, and neither an objective nor a budget asks for it; got "
                "predictor=...; add latency_ms to them, or leave the predictor out"
            )
        if self.recipe is None and self._open_epochs() and not isinstance(self.rungs, FullTraining):
            raise StudyError(
                "recipe.epochs: candidates are compared at rungs, so they train for the same number of epochs; got a "
                "choice of epochs; fix them, or pass rungs=FullTraining()"
            )
        extremes = [self.space.smallest(), self.space.largest()]
        parts = [("task", self.task), ("recipe", self.recipe), *pieces(self.space)]
        Importable().modules(parts)
        self._check_task(extremes)

    def _open_epochs(self) -> bool:
        return self.space.recipe is not None and is_open(getattr(self.space.recipe, "epochs", None))

    def _check_task(self, members: Sequence[Architecture]) -> None:
        """Refuse a space of which no looked-at member fits the task; one that fits now and then is searched."""
        rng = random.Random(self.seed)
        first: NasError | None = None
        for architecture in [*members, *(self.space.sample(rng) for _ in range(_TASK_SAMPLES))]:
            try:
                self.task.check(lower(architecture).simplify())
            except NasError as error:
                first = first or error
            else:
                return
        assert first is not None
        raise TaskError(f"space {self.space.name!r}: no network of it fits the task; {first}") from first

    # --- on record -----------------------------------------------------------------------------------------------

    def identity(self) -> dict[str, Any]:
        """What makes it this study: plain JSON, equal for equal studies, wherever they run."""
        size = _size_of(self.space)
        return {
            "space": {"name": self.space.name, "size": size, "fingerprint": self.space.fingerprint},
            "task": {"type": self.task.tag, "fingerprint": self.task.fingerprint},
            "recipe": None if self.recipe is None else self.recipe.to_json(),
            "objectives": [objective.to_json() for objective in self.objectives],
            "budgets": [budget.to_json() for budget in self.budgets],
            "device": self.device.to_json(),
            "rungs": _rungs_json(self.rungs),
            "seed": self.seed,
            **self._extras(),
        }

    def _extras(self) -> dict[str, Any]:
        """What a study need not have; absent then, so that stores of studies without it are theirs still."""
        found: dict[str, Any] = {}
        if self.deploy is not None:
            found["deploy"] = self.deploy.to_json()
        if self.trains_on != _default_trainer(self.device):
            found["train_device"] = self.trains_on.to_json()
        if self.foresight is not None:
            name, tolerance = self.foresight.predictor.space_name, self.foresight.tolerance
            found["predictor"] = {"name": name, "tolerance": tolerance, "fingerprint": self.foresight.fingerprint}
        return found

    def notes(self, sampler: str) -> dict[str, Any]:
        """What a reader wants to know beside: names, units, versions."""
        metrics = self.task.metrics()
        return {
            "name": self.space.name,
            "sampler": sampler,
            "units": {metric.name: metric.unit for metric in metrics},
            "metrics": [{"name": m.name, "direction": m.direction, "unit": m.unit} for m in metrics],
            "versions": _versions(),
        }

    def check_store(self, recorded: Mapping[str, Any], store: str) -> None:
        """Refuse a store that another study wrote.

        Raises:
            StoreError: what differs, recorded and given.
        """
        mine = self.identity()
        for name in (*mine, *(name for name in EXTRAS if name not in mine)):
            found, given = recorded.get(name), mine.get(name)
            if _essence(found) != _essence(given):
                raise StoreError(
                    f"{store}: it holds another study: {name} differs; recorded {_shown(found)}, given "
                    f"{_shown(given)}; {REMEDY}"
                )

    def key(self, graph_id: str, recipe: Recipe) -> str:
        """SHA-256 of (graph id, recipe, task, seed): one training run, however it was proposed."""
        return fingerprint([graph_id, recipe.fingerprint, self.task.fingerprint, recipe.seed])


def _size_of(space: Space) -> int | None:
    """The number of members; None when it is infinite or too entangled to count."""
    try:
        size = space.size
    except NasError:
        return None
    return None if isinstance(size, float) and math.isinf(size) else int(size)


def _default_trainer(device: Target) -> Device:
    return device if isinstance(device, Device) else Device()


def _rungs_json(rungs: Rungs) -> Any:
    return rungs.to_json() if isinstance(rungs, Spec) else type(rungs).__name__


def _essence(value: Any) -> Any:
    """Specs named by a fingerprint are compared by it alone; others as they are read today, since an earlier version
    may have recorded one before it had all of its fields."""
    if not isinstance(value, Mapping):
        return value
    if "fingerprint" in value:
        return value["fingerprint"]
    try:
        return spec_from_json(value).to_json() if "type" in value else value
    except NasError:
        return value


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and "fingerprint" in value:
        return f"{value.get('name') or value.get('type')!s} ({str(value['fingerprint'])[:12]})"
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return "(" + ", ".join(" ".join(str(part) for part in item.values()) for item in value) + ")"
    text = str(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("nasengine", "torch", "numpy", "optuna", "SQLAlchemy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
