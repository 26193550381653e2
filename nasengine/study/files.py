"""Files that a user names: study files, spaces, architectures, modules to import."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from nasengine.errors import NasError, SpaceError, StudyError
from nasengine.report.gallery import SpaceCard, card_of
from nasengine.space import Architecture, Space
from nasengine.study.study import Study


def load_study(path: Path) -> Study:
    """The study a file defines, under the name ``study`` or as the only one.

    Raises:
        StudyError: the file is not there, cannot be run, or does not define one study.
    """
    found = _only(path, Study, "study", "study = Study(...)")
    assert isinstance(found, Study)
    return found


def load_space(path: Path) -> Space:
    """The space a file defines, or the space of its study.

    Raises:
        StudyError: the file is not there, cannot be run, or defines neither.
    """
    module = load_file(path)
    for name in ("space", "study"):
        value = getattr(module, name, None)
        if isinstance(value, Space):
            return value
        if isinstance(value, Study):
            return value.definition.space
    raise StudyError(f"{path}: a space file defines `space = Space(...)` or a study; it defines {_names(module)}")


def find_space(what: str) -> tuple[Space, SpaceCard | None]:
    """A shipped family by name, with its card, or the space of a file; a file of that name comes first.

    ``rnn:small`` is the space that the family calls ``small``; it has no card of its own.

    Raises:
        StudyError: neither; the message lists the families, or the family's spaces.
        SpaceError: the family has no card.
    """
    import search_spaces

    path = Path(what)
    if path.is_file() or path.suffix == ".py":
        return load_space(path), None
    family, _, variant = what.partition(":")
    if variant and family in search_spaces.names():
        return _variant(search_spaces.load(family), what, variant), None
    if what not in search_spaces.names():
        raise StudyError(
            f"{what}: a space is a Python file that defines `space`, or one of the shipped families: "
            f"{', '.join(search_spaces.names())}; there is no such thing"
        )
    card = card_of(search_spaces.load(what))
    return card.space, card


def _variant(family: ModuleType, what: str, variant: str) -> Space:
    spaces = {name: value for name, value in vars(family).items() if isinstance(value, Space)}
    if variant not in spaces:
        raise StudyError(
            f"{what}: the family {family.__name__.rpartition('.')[2]!r} has the spaces {', '.join(spaces)}; got "
            f"{variant!r}; name one of them"
        )
    return spaces[variant]


def load_file(path: Path) -> ModuleType:
    """Run a Python file as a module of its own name, so that worker processes can import what it defines.

    Raises:
        StudyError: the file is not there, or cannot be run.
    """
    if not path.is_file():
        raise StudyError(f"{path}: a study file is a Python file; there is no such file")
    folder, name = str(path.resolve().parent), path.stem
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if name in sys.modules or not name.isidentifier():
        name = f"_nasengine_file_{abs(hash(str(path.resolve())))}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise StudyError(f"{path}: a study file is a Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except NasError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        line = next((f"line {tb.lineno}" for tb in _frames(error) if tb.filename == str(path.resolve())), "import")
        raise StudyError(f"{path}: the file cannot be run; {line}: {type(error).__name__}: {error}") from error
    return module


def import_modules(names: list[str]) -> None:
    """Import modules by name, the working folder included, so that the tags they define are known.

    Raises:
        StudyError: one cannot be imported.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise StudyError(f"--import {name}: it cannot be imported; {type(error).__name__}: {error}") from error


def read_architecture(target: str) -> Architecture:
    """An architecture from an exported folder, a JSON file, ``STORE:TRIAL``, or a member ``resnet:resnet18``.

    Raises:
        StudyError: none of these; for a family, the message lists its members.
        SpaceError: a file that holds no architecture.
    """
    import search_spaces
    from nasengine.study.store import open_store

    path = Path(target)
    store, _, number = target.rpartition(":")
    if path.is_dir():
        path = path / "architecture.json"
    if path.is_file():
        return Architecture.from_json(_json(path))
    if store and number.isdigit() and Path(store).is_dir():
        return open_store(store).architecture(int(number))
    if store in search_spaces.names():
        return _published(store, target)
    raise StudyError(
        f"{target}: a network is an exported folder, an architecture's JSON file, STORE:TRIAL, or a published member "
        "of a shipped family, as resnet:resnet18; there is no such thing"
    )


def _published(family: str, target: str) -> Architecture:
    """A member that a family's spaces hold as a reference."""
    import search_spaces

    spaces = [value for value in vars(search_spaces.load(family)).values() if isinstance(value, Space)]
    name = target.rpartition(":")[2]
    for space in spaces:
        if name in space.references:
            return space.decode(space.references[name])
    known = dict.fromkeys(member for space in spaces for member in space.references)
    raise StudyError(
        f"{target}: the published members of {family!r} are {', '.join(known) or 'none'}; got {name!r}; "
        "name one of them"
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SpaceError(f"{path}: it holds no JSON; {error}") from error
    if not isinstance(data, dict):
        raise SpaceError(f"{path}: an architecture is a JSON object; got {type(data).__name__}")
    return data


def _only(path: Path, kind: type, name: str, example: str) -> object:
    module = load_file(path)
    value = getattr(module, name, None)
    if isinstance(value, kind):
        return value
    others = [v for v in vars(module).values() if isinstance(v, kind)]
    if len(others) == 1:
        return others[0]
    raise StudyError(f"{path}: a study file defines `{example}`; it defines {_names(module)}")


def _names(module: ModuleType) -> str:
    names = [n for n in vars(module) if not n.startswith("_")]
    return ", ".join(names[:12]) if names else "nothing"


def _frames(error: BaseException) -> list[Any]:
    import traceback

    return list(reversed(traceback.extract_tb(error.__traceback__)))
