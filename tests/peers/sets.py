"""DeepSets and PointNet++ against the plain torch of ``reference/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference import sets as reference
from torch import Tensor, nn

from nasengine import Graph, Space
from nasengine.graph.module import build, example_inputs
from peers import Peer, State, Twin, by_rules
from search_spaces import points, sets

PEERS = [
    Peer("sets", "deepsets_100", lambda: reference.DeepSets(256)),
    Peer("sets", "deepsets_1000", lambda: reference.DeepSets(256)),
    Peer("sets", "deepsets_5000", lambda: reference.DeepSets(512)),
    Peer("sets", "deepsets_1000_shared", lambda: reference.DeepSets(256, shared=True)),
    Peer("sets", "deepsets_1000_mean", lambda: reference.DeepSets(256, mean=True)),
    Peer("sets", "digit_sum", lambda: reference.DigitSum(100, 30), "digits"),
    Peer("points", "pointnet2_ssg", lambda: reference.PointNet2(points.SINGLE, (256, 512, 1024), (512, 256), 40)),
    Peer("points", "pointnet2_msg", lambda: reference.PointNet2(points.MULTI, (256, 512, 1024), (512, 256), 40)),
]


def member(space: Space, **decisions: Any) -> Callable[[], Graph]:
    """The graph of a member of a small space."""
    return lambda: space.select(decisions).graph()


SETS = by_rules(
    (r"^elements\.(\d)\.", r"elements.blocks.\1.map."), (r"\.context\.", ".whole."),
    (r"^whole\.", "whole.blocks.0.map."), (r"^head\.", "head.classify."),
)  # fmt: skip
CLOUDS: dict[str, Any] = {
    "elements.times": 3, "whole.times": 1, "*.map": "equivariant_layer", "*.features": 24, "activation": "tanh",
    "dropout": 0.0, "pool.kind": "max",
}  # fmt: skip
DIGITS: dict[str, Any] = {
    "embed.features": 8, "elements.times": 1, "*.map": "linear", "elements.*.features": 16, "activation": "tanh",
    "pool.kind": "sum", "whole.times": 0,
}  # fmt: skip

STAGES = ((16, ((0.6, 4, (8, 16)), (1.0, 8, (16,)))), (4, ((2.0, 6, (16, 24)),)))
"""Of the small points space."""


def stages() -> dict[str, Any]:
    """Decisions for :data:`STAGES`, then 24-32 and a classifier with 16."""
    made = points.published(STAGES)
    made = {name: label for name, label in made.items() if not name.startswith(("whole", "head", "inputs"))}
    last = {"whole.widths.times": 2, "whole.widths.0": 24, "whole.widths.1": 32}
    return made | last | {"head.hidden.times": 1, "head.hidden.0": 16, "dropout": 0.0}


def point_names(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Maps are linear there and convolutions of size 1 here; norms follow them."""
    made: State = {}
    for name, tensor in theirs.items():
        *place, number, rest = name.split(".")
        if place[:1] == ["stages"]:
            start = f"stages.{place[1]}.groups.{place[2]}.maps"
        else:
            start = {"last": "whole.maps", "hidden": "head.hidden", "": "head.output"}["".join(place)]
        if not place:
            made[f"head.output.{rest}"] = tensor
            continue
        kind = "norm" if int(number) % 3 else ("linear" if start == "head.hidden" else "conv")
        made[f"{start}.{int(number) // 3}.{kind}.{rest}"] = tensor
    found = {name.replace(".groups.blocks.", ".groups."): name for name in ours}
    return {found[short]: made[short].reshape(ours[found[short]]) for short in found}


def least_margin(module: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """How near a choice of points came to another."""
    margins: list[float] = []

    def note(part: nn.Module, given: tuple[Tensor, ...], _: Any) -> None:
        margins.append(float(part.margin(*given)))  # type: ignore[operator]

    hooks = [part.register_forward_hook(note) for part in module.modules() if hasattr(part, "margin")]
    with torch.no_grad():
        module(*inputs)
    for hook in hooks:
        hook.remove()
    return min(margins)


def spread(graph: Graph) -> tuple[Tensor, ...]:
    """Clouds whose distances are far from every threshold."""
    module = build(graph).eval()
    draws = (example_inputs(graph, batch=2, seed=seed) for seed in range(500))
    return next(inputs for inputs in draws if least_margin(module, inputs) > 1e-4)


TWINS = [
    Twin("deepsets, 24 wide", member(sets.small, **CLOUDS, context="max", shared=False),
         lambda: reference.DeepSets(24, 4), SETS),
    Twin("deepsets, mean of one map", member(sets.small, **CLOUDS, context="average", shared=True),
         lambda: reference.DeepSets(24, 4, mean=True, shared=True), SETS),
    Twin("digit sum", member(sets.digits_small, **DIGITS), lambda: reference.DigitSum(8, 16),
         by_rules((r"^element\.", "elements.blocks.0.map."))),
    Twin("pointnet2, two groups, then one", member(points.small, **stages()),
         lambda: reference.PointNet2(STAGES, (24, 32), (16,), 4), point_names, inputs=spread),
]  # fmt: skip
