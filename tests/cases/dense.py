"""Dense prediction and detection: pooling with indices and back, crops, frozen norms, backbones, pyramids, heads."""

from __future__ import annotations

from block_types import IMAGE, SIGNAL, SPATIAL, VOLUME, Case, each

from nasengine.blocks import (
    ASPP,
    AnchorHead,
    BasicBlock,
    BatchNorm,
    Bottleneck,
    Concat,
    Conv,
    ConvNormAct,
    Crop,
    FCNHead,
    FeaturePyramid,
    FrozenBatchNorm,
    GroupNorm,
    Identity,
    MaxPool,
    MaxUnpool,
    PyramidHead,
    ReLU,
    ResNetBackbone,
    RetinaNet,
    Segmenter,
    SegNet,
    Sequential,
    SiLU,
    UNet,
)
from nasengine.graph import TensorType

PICTURE = TensorType((3, 32, 48), "CHW")
ODD = TensorType((3, 37, 29), "CHW")
LEVELS = tuple(TensorType((6, n, m), "CHW") for n, m in ((16, 12), (8, 6), (4, 3)))
JOINED = TensorType((6, 4, 6), "CHW", segments=(4, 2))


def indices(x: TensorType) -> TensorType:
    """The type of the places that pooling gives with its maxima."""
    return TensorType(x.shape, x.axes, "int64")


def body(*, dilated: int = 0, basic: bool = False, taps: tuple[int, ...] = (1, 2, 3)) -> ResNetBackbone:
    """A ResNet of three narrow stages."""
    unit = BasicBlock(4) if basic else Bottleneck(8, groups=2)
    return ResNetBackbone((1, 2, 2), unit, taps, dilated, stem=ConvNormAct(4, 3, 2))


PRIMITIVES: list[Case] = [
    *each(SPATIAL, MaxPool(indices=True), MaxPool(3, 2, 1, ceil=True, indices=True), MaxPool(1, indices=True)),
    *[(MaxUnpool(), (t, indices(t))) for t in (*SPATIAL, JOINED)],
    (MaxUnpool((2, 3), (17, 18)), (IMAGE, indices(IMAGE))),
    (MaxUnpool(2, 19), (SIGNAL, indices(SIGNAL))),
    (MaxUnpool(2, (11, 12, 10)), (VOLUME, indices(VOLUME))),
    *each((IMAGE, VOLUME), Crop(5)),
    *each((IMAGE,), Crop((7, 3)), Crop((8, 1))),
    *each((SIGNAL,), Crop(4)),
    *each((*SPATIAL, JOINED), FrozenBatchNorm(), FrozenBatchNorm(1e-3)),
]

COMPOSITES: list[Case] = [
    *each((PICTURE, ODD), body(), body(dilated=2), body(basic=True, dilated=1, taps=(1, 3)), body(taps=(2,))),
    *each((IMAGE,), BasicBlock(8, 2, dilation=2), BasicBlock(4, norm=FrozenBatchNorm(), dilation=3)),
    *[(FeaturePyramid(8, extra, norm=n), LEVELS) for extra, n in (("none", BatchNorm()), ("pool", Identity()))],
    *[(FeaturePyramid(8, extra, 1), LEVELS) for extra in ("output", "input")],
    (FeaturePyramid(8, "pool"), LEVELS[:1]),
    *each(SPATIAL, FCNHead(3), FCNHead(3, 5, 0.0, GroupNorm(5), SiLU())),
    *each((IMAGE,), ASPP(6, (2, 3)), ASPP(6, (1,), pool=False, dropout=0.0), ASPP(6, (), norm=GroupNorm(2))),
    (PyramidHead(3, 4, GroupNorm(2)), LEVELS),
    (PyramidHead(3, 4, BatchNorm(), SiLU(), 0.1), LEVELS[1:]),
    *each((PICTURE,), Segmenter(body(dilated=2), FCNHead(3)), Segmenter(body(), FCNHead(3), FCNHead(3))),
    *each((PICTURE,), Segmenter(body(), Sequential(FeaturePyramid(8), PyramidHead(3, 4, BatchNorm())), reads=3)),
    *each((PICTURE,), Segmenter(ReLU(), Conv(2))),
    *each((PICTURE, ODD), UNet((Conv(4), Conv(6), Conv(8)), (Conv(6), Conv(4)), Conv(2, 1))),
    *each((PICTURE, ODD), UNet((Conv(4), Conv(6)), (Conv(4),), upsample="resize", merge="add")),
    *each(
        (PICTURE, ODD),
        UNet((Conv(4, padding=0), Conv(6, padding=0)), (Conv(4, padding=0),), Conv(2, 1), crop=True),
        UNet((Conv(4, padding=0), Conv(6)), (Identity(),), upsample="resize", crop=True),
    ),
    *each((SIGNAL, VOLUME), UNet((Conv(4), Conv(6)), (Conv(4),))),
    *each((PICTURE, ODD), SegNet((Conv(4), Conv(6)), (Conv(4), Conv(3)), Conv(2, 1)), SegNet((ReLU(),), (ReLU(),))),
    *each((IMAGE,), AnchorHead(5, 2, 1), AnchorHead(4, 3, 2, GroupNorm(2), SiLU()), AnchorHead(1, 1, 0)),
    *each(
        (PICTURE, ODD),
        RetinaNet(body(), FeaturePyramid(8, "output"), AnchorHead(5, 2, 1), AnchorHead(4, 2, 1)),
        RetinaNet(body(), FeaturePyramid(8, "input"), AnchorHead(1, 1, 1, GroupNorm(2)), AnchorHead(4, 1, 0)),
    ),
    (Sequential(FeaturePyramid(4, "none"), AnchorHead(2, 1, 0)), LEVELS[:1]),
    (Concat(), (JOINED, JOINED)),
]
