"""Refuses a definition in which one unnamed open position stands at two places."""

from __future__ import annotations

from typing import Any

from nasengine.errors import SpaceError
from nasengine.space.choices import Choice, Domain, Repeat
from nasengine.space.spec import Open, Spec, field_names
from nasengine.space.walk import join, tie


def check_single_use(places: dict[str, Any]) -> None:
    """Refuse an unnamed open position that stands at two places of the tree.

    A repeated item and a lazily expanded option are each one place: their copies decide on their own.

    Raises:
        SpaceError: says where, and how to tie or to separate.
    """
    uses = _Uses()
    for path, root in places.items():
        uses.visit(root, path)


class _Uses:
    """Walks the definition once, lazily expanded options left out until they are reached."""

    def __init__(self) -> None:
        self.seen: dict[int, str] = {}
        self.named: dict[str, Domain] = {}
        self.keep: list[Open] = []

    def visit(self, value: Any, path: str) -> None:
        if isinstance(value, (Domain, Repeat)):
            if isinstance(value, Domain) and value.name is not None:
                known = value.name in self.named
                tie(self.named, value.name, value)
                if known:  # one decision, and its options with it
                    return
                path = value.name
            self._once(value, path)
        if isinstance(value, Choice):
            for label, option in zip(value.labels, value.options, strict=True):
                self.visit(option, join(path, str(label)))
        elif isinstance(value, Repeat):
            self.visit(value.times, join(path, "times"))
            self.visit(value.item, join(path, "blocks"))
        elif isinstance(value, Spec):
            for name in field_names(type(value)):
                child = getattr(value, name)
                if name == value.inline and isinstance(child, tuple):
                    for label, item in zip(value.child_names(), child, strict=True):
                        self.visit(item, join(path, label))
                else:
                    self.visit(child, join(path, name))
        elif isinstance(value, tuple):
            for i, item in enumerate(value):
                self.visit(item, join(path, str(i)))

    def _once(self, value: Open, path: str) -> None:
        first = self.seen.setdefault(id(value), path)
        self.keep.append(value)
        if first != path and getattr(value, "name", None) is None:
            raise SpaceError(
                f"{value!r} stands at {first!r} and at {path!r}: one unnamed open position stands at one place; "
                "to decide both at once, give it a name (name=...); to decide each on its own, write it twice"
            )
