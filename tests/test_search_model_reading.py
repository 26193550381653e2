"""What the surrogate reads of a network: nothing that equal networks do not share, all that tells cells apart."""

from __future__ import annotations

import random

import numpy as np
import pytest
from search_toys import Input, numeric_space

from nasengine import Image, Space, choice
from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential
from nasengine.errors import ShapeError
from nasengine.search import Problem, maximize
from nasengine.search.model.features import GRAIN, GROUPS, Book, Member, Products, dense
from nasengine.search.model.kernel import Units
from nasengine.search.model.reading import Reader, decided
from nasengine.space import Architecture, Spec, tagged
from search_spaces import darts, gan, hwgpt_s, nasbench_graph, nb201

ACCURACY = (maximize("accuracy"),)


@tagged("test_search_model.specs")
class Specs(Spec):
    width: int = 1


def book(space: Space) -> Book:
    return Book(Problem(space, ACCURACY))


def members(space: Space, count: int, seed: int = 0) -> list[Member]:
    rng, made = random.Random(seed), book(space)
    return [made.member(space.sample(rng)) for _ in range(count)]


def cell(**edges: str) -> Architecture:
    named = {f"e{k}": edges.get(f"e{k}", "none") for k in ("01", "02", "12", "03", "13", "23")}
    return nb201.small.decode(named)


def test_equal_networks_read_alike_and_different_ones_do_not() -> None:
    reader, rng = Reader(), random.Random(1)
    by_id: dict[str, tuple[object, ...]] = {}
    by_reading: dict[tuple[object, ...], str] = {}
    for _ in range(250):
        one = nb201.small.sample(rng)
        counts = reader.read(one)
        key = (frozenset(counts.graph.items()), frozenset(counts.paths.items()), counts.size, counts.depth)
        assert by_id.setdefault(one.id, key) == key
        assert by_reading.setdefault(key, one.id) == one.id
    assert len(by_id) > 120


def test_a_dead_edge_is_not_read() -> None:
    alive = cell(e01="nor_conv_3x3", e13="nor_conv_3x3")
    dead = cell(e01="nor_conv_3x3", e13="nor_conv_3x3", e02="avg_pool_3x3")  # nothing leads on from node 2
    assert Reader().read(alive) == Reader().read(dead)


def test_a_cell_is_read_alike_whether_zeros_were_taken_out_of_it_or_not() -> None:
    """One edge more must not look like another network: what both share is counted alike."""
    whole = cell(**{f"e{k}": "nor_conv_3x3" for k in ("01", "02", "12", "03", "13", "23")})
    less = cell(**{f"e{k}": "nor_conv_3x3" for k in ("01", "02", "12", "03", "13")})
    a, b = Reader().read(whole), Reader().read(less)
    assert set(b.paths) <= set(a.paths)
    assert len(set(a.graph) & set(b.graph)) > len(set(b.graph)) / 3


def test_paths_are_those_of_the_cell() -> None:
    counts = Reader().read(cell(e01="nor_conv_1x1", e13="nor_conv_3x3", e03="skip_connect"))
    assert 3 in counts.paths.values()  # the shortcut, and the way through node 1, once in each of three cells
    assert sum(n == 3 for n in counts.paths.values()) == 2
    assert counts.depth > 0


def test_labels_leave_widths_out_and_windows_in() -> None:
    def net(channels: int, kernel: int) -> Architecture:
        body = Sequential(ConvNormAct(channels, kernel), GlobalPool(), Linear(10))
        return Space("one", inputs=Image(3, 32), network=body).sample(0)

    reader = Reader()
    assert reader.read(net(16, 3)).graph == reader.read(net(24, 3)).graph
    assert reader.read(net(16, 3)).graph != reader.read(net(16, 5)).graph
    assert reader.read(net(16, 3)).weighted != reader.read(net(24, 3)).weighted


@pytest.mark.parametrize("space", [darts.small, gan.small, hwgpt_s.small, nasbench_graph.small], ids=lambda s: s.name)
def test_every_kind_of_space_is_read(space: Space) -> None:
    found = members(space, 20)
    assert all(m.sound for m in found)
    assert all(np.isfinite(list(m.numbers.values())).all() for m in found)
    assert len({tuple(sorted(m.sparse[0].values)) for m in found}) > 1
    again = members(space, 20)
    for one, other in zip(found, again, strict=True):
        assert one.key == other.key
        assert one.numbers == other.numbers


