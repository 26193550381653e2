"""A device of a Ray cluster: a real cluster on the loopback, with a node of its own for the device."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import study_toys as toys
import test_study_local as local
import torch_toys

from nasengine.blocks import Flatten, Linear, Sequential
from nasengine.errors import DeviceError, UnsupportedError
from nasengine.graph import Image
from nasengine.hardware import Device, LatencyProfile, Limits, RayDevice
from nasengine.hardware.devices.lock import Claim
from nasengine.search import minimize
from nasengine.space import Architecture, Space
from nasengine.space.spec import spec_from_json
from nasengine.study import Ledger, rows

HERE = Path(__file__).parent
QUICK = Limits(retries=0, most_processes=3)
on_a_cluster = [
    pytest.mark.slow,
    pytest.mark.representative,
    pytest.mark.skipif(sys.platform != "linux", reason="the cluster is on 127.0.0.2, which other systems do not have"),
]


@dataclass
class Cluster:
    """A running cluster, and the folder that its nodes know as NASENGINE_TEST_FOLDER."""

    process: subprocess.Popen[str]
    address: str
    folder: Path

    def tell(self, word: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes")
    root = str(HERE.parent)
    paths = os.pathsep.join([root, str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "NASENGINE_TEST_FOLDER": str(folder), "PYTHONPATH": paths}
    command = [sys.executable, str(HERE / "ray_cluster.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        made = Cluster(process, process.stdout.readline().strip(), folder)
        assert made.address.startswith("127.0.0.2:")
        yield made
        started = descendants(process.pid)
        assert started
        process.communicate("end\n", timeout=120)
    assert all(local.wait_dead(pid, 30.0) for pid in started), "nothing of the cluster is left"


def descendants(pid: int) -> set[int]:
    """Processes that a process started, and those that they did."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, size = {pid}, 0
    while size < len(found):
        size = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def network(block: Any = None) -> Architecture:
    if block is None:
        return Space("net", inputs=Image(1, 4), network=Sequential(Flatten(), Linear(8))).smallest()
    return Space("net", inputs=Image(1, 4), network=Sequential(block)).smallest()


def device(cluster: Cluster, **settings: Any) -> RayDevice:
    return RayDevice("test", address=cluster.address, **settings)


