"""Read an exported network back. Nothing is unpickled, and no code from the folder runs."""

from __future__ import annotations

import json
from pathlib import Path

from torch import fx

from nasengine.errors import ExportError
from nasengine.export.bundle import ARCHITECTURE
from nasengine.export.weights import FILE, read_metadata, read_weights
from nasengine.graph.graph import lower
from nasengine.graph.module import build
from nasengine.space.architecture import Architecture


def load(path: str | Path) -> fx.GraphModule:
    """The network of an exported folder, in eval mode, from ``architecture.json`` and ``network.safetensors``.

    A network with a user's own blocks needs them imported first.

    Raises:
        ExportError: the folder lacks one of the files, one is damaged, or they do not belong together.
        TagError: a block's class has not been imported.
    """
    folder = Path(path)
    architecture = _architecture(folder)
    file = folder / FILE
    name = read_metadata(file).get("network")
    module = build(lower(architecture, name).simplify())
    try:
        module.load_state_dict(read_weights(file))
    except RuntimeError as problem:
        reason = str(problem).strip().splitlines()[-1].strip()
        raise ExportError(
            f"{file}: these are not the weights of the architecture beside them ({reason}); export both again"
        ) from problem
    return module.eval()


def _architecture(folder: Path) -> Architecture:
    file = folder / ARCHITECTURE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ExportError(
            f"{file}: expected an architecture as JSON; it cannot be read ({problem}); "
            "pass the folder that export() wrote, or export again"
        ) from problem
    return Architecture.from_json(data)
