"""Semantic segmentation by dilated ResNets: DeepLabV3 and FCN.

Generalises DeepLabV3 and the fully convolutional network on a dilated ResNet, as torchvision has them: the backbone's
kind of block (basic, bottleneck, wide, grouped), depths, width, kernel, stem, norm, activation and squeeze-excite are
open; so is how many of its stages dilate instead of striding (output stride 32, 16 or 8), the head (a pyramid of
dilated convolutions with its rates and channels, or one convolution) and whether an auxiliary classifier of the stage
before the last is trained with it: it is then the second output.

Papers: Chen et al. (2017), "Rethinking atrous convolution for semantic image segmentation"; Long et al. (2015), "Fully
convolutional networks for semantic segmentation"; He et al. (2016); Zhao et al. (2017) for the auxiliary classifier.

Input: images of 3 x 520 x 520 (also 3 x 384 x 384).

Task: one of 21 classes for each pixel (PASCAL VOC).
"""

from __future__ import annotations

from collections.abc import Sequence

from nasengine import Block, Image, Space, choice
from nasengine.blocks import ASPP, Conv, ConvNormAct, FCNHead, Identity, Segmenter, Sequential
from nasengine.space.spec import Label
from search_spaces._resnet import DEPTHS, backbone, resnet_decisions

RATES = ((12, 24, 36), (6, 12, 18), (3, 6, 9), (12, 24), (6,))
"""Dilations of the pyramid; the first are the paper's at output stride 8, the second at 16."""


def heads(classes: int, channels: Sequence[int], rates: Sequence[tuple[int, ...]]) -> Block:
    """DeepLabV3's head, or FCN's."""
    width = choice(*channels, name="head_channels")
    pyramid = ASPP(width, choice(*rates, name="rates"), pool=choice(True, False, name="image_pool"))
    deeplab = Sequential(pyramid=pyramid, conv=ConvNormAct(width, 3), classify=Conv(classes, 1))
    return choice(deeplab, FCNHead(classes), labels=("deeplab", "fcn"), name="head")


def deeplab(
    classes: int = 21,
    *,
    sizes: Sequence[int] = (384, 520),
    depths: Sequence[Sequence[int]] = DEPTHS,
    widths: Sequence[int] = (32, 64, 96),
    kernels: Sequence[int] = (3, 5),
    groups: int = 32,
    norm_groups: int = 32,
    channels: Sequence[int] = (64, 128, 256),
    rates: Sequence[tuple[int, ...]] = RATES,
    large: bool = True,
    name: str = "deeplab",
) -> Space:
    """The space for a number of classes and square images."""
    last = len(depths)
    body = backbone(
        taps=(last - 1, last),
        dilated=choice(0, 1, 2, name="dilated"),
        depths=depths,
        widths=widths,
        kernels=kernels,
        groups=groups,
        norm_groups=norm_groups,
        large=large,
    )
    auxiliary = choice(Identity(), FCNHead(classes), labels=(False, True), name="aux")
    network = Segmenter(body, heads(classes, channels, rates), auxiliary)
    return Space(name, inputs=Image(3, choice(*sizes, name="resolution")), network=network, references=published(sizes))


def published(sizes: Sequence[int]) -> dict[str, dict[str, Label]]:
    """Members as torchvision has them; none where the image is another."""
    if 520 not in sizes:
        return {}
    made: dict[str, dict[str, Label]] = {}
    pyramid: dict[str, Label] = {"head_channels": 256, "rates": "(12, 24, 36)", "image_pool": True}
    for body in ("resnet50", "resnet101"):
        for head, more in (("deeplab", pyramid), ("fcn", {})):
            for aux in (False, True):
                key = f"{'deeplabv3' if head == 'deeplab' else 'fcn'}_{body}{'_aux' if aux else ''}"
                whole: dict[str, Label] = {"resolution": 520, "dilated": 2, "head": head, "aux": aux}
                made[key] = {**resnet_decisions(body), **whole, **more}
    return made


space = deeplab()
small = deeplab(
    4,
    sizes=(32, 48),
    depths=((1, 2), (1, 2), (1, 2)),
    widths=(4, 6),
    kernels=(3,),
    groups=2,
    norm_groups=2,
    channels=(8, 16),
    rates=((2, 4), (1, 2, 3)),
    large=False,
    name="deeplab-small",
)
