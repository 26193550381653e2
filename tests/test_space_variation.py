"""Sampling, decoding and the moves of evolution keep to the space."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Leaf, Pair, Row, key, spaces

from nasengine import Architecture, Features, Space, choice, integer, repeat, uniform
from nasengine.errors import DecisionError
from nasengine.space import Choice, Domain, Integer, Label
from nasengine.space.variation import domains_of

SEEDS = st.integers(0, 2**32)


def one(network: object) -> Space:
    return Space("s", inputs=Features(4), network=network)  # type: ignore[arg-type]


def free(space: Space, member: Architecture) -> list[str]:
    """Decisions that have another option."""
    return [path for path, d in domains_of(space, member).items() if len(d.labels) > 1]  # type: ignore[attr-defined]


def is_member(space: Space, member: Architecture) -> bool:
    again = space.decode(member.decisions)
    return again == member and list(again.decisions) == list(member.decisions) and again.to_json() == member.to_json()


@settings(max_examples=150)
@given(spaces(), SEEDS)
def test_samples_decode_to_themselves(space: Space, seed: int) -> None:
    member = space.sample(random.Random(seed))
    assert is_member(space, member)
    assert space.sample(seed) == member
    assert space.decode({**member.decisions, "no.such.place": 1}, strict=False) == member


@settings(max_examples=150)
@given(spaces(), SEEDS)
def test_every_decision_is_live(space: Space, seed: int) -> None:
    member = space.sample(seed)
    for path in member.decisions:
        rest = {p: x for p, x in member.decisions.items() if p != path}
        with pytest.raises(DecisionError, match="a decision is missing; expected "):
            space.decode(rest)


@settings(max_examples=150)
@given(spaces(), SEEDS, st.integers(1, 3))
def test_mutation_changes_what_it_can(space: Space, seed: int, changes: int) -> None:
    rng = random.Random(seed)
    member = space.sample(rng)
    child = space.mutate(member, rng, changes=changes)
    assert is_member(space, child)
    if not free(space, member):
        assert child == member
        return
    assert child != member
    shared = member.decisions.keys() & child.decisions.keys()
    assert sum(member.decisions[p] != child.decisions[p] for p in shared) <= changes


@settings(max_examples=150)
@given(spaces(), SEEDS)
def test_crossover_takes_from_its_parents(space: Space, seed: int) -> None:
    rng = random.Random(seed)
    a, b = space.sample(rng), space.sample(rng)
    child = space.crossover(a, b, rng)
    assert is_member(space, child)
    for path, label in child.decisions.items():
        known = [parent.decisions[path] for parent in (a, b) if path in parent.decisions]
        assert not known or label in known
    assert space.crossover(a, a, rng) == a


@settings(max_examples=150)
@given(spaces(), SEEDS)
def test_neighbours_are_one_decision_away(space: Space, seed: int) -> None:
    member = space.sample(seed)
    near = list(space.neighbours(member))
    domains = domains_of(space, member)
    assert len(near) == sum(len(d.labels) - 1 for d in domains.values())  # type: ignore[attr-defined]
    assert len({key(n.decisions) for n in near}) == len(near)
    for other in near:
        assert is_member(space, other)
        shared = member.decisions.keys() & other.decisions.keys()
        assert sum(member.decisions[p] != other.decisions[p] for p in shared) == 1


@settings(max_examples=100)
@given(spaces())
def test_smallest_and_largest_take_every_number_at_its_end(space: Space) -> None:
    for member, pick in ((space.smallest(), min), (space.largest(), max)):
        assert is_member(space, member)
        for path, domain in domains_of(space, member).items():
            labels = list(domain.labels)  # type: ignore[attr-defined]
            numbers = all(isinstance(x, int) for x in labels)
            assert member.decisions[path] == (pick(labels) if numbers else labels[0])


@settings(max_examples=60)
@given(spaces())
def test_describe_names_every_tie_and_keeps_to_its_limit(space: Space) -> None:
    text = space.describe()
    assert text.startswith("drawn: ")
    assert "object at 0x" not in text
    assert len(space.describe(limit=3).splitlines()) <= 5
    assert space.describe() == text


def test_every_option_is_drawn_evenly() -> None:
    """4,000 draws of 4 options: each count is within 6 sigma (164) of 1,000; false alarm below 1 in 10^8."""
    space = one(Pair(choice(1, 2, 3, 4), integer(1, 4)))
    rng = random.Random(0)
    found = [space.sample(rng).decisions for _ in range(4_000)]
    for path in ("left", "right"):
        counts = Counter(d[path] for d in found)
        assert set(counts) == {1, 2, 3, 4}
        assert all(abs(n - 1_000) < 6 * math.sqrt(4_000 * 0.25 * 0.75) for n in counts.values())


def test_log_domains_are_even_in_their_logarithm() -> None:
    """3,000 draws over three decades: each third within 6 sigma (155) of 1,000; false alarm below 1 in 10^8."""
    space = one(Pair(uniform(1e-4, 1e-1, log=True), integer(1, 1_000, log=True)))
    rng = random.Random(0)
    found = [space.sample(rng).decisions for _ in range(3_000)]
    decades = Counter(math.floor(math.log10(float(d["left"]))) for d in found)  # type: ignore[arg-type]
    assert all(abs(decades[k] - 1_000) < 155 for k in (-4, -3, -2))
    whole = [d["right"] for d in found]
    assert all(isinstance(n, int) and 1 <= n <= 1_000 for n in whole)
    assert {1, 2, 3} <= set(whole)


def test_all_positions_of_a_space_are_drawn() -> None:
    """Every one of 24 members in 1,000 draws; a member is missed with odds below 24 (23/24)^1000 < 10^-16."""
    space = one(Row((choice(1, 2, 3), choice(1, 2), choice(1, 2), choice(5, 6))))
    rng = random.Random(1)
    assert {key(space.sample(rng).decisions) for _ in range(1_000)} == {key(m.decisions) for m in space}


def test_neighbours_of_real_numbers_move_by_a_tenth_of_the_range() -> None:
    space = one(Pair(uniform(0, 10), uniform(1e-4, 1e-2, log=True)))
    middle = space.decode({"left": 5.0, "right": 1e-3})
    moved = [(n.decisions["left"], n.decisions["right"]) for n in space.neighbours(middle)]
    assert moved[:2] == [(4.0, 1e-3), (6.0, 1e-3)]
    assert [math.log10(r) for _, r in moved[2:]] == pytest.approx([-3.2, -2.8])
    edge = space.decode({"left": 0.0, "right": 1e-2})
    assert [n.decisions["left"] for n in space.neighbours(edge)][:1] == [1.0]


def test_mutation_of_a_real_number_moves_it() -> None:
    space = one(Leaf(uniform(0, 1)))
    member = space.sample(0)
    assert space.mutate(member, random.Random(0)) != member


def test_mutation_may_open_a_branch_and_decides_it() -> None:
    space = one(choice(Leaf(1), Pair(choice(1, 2), repeat(choice(5, 6), choice(1, 2))), labels=("a", "b")))
    child = space.mutate(space.decode({"network": "a"}), random.Random(0))
    assert child.decisions["network"] == "b"
    assert "network.b.left" in child.decisions


def test_neighbours_fill_what_a_change_opens_with_the_first_or_at_random() -> None:
    space = one(choice(Leaf(1), Leaf(choice(*range(50))), labels=("a", "b")))
    member = space.decode({"network": "a"})
    assert [n.decisions["network.b.value"] for n in space.neighbours(member)] == [0]
    drawn = {n.decisions["network.b.value"] for s in range(30) for n in space.neighbours(member, random.Random(s))}
    assert len(drawn) > 5


def test_tied_positions_are_decided_once() -> None:
    k = choice(3, 5, name="kernel")
    space = one(Row((k, choice(3, 5, name="kernel"), Leaf(k))))
    member = space.sample(0)
    assert list(member.decisions) == ["kernel"]
    row = member.networks["network"].body
    assert row.items[0] == row.items[1] == row.items[2].value


def test_paths_come_from_names_and_keep_their_labels_when_options_are_added() -> None:
    old = one(Row((Leaf(choice(1, 2)), choice(Leaf(1), Pair(1, choice(7, 8)), labels=("a", "b")))))
    new = one(Row((Leaf(choice(9, 2, 1)), choice(Pair(1, choice(8, 6, 7)), Leaf(0), Leaf(1), labels=("b", "c", "a")))))
    for member in old:
        assert new.decode(member.decisions).networks == member.networks


def test_a_chooser_sees_the_domain() -> None:
    seen: dict[str, Domain] = {}

    def choose(path: str, domain: Domain) -> Label:
        seen[path] = domain
        return domain.labels[0] if isinstance(domain, (Choice, Integer)) else 0.5

    one(Row((choice("x", None, True), integer(2, 10, step=3), uniform(0, 1)))).resolve(choose)
    assert isinstance(seen["0"], Choice)
    assert seen["0"].labels == ("x", None, True)
    assert list(seen["1"].labels) == [2, 5, 8]  # type: ignore[attr-defined]
