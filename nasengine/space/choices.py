"""Open positions: what a space leaves to be decided.

``choice``, ``integer``, ``uniform`` and ``repeat`` are typed as the values they stand for, as
``dataclasses.field`` is, so a type checker refuses ``kernel=choice(3, "5")`` where an ``int`` belongs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast, overload

from nasengine.errors import SpaceError
from nasengine.space.spec import Label, Open, Spec, freeze, tagged

T = TypeVar("T")
B = TypeVar("B", bound=Spec)


class Domain(Open):
    """An open position with labels. ``name`` ties all positions of that name to one decision."""

    __slots__ = ("name",)
    name: str | None


class Choice(Domain):
    """One of several options, each under a label."""

    __slots__ = ("labels", "options")

    def __init__(self, options: tuple[Any, ...], labels: tuple[Label, ...], name: str | None) -> None:
        self.options, self.labels, self.name = options, labels, name

    def __repr__(self) -> str:
        return f"choice({', '.join(map(repr, self.options))})"


class Integer(Domain):
    """A whole number in ``low..high`` by ``step``."""

    __slots__ = ("high", "labels", "log", "low", "step")

    def __init__(self, low: int, high: int, step: int, log: bool, name: str | None) -> None:
        self.low, self.high, self.step, self.log, self.name = low, high, step, log, name
        self.labels = range(low, high + 1, step)

    def __repr__(self) -> str:
        return f"integer({self.low}, {self.high}{f', step={self.step}' if self.step > 1 else ''})"


class Uniform(Domain):
    """A real number in ``[low, high]``, uniform or log-uniform."""

    __slots__ = ("high", "log", "low")

    def __init__(self, low: float, high: float, log: bool, name: str | None) -> None:
        self.low, self.high, self.log, self.name = low, high, log, name

    def __repr__(self) -> str:
        return f"uniform({self.low}, {self.high}{', log=True' if self.log else ''})"


class Repeat(Open):
    """``times`` copies of ``item``, each with decisions of its own."""

    __slots__ = ("item", "times")

    def __init__(self, item: Any, times: Any) -> None:
        self.item, self.times = item, times

    def __repr__(self) -> str:
        return f"repeat({self.item!r}, {self.times!r})"


class Lazy(Open):
    """An option made when a walk first reaches it, so that a grammar may refer to itself."""

    __slots__ = ("_value", "args", "fn")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.fn, self.args = fn, args

    def expand(self) -> Any:
        """The option; equal calls give one object, so that a grammar stays as small as its definition."""
        key = (self.fn, self.args)
        try:
            return _EXPANDED[key]
        except KeyError:
            if len(_EXPANDED) > 100_000:
                _EXPANDED.clear()
            value = _EXPANDED[key] = self.fn(*self.args)
            return value
        except TypeError:  # unhashable arguments: remembered here alone
            if not hasattr(self, "_value"):
                self._value = self.fn(*self.args)
            return self._value

    def __repr__(self) -> str:
        return f"lazy({getattr(self.fn, '__name__', self.fn)}{''.join(f', {a!r}' for a in self.args)})"


_EXPANDED: dict[Any, Any] = {}


@tagged("repeated")
class Repeated(Spec):
    """Blocks in a row: what ``repeat`` of a block closes to. Wires as a chain; names ``blocks.0``, ``blocks.1``, ..."""

    blocks: tuple[Any, ...] = ()

    def row(self) -> tuple[tuple[str, Any], ...]:
        """(name, block) in order."""
        return tuple((f"blocks.{i}", block) for i, block in enumerate(self.blocks))


def choice(*options: T, name: str | None = None, labels: Sequence[Label] | None = None) -> T:
    """One of ``options``; typed as they are.

    Args:
        options: values or blocks.
        name: positions of one name are decided once.
        labels: what decisions are called; needed where two options carry the same tag.

    Raises:
        SpaceError: no option, one list of options, or labels that are missing or not distinct.

    Example:
        >>> choice(3, 5, 7)
        choice(3, 5, 7)
    """
    place = f"choice {name!r}" if name else "choice"
    if not options:
        raise SpaceError(f"{place}: at least one option is needed; got none; write choice(a, b, ...)")
    if len(options) == 1 and isinstance(options[0], list):
        raise SpaceError(f"{place}: options are given one by one; got one list; write choice(*{options[0]!r})")
    if labels is not None and len(labels) != len(options):
        raise SpaceError(f"{place}: one label an option; got {len(labels)} labels for {len(options)} options")
    frozen = tuple(freeze(o, place, "options") for o in options)
    named = (
        tuple(freeze(x, place, "labels") for x in labels)
        if labels is not None
        else tuple(_label(o, place) for o in frozen)
    )
    _distinct(named, place)
    _one_type(frozen, place)
    return cast(T, Choice(frozen, named, name))


def integer(low: int, high: int, *, step: int = 1, log: bool = False, name: str | None = None) -> int:
    """A whole number from ``low`` to ``high`` (both included) by ``step``.

    Raises:
        SpaceError: an empty range, or ``log`` with a step or a bound below 1.
    """
    if high < low or step < 1:
        raise SpaceError(f"integer: low <= high and step >= 1; got low={low}, high={high}, step={step}")
    if log and (low < 1 or step != 1):
        raise SpaceError(f"integer: log needs low >= 1 and step 1; got low={low}, step={step}")
    return cast(int, Integer(low, low + (high - low) // step * step, step, log, name))


def uniform(low: float, high: float, *, log: bool = False, name: str | None = None) -> float:
    """A real number in ``[low, high]``; with ``log``, uniform in its logarithm.

    Raises:
        SpaceError: an empty or infinite range, or ``log`` with a bound at or below 0.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SpaceError(f"uniform: finite bounds with low < high; got low={low}, high={high}")
    if log and low <= 0:
        raise SpaceError(f"uniform: log needs low > 0; got low={low}")
    return cast(float, Uniform(float(low), float(high), log, name))


