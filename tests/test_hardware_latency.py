"""LatencyProfile and its statistics: laws, JSON, one line for a person."""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasengine.errors import DeviceError
from nasengine.hardware import LatencyProfile
from nasengine.hardware.latency import median_interval, percentile, statistics_of

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


def make(**changes: Any) -> LatencyProfile:
    return LatencyProfile(**(FIELDS | changes))


def test_summary_is_one_line_that_says_everything() -> None:
    assert make().summary() == (
        "1.92 ms (95 % CI 1.90-1.95; p90 2.01) on A Processor, eager fp32, batch 1, 1 thread, 57 runs after 23 warm-up"
    )


def test_summary_names_the_gpu_the_dtype_and_a_warm_up_that_never_settled() -> None:
    profile = make(device={"cpu": "A", "gpu": "B"}, dtype="bfloat16", threads=4, batch=8, steady=False)
    assert "on B, eager bf16, batch 8, 4 threads, 57 runs after 23 warm-up, warm-up not steady" in profile.summary()


@pytest.mark.parametrize(
    ("time_ms", "shown"), [(0.00428, "0.00428"), (0.0213, "0.0213"), (19.26, "19.3"), (1234.5, "1234")]
)
def test_summary_shows_three_digits_and_no_exponent(time_ms: float, shown: str) -> None:
    names = ("median_ms", "p10_ms", "p90_ms", "p99_ms", "ci_low_ms", "ci_high_ms")
    assert make(**dict.fromkeys(names, time_ms)).summary().startswith(f"{shown} ms (95 % CI {shown}-{shown};")


def test_json_restores_an_equal_profile() -> None:
    profile = make()
    assert LatencyProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile


def test_json_of_another_format_is_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        LatencyProfile.from_json(make().to_json() | {"format": "other/1"})
    assert str(caught.value) == (
        "latency profile: expected the format 'nasengine.latency/1', got 'other/1'; measure again"
    )


def test_json_with_seconds_in_place_of_milliseconds_is_refused() -> None:
    data = make().to_json()
    data["median_s"] = data.pop("median_ms") / 1e3
    with pytest.raises(DeviceError) as caught:
        LatencyProfile.from_json(data)
    assert str(caught.value) == (
        "latency profile: missing fields ['median_ms'], unknown ones ['median_s']; "
        "expected those of 'nasengine.latency/1': measure again"
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
    floats = {field.name for field in dataclasses.fields(LatencyProfile) if field.type == "float"}
    assert floats == {"median_ms", "p10_ms", "p90_ms", "p99_ms", "ci_low_ms", "ci_high_ms"}


@pytest.mark.parametrize(("runs", "low", "high"), [(6, 1, 6), (9, 2, 8), (10, 2, 9), (30, 10, 21), (100, 40, 61)])
def test_the_interval_has_the_ranks_of_the_published_tables(runs: int, low: int, high: int) -> None:
    assert median_interval([float(i) for i in range(1, runs + 1)]) == (low, high)


@given(st.integers(6, 400))
def test_the_interval_covers_and_the_next_narrower_would_not(runs: int) -> None:
    low, high = median_interval([float(i) for i in range(1, runs + 1)])
    rank = int(low)
    assert high == runs + 1 - rank

    def miss(rank: int) -> int:
        return 2 * sum(comb(runs, k) for k in range(rank))

    assert miss(rank) * 20 <= 2**runs < miss(rank + 1) * 20


def test_too_few_runs_give_no_interval() -> None:
    with pytest.raises(DeviceError, match=r"^latency: 5 runs give no 95% interval of the median; time more runs$"):
        median_interval([1.0] * 5)


def test_the_interval_covers_the_true_median_of_a_skewed_distribution() -> None:
    """2,000 samples of 30 cover 95.7 % of the time (standard deviation 0.45 %).

    Below 94 % or above 97.5 % has odds under 1 in 5,000, and the seed is fixed.
    """
    rng = random.Random(0)
    hits = 0
    for _ in range(2000):
        low, high = median_interval(sorted(rng.lognormvariate(0.0, 1.0) for _ in range(30)))
        hits += low <= 1.0 <= high
    assert 0.94 <= hits / 2000 <= 0.975


@given(st.lists(st.floats(0.001, 1e4), min_size=30, max_size=200))
def test_statistics_are_in_order_and_percentiles_were_seen(times_ms: list[float]) -> None:
    figures = statistics_of(times_ms)
    make(**figures)  # its laws hold
    assert figures["median_ms"] == statistics.median(times_ms)
    assert {figures["p10_ms"], figures["p90_ms"], figures["p99_ms"]} <= set(times_ms)


def test_percentiles_by_nearest_rank() -> None:
    ordered = [float(i) for i in range(1, 31)]
    assert [percentile(ordered, p) for p in (10, 50, 90, 99)] == [3.0, 15.0, 27.0, 30.0]
