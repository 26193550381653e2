"""Draws placed boxes as SVG text: frames, lines, boxes, texts, back to front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nasengine.report import style
from nasengine.report.layering import Edge, Placed
from nasengine.report.outline import Item
from nasengine.report.page import esc

if TYPE_CHECKING:
    from nasengine.graph import TensorType

# family → (stripe, fill): Okabe and Ito's hues, the fills tinted towards white
COLOURS = {
    "conv": ("#0072b2", "#eaf3f9"),
    "linear": ("#8a4f9e", "#f5edf8"),
    "norm": ("#7b8794", "#f3f5f7"),
    "activation": ("#b8860b", "#fbf6e6"),
    "pool": ("#007f5f", "#e8f5f0"),
    "merge": ("#1b2430", "#ffffff"),
    "shape": ("#98a2ae", "#f7f8fa"),
    "dropout": ("#98a2ae", "#f7f8fa"),
    "attention": ("#d55e00", "#fdf0e6"),
    "recurrent": ("#d55e00", "#fdf0e6"),
    "embedding": ("#a0528c", "#f8edf4"),
    "block": ("#5b6775", "#f3f5f8"),
    "other": ("#5b6775", "#f3f5f8"),
}
BOX, SLIM, HEADER, PAD, MARGIN = 44.0, 30.0, 26.0, 16.0, 24.0
SHEET = 5.0
PORT = -1  # keys below zero are ports of a frame


@dataclass(frozen=True)
class Sized:
    """An item with its size and where values cross its border, measured from its middle."""

    item: Item
    width: float
    height: float
    into: dict[int, float] = field(default_factory=dict)
    out: dict[int, float] = field(default_factory=dict)
    kids: tuple[Sized, ...] = ()
    inner: Placed | None = None

    @property
    def sheets(self) -> float:
        """How far the sheets behind a repeated box or frame reach below it."""
        return min(self.item.times - 1, 2) * SHEET


def shape(kind: TensorType) -> str:
    """A type as an arrow's label: 16×8×8, with the element type unless it is float32."""
    sizes = "×".join(map(str, kind.shape)) or "scalar"
    return sizes if kind.dtype == "float32" else f"{sizes} {kind.dtype}"


def lines(item: Item) -> tuple[str, str]:
    """The two lines of a box: what leads it, and what follows."""
    before, after = item.labels[: item.lead], item.labels[item.lead + 1 :]
    then = [*(f"{one} first" for one in before), *map(str, after)]
    return str(item.labels[item.lead]), " · ".join(then)


