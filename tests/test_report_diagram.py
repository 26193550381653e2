"""Diagrams: valid, escaped, complete, without overlaps, and folded where blocks repeat."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasengine import Composite, Features, Image, Space, Value, Wiring, block, choice, repeat
from nasengine.blocks import (
    Add,
    AvgPool,
    BatchNorm,
    Branches,
    Concat,
    Conv,
    GlobalPool,
    GroupNorm,
    Linear,
    ReLU,
    Residual,
    Sequential,
)
from nasengine.errors import StoreError
from nasengine.graph import Graph
from nasengine.report import draw
from nasengine.report.layering import Cell, place
from nasengine.report.oplabels import label
from nasengine.report.outline import MAX_BOXES, Item, outline

SVG = "{http://www.w3.org/2000/svg}"


def conv(channels: int, kernel: int = 3, stride: int = 1) -> Sequential:
    return Sequential(Conv(channels, kernel, stride, bias=False), BatchNorm(), ReLU())


def residuals(count: int) -> Graph:
    body = [Residual(Sequential(conv(8), Conv(8)), activation=ReLU()) for _ in range(count)]
    return graph_of(Sequential(stem=conv(8), body=Sequential(*body), head=Sequential(GlobalPool(), Linear(10))))


def graph_of(network: Any, inputs: Any = None) -> Graph:
    return Space("test", inputs=inputs or Image(3, 16), network=network)[0].graph().simplify()


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def leaves(items: tuple[Item, ...]) -> list[Item]:
    return [leaf for item in items for leaf in (leaves(item.children) if item.children else [item])]


def test_a_convolution_its_norm_and_activation_are_one_box() -> None:
    items = outline(graph_of(Sequential(stem=conv(8), head=Sequential(GlobalPool(), Linear(10)))))
    assert [item.name for item in items] == ["stem", "head"]
    assert [str(one) for one in items[0].labels] == ["Conv 3×3 → 8", "BatchNorm", "ReLU"]
    assert [child.name for child in items[1].children] == ["0", "1"]


def test_parameters_and_macs_of_the_boxes_add_up_to_the_graphs() -> None:
    for graph in (
        residuals(1),
        residuals(3),
        graph_of(Branches(conv(4), Sequential(conv(4), conv(8)), AvgPool(3, 1, 1))),
    ):
        boxes = leaves(outline(graph))
        repeated = outline(graph)
        assert sum(_total(item)[0] for item in repeated) == graph.cost.params
        assert sum(_total(item)[1] for item in repeated) == graph.cost.macs
        assert all(box.labels for box in boxes)


def _total(item: Item) -> tuple[int, int]:
    inside = [_total(child) for child in item.children] or [(item.params, item.macs)]
    return item.times * sum(p for p, _ in inside), item.times * sum(m for _, m in inside)


def test_equal_blocks_in_a_row_are_folded() -> None:
    (body,) = [item for item in outline(residuals(3)) if item.name.startswith("body")]
    assert (body.name, body.times) == ("body.0 … 2", 3)
    assert "×3" in texts(draw(residuals(3)))


def test_different_neighbours_are_not_folded() -> None:
    graph = graph_of(Sequential(Residual(Conv(3)), Residual(Conv(3, 5)), Residual(Conv(3, 5, groups=0))))
    assert [item.times for item in outline(graph)] == [1, 1, 1]


@block("report_test_shared")
class Shared(Composite):
    """One convolution applied twice."""

    def wire(self, net: Wiring, x: Value) -> Value:
        again = net.module(Conv(3), name="again")
        return again(again(x))  # type: ignore[no-any-return]


def test_a_module_applied_twice_is_drawn_twice_and_says_so() -> None:
    graph = graph_of(Shared())
    assert [item.times for item in outline(graph)] == [1, 1]
    assert texts(draw(graph)).count("same weights") == 1


@block("report_test_interleaved")
class Interleaved(Composite):
    """The children of `a` stand on both sides of `b`."""

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(Conv(3), x, name="a.first")
        y = net(Conv(4), y, name="b")
        return net(Conv(3), y, name="a.second")  # type: ignore[no-any-return]


def test_a_block_that_feeds_and_reads_another_is_cut_where_the_order_cuts_it() -> None:
    items = outline(graph_of(Interleaved()))
    assert [item.nodes for item in items] == [(0,), (1,), (2,)]
    draw(graph_of(Interleaved()))


def test_a_large_network_is_summed_up_instead_of_drawn_small() -> None:
    many = [Residual(Sequential(conv(8, k), Conv(8, 3))) for k in (1, 3, 5) * 20]
    graph = graph_of(Sequential(stem=conv(8), body=Sequential(*many)))
    items = outline(graph)
    assert len(leaves(items)) <= MAX_BOXES
    assert sum(str(box.labels[0]) == "2 Conv, 1 BatchNorm, 1 ReLU, 1 +" for box in leaves(items)) == 60
    assert sum(_total(item)[0] for item in items) == graph.cost.params


def test_several_inputs_and_outputs_are_named() -> None:
    @block("report_test_two_ends")
    class TwoEnds(Composite):
        """An image and a table in, two heads out."""

        output_names = ("label", "age")

        def wire(self, net: Wiring, image: Value, table: Value) -> tuple[Value, ...]:
            x = net(Concat(), net(GlobalPool(), net(Conv(8), image, name="conv"), name="pool"), table, name="join")
            return net(Linear(10), x, name="a"), net(Linear(1), x, name="b")

    found = texts(draw(graph_of(TwoEnds(), {"image": Image(3, 16), "table": Features(5)})))
    assert {"image  3×16×16", "table  5", "label  10", "age  1"} <= set(found)


def test_the_drawing_is_valid_escaped_and_refers_to_nothing() -> None:
    svg = draw(residuals(2), title="</title><script>boom()</script>\x00\u2028")
    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "style", "rect", "text", "path")
    }
    assert "</title><script>boom()</script>\ufffd\u2028" in texts(svg)
    assert not re.search(r"url\(|@import|href", svg)
    assert svg.count("http") == 1  # the namespace


def test_labels_say_what_matters() -> None:
    x = graph_of(Conv(3)).types[0]
    assert str(label(Conv(8, 5, 2, dilation=2), (x,))) == "Conv 5×5 → 8 stride 2 dilation 2"
    assert str(label(Conv(3, (1, 3), groups=0), (x,))) == "Conv 1×3 → 3 depthwise"
    assert str(label(GlobalPool("max"), (x,))) == "GlobalPool max"
    assert str(label(GroupNorm(3), (x,))) in ("GroupNorm depthwise", "GroupNorm groups 3")
    assert str(label(Add(), (x, x))) == "+"
    assert label(Linear(4), (x,)).family == "linear"


def test_shapes_and_costs_are_written() -> None:
    found = texts(
        draw(graph_of(Sequential(stem=conv(8, stride=2), head=Sequential(GlobalPool(), Linear(10)))), title="tiny")
    )
    assert {"tiny", "3×16×16", "8×8×8", "232", "90"} <= set(found)
    assert any(text.startswith("322 parameters · 14.4k MACs") or "322 parameters" in text for text in found)


def test_equal_graphs_are_drawn_alike() -> None:
    assert draw(residuals(2)) == draw(residuals(2))


def test_an_unwritable_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"net\.svg: cannot be written"):
        draw(residuals(1), tmp_path / "file" / "net.svg")
    assert draw(residuals(1), tmp_path / "net.svg") == (tmp_path / "net.svg").read_text(encoding="utf-8")


def test_random_members_of_a_space_are_drawn() -> None:
    stage = Sequential(
        choice(conv(8), conv(8, 5), labels=(3, 5)), repeat(Residual(Conv(8, choice(1, 3))), choice(1, 2, 4))
    )
    space = Space("s", inputs=Image(3, 16), network=Sequential(stage, Branches(conv(4), Residual(Conv(8)))))
    for seed in range(20):
        ET.fromstring(space.sample(random.Random(seed)).draw())


@st.composite
def wired_cells(draw_from: Any) -> list[Cell]:
    """A random DAG of boxes: every cell reads some of the values made before it."""
    cells: list[Cell] = []
    for key in range(draw_from(st.integers(2, 14))):
        before = st.sets(st.integers(0, key - 1), min_size=1, max_size=3) if key else st.just(set())
        inputs = tuple(sorted(draw_from(before)))
        merge = len(inputs) > 1
        width = 28.0 if merge else draw_from(st.sampled_from([80.0, 220.0, 400.0]))
        cells.append(Cell(key, width, 28.0 if merge else 44.0, inputs, (key,), aside=merge, docks=True))
    return cells


@given(wired_cells())
@settings(max_examples=150, deadline=None)
def test_boxes_never_overlap_and_lines_go_down_and_never_through_boxes(cells: list[Cell]) -> None:
    placed = place(cells)
    boxes = {c.key: (placed.x[c.key] - c.width / 2, placed.y[c.key], c.width, c.height) for c in cells}
    for a in cells:
        for b in cells:
            if a.key < b.key:
                (ax, ay, aw, ah), (bx, by, bw, bh) = boxes[a.key], boxes[b.key]
                assert ax + aw <= bx + 1e-6 or bx + bw <= ax + 1e-6 or ay + ah <= by + 1e-6 or by + bh <= ay + 1e-6
    assert len(placed.edges) == sum(len(set(cell.inputs)) for cell in cells)
    for edge in placed.edges:
        assert edge.points[-1][1] > edge.points[0][1]
        others = [box for key, box in boxes.items() if key not in (edge.source, edge.target)]
        for (ax, ay), (bx, by) in zip(edge.points, edge.points[1:], strict=False):
            assert abs(ax - bx) < 1e-6 or abs(ay - by) < 1e-6  # horizontal or vertical
            for x, y, w, h in others:
                apart = max(ax, bx) <= x or min(ax, bx) >= x + w or max(ay, by) <= y or min(ay, by) >= y + h
                assert apart, (edge, (x, y, w, h))
