"""Swin transformers: attention in shifted windows, at four resolutions.

Generalises Swin: patches of 4 x 4, then four stages; each but the first merges squares of patches. Open are the width,
the size of a head, the window, the width of the feed-forward network, the depth of every stage, the resolution.

Papers: Liu et al. (2021), "Swin transformer: hierarchical vision transformer using shifted windows".
Input: images of 3 x 224 x 224 (sides that are multiples of 32).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, choice
from nasengine.blocks import GlobalPool, LayerNorm, Linear, Patchify, Sequential, SwinStage, ToImage
from nasengine.space.spec import Label

Options = tuple[int, ...]


def swin(widths: dict[int, Options], *, window: Options, depth: dict[str, Options], classes: int = 1000) -> Block:
    """The network of a first width (and its sizes of a head); a stage a row of ``depth``."""

    def of(width: int, each: Options) -> Block:
        stages = {}
        for i, (name, depths) in enumerate(depth.items()):
            stages[name] = SwinStage(
                width * 2**i,
                choice(*depths),
                choice(*each, name=f"head_features_{width}"),
                choice(*window, name="window"),
                choice(2.0, 3.0, 4.0, name="ratio"),
                merge=i > 0,
                drop_path=choice(0.0, 0.1, 0.2, name="drop_path"),
            )
        return Sequential(
            patches=Sequential(Patchify(4, width, norm=LayerNorm()), ToImage()),
            **stages,
            norm=LayerNorm(),
            head=Sequential(GlobalPool(), Linear(classes)),
        )

    return choice(*(of(width, each) for width, each in widths.items()), labels=tuple(widths))


SIZES: dict[str, tuple[int, tuple[int, ...]]] = {
    "swin_t": (96, (2, 2, 6, 2)),
    "swin_s": (96, (2, 2, 18, 2)),
    "swin_b": (128, (2, 2, 18, 2)),
    "swin_l": (192, (2, 2, 18, 2)),
}
"""Features of the first stage, depth of each."""

references: dict[str, dict[str, Label]] = {
    name: {
        "network": width, **{f"*.stage{i + 1}.depth": n for i, n in enumerate(depth)}, f"head_features_{width}": 32,
        "window": 7, "ratio": 4.0, "drop_path": 0.2, "inputs.height": 224,
    }
    for name, (width, depth) in SIZES.items()
}  # fmt: skip

space = Space(
    "swin",
    inputs=Image(3, choice(192, 224, 256, 384)),
    network=swin(
        dict.fromkeys((64, 96, 128, 192), (16, 32)),
        window=(7, 8, 12),
        depth={"stage1": (1, 2, 3), "stage2": (1, 2, 3), "stage3": (4, 6, 12, 18), "stage4": (1, 2, 3)},
    ),
    references=references,
)
small = Space(
    "swin-small",
    inputs=Image(3, choice(32, 64)),
    network=swin({16: (8, 16), 24: (8,)}, window=(3, 4), depth={"stage1": (1, 2), "stage2": (1, 2)}, classes=10),
)
