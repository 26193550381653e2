"""Modules that torch lacks, copied verbatim: the definitions a network needs, out of the files that define them.

A file can be copied from when what is needed of it imports only torch and the standard library. Anything else is
imported by name, and the generated file says so.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from nasengine.errors import ExportError

OWN = "nasengine.modules"
SHORT = {"torch.nn.functional": "F", "torch.nn": "nn"}


class NotCopyableError(Exception):
    """Why a definition has to be imported by name."""


@dataclass(frozen=True)
class File:
    """The top level of a Python file."""

    lines: tuple[str, ...]
    definitions: dict[str, ast.stmt]
    imports: dict[str, str]
    """Name → what it stands for, dotted."""
    busy: frozenset[str]
    """Names that other top-level statements use or make."""


@dataclass
class Copies:
    """What a generated file takes from elsewhere.

    Args:
        taken: names that the file has already.
    """

    taken: dict[str, str]
    wanted: dict[str, list[str]] = field(default_factory=dict)
    """Module → names copied from it."""
    imports: dict[str, str] = field(default_factory=dict)
    """Name → dotted; imported at the top of the file."""
    foreign: dict[str, str] = field(default_factory=dict)
    """Module → why it is imported by name."""

    def expression(self, dotted: str) -> str:
        """How a dotted name is written in the file; what it needs is noted."""
        room, _, name = dotted.rpartition(".")
        if room in SHORT:
            self.imports[SHORT[room]] = room
            return f"{SHORT[room]}.{name}"
        if room == "torch" or room.startswith("torch."):
            self.imports["torch"] = "torch"
            return dotted
        module, names = split(dotted)
        if module in sys.stdlib_module_names:
            self.imports[module] = module
            return dotted
        try:
            self._copy(module, names[0])
        except NotCopyableError as reason:
            if module.startswith(OWN):
                raise ExportError(
                    f"{dotted}: modules of the package import only torch and are copied; {reason}"
                ) from None
            self.foreign[module] = str(reason)
            return dotted
        return ".".join(names)

    def _copy(self, module: str, name: str) -> None:
        found: dict[str, list[str]] = {}
        imports: dict[str, str] = {}
        _close(module, name, found, imports)
        for where, names in found.items():
            for one in names:
                self._claim(one, f"{where}.{one}")
        for bound, origin in imports.items():
            self._claim(bound, origin)
        self.imports.update(imports)
        for where, names in found.items():
            known = self.wanted.setdefault(where, [])
            known += [one for one in names if one not in known]

    def _claim(self, name: str, origin: str) -> None:
        other = self.taken.setdefault(name, origin)
        if other != origin:
            raise NotCopyableError(f"its name {name} already stands for {other}")

    def text(self) -> list[str]:
        """The copied definitions."""
        made: list[str] = []
        for module, names in self.wanted.items():
            file = _read(module)
            for name, statement in file.definitions.items():
                if name in names:
                    made += ["", "", *_lines(file, statement)]
        return made


def split(dotted: str) -> tuple[str, list[str]]:
    """A dotted name as its module and the names inside.

    Raises:
        ExportError: no such module.
    """
    parts = dotted.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        if module in sys.modules or _exists(module):
            return module, parts[cut:]
    raise ExportError(f"{dotted}: no module of this name can be imported; import the module that defines it first")


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _close(module: str, name: str, found: dict[str, list[str]], imports: dict[str, str]) -> None:
    """Collect a definition and all that it needs."""
    file = _read(module)
    todo = [name]
    names = found.setdefault(module, [])
    while todo:
        one = todo.pop()
        if one in names:
            continue
        if one in file.busy:
            raise NotCopyableError(f"{module} sets up {one} in other top-level code")
        if one in file.imports:
            _close_import(module, one, file.imports[one], found, imports)
        elif one in file.definitions:
            names.append(one)
            loaded = (n.id for n in ast.walk(file.definitions[one]) if isinstance(n, ast.Name))
            todo += [n for n in dict.fromkeys(loaded) if n in file.definitions or n in file.imports or n in file.busy]
        else:
            raise NotCopyableError(f"{module} does not define {one} at its top level")


def _close_import(module: str, name: str, origin: str, found: dict[str, list[str]], imports: dict[str, str]) -> None:
    if origin.startswith(f"{OWN}."):
        where, _, other = origin.rpartition(".")
        if other != name:
            raise NotCopyableError(f"{module} imports {origin} under another name")
        _close(where, other, found, imports)
        return
    root = origin.split(".")[0]
    if root != "torch" and root not in sys.stdlib_module_names:
        raise NotCopyableError(f"{module} imports {root}")
    if imports.setdefault(name, origin) != origin:
        raise NotCopyableError(f"{name} stands for {imports[name]} and for {origin}")


def _read(module: str) -> File:
    if module == "__main__":
        raise NotCopyableError("it is defined in the program that runs, or in a notebook")
    return _parsed(import_module(module))


@cache
def _parsed(module: ModuleType) -> File:
    path = getattr(module, "__file__", None)
    if path is None or not path.endswith(".py"):
        raise NotCopyableError(f"{module.__name__} has no Python file")
    text = Path(path).read_text(encoding="utf-8")
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, str] = {}
    busy: set[str] = set()
    for statement in ast.parse(text).body:
        names = _defined(statement)
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.update(_imported(statement, module.__name__))
        elif names and not any(name in definitions for name in names):
            definitions.update(dict.fromkeys(names, statement))
        elif not _is_idle(statement):
            busy |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} | set(names)
    return File(tuple(text.splitlines()), definitions, imports, frozenset(busy))


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return [t.id for t in targets] if all(isinstance(t, ast.Name) for t in targets) else []  # type: ignore[attr-defined]


def _is_idle(statement: ast.stmt) -> bool:
    """A docstring, or what runs only when the file is the program."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.If) and ast.unparse(statement.test).replace("'", '"') == '__name__ == "__main__"'


def _imported(statement: ast.Import | ast.ImportFrom, module: str) -> dict[str, str]:
    if isinstance(statement, ast.Import):
        return {a.asname or a.name.split(".")[0]: a.name if a.asname else a.name.split(".")[0] for a in statement.names}
    if statement.module == "__future__":
        return {}
    room = statement.module or ""
    if statement.level:
        base = module.split(".")[: -statement.level]
        room = ".".join([*base, *([room] if room else [])])
    return {a.asname or a.name: f"{room}.{a.name}" for a in statement.names}


def _lines(file: File, statement: ast.stmt) -> list[str]:
    """The statement's own lines, with its decorators and the comments right above it."""
    decorators = getattr(statement, "decorator_list", [])
    start = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
    while start > 0 and file.lines[start - 1].startswith("#"):
        start -= 1
    return list(file.lines[start : statement.end_lineno])
