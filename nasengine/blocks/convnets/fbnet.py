"""FBNet's block: an inverted residual that always expands, with groups in its pointwise convolutions."""

from __future__ import annotations

from math import prod

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import needs_spatial
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.shape import Permute, Reshape
from nasengine.blocks.convnets.convnet import ConvNorm, ConvNormAct
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("channel_shuffle")
class ChannelShuffle(Composite):
    """Channels dealt out so that each group gets some of every group (Zhang et al., 2018, fig. 1c). (C, *S) → (C, *S).

    Args:
        groups: divides the channels; 1 does nothing.
    """

    groups: int = 2

    def validate(self) -> None:
        if self.groups < 1:
            raise SpaceError(f"channel_shuffle.groups: at least 1; got {self.groups}")

    def wire(self, net: Wiring, x: Value) -> Value:
        needs_spatial(x.type, self.tag)
        if x.channels % self.groups:
            raise ShapeError(
                f"channel_shuffle.groups: it divides the channels; got {self.groups} groups for {x.channels} channels; "
                "make one divide the other"
            )
        if self.groups in (1, x.channels):
            return x
        parts = (self.groups, x.channels // self.groups, prod(x.spatial))
        y = net(Reshape(parts, "CHW"), x, name="split")
        y = net(Permute((1, 0, 2), "CHW"), y, name="turn")
        made: Value = net(Reshape(x.type.shape, x.type.axes), y, name="join")
        return made


@block("fbnet_block")
class FBNetBlock(Composite):
    """1 × 1 convolution, depthwise convolution, 1 × 1 convolution, and a sum (Wu et al., 2019, fig. 3).

    (C, *S) → (channels, *⌈S/stride⌉). Unlike :class:`InvertedResidual` it has the first convolution at ``expand`` 1.

    Args:
        channels: output channels.
        kernel, stride: of the depthwise convolution.
        expand: inner channels over C.
        groups: of both 1 × 1 convolutions; above 1 the channels are shuffled between the first and the depthwise one.
        norm: after each convolution.
        activation: after the first two.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    expand: int = 6
    groups: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.channels < 1 or self.expand < 1:
            raise SpaceError(
                f"fbnet_block: channels >= 1 and expand >= 1; got channels={self.channels}, expand={self.expand}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        ends = (self.norm, self.activation)
        hidden = x.channels * self.expand
        y = net(ConvNormAct(hidden, 1, 1, "same", 1, self.groups, *ends), x, name="expand")
        y = net(ChannelShuffle(self.groups), y, name="shuffle")
        y = net(ConvNormAct(hidden, self.kernel, self.stride, "same", 1, 0, *ends), y, name="depthwise")
        out: Value = net(ConvNorm(self.channels, 1, groups=self.groups, norm=self.norm), y, name="project")
        if self.stride != 1 or out.type != x.type:
            return out
        made: Value = net(Add(), x, out, name="add")
        return made
