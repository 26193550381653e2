"""A walk that only decides gives what the walk that builds does."""

from __future__ import annotations

import importlib
import random
from pathlib import Path

import pytest
from search_toys import Input, Item, Net, Nothing, conditional_space, numeric_space

from nasengine import Features
from nasengine.blocks import Identity, Linear, ReLU, Sequential
from nasengine.errors import DecisionError, SpaceError
from nasengine.space import Space, choice, integer, lazy, repeat
from nasengine.space.skeleton import Skeleton
from nasengine.space.variation import at_random

SHIPPED = sorted(
    p.stem for p in (Path(__file__).parents[1] / "search_spaces").glob("*.py") if not p.stem.startswith("_")
)


def tied_space() -> Space:
    width, times = choice(8, 16, name="width"), choice(1, 2, name="depth")
    body = repeat(choice(Linear(width), Sequential(Linear(width), ReLU()), labels=("plain", "bent")), times)
    return Space("tied", inputs=Features(4), network=Sequential(body, repeat(Linear(integer(2, 5)), times), Linear(2)))


def grammar(depth: int) -> object:
    if depth == 0:
        return Identity()
    return choice(
        Identity(), Sequential(Linear(4), lazy(grammar, depth - 1), lazy(other, depth - 1)), labels=("end", "go")
    )


def other(depth: int) -> object:
    return grammar(depth)


def lazy_space() -> Space:
    return Space("grammar", inputs=Features(4), network=Sequential(lazy(grammar, 4)))


def many_copies() -> Space:
    item = repeat(choice(Item(choice(1, 2)), Nothing()), integer(0, 6, step=3))
    return Space("copies", inputs=Input(), network=Net((item,)))


SPACES = [conditional_space, numeric_space, tied_space, lazy_space, many_copies]


def same_walks(space: Space, seeds: int) -> None:
    skeleton = Skeleton(space)
    for seed in range(seeds):
        try:
            expected = dict(space.resolve(at_random(random.Random(seed))).decisions)
        except SpaceError:  # a block refuses these values: there is nothing to compare with
            continue
        found = skeleton.resolve(at_random(random.Random(seed)))
        assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("make", SPACES)
def test_the_same_choices_give_the_same_decisions_in_the_same_order(make: object) -> None:
    same_walks(make(), 100)  # type: ignore[operator]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_spaces_have_the_same_walks(name: str) -> None:
    module = importlib.import_module(f"search_spaces.{name}")
    if not hasattr(module, "space"):
        pytest.skip(f"{name} ships no space")
    same_walks(module.space, 5)


@pytest.mark.parametrize("make", [conditional_space, tied_space, many_copies])
def test_positions_are_all_that_members_decide(make: object) -> None:
    space = make()  # type: ignore[operator]
    skeleton = Skeleton(space)
    known = {position.path: position.domain for position in skeleton.positions()}
    reached: set[str] = set()
    for seed in range(300):
        domains = skeleton.domains(space.sample(seed).decisions)
        reached |= domains.keys()
        assert all(known[path] is domain for path, domain in domains.items())
    assert reached == known.keys()


def test_positions_of_a_grammar_are_bounded() -> None:
    assert len(Skeleton(lazy_space()).positions(limit=10)) == 10
    assert len(Skeleton(lazy_space()).positions()) == 15  # 1 + 2 + 4 + 8


def test_an_option_that_opens_something_has_to_be_one() -> None:
    with pytest.raises(DecisionError, match=r"blocks\.0: 'x' is not an option; expected one of"):
        Skeleton(conditional_space()).resolve(
            lambda path, domain: "x" if path.endswith("blocks.0") else domain.labels[0]
        )  # type: ignore[attr-defined]
