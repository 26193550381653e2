"""Measuring for a study: what is asked of a device, how often, and when the device is to blame, not a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasengine.errors import DeviceError, NasError
from nasengine.hardware import Device, Limits, Target
from nasengine.space import Architecture
from nasengine.study.local import LocalExecutor, Outcome
from nasengine.study.parts import Importable, pieces

TRIES = 2
FAILURES = 3
UNSUPPORTED = "UnsupportedError"
"""What the worker calls the error of a network that the device's runtime cannot take."""
_ENDS = "nothing recorded is lost: mend the device, and the same command continues"


def measured(
    executor: LocalExecutor,
    id: str,
    target: Target,
    architecture: Architecture,
    *,
    modules: Sequence[str],
    log: Path,
    limits: Limits | None = None,
    quiet_ms: float | None = None,
) -> Outcome:
    """Measure a network, under the device's lock; once more where the measuring server was lost.

    ``quiet_ms`` is what the reference kernel takes on the device at rest, as far as earlier profiles say.

    A device that is not of this machine, behind a command or a cluster, fails for other reasons than its network: it is
    asked once more, and where it fails again, looked at with a network of our own.

    Raises:
        DeviceError: that fails too; it is the device.
    """
    limits, here = limits or Limits(), isinstance(target, Device)
    job = {"kind": "profile", "architecture": architecture.to_json(), "device": target.to_json(), "threads": 1}
    job |= {"limits": limits.to_json(), "modules": Importable().modules(pieces(architecture)), "quiet_ms": quiet_ms}
    settings: dict[str, Any] = {"log": log, "claim": target.claim(), "limit_s": target.longest_s(limits)}
    for _ in range(TRIES):
        outcome = executor.measure(id, job, modules=modules, **settings)
        if outcome.value is not None or outcome.error == UNSUPPORTED or (here and not outcome.lost):
            return outcome
    if not here:
        look = {"kind": "check", "device": target.to_json(), "threads": 1}
        answer = executor.measure(f"{id}: check", look, **settings)
        if answer.value is None:
            raise DeviceError(f"{answer.reason}; it failed {TRIES} times before, then with a network of ours; {_ENDS}")
    return outcome


class Blame:
    """Whether failures are the networks' or the device's, and whether the device is still the one it was.

    Args:
        key: of the study's device.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._failures = 0

    def failed(self, target: Target, reason: str) -> None:
        """A network could not be measured.

        Raises:
            DeviceError: nor could those before it, on a device that is not of this machine.
        """
        self._failures += 1
        if self._failures >= FAILURES and not isinstance(target, Device):
            raise DeviceError(f"{reason}; so did {FAILURES} networks in a row; {_ENDS}")

    def answered(self, target: Target, profile: Mapping[str, Any]) -> None:
        """A network was measured.

        Raises:
            DeviceError: by another device than the study began with.
        """
        self._failures = 0
        if profile["device_key"] != self._key:
            raise DeviceError(f"device: {_difference(target, profile)}; measure on one device only; {_ENDS}")


def _difference(target: Target, profile: Mapping[str, Any]) -> str:
    try:
        before = target.describe()
    except NasError as error:
        return str(error)
    now = profile["device"]
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    shown = [f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in changed]
    return f"it stays the same while a study runs; {', '.join(shown) or 'it changed meanwhile'}"
