"""Interactive figures (plotly): the front of a pair of objectives, hypervolume, rung curves, refusals.

Everything a record says goes into hover texts and labels escaped: plotly reads a subset of HTML in them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from nasengine.report import style
from nasengine.report.record import StudyRecord, Trial
from nasengine.report.views import FrontView, front_view, hypervolume_trace, refusals


def escaped(value: Any) -> str:
    """A recorded text as plotly shows it verbatim."""
    return html.escape(str(value), quote=True)


def layout(x_title: str, y_title: str, height: int = 440) -> dict[str, Any]:
    """The one look of every figure."""
    line = {
        "showgrid": True,
        "gridcolor": style.GRID,
        "zeroline": False,
        "showline": True,
        "linecolor": style.FAINT,
        "ticks": "outside",
        "tickcolor": style.FAINT,
        "ticklen": 5,
        "automargin": True,
    }
    return {
        "height": height,
        "paper_bgcolor": style.PAPER,
        "plot_bgcolor": style.PAPER,
        "font": {"family": style.FONT, "size": 14, "color": style.INK},
        "margin": {"l": 70, "r": 50, "t": 60, "b": 70},
        "modebar": {"orientation": "v", "color": style.FAINT, "activecolor": style.BLUE},
        "hoverlabel": {"bgcolor": "#fff", "bordercolor": style.FAINT, "align": "left"},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 13}},
        "xaxis": {**line, "title": {"text": escaped(x_title)}},
        "yaxis": {**line, "title": {"text": escaped(y_title)}},
    }


def hover(record: StudyRecord, trial: Trial) -> str:
    """The hover text of a trial: its number, status, every value with its unit, its decisions."""
    status = trial.status if trial.same_as is None else f"duplicate of trial {trial.same_as}"
    first = [goal.name for goal in record.objectives] + [budget.name for budget in record.budgets]
    names = list(dict.fromkeys([*first, *trial.values]))[:12]
    lines = [f"<b>trial {trial.number}</b> · {escaped(status)}"]
    for name in names:
        if name in trial.values:
            value = style.quantity(trial.values[name], record.unit(name))
            lines.append(f"{escaped(style.words(name))}: <b>{escaped(value)}</b>")
    lines += [escaped(f"over budget: {style.bound(b)}") for b in record.broken(trial)]
    lines += [escaped(trial.reason)] if trial.reason else []
    lines += [f"<i>{escaped(line)}</i>" for line in style.decisions(trial.decisions)]
    return "<br>".join(lines)


def front_figure(record: StudyRecord, x: str, y: str) -> go.Figure:
    """The trials of a study by two of its values, with the feasible front as a step line and budgets as
    lines.

    `x` and `y` name values (objectives, costs, metrics). Trials whose one value is known are ticks on its
    axis.
    """
    view = front_view(record, x, y)
    figure = go.Figure(layout=layout(style.axis(x, record.unit(x)), style.axis(y, record.unit(y)), height=520))
    figure.update_xaxes(range=view.x_range)
    figure.update_yaxes(range=view.y_range)
    if view.step:
        figure.add_scatter(
            x=[p[0] for p in view.step],
            y=[p[1] for p in view.step],
            mode="lines",
            line={"color": style.BLUE, "width": 2},
            opacity=0.55,
            hoverinfo="skip",
            showlegend=False,
        )
    for kind in (
        "over",
        "pruned",
        "dominated",
        "front",
        "duplicate",
    ):  # what matters most is drawn last, on top
        _add_marks(figure, record, view, kind)
    _add_rug(figure, record, view)
    _add_budgets(figure, record, view)
    return figure


def _add_marks(figure: go.Figure, record: StudyRecord, view: FrontView, kind: str) -> None:
    trials = view.marks.get(kind, [])
    if trials:
        xs, ys = ([t.values[name] for t in trials] for name in (view.x, view.y))
        _scatter(figure, xs, ys, kind, [hover(record, trial) for trial in trials])


def _add_rug(figure: go.Figure, record: StudyRecord, view: FrontView) -> None:
    """Trials known on one axis only stand on that axis."""
    groups = (
        (view.rug_x, [t.values[view.x] for t in view.rug_x], [view.y_range[0]] * len(view.rug_x)),
        (view.rug_y, [view.x_range[0]] * len(view.rug_y), [t.values[view.y] for t in view.rug_y]),
    )
    for trials, xs, ys in groups:
        if trials:
            _scatter(figure, xs, ys, "refused", [hover(record, trial) for trial in trials], clip=False)
    if view.rug_y:
        figure.data[-1].marker.symbol = "line-ew-open"
        figure.data[-1].showlegend = not view.rug_x


def _scatter(
    figure: go.Figure,
    xs: Sequence[float],
    ys: Sequence[float],
    kind: str,
    texts: list[str],
    *,
    clip: bool = True,
) -> None:
    colour, symbol, _, size, label = style.MARKS[kind]
    edge = {"width": 1.5, "color": "#fff" if kind == "front" else colour}
    figure.add_scatter(
        x=list(xs),
        y=list(ys),
        mode="markers",
        name=f"{label} ({len(xs)})",
        legendrank=list(style.MARKS).index(kind),
        marker={"color": colour, "symbol": symbol, "size": size, "line": edge},
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        cliponaxis=clip,
    )


def _add_budgets(figure: go.Figure, record: StudyRecord, view: FrontView) -> None:
    dash = {"color": style.RED, "width": 1.5, "dash": "dash"}
    beyond: list[str] = []
    for budget in record.budgets:
        said = f"budget: {style.bound(budget, record.unit(budget.name))}"
        note = {"text": escaped(said), "font": {"color": style.RED, "size": 12}}
        for axis, (low, high), draw, where in (
            (view.x, view.x_range, figure.add_vline, "top left"),
            (view.y, view.y_range, figure.add_hline, "top right"),
        ):
            if budget.name == axis and low <= budget.limit <= high:
                draw(budget.limit, line=dash, annotation=note, annotation_position=where)
            elif budget.name == axis:
                beyond.append(f"{said} is beyond this axis")
    if view.beyond:
        beyond.append(f"{view.beyond} trials are outside this view; zoom out to see them")
    place: dict[str, Any] = {
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 0,
        "yanchor": "top",
        "yshift": -26,
        "xanchor": "right",
    }
    figure.add_annotation(
        text="<br>".join(map(escaped, beyond)),
        align="right",
        showarrow=False,
        font={"color": style.MUTED, "size": 12},
        **place,
    )


def hypervolume_figure(record: StudyRecord) -> go.Figure:
    """Hypervolume of the feasible front over the trials that trained to the end."""
    trace = hypervolume_trace(record)
    figure = go.Figure(layout=layout("trial", "hypervolume", height=340))
    figure.add_scatter(
        x=[number for number, _ in trace],
        y=[volume for _, volume in trace],
        mode="lines+markers",
        line={"color": style.BLUE, "width": 2, "shape": "hv"},
        marker={"size": 5},
        hovertemplate="trial %{x}<br>hypervolume <b>%{y:.6g}</b><extra></extra>",
    )
    figure.update_layout(showlegend=False, margin={"t": 20})
    return figure


def curve_names(record: StudyRecord) -> list[str]:
    """The values that rungs recorded per epoch (or per rung), the objectives first."""
    said = [n for rung in record.rungs for row in (*rung.curve, rung.metrics) for n in row if n != "epoch"]
    goals = [goal.name for goal in record.objectives]
    return sorted(dict.fromkeys(said), key=lambda n: (n not in goals, said.index(n)))


def rung_figure(record: StudyRecord, name: str) -> go.Figure:
    """One recorded value over epochs, a line a trial; the front's members coloured, rung ends marked."""
    figure = go.Figure(layout=layout("epoch", style.axis(name, record.unit(name)), height=420))
    front = {trial.number: i for i, trial in enumerate(record.front)}
    lines = _curves(record, name)
    for number in sorted(lines, key=lambda n: n in front):
        epochs, values, ends = lines[number]
        colour = style.CYCLE[front[number] % len(style.CYCLE)] if number in front else "#b9c4cf"
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines+markers",
            name=f"trial {number}",
            showlegend=number in front,
            line={"color": colour, "width": 2.5 if number in front else 1},
            marker={"size": [7 if end else 0.1 for end in ends]},
            hovertemplate=f"trial {number}<br>epoch %{{x}}<br><b>%{{y:.4g}}</b><extra></extra>",
        )
    return figure


