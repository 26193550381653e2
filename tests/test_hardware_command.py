"""A device behind a command: real commands, a real ONNX Runtime behind the good one, and every way to go wrong."""

from __future__ import annotations

import json
import math
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import test_study_local as local
import torch_toys

from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential
from nasengine.errors import DeviceError, UnsupportedError
from nasengine.graph import Image
from nasengine.hardware import CommandDevice, LatencyProfile, Limits
from nasengine.hardware.devices.answer import read_answer
from nasengine.hardware.devices.lock import Claim
from nasengine.hardware.devices.running import KEPT_BYTES, run
from nasengine.space import Architecture, Space
from nasengine.space.spec import spec_from_json

BENCH = Path(__file__).resolve().parents[1] / "studies" / "bench_onnx.py"
GOOD = shlex.join([sys.executable, str(BENCH)]) + " {model} {json}"
QUICK = Limits(max_runs=200, most_processes=3)
PLACE = "command device 'pi'"


def network(channels: int = 8) -> Architecture:
    body = Sequential(ConvNormAct(channels, stride=2), GlobalPool(), Linear(10))
    return Space("net", inputs=Image(3, 16), network=body).smallest()


def script(folder: Path, code: str, **settings: Any) -> CommandDevice:
    """A device of which the command is a Python program."""
    file = folder / "bench.py"
    file.write_text(f"import json, os, subprocess, sys, time\n{code}\n")
    command = shlex.join([sys.executable, str(file)]) + " {model} {json}"
    return CommandDevice(command, name="pi", **settings)


def twisted(folder: Path, change: str, **settings: Any) -> CommandDevice:
    """The real benchmark, with its answer changed by a line of Python."""
    call = (
        f"subprocess.run([sys.executable, {str(BENCH)!r}, *sys.argv[1:]], capture_output=True, text=True, check=True)"
    )
    return script(folder, f"answer = json.loads({call}.stdout)\n{change}\nprint(json.dumps(answer))", **settings)


def message(caught: pytest.ExceptionInfo[BaseException]) -> str:
    return str(caught.value)


def test_a_real_command_measures_a_network() -> None:
    device = CommandDevice(GOOD, name="this machine", batch=2)
    device.check()
    profile = device.measure(network(), limits=QUICK)
    assert profile.median_ms > 0.001
    assert profile.ci_low_ms <= profile.median_ms <= profile.ci_high_ms
    assert len(profile.passes_ms) == 3
    assert 3 * 10 <= profile.runs <= 3 * 200
    assert (profile.batch, profile.threads, profile.runtime, profile.dtype) == (2, 1, "command", "float32")
    assert profile.device == device.describe()
    assert profile.device_key == device.key()
    assert profile.device["onnxruntime"]
    assert profile.device["command"] == GOOD
    assert profile.facts == {"providers": "CPUExecutionProvider"}
    assert (profile.loaded, profile.energy_mj, profile.peak_memory_bytes) == (None, None, None), "not measured: absent"
    assert LatencyProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile
    assert "command fp32, batch 2" in profile.summary()


def test_the_command_gets_the_model_and_what_is_asked(tmp_path: Path) -> None:
    copy = f"import shutil; shutil.copy(sys.argv[1], {str(tmp_path / 'copy.onnx')!r})"
    keep = f"{copy}; shutil.copy(sys.argv[2], {str(tmp_path / 'copy.json')!r})"
    twisted(tmp_path, keep, batch=3, threads=2).measure(network(), limits=QUICK)
    asked = json.loads((tmp_path / "copy.json").read_text())
    assert not Path(asked.pop("model")).exists(), "both files are gone with the command"
    assert asked == {
        "format": "nasengine.command/1",
        "inputs": [{"name": "input", "shape": [3, 3, 16, 16], "dtype": "float32"}],
        "batch": 3,
        "threads": 2,
        "dtype": "float32",
        "min_runs": 10,
        "target_s": 0.3,
        "max_runs": 200,
        "warmup_limit_s": 2.0,
        "limit_s": 20.0,
        "processes": 3,
        "ci": 0.02,
    }
    import onnx

    shape = onnx.load(str(tmp_path / "copy.onnx")).graph.input[0].type.tensor_type.shape
    assert [dim.dim_value for dim in shape.dim] == [3, 3, 16, 16]


def test_statistics_of_the_command_s_own_are_taken(tmp_path: Path) -> None:
    own = (
        "times = sorted(answer.pop('times_ms')); n = len(times); answer.update(median_ms=times[n // 2], runs=n, "
        "p10_ms=times[n // 10], p90_ms=times[n * 9 // 10], p99_ms=times[-1], energy_mj=1.5, peak_memory_bytes=4096)"
    )
    several = "answer.update(processes=4, ci_low_ms=times[n // 2], ci_high_ms=times[-1])"
    device = twisted(tmp_path, own)
    thrice = device.measure(network(), limits=QUICK)
    assert len(thrice.passes_ms) == 3
    assert (thrice.energy_mj, thrice.peak_memory_bytes) == (1.5, 4096)
    once = twisted(tmp_path, f"{own}; {several}").measure(network(), limits=QUICK)
    assert once.passes_ms == ()
    assert once.runs * 2 < thrice.runs
    assert once.ci_high_ms == once.p99_ms
    assert "statistics made by the command in 1 run of it" in once.method


