"""Which classes a study is made of, and whether a worker process can import them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nasengine.space import Architecture, Space, Spec
from nasengine.space.choices import Choice, Lazy, Repeat, expand
from nasengine.tasks import require_importable


def specs_in(value: Any, seen: set[int] | None = None) -> Iterator[Spec]:
    """Every spec in a tree, its open positions' options included, a lazily made option once."""
    seen = set() if seen is None else seen
    if isinstance(value, Lazy):
        value = expand(value)
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, Spec):
        yield value
        value = value.values()
    if isinstance(value, Choice):
        value = value.options
    if isinstance(value, Repeat):
        value = (value.item, value.times)
    if isinstance(value, tuple):
        for item in value:
            yield from specs_in(item, seen)


class Importable:
    """Checks each class once and keeps the modules that workers import."""

    def __init__(self) -> None:
        self._seen: set[type] = set()

    def modules(self, values: Iterable[tuple[str, Any]]) -> list[str]:
        """Modules of all specs in (role, value) pairs, sorted.

        Raises:
            TaskError: a class is defined in ``__main__``, in a notebook or where no other process finds it.
        """
        found: set[str] = set()
        for role, value in values:
            for spec in specs_in(value):
                kind = type(spec)
                if kind not in self._seen:
                    require_importable(kind, role)
                    self._seen.add(kind)
                found.add(kind.__module__)
        return sorted(found)


def pieces(whole: Space | Architecture) -> list[tuple[str, Any]]:
    """Networks and recipe of an architecture, or of a whole space with all of its options, with their roles."""
    networks = [("block", network) for network in whole.networks.values()]
    return networks if whole.recipe is None else [*networks, ("recipe", whole.recipe)]
