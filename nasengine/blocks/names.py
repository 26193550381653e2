"""Names of parts: places for positional ones, keywords for the others."""

from __future__ import annotations

from nasengine.errors import SpaceError
from nasengine.graph.names import TAKEN as TAKEN
from nasengine.graph.names import is_name
from nasengine.graph.vocabulary import Block


def named_parts(blocks: tuple[Block, ...], named: dict[str, Block], place: str) -> tuple[str, ...]:
    """Names of parts: places for the positional ones, then the keywords.

    Raises:
        SpaceError: a list of parts, or a name that is not a Python identifier, or that torch modules already have.
    """
    for listed in blocks:
        if isinstance(listed, list):
            raise SpaceError(f"{place}: parts are given one by one; got a list; write {place.capitalize()}(*blocks)")
    for name in named:
        if not name.isidentifier() or not is_name(name):
            raise SpaceError(
                f"{place}.{name}: a part's name is an identifier that torch modules do not use themselves; "
                f"got {name!r}; write {name + '_' if name.isidentifier() else 'stem'}=... instead"
            )
    return (*(str(i) for i in range(len(blocks))), *named)


def check_names(blocks: tuple[Block, ...], names: tuple[str, ...], place: str) -> None:
    """Refuse a record whose names and blocks do not match."""
    if len(names) != len(blocks) or len(set(names)) != len(names):
        raise SpaceError(
            f"{place}.names: one name a block, all distinct; got {len(blocks)} blocks and the names {names}"
        )
