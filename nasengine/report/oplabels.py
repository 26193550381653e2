"""What an operation is called in a drawing: Conv 3×3 → 64, stride 2. Read from the spec's own fields."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasengine.graph import TensorType

# family → parts of a tag that tell it; the first family that matches wins
FAMILIES = {
    "merge": ("add", "multiply", "concat", "subtract", "stack", "mean_of", "weighted_sum"),
    "dropout": ("drop",),
    "norm": ("norm",),
    "pool": ("pool", "upsample", "interpolate"),
    "attention": ("attention",),
    "recurrent": ("lstm", "gru", "rnn", "recurrent", "scan", "state_space"),
    "embedding": ("embedding",),
    "conv": ("conv", "patchify"),
    "linear": ("linear", "dense", "bilinear"),
    "activation": (
        "relu",
        "elu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "softmax",
        "swish",
        "mish",
        "activation",
        "softplus",
    ),
    "shape": (
        "flatten",
        "reshape",
        "permute",
        "transpose",
        "identity",
        "squeeze",
        "shuffle",
        "split",
        "slice",
        "pad",
    ),
}
SIGNS = {"add": "+", "multiply": "×", "concat": "concat"}
SIZES = ("channels", "features", "out_channels", "width", "dim", "size")
SAID = ("kernel", "stride", "groups", "dilation", *SIZES)  # fields told in words of their own


@dataclass(frozen=True)
class Label:
    """The family (colour), the kind (a word) and the details of an operation."""

    family: str
    kind: str
    details: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.details}".strip()


def family_of(tag: str) -> str:
    """The family of a tag; "other" for a user's own block."""
    return next((name for name, parts in FAMILIES.items() if any(part in tag for part in parts)), "other")


def label(op: Any, inputs: tuple[TensorType, ...] = ()) -> Label:
    """The label of a primitive applied to values of these types."""
    tag = str(op.tag)
    if tag in SIGNS:
        return Label("merge", SIGNS[tag])
    family = family_of(tag)
    fields = {f.name: getattr(op, f.name) for f in dataclasses.fields(op)}
    words = _geometry(fields, inputs) if family not in ("activation", "dropout") else []
    if family == "pool" and fields.get("kind", "average") != "average":
        words.append(str(fields["kind"]))
    if family in ("other", "attention", "recurrent"):
        told = [n for n, value in fields.items() if n not in SAID and _worth(op, n, value)]
        words += [f"{name} {fields[name]}" for name in told[:3]]
    return Label(family, type(op).__name__, " ".join(words))


def _geometry(fields: dict[str, Any], inputs: tuple[Any, ...]) -> list[str]:
    """Kernel, width, stride, dilation and groups, each only where it says something."""
    words = []
    rank = len(inputs[0].spatial) if inputs else 2
    if fields.get("kernel"):
        words.append(_sides(fields["kernel"], rank))
    size = next((fields[name] for name in SIZES if isinstance(fields.get(name), int)), None)
    if size is not None:
        words.append(f"→ {size}")
    groups = fields.get("groups", 1)
    if isinstance(groups, int) and groups != 1:
        words.append("depthwise" if not groups or (inputs and groups == inputs[0].channels) else f"groups {groups}")
    plain = (None, 1, (1,), (1, 1), (1, 1, 1))
    turned = [name for name in ("stride", "dilation") if fields.get(name) not in plain]
    words += [f"{name} {_sides(fields[name], 1)}" for name in turned]
    return words


def _sides(value: Any, rank: int) -> str:
    sides = value if isinstance(value, tuple) else (value,) * max(rank, 1)
    return "×".join(map(str, sides))


def _worth(op: Any, name: str, value: Any) -> bool:
    default = next((f.default for f in dataclasses.fields(op) if f.name == name), None)
    return isinstance(value, str | int | float) and value != default
