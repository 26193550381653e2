"""Search spaces, one file a family: its card, ``space``, published members as ``references``, a ``small`` variant."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
    """Every family, in order of name."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of a family.

    Raises:
        KeyError: no such family.
    """
    if name not in names():
        raise KeyError(name)
    return importlib.import_module(f"{__name__}.{name}")
