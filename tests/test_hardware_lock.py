"""The lock of a device, with real processes: who may compute beside whom, and what becomes of it when one is killed."""

from __future__ import annotations

import itertools
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import test_study_local as local

from nasengine.blocks import Flatten, Linear, Sequential
from nasengine.errors import DeviceError
from nasengine.graph import Image
from nasengine.hardware import Device, LatencyProfile, Limits
from nasengine.hardware.devices.lock import FOLDER_VARIABLE, Claim, DeviceLock, held
from nasengine.space import Space
from nasengine.study.local import LocalExecutor, Outcome

TRAIN, MEASURE = Device.training_claim, Device.claim
CPU, GPU0, GPU1 = Device(), Device("cuda:0"), Device("cuda:1")
CLAIMS = {
    "train cpu": TRAIN(CPU),
    "train gpu 0": TRAIN(GPU0),
    "train gpu 1": TRAIN(GPU1),
    "measure cpu": MEASURE(CPU),
    "measure gpu 0": MEASURE(GPU0),
    "measure gpu 1": MEASURE(GPU1),
}
APART = {
    ("train cpu", "measure cpu"),
    ("train cpu", "measure gpu 0"),
    ("train cpu", "measure gpu 1"),
    ("train gpu 0", "measure gpu 0"),
    ("train gpu 1", "measure gpu 1"),
    ("train gpu 0", "measure cpu"),
    ("train gpu 1", "measure cpu"),
    ("measure cpu", "measure cpu"),
    ("measure cpu", "measure gpu 0"),
    ("measure cpu", "measure gpu 1"),
    ("measure gpu 0", "measure gpu 0"),
    ("measure gpu 1", "measure gpu 1"),
}
SCRIPT = """
import sys, time
from nasengine.hardware.devices.lock import Claim, DeviceLock
lock = DeviceLock({claim!r})
lock.acquire(60.0)
print("held", flush=True)
{then}
"""


def wait_for(met: Callable[[], bool], limit_s: float = 60.0) -> bool:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if met():
            return True
        time.sleep(0.02)
    return False


def holder(claim: Claim, then: str = "time.sleep(600)") -> subprocess.Popen[str]:
    """A process that holds a claim; returned once it does."""
    code = SCRIPT.format(claim=claim, then=then)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CLAIMS, CLAIMS)))
def test_who_may_compute_beside_whom(tmp_path: Path, first: str, second: str) -> None:
    one, other = DeviceLock(CLAIMS[first], tmp_path), DeviceLock(CLAIMS[second], tmp_path)
    assert one.try_acquire()
    beside = (first, second) not in APART and (second, first) not in APART
    assert other.try_acquire() == beside
    one.release()
    assert other.try_acquire()
    other.release()


def test_visible_gpus_are_locked_by_what_they_are_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5ebe9b54")
    assert Device("cuda").claim() == Claim(work=("host",), alone=("gpu-3",), quiet=("cpu",))
    assert Device("cuda:1").training_claim() == Claim(work=("host", "gpu-GPU-5ebe9b54"))


def test_one_who_measures_is_seen_and_keeps_newcomers_out(tmp_path: Path) -> None:
    trains, late, measures = (DeviceLock(CLAIMS[n], tmp_path) for n in ("train cpu", "train cpu", "measure cpu"))
    trains.acquire()
    assert not trains.wanted()
    seen = []

    def beat(_: str) -> None:
        seen.append((trains.wanted(), late.try_acquire()))
        trains.release()

    measures.acquire(30.0, say=beat)  # it says so after three seconds
    assert seen == [(True, False)]
    assert not late.try_acquire()
    measures.release()
    assert late.try_acquire()


def test_a_lock_that_stays_taken_is_an_error_that_names_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    process = holder(CLAIMS["train cpu"])
    try:
        with pytest.raises(DeviceError) as caught, held(CLAIMS["measure cpu"], limit_s=4.0):
            pass
    finally:
        process.kill()
        process.communicate()
    where = f"process {process.pid} is in cpu"
    assert str(caught.value) == (
        f"device lock: host and cpu should be free within 4 s; got {where}; wait for that process, or stop it"
    )
    assert capfd.readouterr().err == f"nasengine: waiting for host and cpu: {where}\n"


def test_a_killed_holder_holds_nothing_though_its_children_live() -> None:
    children = "import os, subprocess; one = subprocess.Popen(['sleep', '600']); two = os.fork()"
    process = holder(CLAIMS["measure cpu"], f"{children}\nif two: print(one.pid, two, flush=True)\ntime.sleep(600)")
    assert process.stdout is not None
    pids = [int(word) for word in process.stdout.readline().split()]
    waiting = DeviceLock(CLAIMS["measure cpu"])
    assert not waiting.try_acquire()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        assert all(local.alive(pid) for pid in pids)
        assert wait_for(waiting.try_acquire, 10.0)
    finally:
        waiting.release()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        process.stdout.close()


CROWD = """
import random, sys, time
from nasengine.hardware.devices.lock import Claim, DeviceLock
rng, claims = random.Random(int(sys.argv[1])), {claims!r}
for _ in range(12):
    lock = DeviceLock(rng.choice(claims))
    lock.acquire(100.0)
    end = time.monotonic() + rng.random() * 0.05
    while time.monotonic() < end and not lock.wanted():
        time.sleep(0.001)
    lock.release()
"""


