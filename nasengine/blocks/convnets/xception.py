"""Xception's module: separable convolutions around a shortcut."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import MaxPool
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm, SeparableConv
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("xception_module")
class XceptionModule(Composite):
    """Activation and separable convolution, ``depth`` times, added to a shortcut (Chollet, 2017, fig. 5).

    (C, *S) → (channels, *⌈S/stride⌉). The shortcut is projected where the type changes.

    Args:
        channels: of every separable convolution but perhaps the first.
        stride: of the whole, done by max pooling at the end.
        depth: number of separable convolutions.
        first: channels of the first; 0 means ``channels``.
        kernel: side of the depthwise windows.
        act_first: off, the first activation is left out (after a stem that ends with one).
        aligned: the form of DeepLabV3+ (Chen et al., 2018, fig. 4): the last convolution does the stride, and a norm
            stands between each depthwise and its pointwise convolution.
        norm: after each separable convolution.
        activation: before each separable convolution.
    """

    channels: int
    stride: int = 1
    depth: int = 3
    first: int = 0
    kernel: int = 3
    act_first: bool = True
    aligned: bool = False
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.depth < 1 or self.channels < 1 or self.first < 0:
            raise SpaceError(
                f"xception_module: depth >= 1, channels >= 1 and first >= 0; got depth={self.depth}, "
                f"channels={self.channels}, first={self.first}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        y = x
        for i in range(self.depth):
            channels = (self.first or self.channels) if i == 0 else self.channels
            stride = self.stride if self.aligned and i == self.depth - 1 else 1
            if i or self.act_first:
                y = net(self.activation, y, name=f"convs.{i}.act")
            conv = SeparableConv(
                channels, self.kernel, stride, norm=self.norm, activation=Identity(), middle=self.aligned
            )
            y = net(conv, y, name=f"convs.{i}.conv")
        if self.stride > 1 and not self.aligned:
            y = net(MaxPool(3, self.stride, 1), y, name="pool")
        skip = x
        if y.type != x.type:
            skip = net(ConvNorm(y.channels, 1, self.stride, norm=self.norm), x, name="shortcut")
        made: Value = net(Add(), skip, y, name="add")
        return made
