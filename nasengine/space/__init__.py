"""What may be searched: specs, choices, the one walk. Standard library only."""

from nasengine.space.architecture import Architecture, Network
from nasengine.space.choices import (
    Choice,
    Domain,
    Integer,
    Repeated,
    Uniform,
    choice,
    integer,
    lazy,
    repeat,
    uniform,
)
from nasengine.space.space import Space
from nasengine.space.spec import (
    Label,
    Open,
    Spec,
    fingerprint,
    from_json,
    is_open,
    spec_from_json,
    tagged,
    to_json,
)
from nasengine.space.walk import Chooser

__all__ = [
    "Architecture",
    "Chooser",
    "Choice",
    "Domain",
    "Integer",
    "Label",
    "Network",
    "Open",
    "Repeated",
    "Space",
    "Spec",
    "Uniform",
    "choice",
    "fingerprint",
    "from_json",
    "integer",
    "is_open",
    "lazy",
    "repeat",
    "spec_from_json",
    "tagged",
    "to_json",
    "uniform",
]
