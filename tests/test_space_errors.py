"""What a badly made space says: the place, the law, what was got, the remedy."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from strategies import Leaf, Pair, Row

from nasengine import Features, Network, Space, Spec, choice, integer, lazy, repeat, tagged, uniform
from nasengine.errors import DecisionError, NasError, SpaceError, TagError


def one(network: Any, **more: Any) -> Space:
    return Space("s", inputs=Features(4), network=network, **more)


def pair_of(item: Any) -> Space:
    return one(Pair(item, item))


class Untagged(Leaf):
    """A subclass that was not decorated."""


@tagged("test_checked")
class Checked(Spec):
    """Refuses negative widths."""

    width: int = 1

    def validate(self) -> None:
        if self.width < 0:
            raise SpaceError(f"test_checked.width: from 0 on; got {self.width}")


DEFINITIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "empty choice": (lambda: choice(), "choice: at least one option is needed; got none; write choice(a, b, ...)"),
    "empty choice with a name": (lambda: choice(name="k"), "choice 'k': at least one option is needed; got none"),
    "options in a list": (lambda: choice([3, 5]), "choice: options are given one by one; got one list; write choice(*[3, 5])"),
    "text for a whole number": (lambda: Checked("wide"), "test_checked.width: a whole number is wanted; got 'wide'"),  # type: ignore[arg-type]
    "a fraction for a whole number": (lambda: Checked(1.5), "test_checked.width: a whole number is wanted; got 1.5"),  # type: ignore[arg-type]
    "True for a whole number": (lambda: Checked(True), "test_checked.width: a whole number is wanted; got True"),
    "a tuple for a whole number": (lambda: Checked((1, 2)), "test_checked.width: a whole number is wanted; got (1, 2)"),  # type: ignore[arg-type]
    "labels that do not count": (lambda: choice(1, 2, labels=("a",)), "choice: one label an option; got 1 labels for 2 options"),
    "equal labels": (lambda: choice(1, 1), "choice: options need distinct labels; 1 comes twice; pass labels=(...), one an option"),
    "equal tags": (lambda: choice(Leaf(1), Leaf(2), name="op"), "choice 'op': options need distinct labels; 'test_leaf' comes twice"),
    "label that is no scalar": (lambda: choice(1, 2, labels=("a", (1,))), "choice: a label is a JSON scalar; got (1,)"),
    "open option without a label": (
        lambda: choice(choice(1, 2), 3), "choice: an option that is itself open needs a label; got choice(1, 2); pass labels=(...)",
    ),
    "option that is no data": (
        lambda: choice({"a": 1}, 2), "choice.options: a spec holds scalars, tuples, specs and choices; got dict",
    ),
    "arithmetic with what is open": (
        lambda: 2 * choice(8, 16), "choice(8, 16): it has no value yet, so it cannot be computed with or compared; give the results as options",
    ),
    "an order of what is open": (lambda: integer(1, 4) < 2, "integer(1, 4): it has no value yet"),
    "a range of what is open": (lambda: range(choice(1, 2)), "choice(1, 2): it has no value yet"),
    "a slice of a space": (
        lambda: one(Leaf(choice(1, 2)))[0:2],  # type: ignore[index]
        "space 's': a member has one whole number as its index; got slice(0, 2, None); for several write",
    ),
    "options equal but of two types": (
        lambda: choice(1, True, labels=("a", "b")),
        "choice: options that are equal in Python are of one type; got 1 and True; leave one of them out",
    ),
    "integer, empty": (lambda: integer(3, 2), "integer: low <= high and step >= 1; got low=3, high=2, step=1"),
    "integer, step": (lambda: integer(1, 2, step=0), "integer: low <= high and step >= 1; got low=1, high=2, step=0"),
    "integer, log": (lambda: integer(0, 2, log=True), "integer: log needs low >= 1 and step 1; got low=0, step=1"),
    "uniform, empty": (lambda: uniform(1, 1), "uniform: finite bounds with low < high; got low=1, high=1"),
    "uniform, infinite": (lambda: uniform(0, float("inf")), "uniform: finite bounds with low < high; got low=0, high=inf"),
    "uniform, log": (lambda: uniform(0, 1, log=True), "uniform: log needs low > 0; got low=0"),
    "repeat, negative": (lambda: repeat(Leaf(1), -1), "repeat: times is a whole number from 0 on, or a choice of such; got -1"),
    "repeat, bool": (lambda: repeat(Leaf(1), True), "repeat: times is a whole number from 0 on, or a choice of such; got True"),
    "repeat, option": (lambda: repeat(Leaf(1), choice(1, "2")), "times is a whole number from 0 on, or a choice of such; got '2'"),  # type: ignore[call-overload]
    "repeat, real": (lambda: repeat(Leaf(1), uniform(0, 1)), "a choice of such; got uniform(0.0, 1.0)"),  # type: ignore[call-overload]
    "unnamed choice twice": (
        lambda: pair_of(choice(1, 2)),
        "choice(1, 2) stands at 'left' and at 'right': one unnamed open position stands at one place; to decide both "
        "at once, give it a name (name=...); to decide each on its own, write it twice",
    ),
    "unnamed integer twice": (lambda: pair_of(Leaf(integer(1, 3))), "integer(1, 3) stands at 'left.value' and at 'right.value'"),
    "unnamed repeat twice": (lambda: pair_of(repeat(Leaf(1), 2)), "repeat(Leaf(value=1), 2) stands at 'left' and at 'right'"),
    "unnamed choice in network and recipe": (
        lambda: (lambda c: one(Leaf(c), recipe=Leaf(c)))(choice(1, 2)), "stands at 'value' and at 'recipe.value'",
    ),
    "one name, two domains": (
        lambda: one(Pair(choice(1, 2, name="k"), choice(1, 3, name="k"))),
        "name 'k': positions of one name share one set of options; got choice(1, 2) and choice(1, 3); give one of them another name",
    ),
    "one name, two kinds": (
        lambda: one(Pair(integer(1, 2, name="k"), choice(1, 2, name="k"))), "got integer(1, 2) and choice(1, 2)",
    ),
    "one name, equal in Python alone": (
        lambda: one(Pair(choice(0, 1, name="k"), choice(False, True, name="k"))), "got choice(0, 1) and choice(False, True)",
    ),
    "one name, two domains in different branches": (
        lambda: one(choice(Leaf(choice(1, 2, name="k")), Pair(choice(3, 4, name="k")))), "name 'k': positions of one name share",
    ),
    "a name that is another's path": (
        lambda: one(Pair(choice(1, 2), choice(1, 2, name="left"))),
        "left: a choice's name and another position's path are the same; rename one of them",
    ),
    "neither network nor networks": (lambda: Space("s", inputs=Features(4)), "give either network= or networks=; got neither"),
    "both": (lambda: one(Leaf(1), networks={"a": Leaf(1)}), "space 's': give either network= or networks=; got both"),
    "no networks": (lambda: Space("s", networks={}, inputs=Features(1)), "space 's': networks= is empty; name at least one network"),
    "no input": (lambda: Space("s", network=Leaf(1)), "space 's': networks.network has no input; pass inputs=Image(3, 32) or the like"),
    "network that is none": (lambda: one(3), "space 's': networks.network is a block; got 3"),
    "input that is none": (
        lambda: Space("s", inputs=(3, 32, 32), network=Leaf(1)),  # type: ignore[arg-type]
        "space 's': an input is a spec such as Image(3, 32) or Features(8); got (3, 32, 32)",
    ),
    "input's name": (
        lambda: Space("s", inputs={"a-b": Features(1)}, network=Leaf(1)),
        "space 's': an input's name is a Python identifier, no keyword and not self; got 'a-b'",
    ),
    "input's name, keyword": (lambda: Space("s", inputs={"class": Features(1)}, network=Leaf(1)), "not self; got 'class'"),
    "input's name, self": (lambda: Space("s", inputs={"self": Features(1)}, network=Leaf(1)), "not self; got 'self'"),
    "two recipes": (
        lambda: one(Leaf(1), recipe=Leaf(choice(1, 2))).with_recipe(Leaf(3)),
        "space 's': it already holds a recipe; build it without one, then join",
    ),
    "size of an input": (lambda: Features(0), "features.features: a size is at least 1; got 0"),
    "field that is no data": (
        lambda: Leaf({"a": 1}),
        "Leaf.value: a spec holds scalars, tuples, specs and choices; got dict; write a mapping as a tuple of pairs, "
        "and arrays to a file",
    ),
    "class without a tag": (lambda: Untagged(1), "Untagged: a spec class needs a tag; decorate it with @tagged or @block"),
    "closed spec that does not hold": (lambda: Checked(-1), "test_checked.width: from 0 on; got -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definition(name: str) -> None:
    make, message = DEFINITIONS[name]
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in str(caught.value)


def test_a_member_that_does_not_hold_says_where() -> None:
    space = one(Row((Leaf(Checked(choice(1, -1))),)))
    assert space.decode({"0.value.width": 1})
    with pytest.raises(SpaceError, match=r"^0\.value: test_checked\.width: from 0 on; got -1$"):
        space.decode({"0.value.width": -1})


def test_conflicting_names_that_only_a_grammar_reaches_are_found_by_the_walk() -> None:
    def late() -> Any:
        return Leaf(choice(5, 6, name="k"))

    space = one(Pair(choice(1, 2, name="k"), choice(Leaf(1), lazy(late), labels=("a", "b"))))
    assert space.decode({"k": 1, "right": "a"})
    with pytest.raises(SpaceError, match="name 'k': positions of one name share one set of options"):
        space.decode({"k": 1, "right": "b"})


def test_tied_positions_may_be_written_more_than_once() -> None:
    inner = choice(1, 2)
    space = one(Pair(choice(Leaf(inner), Row(()), name="n"), choice(Leaf(inner), Row(()), name="n")))
    assert space.size == 3


def test_two_classes_of_one_tag() -> None:
    with pytest.raises(SpaceError) as caught:

        @tagged("test_leaf")
        class Other(Spec):
            pass

    assert "tag 'test_leaf': a tag names one class; it is already strategies.Leaf; give test_space_errors." in str(
        caught.value
    )
    assert str(caught.value).endswith(".Other another tag")


SPACE = one(Row((Leaf(choice(1, 2)), integer(2, 8, step=3), uniform(0, 1), choice("a", "b", None), choice(*range(40)))))
FINE = {"0.value": 1, "1": 2, "2": 0.5, "3": "a", "4": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.value": 3}, "0.value: 3 is not an option; expected one of 1, 2"),
        ({"0.value": "1"}, "0.value: '1' is not an option; expected one of 1, 2"),
        ({"0.value": True}, "0.value: True is not an option; expected one of 1, 2"),
        ({"0.value": [1]}, "0.value: [1] is not an option; expected one of 1, 2"),
        ({"1": 3}, "1: 3 is not an option; expected a whole number 2..8 by 3"),
        ({"1": 2.0}, "1: 2.0 is not an option; expected a whole number 2..8 by 3"),
        ({"1": True}, "1: True is not an option; expected a whole number 2..8 by 3"),
        ({"2": 1.5}, "2: 1.5 is not an option; expected a number in [0.0, 1.0]"),
        ({"2": float("nan")}, "2: nan is not an option; expected a number in [0.0, 1.0]"),
        ({"2": "x"}, "2: 'x' is not an option; expected a number in [0.0, 1.0]"),
        ({"3": "None"}, "3: 'None' is not an option; expected one of a, b, None"),
        ({"4": 40}, "4: 40 is not an option; expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, ..."),
        ({"5": 1}, "5: no position of this member of 's' goes by this path; its paths are 0.value, 1, 2, 3, 4"),
    ],
)  # fmt: skip
def test_decisions_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DecisionError) as caught:
        SPACE.decode({**FINE, **change})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "expected"),
    [("0.value", "one of 1, 2"), ("1", "a whole number 2..8 by 3"), ("2", r"a number in \[0.0, 1.0\]")],
)
def test_decisions_that_are_missing(path: str, expected: str) -> None:
    with pytest.raises(DecisionError, match=f"^{path}: a decision is missing; expected {expected}$"):
        SPACE.decode({p: x for p, x in FINE.items() if p != path})


def test_whole_numbers_recorded_as_reals_are_read_as_what_they_are() -> None:
    member = SPACE.decode({**FINE, "0.value": 1.0, "2": 1})
    assert repr(dict(member.decisions)) == "{'0.value': 1, '1': 2, '2': 1.0, '3': 'a', '4': 0}"


def test_a_chooser_that_answers_wrongly_is_told() -> None:
    with pytest.raises(DecisionError, match=r"0\.value: 7 is not an option; expected one of 1, 2"):
        SPACE.resolve(lambda path, domain: 7)


def test_networks_with_their_own_inputs() -> None:
    first = Network(Leaf(choice(1, 2)), (("x", Features(choice(3, 4))),))
    space = Space("s", networks={"a": first, "b": Network(Leaf(1), (("y", Features(5)),), deployed=False)})
    assert list(space.sample(0).decisions) == ["a.inputs.features", "a.value"]
    assert space.size == 4


def test_the_tree_of_errors() -> None:
    assert issubclass(DecisionError, SpaceError)
    assert issubclass(TagError, SpaceError)
    assert issubclass(SpaceError, NasError)