@overload
def repeat(item: B, times: int) -> B: ...  # type: ignore[overload-overlap]
@overload
def repeat(item: T, times: int) -> tuple[T, ...]: ...
def repeat(item: Any, times: Any) -> Any:
    """``times`` copies of ``item``, each decided on its own; ``times`` may be open.

    A repeated block stands where a block stands (a chain); a repeated value where a tuple of values stands.

    Raises:
        SpaceError: ``times`` is negative or not a whole number.
    """
    for n in _counts(times):
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise SpaceError(f"repeat: times is a whole number from 0 on, or a choice of such; got {n!r}")
    return Repeat(item, times)


def lazy(fn: Callable[..., T], *args: Any) -> T:
    """An option that is made by ``fn(*args)`` only when a walk reaches it: how a grammar refers to itself.

    The recursion must be bounded by its arguments: ``lazy(expression, depth - 1)``.
    """
    return cast(T, Lazy(fn, args))


def expand(value: Any) -> Any:
    """The value behind any :class:`Lazy`."""
    for _ in range(1_000):
        if not isinstance(value, Lazy):
            return value
        value = value.expand()
    raise SpaceError(f"{value!r}: a lazy option must end in a value; 1,000 expansions did not; bound its depth")


def holds_blocks(value: Any) -> bool:
    """Does an item close to specs (a block) rather than to plain values?"""
    value = expand(value)
    if isinstance(value, Choice):
        return holds_blocks(value.options[0])
    if isinstance(value, Repeat):
        return holds_blocks(value.item)
    return isinstance(value, Spec)


def _counts(times: Any) -> tuple[Any, ...]:
    if isinstance(times, Choice):
        return times.options
    if isinstance(times, Integer):
        return (times.low, times.high)
    return (times,)


def _label(option: Any, place: str) -> Label:
    if isinstance(option, (str, int, float, bool, type(None))):
        return option
    if isinstance(option, Spec):
        return option.tag
    if isinstance(option, (tuple, list)):
        return "(" + ", ".join(str(_label(o, place)) for o in option) + ")"
    if isinstance(option, Lazy):
        return str(getattr(option.fn, "__name__", "lazy"))
    raise SpaceError(f"{place}: an option that is itself open needs a label; got {option!r}; pass labels=(...)")


def _distinct(labels: tuple[Label, ...], place: str) -> None:
    seen: set[Label] = set()
    for label in labels:
        if not isinstance(label, (str, int, float, bool, type(None))):
            raise SpaceError(f"{place}: a label is a JSON scalar; got {label!r}")
        if label in seen:
            raise SpaceError(
                f"{place}: options need distinct labels; {label!r} comes twice; pass labels=(...), "
                "one an option, to tell them apart"
            )
        seen.add(label)


def _one_type(options: tuple[Any, ...], place: str) -> None:
    """Python holds 1, 1.0 and True for equal, so a memory of what they close to would mix them up."""
    seen: dict[Any, Any] = {}
    for option in options:
        if isinstance(option, (bool, int, float)) and type(seen.setdefault(option, option)) is not type(option):
            raise SpaceError(
                f"{place}: options that are equal in Python are of one type; got {seen[option]!r} and {option!r}; "
                "leave one of them out"
            )
