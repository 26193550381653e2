"""A place as a class would have it: what it constructs, how its members are reached, and its forward methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from nasengine.graph.flat import Node
from nasengine.graph.source.expressions import Container, Expression, leaf, numbered, structure
from nasengine.graph.source.forward import Method, Writer
from nasengine.graph.source.places import GENERIC, Name, Place, Step
from nasengine.graph.source.text import is_name

Entries = tuple[tuple[Name, Expression], ...]


@dataclass
class Skeleton:
    """What is to be a class, or an expression where a plain ``nn.Sequential`` says it all.

    Args:
        base: the torch class it derives from.
        entries: what is constructed, by name.
        methods: distinct forward methods; ``of_use`` says which one each use is.
    """

    place: Place
    base: str
    entries: Entries
    methods: tuple[Method, ...]
    of_use: tuple[int, ...]
    inline: Container | None = None

    @property
    def key(self) -> Any:
        """Skeletons of one key can be one class, their slots its parameters."""
        return (self.base, tuple((name, structure(entry)) for name, entry in self.entries), self.methods)


@dataclass
class Printers:
    """How functions and classes are named, and what stands for a place that was done before."""

    dotted: Callable[[str], str]
    expression: Callable[[Place], Expression]
    skeleton: Callable[[Place], Skeleton]
    inputs: tuple[str, ...]
    outputs: dict[str, int] | None


def skeleton(place: Place, printers: Printers) -> Skeleton:
    """The skeleton of a place whose children's are done."""
    entries = tuple(_entries(place, printers))
    keys = [name[0] for name, _ in entries]
    if place.path and _is_row(place, entries, printers):
        row = Container("Sequential", tuple((name[0], entry) for name, entry in entries))
        once = tuple(0 for _ in place.uses)
        if place.tag in GENERIC and (len(keys) == 1 or not all(is_name(key) for key in keys)):
            return Skeleton(place, "", entries, (), once, inline=row)
        if numbered(keys):
            return Skeleton(place, "nn.Sequential", entries, (), once)
    base = _base(entries)
    methods, of_use = _methods(place, base, dict(entries), printers)
    return Skeleton(place, base, entries, methods, of_use)


def _is_row(place: Place, entries: Entries, printers: Printers) -> bool:
    """Is every use the same modules in a row, and may torch's ``Sequential`` hold them?"""
    names = [name for name, _ in entries]
    if any(len(name) != 1 or hasattr(nn.Sequential, name[0]) for name in names):
        return False
    steps = [step for use in place.uses for step in use.steps if step.place]
    plain = all(printers.skeleton(s.place).of_use[s.use] == 0 for s in steps if s.place)
    return plain and all(use.is_row and [step.name for step in use.steps] == names for use in place.uses)


def _entries(place: Place, printers: Printers) -> list[tuple[Name, Expression]]:
    made: dict[Name, Expression] = {}
    for name, member in place.members.items():
        item, kind = _expression(member, printers), _kind(name[:-1], place)
        if kind == "Module":
            for k in range(1, len(name)):
                made.setdefault(name[:k], Container("Module", ()))
            made[name] = item
        else:
            before = made.get(name[:-1], Container(kind, ()))
            assert isinstance(before, Container)
            made[name[:-1]] = Container(kind, (*before.items, (name[-1], item)))
    return list(made.items())


def _expression(held: Node | Place, printers: Printers) -> Expression:
    if isinstance(held, Place):
        return printers.expression(held)
    assert held.fragment.call is not None
    return leaf(held, printers.dotted(held.fragment.call.target))


def _kind(space: Name, place: Place) -> str:
    """Which container a namespace is; ``Module`` (attributes) where torch's do not fit and for direct members."""
    keys = [name[-1] for name in place.members if name[:-1] == space]
    nested = any(len(n) > len(space) + 1 and n[: len(space)] == space for n in place.members)
    if len(space) != 1 or nested or any(hasattr(nn.ModuleDict, key) for key in keys):
        return "Module"
    return "ModuleList" if numbered(keys) else "ModuleDict"


def _base(entries: Entries) -> str:
    top = [name[0] for name, _ in entries]
    if all(is_name(name) for name in top) or any(hasattr(nn.ModuleDict, name) for name in top):
        return "nn.Module"
    return "nn.ModuleDict"


def _methods(
    place: Place, base: str, entries: dict[Name, Expression], printers: Printers
) -> tuple[tuple[Method, ...], tuple[int, ...]]:
    def access(step: Step) -> str:
        found = reach(step.name, base, entries)
        if step.place is None:
            return found
        which = printers.skeleton(step.place).of_use[step.use]
        return found if which == 0 else f"{found}.forward_{which + 1}"

    methods: list[Method] = []
    of_use: list[int] = []
    for use in place.uses:
        writer = Writer(use, access, printers.dotted)
        method = writer.write() if place.path else writer.write(printers.inputs, printers.outputs)
        if method not in methods:
            methods.append(method)
        of_use.append(methods.index(method))
    return tuple(methods), tuple(of_use)


def reach(name: Name, base: str, entries: dict[Name, Expression]) -> str:
    """A member as it is written in a method: ``self.stem``, ``self["0"]``, ``self.blocks[1]``."""
    if len(name) == 1:
        return member(name, base)
    holder = entries.get(name[:-1])
    if isinstance(holder, Container) and holder.kind == "ModuleList":
        return f"{member(name[:-1], base)}[{name[-1]}]"
    if isinstance(holder, Container) and holder.kind == "ModuleDict":
        return f'{member(name[:-1], base)}["{name[-1]}"]'
    return member(name, base)


def member(name: Name, base: str) -> str:
    """A module by attribute where its name allows it."""
    if all(is_name(part) for part in name):
        return ".".join(["self", *name])
    if len(name) == 1 and base == "nn.ModuleDict":
        return f'self["{name[0]}"]'
    return f'self.get_submodule("{".".join(name)}")'