def clipped(text: str, most: int = 30) -> str:
    """A long name by its two ends."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"


def box_cost(item: Item) -> str:
    """What a box says of its parameters."""
    if item.again and item.params:
        return "same weights"
    each = " each" if item.times > 1 else ""
    return f"{style.short(item.params)}{each}" if item.params else ""


def frame_cost(item: Item) -> str:
    """What a frame says of its parameters."""
    if item.again:
        return "same weights again"
    return f"{style.short(item.params)} params" + (" each" if item.times > 1 else "")


class Pen:
    """Collects the drawing back to front: frames, edges, boxes, texts."""

    def __init__(self, types: Sequence[TensorType]) -> None:
        self.types = types
        self.below: list[str] = []
        self.lines: list[str] = []
        self.above: list[str] = []

    def inside(self, placed: Placed, kids: Sequence[Sized], left: float, top: float, depth: int = 0) -> None:
        """Draws the children of a frame whose drawing starts at (left, top), then the lines between them."""
        for key, kid in enumerate(kids):
            x, y = placed.x[key] + left, placed.y[key] + top
            if kid.inner is not None:
                self._frame(kid, x, y, depth)
            elif kid.item.family == "merge":
                self._merge(kid, x, y)
            else:
                self._box(kid, x, y)
        named: set[int] = set()
        for edge in placed.edges:
            target = kids[edge.target] if edge.target >= 0 else None
            self._edge(edge, left, top, head=(target is None and edge.target <= -20_000) or
                       (target is not None and target.inner is None))  # fmt: skip
            if (edge.source >= 0 or edge.source <= -10_000) and edge.target >= 0 and edge.value not in named:
                named.add(edge.value)
                self._shape(edge, left, top)

    def _edge(self, edge: Edge, left: float, top: float, *, head: bool) -> None:
        points = [(x + left, y + top) for x, y in edge.points]
        self.lines.append(f'<path class="wire" d="{_rounded(points)}"/>')
        if head:
            self.lines.append(f'<path class="head" d="{_arrow(points[-2], points[-1])}"/>')

    def _shape(self, edge: Edge, left: float, top: float) -> None:
        """The shape beside the source, where the line starts down."""
        x, y = edge.points[0]
        text = esc(shape(self.types[edge.value]))
        self.above.append(f'<text class="shape" x="{x + left + 7:.1f}" y="{y + top + 14:.1f}">{text}</text>')

    def _frame(self, kid: Sized, x: float, y: float, depth: int) -> None:
        item, left = kid.item, x - kid.width / 2
        fill = ("#f7f9fb", "#eff3f7", "#e8edf3")[depth % 3]
        for k in range(min(item.times - 1, 2), 0, -1):  # sheets behind say that there are more of it
            self.below.append(
                _rect(left + SHEET * k, y + SHEET * k, kid.width, kid.height, 10, f'fill="{fill}" class="frame"')
            )
        self.below.append(_rect(left, y, kid.width, kid.height, 10, f'fill="{fill}" class="frame"'))
        halo = f' style="stroke:{fill}"'
        cost_right = left + kid.width - (34 if item.times > 1 else 12)
        self._text("name", left + 12, y + 18, clipped(item.name), halo)
        self._text("cost", cost_right, y + 18, frame_cost(item), halo)
        self._times(item, left + kid.width, y)
        assert kid.inner is not None
        self.inside(kid.inner, kid.kids, x - kid.inner.width / 2, y + HEADER, depth + 1)
        self._ports(kid, x, y)

    def _ports(self, kid: Sized, x: float, y: float) -> None:
        """The lines through a frame's header and through the sheets behind it."""
        for offset in kid.into.values():
            self.lines.append(f'<path class="wire" d="M{x + offset:.1f} {y:.1f}V{y + HEADER:.1f}"/>')
        for offset in kid.out.values() if kid.sheets else ():
            low = y + kid.height
            self.lines.append(f'<path class="wire" d="M{x + offset:.1f} {low:.1f}V{low + kid.sheets:.1f}"/>')

    def _box(self, kid: Sized, x: float, y: float) -> None:
        item, left = kid.item, x - kid.width / 2
        stripe, fill = COLOURS.get(item.family, COLOURS["other"])
        first, second = lines(item)
        look = f'fill="{fill}" stroke="{stripe}" class="box"'
        for k in range(min(item.times - 1, 2), -1, -1):  # sheets behind say that there are more of it
            self.above.append(_rect(left + SHEET * k, y + SHEET * k, kid.width, kid.height, 7, look))
        self.above.append(
            f'<path d="M{left + 7:.1f} {y + 8:.1f}v{kid.height - 16:.1f}" stroke="{stripe}" class="stripe"/>'
        )
        right, low = left + kid.width - 12, y + (35 if kid.height == BOX else 19.5)
        self._text("op", left + 16, y + (18 if kid.height == BOX else 19.5), first)
        self._text("then", left + 16, low, second)
        self._text("count", right - (22 if item.times > 1 else 0), y + 18, box_cost(item))
        self._text("path", right, low, clipped(item.name))
        self._times(item, left + kid.width, y)

    def _text(self, kind: str, x: float, y: float, text: str, more: str = "") -> None:
        if text:
            self.above.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{more}>{esc(text)}</text>')

    def _merge(self, kid: Sized, x: float, y: float) -> None:
        text = " · ".join(map(str, kid.item.labels))
        self.above.append(
            _rect(
                x - kid.width / 2,
                y,
                kid.width,
                kid.height,
                14,
                f'class="merge"><title>{esc(kid.item.name)}</title></rect',
            )
        )
        size = 18 if len(text) == 1 else 12
        self.above.append(
            f'<text class="sign" x="{x:.1f}" y="{y + 14 + size * 0.34:.1f}" style="font-size:{size}px">'
            f"{esc(text)}</text>"
        )

    def _times(self, item: Item, right: float, top: float) -> None:
        if item.times > 1:
            self.above.append(_rect(right - 26, top - 11, 38, 22, 11, 'class="times"'))
            self.above.append(f'<text class="many" x="{right - 7:.1f}" y="{top + 4.5:.1f}">×{item.times}</text>')

    def end(self, x: float, y: float, width: float, text: str) -> None:
        """An input or an output of the whole network."""
        self.above.append(_rect(x - width / 2, y, width, 30, 15, 'class="end"'))
        self.above.append(f'<text class="put" x="{x:.1f}" y="{y + 19.5:.1f}">{esc(text)}</text>')

    def document(self, width: float, height: float, head: str, facts: str) -> str:
        """The finished SVG."""
        middle = width / 2
        body = "\n".join([*self.below, *self.lines, *self.above])
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" class="nasengine-graph" role="img">\n'
            f"<title>{esc(head)}: {esc(facts)}</title>\n<style>{CSS}</style>\n"
            f'<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text class="title" x="{middle:.1f}" y="{MARGIN + 12}">{esc(head)}</text>\n'
            f'<text class="facts" x="{middle:.1f}" y="{MARGIN + 33}">{esc(facts)}</text>\n{body}\n</svg>\n'
        )


