"""Hardware: the device that a network is meant for, and its latency there, measured.

`Device` and `LatencyProfile` are plain data; `profile` and `Profiler` measure in processes of their own, so that torch
is loaded in this one only when a device is described.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasengine.hardware.devices.command import CommandDevice
from nasengine.hardware.devices.device import DTYPES, RUNTIMES, Device
from nasengine.hardware.devices.remote import RayDevice
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import LatencyProfile
from nasengine.hardware.limits import Limits

if TYPE_CHECKING:
    from nasengine.hardware.predictor import LatencyPredictor
    from nasengine.hardware.predictor.calibration import calibrate
    from nasengine.hardware.profiler import Profiler, profile

__all__ = [
    "DTYPES", "RUNTIMES", "Target", "Device", "CommandDevice", "RayDevice",
    "LatencyProfile", "Limits", "Profiler", "profile", "LatencyPredictor", "calibrate",
]  # fmt: skip


_HOMES = {
    "profile": "profiler",
    "Profiler": "profiler",
    "LatencyPredictor": "predictor",
    "calibrate": "predictor.calibration",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"nasengine.hardware.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
