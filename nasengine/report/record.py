"""What a report reads: a study's rows as plain, frozen data.

The report never opens a store. Whoever does hands over sequences of rows (mappings or dataclasses) whose
names are the fields below; names a row has beyond them are ignored, names it lacks take the defaults here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from nasengine.errors import StudyError
from nasengine.search import pareto
from nasengine.search.objectives import Budget, Objective, violations

Row = Any  # a mapping or a dataclass instance: the ledger's own row types are not the report's business
T = TypeVar("T")

COST_UNITS = {
    "params": "",
    "macs": "",
    "param_bytes": "B",
    "peak_activation_bytes": "B",
    "receptive_field": "px",
    "active_params": "",
    "active_macs": "",
    "model_bytes": "B",
    "latency_ms": "ms",
    "peak_memory_bytes": "B",
    "energy_mj": "mJ",
    "train_loss": "",
}


@dataclass(frozen=True)
class Trial:
    """One trial. `values` holds all that is known of it by name: costs, latency, validation metrics."""

    number: int
    status: str  # running | complete | pruned | infeasible | failed | lost | waiting
    values: Mapping[str, float] = field(default_factory=dict)
    decisions: Mapping[str, Any] = field(default_factory=dict)
    gate: str = ""  # which gate refused it: types, cost, task, latency, rung, training, worker
    reason: str = ""
    graph_id: str = ""
    architecture: Mapping[str, Any] | None = None  # the architecture's JSON
    same_as: int | None = None  # number of the first trial of the same network and training, whose results it shares

    def value(self, name: str) -> float | None:
        """A value by name; None when it is unknown or not a finite number."""
        found = self.values.get(name)
        return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


@dataclass(frozen=True)
class Rung:
    """One completed rung of a trial. `curve` holds one mapping per epoch, each with its `epoch`."""

    trial: int
    rung: int
    epoch: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    train_loss: float | None = None
    elapsed_s: float | None = None
    curve: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True)
class Profile:
    """One latency profile: `profile` is the JSON of a `LatencyProfile`, or of a prediction of one
    (`median_ms`, `low_ms` and `high_ms`, a 95 % interval for the measured median)."""

    graph_id: str
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """One entry of the study's journal; `at` is in seconds since the epoch (UTC)."""

    at: float
    kind: str
    trial: int | None = None


@dataclass(frozen=True)
class Final:
    """What was found once the search was over: the test split's metrics and the latency measured again."""

    trial: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
    over_budget: str = ""  # what the final audit found over a budget; empty when nothing


def _fields(row: Row) -> Mapping[str, Any]:
    return row if isinstance(row, Mapping) else {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}


def _read(kind: type[T], row: Mapping[str, Any]) -> T:
    """Takes the fields that `kind` has; None counts as absent."""
    names = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    try:
        return kind(**{name: row[name] for name in names if row.get(name) is not None})
    except TypeError as error:
        raise StudyError(
            f"report: a row of {kind.__name__} lacks a field ({error}); "
            f"got {', '.join(sorted(row)) or 'no field'}; "
            f"give it {', '.join(names)}"
        ) from error


def _join(trials: list[dict[str, Any]], rungs: list[dict[str, Any]], architectures: Mapping[str, Any]) -> None:
    """Completes trial rows in place: values from the costs and the last rung, architectures by their keys."""
    last: dict[Any, Mapping[str, float]] = {}
    for rung in sorted(rungs, key=lambda row: row.get("rung", 0)):
        last[rung.get("trial")] = rung.get("metrics") or {}
    for trial in trials:
        if "known" in trial and not trial.get("values"):
            source = trial.get("number") if trial.get("same_as") is None else trial.get("same_as")
            trial["values"] = {**trial["known"], **last.get(source, {})}
        if isinstance(trial.get("architecture"), str):
            trial["architecture"] = architectures.get(trial["architecture"])