CSS = "".join(
    f".nasengine-graph {rule}"
    for rule in (
        f"text{{font:13px {style.FONT};fill:{style.INK}}}",
        ".title{font-size:18px;font-weight:650;text-anchor:middle}",
        f".facts{{fill:{style.MUTED};text-anchor:middle}}",
        ".frame{stroke:#cdd5de;stroke-width:1}",
        ".box{stroke-width:1;stroke-opacity:.55}",
        ".stripe{stroke-width:4;stroke-linecap:round}",
        f".wire{{fill:none;stroke:{style.MUTED};stroke-width:1.5}}",
        f".head{{fill:{style.MUTED}}}",
        f".merge{{fill:#fff;stroke:{style.INK};stroke-width:1.5}}",
        ".sign{text-anchor:middle;font-weight:600}",
        ".op{font-weight:600}",
        f".then{{font-size:12px;fill:{style.MUTED}}}",
        f".count{{font-size:12px;text-anchor:end;fill:{style.MUTED};font-variant-numeric:tabular-nums}}",
        f".path{{font:11px {style.MONO};text-anchor:end;fill:{style.FAINT}}}",
        f".name{{font:600 12px {style.MONO};paint-order:stroke;stroke-width:5px}}",
        f".cost{{font-size:12px;text-anchor:end;fill:{style.MUTED};paint-order:stroke;stroke-width:5px}}",
        f".shape{{font:11px {style.MONO};fill:{style.MUTED};paint-order:stroke;stroke:#fff}}",
        ".shape{stroke-opacity:.8;stroke-width:4px}",
        f".times{{fill:{style.INK}}}",
        ".many{fill:#fff;text-anchor:middle;font-weight:650}",
        f".end{{fill:{style.INK}}}",
        ".put{fill:#fff;text-anchor:middle;font-weight:600}",
    )
)


def _rect(x: float, y: float, width: float, height: float, radius: float, more: str) -> str:
    closing = "/>" if not more.endswith("</rect") else ">"
    size = f'width="{width:.1f}" height="{height:.1f}" rx="{radius}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {size} {more}{closing}'


def _rounded(points: Iterable[tuple[float, float]], radius: float = 7.0) -> str:
    """A path through the points with round corners."""
    at = list(points)
    text = f"M{at[0][0]:.1f} {at[0][1]:.1f}"
    for (ax, ay), (bx, by), (cx, cy) in zip(at, at[1:], at[2:], strict=False):
        before, after = abs(bx - ax) + abs(by - ay), abs(cx - bx) + abs(cy - by)
        r = min(radius, before / 2, after / 2)
        if r < 0.5:
            continue
        p = (bx - r * (bx - ax) / before, by - r * (by - ay) / before)
        q = (bx + r * (cx - bx) / after, by + r * (cy - by) / after)
        text += f"L{p[0]:.1f} {p[1]:.1f}Q{bx:.1f} {by:.1f} {q[0]:.1f} {q[1]:.1f}"
    return text + f"L{at[-1][0]:.1f} {at[-1][1]:.1f}"


def _arrow(before: tuple[float, float], tip: tuple[float, float]) -> str:
    """A head whose tip stands at the end of a horizontal or vertical line."""
    (ax, ay), (x, y) = before, tip
    if abs(x - ax) > abs(y - ay):
        back = x - 7 if x > ax else x + 7
        return f"M{x:.1f} {y:.1f}L{back:.1f} {y - 4:.1f}V{y + 4:.1f}Z"
    return f"M{x:.1f} {y:.1f}L{x - 4:.1f} {y - 7:.1f}H{x + 4:.1f}Z"
