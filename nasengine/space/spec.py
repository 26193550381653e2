"""Spec: one frozen, tagged piece of plain data.

Everything a space, a task, a recipe or a device is made of is a :class:`Spec`: a frozen dataclass with a JSON tag.
A field holds a scalar, a tuple, another spec, or an *open position* (``choice``, ``integer``, ``uniform``,
``repeat``) that a walk closes later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

from nasengine.errors import SpaceError, TagError

Label = str | int | float | bool | None
"""A decision's value: a JSON scalar."""

S = TypeVar("S")
_REGISTRY: dict[str, type[Spec]] = {}
_ROOMS = tuple(f"nasengine.{room}" for room in ("graph", "blocks", "hardware", "search", "train", "tasks"))
"""Where the built-in tags are defined: imported when a record names a tag that nothing imported has."""
_SCALARS = (str, bool, int, float, type(None))
_KINDS: dict[str, type] = {"str": str, "bool": bool, "int": int, "float": float}
_KIND_NAMES = {"str": "text", "bool": "True or False", "int": "a whole number", "float": "a number"}


class Open:
    """A position that a walk still has to close. See :mod:`nasengine.space.choices`."""

    __slots__ = ()

    def _undecided(self, *_: object) -> Any:
        raise SpaceError(
            f"{self!r}: it has no value yet, so it cannot be computed with or compared; give the results as options, "
            "choice(*(2 * width for width in (8, 16))), or compute where the value is known: in a block's wire"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _undecided
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = _undecided
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = __index__ = _undecided


class Spec:
    """Base of all frozen, tagged data. Subclass it and decorate with :func:`tagged`."""

    tag: ClassVar[str] = ""
    inline: ClassVar[str] = ""
    """Name of a tuple field whose items are named directly under this spec (``body.1``, not ``body.blocks.1``)."""

    def __post_init__(self) -> None:
        for name in field_names(type(self)):
            value = getattr(self, name)
            frozen = freeze(value, type(self).__name__, name)
            if frozen is not value:
                object.__setattr__(self, name, frozen)
        try:
            if not is_open(self):
                self.validate()  # first: a class says what is wrong with its own fields best
        except TypeError:  # it compared what cannot be compared
            check_kinds(self)
            raise
        check_kinds(self)

    @classmethod
    def closed(cls, values: tuple[Any, ...]) -> Self:
        """The spec with these closed field values, in order; taken as they are, but for ``validate``."""
        self = object.__new__(cls)
        self.__dict__.update(zip(field_names(cls), values, strict=True), _open=False, _values=values)
        self.validate()
        return self

    def validate(self) -> None:
        """Check the closed spec; a subclass raises :class:`SpaceError` with place, law, got and remedy."""

    def child_names(self) -> tuple[str, ...]:
        """Names of the items of the ``inline`` field; numbers unless a subclass names them."""
        return tuple(str(i) for i in range(len(getattr(self, self.inline))))

    def values(self) -> tuple[Any, ...]:
        """Field values in declaration order."""
        found: tuple[Any, ...] | None = self.__dict__.get("_values")
        if found is None:
            found = self.__dict__["_values"] = tuple([getattr(self, name) for name in field_names(type(self))])
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: ``{"type": tag, field: value, ...}``; every field is written, so later defaults change nothing.

        Raises:
            SpaceError: a position is still open.
        """
        return {"type": self.tag, **{n: to_json(getattr(self, n)) for n in field_names(type(self))}}

    @classmethod
    def restore(cls, values: dict[str, Any]) -> Spec:
        """Rebuild from field values; a class with its own ``__init__`` overrides it when the two differ."""
        self = object.__new__(cls)
        known = field_names(cls)
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise SpaceError(f"{cls.tag}: no field named {', '.join(unknown)}; the fields are {', '.join(known)}")
        for field in fields(cast(Any, cls)):
            if field.name in values:
                object.__setattr__(self, field.name, values[field.name])
            else:
                object.__setattr__(self, field.name, _default(cls, field))
        self.__post_init__()
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical JSON of the closed spec."""
        return fingerprint(self.to_json())

    def __hash__(self) -> int:
        known = self.__dict__
        if "_hash" not in known:
            known["_hash"] = hash((self.tag, self.values()))
        found: int = known["_hash"]
        return found

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return hash(self) == hash(other) and same(self.values(), other.values())

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in field_names(type(self))}


@dataclass_transform(frozen_default=True, eq_default=False)
def tagged(tag: str) -> Callable[[type[S]], type[S]]:
    """Make a :class:`Spec` subclass a frozen dataclass and register it under ``tag``.

    Raises:
        SpaceError: another class already carries the tag.
    """

    def decorate(cls: type[S]) -> type[S]:
        known = _REGISTRY.get(tag)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise SpaceError(
                f"tag {tag!r}: a tag names one class; it is already {known.__module__}.{known.__qualname__}; "
                f"give {cls.__module__}.{cls.__qualname__} another tag"
            )
        made = dataclass(frozen=True, eq=False, repr=True)(cls)
        spec = cast("type[Spec]", made)
        spec.tag = tag
        _NAMES[spec] = tuple(f.name for f in fields(cast(Any, spec)))
        _REGISTRY[tag] = spec
        return made

    return decorate


