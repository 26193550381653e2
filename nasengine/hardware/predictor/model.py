"""LatencyPredictor: the latency of networks on one device, learned from some that were measured there.

What a runtime leaves out of a graph and fuses (dead parts, repeated operations, zeros, chains) is not known beforehand,
so there is one Gaussian process for each of :data:`~nasengine.hardware.predictor.fusion.PRUNINGS`, weighted by how
probable each makes the measurements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from nasengine.errors import PredictorError
from nasengine.graph.graph import Graph
from nasengine.hardware.predictor.features import Array, Reading, Vocabulary, readings
from nasengine.hardware.predictor.fusion import PRUNINGS, Kernel
from nasengine.hardware.predictor.process import Fitted, Process
from nasengine.hardware.predictor.report import HeldOut, Prediction

if TYPE_CHECKING:
    from nasengine.space.space import Space

FORMAT = "nasengine.predictor/1"
FEWEST = 4
NEGLIGIBLE = 0.01
"""A pruning with less weight is dropped."""
FEW = 60
"""Prunings that so many measurements rule out are not fitted on more."""
SMALL = 50
"""Up to so many measurements cross-validation takes ten folds, else five."""
EXPECTED = 40
"""The width of intervals is that of the model until about so many measurements say how often they hold."""
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class _Part:
    """One pruning's process and how probable it is."""

    pruning: str
    weight: float
    process: Process
    found: tuple[Reading, ...]


