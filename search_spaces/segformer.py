"""SegFormer: segmentation with a hierarchical transformer and a light head.

Generalises SegFormer-B0 to B5: four stages, each of overlapping patches and layers whose attention looks at a coarser
image and whose feed-forward network holds a depthwise convolution; linear maps join all stages. Open are the width, the
size of a head, depth, reduction and hidden size of every stage, the width of the head, the resolution.

Papers: Xie et al. (2021), "SegFormer: simple and efficient design for semantic segmentation", table 6.
Input: images of 3 x 512 x 512 (sides that are multiples of 64).
Task: segmentation into 150 classes, at a quarter of the resolution.
"""

from __future__ import annotations

from typing import Any

from nasengine import Block, Image, Space, choice
from nasengine.blocks import MixStage, SegFormer, Sequential
from nasengine.space.spec import Label

Options = tuple[int, ...]


def segformer(
    width: int,
    *,
    depth: tuple[Options, ...],
    reduction: tuple[Options, ...],
    first: int = 4,
    head: Options = (256, 512, 768),
    classes: int = 150,
) -> Block:
    """The network of a first width; ``depth`` and ``reduction`` hold the options of each stage."""
    each = choice(width // 2, width, name=f"head_features_{width}")
    drop_path = choice(0.0, 0.1, name="drop_path")
    stages = {}
    for i, (depths, reductions) in enumerate(zip(depth, reduction, strict=True)):
        kernel, stride = (7, first) if i == 0 else (3, 2)
        ratio = choice(2, 4, 8) if len(depth) == 4 else choice(2, 4)
        sizes = (width * (1, 2, 5, 8)[i], choice(*depths), each, kernel, stride, choice(*reductions))
        stages[f"stage{i + 1}"] = MixStage(*sizes, ratio, drop_path)
    return SegFormer(Sequential(**stages), classes, choice(*head))


DEPTHS = {
    "b0": (2, 2, 2, 2),
    "b1": (2, 2, 2, 2),
    "b2": (3, 4, 6, 3),
    "b3": (3, 4, 18, 3),
    "b4": (3, 8, 27, 3),
    "b5": (3, 6, 40, 3),
}

references: dict[str, dict[str, Label]] = {
    f"segformer_{name}": {
        "network": 32 if name == "b0" else 64, **{f"*.stage{i + 1}.depth": n for i, n in enumerate(depth)},
        **{f"*.stage{i + 1}.reduction": n for i, n in enumerate((8, 4, 2, 1))}, "*.ratio": 4, "drop_path": 0.1,
        "head_features_*": 32 if name == "b0" else 64, "*.features": 256 if name in ("b0", "b1") else 768,
        "inputs.height": 512,
    }
    for name, depth in DEPTHS.items()
}  # fmt: skip

OPEN: dict[str, Any] = {
    "depth": ((1, 2, 3), (2, 3, 4, 6, 8), (2, 6, 18, 27, 40), (2, 3)),
    "reduction": ((4, 8), (2, 4), (1, 2), (1,)),
}
space = Space(
    "segformer",
    inputs=Image(3, choice(256, 512, 640)),
    network=choice(*(segformer(width, **OPEN) for width in (32, 48, 64)), labels=(32, 48, 64)),
    references=references,
)
SMALL: dict[str, Any] = {
    "depth": ((1, 2), (1, 2)),
    "reduction": ((1, 2), (1, 2)),
    "first": 2,
    "head": (8, 16),
    "classes": 5,
}
small = Space(
    "segformer-small",
    inputs=Image(3, choice(16, 32)),
    network=choice(*(segformer(width, **SMALL) for width in (8, 12)), labels=(8, 12)),
)