class TestOnACluster:
    """All of it on one cluster; the last test takes its node away."""

    pytestmark = on_a_cluster

    def test_a_network_is_measured_on_the_node(self, cluster: Cluster) -> None:
        there = device(cluster, device=Device(batch=2))
        assert there.describe() == Device(batch=2).describe(), "it is this machine, however it is reached"
        profile = there.measure(network(), limits=QUICK)
        assert profile.device_key == there.key() == Device(batch=2).key()
        assert (profile.batch, profile.runtime) == (2, "eager")
        assert len(profile.passes_ms) >= 3
        assert LatencyProfile.from_json(json.loads(json.dumps(profile.to_json()))) == profile

    def test_a_worker_that_dies_is_replaced_once(self, cluster: Cluster) -> None:
        profile = device(cluster).measure(network(), limits=QUICK, modules=["ray_mishaps.dies_once"])
        assert profile.median_ms > 0
        assert (cluster.folder / "died").read_text() == "1"

    def test_a_worker_that_always_dies_is_an_error(self, cluster: Cluster) -> None:
        with pytest.raises(DeviceError) as caught:
            device(cluster).measure(network(), limits=QUICK, modules=["ray_mishaps.dies"])
        assert str(caught.value).startswith(
            "ray device 'test': its node was lost 2 times while it was asked (WorkerCrashedError: "
        )
        assert str(caught.value).endswith("; see its logs, in /tmp/ray there")

    def test_an_error_there_is_the_same_error_here(self, cluster: Cluster) -> None:
        onnx = device(cluster, device=Device(runtime="onnxruntime"))
        with pytest.raises(UnsupportedError, match=r"aten\._linalg_eigh does not"):
            onnx.measure(network(torch_toys.EigenValues()), limits=QUICK, modules=["torch_toys"])

    def test_a_module_that_is_not_there_is_named(self, cluster: Cluster) -> None:
        with pytest.raises(DeviceError) as caught:
            device(cluster).measure(network(), modules=["no_such_blocks"])
        assert "ModuleNotFoundError: No module named 'no_such_blocks'" in str(caught.value)

    def test_a_resource_that_no_node_carries_is_an_error_that_lists_those_there(self, cluster: Cluster) -> None:
        with pytest.raises(DeviceError) as caught:
            RayDevice("pi5", address=cluster.address).check()
        assert str(caught.value) == (
            "ray device 'pi5': a node of the cluster carries the resource 'device:pi5'; the resources of devices there "
            "are: device:test; start Ray on the machine with: ray start --address=... "
            """--resources='{"device:pi5": 1}'"""
        )

    @pytest.mark.timeout(900)
    def test_a_study_measures_there_while_it_trains_here(self, cluster: Cluster, tmp_path: Path) -> None:
        """The node is this machine, so training stands still while the profiler there has its lock."""
        there = device(cluster)
        goals = (toys.ACCURACY, minimize("latency_ms"))
        study = toys.study(tmp_path / "s", widths=(4, 8), epochs=40, objectives=goals, device=there)
        front = study.run(trials=3, workers=2, progress=False)
        ledger = Ledger(tmp_path / "s")
        assert len(front) >= 1
        assert {row.device_key for row in ledger.profiles()} == {there.key()}
        assert [row.status for row in ledger.trials() if row.entered and row.same_as is None].count(rows.FAILED) == 0
        assert ledger.meta()["device"] == there.to_json()

    @pytest.mark.timeout(600)
    def test_a_node_that_is_lost_while_it_measures(self, cluster: Cluster) -> None:
        caught: list[DeviceError] = []

        def ask() -> None:
            try:
                device(cluster).measure(network(), modules=["ray_mishaps.sleeps"])
            except DeviceError as error:
                caught.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        deadline = time.monotonic() + 120
        while not (cluster.folder / "sleeping").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert cluster.tell("remove") == "removed"
        thread.join(120)
        assert len(caught) == 1
        assert "the node was lost while it was asked (" in str(caught[0])
        assert "and the resources of devices there are: none" in str(caught[0])


def test_constructing_one_asks_nobody_and_its_json_is_whole() -> None:
    pi = RayDevice("pi5", address="10.0.0.1:6379", device=Device(threads=4, batch=8, dtype="bfloat16"))
    assert spec_from_json(pi.to_json()) == pi
    assert (pi.batch, pi.dtype, pi.runtime) == (8, "bfloat16", "eager")
    assert pi.claim() == Claim(alone=("ray-pi5",))
    assert not pi.claim().here


@pytest.mark.parametrize("name", ["", "device:pi5"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        RayDevice(name)
    assert str(caught.value) == (
        f"ray device: name is that of the resource without 'device:', such as 'pi5'; got {name!r}"
    )


def test_a_device_that_is_no_local_one_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"^ray device 'a': device is Device\(...\), as it is used there; got"):
        RayDevice("a", device=RayDevice("b"))  # type: ignore[arg-type]


def test_a_cluster_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DeviceError) as caught:
        RayDevice("pi5", address="127.0.0.1:1").check()
    assert str(caught.value) == (
        "ray device 'pi5': a Ray cluster runs at '127.0.0.1:1'; got ConnectionRefusedError: [Errno 111] Connection "
        "refused; start one with ray start, or give its address"
    )


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DeviceError) as caught:
        RayDevice("pi5").check()
    assert str(caught.value) == (
        "ray device 'pi5': Ray is needed, and not installed; install it with: pip install 'nasengine[ray]'"
    )
