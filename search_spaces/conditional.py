"""Conditional networks: early exits, layers that are skipped, gated residuals.

A residual network for small images whose computation depends on the input. After each stage there may be an exit with
a head of its own; a layer may be plain, skippable by a gate that looks at the input, a highway layer, or a residual
branch with learned gates of its own. Open are these, the width, the depth of each stage and the exits.

Papers: Teerapittayanon et al. (2016), "BranchyNet"; Wang et al. (2018), "SkipNet"; Srivastava et al. (2015), "Highway
networks"; Bachlechner et al. (2021), "ReZero is all you need"; He et al. (2016).
Input: images of 3 x 32 x 32.
Task: classification into 10 classes.
Counts: with w channels in the first stage, a basic block of c channels has 18 c^2 + 4 c parameters, one from c/2 to c
channels 13.5 c^2 + 4 c and c^2/2 + 2 c for its shortcut; the stem has 27 w + 2 w, a head after c channels 10 c + 10, a
gate of a skippable layer c + 1, a highway layer 18 c^2 + 3 c, a gated branch 9 c^2 + 3 c. ``resnet20`` (w = 16, three
blocks a stage, projections) has 272,474; ``branchy_resnet20`` two heads more: + 170 + 330 = 272,974; ``skip_resnet38``
(six blocks a stage, a gate at five of them) 564,697; ``highway_resnet20`` 272,250; ``rezero_resnet20`` 175,482.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import (
    BasicBlock,
    ConvNormAct,
    EarlyExits,
    GlobalPool,
    Highway,
    LayerScale,
    Linear,
    Residual,
    Sequential,
    Skippable,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def stage(channels: int, stride: int, depth: Options) -> Block:
    """A block that sets width and resolution, then layers of one kind that keep both."""
    plain = BasicBlock(channels)
    gated = Residual(Sequential(conv=ConvNormAct(channels), scale=LayerScale(0.0)))
    kinds = {"plain": plain, "skippable": Skippable(plain), "highway": Highway(ConvNormAct(channels)), "gated": gated}
    more = repeat(choice(*kinds.values(), labels=tuple(kinds)), choice(*depth))
    return Sequential(first=BasicBlock(channels, stride), more=more)


def conditional(*, widths: Options, depth: Options, size: int = 32, classes: int = 10, name: str) -> Space:
    """The space for images of a size; ``depth`` counts the layers of a stage after its first."""

    def of(width: int) -> Block:
        stem = Sequential(stem=ConvNormAct(width), body=stage(width, 1, depth))
        stages = Sequential(stem, stage(2 * width, 2, depth), stage(4 * width, 2, depth))
        head = Sequential(pool=GlobalPool(), classify=Linear(classes))
        return EarlyExits(stages, head, early=choice(False, True, name="early"))

    published = references if name == "conditional" else None
    return Space(name, inputs=Image(3, size), network=choice(*map(of, widths), labels=widths), references=published)


def like(kind: str, layers: int, early: bool) -> dict[str, Label]:
    """Decisions of a network of one kind of layer, 16 channels wide."""
    stages = {f"*.{place}more.times": layers for place in ("body.", "1.", "2.")}
    return {"network": 16, "early": early, **stages, "*.more.blocks.*": kind}


references: dict[str, dict[str, Label]] = {
    "resnet20": like("plain", 2, False),
    "branchy_resnet20": like("plain", 2, True),
    "skip_resnet38": like("skippable", 5, False),
    "highway_resnet20": like("highway", 2, False),
    "rezero_resnet20": like("gated", 2, False),
}
space = conditional(widths=(16, 24, 32), depth=(1, 2, 3, 5), name="conditional")
small = conditional(widths=(8, 12), depth=(1, 2), size=16, name="conditional-small")
