"""The front of a study: its members, as tables, pictures and exports. Reads rows; needs no user code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from nasengine.errors import StoreError, StudyError
from nasengine.hardware import LatencyProfile
from nasengine.report import views
from nasengine.report.record import StudyRecord, Trial
from nasengine.search import LATENCY, MEASURED, pareto
from nasengine.space import Architecture
from nasengine.study.artifacts import folder_of
from nasengine.study.rows import FinalRow

if TYPE_CHECKING:
    import pandas as pd

COSTS = (
    "params", "macs", "param_bytes", "peak_activation_bytes", "receptive_field", "active_params", "active_macs",
    "model_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One network of a front.

    Attributes:
        number: of its trial.
        metrics: of the validation split, which the search was guided by.
        test_metrics: of the test split, which was read once, at the end; empty until then.
        costs: closed-form costs by name.
        measured: quantities measured on the device during the search, by name; a latency may be predicted.
        profile: its latency as measured during the search; None when latency was not measured.
        prediction: what the study's predictor said of its latency: ``median_ms``, ``low_ms``, ``high_ms``; None
            without one.
        final_profile: its latency measured again at the end, where it is to be deployed.
        folder: where its checkpoints, source and weights lie.
        artifacts: the final files in that folder, name to SHA-256; empty until the study's end.
        preparation: how raw data becomes the network's input.
        study: what the study is, as recorded.
    """

    number: int
    graph_id: str
    metrics: Mapping[str, float]
    test_metrics: Mapping[str, float]
    costs: Mapping[str, float]
    measured: Mapping[str, float]
    profile: LatencyProfile | None
    prediction: Mapping[str, float] | None
    final_profile: LatencyProfile | None
    folder: Path
    decisions: Mapping[str, Any]
    architecture_json: Mapping[str, Any]
    artifacts: Mapping[str, str]
    preparation: Mapping[str, Any]
    study: Mapping[str, Any] = field(repr=False)

    @property
    def architecture(self) -> Architecture:
        """The network as data.

        Raises:
            TagError: it holds a user's block whose module has not been imported.
        """
        return Architecture.from_json(self.architecture_json)

    @property
    def values(self) -> dict[str, float]:
        """Everything known of it by name: metrics, costs, latency."""
        return {**self.metrics, **self.costs, **self.measured}

    def export(self, path: str | Path, formats: Sequence[str] = ("onnx", "pt2", "safetensors", "source")) -> Path:
        """Write the trained network to the folder ``path``, each format run against the trained module.

        Raises:
            ExportError: a format cannot be written or does not agree.
            StoreError: the trained weights are not there.
        """
        from nasengine.study.takehome import take_home

        return take_home(self, path, (formats,) if isinstance(formats, str) else tuple(formats))