def _curves(record: StudyRecord, name: str) -> dict[int, tuple[list[int], list[float], list[bool]]]:
    """Trial → (epochs, values, which of them end a rung); rungs without a curve give their last value."""
    found: dict[int, dict[int, tuple[float, bool]]] = {}
    for rung in record.rungs:
        points = found.setdefault(rung.trial, {})
        for row in rung.curve:
            if row.get(name) is not None:
                epoch = int(row.get("epoch", 0))
                points[epoch] = (float(row[name]), epoch == rung.epoch)
        if rung.metrics.get(name) is not None:
            points[rung.epoch] = (float(rung.metrics[name]), True)
    ordered = {number: sorted(points.items()) for number, points in found.items() if points}
    return {
        number: ([e for e, _ in rows], [v for _, (v, _) in rows], [end for _, (_, end) in rows])
        for number, rows in ordered.items()
    }


def refusal_figure(record: StudyRecord) -> go.Figure:
    """How many trials each gate refused, by reason."""
    rows = refusals(record)
    gates = list(dict.fromkeys(gate for gate, _, _ in rows))
    figure = go.Figure(layout=layout("trials", "", height=110 + 44 * max(1, len(gates))))
    for gate, reason, count in rows:
        figure.add_bar(
            y=[escaped(gate)],
            x=[count],
            orientation="h",
            marker={
                "color": style.CYCLE[gates.index(gate) % len(style.CYCLE)],
                "line": {"color": "#fff", "width": 2},
            },
            customdata=[escaped(_folded(reason)).replace("\n", "<br>")],  # data: a template would read %{…} in it
            hovertemplate="<b>%{x}</b> trials<br>%{customdata}<extra></extra>",
        )
    figure.update_layout(barmode="stack", showlegend=False, margin={"t": 20})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return figure


def _folded(text: str, width: int = 70) -> str:
    words: Iterable[str] = text[:400].split()
    lines = [""]
    for word in words:
        lines[-1:] = [f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < width else [lines[-1], word]
    return "\n".join(lines)
