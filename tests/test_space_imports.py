"""The house: rooms import downwards only, the door opens fast, and what is public is there and documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nasengine

ROOT = Path(nasengine.__file__).parent
RANK = {
    "errors": 0, "space": 1, "graph": 2, "modules": 3, "blocks": 3, "tasks": 4, "export": 4,
    "search": 5, "train": 5, "hardware": 5, "estimate": 5, "report": 6, "study": 7, "commands": 8,
    "cli": 9, "integrations": 8,
}  # fmt: skip
"""Arrows point down: a room imports rooms of a lower rank, or its own."""
ONLY = {"search": {"search", "graph", "space", "errors"}, "modules": {"modules"}}
"""Rooms that may import less than their rank allows."""
DOORS = {
    ("space/architecture.py", "graph"), ("space/architecture.py", "report"),
}  # fmt: skip
"""Imports inside functions that may point up: an architecture's readings, loaded when they are asked for."""
HEAVY = ("torch", "ray", "pandas", "numpy", "sklearn", "optuna", "sqlalchemy", "plotly", "matplotlib", "rich", "typer")


def files() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.stem not in ("__init__", "__main__"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> list[tuple[str, ast.AST]]:
    """Modules a file imports, type-checking blocks left out."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    found: list[tuple[str, ast.AST]] = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.extend((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, "imports are absolute"
            whole = node.module == "nasengine"
            found.extend((f"nasengine.{a.name}" if whole else node.module, node) for a in node.names)
    return found


def top_level(tree: ast.Module) -> set[int]:
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(f)
    }
    return {id(n) for n in ast.walk(tree)} - inside


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_down(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    room, here, outside = room_of(path), str(path.relative_to(ROOT)), top_level(tree)
    for name, node in imported(tree):
        if not name.startswith("nasengine."):
            continue
        other = name.split(".")[1]
        if other in nasengine.__all__ and other not in RANK:  # a public name of the package: its own home decides
            other = nasengine._HOME_OF[other].split(".")[1]
        if (here, other) in DOORS and id(node) not in outside:
            continue
        assert other == room or RANK[other] < RANK[room], f"{here}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
        assert other in ONLY.get(room, RANK), f"{here}:{node.lineno} imports {name}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_low_rooms_import_no_torch(path: Path) -> None:
    room, here = room_of(path), str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    outside = top_level(tree)
    for name, node in imported(tree):
        root = name.split(".")[0]
        if room in ("space", "errors", "search") or (room in ("graph", "blocks") and id(node) in outside):
            allowed = here.startswith(("graph/module.py", "graph/source")) or (
                room == "search" and root in ("optuna", "numpy")
            )
            assert root not in HEAVY or allowed, f"{here}:{node.lineno} imports {name}"  # type: ignore[attr-defined]
        if room == "modules":
            allowed = root in ("torch", "math", "typing", "collections", "__future__") or name.startswith(
                "nasengine.modules"
            )
            assert allowed, f"{here} imports {name}"


def fresh(code: str) -> str:
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120, env=env
    ).stdout


def test_import_is_fast_and_light() -> None:
    """The best of seven fresh interpreters, so that a busy machine does not fail it."""
    code = (
        "import sys, time; t = time.perf_counter(); import nasengine; t = time.perf_counter() - t\n"
        f"print(t, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    runs = [fresh(code).split(" ", 1) for _ in range(7)]
    assert all(heavy.strip() == "[]" for _, heavy in runs), runs[0]
    assert min(float(elapsed_s) for elapsed_s, _ in runs) < 0.3


def test_defining_a_space_and_screening_it_loads_no_torch() -> None:
    code = """
import sys
from nasengine import Image, Space, choice, screen
from nasengine.blocks import Conv, GlobalPool, Linear, Sequential
space = Space("s", inputs=Image(3, 8), network=Sequential(Conv(choice(4, 8)), GlobalPool(), Linear(2)))
assert screen(space.sample(0)).cost.params > 0 and space.size == 2 and space.describe()
print([m for m in ("torch", "ray", "numpy", "pandas") if m in sys.modules])
"""
    assert fresh(code).strip() == "[]"


@pytest.mark.parametrize("name", nasengine.__all__)
def test_public_names_are_there_and_documented(name: str) -> None:
    value = getattr(nasengine, name)
    assert (value.__doc__ or "").strip(), f"{name} has no docstring"
    assert not (value.__doc__ or "").startswith(f"{name}("), f"{name} has only the dataclass's own docstring"


def test_what_is_exported_is_what_has_a_home() -> None:
    assert set(nasengine.__all__) == {*nasengine._HOME_OF, *nasengine._ROOMS}
    assert len(set(nasengine.__all__)) == len(nasengine.__all__)
    assert set(nasengine.__all__) <= set(dir(nasengine))
    with pytest.raises(AttributeError, match="module 'nasengine' has no attribute 'nothing'"):
        _ = nasengine.nothing


ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_s_public_names_are_there_and_documented(room: str) -> None:
    made = importlib.import_module(f"nasengine.{room}")
    assert (made.__doc__ or "").strip()
    names = getattr(made, "__all__", ())
    assert len(set(names)) == len(names)
    for name in names:
        value = getattr(made, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (value.__doc__ or "").strip(), f"nasengine.{room}.{name} has no docstring"


def test_every_class_and_function_of_the_core_that_is_public_is_documented() -> None:
    for path in files():
        if room_of(path) not in ("space", "graph", "errors"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        made = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef)) and not n.name.startswith("_")]
        said = {n.name for n in made if ast.get_docstring(n)}  # an overloaded function says it once
        assert {n.name for n in made} == said, path
