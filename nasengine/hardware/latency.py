"""A latency as what it is: a distribution measured in a stated way on a stated device. No torch."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from nasengine.errors import DeviceError

FORMAT = "nasengine.latency/1"
_SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatencyProfile:
    """The latency of one network on one device. No field has a default: each is measured or read.

    `median_ms` with `ci_low_ms` and `ci_high_ms` (95 % confidence), and `p10_ms`, `p90_ms`, `p99_ms`, are
    over `runs` timed calls after `warmup_runs` untimed ones. `steady` is False when the warm-up reached its
    limit before two successive medians agreed. `device` is `Device.describe()` and `device_key` its SHA-256,
    `load_average` the machine's one-minute load before the measurement (None where the system has none),
    `measured_at` a UTC time in ISO 8601, `method` one sentence on how it was measured.

    Raises:
        DeviceError: times that are not positive, finite and in order.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    p99_ms: float
    ci_low_ms: float
    ci_high_ms: float
    runs: int
    warmup_runs: int
    steady: bool
    batch: int
    threads: int
    runtime: str
    dtype: str
    device: dict[str, str | int | None]
    device_key: str
    load_average: float | None
    measured_at: str
    method: str

    def __post_init__(self) -> None:
        for names in (("p10_ms", "median_ms", "p90_ms", "p99_ms"), ("ci_low_ms", "median_ms", "ci_high_ms")):
            values = [getattr(self, name) for name in names]
            if not all(math.isfinite(v) and v > 0 for v in values) or values != sorted(values):
                raise DeviceError(
                    f"latency profile: expected 0 < {' <= '.join(names)}, got {', '.join(map(str, values))}; "
                    "measure the network again"
                )

    def to_json(self) -> dict[str, Any]:
        """Every field by name, and the format's tag."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyProfile:
        """The profile that `to_json` wrote. Raises DeviceError for another format or other fields."""
        if data.get("format") != FORMAT:
            raise DeviceError(
                f"latency profile: expected the format {FORMAT!r}, got {data.get('format')!r}; measure again"
            )
        names = {field.name for field in dataclasses.fields(cls)}
        got = set(data) - {"format"}
        if got != names:
            raise DeviceError(
                f"latency profile: missing fields {sorted(names - got)}, unknown ones {sorted(got - names)}; "
                f"expected those of {FORMAT!r}: measure again"
            )
        return cls(**{name: data[name] for name in names})

    def summary(self) -> str:
        """One line: "1.92 ms (95 % CI 1.90-1.95; p90 2.01) on <device>, eager fp32, batch 1, ..."."""
        place = self.device.get("gpu") or self.device.get("cpu")
        low, high = _show(self.ci_low_ms), _show(self.ci_high_ms)
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        doubt = "" if self.steady else ", warm-up not steady"
        return (
            f"{_show(self.median_ms)} ms (95 % CI {low}-{high}; p90 {_show(self.p90_ms)}) on {place}, "
            f"{self.runtime} {_SHORT.get(self.dtype, self.dtype)}, batch {self.batch}, {threads}, "
            f"{self.runs} runs after {self.warmup_runs} warm-up{doubt}"
        )


def statistics_of(times_ms: Sequence[float]) -> dict[str, float]:
    """The median, its 95 % interval and the percentiles of `times_ms`, named as `LatencyProfile`'s fields."""
    ordered = sorted(times_ms)
    low, high = median_interval(ordered)
    return {
        "median_ms": statistics.median(ordered),
        "p10_ms": percentile(ordered, 10),
        "p90_ms": percentile(ordered, 90),
        "p99_ms": percentile(ordered, 99),
        "ci_low_ms": low,
        "ci_high_ms": high,
    }


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The percentile by nearest rank, so that it is a time that was seen; of 30 runs p99 is the slowest.

    Definition 1 of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician
    50(4), 1996.
    """
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def median_interval(ordered: Sequence[float], error: float = 0.05) -> tuple[float, float]:
    """A confidence interval of the median from order statistics, whatever the distribution.

    [x(l), x(n+1-l)] covers the median with probability 1 - 2 P(B < l), B ~ Binomial(n, 1/2); l is the largest
    rank that keeps this at least 1 - `error` (David and Nagaraja, "Order Statistics", 3rd edition, 2003,
    section 7.1; such intervals are what Hoefler and Belli, "Scientific benchmarking of parallel computing
    systems", SC 2015, advise for timings). It takes the runs to be independent: slow drifts of the machine
    are not in it.

    Raises:
        DeviceError: too few runs for such an interval (fewer than 6 at 95 %).
    """
    runs = len(ordered)
    allowed = Fraction(error) / 2 * 2**runs  # of the 2^n equally likely patterns of runs below the median
    rank, patterns, tail = 0, 1, 1  # patterns = C(n, rank); tail = sum of C(n, k) for k <= rank
    while tail <= allowed:
        patterns = patterns * (runs - rank) // (rank + 1)
        rank += 1
        tail += patterns
    if rank == 0:
        raise DeviceError(f"latency: {runs} runs give no {1 - error:.0%} interval of the median; time more runs")
    return ordered[rank - 1], ordered[runs - rank]


def _show(time_ms: float) -> str:
    """Three significant digits without an exponent: 1.92, 0.0213, 1250."""
    return f"{time_ms:.{max(0, 2 - math.floor(math.log10(time_ms)))}f}"
