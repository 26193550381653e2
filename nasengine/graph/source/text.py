"""How generated code is laid out: literals, names, and calls that are broken over lines when they are long."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from nasengine.errors import ExportError

WIDTH = 110
INDENT = "    "


@dataclass(frozen=True)
class Layout:
    """A call or a display: ``head``, its parts, ``tail``. ``tall`` is always broken, one part a line."""

    head: str
    parts: tuple[Layout | str, ...]
    tail: str = ")"
    tall: bool = False

    def prefixed(self, prefix: str) -> Layout:
        """The same with text in front."""
        return Layout(prefix + self.head, self.parts, self.tail, self.tall)


def prefixed(prefix: str, doc: Layout | str) -> Layout | str:
    """Text in front of a layout or of text."""
    return prefix + doc if isinstance(doc, str) else doc.prefixed(prefix)


def flat(doc: Layout | str) -> str:
    """On one line."""
    if isinstance(doc, str):
        return doc
    return doc.head + ", ".join(flat(part) for part in doc.parts) + doc.tail


def lines(doc: Layout | str, indent: str) -> list[str]:
    """On as many lines as it needs."""
    if isinstance(doc, str):
        return [indent + doc]
    one = indent + flat(doc)
    if not _tall(doc) and len(one) <= WIDTH:
        return [one]
    if len(doc.parts) == 1 and isinstance(doc.parts[0], Layout):  # hug: f(g(...)) is broken inside g
        inner = doc.parts[0]
        return lines(Layout(doc.head + inner.head, inner.parts, inner.tail + doc.tail, inner.tall), indent)
    inside = indent + INDENT + ", ".join(flat(part) for part in doc.parts)
    if not _tall(doc) and len(inside) <= WIDTH:
        return [indent + doc.head, inside, indent + doc.tail]
    made = [indent + doc.head]
    for part in doc.parts:
        made += lines(part, indent + INDENT)
        made[-1] += ","
    return [*made, indent + doc.tail]


def _tall(doc: Layout | str) -> bool:
    return isinstance(doc, Layout) and (doc.tall or any(_tall(part) for part in doc.parts))


def literal(value: Any, place: str) -> str:
    """A plain value as source.

    Raises:
        ExportError: it has no literal form.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
    if value is None or isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(literal(v, place) for v in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return f"[{', '.join(literal(v, place) for v in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k, place)}: {literal(v, place)}" for k, v in value.items()) + "}"
    if type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        return repr(value)
    raise ExportError(
        f"{place}: source holds numbers, strings, None, and tuples, lists and dicts of them; "
        f"got {value!r}; give the module plain arguments"
    )


def is_name(text: str) -> bool:
    """Can it be written as a Python name?"""
    return text.isidentifier() and not keyword.iskeyword(text)


def to_name(text: str, taken: Collection[str] = ()) -> str:
    """A Python name like the text, and not one of those taken."""
    name = re.sub(r"\W", "_", text) or "value"
    if name[0].isdigit() or keyword.iskeyword(name):
        name = f"{name}_" if keyword.iskeyword(name) else f"x{name}"
    return unique(name, taken)


def unique(name: str, taken: Collection[str]) -> str:
    """The name, numbered from 2 on where it is taken."""
    made, k = name, 2
    while made in taken:
        made, k = f"{name}{'_' if name[-1].isdigit() else ''}{k}", k + 1
    return made


def camel(text: str) -> str:
    """``inverted_residual`` as ``InvertedResidual``."""
    words = re.split(r"[\W_]+", text)
    name = "".join(word[:1].upper() + word[1:] for word in words if word)
    return f"Block{name}" if not name or name[0].isdigit() else name
