"""Hardware: the device that a network is meant for, and its latency there, measured.

`Device` and `LatencyProfile` are plain data and load no torch; `profile` loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasengine.hardware.device import DTYPES, RUNTIMES, Device
from nasengine.hardware.latency import LatencyProfile

if TYPE_CHECKING:
    from nasengine.hardware.profiler import profile

__all__ = ["DTYPES", "RUNTIMES", "Device", "LatencyProfile", "profile"]


def __getattr__(name: str) -> Any:
    if name == "profile":
        from nasengine.hardware.profiler import profile

        return profile
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
