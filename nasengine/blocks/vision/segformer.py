"""SegFormer: a hierarchical transformer without positions, and a head of linear maps."""

from __future__ import annotations

from nasengine.blocks.basic.activation import GELU, ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.shape import ToImage, ToSequence, Upsample
from nasengine.blocks.convnets.convnet import ConvNormAct
from nasengine.blocks.transformers.attention import Attention
from nasengine.blocks.transformers.transformer import TransformerLayer
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("reduced_attention")
class ReducedAttention(Composite):
    """Attention to a coarser image: keys and values come from a strided convolution (Xie et al., 2021, eq. 2).

    (T = height * width, F) → (T, F). MACs grow with T² / reduction².

    Args:
        height: rows of the image that the sequence holds.
        each: features of a head.
        reduction: side of the squares that become one key; 1 leaves the image as it is.
    """

    height: int
    each: int
    reduction: int = 1

    def wire(self, net: Wiring, x: Value) -> Value:
        if self.reduction == 1:
            return net(Attention(head_features=self.each), x, name="attention")  # type: ignore[no-any-return]
        image = net(ToImage(self.height), x, name="image")
        coarse = net(Conv(x.channels, self.reduction, self.reduction, 0), image, name="reduce")
        source = net(LayerNorm(), net(ToSequence(), coarse, name="sequence"), name="norm")
        return net(Attention(head_features=self.each), x, source, name="attention")  # type: ignore[no-any-return]


@block("mix_feed_forward")
class MixFeedForward(Composite):
    """A feed-forward network with a depthwise 3 x 3 convolution, which tells positions (Xie et al., 2021, eq. 3).

    (T = height * width, F) → (T, F).

    Args:
        height: rows of the image that the sequence holds.
        ratio: hidden features over F.
        activation: after the convolution.
    """

    height: int
    ratio: float = 4
    activation: Block = GELU()

    def wire(self, net: Wiring, x: Value) -> Value:
        hidden = int(x.channels * self.ratio)
        y = net(ToImage(self.height), net(Linear(hidden), x, name="up"), name="image")
        y = net(ToSequence(), net(Conv(hidden, 3, groups=0), y, name="mix"), name="sequence")
        made: Value = net(Linear(x.channels), net(self.activation, y, name="act"), name="down")
        return made


@block("mix_stage")
class MixStage(Composite):
    """Overlapping patches, then layers (Xie et al., 2021, fig. 2). (C, H, W) → (features, ⌈H/stride⌉, ⌈W/stride⌉).

    Args:
        features, depth: of the stage.
        each: features of a head.
        kernel, stride: of the convolution that makes the patches.
        reduction: of the attention; it divides the sides of the stage.
        ratio: of the feed-forward network.
        drop_path: of each layer, in training.
    """

    features: int
    depth: int
    each: int = 32
    kernel: int = 3
    stride: int = 2
    reduction: int = 1
    ratio: float = 4
    drop_path: float = 0.0

    def validate(self) -> None:
        if self.depth < 1 or self.each < 1 or self.features % self.each or self.reduction < 1:
            raise SpaceError(
                "mix_stage: depth and reduction >= 1, features a multiple of each; "
                f"got depth={self.depth}, reduction={self.reduction}, features={self.features}, each={self.each}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        image = net(Conv(self.features, self.kernel, self.stride), x, name="patches")
        height, width = image.spatial
        if height % self.reduction or width % self.reduction:
            raise ShapeError(
                f"mix_stage.reduction: it divides the sides; got {self.reduction} for {image.type!r}; use a divisor"
            )
        layer = TransformerLayer(
            ReducedAttention(height, self.each, self.reduction),
            MixFeedForward(height, self.ratio),
            drop_path=self.drop_path,
        )
        y = net(LayerNorm(), net(ToSequence(), image, name="sequence"), name="patch_norm")
        for i in range(self.depth):
            y = net(layer, y, name=f"layers.{i}")
        made: Value = net(ToImage(height), net(LayerNorm(), y, name="norm"), name="image")
        return made


@block("segformer")
class SegFormer(Composite):
    """Stages of falling resolution and a head that joins them (Xie et al., 2021, fig. 2, eq. 4).

    (C, H, W) → (classes, H/4, W/4) where the first stage has a stride of 4.

    Args:
        stages: a row of stages.
        classes: of each position.
        features: of the head.
        dropout: before the classifier.
    """

    stages: Block
    classes: int
    features: int = 256
    dropout: float = 0.1

    def wire(self, net: Wiring, x: Value) -> Value:
        row = getattr(self.stages, "row", None)
        if row is None or not row():
            raise ShapeError("segformer.stages: a row of at least one stage; got another block; write Sequential(...)")
        maps: list[Value] = []
        for name, stage in row():
            x = net(stage, x, name=f"stages.{name}")
            maps.append(x)
        sides = maps[0].spatial
        joined: list[Value] = []
        for i, given in enumerate(maps):
            y = net(Conv(self.features, 1), given, name=f"maps.{i}")
            joined.append(net(Upsample(size=sides, mode="linear"), y, name=f"ups.{i}"))
        y = net(Concat(), *joined[::-1], name="concat")
        y = net(ConvNormAct(self.features, 1, activation=ReLU()), y, name="fuse")
        made: Value = net(Conv(self.classes, 1), net(Dropout(self.dropout), y, name="drop"), name="classify")
        return made
