"""Feature pyramids on ResNets, for semantic segmentation.

Generalises the feature pyramid network with the semantic branch of Panoptic FPN: the backbone's kind of block (basic,
bottleneck, wide, grouped), depths, width, kernel, stem, norm, activation and squeeze-excite are open; so are the
pyramid's channels, norm and kernel, and the head's channels, norm and dropout. `features` is the same without a head:
one output a level, four of them and a pooled one, as detectors read them.

Papers: Lin et al. (2017), "Feature pyramid networks for object detection"; Kirillov et al. (2019), "Panoptic feature
pyramid networks"; He et al. (2016); Xie et al. (2017).

Input: images of 3 x 512 x 1024 (also 3 x 512 x 512).

Task: one of 19 classes for each pixel (Cityscapes).

Counts: derived, on a ResNet whose stages give c channels. Pyramid, a 1 x 1 convolution from c and a 3 x 3 one a level,
with biases: 256 x 256 + 256 x 512 + 256 x 1024 + 256 x 2048 + 4 x 256 x 256 x 9 + 8 x 256 = 3,344,384 on bottlenecks.
Head, 3 x 3 convolutions without bias, four from 256 to 128 channels and three from 128 to 128, each with the scale and
shift of a group norm, and 19 classes: 4 x 294,912 + 3 x 147,456 + 7 x 256 + 128 x 19 + 19 = 1,626,259. With ResNet-50
(23,508,032) `semantic_fpn_resnet50` has 28,478,675.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasengine import Block, Image, Space, choice
from nasengine.blocks import BatchNorm, FeaturePyramid, GroupNorm, Identity, PyramidHead, Segmenter, Sequential
from nasengine.space.spec import Label
from search_spaces._resnet import SIZES, VARIANTS, backbone, resnet_decisions

TAPS = (1, 2, 3, 4)


def pyramid(channels: Sequence[int], norm_groups: int, extra: str = "none") -> Block:
    """An open pyramid."""
    norm = choice(Identity(), BatchNorm(), GroupNorm(norm_groups))
    return FeaturePyramid(choice(*channels), extra, choice(1, 3), norm)


def fpn(
    classes: int = 19,
    *,
    height: int = 512,
    widths: Sequence[int] = (512, 1024),
    body: Block,
    channels: Sequence[int] = (64, 128, 256),
    norm_groups: int = 32,
    references: Mapping[str, Mapping[str, Label]] | None = None,
    name: str = "fpn",
) -> Space:
    """The space for a number of classes.

    Args:
        height, widths: of the image; the latter are options.
        body: an open backbone.
        channels: of pyramid and head, as options.
        norm_groups: of group norm; it divides the channels.
    """
    norm = choice(GroupNorm(norm_groups), BatchNorm())
    head = PyramidHead(classes, choice(*channels), norm, dropout=choice(0.0, 0.1))
    network = Segmenter(body, Sequential(pyramid=pyramid(channels, norm_groups), classify=head), reads=len(TAPS))
    return Space(name, inputs=Image(3, height, choice(*widths)), network=network, references=references)


def decisions(body: str, norm: str) -> dict[str, Label]:
    """A published pyramid on a ResNet."""
    plain: dict[str, Label] = {"*pyramid.channels": 256, "*pyramid.kernel": 3, "*pyramid.norm": "identity"}
    return resnet_decisions(body, norm) | plain


def semantic(body: str) -> dict[str, Label]:
    """With the head of Kirillov et al."""
    head: dict[str, Label] = {"*classify.channels": 128, "*classify.norm": "group_norm", "*classify.dropout": 0.0}
    return decisions(body, "batch_norm") | head | {"inputs.width": 1024}


space = fpn(body=backbone(taps=TAPS), references={f"semantic_fpn_{body}": semantic(body) for body in SIZES})
features = Space(
    "fpn-features",
    inputs=Image(3, choice(512, 800)),
    network=Sequential(backbone=backbone(taps=TAPS), pyramid=pyramid((64, 128, 256), 32, "pool")),
    references={
        f"fpn_{body}": decisions(body, "frozen_batch_norm") | {"inputs.height": 800} for body in (*SIZES, *VARIANTS)
    },
)
small = fpn(
    4,
    height=32,
    widths=(32, 48),
    body=backbone(
        taps=TAPS,
        depths=((1, 2), (1, 2), (1,), (1,)),
        widths=(4, 6),
        kernels=(3,),
        groups=2,
        grouped=(2, 4),
        norm_groups=2,
        large=False,
    ),
    channels=(8, 16),
    norm_groups=4,
    name="fpn-small",
)
