"""The report of a study: one offline HTML file made from its record.

Sections say what a reader asks first: what came of it, the front, how it got there, what was refused and why, how
latency was measured, the networks themselves, and every setting needed to do it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import NasError
from nasengine.report import audit, figures, tables
from nasengine.report.diagram import draw
from nasengine.report.page import esc, figure_place, page, write_text
from nasengine.report.record import StudyRecord, Trial
from nasengine.report.style import axis, number, quantity, words
from nasengine.report.views import hypervolume_trace, knee, pairs, refusals

if TYPE_CHECKING:
    import plotly.graph_objects as go

SETTINGS = (
    "space",
    "task",
    "recipe",
    "objectives",
    "budgets",
    "device",
    "deploy",
    "predictor",
    "rungs",
    "sampler",
    "seed",
    "versions",
)


def write_report(record: StudyRecord, path: str | Path) -> Path:
    """Writes the report of a record as one HTML file that needs no network and runs no script but its own.

    Raises StoreError when the path cannot be written.
    """
    return write_text(path, report_html(record))


def report_html(record: StudyRecord) -> str:
    """The report's text; equal records give equal text."""
    drawn: dict[str, go.Figure] = {}
    parts = [
        _header(record),
        _front(record, drawn),
        _members(record),
        _audit(record),
        _progress(record, drawn),
        _refused(record, drawn),
        _latency(record),
        _networks(record),
        _settings(record),
        "<footer>Written by nasengine. Everything in this page comes from the study's own record.</footer>",
    ]
    return page(f"{record.name}: study report", "\n".join(parts), drawn)


def _section(title: str, *parts: str, note: str = "") -> str:
    said = f'<p class="note">{esc(note)}</p>' if note else ""
    return f"<section><h2>{esc(title)}</h2>{said}{''.join(parts)}</section>"


def _placed(drawn: dict[str, go.Figure], name: str, figure: go.Figure) -> str:
    drawn[name] = figure
    return figure_place(name, int(figure.layout.height or 450))


def _header(record: StudyRecord) -> str:
    goals = ", ".join(f"{o.direction} {words(o.name)}" for o in record.objectives)
    bounds = "; ".join(str(row[-1]) for row in tables.range_table(record) if row[-1] != "–")
    said = [f"Objectives: {goals}" if goals else "", f"Budgets: {bounds}" if bounds else ""]
    trace = hypervolume_trace(record)
    tiles = tables.headline(record) + ([(number(trace[-1][1]), "hypervolume of the front")] if trace else [])
    boxes = "".join(f'<div class="tile"><b>{esc(value)}</b><span>{esc(what)}</span></div>' for value, what in tiles)
    lines = "".join(f"<p>{esc(line)}</p>" for line in [*said, tables.reference_sentence(record)] if line)
    return f'<header><h1>{esc(record.name)}</h1>{lines}</header><div class="tiles">{boxes}</div>'


def _front(record: StudyRecord, drawn: dict[str, go.Figure]) -> str:
    if not record.trials:
        return _section("The front", note="No trial yet. Run the study; the same command resumes it.")
    if not record.front:
        return _section("The front", *_lone_figures(record, drawn), note=why_no_front(record))
    parts = []
    for i, (x, y) in enumerate(pairs(record)):
        parts.append(f"<h3>{esc(words(y))} against {esc(words(x))}</h3>")
        parts.append(_placed(drawn, f"front-{i}", figures.front_figure(record, x, y)))
    if len(record.objectives) == 1:
        parts.append(f"<p>One objective: the best trial has {esc(_best(record))}.</p>")
    note = (
        "Blue: the feasible front over all objectives; the line is the edge of what it dominates in this "
        "pair. Ticks on an axis: refused before training, so that only this value is known. Hover for a "
        "trial's decisions."
    )
    return _section("The front", *parts, note=note if len(record.objectives) > 1 else "")


