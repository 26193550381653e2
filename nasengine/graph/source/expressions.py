"""What ``__init__`` constructs, as expressions with *slots*: the arguments that may differ between alike blocks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from nasengine.graph.flat import Node
from nasengine.graph.module import find
from nasengine.graph.source.text import Layout, is_name, literal, prefixed


@dataclass(frozen=True)
class Slot:
    """One argument of a constructor.

    Args:
        hint: the parameter's name.
        text: the argument as source.
        default: the parameter's default as source; None where it is always written.
        positional: is it written without its name?
        origin: name of the member that it configures.
    """

    hint: str
    text: str
    default: str | None = None
    positional: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Leaf:
    """A primitive's module; ``target`` is its class as source."""

    target: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Container:
    """A torch container of modules: ``Sequential``, ``ModuleList``, ``ModuleDict``, or an empty ``Module``."""

    kind: str
    items: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class Instance:
    """One of a generated class's objects; ``cls`` is its number."""

    cls: int
    slots: tuple[Slot, ...]


Expression: TypeAlias = Leaf | Container | Instance


def leaf(node: Node, target: str) -> Leaf:
    """The constructor call of a node's module, its arguments bound to the names of the parameters."""
    call = node.fragment.call
    assert call is not None
    bound = _bound(find(call.target), len(call.args), dict(call.kwargs))
    given = [Slot(bound.name(i), literal(v, node.path), positional=True) for i, v in enumerate(call.args)]
    named = {key: literal(value, node.path) for key, value in call.kwargs}
    rest = [Slot(hint, named.pop(hint, default), default) for hint, default in bound.defaults]
    return Leaf(target, (*given, *rest, *(Slot(key, text) for key, text in named.items())))


@dataclass(frozen=True)
class _Bound:
    positional: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...]
    """Parameters not given by position that have a default which can be written."""

    def name(self, i: int) -> str:
        return self.positional[i] if i < len(self.positional) else f"argument_{i}"


def _bound(cls: Callable[..., Any], given: int, named: dict[str, Any]) -> _Bound:
    try:
        parameters = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):
        return _Bound((), ())
    by_place = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    plain = (bool, int, float, str, tuple, type(None))
    defaults = tuple(
        (p.name, literal(p.default, p.name))
        for p in parameters
        if p.kind in by_name and p.name not in by_place[:given] and isinstance(p.default, plain)
    )
    return _Bound(tuple(by_place), defaults)


def structure(expression: Expression) -> Any:
    """All but the texts of the slots; expressions of one structure can be one text with parameters."""
    if isinstance(expression, Container):
        return (expression.kind, tuple((key, structure(item)) for key, item in expression.items))
    slots = tuple((slot.hint, slot.default, slot.positional) for slot in expression.slots)
    return (expression.target if isinstance(expression, Leaf) else expression.cls, slots)


def slots_of(expression: Expression, origin: str) -> Iterator[Slot]:
    """Slots in order, each knowing the member that it configures."""
    if isinstance(expression, Container):
        for key, item in expression.items:
            yield from slots_of(item, f"{origin}_{key}" if origin else key)
        return
    for slot in expression.slots:
        yield Slot(slot.hint, slot.text, slot.default, slot.positional, origin)


def layout(expression: Expression, texts: Iterator[str], names: Callable[[int], str]) -> Layout | str:
    """The expression as source, with these texts in its slots; ``names`` gives the classes' names."""
    if isinstance(expression, Container):
        return _container(expression, [layout(item, texts, names) for _, item in expression.items])
    head = expression.target if isinstance(expression, Leaf) else names(expression.cls)
    parts = []
    for slot in expression.slots:
        text = next(texts)
        if slot.positional:
            parts.append(text)
        elif text != slot.default:
            parts.append(f"{slot.hint}={text}")
    return Layout(f"{head}(", tuple(parts))


def _container(container: Container, items: list[Layout | str]) -> Layout | str:
    keys = [key for key, _ in container.items]
    tall = len(items) > 1
    if container.kind == "Module":
        return "nn.Module()"
    if container.kind == "ModuleList":
        return Layout("nn.ModuleList([", tuple(items), "])", tall)
    if container.kind == "Sequential" and numbered(keys):
        return Layout("nn.Sequential(", tuple(items), ")", tall)
    if container.kind == "Sequential" and all(is_name(key) for key in keys):
        return Layout(
            "nn.Sequential(OrderedDict(",
            tuple(prefixed(f"{k}=", i) for k, i in zip(keys, items, strict=True)),
            "))",
            tall,
        )
    keyed = tuple(prefixed(f'"{key}": ', item) for key, item in zip(keys, items, strict=True))
    if container.kind == "Sequential":
        return Layout("nn.Sequential(OrderedDict({", keyed, "}))", tall)
    return Layout("nn.ModuleDict({", keyed, "})", tall)


def numbered(keys: list[str]) -> bool:
    """Are they 0, 1, 2, ... in order?"""
    return keys == [str(i) for i in range(len(keys))]
