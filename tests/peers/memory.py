"""Addressable memory, matching networks and neural modules against plain torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference.matching import MatchingNetwork
from reference.memory import DNC, NTM
from reference.modular import Answer, WithEncoder
from torch import nn

from nasengine import Graph
from peers import Peer, State, Twin, by_rules
from search_spaces import matching, memory, modular


def ntm(kind: str, inputs: int = 10, outputs: int = 8, hidden: int = 100, slots: int = 128, width: int = 20, *,
        reads: int = 1, writes: int = 1, shift: int = 1) -> Callable[[], nn.Module]:  # fmt: skip
    return lambda: NTM(inputs, outputs, hidden, slots, width, reads=reads, writes=writes, shift=shift, kind=kind)


def modules(name: str) -> Callable[[], nn.Module]:
    return lambda: Answer(modular.LAYOUTS[name], 512, 14, 32, 1000)


PEERS = [
    Peer("memory", "ntm_copy", ntm("lstm")),
    Peer("memory", "ntm_copy_mlp", ntm("mlp")),
    Peer("memory", "dnc_repeat_copy", lambda: DNC(6, 5, 64, 16, 16, reads=4, kind="lstm")),
    Peer("matching", "omniglot_5way_1shot", lambda: MatchingNetwork(1, 64, 4, 64)),
    Peer("matching", "omniglot_5way_1shot_fce", lambda: MatchingNetwork(1, 64, 4, 64, steps=5)),
    Peer("matching", "mini_imagenet_5way_5shot", lambda: MatchingNetwork(3, 64, 4, 1600), "mini_imagenet"),
    *[Peer("modular", name, modules(name)) for name in modular.LAYOUTS],
]


def member(space: Any, **decisions: Any) -> Callable[[], Graph]:
    return lambda: space.select(decisions).graph()


CELL = by_rules(
    (r"controller\.lstm\.(\w+)_l0$", r"memory.controller.\1"), (r"controller\.layer\.", "memory.controller."),
    (r"^interface", "memory.interface"),
)  # fmt: skip


def join_heads(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """The maps to the heads are one of ours: first where they point, then what they write."""
    made = {k: v for k, v in theirs.items() if not k.startswith(("heads", "changes"))}
    for part in ("weight", "bias"):
        rows = [theirs[k] for kind in ("heads", "changes") for k in theirs if k.startswith(kind) and k.endswith(part)]
        made[f"interface.{part}"] = torch.cat(rows)
    return CELL(ours, made)


def slices(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Images are slices of a volume: kernels have one more axis; the cells come last in both."""
    made = {name: t.unsqueeze(2) if t.dim() == 4 else t for name, t in theirs.items()}
    return by_rules(
        (r"^encoder\.(\d+)\.0", r"encoder.body.blocks.\1.conv"),
        (r"^encoder\.(\d+)\.1", r"encoder.body.blocks.\1.norm"),
        (r"^reader\.", "reader.cell."),
    )(ours, made)  # fmt: skip


LEAVES = (
    (r"\.(vector|weights)$", ".conv.weight"), (r"(attention|left|right)\.bias$", r"\1.conv.bias"),
    (r"first", "mlp.hidden.0.linear"), (r"second", "mlp.output"), (r"^convs\.(\d+)", r"encoder.blocks.\1.conv"),
    (r"^(answer\.)?(attention|mlp|last)", r"root.\2"),
)  # fmt: skip


def layout_of(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Their parts by number are ours by name; a vector, or a pair of weights, is a kernel of 1 x 1."""
    made: State = {}
    for name, tensor in theirs.items():
        before, *inner = name.split(".parts.")
        found = before
        for part in inner:
            pair = f"{before}.weights" in theirs  # what the part belongs to combines two
            number, dot, rest = part.partition(".")
            found += "." + (("left", "right")[int(number)] if pair else "attention") + dot + rest
            before += f".parts.{part}"
        found = found.replace("attend", "attention")
        for pattern, new in LEAVES:
            found = re.sub(pattern, new, found)
        made[found] = tensor
    head = "root.mlp.output" if any("root.mlp.hidden" in name for name in made) else "root.linear"
    made = {name.replace("root.last", head): t for name, t in made.items()}
    return {name: made[name].reshape(shape) for name, shape in ours.items()}


def ntm_twin(kind: str, reads: int, writes: int, shift: int) -> Twin:
    return Twin(
        f"ntm, {kind}, {reads} and {writes} heads",
        member(
            memory.small, memory="ntm", hidden=16, slots=6, width=8, reads=reads, writes=writes, shift=shift,
            controller=kind, **{"*.length": 5},
        ),
        ntm(kind, 5, 4, 16, 6, 8, reads=reads, writes=writes, shift=shift),
        join_heads,
    )  # fmt: skip


def dnc_twin(kind: str, reads: int) -> Twin:
    return Twin(
        f"dnc, {kind}, {reads} heads",
        member(
            memory.small, memory="dnc", hidden=16, slots=6, width=8, reads=reads, controller=kind, **{"*.length": 5}
        ),
        lambda: DNC(5, 4, 16, 6, 8, reads=reads, kind=kind),
        CELL,
    )


def matching_twin(metric: str, scale: float, steps: int) -> Twin:
    return Twin(
        f"matching, {metric}, {steps} steps",
        member(
            matching.small, channels=8, activation="relu", shots=2, metric=metric, scale=scale, steps=steps,
            **{"encoder.body.times": 2},
        ),
        lambda: MatchingNetwork(1, 8, 2, 32, steps=steps, metric=metric, scale=scale),
        slices,
    )  # fmt: skip


def modular_twin(name: str, tree: modular.Tree) -> Twin:
    decisions = {**modular.layout(tree, hidden=8), "encoder.times": 2, "encoder.*.channels": 8}
    return Twin(
        f"modules, {name}",
        lambda: modular.small.select(decisions).graph(),
        lambda: WithEncoder(3, (8, 8), Answer(tree, 8, 3, 8, 2)),
        layout_of,
    )


TWINS = [
    ntm_twin("lstm", 1, 1, 1),
    ntm_twin("mlp", 2, 2, 2),
    dnc_twin("lstm", 2),
    dnc_twin("mlp", 1),
    matching_twin("cosine", 1.0, 0),
    matching_twin("euclidean", 1.0, 0),
    matching_twin("cosine", 10.0, 2),
    modular_twin("describe", ("describe", "find")),
    modular_twin("describe above", ("describe", modular.ABOVE)),
    modular_twin("measure above", ("measure", modular.ABOVE)),
]