def test_constructing_one_runs_nothing_and_its_json_is_whole() -> None:
    device = CommandDevice("no-such-program {model}", name="pi", timeout_s=5)
    assert spec_from_json(device.to_json()) == device
    assert device.to_json()["type"] == "command_device"


def test_its_lock_is_by_name_and_holds_this_machine_unless_told_otherwise() -> None:
    assert CommandDevice(GOOD, name="pi").claim() == Claim(alone=("host", "cpu", "command-pi"))
    assert CommandDevice(GOOD, name="pi", here=False).claim() == Claim(alone=("command-pi",))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"command": "bench {json}"},
            "command device: command: 'bench {json}' needs {model}, where the path of the ONNX file goes, and may have "
            '{json}, where that of the request goes; such as "ssh pi bench {model} {json}"',
        ),
        (
            {"command": "bench '{model}"},
            'command device: command: "bench \'{model}" has an open quote (No closing quotation)',
        ),
        (
            {"command": "b {model}", "timeout_s": 0},
            "command device: name is a text and timeout_s a number of seconds above 0; got 'command' and 0",
        ),
        (
            {"command": "b {model}", "batch": 0},
            "device.batch: 0 is not possible; expected a whole number of at least 1",
        ),
        (
            {"command": "b {model}", "dtype": "int4"},
            "device.dtype: 'int4' is not known; expected one of float32, bfloat16, float16, int8",
        ),
    ],
)
def test_a_command_that_cannot_be_is_refused_at_once(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(DeviceError) as caught:
        CommandDevice(**settings)
    assert message(caught) == expected


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError) as caught:
        CommandDevice("no-such-bench {model}", name="pi").check()
    assert message(caught) == (
        f"{PLACE}: the program 'no-such-bench' is not here; install it, or give its path in the command"
    )


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "print('waiting for the board', file=sys.stderr, flush=True); time.sleep(600)"
    )
    with pytest.raises(DeviceError) as caught:
        script(tmp_path, code, timeout_s=6).check()
    assert message(caught) == (
        f"{PLACE}: it answers within timeout_s=6 s; it did not, and was killed with all that it started; its stderr "
        "ends: waiting for the board; raise timeout_s, or see why it hangs"
    )
    assert all(local.wait_dead(int(pid)) for pid in pids.read_text().split())


