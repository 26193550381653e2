"""A study's process is killed at random moments; the same command continues. Nothing recorded is lost, no completed
rung is trained again, and the candidates are those of a study that was never killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

from nasengine.errors import StoreError
from nasengine.search import SuccessiveHalving
from nasengine.study import Ledger
from nasengine.study.rows import EventRow

TRIALS = 40
PROGRAM = """
import sys
from pathlib import Path
import study_toys as toys
from nasengine.search import SuccessiveHalving
study = toys.study(Path(sys.argv[1]), sampler=sys.argv[2], rungs=SuccessiveHalving(min_epochs=1))
study.run(trials=int(sys.argv[3]), progress=False)
"""


def start(store: Path, sampler: str, trials: int = TRIALS) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", PROGRAM, str(store), sampler, str(trials)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})


def wait_for_events(store: Path, count: int, limit_s: float = 60.0) -> None:
    """Until the journal has so many entries more than now."""
    goal, deadline = _entries(store) + count, time.monotonic() + limit_s
    while _entries(store) < goal and time.monotonic() < deadline:
        time.sleep(0.005)


def _entries(store: Path) -> int:
    try:
        with Ledger(store, create=False, readonly=True) as ledger:
            return len(ledger.events())
    except StoreError:
        return 0


def facts(store: Path) -> dict[str, Any]:
    """What must never be lost or changed."""
    with Ledger(store, create=False, readonly=True) as ledger:
        return {
            "decisions": {row.number: dict(row.decisions) for row in ledger.trials()},
            "rungs": {(row.key, row.rung): row for row in ledger.rungs()},
            "events": {event.seq: event.hash for event in ledger.events()},
            "finals": {row.key: row for row in ledger.finals()},
        }


def check_trained_once(events: list[EventRow]) -> None:
    """No rung completes twice, and none starts again once it is complete."""
    completed: Counter[tuple[str, int]] = Counter()
    for event in events:
        place = (str(event.data.get("key", ""))[:16], int(event.data.get("rung", 0)))
        if event.kind == "rung":
            completed[place] += 1
        if event.kind == "start":
            assert completed[place] == 0, f"{place} was trained again (entry {event.seq})"
    assert set(completed.values()) == {1}


def kill_and_resume(store: Path, sampler: str, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    before: dict[str, Any] = {}
    for _ in range(kills):
        process = start(store, sampler)
        wait_for_events(store, rng.randrange(1, 14))
        time.sleep(rng.uniform(0.0, 0.06))  # anywhere within a trial, which takes about as long
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = facts(store)
        for kind, known in before.items():
            assert known.items() <= now[kind].items(), f"{kind}: something recorded was lost"
        before = now
    assert start(store, sampler).wait() == 0
    assert all(known.items() <= facts(store)[kind].items() for kind, known in before.items())


def check_same_as_unkilled(killed: Path, whole: Path) -> None:
    with Ledger(killed) as one, Ledger(whole) as other:
        assert [row.decisions for row in one.trials()] == [row.decisions for row in other.trials()]
        assert [row.status for row in one.trials()] == [row.status for row in other.trials()]
        assert [(r.key, r.rung, r.metrics) for r in one.rungs()] == [(r.key, r.rung, r.metrics) for r in other.rungs()]
        assert any(row.attempt > 1 for row in one.trials()) or sum(e.kind == "lost" for e in one.events()) == 0
        check_trained_once(one.events())


def test_killed_twice(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "killed", "random", 2, seed=1)
    toys.study(tmp_path / "whole", rungs=SuccessiveHalving(min_epochs=1)).run(trials=TRIALS, progress=False)
    check_same_as_unkilled(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.timeout(900)
def test_killed_at_ten_random_moments(tmp_path: Path) -> None:
    kill_and_resume(tmp_path / "killed", "nsga2", 10, seed=int.from_bytes(os.urandom(2)))
    rungs = SuccessiveHalving(min_epochs=1)
    toys.study(tmp_path / "whole", sampler="nsga2", rungs=rungs).run(trials=TRIALS, progress=False)
    check_same_as_unkilled(tmp_path / "killed", tmp_path / "whole")


def test_ctrl_c_leaves_a_study_that_continues(tmp_path: Path) -> None:
    process = start(tmp_path / "s", "random", trials=12)
    wait_for_events(tmp_path / "s", 6)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    with Ledger(tmp_path / "s") as ledger:
        assert ledger.events()[-1].kind == "interrupted"
        assert {row.owner for row in ledger.trials()} == {""}
    assert start(tmp_path / "s", "random", trials=12).wait() == 0
    with Ledger(tmp_path / "s") as ledger:
        check_trained_once(ledger.events())
        assert sum(row.entered for row in ledger.trials()) == 12
