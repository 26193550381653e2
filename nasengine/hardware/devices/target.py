"""What a latency can be of: a device here, on a machine of a cluster, or behind a command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nasengine.hardware.devices.lock import Claim, held
from nasengine.hardware.latency import Fact, LatencyProfile
from nasengine.space.spec import Spec, fingerprint

if TYPE_CHECKING:
    from nasengine.hardware.limits import Limits
    from nasengine.hardware.profiler import Profiler
    from nasengine.space import Architecture


class Target(Spec, ABC):
    """A device and the way it is used: the abstract base of ``Device``, ``CommandDevice`` and ``RayDevice``.

    A target is plain data. Constructing one reads nothing from any machine; ``check`` says whether the device can be
    reached now, ``describe`` what exactly stands there. Two latencies may be compared when their keys are equal, and
    a profile or a predictor made for one key is never used for another.
    """

    @property
    @abstractmethod
    def batch(self) -> int:
        """Examples a call."""

    @property
    @abstractmethod
    def dtype(self) -> str:
        """In which weights and floating inputs are held and computed."""

    @property
    @abstractmethod
    def runtime(self) -> str:
        """What runs the network."""

    @abstractmethod
    def check(self) -> None:
        """Can it be measured on now?

        Raises:
            DeviceError: no; what is missing and what to do.
        """

    @abstractmethod
    def describe(self) -> dict[str, Fact]:
        """The device's fingerprint in words: the machine, its software and how the device is used.

        Raises:
            DeviceError: as :meth:`check`.
        """

    def key(self) -> str:
        """SHA-256 of :meth:`describe` as hex: equal keys, comparable latencies."""
        return fingerprint(self.describe())

    @abstractmethod
    def claim(self) -> Claim:
        """What of this machine is locked while a latency is measured. See :mod:`nasengine.hardware.devices.lock`."""

    @abstractmethod
    def longest_s(self, limits: Limits) -> float:
        """Seconds after which a measurement is not answered any more: its own limits added up, and some."""

    def warm(self) -> None:
        """In a process that forks others which measure: import what they need. Nothing that makes threads."""

    @abstractmethod
    def measured(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """For whoever holds :meth:`claim`: measure what plain JSON asks for, and answer in plain JSON.

        Args:
            request: ``architecture`` and ``limits`` as their ``to_json`` wrote them, ``network`` (a name or None) and
                ``modules`` to import first.

        Returns:
            The JSON of a ``LatencyProfile``.

        Raises:
            UnsupportedError, DeviceError: as :meth:`measure`.
        """

    def measure(
        self,
        architecture: Architecture,
        *,
        network: str | None = None,
        limits: Limits | None = None,
        modules: Sequence[str] = (),
        profiler: Profiler | None = None,
    ) -> LatencyProfile:
        """The latency of a network of ``architecture``, measured under the device's lock.

        Args:
            architecture: a closed architecture.
            network: which of its networks; may be left out where there is one.
            limits: how carefully, and for how long.
            modules: to import first, for blocks of your own.
            profiler: a profiler that is warm; only a local device uses it.

        Raises:
            UnsupportedError: the runtime cannot take an operation of the network; it is named.
            DeviceError: the device is absent, or failed.
        """
        request = {
            "architecture": architecture.to_json(),
            "network": network,
            "device": self.to_json(),
            "limits": None if limits is None else limits.to_json(),
            "modules": list(modules),
        }
        with held(self.claim()):
            return LatencyProfile.from_json(self.measured(request))
