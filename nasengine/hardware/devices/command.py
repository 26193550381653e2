"""A device behind a command: a phone, a board, TensorRT, whatever can run an ONNX file and print JSON."""

from __future__ import annotations

import datetime
import importlib
import json
import shlex
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import DeviceError, UnsupportedError
from nasengine.hardware.devices.answer import Answer, joined, read_answer, wants_more
from nasengine.hardware.devices.device import Device, expect_one_of, expect_positive
from nasengine.hardware.devices.lock import Claim
from nasengine.hardware.devices.running import run
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import Fact, LatencyProfile
from nasengine.hardware.limits import Limits
from nasengine.space.spec import fingerprint, tagged

if TYPE_CHECKING:
    from nasengine.graph import Graph

REQUEST = "nasengine.command/1"
DTYPES = ("float32", "bfloat16", "float16", "int8")
TARGET_S = 0.3
_EXPORT_S = 300.0
_SHOWN = 500


@tagged("command_device")
class CommandDevice(Target):
    """A device that a command measures: ``CommandDevice("ssh pi bench {model} {json}", name="pi")``.

    The command is split as a shell would split it and run without a shell. In it ``{model}`` is replaced by the path of
    an ONNX file, with the batch fixed and seeded weights, and ``{json}`` by the path of the request, a JSON object:

    ``format``            ``"nasengine.command/1"``
    ``model``             the path of the ONNX file; weights above 1.5 GB lie in a file beside it
    ``inputs``            a list of ``{"name": ..., "shape": [batch, ...], "dtype": "float32"}``
    ``batch, threads``    whole numbers, as in the device
    ``dtype``             what to compute in; for ``"int8"`` the file is float32, and the command quantises it
    ``min_runs``          time at least so many calls, one after the other, after a warm-up
    ``target_s``          and go on until they add up to so many seconds,
    ``max_runs``          or there are so many of them
    ``warmup_limit_s, limit_s``   the longest warm-up, and the longest that the timed calls may take
    ``processes``         how often the command will be run for this network, at least
    ``ci``                how narrow the 95 % interval of the median should be, as a share of the median

    Both files are gone when the command has ended. Of what it prints on stdout the last line that is a JSON object is
    its answer; whatever else it prints is left out:

    ``times_ms``          milliseconds of each timed call; all statistics are made of them; or in its place
    ``median_ms, p10_ms, p90_ms, p99_ms, runs``   statistics of its own, and, where it measured in
    ``processes``         several fresh processes itself, ``ci_low_ms, ci_high_ms``: then it is run once only
    ``device``            an object of texts and numbers that say what stands there: chip, driver, power mode, versions.
                          They are part of the fingerprint, so they may not change from one run to the next
    ``facts``             what may change from network to network: the layout, the number of fallbacks, ...
    ``warmup_runs, steady, peak_memory_bytes, energy_mj, power_w, temperature_c, clock_mhz``   where it knows them
    ``unsupported``       in place of all else: the operation that the runtime cannot take

    Each network is measured by at least three runs of the command, so that the interval includes the variance between
    processes, and by a fourth where they differ by more than was asked for. A command that exits with another status
    than 0 has failed, and so has one that runs for longer than ``timeout_s``: it is killed, with all that it started,
    also when this process dies.

    Attributes:
        command: with ``{model}`` in it.
        name: of the device: measurements on devices of one name take turns on this machine.
        batch: examples a call.
        dtype: "float32", "bfloat16", "float16" or "int8".
        threads: how many threads the command is told to use.
        timeout_s: the longest that one run of the command may take.
        here: may it be this very machine that is measured? Then nothing of ours trains here meanwhile. Set it to False
            for a device elsewhere, and training goes on.
        runtime: what runs the network, for reports.

    Raises:
        DeviceError: a command without ``{model}``, or a value that cannot be.
    """

    command: str
    name: str = "command"
    batch: int = 1
    dtype: str = "float32"
    threads: int = 1
    timeout_s: float = 120.0
    here: bool = True
    runtime: str = "command"

    def validate(self) -> None:
        try:
            words = shlex.split(self.command)
        except ValueError as problem:
            raise DeviceError(f"command device: command: {self.command!r} has an open quote ({problem})") from None
        if not any("{model}" in word for word in words):
            raise DeviceError(
                f"command device: command: {self.command!r} needs {{model}}, where the path of the ONNX file goes, and "
                'may have {json}, where that of the request goes; such as "ssh pi bench {model} {json}"'
            )
        expect_positive("batch", self.batch)
        expect_positive("threads", self.threads)
        expect_one_of("dtype", self.dtype, DTYPES)
        if not self.name or not 0 < self.timeout_s < float("inf"):
            raise DeviceError(
                f"command device: name is a text and timeout_s a number of seconds above 0; got {self.name!r} and "
                f"{self.timeout_s!r}"
            )

    def check(self) -> None:
        """Run the command once on a tiny network. The answer is kept, so this costs one run.

        Raises:
            DeviceError: it is not there, fails, takes too long, or prints what it should not.
            ExportError: ``onnx``, ``onnxruntime`` or ``onnxscript`` is not installed.
        """
        if "_device" not in self.__dict__:
            self.__dict__["_device"] = self._look().device

    def describe(self) -> dict[str, Fact]:
        """What the command says of its device, and how it is called."""
        self.check()
        return self._described(self.__dict__["_device"])

    def claim(self) -> Claim:
        """By name; and this machine, unless ``here`` says that it is not measured."""
        own = f"command-{self.name}"
        return Claim(alone=("host", "cpu", own) if self.here else (own,))

    def longest_s(self, limits: Limits) -> float:
        """All runs of the command, and the time to write the ONNX file."""
        return _EXPORT_S + limits.most_processes * (self.timeout_s + 5.0)

    def warm(self) -> None:
        """As :meth:`Target.warm`: torch's exporter is slow the first time."""
        with tempfile.TemporaryDirectory(prefix="nasengine-") as folder:
            self._written(_tiny(), Path(folder) / "network.onnx")

    def measured(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """As :meth:`Target.measured`."""
        from nasengine.graph import lower
        from nasengine.space import Architecture

        for module in request.get("modules") or ():
            importlib.import_module(module)
        limits = Limits.from_json(request.get("limits") or {})
        architecture, network = Architecture.from_json(request["architecture"]), request.get("network")
        graph = (lower(architecture) if network is None else lower(architecture, network)).simplify()
        return self._profile(self._answers(graph, limits), limits).to_json()

    # --- inside ------------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        return f"command device {self.name!r}"

    def _described(self, found: Mapping[str, Fact]) -> dict[str, Fact]:
        own = ("name", "command", "batch", "threads", "dtype", "runtime")
        return {**found, "kind": "command", **{name: getattr(self, name) for name in own}}

    def _look(self) -> Answer:
        return self._answers(_tiny(), Limits(), once=True)[0]

    def _answers(self, graph: Graph, limits: Limits, *, once: bool = False) -> list[Answer]:
        program = shlex.split(self.command)[0]
        if shutil.which(program) is None:
            raise DeviceError(
                f"{self._place}: the program {program!r} is not here; install it, or give its path in the command"
            )
        with tempfile.TemporaryDirectory(prefix="nasengine-") as folder:
            model, asked = Path(folder) / "network.onnx", Path(folder) / "request.json"
            request = self._request(model, self._written(graph, model), limits)
            asked.write_text(json.dumps(request), encoding="utf-8")
            answers = [self._run(model, asked, limits)]
            while not once and answers[0].processes == 1 and wants_more(answers, limits):
                answers.append(self._run(model, asked, limits))
                self._check_same(answers[0].device, answers[-1].device)
        if "_device" in self.__dict__:
            self._check_same(self.__dict__["_device"], answers[0].device)
        return answers

    def _written(self, graph: Graph, model: Path) -> list[dict[str, Any]]:
        """Write the file; name, shape with the batch, and dtype of each input."""
        from nasengine.export.onnx import require_packages
        from nasengine.hardware.runtimes.onnx import write
        from nasengine.hardware.runtimes.placed import inputs_of

        require_packages()
        used = Device(batch=self.batch, dtype=self.dtype, runtime="onnxruntime")
        try:
            write(graph, used, model)
        except UnsupportedError as error:
            raise UnsupportedError(f"{self._place}: the network is written as an ONNX file; {error}") from error
        pairs = zip(graph.inputs, inputs_of(graph, used)[0], strict=True)
        return [{"name": n, "shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch.")} for n, t in pairs]

    def _request(self, model: Path, inputs: list[dict[str, Any]], limits: Limits) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("batch", "threads", "dtype")}
        asked = {name: getattr(limits, name) for name in ("max_runs", "warmup_limit_s", "limit_s", "processes", "ci")}
        return {
            "format": REQUEST,
            "model": str(model),
            "inputs": inputs,
            **own,
            "min_runs": limits.runs_a_process,
            "target_s": min(TARGET_S, limits.limit_s),
            **asked,
        }

    def _run(self, model: Path, asked: Path, limits: Limits) -> Answer:
        words = shlex.split(self.command)
        ran = run([w.replace("{model}", str(model)).replace("{json}", str(asked)) for w in words], self.timeout_s)
        said = " ".join(ran.err.split())[-_SHOWN:] or "(nothing)"
        if ran.code is None:
            raise DeviceError(
                f"{self._place}: it answers within timeout_s={self.timeout_s:g} s; it did not, and was killed with all "
                f"that it started; its stderr ends: {said}; raise timeout_s, or see why it hangs"
            )
        if ran.code:
            raise DeviceError(f"{self._place}: it ends with exit status 0; got {_named(ran.code)}; stderr ends: {said}")
        return read_answer(self._place, ran.out, limits, ran.wall_s)

    def _check_same(self, before: Mapping[str, Fact], now: Mapping[str, Fact]) -> None:
        changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
        if changed:
            shown = ", ".join(f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in changed)
            raise DeviceError(
                f"{self._place}: what it says of its device stays the same; {shown}: two devices answer, or what "
                "changes belongs into facts"
            )

    def _profile(self, answers: list[Answer], limits: Limits) -> LatencyProfile:
        described = self._described(answers[0].device)
        found = joined(answers)
        width = (found["ci_high_ms"] - found["ci_low_ms"]) / found["median_ms"]
        layout = found["facts"].pop("layout", None)
        return LatencyProfile(
            **found,
            batch=self.batch,
            threads=self.threads,
            runtime=self.runtime,
            dtype=self.dtype,
            device=described,
            device_key=fingerprint(described),
            load_average=None,
            measured_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            method=_method(answers),
            wanted_ci=limits.ci,
            precise=width <= limits.ci,
            loaded=None,
            drift=None,
            reference_ms=None,
            busy_share=None,
            retries=None,
            layout=None if layout is None else str(layout),
            cache=None,
        )


def _tiny() -> Graph:
    """A network that any device should take."""
    from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential
    from nasengine.graph import Image, lower
    from nasengine.space import Space

    network = Sequential(ConvNormAct(16, stride=2), ConvNormAct(16), GlobalPool(), Linear(10))
    return lower(Space("tiny", inputs=Image(3, 32), network=network).smallest()).simplify()


def _method(answers: list[Answer]) -> str:
    whose = "calls timed by the command" if answers[0].times_ms else "statistics made by the command"
    return (
        f"{whose} in {len(answers)} run{'' if len(answers) == 1 else 's'} of it, each a process of its own, on an ONNX "
        "file with seeded weights and a fixed batch; the interval of the median is between its processes; no reference "
        "kernel, so a load on the device is not noticed."
    )


def _named(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
