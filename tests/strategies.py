"""Hypothesis strategies for spaces, plain specs to build them from, and an oracle that reads a definition by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st

from nasengine.graph import Features
from nasengine.space import (
    Architecture,
    Choice,
    Domain,
    Integer,
    Label,
    Repeated,
    Space,
    Spec,
    Uniform,
    choice,
    integer,
    lazy,
    repeat,
    tagged,
)
from nasengine.space.choices import Lazy, Repeat


@tagged("test_leaf")
class Leaf(Spec):
    """Holds one value."""

    value: Any = 0


@tagged("test_pair")
class Pair(Spec):
    """Holds two values."""

    left: Any
    right: Any = 0


@tagged("test_row")
class Row(Spec):
    """Holds any number of values, each named by its place."""

    inline: ClassVar[str] = "items"
    items: tuple[Any, ...] = ()


# --- the oracle: what a definition means, by the words of its documentation alone -----------------------------------


def oracle(value: Any, path: str, decide: Callable[[str, Domain], Label], tied: dict[str, Any]) -> Any:
    """The closed value of a definition under ``decide``, in walk order; shares no code with the walk."""
    if isinstance(value, Lazy):
        return oracle(value.fn(*value.args), path, decide, tied)
    if isinstance(value, Domain):
        return _oracle_domain(value, path, decide, tied)
    if isinstance(value, Repeat):
        times = oracle(value.times, f"{path}.times", decide, tied)
        blocks = _is_block(value.item)
        names = [f"{path}.blocks.{i}" if blocks else f"{path}.{i}" for i in range(times)]
        items = tuple(oracle(value.item, name, decide, tied) for name in names)
        return Repeated(items) if blocks else items
    if isinstance(value, Row):
        return Row(tuple(oracle(v, _under(path, str(i)), decide, tied) for i, v in enumerate(value.items)))
    if isinstance(value, Spec):
        fields = list(value.__dataclass_fields__)
        return type(value)(**{f: oracle(getattr(value, f), _under(path, f), decide, tied) for f in fields})
    if isinstance(value, tuple):
        return tuple(oracle(v, _under(path, str(i)), decide, tied) for i, v in enumerate(value))
    return value


def _oracle_domain(value: Domain, path: str, decide: Callable[[str, Domain], Label], tied: dict[str, Any]) -> Any:
    if value.name is not None and value.name in tied:
        return tied[value.name]
    where = value.name or path
    label = decide(where, value)
    made: Any = label
    if isinstance(value, Choice):
        made = oracle(value.options[value.labels.index(label)], f"{where}.{label}", decide, tied)
    if value.name is not None:
        tied[value.name] = made
    return made


def _is_block(item: Any) -> bool:
    while not isinstance(item, Spec):
        if isinstance(item, Lazy):
            item = item.fn(*item.args)
        elif isinstance(item, Choice):
            item = item.options[0]
        elif isinstance(item, Repeat):
            item = item.item
        else:
            return False
    return True


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def brute_force(resolve: Callable[[Callable[[str, Domain], Label]], Any], limit: int) -> Iterator[Any]:
    """Every outcome of a walk, by replaying it with each script of labels in turn; stops after ``limit``."""
    script: list[list[int]] = []
    for _ in range(limit):
        step = [0]

        def choose(path: str, domain: Domain) -> Label:
            assert isinstance(domain, (Choice, Integer))
            labels = list(domain.labels)
            if step[0] == len(script):  # noqa: B023 - used within this turn only
                script.append([0, len(labels)])
            label = labels[script[step[0]][0]]  # noqa: B023
            step[0] += 1  # noqa: B023
            return label

        yield resolve(choose)
        while script and script[-1][0] == script[-1][1] - 1:
            script.pop()
        if not script:
            return
        script[-1][0] += 1


# --- spaces ---------------------------------------------------------------------------------------------------------

_LABELS = ("a", "b", "c", "d")


def expression(depth: int, width: int) -> Any:
    """A small grammar, bounded by ``depth``: a leaf, or a pair of expressions."""
    if depth == 0:
        return Leaf(choice(*range(width)))
    deeper = [lazy(expression, depth - 1, width) for _ in range(2)]
    return choice(Leaf(1), Pair(*deeper), labels=("leaf", "pair"))


def plain_grammar(depth: int) -> Any:
    """A grammar without other decisions than its own."""
    return Leaf(0) if depth == 0 else choice(Leaf(0), Row((lazy(plain_grammar, depth - 1),)), labels=("stop", "go"))


@st.composite
def numbers(draw: st.DrawFn, ties: dict[str, Any], name: str | None = None) -> Any:
    """A number, or an open position for one; one of the ties when no name is given."""
    kind = draw(
        st.sampled_from(["plain", "choice", "integer", "tie", "tie"] if name is None else ["choice", "integer"])
    )
    if kind == "tie" and ties.get("numbers"):
        return draw(st.sampled_from(ties["numbers"]))
    if kind == "choice":
        options = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True))
        return choice(*options, name=name)
    if kind == "integer":
        low = draw(st.integers(0, 2))
        return integer(low, low + draw(st.integers(0, 2)), name=name)
    return draw(st.integers(0, 9))


@st.composite
def trees(draw: st.DrawFn, ties: dict[str, Any], depth: int) -> Any:
    """A spec with open positions, or an open position for one."""
    kinds = (
        ["leaf", "leaf"]
        if depth == 0
        else ["leaf", "pair", "row", "choice", "choice", "repeat", "values", "lazy", "tie"]
    )
    kind = draw(st.sampled_from(kinds))
    below = trees(ties, depth - 1)
    if kind == "pair":
        return Pair(draw(below), draw(st.one_of(below, numbers(ties))))
    if kind == "row":
        return Row(tuple(draw(st.lists(below, min_size=1, max_size=3))))
    if kind == "choice":
        options = draw(st.lists(below, min_size=1, max_size=3))
        return choice(*options, labels=_LABELS[: len(options)])
    if kind == "repeat":
        return repeat(draw(below), draw(numbers(ties)) if draw(st.booleans()) else 2)
    if kind == "values":
        return Leaf(repeat(draw(numbers(ties)), draw(st.integers(0, 2))))
    if kind == "lazy":
        return lazy(expression, draw(st.integers(0, 2)), 2) if draw(st.booleans()) else lazy(plain_grammar, 2)
    if kind == "tie" and ties.get("trees"):
        return draw(st.sampled_from(ties["trees"]))
    return Leaf(draw(numbers(ties)))


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """A space with ties (of numbers, of whole branches, of repeat counts), conditions, repeats and grammars."""
    ties: dict[str, Any] = {}
    ties["numbers"] = [draw(numbers({}, name=f"n{i}")) for i in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        options = [draw(trees(dict(ties), 1)) for _ in range(draw(st.integers(1, 3)))]
        ties["trees"] = [choice(*options, name="branch", labels=_LABELS[: len(options)])]
    inputs = Features(draw(st.sampled_from([4, choice(4, 8), choice(4, 8, name="width")])))
    if draw(st.integers(0, 4)) == 0:
        networks = {"first": draw(trees(ties, 1)), "second": draw(trees(ties, 1))}
        return Space("drawn", inputs=inputs, networks=networks)
    recipe = Leaf(draw(numbers(ties))) if draw(st.integers(0, 4)) == 0 else None
    return Space("drawn", inputs=inputs, network=draw(trees(ties, draw(st.integers(1, 3)))), recipe=recipe)


def members(space: Space, limit: int) -> list[Architecture]:
    """All members by brute force, in no stated order; at most ``limit``."""
    return list(brute_force(space.resolve, limit))


def key(decisions: Mapping[str, Label]) -> tuple[tuple[str, str], ...]:
    """Decisions as a key that tells 1 from True."""
    return tuple(sorted((path, repr(label)) for path, label in decisions.items()))


def is_real(space: Space) -> bool:
    """Does any member ask for a real number? (None of the drawn spaces does.)"""
    return any(isinstance(d, Uniform) for d in space.sample(0).decisions.values())
