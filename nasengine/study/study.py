"""A study: a space searched on a task for several objectives, within budgets, on a record that outlives any process."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import DeviceError, StudyError
from nasengine.hardware import Device, Target
from nasengine.hardware import Limits as HardwareLimits
from nasengine.search import Budget, Objective, Rungs, Sampler, SuccessiveHalving, make_sampler, replay
from nasengine.search.samplers import SamplerFactory, SamplerSpec
from nasengine.space import Architecture, Space, Spec
from nasengine.space.spec import is_open
from nasengine.study import gates
from nasengine.study.definition import Definition
from nasengine.study.finals import finish
from nasengine.study.foresight import TOLERANCE, Foresight, check_tolerance, read_predictor
from nasengine.study.front import Front
from nasengine.study.knowing import shares
from nasengine.study.ledger import Ledger
from nasengine.study.local import LocalExecutor, Setup
from nasengine.study.lock import locked
from nasengine.study.loop import Limits, Run
from nasengine.study.measuring import Blame, measured
from nasengine.study.offer import Offer, find_offer
from nasengine.study.parts import Importable, pieces
from nasengine.study.progress import Watch
from nasengine.study.rows import FAILED
from nasengine.study.state import State
from nasengine.study.store import Store, open_store
from nasengine.tasks import Task
from nasengine.train import Recipe

if TYPE_CHECKING:
    import pandas as pd
    from optuna.samplers import BaseSampler

    from nasengine.hardware.predictor import LatencyPredictor


_PROBE = HardwareLimits(limit_s=3.0)
"""A member too slow to be measured in this time is left out of what the space is said to offer."""


class Study:
    """A study's definition and its store. Nothing runs, and nothing is written, before :meth:`run`.

    Args:
        space: what is searched.
        task: data, loss and metrics.
        recipe: how candidates are trained; its open positions are searched together with the space's.
        objectives: at least one of ``maximize(name)`` and ``minimize(name)``: metrics of the task, or quantities known
            before training.
        budgets: ``at_most(name, limit)`` and ``at_least(name, limit)`` on quantities known before training; no network
            that breaks one is trained.
        device: where latency is measured: a :class:`Device` of this machine, a :class:`CommandDevice` or a
            :class:`RayDevice`.
        train_device: where networks train; by default ``device``, and this machine's CPU where that is another machine.
        sampler: a name (``nasengine.search.SAMPLERS``: ``"nsga2"``, ``"gp"``, ``"evolution"``, ``"tpe"``, ...), one
            composed of others (``WarmStart("gp", members=...)``, ``Prior``, ``Transfer``), or a factory ``lambda seed:
            Sampler(seed)`` of an Optuna sampler.
        predictor: a :class:`LatencyPredictor` of this device and space, or the path of its file: a network whose
            predicted 95 % interval lies over a latency budget is refused unmeasured, and one whose interval lies within
            every budget and is narrow is not measured; all others are.
        tolerance: how narrow: the half width of that interval as a share of the predicted median.
        deploy: the device and runtime that the exported network will run on, where every member of the front is
            measured at the end; by default ``device``.
        rungs: how candidates are stopped early; by default one in three goes on from each of three rungs.
        store: the study's folder; the same definition and store resume.
        seed: of the search. Training is seeded by ``recipe.seed``.
        trials, workers: what :meth:`run` and ``nasengine run`` use when they are not told.
        url: an SQLAlchemy URL for the ledger, when it shall not be SQLite in the store; then :func:`open_store` needs
            it too.

    Raises:
        StudyError: objectives, budgets or rungs that make no study.
        TaskError: a class that worker processes cannot import, or a space of which no network fits the task.

    Example:
        >>> goals = (maximize("accuracy"), minimize("params"))
        >>> study = Study(space, task=Digits(), objectives=goals, store="studies/digits")
        >>> front = study.run(trials=50)
    """

    def __init__(
        self,
        space: Space,
        *,
        task: Task,
        objectives: Sequence[Objective],
        store: str | Path,
        recipe: Recipe | None = None,
        budgets: Sequence[Budget] = (),
        device: Target | None = None,
        sampler: str | SamplerFactory | BaseSampler | Sampler | SamplerSpec = "nsga2",
        rungs: Rungs | None = None,
        seed: int = 0,
        trials: int = 100,
        workers: int = 1,
        url: str | None = None,
        predictor: LatencyPredictor | str | Path | None = None,
        tolerance: float = TOLERANCE,
        deploy: Target | None = None,
        train_device: Device | None = None,
    ) -> None:
        _expect("space", space, Space, "Space(...)")
        _expect("task", task, Task, "a task such as tasks.Digits()")
        joined, fixed = _joined(space, recipe)
        rungs, device = SuccessiveHalving() if rungs is None else rungs, Device() if device is None else device
        if not isinstance(rungs, Rungs) or isinstance(rungs, type):
            raise StudyError(
                "Study: rungs is SuccessiveHalving(), Hyperband(), CurveStopping(), FixedRungs((5, 10)) or "
                f"FullTraining(); got {rungs!r}"
            )
        _expect("device", device, Target, 'Device("cpu")')
        if deploy is not None:
            _expect("deploy", deploy, Target, 'Device("cpu")')
        if train_device is not None:
            _expect("train_device", train_device, Device, 'Device("cpu")')
        bounds = _all("budgets", budgets, Budget, 'at_most("params", 500_000)')
        trusted = check_tolerance(tolerance)
        foresight = None if predictor is None else Foresight(read_predictor(predictor), trusted, bounds)
        self.definition = Definition(
            joined,
            task,
            fixed,
            _all("objectives", objectives, Objective, 'maximize("accuracy")'),
            bounds,
            device,
            rungs,
            seed,
            deploy=deploy,
            foresight=foresight,
            train_device=train_device,
        )
        self.definition.check()
        self.store, self._networks = Path(store), space
        self._sampler, self._url = sampler, url
        _check_counts(trials=trials, workers=workers)
        self._trials, self._workers = trials, workers

    def __repr__(self) -> str:
        return f"Study({self.definition.space.name!r}, store={str(self.store)!r})"

    @staticmethod
    def open(store: str | Path) -> Store:
        """A recorded study, for reading: needs no user code. Same as :func:`open_store`."""
        return open_store(store)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial recorded so far, units in the column names."""
        return open_store(self.store, url=self._url).trials

    @property
    def front(self) -> Front:
        """The front of what is recorded so far."""
        return open_store(self.store, url=self._url).front()

    def run(
        self,
        trials: int | None = None,
        *,
        timeout: float | None = None,
        workers: int | None = None,
        threads: int = 1,
        progress: bool = True,
    ) -> Front:
        """Search until ``trials`` candidates have entered training; the same call continues after whatever ended it.

        Candidates that a gate refuses, and those whose network and recipe are known already, do not count.

        Args:
            trials: over the whole study, earlier calls included; by default what the study was made with.
            timeout: seconds after which running trials stop where they are; the same call continues.
            workers: trials that train at the same time, each in a process of its own; by default likewise.
            threads: CPU threads a trial.
            progress: print what the space offers, a moving line on a terminal, and the end.

        Raises:
            BudgetError: a budget that no member of the space was found to meet; nothing was trained.
            StoreError: the store cannot be written, or it holds another study.
            DeviceError: a device is not on this machine, or cannot read a quantity that the study measures.
            PredictorError: the predictor is of another device or another space.
            KeyboardInterrupt: Ctrl-C; the study stays resumable.
        """
        trials = self._trials if trials is None else trials
        workers = self._workers if workers is None else workers
        _check_counts(trials=trials, workers=workers, threads=threads)
        deadline = math.inf if timeout is None else time.monotonic() + _positive("timeout", timeout)
        self._check_devices()
        sampler = self._fresh_sampler()
        with ExitStack() as stack:
            watch = stack.enter_context(Watch(progress))
            session = stack.enter_context(self._session(watch, min(workers, trials)))
            ledger, executor, task = session
            state = self._state(ledger)
            replay(sampler, [state.view(number) for number in state.trials])
            limits = Limits(trials, deadline, threads)
            run = Run(self.definition, state, sampler, executor, task=task, limits=limits, watch=watch.update)
            run.go()
            troubles = finish(run, executor)
        front = self.front
        for line in _ending(run, front, troubles):
            watch.say(line)
        return front

    # --- inside --------------------------------------------------------------------------------------------------

    def _check_devices(self) -> None:
        d = self.definition
        for device in dict.fromkeys((d.device, d.trains_on, d.deploy)):
            if device is not None:
                device.check()
        if d.foresight is not None:
            d.foresight.predictor.check(device_key=d.device.key(), space=self._networks)

    def _state(self, ledger: Ledger) -> State:
        d = self.definition
        return State(ledger, d.space, d.device.key(), "" if d.foresight is None else d.foresight.key)

    def _fresh_sampler(self) -> Sampler:
        d = self.definition
        return make_sampler(self._sampler, d.space, d.objectives, d.seed, budgets=d.budgets, known=gates.known_of)

    @contextmanager
    def _session(self, watch: Watch, workers: int) -> Iterator[tuple[Ledger, LocalExecutor, Task]]:
        """The store opened, locked and checked; workers started; all of it given back whatever happens."""
        with Ledger(self.store, url=self._url) as ledger, locked(self.store):
            recorded = ledger.meta()
            if "space" in recorded:
                self.definition.check_store(recorded, str(self.store))
            ranges = None if "ranges" in recorded else self._ranges()
            task = self.definition.task.store(self.store / "data")
            executor = LocalExecutor(self._setup(), workers)
            try:
                self._announce(ledger, recorded, ranges, executor, watch)
                ledger.reap(alone=True)
                yield ledger, executor, task
            except KeyboardInterrupt:
                ledger.release()
                ledger.note("interrupted")
                watch.say(f"Interrupted. Nothing recorded is lost; the same command continues {self.store}.")
                raise
            except DeviceError as error:
                ledger.release()
                ledger.note("device failed", reason=str(error))
                raise
            finally:
                executor.close()

    def _setup(self) -> Setup:
        d = self.definition
        parts = [("task", d.task), ("recipe", d.recipe), *pieces(d.space)]
        modules = tuple(Importable().modules(parts))
        return Setup(self.store.resolve() / "logs", modules=modules, training=d.trains_on.training_claim())

    def _ranges(self) -> gates.Ranges:
        d = self.definition
        return gates.find_ranges(d.space, d.budgets, d.seed)

    def _announce(
        self,
        ledger: Ledger,
        recorded: dict[str, Any],
        ranges: gates.Ranges | None,
        executor: LocalExecutor,
        watch: Watch,
    ) -> None:
        """Say what the space offers, refuse what cannot be met, and record what the study is."""
        d = self.definition
        if d.measured:
            executor.prepare_measuring()
        found, how = dict(recorded.get("ranges", {})), recorded.get("ranges_how", {})
        if ranges is not None:
            offer = self._offer(ranges, ledger, executor) if d.measured else Offer()
            found, how = {**ranges.to_json(), **offer.ranges}, offer.how
            sampler = self._sampler if isinstance(self._sampler, str) else type(self._sampler).__name__
            started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            ledger.put_meta(
                {**d.identity(), **d.notes(sampler), "ranges": found, "ranges_how": how, "started_at": started},
                kind="created",
            )
        else:
            ledger.note("resumed")
        watch.say(f"Space {d.space.name!r}: {_size(d)} members. What they can be, as far as was looked:")
        watch.ranges(found, d.budgets, how)

    def _offer(self, ranges: gates.Ranges, ledger: Ledger, executor: LocalExecutor) -> Offer:
        """What the space offers in the quantities that are measured."""
        d, state = self.definition, self._state(ledger)
        blame = Blame(state.device_key)
        log = self.store.resolve() / "logs" / "latency.log"

        def measure(architecture: Architecture) -> dict[str, Any] | str:
            modules = Importable().modules(pieces(architecture))
            outcome = measured(executor, "probe", d.device, architecture, modules=modules, log=log, limits=_PROBE)
            if outcome.value is not None:
                blame.answered(d.device, outcome.value)
                state.measured(architecture.id, outcome.value)
            return outcome.reason if outcome.value is None else outcome.value

        return find_offer(
            d.space, d.budgets, d.measured, ranges=ranges, measure=measure, foresight=d.foresight, seed=d.seed
        )


