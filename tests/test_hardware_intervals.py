"""What is made of times: percentiles, intervals, and which calls, blocks and processes stand for a quiet machine.

Simulated machines have a known truth. Their random numbers are seeded, and each test states the odds of its bounds.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasengine.errors import DeviceError
from nasengine.hardware import Limits
from nasengine.hardware.timing.intervals import passes_interval, percentile, widened
from nasengine.hardware.timing.sampling import Rest, timed, warm_up
from nasengine.hardware.timing.selection import (
    Outcome,
    PassFigures,
    figures_of,
    least_disturbed,
    movement,
    outcome_of,
    uninterrupted,
    until_known,
)

times = st.floats(0.001, 1e4)


def block(*ms: float) -> list[tuple[float, float]]:
    return [(one, 0.0) for one in ms]


def test_percentiles_by_nearest_rank() -> None:
    ordered = [float(i) for i in range(1, 31)]
    assert [percentile(ordered, p) for p in (10, 50, 90, 99)] == [3.0, 15.0, 27.0, 30.0]


@given(st.lists(times, min_size=1, max_size=60), st.integers(1, 99))
def test_a_percentile_was_seen_and_holds_its_share(values: list[float], percent: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert found in ordered
    assert sum(v <= found for v in ordered) * 100 >= percent * len(ordered) > sum(v < found for v in ordered) * 100


def test_the_interval_between_processes_is_student_s() -> None:
    """(9, 10, 11): 10 ± 4.303 * 1 / sqrt(3), and with a fourth process 3.182."""
    assert passes_interval([9.0, 10.0, 11.0]) == pytest.approx((10 - 2.4843, 10 + 2.4843), rel=1e-4)
    low, high = passes_interval([9.0, 10.0, 11.0, 10.0])
    assert (high - low) / 2 == pytest.approx(3.182 * statistics.stdev([9, 10, 11, 10]) / 2)
    many = passes_interval([9.0, 11.0] * 20)
    assert many[0] < 10 < many[1]


def test_one_process_gives_no_interval() -> None:
    with pytest.raises(DeviceError) as caught:
        passes_interval([1.0])
    assert str(caught.value) == "latency: 1 process gives no interval between processes; measure in at least 2"


def test_movements_add_up_as_squares_and_the_low_end_stays_above_zero() -> None:
    assert widened(9.0, 11.0) == (9.0, 11.0)
    assert widened(9.7, 10.3, 0.04) == pytest.approx((9.5, 10.5))
    assert widened(9.9, 10.1, 5.0, 1.0)[0] == pytest.approx(0.1)


def test_calls_that_waited_for_a_core_are_left_out() -> None:
    assert uninterrupted([(2.0, 0.0), (6.0, 4.0), (2.1, 0.02)]) == [2.0, 2.1]
    assert uninterrupted([(6.0, 4.0), (9.0, 6.5)]) == [2.0, 2.5]  # none kept its core: less what they waited
    assert uninterrupted([(1.0, 1.5)])[0] > 0


def test_on_a_quiet_machine_every_block_stands() -> None:
    blocks = [block(10.0 + i * 0.02) for i in range(10)]
    assert least_disturbed(blocks) == list(range(10))


def test_slow_stretches_are_left_out() -> None:
    blocks = [block(10.0, 10.1), block(17.0, 17.0), block(10.1, 10.2), block(12.0), block(10.0)]
    assert least_disturbed(blocks) == [0, 2, 4]
    assert figures_of(blocks, [1.0] * 6).median_ms == pytest.approx(10.1)


def test_a_quarter_of_the_blocks_is_kept_at_least() -> None:
    assert least_disturbed([block(float(10 + 2 * i)) for i in range(12)]) == [0, 1, 2]


@given(st.lists(st.lists(times, min_size=1, max_size=5), min_size=1, max_size=20))
def test_what_is_kept_is_fast_and_never_nothing(blocks: list[list[float]]) -> None:
    kept = least_disturbed([block(*one) for one in blocks])
    medians = [statistics.median(one) for one in blocks]
    assert kept
    assert max(medians[i] for i in kept) <= min([m for i, m in enumerate(medians) if i not in kept], default=1e9)
    assert len(kept) * 4 >= len(blocks)


def test_movement_is_zero_for_what_stands_still() -> None:
    assert movement([3.0] * 9) == 0
    assert movement([1.0, 1.1, 1.2]) == pytest.approx(0.1)


def process(ms: float, reference: float = 0.04, *, end: float | None = None) -> PassFigures:
    last = reference if end is None else end
    return PassFigures(ms, (ms,) * 6, (reference,) * 3 + (last,) * 3)


def test_processes_far_above_the_fastest_are_left_out_but_not_the_fewest_wanted() -> None:
    found = outcome_of([process(ms) for ms in (10.0, 14.0, 10.1, 10.2, 19.0)], 3)
    assert (found.kept, found.near, found.passes_ms, found.median_ms) == ((0, 2, 3), 3, (10.0, 10.1, 10.2), 10.1)
    loaded = outcome_of([process(ms) for ms in (10.0, 14.0, 19.0, 30.0)], 3)
    assert (loaded.kept, loaded.near, loaded.median_ms) == ((0, 1, 2), 1, 14.0)
    assert loaded.low_ms < 10.0 < 19.0 < loaded.high_ms


def test_drift_is_seen_within_and_between_processes_and_against_the_best_known() -> None:
    still = [process(10.0), process(10.0), process(10.0)]
    assert outcome_of(still, 3).drift == 0
    assert outcome_of(still, 3, quiet_ms=0.05).drift == 0  # faster than ever before
    assert outcome_of(still, 3, quiet_ms=0.032).drift == pytest.approx(0.25)
    assert outcome_of([*still, process(10.0, 0.044)], 3).drift == pytest.approx(0.1)
    assert outcome_of([*still, process(10.0, 0.04, end=0.06)], 3).drift == pytest.approx(0.5)


def test_a_moving_machine_widens_the_interval() -> None:
    still = outcome_of([process(10.0), process(10.01), process(10.02)], 3)
    wavering = [PassFigures(ms, (ms, 1.04 * ms, 1.05 * ms), (0.04,) * 6) for ms in (10.0, 10.01, 10.02)]
    assert still.ci < 0.01 < 0.07 < outcome_of(wavering, 3).ci


def taken(*processes: PassFigures) -> tuple[Outcome, int]:
    """The outcome, and how many of these processes were taken."""
    rest = list(processes)
    return until_known(lambda: rest.pop(0), Limits(most_processes=5, retries=2)), len(processes) - len(rest)


def test_three_processes_do_where_they_agree() -> None:
    found, count = taken(*[process(10.0)] * 5)
    assert (count, found.retries) == (3, 0)


def test_more_processes_are_taken_where_they_differ() -> None:
    found, count = taken(process(10.0), process(10.2), process(10.4), process(10.2), process(10.2))
    assert (count, found.retries) == (5, 0)


def test_a_process_in_which_the_reference_moved_is_made_up_for() -> None:
    """The slow one is left out once there are three others."""
    found, count = taken(process(10.0), process(10.0), process(13.0, 0.05), process(10.0), process(10.0))
    assert (count, found.retries, found.drift, found.median_ms) == (4, 1, 0.0, 10.0)


def test_retries_are_bounded_and_the_drift_is_told() -> None:
    found, count = taken(*(process(10.0, 0.04, end=0.05) for _ in range(5)))
    assert (count, found.retries) == (5, 2)
    assert found.drift == pytest.approx(0.25)


Machine = Callable[[], PassFigures]


def machine(rng: random.Random, *, between: float, within: float, disturbed: float) -> Machine:
    """Processes of a network of 1 ms: they differ, calls vary, and some stretches of blocks are up to twice as slow."""

    def take() -> PassFigures:
        own = 1 + rng.gauss(0, between)
        blocks, slow = [], 1.0
        for _ in range(8):
            if rng.random() < 0.5:  # a stretch ends
                slow = 1 + rng.random() if rng.random() < disturbed else 1.0
            blocks.append(block(*(own * slow * (1 + rng.gauss(0, within)) for _ in range(4))))
        return figures_of(blocks, [0.04 * (1 + abs(rng.gauss(0, within))) for _ in range(9)])

    return take


@pytest.mark.parametrize(("between", "within"), [(0.002, 0.005), (0.01, 0.005), (0.02, 0.01)])
def test_the_interval_covers_the_true_median(between: float, within: float) -> None:
    """Of 1,000 profiles 95 % or more cover; fewer than 93 % has odds under 1 in 300 where 95 % do."""
    rng = random.Random(0)
    take = machine(rng, between=between, within=within, disturbed=0.0)
    found = [until_known(take, Limits()) for _ in range(1000)]
    assert statistics.fmean(one.low_ms <= 1.0 <= one.high_ms for one in found) >= 0.93


def test_repeated_profiles_agree_on_a_disturbed_machine_where_plain_figures_do_not() -> None:
    """Half of the stretches are slow. Over six other seeds plain medians were 7 to 31 times further apart, means 27 to
    53 times; below 4 would have odds of far less than 1 in 1,000."""
    take = machine(random.Random(1), between=0.003, within=0.005, disturbed=0.5)
    pairs = [(until_known(take, Limits()), until_known(take, Limits())) for _ in range(60)]
    ours = statistics.median(abs(b.median_ms / a.median_ms - 1) for a, b in pairs)

    def plain(figure: Callable[[list[float]], float]) -> float:
        return figure([ms for _ in range(4) for ms in take().blocks_ms])

    assert ours < 0.01
    for figure in (statistics.median, statistics.fmean):
        theirs = statistics.median(abs(plain(figure) / plain(figure) - 1) for _ in range(60))
        assert ours * 4 < theirs
    wrong = [a for pair in pairs for a in pair if abs(a.median_ms - 1) > 0.2 and not a.low_ms <= 1.0 <= a.high_ms]
    assert not wrong


class Kernel:
    """Takes these milliseconds, one after the other, and the last of them for ever after."""

    def __init__(self, *ms: float) -> None:
        self.left, self.calls = list(ms), 0

    def __call__(self) -> float:
        self.calls += 1
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_a_slow_moment_is_waited_out_and_the_network_called_once_before_it_is_timed() -> None:
    """Looks are medians of three; 0.05 is more than 10 % above 0.04, and 0.043 is not."""
    network, reference = Kernel(1.0), Kernel(*[0.05] * 6, *[0.043] * 3, 0.041)
    rest = Rest(network, reference, 0.04, patience_s=20.0)
    assert rest.reference_ms() == 0.041
    assert (network.calls, reference.calls) == (1, 12)
    assert 0.02 <= rest.waited_s <= 20.0
    assert rest.patience_s == pytest.approx(20.0 - rest.waited_s)


def test_patience_ends() -> None:
    network, reference = Kernel(1.0), Kernel(0.08)
    rest = Rest(network, reference, 0.04, patience_s=0.05)
    assert rest.reference_ms() == 0.08
    assert (rest.patience_s, network.calls) == (0.0, 1)
    waited_s = rest.waited_s
    assert rest.reference_ms() == 0.08
    assert (rest.waited_s, network.calls) == (waited_s, 1)


def test_a_machine_that_is_not_known_is_learnt() -> None:
    rest = Rest(Kernel(1.0), Kernel(*[0.08] * 3, *[0.04] * 3, *[0.08] * 3, 0.04), None, patience_s=20.0)
    assert [rest.reference_ms() for _ in range(3)] == [0.08, 0.04, 0.04]
    assert rest.waited_s > 0


def test_the_warm_up_ends_when_two_windows_agree_or_at_its_limit() -> None:
    """Windows of three calls of 10 ms or more; the last two agree within 3 %."""
    assert warm_up(Kernel(30.0, 30.0, 30.0, 12.0, 12.0, 12.0, 10.0), Limits()) == (12, True)
    runs, steady = warm_up(Kernel(*(1000.0 / (i + 1) for i in range(5000))), Limits(warmup_limit_s=1e-9))
    assert (runs, steady) == (3, False)


def test_calls_are_timed_in_blocks_between_references() -> None:
    blocks, references = timed(Kernel(1.0), Rest(Kernel(1.0), Kernel(0.04), None, 1.0), None, Limits(max_runs=30))
    assert [len(one) for one in blocks] == [4] * 7 + [2]
    assert references == [0.04] * 9
    few, _ = timed(Kernel(7.0), Rest(Kernel(1.0), Kernel(0.04), None, 1.0), None, Limits(target_s=1e-9))
    assert few == [[(7.0, 0.0)]] * 10
