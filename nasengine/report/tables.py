"""Tables of a record: the front's members, refusals, latency measurements, settings; as rows, and as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nasengine.report import style
from nasengine.report.page import esc
from nasengine.report.record import StudyRecord, Trial
from nasengine.report.views import knee, reference

CLOSED_FORM = "closed form of the graph, exact"
METHODS = {
    "params": f"trainable numbers; {CLOSED_FORM}",
    "macs": f"multiply-adds of one sample in convolutions, linear maps, matrix products; {CLOSED_FORM}",
    "param_bytes": f"bytes of the trainable numbers; {CLOSED_FORM}",
    "model_bytes": f"bytes of parameters and buffers, as a safetensors file holds them; {CLOSED_FORM}",
    "peak_activation_bytes": f"most bytes of tensors alive at once, forward, one sample; {CLOSED_FORM}",
    "receptive_field": f"input positions that one position of the deepest map sees; {CLOSED_FORM}",
    "active_params": f"trainable numbers that one sample uses, by routing or at the first exit; {CLOSED_FORM}",
    "active_macs": f"multiply-adds that one sample uses, by routing or at the first exit; {CLOSED_FORM}",
    "peak_memory_bytes": "measured with the latency: what a call needs beyond the loaded network; on a GPU, all of it",
    "energy_mj": "measured with the latency: energy of the whole device while it runs a call",
}


def method(record: StudyRecord, trial: Trial, name: str) -> str:
    """How a value of a trial was obtained; the study's own sentence (`meta["methods"]`) comes first."""
    stated = record.meta.get("methods", {})
    if name in stated or name in METHODS:
        return str(stated.get(name) or METHODS[name])
    if name == "latency_ms":
        profile = record.profile(trial)
        if record.latency_source(trial) == "predicted":
            return prediction_summary(record.prediction(trial) or {})
        return latency_summary(profile) if profile else "measured; the profile was not recorded"
    epochs = [rung.epoch for rung in record.rungs if rung.trial == trial.number]
    return "validation split" + (f", after epoch {max(epochs)}" if epochs else "")


def prediction_summary(prediction: Mapping[str, Any]) -> str:
    """A predicted latency in a line."""
    low, high = style.number(prediction.get("low_ms")), style.number(prediction.get("high_ms"))
    return f"predicted from the graph, 95 % interval {low} to {high} ms for a measured median"


def latency_summary(profile: Mapping[str, Any]) -> str:
    """A latency profile in a line: median, interval, percentiles, runs, how and on what."""
    device = profile.get("device") or {}
    place = device.get("gpu") or device.get("cpu") or device.get("cpu_model") or "a device not named"
    doubt = "".join(f"; {text}" for text in doubts(profile))
    return (
        f"median of {profile.get('runs', '?')} runs after {profile.get('warmup_runs', '?')} warm-up runs, "
        f"95 % CI {style.number(profile.get('ci_low_ms'))} to {style.number(profile.get('ci_high_ms'))} ms, "
        f"p10 {style.number(profile.get('p10_ms'))}, p90 {style.number(profile.get('p90_ms'))}, "
        f"p99 {style.number(profile.get('p99_ms'))} ms; "
        f"{profile.get('runtime', '?')} {profile.get('dtype', '?')}, "
        f"batch {profile.get('batch', '?')}, threads {profile.get('threads', '?')}, on {place}{doubt}"
    )


def doubts(profile: Mapping[str, Any]) -> list[str]:
    """What speaks against a latency profile, in words; nothing, mostly."""
    said = [] if profile.get("steady", True) else ["the warm-up did not become steady"]
    if profile.get("loaded"):
        drift = profile.get("drift")
        said.append("the machine was loaded" + (f" (the reference moved {drift:.0%})" if drift else ""))
    if profile.get("precise") is False:
        said.append(f"less precise than the {profile.get('wanted_ci') or 0:.0%} asked for")
    return said


def html_table(head: Sequence[str], rows: Iterable[Sequence[Any]], marked: Sequence[int] = ()) -> str:
    """An HTML table; numbers stand right, text left, all of it escaped. `marked` rows are highlighted."""
    body = list(rows)
    right = [_numeric([row[i] for row in body]) for i in range(len(head))]
    kinds = [' class="n"' if one else "" for one in right]
    top = "".join(f"<th{kind}>{esc(title)}</th>" for kind, title in zip(kinds, head, strict=True))
    lines = []
    for k, row in enumerate(body):
        cells = "".join(f"<td{kind}>{esc(style.number(v))}</td>" for kind, v in zip(kinds, row, strict=True))
        lines.append(f"<tr{' class=knee' if k in marked else ''}>{cells}</tr>")
    inside = f"<thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def _numeric(column: Sequence[Any]) -> bool:
    found = [value for value in column if value is not None]
    return bool(found) and all(isinstance(value, int | float) for value in found)


def value_names(record: StudyRecord, trials: Iterable[Trial]) -> list[str]:
    """Every value that one of the trials has: objectives, then budgets, then the rest."""
    first = [*(o.name for o in record.objectives), *(b.name for b in record.budgets)]
    found = [name for trial in trials for name in trial.values]
    return [name for name in dict.fromkeys([*first, *found]) if name in found]


