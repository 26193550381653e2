"""A device of a Ray cluster: any machine that was started with the resource ``device:<name>``."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from nasengine.errors import DeviceError
from nasengine.hardware.devices.device import Device
from nasengine.hardware.devices.lock import WAIT_S, Claim
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import Fact
from nasengine.hardware.limits import Limits
from nasengine.hardware.timing.processes import failure, raise_failure
from nasengine.space.spec import spec_from_json, tagged

NAMESPACE = "nasengine"
PREFIX = "device:"
START_S = 180.0
"""So long may a worker process on the node take to start and to import."""
_TRIES = 2
_KNOCK_S, _BEAT_S = 10.0, 2.0
_TRIES_VARIABLE = "RAY_gcs_server_port_wait_time_s"


@tagged("ray_device")
class RayDevice(Target):
    """The machine of a Ray cluster that carries the resource ``device:<name>``.

    Start Ray there with ``ray start --address=HEAD:6379 --resources='{"device:pi5": 1}'``; nasengine has to be there
    too, and modules with blocks of your own. What is measured, and how, is as on a local ``device``: the same profiler
    runs there, under that machine's lock. JSON goes over and comes back; nothing of yours is pickled.

    The fingerprint is that of the machine, whatever its resource is called: a profile made there through Ray and one
    made there without are of the same device.

    Attributes:
        name: of the resource, without its prefix.
        address: of the cluster: "auto" for the one that runs on this machine or that ``RAY_ADDRESS`` names,
            "HOST:PORT", or "ray://HOST:PORT". A process that is attached to a cluster already stays with it.
        device: how the machine is used: kind, threads, batch, runtime, dtype.

    Raises:
        DeviceError: a name that cannot be.
    """

    name: str
    address: str = "auto"
    device: Device = Device()

    def validate(self) -> None:
        if not self.name or self.name.startswith(PREFIX):
            raise DeviceError(
                f"ray device: name is that of the resource without {PREFIX!r}, such as 'pi5'; got {self.name!r}"
            )
        if not isinstance(self.device, Device):
            raise DeviceError(
                f"ray device {self.name!r}: device is Device(...), as it is used there; got {self.device!r}"
            )

    @property
    def batch(self) -> int:
        return self.device.batch

    @property
    def dtype(self) -> str:
        return self.device.dtype

    @property
    def runtime(self) -> str:
        return self.device.runtime

    def check(self) -> None:
        """Ask the machine what it is. The answer is kept.

        Raises:
            DeviceError: Ray is not installed, there is no such cluster, no node of it carries the resource, nasengine
                is not installed there, or the machine lacks the device.
        """
        if "_described" not in self.__dict__:
            self.__dict__["_described"] = self._ask({"do": "describe"}, START_S)

    def describe(self) -> dict[str, Fact]:
        """As ``Device.describe`` says on that machine."""
        self.check()
        return dict(self.__dict__["_described"])

    def claim(self) -> Claim:
        """By name. On the machine itself the profiler takes that machine's lock."""
        return Claim(alone=(f"ray-{self.name}",))

    def longest_s(self, limits: Limits) -> float:
        """Both tries, with a worker's start and the wait for that machine's lock."""
        return _TRIES * self._limit_s(limits) + START_S

    def measured(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """As :meth:`Target.measured`."""
        limits = Limits.from_json(request.get("limits") or {})
        asked = {name: request.get(name) for name in ("architecture", "network", "modules")}
        found: dict[str, Any] = self._ask({"do": "profile", **asked, "limits": limits.to_json()}, self._limit_s(limits))
        return found

    # --- inside ------------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        return f"ray device {self.name!r}"

    def _limit_s(self, limits: Limits) -> float:
        return START_S + WAIT_S + self.device.longest_s(limits)

    def _ask(self, message: dict[str, Any], limit_s: float) -> Any:
        """Do something there; once more where the node or its worker was lost."""
        text = json.dumps({**message, "device": self.device.to_json()})
        with self._attached() as ray:
            lost = ""
            for _ in range(_TRIES):
                self._check_resource(ray, lost)
                found, lost = self._answer(ray, text, limit_s)
                if not lost:
                    break
            else:
                self._check_resource(ray, lost)
                raise DeviceError(
                    f"{self._place}: its node was lost {_TRIES} times while it was asked ({lost}); see its logs, in "
                    "/tmp/ray there"
                )
        if "error" in found:
            raise_failure(found, f"{self._place}")
        return found["value"]

    def _answer(self, ray: Any, text: str, limit_s: float) -> tuple[dict[str, Any], str]:
        """What came back, or how the node was lost."""
        # Whole workers are used once: what a measurement leaves behind is gone with them.
        task = ray.remote(num_cpus=0, resources={PREFIX + self.name: 1}, max_retries=0, max_calls=1)(_there)
        reference = task.remote(text)
        deadline = time.monotonic() + limit_s
        while not ray.wait([reference], timeout=_BEAT_S)[0]:
            late, gone = time.monotonic() > deadline, PREFIX + self.name not in _resources(ray)
            if late or gone:  # without the node the task would wait for ever
                ray.cancel(reference, force=True)
            if gone:
                return {}, "no node carries the resource any more"
            if late:
                raise DeviceError(
                    f"{self._place}: it answers within {limit_s:.0f} s; it did not, since another measurement runs "
                    "there or it hangs; wait for that, or measure with narrower limits"
                )
        try:
            return json.loads(ray.get(reference)), ""
        except ray.exceptions.RayTaskError as problem:
            raise DeviceError(
                f"{self._place}: nasengine of this version runs there; got {_line(problem)}; install it on that machine"
            ) from None
        except ray.exceptions.RayError as problem:
            return {}, _line(problem)

    def _check_resource(self, ray: Any, lost: str) -> None:
        carried = _resources(ray)
        if PREFIX + self.name in carried:
            return
        others = ", ".join(name for name in carried if name.startswith(PREFIX)) or "none"
        raise DeviceError(
            f"{self._place}: a node of the cluster carries the resource {PREFIX + self.name!r}; "
            + (f"the node was lost while it was asked ({lost}), and " if lost else "")
            + f"the resources of devices there are: {others}; start Ray on the machine with: ray start --address=... "
            f"""--resources='{{"{PREFIX}{self.name}": 1}}'"""
        )

    @contextlib.contextmanager
    def _attached(self) -> Iterator[Any]:
        """Attached to the cluster as long as it takes, without anything that Ray would send elsewhere."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray = importlib.import_module("ray")
        except ModuleNotFoundError:
            raise DeviceError(
                f"{self._place}: Ray is needed, and not installed; install it with: pip install 'nasengine[ray]'"
            ) from None
        if ray.is_initialized():
            yield ray
            return
        try:
            _knock(self.address)
            with _brief():
                ray.init(address=self.address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.CRITICAL)
        except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
            raise DeviceError(
                f"{self._place}: a Ray cluster runs at {self.address!r}; got {_line(problem)}; start one with ray "
                "start, or give its address"
            ) from None
        try:
            yield ray
        finally:
            ray.shutdown()


def _resources(ray: Any) -> list[str]:
    """Names of what the nodes that live carry."""
    return sorted({name for node in ray.nodes() if node["Alive"] for name in node["Resources"]})


def _knock(address: str) -> None:
    """Does anybody listen at HOST:PORT? Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S):
            return


