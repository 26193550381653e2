"""The local executor with real processes: whatever a trial does to itself becomes a reason, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nasengine.errors import StudyError
from nasengine.study.local import LocalExecutor, Outcome, Setup
from nasengine.study.worker import LOG_BYTES

HERE = str(Path(__file__).parent)


def setup(folder: Path, jobs: str = "study_jobs") -> Setup:
    return Setup(folder / "logs", path=(HERE, *(os.path.abspath(p) for p in sys.path)), jobs=jobs)


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalExecutor]:
    made = LocalExecutor(setup(tmp_path), workers=1)
    yield made
    made.close()


def run(executor: LocalExecutor, folder: Path, **job: Any) -> Outcome:
    executor.submit("job", job, log=folder / "log.txt")
    return poll_for(executor, 30.0)


def poll_for(executor: LocalExecutor, limit_s: float) -> Outcome:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if done := executor.poll(1.0):
            return done[0]
    raise AssertionError(f"no outcome after {limit_s} s")


def alive(pid: int) -> bool:
    """Does it run? A zombie waiting for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_dead(pid: int, limit_s: float = 5.0) -> bool:
    deadline = time.monotonic() + limit_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_one_process_a_job_from_one_server(executor: LocalExecutor, tmp_path: Path) -> None:
    first = run(executor, tmp_path, do="add", numbers=[1, 2])
    second = run(executor, tmp_path, do="add", numbers=[3, 4])
    assert first.value
    assert second.value
    assert (first.value["sum"], second.value["sum"]) == (3, 7)
    assert first.value["pid"] != second.value["pid"]
    assert first.value["parent"] == second.value["parent"]


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("raise", "ValueError: no such value (study_jobs.py:"),
        ("exit", "sys.exit(3) was called (study_jobs.py:"),
        ("_exit", "the process ended with exit status 4 before its job was done"),
        ("segfault", "killed by SIGSEGV"),
        ("sigkill", "killed by SIGKILL; the kernel does so when memory runs out"),
        ("memory", "out of memory: MemoryError: cannot allocate"),
        ("nan", "ValueError: Out of range float values are not JSON compliant"),
    ],
)
def test_every_end_is_a_reason_and_the_next_job_runs(
    executor: LocalExecutor, tmp_path: Path, deed: str, reason: str
) -> None:
    outcome = run(executor, tmp_path, do=deed)
    assert outcome.value is None
    assert not outcome.lost
    assert outcome.reason.startswith(reason)
    assert run(executor, tmp_path, do="add", numbers=[1]).value


def test_what_user_code_prints_goes_to_a_capped_log(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, tmp_path, do="print", lines=100_000)
    assert outcome.value == {"read": ""}
    size = (tmp_path / "log.txt").stat().st_size
    assert LOG_BYTES <= size <= LOG_BYTES + 100
    run(executor, tmp_path, do="print", lines=10)
    assert (tmp_path / "log.txt").stat().st_size == size


def test_a_lost_server_is_told_and_replaced(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, tmp_path, do="kill-server")
    assert outcome.lost
    assert outcome.reason == "the worker process ended (SIGKILL)"
    assert run(executor, tmp_path, do="add", numbers=[1]).value


def test_what_a_job_starts_ends_with_it(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = run(executor, tmp_path, do="orphan")
    assert outcome.value
    assert wait_dead(outcome.value["child"])


def test_training_stands_still_while_a_latency_is_measured(executor: LocalExecutor, tmp_path: Path) -> None:
    run(executor, tmp_path, do="add", numbers=[1])
    executor.prepare_measuring()
    executor.submit("train", {"do": "count", "seconds": 3.0}, log=tmp_path / "log.txt")
    measured = executor.measure("probe", {"do": "sleep", "seconds": 0.5}, log=tmp_path / "log.txt")
    assert measured.value == {}
    outcome = executor.poll(None)
    while not outcome:
        outcome = executor.poll(None)
    assert outcome[0].value
    assert outcome[0].value["gap_s"] >= 0.5


def test_an_earlier_pause_does_not_stand_for_a_later_one(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.prepare_measuring()
    executor.submit("train", {"do": "sleep", "seconds": 30}, log=tmp_path / "log.txt")
    executor.measure("first", {"do": "add", "numbers": [1]}, log=tmp_path / "log.txt")
    server = executor._slots[0]._process.pid
    os.kill(server, signal.SIGSTOP)  # it answers late
    threading.Timer(0.5, os.kill, (server, signal.SIGCONT)).start()
    started = time.monotonic()
    executor.measure("second", {"do": "add", "numbers": [1]}, log=tmp_path / "log.txt")
    assert time.monotonic() - started >= 0.4


def test_stopping_kills_what_runs_and_keeps_what_was_done(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit("job", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt")
    assert executor.stop() == []
    assert executor.free == 1
    executor.submit("job", {"do": "add", "numbers": [1]}, log=tmp_path / "log.txt")
    while executor.busy:
        executor._listen(1.0)
    assert [outcome.id for outcome in executor.stop()] == ["job"]


def test_a_probe_that_never_returns_is_stopped(executor: LocalExecutor, tmp_path: Path) -> None:
    outcome = executor.measure("probe", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt", limit_s=0.5)
    assert outcome.reason == "no answer after 0.5 s; it was stopped"
    assert executor.measure("next", {"do": "add", "numbers": [1]}, log=tmp_path / "log.txt").value


def test_closing_ends_a_running_job(tmp_path: Path) -> None:
    executor = LocalExecutor(setup(tmp_path), workers=1)
    executor.submit("job", {"do": "sleep", "seconds": 600}, log=tmp_path / "log.txt")
    while "job" not in executor.epochs:
        executor.poll(1.0)
    pid = executor.epochs["job"]["pid"]
    executor.close()
    assert wait_dead(pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    executor = LocalExecutor(setup(tmp_path, jobs="no_such_module"), workers=1)
    with pytest.raises(StudyError) as caught:
        poll_for(executor, 30.0)
    executor.close()
    assert "its process ends before it is ready, 3 times now" in str(caught.value)
    assert "No module named 'no_such_module'" in str(caught.value)


DRIVER = """
import sys
from pathlib import Path
from nasengine.study.local import LocalExecutor, Setup
executor = LocalExecutor(Setup(Path({folder!r}) / "logs", jobs="study_jobs"), workers=1)
executor.submit("job", {{"do": "sleep", "seconds": 600}}, log=Path({folder!r}) / "log.txt")
while "job" not in executor.epochs:
    executor.poll(1.0)
print(executor.epochs["job"]["pid"], executor._slots[0]._process.pid, flush=True)
executor.poll(None)
"""


@pytest.mark.parametrize("victim", ["driver", "server"])
def test_nothing_outlives_the_driver_or_its_server(tmp_path: Path, victim: str) -> None:
    env = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", DRIVER.format(folder=str(tmp_path))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as driver:
        assert driver.stdout is not None
        child, server = map(int, driver.stdout.readline().split())
        os.kill(driver.pid if victim == "driver" else server, signal.SIGKILL)
        assert wait_dead(child)
        assert wait_dead(server)
        driver.kill()