def front_table(record: StudyRecord) -> tuple[list[str], list[list[Any]]]:
    """Head and rows of the front's members: trial, every value, the test split's metrics where known."""
    front = record.front
    names = value_names(record, front)
    tested = sorted({n for t in front if (final := record.final(t.number)) for n in final.metrics})
    head = ["trial", *(style.axis(n, record.unit(n)) for n in names)]
    head += [f"test {style.axis(n, record.unit(n))}" for n in tested]
    rows = []
    for trial in front:
        final = record.final(trial.number)
        test = [final.metrics.get(n) if final else None for n in tested]
        rows.append([str(trial.number), *(trial.value(n) for n in names), *test])
    return head, rows


def provenance_table(record: StudyRecord) -> list[list[str]]:
    """(value, unit, how it was measured) for every value of the front; profiles have a table of their own."""
    front = record.front
    rows = []
    for name in value_names(record, front[:1]):
        how = method(record, front[0], name)
        if name == "latency_ms" and name not in record.meta.get("methods", {}):
            how = "measured on the device; intervals and percentiles: “How latency was measured”"
            if any(record.latency_source(trial) == "predicted" for trial in front):
                how = "measured on the device, or predicted and measured at the end: “Predicted, searched and final”"
        rows.append([style.words(name), record.unit(name) or "–", how])
    tested = sorted({n for t in front if (final := record.final(t.number)) for n in final.metrics})
    rows += [[f"test {style.words(n)}", record.unit(n) or "–", "test split, after the search"] for n in tested]
    return rows


def latency_table(record: StudyRecord, trials: Iterable[Trial]) -> list[list[Any]]:
    """Rows under `LATENCY_HEAD` of the trials that were measured, in the search and after it."""
    keys = ("median_ms", "ci_low_ms", "ci_high_ms", "p10_ms", "p90_ms", "p99_ms", "runs", "warmup_runs")
    rows: list[list[Any]] = []
    for trial in trials:
        for when, profile in (("search", record.profile(trial)), ("final", _final_profile(record, trial))):
            if profile:
                found = [profile.get(k) for k in keys]
                said = "; ".join(doubts(profile)) or "none"
                rows.append([str(trial.number), when, *found, said, profile.get("load_average")])
    return rows


LATENCY_HEAD = [
    "trial",
    "when",
    "median (ms)",
    "CI low",
    "CI high",
    "p10",
    "p90",
    "p99",
    "runs",
    "warm-up",
    "doubts",
    "load",
]


def _final_profile(record: StudyRecord, trial: Trial) -> Mapping[str, Any] | None:
    final = record.final(trial.number)
    return final.profile if final else None


def range_table(record: StudyRecord) -> list[list[Any]]:
    """(quantity, least, most, budget) as the study found them before it trained anything."""
    ranges = record.meta.get("ranges") or {}
    bounds = {b.name: style.bound(b, record.unit(b.name)) for b in record.budgets}
    names = dict.fromkeys([*ranges, *bounds])
    return [[style.axis(n, record.unit(n)), *_ends(ranges.get(n)), bounds.get(n, "–")] for n in names]


def range_notes(record: StudyRecord) -> list[str]:
    """How the ranges of measured quantities were found, a sentence each."""
    how = record.meta.get("ranges_how") or {}
    return [f"{style.words(name).capitalize()}: {text}." for name, text in how.items()]


def _ends(found: Any) -> list[Any]:
    if isinstance(found, Mapping):
        found = [found.get("least"), found.get("most")]
    return [found[0], found[-1]] if found else [None, None]


def headline(record: StudyRecord) -> list[tuple[str, str]]:
    """(figure, what it counts): the tiles at the top of a report."""
    count = {status: sum(t.status == status for t in record.trials) for status in {t.status for t in record.trials}}
    copies = sum(t.same_as is not None for t in record.trials)
    trained = len({rung.trial for rung in record.rungs}) or count.get("complete", 0) - copies
    tiles = [
        (f"{len(record.trials):,}", f"trials, {copies:,} of them duplicates"),
        (f"{trained:,}", f"trained, {count.get('pruned', 0):,} of them stopped early"),
        (f"{count.get('infeasible', 0):,}", "refused: over a budget"),
        (f"{count.get('failed', 0) + count.get('lost', 0):,}", "failed or lost"),
        (f"{len(record.front):,}", "members of the feasible front"),
    ]
    best = knee(record)
    return [*tiles, (f"trial {best.number}", "the front's knee")] if best else tiles


def reference_sentence(record: StudyRecord) -> str:
    """The hypervolume's reference point in words: a hypervolume means nothing without it."""
    point, source = reference(record)
    if not point:
        return "No trial is complete and within the budgets yet, so there is no hypervolume."
    said = ", ".join(
        f"{style.words(o.name)} {style.quantity(v, record.unit(o.name))}"
        for o, v in zip(record.objectives, point, strict=True)
    )
    return f"Reference point ({source}): {said}. Compare hypervolumes only under one reference."


def event_table(record: StudyRecord) -> list[list[Any]]:
    """(kind, how often, first, last) of the journal's events."""
    times: dict[str, list[float]] = {}
    for event in record.events:
        times.setdefault(event.kind, []).append(float(event.at))
    return [[kind, len(found), _clock(min(found)), _clock(max(found))] for kind, found in times.items()]


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
