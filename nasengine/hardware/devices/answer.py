"""What a benchmark command answered: checked figure by figure, and joined into a profile."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from nasengine.errors import DeviceError, UnsupportedError
from nasengine.hardware.latency import Fact
from nasengine.hardware.limits import Limits
from nasengine.hardware.timing.intervals import passes_interval, percentile, widened

SUMMARY = ("median_ms", "p10_ms", "p90_ms", "p99_ms")
_ENDS = ("ci_low_ms", "ci_high_ms")
_COUNTS = ("runs", "warmup_runs", "processes", "peak_memory_bytes")
_FIGURES = (*SUMMARY, *_ENDS, "energy_mj", "power_w", "temperature_c", "clock_mhz")
_SHOWN = 200
_SECONDS = 1_000  # a command whose calls add up to less than a thousandth of its time has printed seconds, or too few


@dataclasses.dataclass(frozen=True)
class Answer:
    """One run of a command: the times of its calls, or its own statistics of them, and what else it said."""

    times_ms: tuple[float, ...]
    figures: Mapping[str, float]
    steady: bool
    device: dict[str, Fact]
    facts: dict[str, Fact]

    @property
    def median_ms(self) -> float:
        """The median of this run's calls."""
        return statistics.median(self.times_ms) if self.times_ms else self.figures["median_ms"]

    @property
    def runs(self) -> int:
        """How many calls were timed."""
        return len(self.times_ms) or int(self.figures["runs"])

    @property
    def processes(self) -> int:
        """How many fresh processes the command says that its own figures span."""
        return int(self.figures.get("processes", 1))


def read_answer(place: str, printed: str, limits: Limits, wall_s: float) -> Answer:
    """The last line that is a JSON object, checked.

    Args:
        place: whose answer, for messages.
        printed: all of stdout.
        limits: what was asked for.
        wall_s: how long the command ran: its calls cannot have taken longer.

    Raises:
        UnsupportedError: it says ``{"unsupported": "..."}``.
        DeviceError: there is no such line, or what it says cannot be.
    """
    data = _last_object(place, printed)
    if data.get("unsupported"):
        raise UnsupportedError(f"{place}: its runtime takes every operation; got: {str(data['unsupported'])[:_SHOWN]}")
    times, figures = _times(place, data), {name: _number(place, name, data[name]) for name in _named(data)}
    if times and len(times) < limits.runs_a_process:
        raise DeviceError(
            f"{place}: times_ms holds at least {limits.runs_a_process} times, as the request's min_runs says; got "
            f"{len(times)}: time more calls"
        )
    if not times:
        _check_summary(place, figures)
    answer = Answer(
        times, figures, data.get("steady", True) is True, _facts(place, data, "device"), _facts(place, data, "facts")
    )
    _check_unit(place, answer, limits, wall_s)
    return answer


def wants_more(answers: Sequence[Answer], limits: Limits) -> bool:
    """Should the command be run once more: for the variance between processes, or since they differ too much?"""
    if len(answers) < limits.processes:
        return True
    medians = [answer.median_ms for answer in answers]
    low, high = passes_interval(medians)
    return len(answers) < limits.most_processes and high - low > limits.ci * statistics.median(medians)


def joined(answers: Sequence[Answer]) -> dict[str, Any]:
    """The statistics of a ``LatencyProfile`` from the runs of a command: every run is a fresh process."""
    first, medians = answers[0], [answer.median_ms for answer in answers]
    times = sorted(time for answer in answers for time in answer.times_ms)
    if times:
        middle = statistics.median(times)
        found = {"median_ms": middle, "p10_ms": percentile(times, 10)}
        found |= {"p90_ms": percentile(times, 90), "p99_ms": percentile(times, 99)}
    else:
        found = {name: statistics.median(answer.figures[name] for answer in answers) for name in SUMMARY}
        middle = found["median_ms"]
    low, high = (first.figures[n] for n in _ENDS) if len(answers) == 1 else widened(*passes_interval(medians))
    return {
        **found,
        "ci_low_ms": min(low, middle),
        "ci_high_ms": max(high, middle),
        "passes_ms": tuple(medians) if len(answers) > 1 else (),
        "runs": sum(answer.runs for answer in answers),
        "warmup_runs": sum(int(answer.figures.get("warmup_runs", 0)) for answer in answers),
        "steady": all(answer.steady for answer in answers),
        "peak_memory_bytes": _most(answers, "peak_memory_bytes"),
        **{name: _middle(answers, name) for name in ("energy_mj", "power_w", "temperature_c", "clock_mhz")},
        "facts": dict(first.facts),
    }


