"""``--device`` of a command line: what is meant by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nasengine.errors import DeviceError, NasError

if TYPE_CHECKING:
    from nasengine.hardware import Target

DEVICE = (
    "cpu, cuda or cuda:1; ray:NAME for a machine of a Ray cluster; a command that measures, such as "
    "'ssh pi bench {model} {json}'; or a JSON file of a target."
)
_RAY = "ray:"
_JSON = ".json"


def target_of(text: str, *, threads: int, batch: int, runtime: str, dtype: str, layout: str = "contiguous") -> Target:
    """The device that ``--device`` names, used in this way; a file says for itself how it is used.

    Raises:
        DeviceError: no such kind, or a file that holds no target.
    """
    from nasengine.hardware import CommandDevice, Device, RayDevice

    if text.endswith(_JSON):
        return _from_file(Path(text))
    if "{model}" in text:
        return CommandDevice(text, batch=batch, dtype=dtype, threads=threads)
    kind = "cpu" if text.startswith(_RAY) else text
    here = Device(kind, threads=threads, batch=batch, runtime=runtime, dtype=dtype, layout=layout)
    return RayDevice(text.removeprefix(_RAY), device=here) if text.startswith(_RAY) else here


def slug(target: Target) -> str:
    """What a file about a target is called by: ``cpu-eager``, ``cuda1-onnxruntime``, ``pi5-eager``."""
    name = getattr(target, "name", None) or getattr(target, "kind", "device")
    return f"{str(name).replace(':', '')}-{target.runtime}"


def _from_file(path: Path) -> Target:
    from nasengine.hardware import Target
    from nasengine.space.spec import spec_from_json

    try:
        found = spec_from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, NasError) as problem:
        raise DeviceError(
            f"--device: {path} is a JSON file that holds a target, as its to_json() writes it; got {problem}; "
            "write one from Python, or name a device"
        ) from None
    if not isinstance(found, Target):
        raise DeviceError(f"--device: {path} holds a target; got {found.tag!r}; write the to_json() of a device")
    return found