_NAMES: dict[type[Spec], tuple[str, ...]] = {}


def field_names(cls: type[Spec]) -> tuple[str, ...]:
    """Field names of a spec class in declaration order."""
    names = _NAMES.get(cls)
    if names is None:
        raise SpaceError(f"{cls.__qualname__}: a spec class needs a tag; decorate it with @tagged or @block")
    return names


def check_kinds(spec: Spec) -> None:
    """Refuse a value whose field is annotated ``int``, ``float``, ``bool`` or ``str`` and is something else.

    An int may stand for a float. What is chosen later is not looked at: it goes to ``validate`` as it is.

    Raises:
        SpaceError: the value is of another kind.
    """
    for name, kind in _plain_fields(type(spec)):  # type: ignore[arg-type]  # mypy takes a class for its instances
        value = getattr(spec, name)
        if value is None or isinstance(value, Open):
            continue
        if type(value) is not _KINDS[kind] and (kind, type(value)) != ("float", int):
            raise SpaceError(f"{spec.tag}.{name}: {_KIND_NAMES[kind]} is wanted; got {value!r}")


@cache
def _plain_fields(cls: type[Spec]) -> tuple[tuple[str, str], ...]:
    """(name, kind) of the fields whose annotation is one plain kind."""
    kinds = [
        (f.name, f.type if isinstance(f.type, str) else f.type.__name__)
        for f in fields(cast(Any, cls))
        if isinstance(f.type, (str, type))
    ]
    return tuple((name, kind) for name, kind in kinds if kind in _KINDS)


def freeze(value: Any, owner: str, field: str) -> Any:
    """Lists become tuples, at every depth; anything that is no plain data is refused."""
    if type(value) in _SCALARS or isinstance(value, (Spec, Open)):
        return value
    for plain in _SCALARS[:-1]:  # a subclass (an enum's member, a NumPy float) prints otherwise: ids would differ
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, (list, tuple)):
        frozen = tuple([freeze(v, owner, field) for v in value])
        return value if isinstance(value, tuple) and all(a is b for a, b in zip(frozen, value, strict=True)) else frozen
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:  # a NumPy scalar
        return item()
    raise SpaceError(
        f"{owner}.{field}: a spec holds scalars, tuples, specs and choices; got {type(value).__name__}; "
        "write a mapping as a tuple of pairs, and arrays to a file"
    )


def same(a: Any, b: Any) -> bool:
    """Equal values of equal types: 1, 1.0 and True are three values, as they are in JSON."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def is_open(value: Any) -> bool:
    """Does the tree hold an open position?"""
    if isinstance(value, Open):
        return True
    if isinstance(value, Spec):
        found: bool | None = value.__dict__.get("_open")
        if found is None:
            found = value.__dict__["_open"] = any(is_open(v) for v in value.values())
        return found
    return isinstance(value, tuple) and any(is_open(v) for v in value)


def to_json(value: Any) -> Any:
    """Plain JSON of a closed value."""
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, tuple):
        return [to_json(v) for v in value]
    if isinstance(value, _SCALARS):
        return value
    raise SpaceError(f"{value!r}: only closed specs have a JSON form; resolve the space first")


def from_json(data: Any) -> Any:
    """The value that :func:`to_json` wrote."""
    if isinstance(data, Mapping):
        return spec_from_json(data)
    if isinstance(data, list):
        return tuple(from_json(v) for v in data)
    return data


def spec_from_json(data: Mapping[str, Any]) -> Spec:
    """Rebuild a spec from its JSON.

    Raises:
        TagError: no imported class carries the tag.
    """
    if "type" not in data:
        raise TagError(f"a spec's JSON needs a 'type'; got the keys {', '.join(sorted(data)) or '(none)'}")
    cls = spec_class(str(data["type"]))
    return cls.restore({k: from_json(v) for k, v in data.items() if k != "type"})


def spec_class(tag: str) -> type[Spec]:
    """The class a tag names.

    Raises:
        TagError: no imported class carries the tag.
    """
    for room in _ROOMS:
        if tag in _REGISTRY:
            break
        import_module(room)
    if tag not in _REGISTRY:
        raise TagError(
            f"{tag!r}: no imported class carries this tag, and it is none of the built-in ones; import the module that "
            "defines it first (on the command line: --import MODULE)"
        )
    return _REGISTRY[tag]


def fingerprint(data: Any) -> str:
    """SHA-256 (hex) of plain JSON data, keys sorted."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _default(cls: type[Spec], field: Any) -> Any:
    from dataclasses import MISSING

    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise SpaceError(f"{cls.tag}: the field {field.name!r} is missing and has no default")
