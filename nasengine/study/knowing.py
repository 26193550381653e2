"""What is to be known of a network before it trains: from the record, from the predictor, or from the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nasengine.report.audit import share_sentence
from nasengine.search import LATENCY
from nasengine.study.artifacts import folder_of
from nasengine.study.foresight import Verdict
from nasengine.study.local import LocalExecutor, Outcome
from nasengine.study.measuring import UNSUPPORTED, measured
from nasengine.study.offer import values_of
from nasengine.study.record import read_record

if TYPE_CHECKING:
    from nasengine.hardware import Target
    from nasengine.study.loop import Run


@dataclass(frozen=True)
class Found:
    """What was learned of a network.

    Attributes:
        values: measured quantities by name; a latency may be a predicted one.
        refusal: why it is infeasible whatever its values are, or refused by prediction.
        failure: why nothing could be learned.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    refusal: str = ""
    failure: str = ""


def learn(run: Run, executor: LocalExecutor, number: int) -> Found:
    """Measure a trial's network, unless that was done, or the predictor is certain of what is asked.

    Raises:
        DeviceError: the device cannot read a quantity that the study measures, is another one than when the study
            began to run, or does not work any more.
    """
    state, wanted = run.state, run.definition.measured
    graph_id = state.trials[number].graph_id
    profile, predicted = state.profiles.get(graph_id), _foreseen(run, number)
    if profile is None:
        if predicted is not None:
            return predicted
        outcome = measure(run, executor, number)
        if outcome.value is None:
            if outcome.error == UNSUPPORTED:
                return Found(refusal=outcome.reason)
            run.blame.failed(run.definition.device, outcome.reason)
            return Found(failure=outcome.reason)
        profile = outcome.value
        run.blame.answered(run.definition.device, profile)
        values = values_of(profile, wanted)
        state.measured(graph_id, profile)
        return Found(values)
    return Found(values_of(profile, wanted))


def _foreseen(run: Run, number: int) -> Found | None:
    """What the predictor decides; None where the network has to be measured. What it says is recorded in any case, to
    stand beside the measured figures."""
    foresight, state = run.definition.foresight, run.state
    if foresight is None:
        return None
    graph_id = state.trials[number].graph_id
    if graph_id not in state.predictions:
        state.predicted(graph_id, foresight.row(foresight.predict([state.architecture(number)])[0]))
    found = state.predictions[graph_id]
    values, verdict = {LATENCY: float(found["median_ms"])}, foresight.verdict(found)
    if verdict is Verdict.OVER:
        return Found(values, refusal=foresight.reason(found))
    return Found(values) if verdict is Verdict.CERTAIN and run.definition.measured == (LATENCY,) else None


def measure(run: Run, executor: LocalExecutor, number: int, target: Target | None = None) -> Outcome:
    """Measure a trial's network, on the study's device or another. See :func:`measured`."""
    log = folder_of(run.state.ledger.store, run.state.trials[number].key) / "log.txt"
    place, architecture = target or run.definition.device, run.state.architecture(number)
    quiet_ms = run.state.quiet_ms if place == run.definition.device else None
    settings: dict[str, Any] = {"modules": run.modules(number), "log": log, "quiet_ms": quiet_ms}
    return measured(executor, f"latency of {number}", place, architecture, **settings)


def shares(run: Run) -> list[str]:
    """With a predictor: how many networks it decided, and how many were measured; for the record too."""
    if run.definition.foresight is None:
        return []
    record = read_record(run.state.ledger)
    if record.latency_shares:
        run.state.ledger.note("latency sources", **record.latency_shares)
    return [text for text in (share_sentence(record),) if text]
