"""Can another process import this class by its name? Asked before anything runs."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from nasengine.errors import TaskError


def require_importable(value: Any, what: str) -> None:
    """Refuse a class (or an instance's class, or a function) that a worker process could not import.

    Args:
        value: a class, a function, or an instance whose class is meant.
        what: the role it plays, for the message: ``"task"``, ``"block"``, ``"dataset"``.

    Raises:
        TaskError: it lives in ``__main__`` or a notebook, inside a function, or in a module that is not on
            the path; with the remedy.
    """
    named = value if hasattr(value, "__qualname__") else type(value)
    module, name = str(named.__module__), str(named.__qualname__)
    place = f"{what} {name}"
    if module == "__main__":
        raise TaskError(
            f"{place}: worker processes import a {what} by name; it is defined in __main__ (the program that "
            f"runs, or a notebook), which they cannot import; {_remedy(name)}"
        )
    if "<" in name:
        raise TaskError(
            f"{place}: worker processes import a {what} by name; it is defined inside a function; "
            "move it to the top level of its module"
        )
    if not _is_importable(module):
        raise TaskError(
            f"{place}: worker processes import a {what} by name; Python finds no module {module!r} on "
            f"its path; install it, put its folder on PYTHONPATH, or {_remedy(name)}"
        )


def _remedy(name: str) -> str:
    return f"move it to a module, say my_parts.py beside the program, and write: from my_parts import {name}"


def _is_importable(module: str) -> bool:
    """The path must lead to the very file that is loaded; a file under a made-up name is not importable."""
    found = _find(module)
    if found is None:
        return False
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded is None or found.origin is None:
        return True
    return Path(loaded).resolve() == Path(found.origin).resolve()


def _find(module: str) -> ModuleSpec | None:
    """Ask the finders; ``importlib.util.find_spec`` would trust ``sys.modules``, which a worker lacks."""
    path: list[str] | None = None
    found: ModuleSpec | None = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        specs = (finder.find_spec(name, path, None) for finder in sys.meta_path)
        found = next((spec for spec in specs if spec is not None), None)
        if found is None:
            return None
        path = list(found.submodule_search_locations or ())
    return found
