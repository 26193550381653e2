"""One look for every figure: colours that colour-blind readers tell apart, fonts, numbers, units.

Colours are those of Okabe and Ito (2008, "Color Universal Design"), darkened where they stand on white.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nasengine.search.objectives import Budget

FONT = '"Inter", "Segoe UI", "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif'
MONO = '"JetBrains Mono", "SF Mono", Consolas, "DejaVu Sans Mono", monospace'

INK, MUTED, FAINT, GRID, PAPER = "#1b2430", "#5b6775", "#98a2ae", "#e6eaef", "#ffffff"
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0068a8", "#c96a00", "#007f5f", "#c0392b", "#a0528c", "#56b4e9"

# kind of a trial in a front figure → (colour, plotly symbol, matplotlib marker, size, what the legend says)
MARKS: dict[str, tuple[str, str, str, int, str]] = {
    "front": (BLUE, "circle", "o", 11, "feasible front"),
    "dominated": ("#7d93aa", "circle", "o", 7, "dominated"),
    "over": (RED, "x-thin-open", "x", 8, "over a budget"),
    "pruned": ("#d98f3d", "triangle-down-open", "v", 6, "stopped early, last score"),
    "duplicate": (PURPLE, "diamond-open", "D", 14, "duplicate network"),
    "refused": (RED, "line-ns-open", "|", 9, "refused before training"),
}

CYCLE = (BLUE, ORANGE, GREEN, PURPLE, "#7a6a00", RED, SKY, INK)

WORDS = {
    "params": "parameters",
    "macs": "multiply-adds",
    "param_bytes": "parameter memory",
    "peak_activation_bytes": "peak activation memory",
    "model_bytes": "model size",
    "latency_ms": "latency",
    "peak_memory_bytes": "measured peak memory",
    "energy_mj": "energy",
    "receptive_field": "receptive field",
    "active_params": "active parameters",
    "active_macs": "active multiply-adds",
}


def words(name: str) -> str:
    """A value's name in a reader's words: `latency_ms` → latency."""
    return WORDS.get(name, name.removesuffix("_ms").removesuffix("_s").replace("_", " "))


def axis(name: str, unit: str) -> str:
    """An axis title with its unit: latency (ms)."""
    title = words(name)
    return title if not unit or unit == title or title.endswith(unit) else f"{title} ({unit})"


def number(value: Any, digits: int = 4) -> str:
    """A number as a person reads it: 0.9812, 12,345, 1.2e-05; anything else as text, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def short(value: float) -> str:
    """A count in two or three figures: 950, 1.2k, 34.5M."""
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale * 0.9995:
            figure = value / scale
            return f"{figure:.0f}{letter}" if figure >= 99.95 else f"{figure:.3g}{letter}"
    return f"{value:.0f}"


def size(count: float) -> str:
    """Bytes in decimal units: 950 B, 1.2 kB, 34.5 MB."""
    text = short(count)
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"


def quantity(value: Any, unit: str) -> str:
    """A number with its unit; a share or a score that has no unit stands alone."""
    text = number(value)
    return text if value is None or not unit else f"{text} {unit}"


def bound(budget: Budget, unit: str = "") -> str:
    """A budget in words: latency ≤ 2 ms."""
    sign = "≤" if budget.sense == "at_most" else "≥"
    named = words(budget.name)
    return f"{named} {sign} {quantity(budget.limit, '' if unit == named else unit)}"


def decisions(chosen: Mapping[str, Any], limit: int = 8) -> list[str]:
    """A trial's decisions in lines of `path = label`, the first `limit` and how many more there are."""
    lines = [f"{path} = {label}" for path, label in list(chosen.items())[:limit]]
    rest = len(chosen) - limit
    return [*lines, f"… and {rest} more"] if rest > 0 else lines


def tick(value: float, span: tuple[float, float]) -> str:
    """An axis tick: 1.2k or 34M on wide axes of counts, plain otherwise."""
    return short(value) if max(map(abs, span)) >= 10_000 else f"{value:.10g}"