def _joined(space: Space, recipe: Recipe | None) -> tuple[Space, Recipe | None]:
    """The space with a searched recipe in it, or the fixed recipe beside it."""
    if space.recipe is not None and recipe is None:
        return space, None
    recipe = recipe or Recipe()
    _expect("recipe", recipe, Recipe, "Recipe(...)")
    if space.recipe is not None or is_open(recipe):
        return space.with_recipe(recipe), None
    return space, recipe


def _all(place: str, given: Any, kind: type[Any], example: str) -> tuple[Any, ...]:
    items = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for item in items:
        _expect(place, item, kind, example)
    return items


def _expect(place: str, value: Any, kind: type, example: str) -> None:
    if not isinstance(value, kind):
        shown = value.tag if isinstance(value, Spec) else repr(value)
        raise StudyError(f"Study: {place} is {example}; got {shown}")


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise StudyError(f"run: {name} is a whole number from 1 on; got {value!r}")


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise StudyError(f"run: {name} is a number of seconds above 0; got {value!r}")
    return float(value)


def _size(definition: Definition) -> str:
    size = definition.identity()["space"]["size"]
    return "infinitely many" if size is None else f"{size:,}"


def _ending(run: Run, front: Front, troubles: list[str]) -> list[str]:
    state = run.state
    lines = [f"Ended: {run.ended}."] if run.ended else []
    lines += [f"Warning: {trouble}" for trouble in troubles]
    lines.append(
        f"{state.entered} candidates entered training, {state.next_number - state.entered} were refused or known; "
        f"the front holds {len(front)} network{'' if len(front) == 1 else 's'}."
    )
    lines += shares(run)
    failed = [row for row in state.trials.values() if row.status == FAILED]
    if failed:
        lines.append(f"{len(failed)} failed; the last one, trial {failed[-1].number}: {failed[-1].reason}")
    return lines
