"""``nasengine proxies``: how zero-cost proxies rank the networks that a study has trained."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from nasengine.errors import NasError, StudyError

if TYPE_CHECKING:
    from nasengine.estimate import Agreement, Batch, Readings
    from nasengine.graph import Graph
    from nasengine.study.store import Store
    from nasengine.tasks import Task

console = Console()
COMBINED = "combined"
LEAST = 3
"""Networks below which nothing is said."""


def proxies(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study's folder, as studies/digits, or its file, as digits.py.")
    ],
    names: Annotated[
        list[str] | None,
        typer.Option("--proxy", metavar="NAME", help="One proxy; repeat for several. All if left out."),
    ] = None,
    batch: Annotated[int, typer.Option(min=2, help="Examples that proxies look at.")] = 64,
    most: Annotated[int, typer.Option(min=3, help="Trained networks to read, at most; chosen at random.")] = 200,
    device: Annotated[str, typer.Option(help="Where proxies are computed: cpu, cuda or cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of weights, examples and noise.")] = 0,
    imports: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module that defines blocks first.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")] = False,
) -> None:
    """Rank correlation of zero-cost proxies with the results of this very study, so that none is trusted blindly.

    They are compared among networks trained to the end, and among all that passed the first rung. Given the study's
    file, or a task that needs no arguments, proxies look at the task's training examples; else at random ones.
    """
    from nasengine.estimate import PROXIES
    from nasengine.estimate.proxies.compute import check_names
    from nasengine.estimate.proxies.passes import device_of
    from nasengine.study.files import import_modules

    import_modules(imports or [])
    wanted = tuple(names or PROXIES)
    check_names(wanted)
    device_of(device)
    store, task = _opened(study)
    found = _read(store, task, wanted, batch=batch, most=most, device=device, seed=seed, shown=not as_json)
    if as_json:
        print(json.dumps(_as_json(found)))
        return
    _show(found)


@dataclass(frozen=True)
class Ranking:
    """Agreements of proxies with one metric of networks that were trained equally long, the best first."""

    metric: str
    stage: str
    agreements: Sequence[Agreement]


@dataclass(frozen=True)
class Found:
    """What the command found, and why proxies were not defined."""

    store: str
    data: str
    networks: int
    rankings: Sequence[Ranking]
    reasons: Mapping[str, str]
    network_s: float


@dataclass(frozen=True)
class Stage:
    """Networks that were trained equally long: results by trial, name to value."""

    name: str
    results: Mapping[int, Mapping[str, float]]


def _opened(study: Path) -> tuple[Store, Task | None]:
    """The store, and the task where it can be had."""
    from nasengine.study import open_store
    from nasengine.study.files import load_study

    if study.is_file():
        defined = load_study(study)
        store = open_store(defined.store)
        return store, defined.definition.task.store(defined.store / "data")
    store = open_store(study)
    return store, _plain_task(store.meta.get("task") or {})


def _plain_task(recorded: Mapping[str, Any]) -> Task | None:
    """The recorded task, when its name alone makes it."""
    from nasengine.space.spec import spec_from_json
    from nasengine.tasks import Task

    try:
        task = spec_from_json({"type": recorded.get("type")})
    except (NasError, TypeError):
        return None
    same = isinstance(task, Task) and task.fingerprint == recorded.get("fingerprint")
    return task if same and isinstance(task, Task) else None


def _read(
    store: Store, task: Task | None, names: Sequence[str], *, batch: int, most: int, device: str, seed: int, shown: bool
) -> Found:
    from nasengine.estimate import measure

    stages, metrics = _trained(store)
    chosen = _chosen(stages, most, seed)
    give = _random(batch) if task is None else _examples(task, batch, seed, store.meta.get("recipe"))
    readings: dict[int, Readings] = {}
    for number in track(chosen, "reading networks", console=console, disable=not shown, transient=True):
        graph = store.architecture(number).graph().simplify()
        readings[number] = measure(graph, names, batch=give(graph), seed=seed, device=device)
    reasons = {name: reason for one in readings.values() for name, reason in one.reasons.items()}
    rankings = [
        Ranking(metric, stage.name, _agreements(readings, stage, metric, direction, names, seed))
        for stage in stages
        for metric, direction in metrics.items()
    ]
    seconds = sum(one.elapsed_s for one in readings.values()) / len(readings)
    data = "random examples" if task is None else f"{batch} training examples of {type(task).__name__}"
    return Found(str(store.path), data, len(chosen), rankings, reasons, seconds)


def _trained(store: Store) -> tuple[list[Stage], dict[str, str]]:
    """Networks that were trained to the end, and all that passed the first rung; metrics, with their directions.

    Raises:
        StudyError: fewer than three of either.
    """
    record = store.record()
    known = {str(m["name"]): str(m["direction"]) for m in store.meta.get("metrics", ())}
    aims = {goal.name: str(goal.direction) for goal in record.objectives if goal.name in known}
    metrics = aims or dict(list(known.items())[:1])
    own = {trial.number: trial for trial in record.trials if trial.same_as is None}
    whole = {number: trial.values for number, trial in own.items() if trial.status == "complete"}
    first = [rung for rung in record.rungs if rung.rung == 0 and rung.trial in own]
    stages = [Stage("trained to the end", whole)]
    if len(first) > len(whole):
        epochs = first[0].epoch
        name = f"after the first rung, {epochs} epoch{'' if epochs == 1 else 's'}"
        stages.append(Stage(name, {rung.trial: rung.metrics for rung in first}))
    enough = [stage for stage in stages if len(stage.results) >= LEAST]
    if not enough or not metrics:
        raise StudyError(
            f"{store.path}: proxies are compared with at least {LEAST} trained networks; got "
            f"{max(len(stage.results) for stage in stages)}; run the study on, then ask again"
        )
    return enough, metrics


def _chosen(stages: Sequence[Stage], most: int, seed: int) -> list[int]:
    """Numbers of trials: those of the first stage before those of the next, at random within one."""
    import random

    chosen: list[int] = []
    for stage in stages:
        rest = sorted(set(stage.results) - set(chosen))
        chosen += random.Random(seed).sample(rest, min(len(rest), most - len(chosen)))
    return sorted(chosen)


def _random(batch: int) -> Callable[[Graph], int]:
    return lambda graph: batch


def _examples(task: Task, count: int, seed: int, recorded: Mapping[str, Any] | None) -> Callable[[Graph], Batch]:
    """Training examples of the task, the same ones for every network; loaded once for each type of inputs."""
    import torch

    from nasengine.estimate import Batch
    from nasengine.space.spec import spec_from_json
    from nasengine.train import Recipe

    recipe = spec_from_json(recorded) if recorded else Recipe()
    assert isinstance(recipe, Recipe)
    known: dict[Any, Batch] = {}

    def give(graph: Graph) -> Batch:
        key = tuple((name, graph.types[i]) for name, i in graph.inputs.items())
        if key not in known:
            split = task.load(graph, torch.device("cpu")).train
            rows = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:count]
            picked = split.map(lambda x: x[rows])
            known[key] = Batch(picked.inputs, picked.targets, lambda out, y: task.loss(out.float(), y, recipe))
        return known[key]

    return give


def _agreements(
    readings: Mapping[int, Readings], stage: Stage, metric: str, direction: str, names: Sequence[str], seed: int
) -> list[Agreement]:
    """Of each proxy and of the combined score; the best first, those that are not defined last."""
    from nasengine.estimate import COMBINED as PARTS
    from nasengine.estimate import agreement, combine

    numbers = [number for number in stage.results if number in readings]
    sign = 1 if direction == "maximize" else -1
    results = [sign * stage.results[number].get(metric, math.nan) for number in numbers]
    values = [readings[number].values for number in numbers]
    made = [agreement(name, [one[name] for one in values], results, seed=seed) for name in names]
    if set(PARTS) <= set(names):
        made.append(agreement(COMBINED, combine(values), results, seed=seed))
    return sorted(made, key=lambda one: (math.isnan(one.spearman.value), -one.spearman.value))


def _show(found: Found) -> None:
    for ranking in found.rankings:
        title = f"How proxies rank {ranking.metric}, {ranking.stage}; 95 % intervals"
        table = Table(title=title, title_justify="left")
        for name in ("proxy", "networks", "Spearman", "interval", "Kendall", "interval"):
            table.add_column(name, justify="left" if name == "proxy" else "right")
        for one in ranking.agreements:
            cells = [c for part in (one.spearman, one.kendall) for c in _cells(part.value, part.low, part.high)]
            table.add_row(one.name, str(one.count), *cells)
        console.print(table)
    for name, reason in found.reasons.items():
        console.print(f"{name} is not defined for every network: {reason}", highlight=False, markup=False)
    console.print(
        f"Read {found.networks} networks of {found.store} on {found.data}, {found.network_s:.2f} s each. Above 0, a "
        "proxy ranks better networks higher; an interval that holds 0 says nothing.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _cells(value: float, low: float, high: float) -> tuple[str, str]:
    return ("", "") if math.isnan(value) else (f"{value:+.2f}", f"{low:+.2f} to {high:+.2f}")


def _as_json(found: Found) -> dict[str, Any]:
    plain: dict[str, Any] = _finite(asdict(found))
    return plain


def _finite(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
