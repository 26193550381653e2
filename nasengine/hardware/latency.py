"""A latency as what it is: a distribution measured in a stated way on a stated device. No torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from nasengine.errors import DeviceError

FORMAT = "nasengine.latency/2"
_BEFORE = "nasengine.latency/1"
_SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}

Fact = str | int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatencyProfile:
    """The latency of one network on one device. No field has a default: each is measured or read; None is what could
    not be read here, never a guess.

    Attributes:
        median_ms: the latency; what it is the median of, `method` says.
        p10_ms, p90_ms, p99_ms: percentiles of all timed calls.
        ci_low_ms, ci_high_ms: 95 % interval of the median, the variance between processes included.
        runs, warmup_runs: timed and untimed calls, of all processes together.
        steady: False when a warm-up reached its limit before two successive medians agreed.
        batch, threads, runtime, dtype: the device's, as it was used.
        device, device_key: `Device.describe()` and its SHA-256.
        load_average: the machine's one-minute load before the measurement.
        measured_at: UTC time in ISO 8601.
        method: how it was measured, in words.
        passes_ms: the median of each fresh process.
        wanted_ci: how wide the interval was asked to be at most, as a share of the median.
        precise: whether it is as narrow as that.
        loaded: the reference kernel moved or others used the cores, after the retries too: beware of the last digits.
        drift: largest relative movement of the reference kernel, within and between the processes.
        reference_ms: what the reference kernel took.
        busy_share: share of the cores that this process may use, which others used meanwhile.
        retries: how many processes were added because the reference kernel moved or too few agreed.
        layout, cache: memory layout of images; what caches held when a call began.
        peak_memory_bytes: what a call needs beyond weights and inputs: on a GPU what torch's allocator gives out, on a
            CPU the growth of the process.
        energy_mj: energy a call, in millijoules; power_w: mean power meanwhile.
        temperature_c, clock_mhz: of the device, right after the last call.
        facts: versions and options that the runtime says of itself.

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
    device: dict[str, Fact]
    device_key: str
    load_average: float | None
    measured_at: str
    method: str
    passes_ms: tuple[float, ...]
    wanted_ci: float | None
    precise: bool | None
    loaded: bool | None
    drift: float | None
    reference_ms: float | None
    busy_share: float | None
    retries: int | None
    layout: str | None
    cache: str | None
    peak_memory_bytes: int | None
    energy_mj: float | None
    power_w: float | None
    temperature_c: float | None
    clock_mhz: float | None
    facts: dict[str, Fact]

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
        return {"format": FORMAT, **dataclasses.asdict(self), "passes_ms": list(self.passes_ms)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LatencyProfile:
        """The profile that `to_json` wrote, or one of the format before, whose missing figures are None.

        Raises:
            DeviceError: another format or other fields.
        """
        if data.get("format") not in (FORMAT, _BEFORE):
            raise DeviceError(
                f"latency profile: expected the format {FORMAT!r}, got {data.get('format')!r}; measure again"
            )
        names = {field.name for field in dataclasses.fields(cls)}
        known = {name: value for name, value in data.items() if name != "format"}
        if data["format"] == _BEFORE:
            known = dict.fromkeys(_NEW) | {"passes_ms": (), "facts": {}} | known
        if set(known) != names:
            raise DeviceError(
                f"latency profile: missing fields {sorted(names - set(known))}, unknown ones "
                f"{sorted(set(known) - names)}; expected those of {data['format']!r}: measure again"
            )
        return cls(**known | {"passes_ms": tuple(known["passes_ms"])})

    def summary(self) -> str:
        """One line: "1.92 ms (95 % CI 1.90-1.95; p90 2.01) on <device>, eager fp32, batch 1, ..."."""
        place = self.device.get("gpu") or self.device.get("cpu") or self.device.get("name")
        low, high = _show(self.ci_low_ms), _show(self.ci_high_ms)
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        processes = f" in {len(self.passes_ms)} processes" if self.passes_ms else ""
        return (
            f"{_show(self.median_ms)} ms (95 % CI {low}-{high}; p90 {_show(self.p90_ms)}) on {place}, "
            f"{self.runtime} {_SHORT.get(self.dtype, self.dtype)}, batch {self.batch}, {threads}, "
            f"{self.runs} runs{processes} after {self.warmup_runs} warm-up{self._doubts()}"
        )

    def _doubts(self) -> str:
        doubts = []
        if not self.steady:
            doubts.append("warm-up not steady")
        if self.loaded:
            moved = [] if self.drift is None else [f"reference moved {self.drift:.0%}"]
            busy = [] if self.busy_share is None else [f"others used {self.busy_share:.0%} of the cores"]
            doubts.append(f"on a loaded machine ({', '.join(moved + busy) or 'not known how'})")
        if self.precise is False:
            doubts.append(f"less precise than the {self.wanted_ci:.2g} asked for")
        return "".join(f", {doubt}" for doubt in doubts)


_NEW = (
    "passes_ms", "wanted_ci", "precise", "loaded", "drift", "reference_ms", "busy_share", "retries", "layout", "cache",
    "peak_memory_bytes", "energy_mj", "power_w", "temperature_c", "clock_mhz", "facts",
)  # fmt: skip


def _show(time_ms: float) -> str:
    """Three significant digits without an exponent: 1.92, 0.0213, 1250."""
    return f"{time_ms:.{max(0, 2 - math.floor(math.log10(time_ms)))}f}"
