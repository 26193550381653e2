"""A space in words, and the outline its fingerprint is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nasengine.errors import SpaceError
from nasengine.space.choices import Choice, Domain, Integer, Lazy, Repeat, Uniform, expand
from nasengine.space.spec import Spec, field_names, is_open
from nasengine.space.variation import expected

if TYPE_CHECKING:
    from nasengine.space.space import Space


def describe(space: Space, *, limit: int = 200) -> str:
    """The tree with its open positions, one a line, at most ``limit`` lines."""
    lines: list[str] = []
    for key, net in space.networks.items():
        for name, spec in net.inputs:
            _lines(spec, f"input {name}" if len(space.networks) == 1 else f"{key} input {name}", 1, lines, limit)
        _lines(net.body, key, 1, lines, limit)
    if space.recipe is not None:
        _lines(space.recipe, "recipe", 1, lines, limit)
    more = ["  ..."] if len(lines) > limit else []
    return "\n".join([f"{space.name}: {size_text(space)}", *lines[:limit], *more])


def size_text(space: Space) -> str:
    """``1,234 members``, in powers of ten when there are many."""
    try:
        size = space.size
    except SpaceError as error:
        return f"size not counted ({error})"
    if isinstance(size, float):
        return "infinitely many members"
    return f"{size:,} members" if size < 10**9 else f"{_power(size)} members"


def _power(size: int) -> str:
    exponent = int(math.log10(size))  # a logarithm, because Python refuses to print whole numbers of many digits
    digits = size // 10 ** (exponent - 2) if exponent >= 2 else size * 100
    if digits >= 1_000:  # the logarithm was rounded down across a power of ten
        exponent, digits = exponent + 1, digits // 10
    elif digits < 100:
        exponent, digits = exponent - 1, size // 10 ** (exponent - 3)
    return f"{digits // 100}.{digits % 100:02} x 10^{exponent}"


def _lines(value: Any, name: str, depth: int, out: list[str], limit: int) -> None:
    if len(out) > limit:
        return
    if isinstance(value, Lazy):
        out.append(f"{'  ' * depth}{name}: grows on demand, {value!r}")
        return
    pad = "  " * depth
    if isinstance(value, Choice):
        _choice_lines(value, name, depth, out, limit)
    elif isinstance(value, Domain):
        out.append(f"{pad}{name}: {expected(value)}{_tie(value)}")
    elif isinstance(value, Repeat):
        times = expected(value.times) if isinstance(value.times, Domain) else value.times
        out.append(f"{pad}{name}: repeated {times} times")
        _lines(value.item, "each", depth + 1, out, limit)
    elif isinstance(value, Spec):
        _spec_lines(value, name, depth, out, limit)
    elif isinstance(value, tuple) and is_open(value):
        out.append(f"{pad}{name}:")
        for i, item in enumerate(value):
            _lines(item, str(i), depth + 1, out, limit)


def _choice_lines(value: Choice, name: str, depth: int, out: list[str], limit: int) -> None:
    out.append(f"{'  ' * depth}{name}: {expected(value)}{_tie(value)}")
    for label, option in zip(value.labels, value.options, strict=True):
        if isinstance(option, Lazy) or is_open(option):
            _lines(option, str(label), depth + 1, out, limit)


def _spec_lines(value: Spec, name: str, depth: int, out: list[str], limit: int) -> None:
    fixed = [
        f"{n}={getattr(value, n)!r}"
        for n in field_names(type(value))
        if n != value.inline and not isinstance(getattr(value, n), (Spec, tuple)) and not is_open(getattr(value, n))
    ]
    out.append(f"{'  ' * depth}{name}: {value.tag}" + (f" ({', '.join(fixed)})" if fixed and len(fixed) <= 6 else ""))
    for field in field_names(type(value)):
        child = getattr(value, field)
        if field == value.inline and isinstance(child, tuple):
            for label, item in zip(value.child_names(), child, strict=True):
                _lines(item, label, depth + 1, out, limit)
        elif is_open(child):
            _lines(child, field, depth + 1, out, limit)


def _tie(domain: Domain) -> str:
    return f" (tied as {domain.name!r})" if domain.name else ""


def outline(value: Any, seen: dict[int, int] | None = None) -> Any:
    """Plain JSON of an open tree; a lazy option that comes again is a reference to its first place."""
    seen = {} if seen is None else seen
    if isinstance(value, Lazy):
        target = expand(value)
        if id(target) in seen:
            return {"again": seen[id(target)]}
        seen[id(target)] = len(seen)
        return outline(target, seen)
    if isinstance(value, Choice):
        options = [[label, outline(o, seen)] for label, o in zip(value.labels, value.options, strict=True)]
        return {"choice": options, "name": value.name}
    if isinstance(value, Integer):
        return {"integer": [value.low, value.high, value.step, value.log], "name": value.name}
    if isinstance(value, Uniform):
        return {"uniform": [value.low, value.high, value.log], "name": value.name}
    if isinstance(value, Repeat):
        return {"repeat": outline(value.item, seen), "times": outline(value.times, seen)}
    if isinstance(value, Spec):
        return {"type": value.tag, **{n: outline(getattr(value, n), seen) for n in field_names(type(value))}}
    return [outline(v, seen) for v in value] if isinstance(value, tuple) else value
