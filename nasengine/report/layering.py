"""Where boxes stand: a layered drawing of one frame, in the manner of Sugiyama, Tagawa and Toda (1981).

Layers by longest path; order within a layer by barycentres; places by least squares under the order, solved
exactly by pooling adjacent violators. Edges that pass other boxes are led around them in lanes, not through
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X, GAP_Y, TRACK, LANE = 30.0, 30.0, 9.0, 16.0


@dataclass(frozen=True)
class Cell:
    """Something to place: `width` by `height`; reads `inputs`, gives `outputs` (value ids).

    `into` and `out` say where along its border a value enters or leaves, as an offset from its middle.
    `aside` allows an edge to enter from the side, as skip connections enter an addition; `docks` lets edges
    meet it anywhere along its border. `rank` pins ports to the frame's border.
    """

    key: int
    width: float
    height: float
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    into: Mapping[int, float] = field(default_factory=dict)
    out: Mapping[int, float] = field(default_factory=dict)
    aside: bool = False
    docks: bool = False
    rank: str = ""  # "first", "last" or free


@dataclass(frozen=True)
class Edge:
    """A drawn line: the value it carries, from cell, to cell, its corners."""

    value: int
    source: int
    target: int
    points: tuple[tuple[float, float], ...]
    straight: bool


@dataclass(frozen=True)
class Placed:
    """A frame's drawing: middle and top of every cell by key, the edges, the whole size."""

    x: dict[int, float]
    y: dict[int, float]
    edges: tuple[Edge, ...]
    width: float
    height: float


def place(cells: Sequence[Cell]) -> Placed:
    """Places the cells of one frame; x is a cell's middle, y its top; the drawing starts at (0, 0)."""
    maker = {value: cell.key for cell in cells for value in cell.outputs}
    layers = _layers(cells, maker)
    _order(layers, maker)
    x = _columns(layers, maker)
    links = [(v, maker[v], c.key) for layer in layers for c in layer for v in dict.fromkeys(c.inputs) if v in maker]
    return _Router(layers, x, links).placed()


def _layers(cells: Sequence[Cell], maker: Mapping[int, int]) -> list[list[Cell]]:
    by_key = {cell.key: cell for cell in cells}
    level: dict[int, int] = {}

    def depth(key: int) -> int:
        if key not in level:
            cell = by_key[key]
            level[key] = (
                0 if cell.rank == "first" else 1 + max((depth(maker[v]) for v in cell.inputs if v in maker), default=0)
            )
        return level[key]

    for cell in cells:  # cells come in topological order, so the recursion stays shallow
        depth(cell.key)
    bottom = max([0, *(level[cell.key] for cell in cells if cell.rank != "last")]) + 1
    for cell in cells:
        if cell.rank == "last":
            level[cell.key] = bottom
    rows = sorted(set(level.values()))
    return [[cell for cell in cells if level[cell.key] == row] for row in rows]


def _order(layers: list[list[Cell]], maker: Mapping[int, int], sweeps: int = 6) -> None:
    """Sorts each layer by the mean place of what it reads (down) and of what reads it (up)."""
    readers: dict[int, list[int]] = {}
    for layer in layers:
        for cell in layer:
            for value in cell.inputs:
                if value in maker:
                    readers.setdefault(maker[value], []).append(cell.key)
    for sweep in range(sweeps):
        spot = {cell.key: i - (len(layer) - 1) / 2 for layer in layers for i, cell in enumerate(layer)}
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            if len(layer) < 2:
                continue

            def middle(cell: Cell, down: bool = sweep % 2 == 0, spot: dict[int, float] = spot) -> float:
                made = [spot[maker[v]] for v in cell.inputs if v in maker]
                near = made if down else [spot[key] for key in readers.get(cell.key, [])]
                return sum(near) / len(near) if near else spot[cell.key]

            layer.sort(key=middle)
            spot.update({cell.key: i - (len(layer) - 1) / 2 for i, cell in enumerate(layer)})


