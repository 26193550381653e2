"""Alike blocks become one class: what differs between them becomes the parameters of its ``__init__``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nasengine.graph.source.expressions import Expression, Instance, Slot, layout, slots_of
from nasengine.graph.source.places import GENERIC, Name, Place
from nasengine.graph.source.skeleton import Printers, Skeleton, member, skeleton
from nasengine.graph.source.text import INDENT, Layout, camel, is_name, lines, prefixed, to_name, unique

MOST_PARAMETERS = 8
"""A class of more parameters says less than several classes without any."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a generated class."""

    name: str
    default: str | None
    texts: tuple[str, ...]
    """Its argument for each of the class's places."""


@dataclass
class Definition:
    """One generated class.

    Args:
        skeletons: of all places that it stands for.
        texts: what is written in each slot: a literal, or the name of a parameter.
    """

    number: int
    skeletons: list[Skeleton]
    parameters: tuple[Parameter, ...]
    texts: tuple[str, ...]
    name: str = ""

    @property
    def first(self) -> Skeleton:
        """The skeleton that its text is taken from."""
        return self.skeletons[0]


@dataclass
class Classes:
    """All generated classes of a network.

    Args:
        printers: how functions and foreign classes are named.
    """

    dotted: Any
    inputs: tuple[str, ...]
    outputs: dict[str, int] | None
    definitions: list[Definition] = field(default_factory=list)
    skeletons: dict[str, Skeleton] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)

    def define(self, root: Place, taken: set[str]) -> list[Definition]:
        """Classes of all places, each after those it constructs; names avoid those taken."""
        printers = Printers(
            self.dotted, lambda p: self.expressions[p.path], lambda p: self.skeletons[p.path], self.inputs, self.outputs
        )
        for level in _levels(root):
            made = [skeleton(place, printers) for place in level]
            self.skeletons.update({one.place.path: one for one in made})
            groups: dict[Any, list[Skeleton]] = {}
            for one in made:
                if one.inline is not None:
                    self.expressions[one.place.path] = one.inline
                else:
                    groups.setdefault(one.key, []).append(one)
            for group in groups.values():
                self._group(group)
        return self._named(root, taken)

    def _group(self, group: list[Skeleton]) -> None:
        table = [list(_slots(one)) for one in group]
        texts, parameters = _columns(table)
        if len(parameters) <= MOST_PARAMETERS:
            self._add(group, parameters, texts)
            return
        exact: dict[tuple[str, ...], list[Skeleton]] = {}
        for one, row in zip(group, table, strict=True):
            exact.setdefault(tuple(slot.text for slot in row), []).append(one)
        for row_texts, same in exact.items():
            self._add(same, (), row_texts)

    def _add(self, group: list[Skeleton], parameters: tuple[Parameter, ...], texts: tuple[str, ...]) -> None:
        made = Definition(len(self.definitions), group, parameters, texts)
        self.definitions.append(made)
        for i, one in enumerate(group):
            slots = tuple(Slot(p.name, p.texts[i], p.default, p.default is None) for p in parameters)
            self.expressions[one.place.path] = Instance(made.number, slots)

    def _named(self, root: Place, taken: set[str]) -> list[Definition]:
        ordered: dict[int, Definition] = {}
        for place in _postorder(root):
            found = self.expressions[place.path]
            if isinstance(found, Instance):
                ordered.setdefault(found.cls, self.definitions[found.cls])
        names = set(taken) | {"Network"}
        for definition in ordered.values():
            place = definition.first.place
            definition.name = unique(_title(place), names) if place.path else unique("Network", taken)
            names.add(definition.name)
        return list(ordered.values())

    def text(self, definition: Definition) -> list[str]:
        """The class as lines."""
        one = definition.first
        body = [f'{INDENT}"""{_about(definition)}"""']
        if definition.first.entries:
            body += ["", *self._init(definition)]
        for i, method in enumerate(one.methods):
            body += ["", *method.text("forward" if i == 0 else f"forward_{i + 1}")]
        return [f"class {definition.name}({one.base}):", *body]

    def _init(self, definition: Definition) -> list[str]:
        one, texts = definition.first, iter(definition.texts)
        given = tuple(_declared(p) for p in definition.parameters)
        made = lines(Layout(f"{INDENT}def __init__(", ("self", *given), ") -> None:"), "")
        made = [made[0], *(INDENT + line for line in made[1:])] if len(made) > 1 else made
        items = [(name, layout(entry, texts, lambda n: self.definitions[n].name)) for name, entry in one.entries]
        if one.base == "nn.Sequential":
            tall = Layout("super().__init__(", tuple(item for _, item in items), ")", tall=len(items) > 1)
            return [*made, *lines(tall, INDENT * 2)]
        made.append(f"{INDENT * 2}super().__init__()")
        for name, item in items:
            made += lines(_set(name, item, one.base), INDENT * 2)
        return made


