"""The profiler against the mistakes that latency figures are known for.

The networks here sleep for a known time, so that the true latency is known: a call never takes less than its
sleep, and the upper bounds leave room for a busy machine.
"""

from __future__ import annotations

import datetime
import gc
import time

import pytest
import torch
from torch import Tensor, nn

from nasengine.errors import DeviceError
from nasengine.hardware import Device, LatencyProfile, profile
from nasengine.hardware.profiler import MIN_RUNS

CPU = Device("cpu", threads=1, batch=1, runtime="eager")
X = (torch.zeros(1, 4),)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")


class Sleeper(nn.Module):
    """Sleeps `sleep_s` a call, `first_s` in each of the first `slow_calls`."""

    def __init__(self, sleep_s: float, first_s: float = 0.0, slow_calls: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.sleep_s, self.first_s, self.slow_calls = sleep_s, first_s, slow_calls
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        time.sleep(self.first_s if self.calls <= self.slow_calls else self.sleep_s)
        y: Tensor = self.linear(x)
        return y


class Witness(nn.Module):
    """Writes down the state of the process in which it is called; `log` is shared with its copies."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)
        self.log = Log()

    def forward(self, x: Tensor) -> Tensor:
        hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in self.modules())
        state = {"training": self.drop.training, "grad": torch.is_grad_enabled(), "gc": gc.isenabled()}
        state |= {"inference": torch.is_inference_mode_enabled(), "threads": torch.get_num_threads()}
        self.log.states.append(state | {"hooks": hooks, "dtype": x.dtype})
        y: Tensor = self.drop(self.linear(x))
        return y


class Log:
    def __init__(self) -> None:
        self.states: list[dict[str, object]] = []

    def __deepcopy__(self, memo: object) -> Log:
        return self


def quick(module: nn.Module, device: Device = CPU) -> LatencyProfile:
    return profile(module, X, device, target_s=0.02)


def test_milliseconds_are_milliseconds() -> None:
    measured = quick(Sleeper(0.005))
    assert 5.0 <= measured.p10_ms <= measured.median_ms < 20.0


def test_slow_first_calls_are_warmed_up_and_not_timed() -> None:
    measured = quick(Sleeper(0.001, first_s=0.03, slow_calls=3))
    assert measured.warmup_runs > 3
    assert measured.p90_ms < 30.0


def test_there_are_at_least_thirty_timed_runs() -> None:
    assert quick(Sleeper(0.004)).runs >= MIN_RUNS == 30


@pytest.mark.parametrize(("min_runs", "max_runs"), [(1, 2000), (29, 2000), (40, 30)])
def test_fewer_than_thirty_runs_cannot_be_asked_for(min_runs: int, max_runs: int) -> None:
    with pytest.raises(DeviceError) as caught:
        profile(nn.Linear(4, 4), X, CPU, min_runs=min_runs, max_runs=max_runs)
    assert str(caught.value) == (
        f"profile: min_runs={min_runs}, max_runs={max_runs}; expected 30 <= min_runs <= max_runs; "
        "raise them: fewer runs say little of the median and nothing of the tail"
    )


def test_time_between_the_operations_counts() -> None:
    """The sum of what its modules take would be some microseconds; the network takes 3 ms."""
    network = Sleeper(0.003)
    alone = quick(network.linear)
    assert quick(network).median_ms >= 3.0 > 10 * alone.median_ms


def test_nothing_is_hooked_into_the_network() -> None:
    witness = Witness()
    quick(witness)
    assert {state["hooks"] for state in witness.log.states} == {0}


def test_the_figure_follows_the_network() -> None:
    slow, fast = quick(Sleeper(0.006)), quick(Sleeper(0.001))
    assert slow.ci_low_ms >= 6.0
    assert fast.ci_high_ms < slow.ci_low_ms


def test_a_real_network_is_measured_with_its_device_and_method() -> None:
    network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3))
    measured = profile(network, (torch.randn(2, 3, 32, 32),), Device(batch=2), target_s=0.05)
    assert 0.001 < measured.median_ms < 1000
    assert measured.device == Device(batch=2).describe()
    assert measured.device_key == Device(batch=2).key()
    assert (measured.batch, measured.threads, measured.runtime, measured.dtype) == (2, 1, "eager", "float32")
    assert "one run is one call" in measured.method
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(measured.measured_at)
    assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=5)
    assert LatencyProfile.from_json(measured.to_json()) == measured


def test_the_process_is_set_for_the_measurement_and_put_back() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        witness = Witness()
        quick(witness)
        after = (torch.get_num_threads(), gc.isenabled(), torch.is_inference_mode_enabled())
    finally:
        torch.set_num_threads(threads)
    assert after == (2, True, False)
    expected = {"training": False, "grad": False, "gc": False, "inference": True, "threads": 1}
    assert all(expected.items() <= state.items() for state in witness.log.states)


def test_the_process_is_put_back_after_a_network_that_fails() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(DeviceError):
        quick(nn.Linear(5, 5))
    assert (torch.get_num_threads(), gc.isenabled()) == (threads, True)


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        quick(nn.Linear(4, 4))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_module_stays_as_it_was() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quick(network, Device(dtype="bfloat16"))
    assert all(module.training for module in network.modules())
    after = network.state_dict()
    assert all(torch.equal(after[name], value) and after[name].dtype == value.dtype for name, value in before.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_and_inputs_are_in_the_device_s_dtype(dtype: str) -> None:
    witness = Witness()
    measured = quick(witness, Device(dtype=dtype))
    assert {state["dtype"] for state in witness.log.states} == {getattr(torch, dtype)}
    assert measured.dtype == dtype


def test_integer_inputs_keep_their_dtype() -> None:
    tokens = (torch.zeros(1, 7, dtype=torch.int64),)
    assert profile(nn.Embedding(10, 4), tokens, Device(dtype="bfloat16"), target_s=0.02).median_ms > 0


def test_one_input_may_have_no_batch() -> None:
    class Gather(nn.Module):
        def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
            return nodes[:, edges[0]]

    inputs = (torch.randn(1, 5, 3), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    assert profile(Gather(), inputs, CPU, target_s=0.02).median_ms > 0


def test_inputs_of_another_batch_are_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        profile(nn.Linear(4, 4), (torch.zeros(3, 4),), CPU)
    assert str(caught.value) == (
        "profile: no input has the device's batch, 1, as its first dimension; got (3, 4); "
        "make the inputs for batch 1, or give the device their batch"
    )


def test_a_network_that_does_not_run_is_refused_with_torch_s_reason() -> None:
    with pytest.raises(DeviceError) as caught:
        quick(nn.Linear(5, 5))
    message = str(caught.value)
    assert message.startswith("profile: the network does not run on cpu in float32: mat1 and mat2 shapes cannot")
    assert message.endswith("check the inputs' number and shapes, and whether the device computes in this dtype")


def test_an_absent_device_is_refused_before_anything_is_moved() -> None:
    with pytest.raises(DeviceError, match="'cuda:99' is not on this machine"):
        quick(nn.Linear(4, 4), Device("cuda:99"))


def test_a_network_that_never_settles_is_marked() -> None:
    """Each call sleeps longer than the one before, so no two windows agree."""

    class Slowing(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            type(self).calls += 1
            time.sleep(0.0005 * min(self.calls, 40))
            return x

    measured = profile(Slowing(), X, CPU, target_s=0.02, warmup_limit_s=0.2)
    assert not measured.steady
    assert "warm-up not steady" in measured.summary()


def test_a_steady_network_is_marked_steady() -> None:
    """Three tries: a busy machine may spoil one."""
    assert any(quick(Sleeper(0.002)).steady for _ in range(3))


def test_the_time_is_bounded_and_the_limit_explains_itself() -> None:
    started_s = time.perf_counter()
    with pytest.raises(DeviceError) as caught:
        profile(Sleeper(0.05), X, CPU, limit_s=0.3, warmup_limit_s=0.2)
    assert time.perf_counter() - started_s < 5
    message = str(caught.value)
    assert message.startswith("profile: 30 runs of 0.05")
    assert message.endswith("s or more do not fit into limit_s=0.3; raise limit_s, or measure a smaller batch")


def test_fast_networks_stop_at_the_most_runs() -> None:
    assert profile(nn.Identity(), X, CPU, max_runs=50).runs == 50


def test_fast_networks_take_about_the_target() -> None:
    started_s = time.perf_counter()
    profile(Sleeper(0.001), X, CPU, target_s=0.1, warmup_limit_s=0.1)
    assert 0.1 <= time.perf_counter() - started_s < 5


@needs_gpu
def test_a_gpu_is_timed_by_events_and_includes_its_work() -> None:
    small, large = (nn.Linear(4, 4), (torch.randn(1, 4),)), (nn.Linear(8192, 8192), (torch.randn(1, 8192),))
    gpu = Device("cuda")
    fast, slow = (profile(module, inputs, gpu) for module, inputs in (small, large))
    assert fast.median_ms < slow.median_ms
    assert "CUDA events" in slow.method
    assert slow.device["gpu"] == torch.cuda.get_device_name(0)


@needs_gpu
def test_an_allocation_beyond_the_gpu_is_refused() -> None:
    class Huge(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.new_empty(2**45)

    with pytest.raises(DeviceError, match="the network does not run on cuda in float32"):
        quick(Huge(), Device("cuda"))
