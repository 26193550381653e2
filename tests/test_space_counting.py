"""Size, order and index of decision sets against brute force."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given, settings
from strategies import Leaf, Pair, Row, brute_force, expression, key, members, oracle, plain_grammar, spaces

from nasengine import Features, Space, choice, integer, lazy, repeat, uniform
from nasengine.errors import SpaceError
from nasengine.space import Chooser, Domain, Label

LIMIT = 600


@settings(max_examples=300)
@given(spaces())
def test_size_and_index_agree_with_brute_force(space: Space) -> None:
    found = members(space, LIMIT + 1)
    assume(len(found) <= LIMIT)
    by_hand = {key(member.decisions) for member in found}
    assert len(by_hand) == len(found), "the walk gave one decision set twice"
    assert space.size == len(found)
    assert len(space) == len(found)
    indexed = [space[i] for i in range(len(space))]
    assert {key(member.decisions) for member in indexed} == by_hand
    assert list(space) == indexed
    assert [space[i - len(space)] for i in range(len(space))] == indexed


@settings(max_examples=150)
@given(spaces())
def test_large_spaces_index_is_one_to_one_where_looked_at(space: Space) -> None:
    size = space.size
    assert isinstance(size, int)
    rng = random.Random(0)
    places = sorted({rng.randrange(size) for _ in range(40)} | {0, size - 1})
    found = [space[i] for i in places]
    assert len({key(member.decisions) for member in found}) == len(places)
    assert all(space.decode(member.decisions) == member for member in found)


@settings(max_examples=200)
@given(spaces())
def test_walk_agrees_with_an_oracle_that_reads_the_definition_alone(space: Space) -> None:
    for seed in range(5):
        member = space.sample(seed)
        asked: list[str] = []

        def decide(path: str, domain: Domain, member=member, asked=asked) -> Label:  # type: ignore[no-untyped-def]
            asked.append(path)
            return member.decisions[path]

        tied: dict[str, object] = {}
        several = len(space.networks) > 1
        for name, net in space.networks.items():
            root = name if several or not isinstance(net.body, (Leaf, Pair, Row)) else ""
            inputs = tied.get("inputs") or oracle(net.inputs[0][1], "inputs", decide, tied)
            tied["inputs"] = inputs
            assert member.networks[name].inputs == (("input", inputs),)
            assert member.networks[name].body == oracle(net.body, root, decide, tied)
        assert member.recipe == oracle(space.recipe, "recipe", decide, tied)
        assert asked == list(member.decisions), "a dead decision, or one asked for twice"


@settings(max_examples=100)
@given(spaces())
def test_each_open_position_is_asked_once(space: Space) -> None:
    asked: list[str] = []

    def choose(path: str, domain: Domain) -> Label:
        asked.append(path)
        return domain.labels[-1]  # type: ignore[attr-defined, no-any-return]

    member = space.resolve(choose)
    assert asked == list(member.decisions)


def one(network: object, **more: object) -> Space:
    return Space("s", inputs=Features(4), network=network, **more)  # type: ignore[arg-type]


KNOWN = {
    "fixed": (lambda: Leaf(1), 1),
    "product": (lambda: Pair(choice(1, 2, 3), integer(0, 9)), 30),
    "sum of products": (lambda: choice(Leaf(choice(1, 2)), Pair(choice(1, 2), choice(1, 2, 3)), labels=("x", "y")), 8),
    "repeat": (lambda: repeat(Leaf(choice(1, 2)), choice(0, 1, 2, 3)), 1 + 2 + 4 + 8),
    "repeat of repeats": (lambda: repeat(repeat(Leaf(choice(1, 2)), choice(1, 2)), 2), (2 + 4) ** 2),
    "repeat under its own tied count": (
        lambda: Pair(repeat(Leaf(choice(1, 2)), choice(1, 3, name="t")), repeat(Leaf(choice(1, 2, 3)), choice(1, 3, name="t"))),
        2 * 3 + 8 * 27,
    ),
    "tied values": (lambda: Row(tuple(choice(1, 2, 3, name="w") for _ in range(5))), 3),
    "tie that only some members reach": (
        lambda: Pair(choice(Leaf(choice(1, 2, name="k")), Leaf(0), labels=("a", "b")),
                     choice(Leaf(choice(1, 2, name="k")), Leaf(0), labels=("a", "b"))),
        2 + 2 + 2 + 1,
    ),
    "repeats of a tied choice": (lambda: repeat(Leaf(choice(1, 2, name="k")), choice(0, 1, 5)), 1 + 2 + 2),
    "grammar": (lambda: expression(3, 2), None),
    "grammar, plain": (lambda: plain_grammar(6), 7),
    "count and value tied": (lambda: Pair(choice(0, 2, name="t"), repeat(Leaf(choice(1, 2)), choice(0, 2, name="t"))), 1 + 4),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_sizes_worked_out_by_hand(name: str) -> None:
    make, size = KNOWN[name]
    space = one(make())
    if size is None:  # a(d) = 1 + a(d-1)^2, a(0) = 2
        size = 1 + (1 + (1 + 2**2) ** 2) ** 2
    assert space.size == size
    assert len({key(m.decisions) for m in space}) == size


def test_network_that_reads_an_input_shared_with_another_is_given_the_same_size() -> None:
    space = Space("s", inputs=Features(choice(4, 8)), networks={"a": Leaf(choice(1, 2)), "b": Leaf(0)})
    assert space.size == 4
    for member in space:
        sizes = {net.inputs for net in member.networks.values()}
        assert sizes == {(("input", Features(member.decisions["inputs.features"])),)}  # type: ignore[arg-type]
    joined = space.with_recipe(Leaf(choice(1, 2)))
    assert joined.size == 8
    assert set(space[0].decisions) < set(joined[0].decisions)


def test_len_beyond_a_machine_word_raises_and_size_answers() -> None:
    space = one(repeat(Leaf(choice(*range(10))), 700))
    assert space.size == 10**700
    with pytest.raises(
        OverflowError, match=r"len\(space 's'\): 1\.00 x 10\^700 members, beyond sys\.maxsize; use space\.size"
    ):
        len(space)
    assert bool(space) is True
    assert space[10**700 - 1] == space[-1]
    index = 3**1_000 % 10**700
    assert space.decode(space[index].decisions) == space[index]


def test_real_positions_make_a_space_infinite() -> None:
    space = one(choice(Leaf(1), Leaf(uniform(0, 1)), labels=("a", "b")))
    assert space.size == math.inf
    assert bool(space) is True
    with pytest.raises(OverflowError, match=r"infinitely many members, beyond sys\.maxsize; use space\.size"):
        len(space)
    with pytest.raises(SpaceError, match=r"a real-valued position makes it infinite; use sample\(\) or decode\(\)"):
        space[0]
    with pytest.raises(SpaceError, match=r"a real-valued position makes it infinite; use sample\(\)"):
        next(iter(space))


def test_real_position_tied_is_infinite_too() -> None:
    x = uniform(0, 1, name="x")
    assert one(Pair(x, x)).size == math.inf


def test_index_out_of_range_says_the_size() -> None:
    space = one(Leaf(choice(1, 2)))
    for index in (2, -3):
        with pytest.raises(IndexError, match=rf"space 's' has 2 members; got index {index}"):
            space[index]


def test_joint_ties_beyond_the_limit_raise_and_name_the_ties() -> None:
    leaves = [[Leaf(choice(i, 1_000 + i)) for i in range(100)] for _ in range(3)]
    names = ("alpha", "beta", "gamma")
    ties = [choice(*of, labels=range(100), name=name) for of, name in zip(leaves, names, strict=True)]
    space = one(Row((*ties, *ties)))
    with pytest.raises(SpaceError, match=r"got 1,000,000 from alpha \(100\), beta \(100\), gamma \(100\); untie one"):
        _ = space.size
    assert {"alpha", "beta", "gamma"} <= space.sample(0).decisions.keys()
    assert "size not counted" in space.describe()
    within = one(Row((*ties[:2], *ties[:2])))
    assert within.size == 200 * 200
    assert within[4_321] == within.decode(within[4_321].decisions)


@pytest.mark.parametrize(
    ("digits", "shown"),
    [(9, "9.99 x 10^9"), (400, "9.99 x 10^400"), (5_000, "9.99 x 10^5000")],
)
def test_sizes_too_long_to_print_are_shown_in_powers_of_ten(digits: int, shown: str) -> None:
    nines = one(Leaf(choice(*range(999))))
    assert nines.describe().startswith("s: 999 members")
    space = one(Row((choice(*range(999)), repeat(choice(*range(10)), digits - 2))))
    assert space.describe().startswith(f"s: {shown} members")
    power = one(repeat(Leaf(choice(*range(10))), digits))
    assert power.describe().startswith(f"s: 1.00 x 10^{digits} members")


def test_tied_names_that_open_nothing_only_multiply() -> None:
    ties = [integer(1, 100, name=f"n{i}") for i in range(10)]
    space = one(Row((*ties, *ties)))
    assert space.size == 100**10
    index = 31_415_926_535_897_932_384 % space.size
    assert space[index] == space.decode(space[index].decisions)
    assert space[index] != space[index + 1]


def test_names_of_other_branches_are_left_alone() -> None:
    """Each option has a tied name of its own; a member holds that of its own branch."""
    branches = [Pair(Leaf(choice(*range(n), name=f"of{n}")), Leaf(choice(*range(n), name=f"of{n}"))) for n in (2, 3)]
    space = one(choice(*branches, labels=("two", "three")))
    assert space.size == 2 + 3
    assert len({tuple(member.decisions.items()) for member in space}) == 5
    ties = [choice(Leaf(choice(1, 2)), Leaf(3), labels=("open", "closed"), name=f"as{n}") for n in (2, 3)]
    shaped = [Pair(tie, tie) for tie in ties]
    space = one(choice(*shaped, labels=("two", "three")))
    assert space.size == 2 * (2 + 1)
    assert len({tuple(member.decisions.items()) for member in space}) == 6


def test_names_used_once_do_not_count_as_ties() -> None:
    assert one(Row(tuple(integer(1, 100, name=f"n{i}") for i in range(10)))).size == 100**10


def test_grammar_without_a_bound_is_explained() -> None:
    def tree() -> object:
        return choice(Leaf(1), Pair(lazy(tree), lazy(tree)), labels=("leaf", "pair"))

    space = one(tree())
    with pytest.raises(SpaceError, match=r"comes back to itself without end; bound its depth by an argument: lazy"):
        _ = space.size
    with pytest.raises(SpaceError, match=r"space 's': it nests deeper than Python can follow"):
        space.resolve(lambda path, domain: "pair")
    assert "grows on demand" in space.describe()


def test_lazy_option_that_is_always_lazy_is_explained() -> None:
    def again() -> object:
        return lazy(again)

    with pytest.raises(SpaceError, match=r"lazy\(again\): a lazy option must end in a value; 1,000 expansions did not"):
        one(Leaf(lazy(again)))


def test_deep_grammars_are_counted_without_expanding_them() -> None:
    assert one(plain_grammar(60)).size == 61
    assert one(expression(12, 2)).size > 10**1_000


def test_brute_force_itself_counts() -> None:
    def resolve(choose: Chooser) -> tuple[Label, ...]:
        first = choose("a", choice(1, 2, 3))  # type: ignore[arg-type]
        return (first,) if first == 1 else (first, choose("b", choice(1, 2)))  # type: ignore[arg-type]

    assert list(brute_force(resolve, 100)) == [(1,), (2, 1), (2, 2), (3, 1), (3, 2)]
