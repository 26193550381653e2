"""LatencyProfile and Limits: laws, JSON, one line for a person."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from nasengine.errors import DeviceError
from nasengine.hardware import LatencyProfile, Limits

FIELDS: dict[str, Any] = {
    "median_ms": 1.923,
    "p10_ms": 1.88,
    "p90_ms": 2.011,
    "p99_ms": 2.5,
    "ci_low_ms": 1.901,
    "ci_high_ms": 1.949,
    "runs": 57,
    "warmup_runs": 23,
    "steady": True,
    "batch": 1,
    "threads": 1,
    "runtime": "eager",
    "dtype": "float32",
    "device": {"cpu": "A Processor", "cores": 2},
    "device_key": "0" * 64,
    "load_average": 0.25,
    "measured_at": "2026-01-02T03:04:05+00:00",
    "method": "a clock around one call",
}
NEW: dict[str, Any] = {
    "passes_ms": (1.91, 1.923, 1.93),
    "wanted_ci": 0.03,
    "precise": True,
    "loaded": False,
    "drift": 0.004,
    "reference_ms": 0.0412,
    "busy_share": 0.01,
    "retries": 0,
    "layout": "contiguous",
    "cache": "warm",
    "peak_memory_bytes": 4096,
    "energy_mj": None,
    "power_w": None,
    "temperature_c": 41.0,
    "clock_mhz": None,
    "facts": {"weights": "float32"},
}
"""What format 2 adds."""


def make(**changes: Any) -> LatencyProfile:
    return LatencyProfile(**(FIELDS | NEW | changes))


def test_summary_is_one_line_that_says_everything() -> None:
    assert make().summary() == (
        "1.92 ms (95 % CI 1.90-1.95; p90 2.01) on A Processor, eager fp32, batch 1, 1 thread, "
        "57 runs in 3 processes after 23 warm-up"
    )


def test_summary_names_the_gpu_the_dtype_and_a_warm_up_that_never_settled() -> None:
    profile = make(device={"cpu": "A", "gpu": "B"}, dtype="bfloat16", threads=4, batch=8, steady=False)
    assert (
        "on B, eager bf16, batch 8, 4 threads, 57 runs in 3 processes after 23 warm-up, warm-up not steady"
        in profile.summary()
    )


def test_summary_says_what_to_doubt() -> None:
    profile = make(loaded=True, drift=0.071, precise=False, wanted_ci=0.02)
    assert profile.summary().endswith(
        "after 23 warm-up, on a loaded machine (reference moved 7%, others used 1% of the cores), "
        "less precise than the 0.02 asked for"
    )
    unknown = make(loaded=True, drift=None, busy_share=None)
    assert unknown.summary().endswith("after 23 warm-up, on a loaded machine (not known how)")


@pytest.mark.parametrize(
    ("time_ms", "shown"), [(0.00428, "0.00428"), (0.0213, "0.0213"), (19.26, "19.3"), (1234.5, "1234")]
)
def test_summary_shows_three_digits_and_no_exponent(time_ms: float, shown: str) -> None:
    names = ("median_ms", "p10_ms", "p90_ms", "p99_ms", "ci_low_ms", "ci_high_ms")
    assert make(**dict.fromkeys(names, time_ms)).summary().startswith(f"{shown} ms (95 % CI {shown}-{shown};")


def test_json_restores_an_equal_profile() -> None:
    profile = make()
    assert LatencyProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_json_of_the_format_before_is_read_and_nothing_is_invented() -> None:
    old = LatencyProfile.from_json({"format": "nasengine.latency/1", **FIELDS})
    assert {name: getattr(old, name) for name in FIELDS} == FIELDS
    absent = {name: getattr(old, name) for name in NEW}
    assert absent == dict.fromkeys(NEW) | {"passes_ms": (), "facts": {}}
    assert old.summary().endswith("1 thread, 57 runs after 23 warm-up")
    assert LatencyProfile.from_json(json.loads(json.dumps(old.to_json()))) == old


def test_json_of_the_format_before_with_fields_missing_is_refused() -> None:
    data = {"format": "nasengine.latency/1", **FIELDS}
    del data["median_ms"]
    with pytest.raises(DeviceError, match=r"missing fields \['median_ms'\].*'nasengine.latency/1': measure again$"):
        LatencyProfile.from_json(data)


def test_json_of_another_format_is_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        LatencyProfile.from_json(make().to_json() | {"format": "other/1"})
    assert str(caught.value) == (
        "latency profile: expected the format 'nasengine.latency/2', got 'other/1'; measure again"
    )


def test_json_with_seconds_in_place_of_milliseconds_is_refused() -> None:
    data = make().to_json()
    data["median_s"] = data.pop("median_ms") / 1e3
    with pytest.raises(DeviceError) as caught:
        LatencyProfile.from_json(data)
    assert str(caught.value) == (
        "latency profile: missing fields ['median_ms'], unknown ones ['median_s']; "
        "expected those of 'nasengine.latency/2': measure again"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"median_ms": 0.0},
        {"median_ms": 1923.0},
        {"p10_ms": -1.0},
        {"p99_ms": float("nan")},
        {"p99_ms": float("inf")},
    ],
)
def test_times_that_cannot_be_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(
        DeviceError, match=r"^latency profile: expected 0 < p10_ms <= median_ms <= p90_ms <= p99_ms, got"
    ):
        make(**changes)


def test_an_interval_without_its_median_is_refused() -> None:
    expected = "0 < ci_low_ms <= median_ms <= ci_high_ms, got 1.93, 1.923, 1.949; measure the network again$"
    with pytest.raises(DeviceError, match=expected):
        make(ci_low_ms=1.93)


def test_no_figure_has_a_placeholder() -> None:
    for field in dataclasses.fields(LatencyProfile):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING


def test_times_carry_their_unit_in_the_name() -> None:
    floats = {f.name for f in dataclasses.fields(LatencyProfile) if "float" in str(f.type)}
    shares = {"wanted_ci", "drift", "busy_share", "load_average"}
    assert {name.rpartition("_")[2] for name in floats - shares} == {"ms", "mj", "w", "c", "mhz"}


def test_limits_survive_json() -> None:
    limits = Limits(ci=0.05, processes=4, min_runs=40, target_s=0.1)
    assert Limits.from_json(json.loads(json.dumps(limits.to_json()))) == limits
    assert Limits.from_json({}) == Limits()


@pytest.mark.parametrize(
    "name", ["ci", "target_s", "patience_s", "warmup_limit_s", "limit_s", "load_limit_s", "prepare_limit_s"]
)
@pytest.mark.parametrize("value", [0, 0.0, -1.0, float("nan"), float("inf"), True, "1"])
def test_limits_are_numbers_above_zero(name: str, value: object) -> None:
    with pytest.raises(DeviceError) as caught:
        Limits(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == f"profile: {name} is a number above 0; got {value!r}; a measurement needs time and room"


@pytest.mark.parametrize(
    ("name", "value", "least", "why"),
    [
        ("processes", 2, 3, "; one process says nothing of how processes differ"),
        ("processes", 3.0, 3, "; one process says nothing of how processes differ"),
        ("retries", -1, 0, "; none is 0"),
        ("min_runs", 29, 30, "; fewer runs say little of the median and nothing of the tail"),
        ("min_runs", 0, 30, "; fewer runs say little of the median and nothing of the tail"),
        ("max_runs", True, 30, "; fewer runs say little of the median and nothing of the tail"),
    ],
)
def test_limits_are_whole_numbers_that_make_sense(name: str, value: object, least: int, why: str) -> None:
    with pytest.raises(DeviceError) as caught:
        Limits(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == f"profile: {name} is a whole number of at least {least}; got {value!r}{why}"


@pytest.mark.parametrize("changes", [{"processes": 5}, {"most_processes": 2}, {"min_runs": 91, "max_runs": 30}])
def test_limits_hold_each_other(changes: dict[str, int]) -> None:
    limits = {"processes": 3, "most_processes": 4, "min_runs": 30, "max_runs": 2000} | changes
    with pytest.raises(DeviceError) as caught:
        Limits(**changes)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"profile: most_processes={limits['most_processes']} and max_runs={limits['max_runs']} hold at least "
        f"processes={limits['processes']} and min_runs={limits['min_runs']}; raise them"
    )


def test_limits_that_do_not_exist_are_named() -> None:
    with pytest.raises(DeviceError) as caught:
        Limits.from_json({"limit_ms": 3})
    assert str(caught.value).startswith(
        "profile: ['limit_ms'] are no limits; expected some of ['ci', 'limit_s', 'load_"
    )


def test_the_runs_are_shared_among_the_processes() -> None:
    assert Limits(min_runs=31).runs_a_process == 11
    assert Limits().longest_s > Limits().most_processes * Limits().process_s
