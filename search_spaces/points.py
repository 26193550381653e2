"""PointNet++: networks over points in space, from small neighbourhoods to the whole cloud.

Generalises PointNet++: a stage picks points far from each other and gives each what surrounds it, one or several radii
side by side (the paper's single- and multi-scale grouping), by maps that all points share and a pool; then all points
that remain become one vector. Open are, stage by stage, the number of points, the number of groups with the radius,
neighbours, maps and widths of each, how groups are pooled, and for the whole network the norm, the activation, the last
maps and the classifier. Sampling starts at the first point, so that a network gives one output for one cloud.

Papers: Qi et al. (2017b), "PointNet++: deep hierarchical feature learning on point sets in a metric space", section 3
and appendix B.1; Qi et al. (2017a), "PointNet".
Input: 1,024 points of 3 coordinates (also 512 and 2,048).
Task: classification into 40 classes (ModelNet40).
Counts: derived: a map of m features onto n has n (m + 1), its norm 2 n, and the first of a group takes the coordinates
with the features. Single-scale: 3-64-64-128, (3 + 128)-128-128-256, (3 + 256)-256-512-1024, then 1024-512-256-40, where
the last has no norm: `pointnet2_ssg` 13,248 + 67,456 + 727,040 + 667,944 = 1,475,688 (1.48 million in the literature).
Multi-scale with the three groups of appendix B.1 in both stages: `pointnet2_msg` 1,747,368 (1.74 million).
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Signal, Space, choice, repeat
from nasengine.blocks import (
    MLP,
    BatchNorm,
    GlobalAbstraction,
    LeakyReLU,
    PointGroup,
    PointNet2,
    ReLU,
    Sequential,
    SetAbstraction,
    SiLU,
)
from nasengine.space import Label

Group = tuple[float, int, tuple[int, ...]]
"""Radius, neighbours, widths."""
SINGLE: tuple[tuple[int, tuple[Group, ...]], ...] = (
    (512, ((0.2, 32, (64, 64, 128)),)),
    (128, ((0.4, 64, (128, 128, 256)),)),
)
MULTI: tuple[tuple[int, tuple[Group, ...]], ...] = (
    (512, ((0.1, 16, (32, 32, 64)), (0.2, 32, (64, 64, 128)), (0.4, 128, (64, 96, 128)))),
    (128, ((0.2, 32, (64, 64, 128)), (0.4, 64, (128, 128, 256)), (0.8, 128, (128, 128, 256)))),
)
"""Of both stages: points, and groups (appendix B.1)."""


def stage(
    points: tuple[int, ...],
    groups: tuple[int, ...],
    radii: tuple[float, ...],
    neighbours: tuple[int, ...],
    widths: tuple[int, ...],
    maps: tuple[int, ...],
) -> Block:
    """A stage; neighbours are no more than the points it is given."""
    group = PointGroup(
        choice(*radii),
        choice(*neighbours),
        repeat(choice(*widths), choice(*maps)),
        BatchNorm(),
        activation=choice(ReLU(), LeakyReLU(0.2), SiLU(), name="activation"),
        pool=choice("max", "average", name="pool"),
    )
    return SetAbstraction(choice(*points), repeat(group, choice(*groups)))


def points_space(
    points: tuple[int, ...],
    stages: tuple[Block, ...],
    last: tuple[int, ...],
    head: tuple[int, ...],
    outputs: int,
    *,
    name: str,
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space of given stages.

    Args:
        points: of a cloud, to choose from.
        last: widths of the two or three maps before the last pool.
        head: widths of the classifier's hidden layers.
        outputs: number of classes.
    """
    activation = choice(ReLU(), LeakyReLU(0.2), SiLU(), name="activation")
    whole = GlobalAbstraction(repeat(choice(*last), choice(1, 2, 3)), activation=activation)
    classify = MLP(
        repeat(choice(*head), choice(0, 1, 2)), outputs, activation, BatchNorm(), choice(0.0, 0.4, 0.5, name="dropout")
    )
    network = PointNet2(Sequential(*stages), whole, classify)
    return Space(name, inputs=Signal(3, choice(*points)), network=network, references=references)


def published(sizes: tuple[tuple[int, tuple[Group, ...]], ...]) -> dict[str, Label]:
    """Decisions of a network of appendix B.1."""
    made: dict[str, Label] = {
        "inputs.length": 1_024, "activation": "relu", "pool": "max", "dropout": 0.5,
        "whole.widths.times": 3, "head.hidden.times": 2,
    }  # fmt: skip
    for i, (points, groups) in enumerate(sizes):
        place = f"stages.{i}"
        made |= {f"{place}.points": points, f"{place}.groups.times": len(groups)}
        for k, (radius, neighbours, widths) in enumerate(groups):
            group = f"{place}.groups.blocks.{k}"
            made |= {f"{group}.radius": radius, f"{group}.neighbours": neighbours, f"{group}.widths.times": len(widths)}
            made |= {f"{group}.widths.{j}": width for j, width in enumerate(widths)}
    made |= {f"whole.widths.{j}": width for j, width in enumerate((256, 512, 1_024))}
    return made | {f"head.hidden.{j}": width for j, width in enumerate((512, 256))}


space = points_space(
    (512, 1_024, 2_048),
    (
        stage((256, 512), (1, 2, 3), (0.1, 0.2, 0.3, 0.4), (16, 32, 64, 128), (32, 64, 96, 128), (1, 2, 3)),
        stage((64, 128), (1, 2, 3), (0.2, 0.4, 0.6, 0.8), (16, 32, 64, 128), (64, 128, 256), (1, 2, 3)),
    ),
    (256, 512, 1_024),
    (128, 256, 512),
    40,
    name="points",
    references={"pointnet2_ssg": published(SINGLE), "pointnet2_msg": published(MULTI)},
)
small = points_space(
    (48,),
    (
        stage((12, 16), (1, 2), (0.6, 1.0), (4, 8), (8, 16), (1, 2)),
        stage((4, 6), (1, 2), (1.0, 2.0), (4, 6), (16, 24), (1, 2)),
    ),
    (24, 32),
    (16, 24),
    4,
    name="points-small",
)
