"""Shortcuts of residual blocks where the type changes."""

from __future__ import annotations

from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import AvgPool
from nasengine.blocks.cells.cell import Zero
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring

KINDS = ("projection", "pool", "pad")


@block("shortcut")
class Shortcut(Composite):
    """What stands beside a residual branch that changes the type. (C, *S) → (channels, *⌈S/stride⌉).

    Args:
        channels: output channels.
        stride: of the whole.
        kind: ``"projection"``, a strided 1 × 1 convolution and a norm (option B of He et al., 2016, section 3.3);
            ``"pool"``, average pooling before a convolution of stride 1 (ResNet-D; He et al., 2019, fig. 2c);
            ``"pad"``, every ``stride``-th position and zeros for the channels that are added (option A), a projection
            where none are.
        norm: after the convolution.
        bias: of the convolution.
    """

    channels: int
    stride: int = 1
    kind: str = "projection"
    norm: Block = BatchNorm()
    bias: bool = False

    def validate(self) -> None:
        if self.channels < 1 or self.stride < 1:
            raise SpaceError(f"shortcut: channels and stride at least 1; got {self.channels} and {self.stride}")
        if self.kind not in KINDS:
            raise SpaceError(f"shortcut.kind: one of {', '.join(KINDS)}; got {self.kind!r}")

    def wire(self, net: Wiring, x: Value) -> Value:
        stride, more = self.stride, self.channels - x.channels
        if self.kind == "pad" and more >= 0:
            kept: Value = net(AvgPool(1, stride), x, name="subsample")
            if more:
                kept = net(Concat(), kept, net(Zero(stride, more), x, name="zero"), name="pad")
            return kept
        if self.kind == "pool" and stride > 1:
            x, stride = net(AvgPool(2, stride, ceil=True, count_padding=False), x, name="pool"), 1
        made: Value = net(self.norm, net(Conv(self.channels, 1, stride, bias=self.bias), x, name="conv"), name="norm")
        return made