def _lone_figures(record: StudyRecord, drawn: dict[str, go.Figure]) -> list[str]:
    """Without a front, what is known is still shown for every pair."""
    parts = []
    for i, (x, y) in enumerate(pairs(record)):
        if any(trial.value(x) is not None or trial.value(y) is not None for trial in record.trials):
            parts.append(_placed(drawn, f"front-{i}", figures.front_figure(record, x, y)))
    return parts


def why_no_front(record: StudyRecord) -> str:
    """What stands between this study and a front, and what to do about it."""
    complete = [trial for trial in record.trials if trial.status == "complete"]
    if complete:
        return "Trials were trained to the end, but none is within every budget: see below, or widen a budget."
    if any(trial.status in ("running", "waiting") for trial in record.trials):
        return "No trial is complete yet; some are still training. Run the study on, then write it again."
    rows = refusals(record)
    worst = max(rows, key=lambda row: row[2]) if rows else None
    told = f" Most were stopped at the gate “{worst[0]}”: {worst[1]}." if worst else ""
    return f"No trial is complete.{told} Run more trials, or widen the space or the budgets."


def _best(record: StudyRecord) -> str:
    goal = record.objectives[0]
    return f"{words(goal.name)} {quantity(record.front[0].value(goal.name), record.unit(goal.name))}"


def _members(record: StudyRecord) -> str:
    if not record.front:
        return ""
    head, rows = tables.front_table(record)
    best = knee(record)
    marked = [i for i, trial in enumerate(record.front) if best and trial.number == best.number]
    how = tables.html_table(["value", "unit", "how it was measured"], tables.provenance_table(record))
    note = (
        "The highlighted row is the knee: the member farthest from the plane through the front's extremes (Das, 1999)."
    )
    table = tables.html_table(head, rows, marked)
    return _section("Members of the front", table, "<h3>How each value was measured</h3>", how, note=note)


def _audit(record: StudyRecord) -> str:
    """Predicted, searched and final figures side by side, and whether the order held."""
    head, rows = audit.audit_table(record)
    told = "".join(f"<p>{esc(text)}</p>" for text in audit.sentences(record))
    if not rows:
        return _section("Predicted and measured latency", told) if told else ""
    note = (
        "Medians with 95 % intervals. Every member of the front was measured again at the end; a member that breaks a "
        "budget there leaves the front."
    )
    return _section("Predicted, searched and final latency", tables.html_table(head, rows), told, note=note)


def _progress(record: StudyRecord, drawn: dict[str, go.Figure]) -> str:
    parts = []
    if len(hypervolume_trace(record)) > 1:
        parts += [
            "<h3>Hypervolume over trials</h3>",
            f'<p class="note">{esc(tables.reference_sentence(record))}</p>',
        ]
        parts.append(_placed(drawn, "hypervolume", figures.hypervolume_figure(record)))
    for i, name in enumerate(figures.curve_names(record)[:4]):
        parts.append(f"<h3>{esc(axis(name, record.unit(name)))} over epochs</h3>")
        parts.append(_placed(drawn, f"curve-{i}", figures.rung_figure(record, name)))
    note = "Marks: the end of a rung, where trials were compared. Coloured: members of the front."
    return _section("How the search went", *parts, note=note) if parts else ""


def _refused(record: StudyRecord, drawn: dict[str, go.Figure]) -> str:
    rows = refusals(record)
    if not rows:
        return (
            _section("Refused, stopped and failed", note="No trial was refused, stopped or failed.")
            if record.trials
            else ""
        )
    figure = _placed(drawn, "refusals", figures.refusal_figure(record))
    table = tables.html_table(["gate", "reason (of the first such trial)", "trials"], rows)
    ranges = tables.range_table(record)
    found = "<h3>What the space can do</h3>" + tables.html_table(["quantity", "least", "most", "budget"], ranges)
    found += "".join(f'<p class="note">{esc(text)}</p>' for text in tables.range_notes(record))
    return _section("Refused, stopped and failed", figure, table, found if record.meta.get("ranges") else "")


