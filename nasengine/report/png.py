"""The front as a PNG, by matplotlib without a display, a browser or its global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.report import style
from nasengine.report.page import unwritable
from nasengine.report.record import StudyRecord
from nasengine.report.views import FrontView, front_view, knee

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# not "Inter" and its kin: a font that is absent would warn on every text
LOOK = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.edgecolor": style.FAINT,
    "axes.labelcolor": style.INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": style.GRID,
    "grid.linewidth": 0.8,
    "text.color": style.INK,
    "text.parse_math": False,  # a name may hold a dollar sign
    "xtick.color": style.MUTED,
    "ytick.color": style.MUTED,
    "axes.unicode_minus": True,
}


def save_png(record: StudyRecord, x: str, y: str, path: str | Path) -> Path:
    """Draws the front of a pair of values to a PNG, 1600 by 1000 pixels.

    Raises StoreError when the path cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(LOOK):
        figure = Figure(figsize=(8, 5), dpi=200, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        _draw(figure.add_subplot(), record, front_view(record, x, y))
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            canvas.print_figure(target, format="png")
        except OSError as error:
            raise unwritable(target, error) from error
    return target


def _draw(axes: Axes, record: StudyRecord, view: FrontView) -> None:
    if view.step:
        xs, ys = zip(*view.step, strict=True)
        axes.plot(xs, ys, color=style.BLUE, linewidth=1.6, alpha=0.55, zorder=3)
    for order, kind in enumerate(("over", "pruned", "dominated", "front", "duplicate")):
        _marks(axes, view, kind, order + 4)
    _rug(axes, view)
    _budgets(axes, record, view)
    _mark_knee(axes, record, view)
    axes.set_xlim(*view.x_range)
    axes.set_ylim(*view.y_range)
    axes.set_xlabel(style.axis(view.x, record.unit(view.x)))
    axes.set_ylabel(style.axis(view.y, record.unit(view.y)))
    axes.xaxis.set_major_formatter(lambda value, _: style.tick(value, view.x_range))
    axes.yaxis.set_major_formatter(lambda value, _: style.tick(value, view.y_range))
    _legend(axes, record, view)


def _legend(axes: Axes, record: StudyRecord, view: FrontView) -> None:
    """The name and the legend above the axes, most important mark first."""
    axes.set_title(record.name, loc="left", fontsize=13, fontweight="bold", pad=36)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(
        range(len(labels)),
        key=lambda i: next(k for k, m in enumerate(style.MARKS.values()) if labels[i].startswith(m[4])),
    )
    if order:
        legend = axes.legend(
            [handles[i] for i in order],
            [labels[i] for i in order],
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=3,
            frameon=False,
            fontsize=8.5,
            handletextpad=0.3,
            columnspacing=1.6,
        )
        legend.set_in_layout(False)  # it stands in the room that the title leaves
    if view.beyond:
        said = f"{view.beyond} trials outside this view"
        look: dict[str, Any] = {"ha": "right", "fontsize": 8, "color": style.MUTED}
        axes.text(1.0, -0.1, said, transform=axes.transAxes, **look)


def _marks(axes: Axes, view: FrontView, kind: str, order: int) -> None:
    trials = view.marks.get(kind, [])
    if not trials:
        return
    colour, _, marker, size, label = style.MARKS[kind]
    hollow = kind in ("duplicate", "pruned")
    axes.scatter(
        [t.values[view.x] for t in trials],
        [t.values[view.y] for t in trials],
        s=size**2 * 0.55,
        marker=marker,
        facecolors="none" if hollow else colour,
        edgecolors=None if marker == "x" else (colour if hollow else "#fff"),
        linewidths=1.4 if hollow or marker == "x" else 0.7,
        zorder=order,
        label=f"{label} ({len(trials)})",
    )


def _rug(axes: Axes, view: FrontView) -> None:
    colour, _, _, _, label = style.MARKS["refused"]
    look: dict[str, Any] = {"color": colour, "s": 50, "linewidths": 1.0, "clip_on": False, "zorder": 10}
    if view.rug_x:
        xs = [t.values[view.x] for t in view.rug_x if t.values[view.x] <= view.x_range[1]]
        named = f"{label} ({len(view.rug_x)})"
        axes.scatter(xs, [view.y_range[0]] * len(xs), marker="|", label=named, **look)
    if view.rug_y:
        ys = [t.values[view.y] for t in view.rug_y if t.values[view.y] <= view.y_range[1]]
        axes.scatter([view.x_range[0]] * len(ys), ys, marker="_", **look)


def _budgets(axes: Axes, record: StudyRecord, view: FrontView) -> None:
    look: dict[str, Any] = {"color": style.RED, "linewidth": 1.2, "linestyle": (0, (5, 4)), "zorder": 2}
    text: dict[str, Any] = {"color": style.RED, "fontsize": 9, "ha": "right"}
    for budget in record.budgets:
        said = f"budget {style.bound(budget, record.unit(budget.name))} "
        if budget.name == view.x and view.x_range[0] <= budget.limit <= view.x_range[1]:
            axes.axvline(budget.limit, **look)
            axes.text(budget.limit, 0.985, said, transform=axes.get_xaxis_transform(), va="top", **text)
        elif budget.name == view.y and view.y_range[0] <= budget.limit <= view.y_range[1]:
            axes.axhline(budget.limit, **look)
            axes.text(0.995, budget.limit, said, transform=axes.get_yaxis_transform(), va="bottom", **text)


def _mark_knee(axes: Axes, record: StudyRecord, view: FrontView) -> None:
    best = knee(record)
    if best is None or best.values.get(view.x) is None or best.values.get(view.y) is None:
        return
    place = (best.values[view.x], best.values[view.y])
    paper = {"boxstyle": "round,pad=0.2", "facecolor": "#fff", "edgecolor": "none", "alpha": 0.85}
    look: dict[str, Any] = {"fontsize": 9, "zorder": 20, "bbox": paper}
    axes.annotate(f"knee: trial {best.number}", place, xytext=(10, -18), textcoords="offset points", **look)