def test_a_crowd_of_processes_never_waits_for_each_other_for_ever() -> None:
    code = CROWD.format(claims=list(CLAIMS.values()))
    crowd = [subprocess.Popen([sys.executable, "-c", code, str(seed)]) for seed in range(6)]
    try:
        assert [process.wait(120.0) for process in crowd] == [0] * 6
    finally:
        for process in crowd:
            process.kill()


def executor(folder: Path) -> LocalExecutor:
    return LocalExecutor(local.setup(folder), workers=1)


def epoch_pid(trains: LocalExecutor) -> int:
    while "job" not in trains.epochs:
        trains.poll(0.2)
    return int(trains.epochs["job"]["pid"])


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_training_of_two_studies_stands_still_while_a_third_process_measures(tmp_path: Path) -> None:
    one, two = executor(tmp_path / "one"), executor(tmp_path / "two")
    try:
        for each in (one, two):
            each.submit("job", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt")
        pids = [epoch_pid(one), epoch_pid(two)]
        code = SCRIPT.format(claim=CLAIMS["measure cpu"], then="sys.stdin.read()")
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as measures:
            assert measures.stdin is not None
            assert measures.stdout is not None
            out = measures.stdout

            def has_it() -> bool:
                both_poll(one, two)
                return bool(select.select([out], [], [], 0.0)[0])

            assert wait_for(has_it)
            assert [state_of(pid) for pid in pids] == ["T", "T"]
            one.poll(0.6)
            assert state_of(pids[0]) == "T"
            os.kill(measures.pid, signal.SIGKILL)
        assert wait_for(lambda: both_poll(one, two) and [state_of(pid) for pid in pids] == ["S", "S"])
    finally:
        one.close()
        two.close()


def both_poll(*executors: LocalExecutor) -> bool:
    """A beat of each."""
    for each in executors:
        each.poll(0.05)
    return True


def test_a_study_measures_only_once_another_stands_still(tmp_path: Path) -> None:
    trains, measures = executor(tmp_path / "one"), executor(tmp_path / "two")
    try:
        trains.submit("job", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt")
        pid = epoch_pid(trains)
        measures.prepare_measuring()
        measures._await_ready()
        code = "import sys, time; time.sleep(1.0); print(open(f'/proc/{sys.argv[1]}/stat').read())"
        look = {"do": "run", "command": [sys.executable, "-c", code, str(pid)]}
        found: list[Outcome] = []
        thread = threading.Thread(target=lambda: found.append(measures.measure("look", look, log=tmp_path / "log.txt")))
        thread.start()
        while thread.is_alive():
            trains.poll(0.1)
        thread.join()
        assert found[0].value is not None
        assert found[0].value["out"].rpartition(")")[2].split()[0] == "T"
        assert wait_for(lambda: both_poll(trains) and state_of(pid) == "S")
    finally:
        trains.close()
        measures.close()


def test_training_stands_still_while_a_network_is_profiled_anywhere(tmp_path: Path) -> None:
    trains = executor(tmp_path)
    states: set[str] = set()
    try:
        trains.submit("job", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt")
        pid = epoch_pid(trains)
        body = Sequential(Flatten(), Linear(10))
        member = Space("net", inputs=Image(1, 8), network=body).smallest()
        found: list[LatencyProfile] = []
        thread = threading.Thread(target=lambda: found.append(Device().measure(member, limits=Limits(retries=0))))
        thread.start()
        while thread.is_alive():
            trains.poll(0.1)
            states.add(state_of(pid))
        thread.join()
        assert found[0].median_ms > 0
        assert "T" in states
        assert wait_for(lambda: both_poll(trains) and state_of(pid) == "S")
    finally:
        trains.close()


def test_training_waits_for_a_measurement_before_it_starts(tmp_path: Path) -> None:
    process = holder(CLAIMS["measure cpu"], "time.sleep(2.0); print(time.monotonic(), flush=True); lock.release()")
    trains = executor(tmp_path)
    try:
        trains.submit("job", {"do": "add", "numbers": [1]}, log=tmp_path / "log.txt")
        submitted = time.monotonic()
        assert process.stdout is not None
        assert submitted >= float(process.stdout.readline())
        assert local.poll_for(trains, 60.0).value
    finally:
        trains.close()
        process.communicate()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(file / "locks"))
    with pytest.raises(DeviceError) as caught:
        DeviceLock(CLAIMS["measure cpu"])
    assert str(caught.value) == (
        f"{file}/locks: the folder of the devices' locks cannot be made (Not a directory); "
        "name one that you may write in NASENGINE_LOCKS"
    )


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives a folder to others")
def test_the_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with pytest.raises(DeviceError) as caught:
        DeviceLock(CLAIMS["measure cpu"])
    assert str(caught.value) == (
        f"{folder}: the folder of the devices' locks should be yours, user 0; got one of user 12345; "
        "remove it, or name another folder in NASENGINE_LOCKS"
    )


def test_the_order_of_taking_does_not_matter(tmp_path: Path) -> None:
    rng = random.Random(0)
    locks = [DeviceLock(claim, tmp_path) for claim in CLAIMS.values()]
    for _ in range(200):
        rng.choice(locks).try_acquire()
        rng.choice(locks).release()
        names = [name for name, lock in zip(CLAIMS, locks, strict=True) if lock.held]
        assert not any(pair in APART or pair[::-1] in APART for pair in itertools.combinations(names, 2))
