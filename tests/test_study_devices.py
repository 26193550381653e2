"""Whole studies whose latency is of a device behind a command: real commands, real training."""

from __future__ import annotations

import copy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys

from nasengine.errors import DeviceError, StoreError, StudyError
from nasengine.hardware import CommandDevice, Device
from nasengine.hardware.timing.intervals import at_rest
from nasengine.search import minimize
from nasengine.study import Ledger
from nasengine.study.local import LocalExecutor, Setup
from nasengine.study.measuring import measured
from nasengine.study.rows import COMPLETE, INFEASIBLE, RUNNING

BENCH = Path(__file__).resolve().parents[1] / "studies" / "bench_onnx.py"
REAL = shlex.join([sys.executable, str(BENCH)]) + " {model} {json}"
GOALS = (toys.ACCURACY, minimize("latency_ms"))
FAKE = """
import glob, json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
request = json.load(open(sys.argv[2]))
shape = request["inputs"][0]["shape"]
{deed}
size = os.path.getsize(sys.argv[1])
print(json.dumps({{"times_ms": [0.5 + size / 1e6] * 20, "device": {{"board": "toy", "mode": mode}}}}))
"""


TRAINED = "glob.glob(here + '/s/**/rung-0.json', recursive=True)"
"""In the board's program: has a network been trained?"""


def in_processes(test: Any) -> Any:
    """Marks of a test that trains and measures in processes of their own."""
    return pytest.mark.timeout(600)(pytest.mark.representative(pytest.mark.slow(test)))


def board(folder: Path, deed: str = "", **settings: Any) -> CommandDevice:
    """A board that is quick to answer and tells larger files from smaller ones."""
    file = folder / "board.py"
    file.write_text(FAKE.format(deed=f"mode = 'max'\n{deed}"))
    return CommandDevice(shlex.join([sys.executable, str(file)]) + " {model} {json}", name="board", **settings)


def study(folder: Path, device: Any, **settings: Any) -> Any:
    given = {"widths": (4, 8), "epochs": 1, "objectives": GOALS, "rungs": toys.FullTraining(), "device": device}
    return toys.study(folder / "s", **{**given, **settings})


def test_a_measurement_knows_what_the_reference_took_at_rest(tmp_path: Path) -> None:
    """A reference that once took a fraction of what it takes now says that the machine is loaded."""
    executor = LocalExecutor(Setup(tmp_path / "logs"), workers=1)
    try:
        outcome = measured(
            executor, "m", Device(), toys.space(4).smallest(), modules=(), log=tmp_path / "log.txt", quiet_ms=1e-6
        )
    finally:
        executor.close()
    assert outcome.value is not None, outcome.reason
    assert outcome.value["loaded"]
    assert outcome.value["drift"] > 10


def test_a_quarter_of_the_profiles_shows_what_rest_is() -> None:
    assert at_rest([]) is None
    assert at_rest([5.0, 1.0, 4.0, 3.0]) == 1.0
    assert at_rest([5.0, 1.0, 4.0, 3.0, 2.0, 8.0, 7.0, 6.0]) == 2.0


@in_processes
def test_a_study_on_a_real_command(tmp_path: Path) -> None:
    device = CommandDevice(REAL, name="this machine")
    front = study(tmp_path, device).run(trials=2, progress=False)
    ledger = Ledger(tmp_path / "s")
    rows = [row for row in ledger.trials() if row.same_as is None]
    assert [row.status for row in rows].count(COMPLETE) == 2
    profiles = {row.graph_id: row.profile for row in ledger.profiles()}
    assert {row.device_key for row in ledger.profiles()} == {device.key()}
    for row in rows:
        assert row.known["latency_ms"] == profiles[row.graph_id]["median_ms"] > 0.0005
        assert profiles[row.graph_id]["device"]["onnxruntime"]
        assert len(profiles[row.graph_id]["passes_ms"]) >= 3
    assert ledger.meta()["device"] == device.to_json()
    assert "train_device" not in ledger.meta(), "the CPU, since the command's device is not known to train"
    assert all(member.final_profile is not None for member in front)
    again = study(tmp_path, device).run(trials=2, progress=False)
    assert len(ledger.profiles()) == len(profiles)
    assert len(again) == len(front)


@in_processes
def test_what_the_device_cannot_take_is_infeasible_and_the_study_goes_on(tmp_path: Path) -> None:
    wide = f"shape[1] == 1 and os.path.getsize(sys.argv[1]) > {largest_but_one(tmp_path)}"
    deed = f"if {wide}: print(json.dumps({{'unsupported': 'Gemm'}})); sys.exit()"
    front = study(tmp_path, board(tmp_path, deed)).run(trials=4, progress=False)
    rows = [row for row in Ledger(tmp_path / "s").trials() if row.same_as is None]
    refused = [row for row in rows if row.status == INFEASIBLE]
    assert len(refused) == 1
    assert refused[0].gate == "latency"
    assert refused[0].reason == "command device 'board': its runtime takes every operation; got: Gemm"
    assert [row.status for row in rows].count(COMPLETE) == 3
    assert len(front) >= 1


