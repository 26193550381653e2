"""A latency predictor in a study: which candidates need no measurement, and which are measured after all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import StudyError
from nasengine.search import LATENCY, Budget
from nasengine.space import Architecture
from nasengine.space.spec import fingerprint

if TYPE_CHECKING:
    from nasengine.hardware.predictor import LatencyPredictor, Prediction

FORMAT = "nasengine.prediction/1"
TOLERANCE = 0.10


class Verdict(Enum):
    """What a prediction's 95 % interval says."""

    OVER = "the whole interval breaks a budget"
    CERTAIN = "the whole interval meets every budget, and it is narrow enough to stand for a measurement"
    UNSURE = "to be measured"


@dataclass(frozen=True)
class Foresight:
    """A predictor as a study uses it.

    Attributes:
        predictor: of the study's device and space.
        tolerance: half width of an interval, as a share of the predicted median, up to which a network is not measured.
        budgets: those of the study.
    """

    predictor: LatencyPredictor
    tolerance: float
    budgets: tuple[Budget, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Equal for predictors that predict alike and are trusted alike; what was said of their errors is left out."""
        told = {name: value for name, value in self.predictor.to_json().items() if name != "report"}
        return fingerprint([told, self.tolerance])

    @property
    def key(self) -> str:
        """Stands in a ledger where a measured latency has its device's key."""
        return f"predicted:{self.fingerprint}"

    def predict(self, architectures: Sequence[Architecture]) -> list[Prediction]:
        """Medians with 95 % intervals, in milliseconds."""
        return self.predictor.predict([architecture.graph().simplify() for architecture in architectures])

    def verdict(self, found: Mapping[str, Any]) -> Verdict:
        """What a recorded prediction decides."""
        low, middle, high = found["low_ms"], found["median_ms"], found["high_ms"]
        bounds = [b for b in self.budgets if b.name == LATENCY]
        if any(not b.met(low) and not b.met(high) for b in bounds):
            return Verdict.OVER
        narrow = (high - low) / 2 <= self.tolerance * middle
        return Verdict.CERTAIN if narrow and all(b.met(low) and b.met(high) for b in bounds) else Verdict.UNSURE

    def reason(self, found: Mapping[str, Any]) -> str:
        """Why a network is refused unmeasured: figure, interval, budget."""
        over = [b for b in self.budgets if b.name == LATENCY and not b.met(found["median_ms"])]
        return "; ".join(
            f"{LATENCY} is predicted as {found['median_ms']:,.4g} (95 % interval {found['low_ms']:,.4g} to "
            f"{found['high_ms']:,.4g}); the budget is {budget}"
            for budget in over
        )

    def row(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as it is recorded."""
        figures = {name: getattr(prediction, name) for name in ("median_ms", "low_ms", "high_ms")}
        return {"format": FORMAT, **figures, "predictor": self.fingerprint}


def read_predictor(given: Any) -> LatencyPredictor:
    """A predictor, read from its file where a path is given.

    Raises:
        PredictorError: the file holds none.
        StudyError: neither a predictor nor a path.
    """
    from nasengine.hardware.predictor import LatencyPredictor

    if isinstance(given, LatencyPredictor):
        return given
    if isinstance(given, (str, Path)):
        return LatencyPredictor.load(given)
    raise StudyError(f"Study: predictor is a LatencyPredictor or the path of its file; got {given!r}")


def check_tolerance(value: Any) -> float:
    """A share between 0 and 1.

    Raises:
        StudyError: another number, or none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and 0 < value < 1):
        raise StudyError(
            f"Study: tolerance is the half width of a 95 % interval, as a share of the median, between 0 and 1; got "
            f"{value!r}; write tolerance=0.1 to measure what is not known within 10 %"
        )
    return float(value)