class Front(Sequence[Member]):
    """The feasible non-dominated networks of a study, ordered by the objectives in turn."""

    def __init__(
        self, record: StudyRecord, store: str | Path, keys: Mapping[int, str], finals: Mapping[int, FinalRow]
    ) -> None:
        self.record, self.store = record, Path(store)
        self._members = [
            _member(record, trial, folder_of(self.store, keys[trial.number]), finals.get(trial.number))
            for trial in record.front
        ]

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        return self._members[index]

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        names = ", ".join(f"{o.direction} {o.name}" for o in self.record.objectives)
        return f"Front({len(self)} networks of {self.record.name!r}: {names})"

    def knee(self) -> Member:
        """The member that gives up least of every objective (:func:`nasengine.search.pareto.knee`).

        Raises:
            StudyError: the front is empty.
        """
        self._require_members("knee")
        points = [[member.values[o.name] for o in self.record.objectives] for member in self]
        return self[int(pareto.knee(points, list(self.record.directions)))]

    def best(self, name: str) -> Member:
        """The member with the best value of a metric, a cost or ``latency_ms``.

        Raises:
            StudyError: the front is empty, or no member has such a value.
        """
        self._require_members(f"best({name!r})")
        if name not in self[0].values:
            raise StudyError(f"best({name!r}): there is no such value; the values are {', '.join(self[0].values)}")
        best = max if self._direction(name) == "maximize" else min
        return best(self, key=lambda member: member.values[name])

    def hypervolume(self, reference: Sequence[float] | None = None) -> float:
        """Volume that the front dominates, exact for up to five objectives.

        Args:
            reference: one value an objective, worse than every member's; by default the one that the report states
                (:attr:`reference`). Fronts are comparable under one reference only.

        Raises:
            StudyError: the reference is not one finite value an objective.
        """
        objectives = self.record.objectives
        point = self.reference if reference is None else tuple(reference)
        if len(point) != len(objectives):
            raise StudyError(f"hypervolume: the reference has one value an objective, {len(objectives)}; got {point!r}")
        points = [[member.values[o.name] for o in objectives] for member in self]
        return float(pareto.hypervolume(points, list(self.record.directions), point)) if points else 0.0

    @property
    def reference(self) -> tuple[float, ...]:
        """The reference point of the report's hypervolume, in the order of the objectives."""
        return views.reference(self.record)[0]

    def table(self) -> pd.DataFrame:
        """One row a member, units in the column names; ``test_`` columns are of the test split."""
        import pandas as pd

        return pd.DataFrame([self._row(member) for member in self], columns=None if len(self) else ["trial"])

    def plot(self, path: str | Path | None = None, *, x: str | None = None, y: str | None = None) -> Any:
        """The front in two of its values: an interactive HTML file, a PNG, or, without ``path``, a plotly figure.

        Args:
            path: ends in ``.html`` or ``.png``.
            x, y: names of values; by default the first pair of objectives.

        Raises:
            StudyError: another ending.
            StoreError: the file cannot be written.
        """
        from nasengine import report

        x, y = self._axes(x, y)
        if path is None:
            return report.front_figure(self.record, x, y)
        if Path(path).suffix == ".png":
            return report.save_png(self.record, x, y, path)
        if Path(path).suffix in (".html", ".htm"):
            return report.save_html(report.front_figure(self.record, x, y), path, title=self.record.name)
        raise StudyError(
            f"plot: {path}: the name ends in .html (interactive) or .png; got {Path(path).suffix or 'no ending'!r}"
        )

    # --- inside --------------------------------------------------------------------------------------------------

    def _axes(self, x: str | None, y: str | None) -> tuple[str, str]:
        pairs = views.pairs(self.record)
        default = pairs[0] if pairs else ("params", self.record.objectives[0].name)
        return x or default[0], y or default[1]

    def _direction(self, name: str) -> str:
        metrics = {m["name"]: m["direction"] for m in self.record.meta.get("metrics", ())}
        return str(metrics.get(name) or self.record.direction(name))

    def _require_members(self, what: str) -> None:
        if not len(self):
            raise StudyError(
                f"{what}: the front of {self.record.name!r} is empty: no trial is complete and within every budget; "
                "run more trials, or see the trials' reasons in study.trials"
            )

    def _row(self, member: Member) -> dict[str, Any]:
        units = self.record.meta.get("units", {})
        row: dict[str, Any] = {"trial": member.number}
        row |= {column(name, units): value for name, value in member.metrics.items()}
        row |= {column(f"test_{name}", units, name): value for name, value in member.test_metrics.items()}
        row |= {column(name, units): member.costs[name] for name in COSTS if name in member.costs}
        row |= {column(name, units): value for name, value in member.measured.items()}
        return row | _latencies(member) | {"graph_id": member.graph_id}


def _latencies(member: Member) -> dict[str, Any]:
    """Predicted, searched and final latency, each with its 95 % interval."""
    row: dict[str, Any] = {}
    if LATENCY in member.measured:
        row["latency_source"] = "predicted" if member.profile is None else "measured"
    if member.prediction is not None:
        row |= {f"predicted_latency{part}_ms": member.prediction[name] for part, name in _PREDICTED.items()}
    if member.profile is not None:
        row |= {f"latency{part}_ms": getattr(member.profile, name) for part, name in _SEARCHED.items()}
    if member.final_profile is not None:
        row |= {f"final_latency{part}_ms": getattr(member.final_profile, name) for part, name in _FINAL.items()}
    return row


_PREDICTED = {"": "median_ms", "_low": "low_ms", "_high": "high_ms"}
_SEARCHED = {"_low": "ci_low_ms", "_high": "ci_high_ms", "_p90": "p90_ms"}
_FINAL = {"": "median_ms", "_low": "ci_low_ms", "_high": "ci_high_ms"}


def column(name: str, units: Mapping[str, str], of: str = "") -> str:
    """A column's name with its unit: ``mae_kWh``, ``latency_ms``, ``receptive_field_px``; a fraction has none."""
    unit = {"receptive_field": "px", **units}.get(of or name, "")
    return name if unit in ("", "fraction") or name.endswith(f"_{unit}") else f"{name}_{unit}"


def _member(record: StudyRecord, trial: Trial, folder: Path, final: FinalRow | None) -> Member:
    final = final or FinalRow("", trial.number, {})
    profile, prediction = record.profile(trial), record.prediction(trial)
    if trial.architecture is None:
        raise StoreError(f"{folder}: the architecture of trial {trial.number} is absent; the store is damaged")
    costs = {name: trial.values[name] for name in COSTS if name in trial.values}
    return Member(
        trial.number,
        trial.graph_id,
        metrics={n: v for n, v in trial.values.items() if n not in (*COSTS, *MEASURED)},
        test_metrics=final.metrics,
        costs=costs,
        measured={name: trial.values[name] for name in MEASURED if name in trial.values},
        profile=None if profile is None else LatencyProfile.from_json(profile),
        prediction=None if prediction is None else {n: float(prediction[n]) for n in _PREDICTED.values()},
        final_profile=None if final.profile is None else LatencyProfile.from_json(final.profile),
        folder=folder,
        decisions=trial.decisions,
        architecture_json=trial.architecture,
        artifacts=final.artifacts,
        preparation=final.preparation,
        study=record.meta,
    )
