"""Composites of semantic segmentation: heads that classify every position of a feature map."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Add, Concat
from nasengine.blocks.basic.norm import BatchNorm, GroupNorm
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNormAct
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("segmenter")
class Segmenter(Composite):
    """A backbone, and a head whose classes are resampled to the image's size. (C, H, W) → (classes, H, W).

    With ``auxiliary`` (Zhao et al., 2017, section 3.3; of use in training only) there is a second output.

    Args:
        backbone: gives feature maps, from fine to coarse.
        head: takes the last ``reads`` of them.
        auxiliary: takes the last but one; ``Identity()`` stands for none.
        reads: as above.
    """

    backbone: Block
    head: Block
    auxiliary: Block = Identity()
    reads: int = 1

    output_names: ClassVar[tuple[str, ...]] = ("out", "aux")

    def validate(self) -> None:
        if self.reads < 1:
            raise SpaceError(f"segmenter.reads: at least 1; got {self.reads}")

    def wire(self, net: Wiring, x: Value) -> Value | tuple[Value, ...]:
        found = net(self.backbone, x, name="backbone")
        maps: tuple[Value, ...] = found if isinstance(found, tuple) else (found,)
        wanted = max(self.reads, 1 if isinstance(self.auxiliary, Identity) else 2)
        if len(maps) < wanted:
            raise ShapeError(f"segmenter: the backbone gives {wanted} feature maps; got {len(maps)}; give more taps")
        whole = Upsample(size=x.spatial, mode="linear")
        out: Value = net(whole, net(self.head, *maps[-self.reads :], name="head"), name="resize")
        if isinstance(self.auxiliary, Identity):
            return out
        return out, net(whole, net(self.auxiliary, maps[-2], name="auxiliary"), name="resize_auxiliary")


@block("fcn_head")
class FCNHead(Composite):
    """A convolution and a classifier of each position (Long et al., 2015, as torchvision has it).

    (C, *S) → (classes, *S).

    Args:
        classes: output channels.
        channels: of the convolution; 0 is a quarter of C.
        dropout: after it.
        norm, activation: of it.
    """

    classes: int
    channels: int = 0
    dropout: float = 0.1
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        channels = self.channels or max(1, x.channels // 4)
        y = net(ConvNormAct(channels, 3, norm=self.norm, activation=self.activation), x, name="conv")
        made: Value = net(Conv(self.classes, 1), net(Dropout(self.dropout), y, name="drop"), name="classify")
        return made


@block("aspp")
class ASPP(Composite):
    """Atrous spatial pyramid pooling (DeepLabV3, Chen et al., 2017, fig. 5). (C, *S) → (channels, *S).

    Side by side a 1 × 1 convolution, 3 × 3 ones of several dilations, and the mean of the whole image; then a 1 × 1
    convolution of all of them.

    Args:
        channels: of each branch and of the output.
        rates: dilations.
        pool: is the image's mean among the branches?
        dropout: of the output.
        norm, activation: after each convolution.
    """

    channels: int = 256
    rates: tuple[int, ...] = (12, 24, 36)
    pool: bool = True
    dropout: float = 0.5
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.channels < 1 or any(r < 1 for r in self.rates):
            raise SpaceError(f"aspp: channels and rates of at least 1; got {self.channels} and {self.rates}")

    def wire(self, net: Wiring, x: Value) -> Value:
        point = ConvNormAct(self.channels, 1, norm=self.norm, activation=self.activation)
        branches = [net(point, x, name="point")]
        for i, rate in enumerate(self.rates):
            conv = ConvNormAct(self.channels, 3, dilation=rate, norm=self.norm, activation=self.activation)
            branches.append(net(conv, x, name=f"atrous.{i}"))
        if self.pool:
            y = net(point, net(GlobalPool(keep=True), x, name="pool"), name="image")
            branches.append(net(Upsample(size=x.spatial, mode="linear"), y, name="spread"))
        y = net(point, net(Concat(), *branches, name="concat"), name="project")
        made: Value = net(Dropout(self.dropout), y, name="drop")
        return made


@block("pyramid_head")
class PyramidHead(Composite):
    """The semantic branch of Panoptic FPN (Kirillov et al., 2019, fig. 3).

    Maps from fine to coarse, (C, H_i, W_i) → (classes, H_1, W_1). Each map goes through as many convolutions as there
    are doublings to the finest one, at least one, with bilinear resampling after each; their sum is classified.

    Args:
        classes: output channels.
        channels: of the convolutions.
        norm, activation: after each convolution.
        dropout: of the sum.
    """

    classes: int
    channels: int = 128
    norm: Block = GroupNorm(32)
    activation: Block = ReLU()
    dropout: float = 0.0

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        conv = ConvNormAct(self.channels, 3, norm=self.norm, activation=self.activation)
        scaled: list[Value] = []
        for level, x in enumerate(inputs):
            y: Value = net(conv, x, name=f"level{level}.0") if level == 0 else x
            for step in range(level):
                finer = inputs[level - 1 - step].spatial
                y = net(conv, y, name=f"level{level}.{step}")
                y = net(Upsample(size=finer, mode="linear"), y, name=f"resize{level}.{step}")
            scaled.append(y)
        y = net(Dropout(self.dropout), net(Add(), *scaled, name="add"), name="drop")
        made: Value = net(Conv(self.classes, 1), y, name="classify")
        return made
