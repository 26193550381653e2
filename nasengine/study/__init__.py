"""Studies: what runs, on a record that survives. Importing this loads neither torch nor a database."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasengine.study.front import Front, Member
    from nasengine.study.history import History, Truth
    from nasengine.study.ledger import Ledger
    from nasengine.study.simulation import simulate
    from nasengine.study.store import Store, open_store
    from nasengine.study.study import Study

_HOMES = {
    "Front": "front",
    "History": "history",
    "Ledger": "ledger",
    "Member": "front",
    "Store": "store",
    "Study": "study",
    "Truth": "history",
    "open_store": "store",
    "simulate": "simulation",
}

__all__ = ["Front", "History", "Ledger", "Member", "Store", "Study", "Truth", "open_store", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
