"""The file of a calibration: what was measured of which members, a line each, of one device and one space."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import DeviceError, PredictorError
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import LatencyProfile
from nasengine.space import Architecture, Space

if TYPE_CHECKING:
    from nasengine.graph import Graph
    from nasengine.hardware.predictor import HeldOut, LatencyPredictor

FORMAT = "nasengine.calibration/1"
FIT, HELD = "fit", "held"
LEAST = 5


class Profiles:
    """The file of what was measured: a line that says of which space and device, then one a member.

    Raises:
        PredictorError: it is of another device or space, or no such file.
    """

    def __init__(self, path: Path, space: Space, device: Target) -> None:
        self.path, self.space = path, space
        self.described = device.describe()
        self.key = device.key()
        self.skipped: dict[str, str] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self._tries: Counter[str] = Counter()
        self._elapsed_s = {FIT: 0.0, HELD: 0.0}
        if not self._read():
            head = {"format": FORMAT, "space": space.name, "space_fingerprint": space.fingerprint}
            self._append({**head, "device": self.described, "device_key": self.key})

    def __contains__(self, id: str) -> bool:
        return id in self.rows or id in self.skipped

    def add(self, architecture: Architecture, split: str, profile: LatencyProfile, elapsed_s: float) -> None:
        """Keep a member's profile, and how long it took; of two of a member, the one with the narrower interval counts.

        Raises:
            DeviceError: it was made by another device than the others.
        """
        if profile.device_key != self.key:
            raise DeviceError(
                f"{self.path}: all of its profiles are of one device, {self.key[:12]}; got one of "
                f"{profile.device_key[:12]}: the device changed meanwhile; name another --out and begin again"
            )
        row = {"id": architecture.id, "split": split, "decisions": dict(architecture.decisions)}
        self._append(row | {"profile": profile.to_json(), "elapsed_s": elapsed_s})
        self._keep(row | {"profile": profile.to_json(), "elapsed_s": elapsed_s})

    def skip(self, architecture: Architecture, split: str, reason: str) -> None:
        """Keep that the runtime cannot take a member."""
        self.skipped[architecture.id] = reason
        row = {"id": architecture.id, "split": split, "decisions": dict(architecture.decisions)}
        self._append(row | {"unsupported": reason})

    def measuring_s(self, split: str) -> float:
        """Seconds that the members of a split took, in this and in earlier calls."""
        return self._elapsed_s[split]

    def poor(self, width: float) -> set[str]:
        """Ids of members that were measured once, with an interval wider than this share of the median."""
        return {id for id, row in self.rows.items() if self._tries[id] == 1 and _width(row) > width}

    def fit(self, seed: int) -> LatencyPredictor:
        """A predictor of the members to fit on; its report is by cross-validation."""
        from nasengine.hardware.predictor import LatencyPredictor

        graphs, latency_ms = self._split(FIT)
        if len(graphs) < LEAST:
            why = next(iter(self.skipped.values()), "none was measured")
            raise PredictorError(
                f"{self.path}: a predictor is fitted on at least {LEAST} members; {len(graphs)} could be measured "
                f"({why}); ask for more samples, or choose a runtime that takes the space's operations"
            )
        return LatencyPredictor.fit(
            graphs, latency_ms, device=self.described, device_key=self.key, space=self.space, seed=seed
        )

    def judge(self, predictor: LatencyPredictor) -> HeldOut | None:
        """The predictor's figures on members that it was not fitted on; None where none was measured."""
        from nasengine.hardware.predictor import HeldOut

        graphs, latency_ms = self._split(HELD)
        return HeldOut.of(predictor.predict(graphs), latency_ms) if graphs else None

    def _split(self, split: str) -> tuple[list[Graph], list[float]]:
        rows = [row for row in self.rows.values() if row["split"] == split]
        graphs = [self.space.decode(row["decisions"]).graph().simplify() for row in rows]
        return graphs, [float(row["profile"]["median_ms"]) for row in rows]

    def _read(self) -> bool:
        """Read what is there; False where there is nothing."""
        data = self.path.read_bytes() if self.path.is_file() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a process was killed while it wrote its last line
            self.path.write_bytes(whole)
        if not whole:
            return False
        try:
            head, *rows = [json.loads(line) for line in whole.splitlines()]
            if head["format"] != FORMAT:
                raise ValueError(head["format"])
            for row in rows:
                self._keep(row)
        except (ValueError, KeyError, TypeError) as error:
            raise PredictorError(
                f"{self.path}: a file of measured profiles in the format {FORMAT!r} was expected; got something else "
                f"({type(error).__name__}: {error}); name another --out, or remove it"
            ) from error
        self._check_head(head)
        return True

    def _keep(self, row: Mapping[str, Any]) -> None:
        if "unsupported" in row:
            self.skipped[row["id"]] = row["unsupported"]
        else:
            LatencyProfile.from_json(row["profile"])
            self._tries[row["id"]] += 1
            self._elapsed_s[row["split"]] += row["elapsed_s"]
            before = self.rows.get(row["id"])
            if before is None or _width(row) < _width(before):
                self.rows[row["id"]] = dict(row)

    def _check_head(self, head: Mapping[str, Any]) -> None:
        if head["device_key"] != self.key:
            found = [
                f"{name} was {head['device'].get(name)!r} and is {self.described.get(name)!r}"
                for name in dict.fromkeys([*head["device"], *self.described])
                if head["device"].get(name) != self.described.get(name)
            ]
            raise PredictorError(
                f"{self.path}: a profile made on one device is never used for another; it holds profiles of another "
                f"device: {'; '.join(found)}; name another --out, or measure where it was begun"
            )
        if head["space_fingerprint"] != self.space.fingerprint:
            raise PredictorError(
                f"{self.path}: it holds profiles of the space {head['space']!r} ({head['space_fingerprint'][:12]}); "
                f"got {self.space.name!r} ({self.space.fingerprint[:12]}); name another --out"
            )

    def _append(self, row: Mapping[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        except OSError as error:
            raise PredictorError(
                f"{self.path}: it cannot be written ({error.strerror or error}); name an --out in a folder that "
                "you may write to, on a disk with room"
            ) from error


def _width(row: Mapping[str, Any]) -> float:
    """Of the 95 % interval, as a share of the median."""
    profile = row["profile"]
    return float((profile["ci_high_ms"] - profile["ci_low_ms"]) / profile["median_ms"])