def largest_but_one(folder: Path) -> int:
    """A size of ONNX files that all members of the toy space keep but the largest."""
    from nasengine.graph import lower
    from nasengine.hardware.runtimes.onnx import write

    sizes = []
    space = toys.space(4, 8)
    for index in range(space.size):
        write(lower(space[index]).simplify(), Device(), folder / "size.onnx")
        sizes.append((folder / "size.onnx").stat().st_size)
    return sorted(sizes)[-2]


@in_processes
def test_a_device_that_breaks_ends_the_study_and_the_same_command_continues(tmp_path: Path) -> None:
    broken = f"if {TRAINED} and not os.path.exists(os.path.join(here, 'mended')): sys.exit('the board is gone')"
    device = board(tmp_path, broken)
    with pytest.raises(DeviceError) as caught:
        study(tmp_path, device).run(trials=3, progress=False)
    assert str(caught.value) == (
        "command device 'board': it ends with exit status 0; got exit status 1; stderr ends: the board is gone; it "
        "failed 2 times before, then with a network of ours; nothing recorded is lost: mend the device, and the same "
        "command continues"
    )
    before = Ledger(tmp_path / "s").trials()
    assert {row.status for row in before if row.same_as is None} == {COMPLETE, RUNNING}
    (tmp_path / "mended").write_text("")
    study(tmp_path, device).run(trials=3, progress=False)
    after = [row for row in Ledger(tmp_path / "s").trials() if row.same_as is None]
    assert [row.status for row in after] == [COMPLETE] * 3


@in_processes
def test_another_device_than_before_ends_the_study(tmp_path: Path) -> None:
    device = board(tmp_path, f"mode = 'battery' if {TRAINED} else 'max'")
    with pytest.raises(DeviceError) as caught:
        study(tmp_path, device).run(trials=3, progress=False)
    assert str(caught.value) == (
        "device: it stays the same while a study runs; mode was 'max' and is 'battery'; measure on one device only; "
        "nothing recorded is lost: mend the device, and the same command continues"
    )
    assert {row.profile["device"]["mode"] for row in Ledger(tmp_path / "s").profiles()} == {"max"}


def test_a_device_that_answers_nonsense_is_found_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="it prints one line that is a JSON object"):
        study(tmp_path, board(tmp_path, "print('ok'); sys.exit()")).run(trials=2, progress=False)
    assert not (tmp_path / "s").exists()


def test_an_old_record_of_a_plain_device_is_the_same_study(tmp_path: Path) -> None:
    plain = toys.study(tmp_path / "s", device=Device(threads=1)).definition
    recorded = copy.deepcopy(plain.identity())
    recorded["device"] = {
        "type": "device", "kind": "cpu", "threads": 1, "batch": 1, "runtime": "eager", "dtype": "float32",
    }  # fmt: skip
    assert set(recorded) == {
        "space", "task", "recipe", "objectives", "budgets", "device", "rungs", "seed",
    }, "what identified a study of a plain device before there were others"  # fmt: skip
    plain.check_store(recorded, "store")
    with pytest.raises(StoreError, match="device differs"):
        toys.study(tmp_path / "s", device=Device(batch=2)).definition.check_store(recorded, "store")


def test_where_it_trains_is_part_of_a_study(tmp_path: Path) -> None:
    here = toys.study(tmp_path / "s", device=CommandDevice(REAL)).definition
    assert here.trains_on == Device()
    same = toys.study(tmp_path / "s", device=CommandDevice(REAL), train_device=Device()).definition
    same.check_store(here.identity(), "store")
    gpu = toys.study(tmp_path / "s", device=CommandDevice(REAL), train_device=Device("cuda")).definition
    assert gpu.identity()["train_device"] == Device("cuda").to_json()
    for one, other in ((gpu, here), (here, gpu)):
        with pytest.raises(StoreError, match="store: it holds another study: train_device differs"):
            one.check_store(other.identity(), "store")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"device": "cpu"}, "Study: device is Device(\"cpu\"); got 'cpu'"),
        ({"train_device": CommandDevice(REAL)}, 'Study: train_device is Device("cpu"); got command_device'),
    ],
)
def test_what_is_no_device_is_refused(tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(StudyError) as caught:
        toys.study(tmp_path / "s", **settings)
    assert str(caught.value) == expected
