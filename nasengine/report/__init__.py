"""Figures, diagrams, the offline report and the model card: readings of a study's rows, nothing more.

Importing it loads neither plotly nor matplotlib; each is loaded by the function that draws with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasengine.report.card import model_card
    from nasengine.report.diagram import draw
    from nasengine.report.figures import front_figure
    from nasengine.report.html import write_report
    from nasengine.report.page import save_html
    from nasengine.report.png import save_png
    from nasengine.report.record import StudyRecord

_HOMES = {
    "StudyRecord": "record",
    "draw": "diagram",
    "front_figure": "figures",
    "model_card": "card",
    "save_html": "page",
    "save_png": "png",
    "write_report": "html",
}

__all__ = ["StudyRecord", "draw", "front_figure", "model_card", "save_html", "save_png", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