def _columns(layers: list[list[Cell]], maker: Mapping[int, int], sweeps: int = 40) -> dict[int, float]:
    """The middle of every cell: near what it is joined to, in order, without overlap."""
    near = _neighbours(layers, maker)
    x = {cell.key: 0.0 for layer in layers for cell in layer}
    for layer in layers:
        x.update(_spread(layer, x))
    for sweep in range(sweeps):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wished = {
                c.key: sum(w * (x[k] + s) for k, s, w in near[c.key]) / sum(w for _, _, w in near[c.key])
                if near.get(c.key)
                else x[c.key]
                for c in layer
            }
            x.update(_spread(layer, wished))
    return x


def _neighbours(layers: list[list[Cell]], maker: Mapping[int, int]) -> dict[int, list[tuple[int, float, float]]]:
    """Cell → (joined cell, how far off its middle, weight): skip connections hardly pull."""
    near: dict[int, list[tuple[int, float, float]]] = {}
    cells = {cell.key: cell for layer in layers for cell in layer}
    row = {cell.key: i for i, layer in enumerate(layers) for cell in layer}
    for cell in cells.values():
        for value in cell.inputs:
            if value in maker:
                source = maker[value]
                shift = cells[source].out.get(value, 0.0) - cell.into.get(value, 0.0)
                weight = 1.0 if row[cell.key] == row[source] + 1 else 0.01
                near.setdefault(cell.key, []).append((source, shift, weight))
                near.setdefault(source, []).append((cell.key, -shift, weight))
    return near


