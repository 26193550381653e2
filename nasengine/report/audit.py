"""The audit: a front's latency as predicted, as the search found it and as measured at the end, side by side.

Two members changed places when one was faster than the other in the search and is slower at the end. That says
something only where their intervals lie apart both times; otherwise the change is within the intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from nasengine.report import style
from nasengine.report.record import StudyRecord, Trial
from nasengine.search.objectives import LATENCY, MEASURED

MOST_PAIRS = 8


@dataclass(frozen=True)
class Figure:
    """A latency in milliseconds with its 95 % interval."""

    median: float
    low: float
    high: float

    def apart(self, other: Figure) -> bool:
        """Do the intervals not overlap?"""
        return self.high < other.low or other.high < self.low

    def __str__(self) -> str:
        return f"{style.number(self.median)} ({style.number(self.low)} to {style.number(self.high)})"


@dataclass(frozen=True)
class Audited:
    """One member: each figure is None where there is none. ``over`` says why the audit took it off the front."""

    trial: Trial
    predicted: Figure | None
    searched: Figure | None
    final: Figure | None
    over: str

    @property
    def before(self) -> Figure | None:
        """What the search chose by: a measured latency, or else a predicted one."""
        return self.searched or self.predicted


@dataclass(frozen=True)
class Swap:
    """``first`` was faster than ``second`` in the search and is slower at the end; ``apart``: beyond the intervals."""

    first: int
    second: int
    apart: bool


def figure_of(data: Mapping[str, Any] | None) -> Figure | None:
    """The figure in the JSON of a latency profile, or of a prediction."""
    if not data:
        return None
    low, high = ("low_ms", "high_ms") if "low_ms" in data else ("ci_low_ms", "ci_high_ms")
    return Figure(float(data["median_ms"]), float(data[low]), float(data[high]))


def audited(record: StudyRecord) -> list[Audited]:
    """The members of the front, then those that the audit took off it."""
    out = [trial for trial in record.trials if trial.same_as is None and record.audited_out(trial)]
    return [_audited(record, trial) for trial in [*record.front, *out]]


def _audited(record: StudyRecord, trial: Trial) -> Audited:
    final = record.final(trial.number)
    predicted, searched = figure_of(record.prediction(trial)), figure_of(record.profile(trial))
    last = figure_of(final.profile if final else None)
    return Audited(trial, predicted, searched, last, record.audited_out(trial))


def swaps(members: Sequence[Audited]) -> list[Swap]:
    """Pairs that changed places between the search and the audit; those beyond the intervals first."""
    found = []
    for one, two in combinations(members, 2):
        if one.before is None or two.before is None or one.final is None or two.final is None:
            continue
        if one.before.median > two.before.median:
            one, two = two, one
        assert one.before is not None
        assert two.before is not None
        assert one.final is not None
        assert two.final is not None
        if one.before.median < two.before.median and one.final.median > two.final.median:
            apart = one.before.apart(two.before) and one.final.apart(two.final)
            found.append(Swap(one.trial.number, two.trial.number, apart))
    return sorted(found, key=lambda swap: not swap.apart)


def audit_table(record: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """Head and rows: trial, figures with intervals, change, other measured quantities, what broke a budget."""
    members = [m for m in audited(record) if m.final is not None]
    if not members:
        return [], []
    columns: dict[str, list[Any]] = {"trial": [str(m.trial.number) for m in members]}
    columns["predicted (ms)"] = [m.predicted and str(m.predicted) for m in members]
    columns["in the search (ms)"] = [m.searched and str(m.searched) for m in members]
    columns["at the end (ms)"] = [str(m.final) for m in members]
    columns["change"] = [_change(m) for m in members]
    for name in _others(record):
        title = style.axis(name, record.unit(name))
        columns[f"{title} in the search"] = [m.trial.value(name) for m in members]
        columns[f"{title} at the end"] = [_final_value(record, m.trial, name) for m in members]
    columns["left the front"] = [m.over or None for m in members]
    kept = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    return list(kept), [list(row) for row in zip(*kept.values(), strict=True)]


def order_sentence(record: StudyRecord) -> str:
    """Whether the order of the members by latency is at the end what it was in the search."""
    members = [m for m in audited(record) if m.final is not None and m.before is not None]
    if len(members) < 2:
        return ""
    found = swaps(members)
    if not found:
        return f"The order of the {len(members)} members by latency is at the end what it was in the search."
    beyond, within = [s for s in found if s.apart], [s for s in found if not s.apart]
    parts = []
    if beyond:
        pairs = _pairs([f"trial {s.first} was faster than trial {s.second} and is slower" for s in beyond])
        parts.append(f"The order of the members by latency changed between the search and the end: {pairs}.")
    if within:
        pairs = _pairs([f"trials {s.first} and {s.second}" for s in within])
        parts.append(f"Within the intervals, these changed places{' too' if beyond else ''}: {pairs}.")
    return " ".join(parts)


def device_sentence(record: StudyRecord) -> str:
    """Where the members were measured at the end, when it is not the search's own device."""
    profile = next((m.profile for t in record.trials if (m := record.final(t.number)) and m.profile), None)
    if "deploy" not in record.meta or profile is None:
        return ""
    place = profile.get("device") or {}
    where = place.get("gpu") or place.get("cpu") or place.get("name") or "the device of deploy="
    how = f"{profile.get('runtime', '?')} {profile.get('dtype', '?')}, batch {profile.get('batch', '?')}"
    return f"At the end the members were measured where they will run: {where}, {how}."


def share_sentence(record: StudyRecord) -> str:
    """With a predictor: how many latencies were predicted, and how many measured."""
    counts = record.latency_shares
    total = sum(counts.values())
    if not total:
        return ""
    refused, measured = counts["refused_by_prediction"], counts["measured"]
    predicted = counts["predicted"] + refused
    return (
        f"Latency of {total:,} networks: {predicted:,} predicted ({predicted / total:.0%}; {refused:,} of them refused "
        f"so), {measured:,} measured ({measured / total:.0%})."
    )


def sentences(record: StudyRecord) -> list[str]:
    """What is to be said beside the table; only what there is."""
    return [text for text in (order_sentence(record), device_sentence(record), share_sentence(record)) if text]


# --- inside ----------------------------------------------------------------------------------------------------------


def _change(member: Audited) -> str | None:
    """The final figure against what the search chose by, in per cent."""
    if member.final is None or member.before is None:
        return None
    return f"{member.final.median / member.before.median - 1:+.1%}"


def _others(record: StudyRecord) -> list[str]:
    names = [*(o.name for o in record.objectives), *(b.name for b in record.budgets)]
    return [name for name in MEASURED if name in names and name != LATENCY]


def _final_value(record: StudyRecord, trial: Trial, name: str) -> Any:
    final = record.final(trial.number)
    return None if final is None or final.profile is None else final.profile.get(MEASURED[name])


def _pairs(said: list[str]) -> str:
    more = f"; and {len(said) - MOST_PAIRS} more pairs" if len(said) > MOST_PAIRS else ""
    return "; ".join(said[:MOST_PAIRS]) + more