@contextlib.contextmanager
def _brief() -> Iterator[None]:
    """Let Ray give up on a cluster that does not answer after a minute or two, unless its user said otherwise."""
    before = os.environ.get(_TRIES_VARIABLE)
    os.environ.setdefault(_TRIES_VARIABLE, "2")
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TRIES_VARIABLE]


def _there(text: str) -> str:
    """On the node: do what is asked, and answer in JSON, errors too."""
    try:
        return json.dumps({"value": _done(json.loads(text))}, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - whatever it is goes back as text, never as a pickle
        return json.dumps(failure(error))


def _done(message: Mapping[str, Any]) -> dict[str, Any]:
    from nasengine.space import Architecture

    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        del os.environ["CUDA_VISIBLE_DEVICES"]  # Ray hides GPUs from tasks that ask for none of its own
    device = spec_from_json(message["device"])
    assert isinstance(device, Device)
    if message["do"] == "describe":
        return device.describe()
    modules = message.get("modules") or ()
    for module in modules:
        importlib.import_module(module)
    architecture, limits = Architecture.from_json(message["architecture"]), Limits.from_json(message["limits"])
    return device.measure(architecture, network=message["network"], limits=limits, modules=modules).to_json()


def _line(problem: BaseException) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return f"{type(problem).__name__}: {(lines or ['no message'])[-1][:300]}"
