"""A study in progress, in memory: the ledger's rows, and the readings of them that decide what comes next.

Every change goes through the ledger first, so that memory never knows more than the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasengine.hardware.timing.intervals import at_rest
from nasengine.search import Objective, Promotion, Rung, Rungs, TrialView
from nasengine.search.rungs import Curve
from nasengine.space import Architecture, Space
from nasengine.study import rows
from nasengine.study.ledger import Ledger, shared
from nasengine.study.record import rungs_by_key
from nasengine.study.rows import ProfileRow, RungRow, TrialRow


class State:
    """Trials, rungs and profiles of a study, written through to its ledger.

    Args:
        ledger: the record.
        space: to close decisions again.
        device_key: of the device that measures now; profiles of other devices are not used.
        predicted_key: stands in the ledger where predictions have what profiles have as their device's key.
    """

    def __init__(self, ledger: Ledger, space: Space, device_key: str, predicted_key: str = "") -> None:
        self.ledger, self._space, self._device_key, self._predicted_key = ledger, space, device_key, predicted_key
        self.trials: dict[int, TrialRow] = {row.number: row for row in ledger.trials()}
        self.rungs: dict[str, list[RungRow]] = rungs_by_key(ledger.rungs())
        profiles = ledger.profiles()
        self.profiles = {r.graph_id: dict(r.profile) for r in profiles if r.device_key == device_key}
        self.predictions = {r.graph_id: dict(r.profile) for r in profiles if r.device_key == predicted_key}
        self._first: dict[str, int] = {}
        self._copies: dict[int, list[int]] = {}
        self._architectures: dict[int, Architecture] = {}
        self._curves: dict[tuple[str, int], Curve] = {}
        for row in self.trials.values():
            self._index(row)
        self.entered = sum(row.entered for row in self.trials.values())
        """How many candidates entered training."""

    def _index(self, row: TrialRow) -> None:
        if row.same_as is not None:
            self._copies.setdefault(row.same_as, []).append(row.number)
        elif row.key:
            self._first.setdefault(row.key, row.number)

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def device_key(self) -> str:
        """Of the device that measures now."""
        return self._device_key

    @property
    def next_number(self) -> int:
        """Trials are numbered without gaps."""
        return len(self.trials)

    @property
    def refused_in_a_row(self) -> int:
        """How many of the latest candidates did not enter training."""
        count = 0
        for number in reversed(range(self.next_number)):
            if self.trials[number].entered:
                break
            count += 1
        return count

    def first_of(self, key: str) -> int | None:
        """The trial that a candidate of this key would repeat."""
        return self._first.get(key)

    def architecture(self, number: int) -> Architecture:
        """The network of a trial, closed again from its decisions."""
        if number not in self._architectures:
            self._architectures[number] = self._space.decode(self.trials[number].decisions)
        return self._architectures[number]

    def done(self, number: int) -> list[RungRow]:
        """Completed rungs of a trial, in order."""
        return self.rungs.get(self.trials[number].key, [])

    def values(self, number: int) -> dict[str, float]:
        """All that is known of a trial by name: costs, latency, metrics of its last rung."""
        done = self.done(number)
        return {**self.trials[number].known, **(done[-1].metrics if done else {})}

    def view(self, number: int) -> TrialView:
        """A trial as samplers see it."""
        row, done = self.trials[number], self.done(number)
        epochs = done[-1].epoch if done else 0
        curve = [(rung.epoch, rung.metrics) for rung in done]
        values = self.values(number)
        return TrialView(number, row.decisions, row.status, values, row.violations, epochs, row.attrs, curve)

    def views_after(self, number: int) -> list[TrialView]:
        """A trial and those that share its results: what samplers are told when it changes."""
        return [self.view(n) for n in (number, *self._copies.get(number, ()))]

    def due(self, rungs: Rungs, objectives: Sequence[Objective], count: int, *, closing: bool) -> list[Promotion]:
        """Promotions among ``count`` rungs."""
        return rungs.promote(self.table(count), objectives, closing=closing)

    def table(self, count: int) -> list[Rung]:
        """What is recorded at each of ``count`` rungs."""
        results: list[dict[int, dict[str, float]]] = [{} for _ in range(count)]
        promoted, running, failed = ([set[int]() for _ in range(count)] for _ in range(3))
        curves: list[dict[int, Curve]] = [{} for _ in range(count)]
        for number, row in self.trials.items():
            if row.same_as is not None or not row.entered:
                continue
            for rung in self.rungs.get(row.key, []):
                results[rung.rung][number] = {**row.known, **rung.metrics}
                curves[rung.rung][number] = self._curve(row.key, rung.rung)
            for passed in range(min(row.rung, count)):
                promoted[passed].add(number)
            if row.rung < count and number not in results[row.rung]:
                (running if row.status in rows.OPEN else failed)[row.rung].add(number)
        return [Rung(*entry) for entry in zip(results, promoted, running, failed, curves, strict=True)]

    def _curve(self, key: str, last: int) -> Curve:
        """Metrics by epoch up to the end of a rung."""
        if (key, last) not in self._curves:
            found = [row for rung in self.rungs[key] if rung.rung <= last for row in rung.curve]
            self._curves[key, last] = [(int(row["epoch"]), row) for row in found]
        return self._curves[key, last]

    # --- writing -------------------------------------------------------------------------------------------------

    def add(self, row: TrialRow, architecture: Architecture | None = None) -> None:
        """A new trial, with the verdict of the gates passed so far."""
        self.ledger.add(row, None if architecture is None else architecture.to_json())
        if row.same_as is not None:
            row = shared(row, self.trials[row.same_as])
        self.trials[row.number] = row
        self.entered += row.entered
        if architecture is not None:
            self._architectures[row.number] = architecture
        self._index(row)

    def change(self, number: int, kind: str, **changes: Any) -> None:
        """Change a trial, and with it those that share its results."""
        self._set(self.ledger.change(number, kind, **changes))

    def promote(self, number: int, rung: int) -> None:
        """A trial is sent on to a rung; one that a former run pruned is taken up again."""
        self.change(number, "promoted", status=rows.RUNNING, rung=rung, finished=0.0, gate="", reason="")

    def start(self, number: int) -> None:
        """A trial begins to train its rung."""
        self.change(number, "start")

    def complete(self, row: RungRow, *, last: bool) -> None:
        """A trial finished a rung."""
        self.ledger.complete_rung(row, last=last)
        self.rungs.setdefault(row.key, []).append(row)
        self._set(self.ledger.trial(row.trial))
        if last:
            self._architectures.pop(row.trial, None)

    def measured(self, graph_id: str, profile: Mapping[str, Any]) -> None:
        """A network's profile on this device."""
        self.ledger.put_profile(ProfileRow(graph_id, self._device_key, profile))
        self.profiles[graph_id] = dict(profile)

    @property
    def quiet_ms(self) -> float | None:
        """What the reference kernel takes on the device at rest, as far as its profiles say."""
        return at_rest([p["reference_ms"] for p in self.profiles.values() if p.get("reference_ms")])

    def predicted(self, graph_id: str, prediction: Mapping[str, Any]) -> None:
        """What the predictor says of a network's latency."""
        self.ledger.put_profile(ProfileRow(graph_id, self._predicted_key, prediction), durable=False)
        self.predictions[graph_id] = dict(prediction)

    def know(self, number: int, values: Mapping[str, float]) -> None:
        """Attach to a trial what was measured or predicted of its network."""
        known = {**self.trials[number].known, **values}
        self.change(number, "latency", known=known)

    def _set(self, row: TrialRow) -> None:
        self.entered += row.entered - self.trials[row.number].entered
        self.trials[row.number] = row
        for copy in self._copies.get(row.number, ()):
            self.trials[copy] = shared(self.trials[copy], row)


def is_waiting(row: TrialRow) -> bool:
    """Does a trial of its own wait at a rung?"""
    return row.same_as is None and row.status == rows.WAITING
