"""A GPU's clock, temperature and energy through NVIDIA's management library, which comes with the driver.

Called with ctypes, so no further package is needed. Functions and units: NVML API reference, "Device Queries".
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

LIBRARY = "libnvidia-ml.so.1"
_SM_CLOCK = 1  # NVML_CLOCK_SM
_GPU_SENSOR = 0  # NVML_TEMPERATURE_GPU


class Nvml:
    """One GPU. Each reading is None where the driver does not offer it."""

    def __init__(self, library: ctypes.CDLL, handle: ctypes.c_void_p) -> None:
        self._library, self._handle = library, handle

    @classmethod
    def of(cls, index: int, library: str = LIBRARY) -> Nvml | None:
        """The GPU that torch numbers so; None where the library or the GPU is not found."""
        import torch

        try:
            uuid = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
        except (RuntimeError, AssertionError, AttributeError):  # no CUDA, or a torch that does not tell the identifier
            return None
        return cls.by_uuid(uuid, library)

    @classmethod
    def by_uuid(cls, uuid: str, library: str = LIBRARY) -> Nvml | None:
        """The GPU with this identifier: torch's numbers and NVML's differ where CUDA_VISIBLE_DEVICES is set."""
        handle = ctypes.c_void_p()
        try:
            loaded = ctypes.CDLL(library)
            failed = loaded.nvmlInit_v2() or loaded.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle))
        except (OSError, AttributeError):
            return None
        return None if failed else cls(loaded, handle)

    def temperature_c(self) -> float | None:
        """Degrees Celsius of the chip."""
        return self._get("nvmlDeviceGetTemperature", ctypes.c_uint(), ctypes.c_int(_GPU_SENSOR))

    def clock_mhz(self) -> float | None:
        """The clock of the multiprocessors now."""
        return self._get("nvmlDeviceGetClockInfo", ctypes.c_uint(), ctypes.c_int(_SM_CLOCK))

    def energy_counter(self) -> Callable[[], float] | None:
        """A counter of joules since the driver was loaded (Volta and later)."""
        if self._energy_mj() is None:
            return None
        return lambda: (self._energy_mj() or 0.0) / 1e3

    def _energy_mj(self) -> float | None:
        return self._get("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong())

    def _get(self, name: str, value: ctypes.c_uint | ctypes.c_ulonglong, *which: ctypes.c_int) -> float | None:
        try:
            failed = getattr(self._library, name)(self._handle, *which, ctypes.byref(value))
        except AttributeError:
            return None
        return None if failed else float(value.value)
