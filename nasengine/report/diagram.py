"""An architecture's graph as an SVG that a person can read: boxes, frames, skip connections, shapes, costs.

Pure text: no layout program, no fonts measured, no script, no reference to anything outside the file. Every name in the
graph is escaped. Arrow heads are shapes, not markers, so that several drawings can share one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nasengine.report import style
from nasengine.report.layering import Cell, place
from nasengine.report.outline import Item, outline
from nasengine.report.page import write_text
from nasengine.report.pen import (
    BOX,
    HEADER,
    MARGIN,
    PAD,
    PORT,
    SLIM,
    Pen,
    Sized,
    box_cost,
    clipped,
    frame_cost,
    lines,
    shape,
)

if TYPE_CHECKING:
    from nasengine.graph import Graph


def draw(graph: Graph, path: str | Path | None = None, *, title: str = "") -> str:
    """The graph as SVG text, also written to `path` when one is given.

    Boxes are operations with what follows them (norm, activation), frames are blocks, "×3" stands for equal
    blocks in a row, numbers on the right are parameters, labels on the arrows are tensor shapes without the
    batch axis. Raises StoreError when the path cannot be written.
    """
    items = outline(graph)
    kids = _level(items)
    ends = _ends(graph)
    cells = [_cell(i, kid) for i, kid in enumerate(kids)]
    whole = place([*(cell for cell, _ in ends if cell.rank == "first"), *cells,
                   *(cell for cell, _ in ends if cell.rank == "last")])  # fmt: skip
    head, facts = _title(graph, title)
    width = max(whole.width, 7.4 * len(facts), 10 * len(head)) + 2 * MARGIN
    left, top = (width - whole.width) / 2, MARGIN + 52
    pen = Pen(graph.types)
    pen.inside(whole, kids, left, top)
    for cell, text in ends:
        pen.end(whole.x[cell.key] + left, whole.y[cell.key] + top, cell.width, text)
    text = pen.document(width, top + whole.height + MARGIN, head, facts)
    if path is not None:
        write_text(path, text)
    return text


def _title(graph: Graph, title: str) -> tuple[str, str]:
    cost = graph.cost
    facts = [f"{cost.params:,} parameters", f"{style.short(cost.macs)} MACs"]
    if cost.receptive_field:
        facts.append(f"receptive field {cost.receptive_field}")
    facts.append(f"peak activations {style.size(cost.peak_activation_bytes)}")
    return title or "network", " · ".join(facts)


def _ends(graph: Graph) -> list[tuple[Cell, str]]:
    """The network's own inputs and outputs as cells, keys far below the ports'."""
    made = []
    for k, (name, value) in enumerate(graph.inputs.items()):
        text = f"{name}  {shape(graph.types[value])}"
        made.append((Cell(-10_000 - k, _text(text) + 32, 30.0, (), (value,), docks=True, rank="first"), text))
    for k, (name, value) in enumerate(graph.outputs.items()):
        text = f"{name}  {shape(graph.types[value])}"
        made.append((Cell(-20_000 - k, _text(text) + 32, 30.0, (value,), (), docks=True, rank="last"), text))
    return made


def _text(text: str, size: float = 13.0) -> float:
    """Roughly how wide a text is: no font is measured, so this errs on the wide side."""
    return sum(0.34 if c in " .,:il|·'" else 0.62 for c in text) * size


def _tall(item: Item) -> float:
    """One line is enough for a lone operation without parameters."""
    return BOX if item.params or len(item.labels) > 1 else SLIM


def _level(items: Sequence[Item]) -> tuple[Sized, ...]:
    """The boxes of one frame, all as wide as the widest."""
    kids = [_sized(item) for item in items]
    boxes = [kid.width for kid in kids if kid.inner is None and kid.item.family != "merge"]
    wide = max(boxes, default=0.0)
    plain = [kid.inner is None and kid.item.family != "merge" for kid in kids]
    return tuple(replace(kid, width=wide) if one else kid for kid, one in zip(kids, plain, strict=True))


def _sized(item: Item) -> Sized:
    if item.children:
        return _frame(item)
    if item.family == "merge":
        text = " · ".join(map(str, item.labels))
        width = 28.0 if len(text) == 1 else _text(text, 12) + 26
        return Sized(item, width, 28.0)
    first, second = lines(item)
    name = clipped(item.name)
    wide = max(_text(first) + _text(box_cost(item)) + 68, _text(second, 12) + _text(name, 12) + 46)
    if _tall(item) == SLIM:
        wide = _text(first) + _text(name, 12) + 46
    width = min(max(wide, 220.0), 420.0)
    return Sized(item, width, _tall(item), _fan(item.inputs, min(width - 40, 40.0 * (len(item.inputs) - 1))))


def _fan(inputs: Sequence[int], spread: float) -> dict[int, float]:
    """Where several inputs enter: side by side."""
    step = spread / (len(inputs) - 1) if len(inputs) > 1 else 0.0
    return {value: k * step - spread / 2 for k, value in enumerate(inputs)} if len(inputs) > 1 else {}


def _cell(key: int, sized: Sized) -> Cell:
    item = sized.item
    aside = item.family == "merge"
    docks = not item.children
    return Cell(
        key,
        sized.width,
        sized.height + sized.sheets,
        item.inputs,
        item.outputs,
        sized.into,
        sized.out,
        aside,
        docks,
    )


def _frame(item: Item) -> Sized:
    """A frame around its children: their drawing, a header, ports where values cross."""
    kids = _level(item.children)
    tops = [Cell(PORT - k, 2.0, 0.0, (), (value,), rank="first") for k, value in enumerate(item.inputs)]
    ends = [Cell(PORT - 500 - k, 2.0, 0.0, (value,), (), rank="last") for k, value in enumerate(item.exits)]
    inner = place([*tops, *(_cell(i, kid) for i, kid in enumerate(kids)), *ends])
    header = _text(clipped(item.name), 13) + _text(frame_cost(item), 12) + 60
    width = max(inner.width, header) + 2 * PAD
    into = {cell.outputs[0]: inner.x[cell.key] - inner.width / 2 for cell in tops}
    out = {v: inner.x[cell.key] - inner.width / 2 for cell, v in zip(ends, item.outputs, strict=True)}
    return Sized(item, width, inner.height + HEADER, into, out, kids, inner)