def _set(name: Name, item: Layout | str, base: str) -> Layout | str:
    if is_name(name[-1]) or (len(name) == 1 and base == "nn.ModuleDict"):
        target = member(name, base) if len(name) == 1 else f"{member(name[:-1], base)}.{name[-1]}"
        return prefixed(f"{target} = ", item)
    holder = member(name[:-1], base) if len(name) > 1 else "self"
    return Layout(f'{holder}.add_module("{name[-1]}", ', (item,))


def _declared(parameter: Parameter) -> str:
    kinds = {_kind(text) for text in (*parameter.texts, *([parameter.default] if parameter.default else []))}
    hint = f": {kinds.pop()}" if len(kinds) == 1 and None not in kinds else ""
    default = "" if parameter.default is None else f"{' = ' if hint else '='}{parameter.default}"
    return f"{parameter.name}{hint}{default}"


def _kind(text: str) -> str | None:
    if text in ("True", "False"):
        return "bool"
    if text.lstrip("-").isdigit():
        return "int"
    return "str" if text[0] in "\"'" else None


def _about(definition: Definition) -> str:
    place = definition.first.place
    if not place.path:
        return "The network."
    paths = [one.place.path for one in definition.skeletons]
    more = f" and {len(paths) - 1} other place{'s' if len(paths) > 2 else ''}" if len(paths) > 1 else ""
    return f"At {place.path}{more}."


def _title(place: Place) -> str:
    if place.tag not in GENERIC:
        return camel(place.tag)
    words = [part for part in place.path.split(".") if not part.isdigit()]
    return camel(words[-1]) if words else "Block"


def _slots(one: Skeleton) -> Iterator[Slot]:
    for name, entry in one.entries:
        yield from slots_of(entry, "_".join(name))


_WIDTHS = ("channels", "features", "groups", "shape", "parameters")
"""Endings of arguments that count channels: ``in_channels``, ``num_features``, ``normalized_shape``, ..."""


def _meaning(slot: Slot) -> str:
    """Arguments of one meaning may share a parameter: a norm's features are the channels before it, but a stride that
    happens to equal a padding is another thing."""
    return "width" if slot.hint.endswith(_WIDTHS) else slot.hint


def _columns(table: Sequence[Sequence[Slot]]) -> tuple[tuple[str, ...], tuple[Parameter, ...]]:
    """What each slot is written as, and the parameters: columns that differ between rows, equal ones merged."""
    columns = [(_meaning(column[0]), tuple(slot.text for slot in column)) for column in zip(*table, strict=True)]
    varied: dict[tuple[str, tuple[str, ...]], Slot] = {}
    for slot, column in zip(table[0], columns, strict=False):
        if len(set(column[1])) > 1:
            varied.setdefault(column, slot)
    hints = [slot.hint for slot in varied.values()]
    names: dict[tuple[str, tuple[str, ...]], str] = {}
    for column, slot in varied.items():
        wanted = slot.hint if hints.count(slot.hint) == 1 else f"{slot.origin}_{slot.hint}"
        names[column] = to_name(wanted, {*names.values(), "self", "nn", "torch", "super"})
    texts = tuple(names.get(column, column[1][0]) for column in columns)
    parameters = [Parameter(names[column], slot.default, column[1]) for column, slot in varied.items()]
    return texts, tuple(sorted(parameters, key=lambda p: p.default is not None))


def _postorder(place: Place) -> Iterator[Place]:
    for child in place.children:
        yield from _postorder(child)
    yield place


def _levels(root: Place) -> list[list[Place]]:
    """Places by height, so that what a place constructs is done before it."""
    heights: dict[str, int] = {}
    levels: list[list[Place]] = []
    for place in _postorder(root):
        height = 1 + max((heights[child.path] for child in place.children), default=-1)
        heights[place.path] = height
        while len(levels) <= height:
            levels.append([])
        levels[height].append(place)
    return levels