def _latency(record: StudyRecord) -> str:
    measured_ones = [
        (trial, found) for trial in record.front or record.trials[:20] if (found := _profile(record, trial))
    ]
    if not measured_ones:
        return ""
    shown, profile = [trial for trial, _ in measured_ones], measured_ones[0][1]
    said = str(profile.get("method") or "")
    device = [[key.replace("_", " "), str(value)] for key, value in (profile.get("device") or {}).items()]
    measured = [str(p.profile["measured_at"]) for p in record.profiles if p.profile.get("measured_at")]
    span = f"Measured from {min(measured)} to {max(measured)}." if measured else ""
    keys = sorted({str(p.profile.get("device_key", "")) for p in record.profiles})
    mixed = (
        f" Profiles of {len(keys)} different devices are in this record: they cannot be compared."
        if len(keys) > 1
        else ""
    )
    return _section(
        "How latency was measured",
        tables.html_table(tables.LATENCY_HEAD, tables.latency_table(record, shown)),
        "<h3>Device</h3>",
        tables.html_table(["fact", "value"], [*device, ["key", ", ".join(keys)]]),
        note=f"{said} {span}{mixed}".strip(),
    )


def _profile(record: StudyRecord, trial: Trial) -> Mapping[str, Any] | None:
    """Of the search, or else of the end."""
    final = record.final(trial.number)
    return record.profile(trial) or (final.profile if final else None)


def _networks(record: StudyRecord) -> str:
    if not record.front:
        return ""
    best = knee(record)
    parts = [_network(record, trial, trial is best) for trial in record.front]
    note = (
        "Boxes are operations with the norm and activation that follow them; numbers at their right are "
        "parameters; labels on arrows are tensor shapes without the batch; ×n stands for n equal blocks."
    )
    return _section("The networks", *parts, note=note)


def _network(record: StudyRecord, trial: Trial, is_knee: bool) -> str:
    facts = [f"{words(o.name)} {quantity(trial.value(o.name), record.unit(o.name))}" for o in record.objectives]
    pill = ' <span class="pill">knee</span>' if is_knee else ""
    title = f"trial {trial.number}{pill}<small>{esc(' · '.join(facts))}</small>"
    chosen = "\n".join(f"{path} = {label}" for path, label in trial.decisions.items())
    body = f'<div class="drawing">{drawing(record, trial)}</div><h3>Decisions</h3><pre>{esc(chosen)}</pre>'
    return f"<details{' open' if is_knee else ''}><summary>{title}</summary>{body}</details>"


def drawing(record: StudyRecord, trial: Trial) -> str:
    """The diagrams of a trial's deployed networks, or a sentence that says why there are none."""
    from nasengine import blocks  # noqa: F401 - registers the shipped blocks, so that records of them can be read
    from nasengine.space.architecture import Architecture

    if trial.architecture is None:
        return "<p class=note>The record holds no architecture for this trial, so it cannot be drawn.</p>"
    try:
        architecture = Architecture.from_json(trial.architecture)
        names = [name for name, network in architecture.networks.items() if network.deployed]
        titles = {
            name: f"trial {trial.number}" if len(names) == 1 else f"trial {trial.number}: {name}" for name in names
        }
        return "".join(draw(architecture.graph(name).simplify(), title=titles[name]) for name in names)
    except NasError as error:
        return f"<p class=note>Not drawn: {esc(error)}</p>"


def _settings(record: StudyRecord) -> str:
    meta = record.meta
    names = [
        *(n for n in SETTINGS if n in meta),
        *(n for n in meta if n not in (*SETTINGS, "name", "ranges", "ranges_how", "methods")),
    ]
    rows = [[name.replace("_", " "), _plain(meta[name])] for name in names]
    parts = [f"<details><summary>{esc(name)}</summary><pre>{esc(text)}</pre></details>" for name, text in rows]
    events = tables.event_table(record)
    told = (
        "<h3>Journal</h3>" + tables.html_table(["event", "times", "first (UTC)", "last (UTC)"], events)
        if events
        else ""
    )
    return _section("Settings", *parts, told, note="What is needed to do it again.")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False, default=_as_json)


def _as_json(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else str(value)