def test_types_that_cannot_meet_are_an_error_of_the_reader_and_a_member_that_is_not_sound() -> None:
    space = Space("specs", inputs=Input(), network=Specs(width=choice(1, 2)))  # its root is no block
    member = members(space, 1)[0]
    assert not member.sound
    assert not member.numbers
    assert len(member.sparse[2].values)
    with pytest.raises(ShapeError, match="is not a block"):
        Reader().read(member.architecture)


def test_decisions_that_are_numbers_keep_their_order() -> None:
    space = numeric_space()
    made = book(space)
    low, near, far = (made.member(space.decode({"rate": 0.1, "heads": h})) for h in (1, 2, 64))
    product = Products(GROUPS.index("decisions")).between([near, far], [low])[:, 0]
    lengths = [m.sparse[2].square for m in (near, far)]
    distances = [n + low.sparse[2].square - 2 * p for n, p in zip(lengths, product, strict=True)]
    assert distances[0] < distances[1]


def test_products_are_exact_in_any_order_and_after_growth() -> None:
    found = members(nb201.small, 70)
    for group in range(len(GROUPS)):
        whole = np.array([[_dot(a, b, group) for b in found[:40]] for a in found])
        products = Products(group)
        pieces = [products.between(found[i : i + 7], found[:j]) for i, j in ((60, 3), (3, 40), (0, 11))]
        assert (pieces[1] == whole[3:10]).all()
        assert (pieces[2] == whole[0:7, :11]).all()
        assert (products.between(found[::-1], found[:40][::-1]) == whole[::-1, ::-1]).all()


def _dot(a: Member, b: Member, group: int) -> float:
    there = dict(zip(b.sparse[group].columns.tolist(), b.sparse[group].values.tolist(), strict=True))
    here = zip(a.sparse[group].columns.tolist(), a.sparse[group].values.tolist(), strict=True)
    return sum(v * there.get(c, 0.0) for c, v in here)


def test_values_are_multiples_of_the_grain() -> None:
    for member in members(nb201.small, 10) + members(numeric_space(), 10):
        for vector in member.sparse:
            assert (vector.values * GRAIN == np.round(vector.values * GRAIN)).all()


def test_cheap_figures_are_features_and_those_that_are_no_numbers_are_left_out() -> None:
    def cheap(architecture: Architecture) -> dict[str, float]:
        return {"synflow": float(len(architecture.id)), "zen": float("nan")}

    made = Book(Problem(nb201.small, ACCURACY, cheap=cheap)).member(nb201.small[7])
    assert made.numbers["cheap synflow"] == len(made.architecture.id)
    assert "cheap zen" not in made.numbers


def test_units_leave_out_costs_that_do_not_differ_or_follow_from_another() -> None:
    found = members(nb201.small, 30)
    units = Units(found, [Products(i) for i in range(len(GROUPS))])
    sizes = {"known params", "known active_params", "known param_bytes", "known macs", "known active_macs"}
    assert {name.removeprefix("known active_") for name in sizes & set(units.names)} == {"params", "macs"}
    assert np.isfinite(units.stacked(found)[0]).all()
    assert np.isnan(dense(found, ["nothing"])).all()


def test_members_with_another_recipe_are_other_evaluations() -> None:
    one = decided({"b": 1, "a": "x"})
    assert one == (("a", "'x'"), ("b", "1"))
    assert decided({"a": 1}) != decided({"a": True})


def test_a_named_choice_of_three_numbers_is_ranked() -> None:
    body = Sequential(ConvNormAct(choice(8, 16, 32), 3), GlobalPool(), Linear(10))
    space = Space("widths", inputs=Image(3, 8), network=body)
    made = members(space, 30)
    ranks = {m.decisions["0.channels"]: sorted(m.sparse[2].values.tolist()) for m in made}
    assert ranks == {8: [0.0, 0.5], 16: [0.5, 0.5], 32: [0.5, 1.0]}