class LatencyPredictor:
    """Predicts the median latency of networks on one device. Immutable; made by :meth:`fit` or :meth:`load`.

    Attributes:
        device, device_key: what the measurements were made on, in words and as a fingerprint.
        space, space_name: fingerprint and name of the space they were drawn from; None for any.
        report: figures on held-out members, where there were any.
    """

    def __init__(
        self,
        parts: Sequence[_Part],
        latency_ms: Array,
        *,
        device: Mapping[str, Any],
        device_key: str,
        space: str | None,
        space_name: str | None,
        report: HeldOut | None = None,
    ) -> None:
        self._parts, self._latency_ms = tuple(parts), latency_ms
        self.device, self.device_key = dict(device), device_key
        self.space, self.space_name, self.report = space, space_name, report
        self._width = _width(self._parts, latency_ms)

    def __repr__(self) -> str:
        return f"LatencyPredictor({self.space_name!r}, {len(self._latency_ms)} measurements)"

    @property
    def measured(self) -> int:
        """Number of networks it was fitted on."""
        return len(self._latency_ms)

    @classmethod
    def fit(
        cls,
        graphs: Sequence[Graph],
        latency_ms: Sequence[float],
        *,
        device: Mapping[str, Any],
        device_key: str,
        space: Space | None,
        seed: int = 0,
        report: bool = True,
    ) -> LatencyPredictor:
        """Learn from measured networks.

        The result does not depend on their order.

        Args:
            graphs: the networks as they were run: ``architecture.graph().simplify()`` of a study's; the declared
                graph of one that was built with its dead parts.
            latency_ms: the median of each.
            device: ``Device.describe()``.
            device_key: ``Device.key()``.
            space: None allows any space.
            seed: of the bootstrap in the report.
            report: say how good it is by cross-validation, fitting five to ten times more.

        Raises:
            PredictorError: fewer than four networks, another number of latencies, or a latency that is no positive
                finite number.
        """
        found = [readings(graph) for graph in graphs]
        return cls.fit_read(
            found, latency_ms, device=device, device_key=device_key, space=space, seed=seed, report=report
        )

    @classmethod
    def fit_read(
        cls,
        found: Sequence[Mapping[str, Reading]],
        latency_ms: Sequence[float],
        *,
        device: Mapping[str, Any],
        device_key: str,
        space: Space | None,
        seed: int = 0,
        report: bool = True,
    ) -> LatencyPredictor:
        """:meth:`fit` on what :func:`~nasengine.hardware.predictor.features.readings` gives, which may be kept."""
        latency = _checked(found, latency_ms)
        order = sorted(range(len(found)), key=lambda i: (latency[i], _rank(found[i])))
        latency, found = latency[order], [found[i] for i in order]
        with _one_thread():
            return cls(
                _parts(found, latency),
                latency,
                device=device,
                device_key=device_key,
                space=None if space is None else space.fingerprint,
                space_name=None if space is None else space.name,
                report=_crossed(found, latency, seed) if report else None,
            )

    def predict(self, graphs: Sequence[Graph]) -> list[Prediction]:
        """The latency of each network, with its interval; equal graphs get equal predictions."""
        needed = [part.pruning for part in self._parts]
        return self.predict_read([readings(graph, needed) for graph in graphs])

    def predict_read(self, found: Sequence[Mapping[str, Reading]]) -> list[Prediction]:
        """:meth:`predict` for readings."""
        if not found:
            return []
        with _one_thread():
            return _predictions(self._parts, self._width, found)

    def check(self, *, device_key: str, space: Space) -> None:
        """Refuse another device or another space.

        Raises:
            PredictorError: names both.
        """
        if device_key != self.device_key:
            raise PredictorError(
                f"predictor: made on the device {self.device_key[:12]} ({_words(self.device)}), and this one is "
                f"{device_key[:12]}; a latency of one device says nothing of another: calibrate this one"
            )
        if self.space is not None and space.fingerprint != self.space:
            raise PredictorError(
                f"predictor: made for the space {self.space_name!r} ({self.space[:12]}), and this one is "
                f"{space.name!r} ({space.fingerprint[:12]}); calibrate for it"
            )

    # --- records -------------------------------------------------------------------------------------------------

    def _place(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "device_key": self.device_key,
            "space": self.space,
            "space_name": self.space_name,
        }

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: the measurements, and what was learned from them."""
        kernels = Vocabulary.of(r for part in self._parts for r in part.found).kernels
        index = {kernel: i for i, kernel in enumerate(kernels)}
        return {
            "format": FORMAT,
            **self._place(),
            "report": None if self.report is None else self.report.to_json(),
            "latency_ms": self._latency_ms.tolist(),
            "kernels": [kernel._asdict() for kernel in kernels],
            "parts": [_part_json(part, index) for part in self._parts],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyPredictor:
        """What :meth:`to_json` wrote.

        Raises:
            PredictorError: another format, or a record that is not whole.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            got = data.get("format") if isinstance(data, Mapping) else type(data).__name__
            raise PredictorError(f"predictor: expected the format {FORMAT!r}, got {got!r}; calibrate again")
        try:
            kernels = [_kernel(k) for k in data["kernels"]]
            latency = np.array(data["latency_ms"], dtype=float)
            report = None if data["report"] is None else HeldOut.from_json(data["report"])
            place = {name: data[name] for name in ("device", "device_key", "space", "space_name")}
            return cls([_part(p, kernels, latency) for p in data["parts"]], latency, report=report, **place)
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
            raise PredictorError(
                f"predictor: the record is not whole ({type(error).__name__}: {error}); calibrate again"
            ) from None

    def save(self, path: str | Path) -> None:
        """Write :meth:`to_json` to a file."""
        Path(path).write_text(json.dumps(self.to_json()) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> LatencyPredictor:
        """Read what :meth:`save` wrote.

        Raises:
            PredictorError: no such file, no JSON, or another format.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise PredictorError(f"predictor: {path} cannot be read ({error.strerror}); calibrate first") from None
        except ValueError:
            raise PredictorError(f"predictor: {path} is not JSON; calibrate again") from None
        return cls.from_json(data)


def _one_thread() -> threadpool_limits:
    """Small matrices: several threads of BLAS wait for each other, above all on a machine that others use too."""
    return threadpool_limits(1, "blas")


def _rank(found: Mapping[str, Reading]) -> list[Any]:
    """An order of networks that does not depend on how they are listed."""
    return [sorted(reading.structure.items()) for reading in found.values()]


def _checked(graphs: Sequence[Any], latency_ms: Sequence[float]) -> Array:
    latency = np.array(latency_ms, dtype=float)
    if latency.shape != (len(graphs),):
        raise PredictorError(
            f"predictor: one latency for each network; got {len(graphs)} networks and {latency.size} latencies"
        )
    if len(latency) < FEWEST:
        raise PredictorError(
            f"predictor: at least {FEWEST} measured networks; got {len(latency)}; measure more members of the space"
        )
    wrong = np.flatnonzero(~(np.isfinite(latency) & (latency > 0)))
    if len(wrong):
        raise PredictorError(
            f"predictor: a latency is a positive number of ms; got {latency[wrong[0]]} for network {wrong[0]}; "
            "leave out what could not be measured"
        )
    return latency


def _parts(found: Sequence[Mapping[str, Reading]], latency: Array) -> list[_Part]:
    """A process for each pruning that differs from those before it, by how probable it makes the measurements."""
    distinct: dict[str, tuple[Reading, ...]] = {}
    for pruning in PRUNINGS:
        mine = tuple([reading[pruning] for reading in found])
        if mine not in distinct.values():
            distinct[pruning] = mine
    if len(latency) > 2 * FEW and len(distinct) > 1:
        some = np.linspace(0, len(latency) - 1, FEW).astype(int)
        kept = _probable({name: [mine[i] for i in some] for name, mine in distinct.items()}, latency[some], 1e-6)
        distinct = {name: distinct[name] for name, _, _ in kept}
    return [_Part(name, weight, process, distinct[name]) for name, weight, process in _probable(distinct, latency)]


def _probable(
    found: Mapping[str, Sequence[Reading]], latency: Array, least: float = NEGLIGIBLE
) -> list[tuple[str, float, Process]]:
    """The prunings of at least so much weight, with their processes."""
    made = {pruning: Process(mine, latency) for pruning, mine in found.items()}
    evidence = np.array([process.fitted.evidence for process in made.values()])
    weights = np.exp(evidence - evidence.max())
    weights = np.where(weights / weights.sum() < least, 0, weights)
    weights = weights / weights.sum()
    return [(name, float(w), process) for (name, process), w in zip(made.items(), weights, strict=True) if w > 0]


def _predictions(parts: Sequence[_Part], width: float, found: Sequence[Mapping[str, Reading]]) -> list[Prediction]:
    mean, deviation = _mixed(parts, found)
    low, high = mean - width * deviation, mean + width * deviation
    rows = np.exp(np.clip(np.stack([mean, low, high], axis=1), -600, 600))
    return [Prediction(*map(float, row)) for row in rows]


def _crossed(found: Sequence[Mapping[str, Reading]], latency: Array, seed: int) -> HeldOut:
    """Each network predicted by what is fitted on the others, in folds of which each spans all latencies."""
    folds = min(len(latency), 10 if len(latency) <= SMALL else 5)
    made: dict[int, Prediction] = {}
    for fold in range(folds):
        held = list(range(fold, len(latency), folds))
        kept = [i for i in range(len(latency)) if i % folds != fold]
        parts = _parts([found[i] for i in kept], latency[kept])
        made.update(zip(held, _predictions(parts, _width(parts, latency[kept]), [found[i] for i in held]), strict=True))
    return HeldOut.of([made[i] for i in range(len(latency))], latency.tolist(), seed=seed)


def _mixed(parts: Sequence[_Part], found: Sequence[Mapping[str, Reading]]) -> tuple[Array, Array]:
    """(networks,) each: mean and deviation of the mixture, of logarithms."""
    means, squares = np.zeros(len(found)), np.zeros(len(found))
    for part in parts:
        mean, deviation = part.process.predict([reading[part.pruning] for reading in found])
        means += part.weight * mean
        squares += part.weight * (mean**2 + deviation**2)
    return means, np.sqrt(np.maximum(squares - means**2, 1e-12))


def _width(parts: Sequence[_Part], latency: Array) -> float:
    """Deviations to each side that hold 95 %: Student's, moved to what leaving one out says as measurements grow."""
    count = len(latency)
    model = float(student.ppf(0.5 + COVERAGE / 2, max(2, count / 2)))
    errors = np.sort(np.abs(max(parts, key=lambda part: part.weight).process.left_out()))
    seen = float(errors[min(count - 1, int(np.ceil(COVERAGE * (count + 1))) - 1)])
    return (EXPECTED * model + count * seen) / (EXPECTED + count)


def _part_json(part: _Part, index: Mapping[Kernel, int]) -> dict[str, Any]:
    fitted = part.process.fitted
    return {
        "pruning": part.pruning,
        "weight": part.weight,
        "readings": [reading.to_json(index) for reading in part.found],
        "theta": fitted.theta.tolist(),
        "hyper": fitted.hyper.tolist(),
        "weights": fitted.weights.tolist(),
        "evidence": fitted.evidence,
    }


def _part(data: Mapping[str, Any], kernels: Sequence[Kernel], latency: Array) -> _Part:
    found = tuple([Reading.from_json(reading, kernels) for reading in data["readings"]])
    theta, hyper, weights = [np.array(data[name], dtype=float) for name in ("theta", "hyper", "weights")]
    process = Process(found, latency, Fitted(theta, hyper, weights, float(data["evidence"])))
    return _Part(data["pruning"], float(data["weight"]), process, found)


def _kernel(data: Mapping[str, Any]) -> Kernel:
    return Kernel(**{**data, "shapes": tuple([tuple(shape) for shape in data["shapes"]])})


def _words(device: Mapping[str, Any]) -> str:
    names = [str(device[name]) for name in ("gpu", "cpu", "name", "runtime", "dtype") if device.get(name)]
    return ", ".join(names) or "not described"