# --- inside ----------------------------------------------------------------------------------------------------------


def _last_object(place: str, printed: str) -> dict[str, Any]:
    for line in reversed(printed.splitlines()):
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data, dict):
            return data
    raise DeviceError(
        f"{place}: it prints one line that is a JSON object, such as "
        f'{{"times_ms": [1.9, 1.8]}}; its output ends: {_end(printed)}; see the protocol of CommandDevice'
    )


def _end(printed: str) -> str:
    text = " ".join(printed.split())
    return repr(text[-_SHOWN:]) if text else "(nothing)"


def _named(data: Mapping[str, Any]) -> list[str]:
    return [name for name in (*_FIGURES, *_COUNTS) if data.get(name) is not None]


def _times(place: str, data: Mapping[str, Any]) -> tuple[float, ...]:
    given = data.get("times_ms")
    if given is None and "median_ms" not in data:
        raise DeviceError(
            f'{place}: its JSON holds "times_ms" or "median_ms"; got the keys {", ".join(sorted(data)) or "(none)"}'
        )
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        raise DeviceError(f"{place}: times_ms is a list of milliseconds, one a call; got {str(given)[:_SHOWN]}")
    return tuple(_number(place, f"times_ms[{i}]", value) for i, value in enumerate(given))


def _number(place: str, name: str, value: Any) -> float:
    """Positive and finite; a count may be zero, and a temperature below it."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    least = -math.inf if name == "temperature_c" else 0
    if not good or value < least or (value == 0 and name.partition("[")[0].endswith("_ms")):
        raise DeviceError(f"{place}: {name} is a finite number above 0; got {value!r}")
    if name in _COUNTS and value != int(value):
        raise DeviceError(f"{place}: {name} is a whole number; got {value!r}")
    return float(value)


def _check_summary(place: str, figures: Mapping[str, float]) -> None:
    wanted = [*SUMMARY, "runs", *(_ENDS if figures.get("processes", 1) > 1 else ())]
    absent = [name for name in wanted if not figures.get(name)]
    if absent:
        raise DeviceError(
            f"{place}: statistics of its own are {', '.join(wanted)}; {', '.join(absent)} missing; print them, or "
            "print times_ms and leave the statistics to us"
        )


def _check_unit(place: str, answer: Answer, limits: Limits, wall_s: float) -> None:
    """Calls take part of the time that the command took; seconds or microseconds in place of milliseconds do not."""
    total_s = (sum(answer.times_ms) or answer.median_ms * answer.runs) / 1e3
    said = f"{answer.runs} calls with a median of {answer.median_ms:.3g} ms"
    if total_s > wall_s and answer.processes == 1:
        raise DeviceError(
            f"{place}: times are milliseconds of one call; {said} add up to {total_s:.3g} s, and the command ran for "
            f"{wall_s:.3g} s: print milliseconds, and time calls one after the other"
        )
    if total_s * _SECONDS < wall_s and answer.runs < limits.max_runs:
        raise DeviceError(
            f"{place}: times are milliseconds; {said} add up to {total_s:.3g} s of the {wall_s:.3g} s that the command "
            "ran, so these are seconds, or too few calls: print milliseconds, and time calls for as long as the "
            f"request's target_s says, or {limits.max_runs} of them"
        )


def _facts(place: str, data: Mapping[str, Any], name: str) -> dict[str, Fact]:
    given = data.get(name) or {}
    plain = isinstance(given, dict) and all(isinstance(v, (str, int, float)) or v is None for v in given.values())
    if not plain:
        raise DeviceError(
            f"{place}: {name} is a JSON object of texts and numbers, none of them nested; got {str(given)[:_SHOWN]}"
        )
    return {str(key): str(value) if isinstance(value, (bool, float)) else value for key, value in given.items()}


def _most(answers: Sequence[Answer], name: str) -> int | None:
    found = [int(answer.figures[name]) for answer in answers if name in answer.figures]
    return max(found, default=None)


def _middle(answers: Sequence[Answer], name: str) -> float | None:
    found = [answer.figures[name] for answer in answers if name in answer.figures]
    return statistics.median(found) if found else None
