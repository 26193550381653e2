"""The rows of a ledger, as plain frozen data: what is read back, and nothing of how it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RUNNING, WAITING, COMPLETE = "running", "waiting", "complete"
PRUNED, INFEASIBLE, FAILED, LOST = "pruned", "infeasible", "failed", "lost"
DUPLICATE = "duplicate"
STATUSES = (RUNNING, WAITING, COMPLETE, PRUNED, INFEASIBLE, FAILED, LOST)
OPEN = frozenset({RUNNING, WAITING})


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Attributes:
        number: its place in the study, from 0.
        status: one of :data:`STATUSES`; a duplicate has that of the trial whose results it shares.
        decisions: path to label.
        graph_id: equal id, equal network. Empty when the network could not be lowered.
        key: SHA-256 of (graph id, recipe, task, seed); no completed rung of a key is trained again.
        seed: of the training run.
        known: quantities known before training, by name: closed-form costs, and ``latency_ms`` once measured.
        violations: relative violation of each broken budget.
        gate: which gate refused it: ``types``, ``cost``, ``task``, ``latency``, ``rung``, ``training``, ``worker``.
        reason: why it was refused or failed.
        same_as: number of the first trial of the same key, whose results it shares.
        rung: the rung, from 0, that it trains or was last sent to.
        attempt: from 1; one more each time its worker or the study's process was lost.
        attrs: what its sampler attached to the proposal.
        architecture: fingerprint of the stored architecture; empty for trials that were never trained.
        recipe: the recipe's JSON when the space holds it, else None: the study's.
        owner: ``host:pid:start`` of the process that trains it; empty while none does.
        lease_expires, created, finished: seconds since the epoch (UTC); 0 when it does not apply.
    """

    number: int
    status: str
    decisions: Mapping[str, Any] = field(default_factory=dict)
    graph_id: str = ""
    key: str = ""
    seed: int = 0
    known: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    gate: str = ""
    reason: str = ""
    same_as: int | None = None
    rung: int = 0
    attempt: int = 1
    attrs: Mapping[str, Any] = field(default_factory=dict)
    architecture: str = ""
    recipe: Mapping[str, Any] | None = None
    owner: str = ""
    lease_expires: float = 0.0
    created: float = 0.0
    finished: float = 0.0

    @property
    def entered(self) -> bool:
        """Did it enter training, on its own account? Such trials count towards ``trials=``."""
        return self.same_as is None and self.status != INFEASIBLE


@dataclass(frozen=True)
class RungRow:
    """One completed rung of a key. ``curve`` has a row for each of its epochs; ``checkpoint`` is a SHA-256."""

    key: str
    rung: int
    trial: int
    attempt: int
    epoch: int
    metrics: Mapping[str, float]
    train_loss: float
    elapsed_s: float
    curve: Sequence[Mapping[str, float]] = ()
    checkpoint: str = ""


@dataclass(frozen=True)
class ProfileRow:
    """The latency of a network on a device: the JSON of a ``LatencyProfile``.

    A prediction of it stands under ``predicted:`` and the predictor's fingerprint in place of the device's key.
    """

    graph_id: str
    device_key: str
    profile: Mapping[str, Any]


@dataclass(frozen=True)
class FinalRow:
    """What was found of a front member once the search was over.

    Attributes:
        metrics: of the test split, which nothing read before.
        profile: its latency measured again, when the study measures latency.
        over_budget: what that measurement breaks; empty when nothing.
        artifacts: file name in the key's folder to SHA-256.
        preparation: how raw data becomes the network's input, as the task tells it.
    """

    key: str
    trial: int
    metrics: Mapping[str, float]
    profile: Mapping[str, Any] | None = None
    over_budget: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    preparation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EventRow:
    """One entry of the journal. ``seq`` gives the order, not ``at`` (seconds since the epoch).

    ``digest`` is the SHA-256 of the row that the event wrote, ``hash`` that of this entry and the hash before it.
    """

    seq: int
    at: float
    kind: str
    trial: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    hash: str = ""
