"""nasengine: define a search space in Python, run a study, see the front, take the network home.

Importing the package loads neither torch nor ray: each public name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasengine import blocks, tasks
    from nasengine.errors import NasError
    from nasengine.graph import (
        Block,
        Categories,
        Composite,
        Cost,
        EdgeIndex,
        Features,
        Frames,
        Graph,
        GraphIndex,
        Image,
        Nodes,
        Primitive,
        Scalar,
        Sequence,
        Signal,
        TensorType,
        Tokens,
        Value,
        Volume,
        Wiring,
        block,
        lower,
        screen,
    )
    from nasengine.hardware import (
        CommandDevice,
        Device,
        LatencyPredictor,
        LatencyProfile,
        RayDevice,
        calibrate,
        profile,
    )
    from nasengine.search import (
        CurveStopping,
        FixedRungs,
        FullTraining,
        Hyperband,
        Prior,
        SuccessiveHalving,
        Transfer,
        WarmStart,
        at_least,
        at_most,
        maximize,
        minimize,
    )
    from nasengine.space import (
        Architecture,
        Network,
        Space,
        Spec,
        choice,
        integer,
        lazy,
        repeat,
        tagged,
        uniform,
    )
    from nasengine.study import Front, Study
    from nasengine.train import Recipe

__version__ = "0.1.0"

_HOMES = {
    "nasengine.errors": ("NasError",),
    "nasengine.space": (
        "Architecture", "Network", "Space", "Spec", "choice", "integer", "lazy", "repeat", "tagged", "uniform",
    ),
    "nasengine.graph": (
        "Block", "Categories", "Composite", "Cost", "EdgeIndex", "Features", "Frames", "Graph", "GraphIndex",
        "Image", "Nodes", "Primitive", "Scalar", "Sequence", "Signal", "TensorType", "Tokens", "Value", "Volume",
        "Wiring", "block", "lower", "screen",
    ),
    "nasengine.hardware": (
        "CommandDevice", "Device", "LatencyPredictor", "LatencyProfile", "RayDevice", "calibrate", "profile",
    ),
    "nasengine.search": (
        "CurveStopping", "FixedRungs", "FullTraining", "Hyperband", "Prior", "SuccessiveHalving", "Transfer",
        "WarmStart", "at_least", "at_most", "maximize", "minimize",
    ),
    "nasengine.train": ("Recipe",),
    "nasengine.study": ("Front", "Study"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = ("blocks", "tasks")

__all__ = [
    # the space
    "Space", "Architecture", "Network", "Spec", "choice", "integer", "uniform", "repeat", "lazy", "tagged",
    # what a network is given
    "Image", "Volume", "Frames", "Signal", "Features", "Sequence", "Tokens", "Categories", "Scalar", "Nodes",
    "EdgeIndex", "GraphIndex",
    # the graph
    "Block", "Composite", "Primitive", "block", "Wiring", "Value", "TensorType", "Graph", "Cost", "lower", "screen",
    # the study
    "Study", "Front", "Recipe", "Device", "CommandDevice", "RayDevice", "LatencyProfile", "profile",
    "LatencyPredictor", "calibrate",
    "maximize", "minimize", "at_most", "at_least", "SuccessiveHalving", "Hyperband", "CurveStopping",
    "FixedRungs", "FullTraining", "WarmStart", "Prior", "Transfer", "NasError",
    # rooms
    "blocks", "tasks",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"nasengine.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'nasengine' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