@dataclass(frozen=True)
class StudyRecord:
    """A study as data: what the report, the figures and the tables are made from.

    `meta` may hold: name, space (name, size, fingerprint), objectives, budgets, task, recipe, rungs,
    sampler, seed, device, versions, ranges (name → [least, most]), ranges_how (name → how they were found),
    deploy (the device of the final measurements), predictor, reference (name → value), units (name →
    unit), started_at, methods (name → sentence: how that value was measured). Everything but objectives may
    be absent.
    """

    meta: Mapping[str, Any]
    trials: Sequence[Trial] = ()
    rungs: Sequence[Rung] = ()
    profiles: Sequence[Profile] = ()
    events: Sequence[Event] = ()
    finals: Sequence[Final] = ()
    predictions: Sequence[Profile] = ()

    @classmethod
    def from_rows(
        cls,
        meta: Mapping[str, Any],
        *,
        architectures: Mapping[str, Mapping[str, Any]] | None = None,
        **rows: Iterable[Row],
    ) -> StudyRecord:
        """Builds a record from rows: `from_rows(meta, trials=…, rungs=…, profiles=…, events=…, finals=…)`.

        A trial row may have `known` (costs, latency) in place of `values`: the metrics of the last rung of
        its training join them. Its `architecture` may be a key of `architectures`.

        Raises StudyError when a row lacks what its kind needs.
        """
        kinds = {"trials": Trial, "rungs": Rung, "profiles": Profile, "events": Event, "finals": Final}
        kinds["predictions"] = Profile
        unknown = sorted(set(rows) - set(kinds))
        if unknown:
            raise StudyError(f"report: {unknown[0]} is not a kind of row; expected one of {', '.join(kinds)}")
        given = {name: [dict(_fields(row)) for row in rows.get(name, ())] for name in kinds}
        _join(given["trials"], given["rungs"], architectures or {})
        read: dict[str, Any] = {name: tuple(_read(kinds[name], row) for row in found) for name, found in given.items()}
        return cls(meta, **read)

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives, in the study's order."""
        given = self.meta.get("objectives", ())
        return tuple(one if isinstance(one, Objective) else Objective.from_json(one) for one in given)

    @cached_property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets, in the study's order."""
        given = self.meta.get("budgets", ())
        return tuple(one if isinstance(one, Budget) else Budget.from_json(one) for one in given)

    @property
    def name(self) -> str:
        """The study's name, or its space's."""
        return str(self.meta.get("name") or _space_name(self.meta.get("space")) or "study")

    @property
    def directions(self) -> tuple[str, ...]:
        """The objectives' directions, in order."""
        return tuple(goal.direction for goal in self.objectives)

    def direction(self, name: str) -> str:
        """Which way `name` is better: an objective's own direction; costs are better when smaller."""
        return next((goal.direction for goal in self.objectives if goal.name == name), "minimize")

    def unit(self, name: str) -> str:
        """The unit of a value, such as "ms"; empty when it has none or none is known."""
        return str({**COST_UNITS, **self.meta.get("units", {})}.get(name, ""))

    def point(self, trial: Trial) -> tuple[float, ...] | None:
        """A trial's place in objective space; None while one of the objectives is unknown or not finite."""
        point = tuple(trial.value(objective.name) for objective in self.objectives)
        return None if not point or None in point else tuple(value for value in point if value is not None)

    def broken(self, trial: Trial) -> tuple[Budget, ...]:
        """The budgets that a trial's known values break."""
        known = {b.name: value for b in self.budgets if (value := trial.value(b.name)) is not None}
        return tuple(b for b in self.budgets if violations([b], known))

    def feasible(self, trial: Trial) -> bool:
        """Trained to the end, every budget known and met, and not over one at the final audit."""
        known = all(trial.value(budget.name) is not None for budget in self.budgets)
        return trial.status == "complete" and known and not self.broken(trial) and not self.audited_out(trial)

    def audited_out(self, trial: Trial) -> str:
        """What the final audit found over a budget; empty when nothing."""
        final = self.final(trial.number)
        return final.over_budget if final else ""

    @cached_property
    def _finals(self) -> dict[int, Final]:
        return {final.trial: final for final in self.finals}

    def final(self, number: int) -> Final | None:
        """The final figures of a trial, if it has any."""
        return self._finals.get(number)

    @cached_property
    def _profiles(self) -> dict[str, Profile]:
        return {profile.graph_id: profile for profile in self.profiles}  # the last one of an id is the newest

    def profile(self, trial: Trial) -> Mapping[str, Any] | None:
        """The newest latency profile of a trial's network, if it was measured."""
        found = self._profiles.get(trial.graph_id)
        return found.profile if found else None

    @cached_property
    def _predictions(self) -> dict[str, Profile]:
        return {prediction.graph_id: prediction for prediction in self.predictions}

    def prediction(self, trial: Trial) -> Mapping[str, Any] | None:
        """What the study's predictor said of a trial's network, if it was asked."""
        found = self._predictions.get(trial.graph_id)
        return found.profile if found else None

    def latency_source(self, trial: Trial) -> str:
        """Where a trial's latency comes from: "measured", "predicted", or "" where it has none."""
        if trial.value("latency_ms") is None:
            return ""
        return "predicted" if self.profile(trial) is None and self.prediction(trial) is not None else "measured"

    @property
    def latency_shares(self) -> dict[str, int]:
        """With a predictor: how many networks were predicted and trained so, refused by prediction, measured."""
        if not self.predictions:
            return {}
        own = [trial for trial in self.trials if trial.same_as is None]
        predicted = [trial for trial in own if self.latency_source(trial) == "predicted"]
        refused = sum(trial.gate == "latency" for trial in predicted)
        measured = sum(self.latency_source(trial) == "measured" for trial in own)
        return {"predicted": len(predicted) - refused, "refused_by_prediction": refused, "measured": measured}

    @cached_property
    def front(self) -> tuple[Trial, ...]:
        """The feasible front over all objectives, one trial a network, ordered by the objectives in turn."""
        ready = [t for t in self.trials if self.feasible(t) and t.same_as is None]
        placed = [(point, trial) for trial in ready if (point := self.point(trial))]
        if not placed:
            return ()
        mask = pareto.non_dominated([point for point, _ in placed], self.directions)
        kept = [pair for pair, keep in zip(placed, mask.tolist(), strict=True) if keep]
        return tuple(trial for _, trial in sorted(kept, key=lambda pair: (pair[0], pair[1].number)))


def _space_name(space: Any) -> str:
    return str(space.get("name", "")) if isinstance(space, Mapping) else str(space or "")