def _spread(layer: Sequence[Cell], wished: Mapping[int, float]) -> dict[int, float]:
    """Least squares from the wished places with gaps kept: pool adjacent violators (Barlow et al., 1972)."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP_X)
    blocks: list[tuple[float, int]] = []
    for cell, offset in zip(layer, offsets, strict=True):
        mean, size = wished[cell.key] - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (other * count + mean * size) / (count + size), size + count
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return {cell.key: mean + offset for cell, mean, offset in zip(layer, means, offsets, strict=True)}


class _Router:
    """Leads the edges: straight down where the way is free, else through a lane beside the boxes."""

    def __init__(self, layers: list[list[Cell]], x: dict[int, float], links: list[tuple[int, int, int]]) -> None:
        self.layers, self.x = layers, dict(x)
        self.links = sorted(links, key=lambda link: self._row(link[2]) - self._row(link[1]))
        self.cells = {cell.key: cell for layer in layers for cell in layer}
        self.y: dict[int, float] = {}
        self.bottom = 0.0
        self.lanes: list[tuple[float, int, int]] = []  # (x, first row, last row) of lanes in use

    def _row(self, key: int) -> int:
        return next(i for i, layer in enumerate(self.layers) if any(cell.key == key for cell in layer))

    def placed(self) -> Placed:
        """Rows by their tallest cell, gaps by the lines that turn in them, then the edges."""
        plans = [self._plan(link) for link in self.links]
        self._rows(plans)
        edges = [self._edge(plan) for plan in plans]
        xs = [self.x[c.key] + side * c.width / 2 for c in self.cells.values() for side in (-1, 1)]
        xs += [px for edge in edges for px, _ in edge.points]
        left, right = min(xs, default=0.0), max(xs, default=0.0)
        moved = tuple(
            Edge(e.value, e.source, e.target, tuple((px - left, py) for px, py in e.points), e.straight) for e in edges
        )
        return Placed({k: v - left for k, v in self.x.items()}, self.y, moved, right - left, self.bottom)

    def _plan(self, link: tuple[int, int, int]) -> tuple[int, int, int, float | None]:
        """(value, source, target, lane): no lane when the straight way down from the source is free."""
        value, source, target = link
        first, last = self._row(source) + 1, self._row(target) - 1
        start, end = self._docked(value, source, target)
        for way in (start, end):
            if self._free(way, first, last) and (way == start or abs(way - start) > 1):
                return (value, source, target, None if way == start else way)
        return (value, source, target, self._lane((start + end) / 2, first, last))

    def _ends(self, value: int, source: int, target: int) -> tuple[float, float]:
        a, b = self.cells[source], self.cells[target]
        return self.x[source] + a.out.get(value, 0.0), self.x[target] + b.into.get(value, 0.0)

    def _docked(self, value: int, source: int, target: int) -> tuple[float, float]:
        """Where an edge leaves and arrives: moved along a wide border where that makes the edge straight."""
        start, end = self._ends(value, source, target)
        a, b = self.cells[source], self.cells[target]
        lone = len(b.inputs) == 1 or b.aside
        if a.docks and abs(end - self.x[source]) < a.width / 2 - min(24.0, a.width / 4):
            return end, end
        if b.docks and lone and abs(start - self.x[target]) < b.width / 2 - min(24.0, b.width / 4):
            return start, start
        return start, end

    def _free(self, way: float, first: int, last: int) -> bool:
        rows = [cell for layer in self.layers[first : last + 1] for cell in layer]
        boxes = any(abs(way - self.x[c.key]) < c.width / 2 + 6 for c in rows)
        return not boxes and not self._taken(way, first, last)

    def _taken(self, way: float, first: int, last: int) -> bool:
        return any(abs(way - x) < LANE - 1 and not (b < first or last < a) for x, a, b in self.lanes)

    def _lane(self, wish: float, first: int, last: int) -> float:
        """The free lane nearest to the wish: beside all boxes of the rows it passes."""
        rows = [cell for layer in self.layers[first : last + 1] for cell in layer]
        sides = [x for c in rows for x in (self.x[c.key] - c.width / 2 - 14, self.x[c.key] + c.width / 2 + 14)]
        near = [side + step * LANE * way for side in sides for step in range(12) for way in (-1, 1)]
        free = [x for x in near if self._free(x, first, last)]
        best = min(free, key=lambda x: (round(abs(x - wish)), -x), default=max(sides) + LANE * len(self.lanes))
        self.lanes.append((best, first, last))
        return best

    def _rows(self, plans: Sequence[tuple[int, int, int, float | None]]) -> None:
        turning: dict[int, set[int]] = {}
        for value, source, target, lane in plans:
            for row in {self._row(source), self._row(target) - 1} if lane is not None else {self._row(target) - 1}:
                turning.setdefault(row, set()).add(value)
        top = tall = 0.0
        for i, layer in enumerate(self.layers):
            tall = max(cell.height for cell in layer)
            for cell in layer:
                self.y[cell.key] = top + (tall - cell.height) / 2
            if i + 1 < len(self.layers):
                ports = min(tall, max(c.height for c in self.layers[i + 1])) == 0
                top += tall + (16.0 if ports else GAP_Y) + TRACK * max(0, len(turning.get(i, ())) - 1)
        self.bottom = top + (tall if self.layers else 0.0)
        self.tracks = {row: {v: k for k, v in enumerate(sorted(values))} for row, values in turning.items()}

    def _turn(self, row: int, value: int) -> float:
        """The height at which a value's line turns: just above the next row, to leave room for its label."""
        top = min(self.y[c.key] for c in self.layers[row + 1])
        return top - 9.0 - TRACK * self.tracks.get(row, {}).get(value, 0)

    def _edge(self, plan: tuple[int, int, int, float | None]) -> Edge:
        value, source, target, lane = plan
        a, b = self.cells[source], self.cells[target]
        ways = self._docked(value, source, target) if lane is None else self._ends(value, source, target)
        start, end = (ways[0], self.y[source] + a.height), (ways[1], self.y[target])
        if lane is None and abs(start[0] - end[0]) < 1:
            return Edge(value, source, target, (start, (start[0], end[1])), True)
        way = start[0] if lane is None or abs(lane - start[0]) <= 1 else lane
        points = [start]
        if way != start[0]:
            out = self._turn(self._row(source), value)
            points += [(start[0], out), (way, out)]
        points += self._arrival(b, way, end, self._turn(self._row(target) - 1, value))
        return Edge(value, source, target, tuple(points), False)

    def _arrival(self, cell: Cell, way: float, end: tuple[float, float], turn: float) -> list[tuple[float, float]]:
        middle = self.y[cell.key] + cell.height / 2
        outside = abs(way - self.x[cell.key]) > cell.width / 2 + 6
        left, right = sorted((way, self.x[cell.key]))
        row = [c for c in self.layers[self._row(cell.key)] if c is not cell]
        between = [c for c in row if self.x[c.key] + c.width / 2 + 6 > left and self.x[c.key] - c.width / 2 - 6 < right]
        if cell.aside and outside and not between:
            side = self.x[cell.key] + (cell.width / 2 if way > self.x[cell.key] else -cell.width / 2)
            return [(way, middle), (side, middle)]
        return [(way, turn), (end[0], turn), end] if abs(way - end[0]) > 1 else [(way, end[1])]