def test_a_command_that_dies_says_how(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        script(tmp_path, "sys.exit('no route to host')").check()
    assert message(caught) == f"{PLACE}: it ends with exit status 0; got exit status 1; stderr ends: no route to host"
    with pytest.raises(DeviceError) as caught:
        script(tmp_path, "os.kill(os.getpid(), 11)").check()
    assert message(caught) == f"{PLACE}: it ends with exit status 0; got SIGSEGV; stderr ends: (nothing)"


def test_a_command_that_prints_nonsense_is_found_by_check(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        script(tmp_path, "print('all went well')").check()
    assert message(caught) == (
        f'{PLACE}: it prints one line that is a JSON object, such as {{"times_ms": [1.9, 1.8]}}; its output ends: '
        "'all went well'; see the protocol of CommandDevice"
    )


def test_seconds_in_place_of_milliseconds_are_found_by_check(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        twisted(tmp_path, "answer['times_ms'] = [t / 1e3 for t in answer['times_ms']][:500]").check()
    assert message(caught).startswith(f"{PLACE}: times are milliseconds; 500 calls with a median of ")
    assert message(caught).endswith(
        " s that the command ran, so these are seconds, or too few calls: print milliseconds, and time calls for as "
        "long as the request's target_s says, or 2000 of them"
    )


def test_microseconds_in_place_of_milliseconds_are_found_by_check(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as caught:
        twisted(tmp_path, "answer['times_ms'] = [t * 1e3 for t in answer['times_ms']]").check()
    assert "calls with a median of " in message(caught)
    assert message(caught).endswith(" s: print milliseconds, and time calls one after the other")


def test_device_facts_that_change_between_runs_are_refused(tmp_path: Path) -> None:
    device = twisted(tmp_path, "answer['device'] = {'board': 'pi 5', 'pid': os.getpid()}")
    with pytest.raises(DeviceError) as caught:
        device.measure(network(), limits=QUICK)
    assert message(caught).startswith(f"{PLACE}: what it says of its device stays the same; pid was ")
    assert message(caught).endswith(": two devices answer, or what changes belongs into facts")


def test_device_facts_that_change_after_the_check_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("max power")
    device = twisted(tmp_path, f"answer['device'] = {{'mode': open({str(tmp_path / 'mode')!r}).read()}}")
    before = device.key()
    (tmp_path / "mode").write_text("battery")
    with pytest.raises(DeviceError, match="mode was 'max power' and is 'battery'"):
        device.measure(network(), limits=QUICK)
    assert CommandDevice(device.command, name="pi").key() != before


def test_an_operation_that_the_command_cannot_take_is_named(tmp_path: Path) -> None:
    device = script(tmp_path, "print(json.dumps({'unsupported': 'GroupNormalization (opset 21)'}))")
    with pytest.raises(UnsupportedError) as caught:
        device.measure(network(), limits=QUICK)
    assert message(caught) == f"{PLACE}: its runtime takes every operation; got: GroupNormalization (opset 21)"


def test_an_operation_that_onnx_lacks_is_named() -> None:
    space = Space("eigen", inputs=Image(1, 4), network=Sequential(torch_toys.EigenValues()))
    with pytest.raises(UnsupportedError) as caught:
        CommandDevice(GOOD, name="pi").measure(space.smallest(), limits=QUICK)
    assert message(caught).startswith(f"{PLACE}: the network is written as an ONNX file; ")
    assert "aten._linalg_eigh does not" in message(caught)


def answer(data: Any, wall_s: float = 1.0) -> Any:
    return read_answer(PLACE, f"warming up\n{json.dumps(data)}\ndone", QUICK, wall_s)


SUMMARY = {"median_ms": 1.0, "p10_ms": 1.0, "p90_ms": 1.0, "p99_ms": 1.0, "runs": 100}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"latency": 1.0}, 'its JSON holds "times_ms" or "median_ms"; got the keys latency'),
        ({"times_ms": []}, "times_ms is a list of milliseconds, one a call; got []"),
        ({"times_ms": [1.0, -1.0]}, "times_ms[1] is a finite number above 0; got -1.0"),
        ({"times_ms": [0]}, "times_ms[0] is a finite number above 0; got 0"),
        ({"times_ms": [math.nan]}, "times_ms[0] is a finite number above 0; got nan"),
        ({"times_ms": ["1.0"]}, "times_ms[0] is a finite number above 0; got '1.0'"),
        ({"times_ms": [True]}, "times_ms[0] is a finite number above 0; got True"),
        (
            {"times_ms": [1.0] * 9},
            "times_ms holds at least 10 times, as the request's min_runs says; got 9: time more calls",
        ),
        (
            {"median_ms": 1.0, "runs": 100},
            "statistics of its own are median_ms, p10_ms, p90_ms, p99_ms, runs; p10_ms, p90_ms, p99_ms missing; print "
            "them, or print times_ms and leave the statistics to us",
        ),
        (
            {**SUMMARY, "processes": 3, "ci_low_ms": 1.0},
            "statistics of its own are median_ms, p10_ms, p90_ms, p99_ms, runs, ci_low_ms, ci_high_ms; ci_high_ms "
            "missing; print them, or print times_ms and leave the statistics to us",
        ),
        ({**SUMMARY, "runs": 100.5}, "runs is a whole number; got 100.5"),
        ({**SUMMARY, "energy_mj": math.inf}, "energy_mj is a finite number above 0; got inf"),
        (
            {**SUMMARY, "device": {"a": [1]}},
            "device is a JSON object of texts and numbers, none of them nested; got {'a': [1]}",
        ),
        (
            {**SUMMARY, "facts": "fp16"},
            "facts is a JSON object of texts and numbers, none of them nested; got fp16",
        ),
        (
            {**SUMMARY, "runs": 2_000},
            "times are milliseconds of one call; 2000 calls with a median of 1 ms add up to 2 s, and the command ran "
            "for 1 s: print milliseconds, and time calls one after the other",
        ),
    ],
)
def test_figures_that_cannot_be_are_refused(data: dict[str, Any], expected: str) -> None:
    with pytest.raises(DeviceError) as caught:
        answer(data)
    assert message(caught) == f"{PLACE}: {expected}"


def test_only_the_last_line_that_is_an_object_counts() -> None:
    printed = '{"times_ms": [9.0]}\n' + json.dumps({"times_ms": [1.0] * 20, "device": {"v": 1.5}}) + "\n[1]\n3\nbye"
    found = read_answer(PLACE, printed, QUICK, 1.0)
    assert found.times_ms == (1.0,) * 20
    assert found.device == {"v": "1.5"}


def test_of_endless_output_only_the_end_is_kept() -> None:
    ran = run([sys.executable, "-c", "print('x' * 5_000_000); print('the end')"], 60.0)
    assert ran.code == 0
    assert len(ran.out) == KEPT_BYTES
    assert ran.out.endswith("the end\n")


def test_output_that_another_process_keeps_open_is_not_waited_for() -> None:
    ran = run(["sh", "-c", "setsid sleep 30 & echo done"], 60.0)
    assert (ran.out, ran.code) == ("done\n", 0)
    assert ran.wall_s < 25


def test_a_command_ends_when_who_started_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    inner = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"from nasengine.hardware.devices.running import run; run([{sys.executable!r}, '-c', {inner!r}], 600.0)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        deadline = time.monotonic() + 60
        while not (file.is_file() and file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert local.wait_dead(int(file.read_text()))
