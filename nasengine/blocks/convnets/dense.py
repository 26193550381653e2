"""Densely connected blocks: every layer reads what all layers before it gave."""

from __future__ import annotations

from functools import lru_cache

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import AvgPool
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.compose import Sequential
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("norm_act_conv")
class NormActConv(Composite):
    """Norm, activation, convolution: the order of pre-activation (He et al., 2016, fig. 1b). (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, groups: as of :class:`Conv`; it has no bias.
        norm, activation: what comes before.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def row(self) -> tuple[tuple[str, Block], ...]:
        """(name, block) in order."""
        conv = Conv(self.channels, self.kernel, self.stride, groups=self.groups, bias=False)
        return (("norm", self.norm), ("act", self.activation), ("conv", conv))


@block("dense_layer")
class DenseLayer(Composite):
    """``[x, H(x)]`` with H: norm, activation, convolution (Huang et al., 2017, eq. 2). (C, *S) → (C + growth, *S).

    Args:
        growth: channels that it adds, k of the paper.
        bottleneck: a 1 × 1 convolution to ``bottleneck * growth`` channels comes first (DenseNet-B); 0 leaves it out.
        kernel: side of the last convolution's window.
        dropout: probability, after the last convolution.
        norm, activation: before each convolution.
    """

    growth: int
    bottleneck: int = 4
    kernel: int = 3
    dropout: float = 0.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.growth < 1 or self.bottleneck < 0:
            raise SpaceError(
                f"dense_layer: growth >= 1 and bottleneck >= 0; got growth={self.growth}, bottleneck={self.bottleneck}"
            )
        if self.kernel % 2 == 0:
            raise SpaceError(
                f"dense_layer.kernel: odd, so that what a layer adds has its input's size; got {self.kernel}; "
                "use 3 or 5"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        made: Value = net(Concat(), x, net(_added(self), x, name="added"), name="concat")
        return made


@lru_cache(maxsize=1024)
def _added(layer: DenseLayer) -> Block:
    """H, made once: a network has hundreds of equal layers, each on other channels."""
    ends = (layer.norm, layer.activation)
    grow = NormActConv(layer.growth, layer.kernel, 1, 1, *ends)
    drop = {"dropout": Dropout(layer.dropout)} if layer.dropout else {}
    if not layer.bottleneck:
        return Sequential(grow=grow, **drop)
    return Sequential(reduce=NormActConv(layer.bottleneck * layer.growth, 1, 1, 1, *ends), grow=grow, **drop)


@block("dense_block")
class DenseBlock(Composite):
    """Dense layers in a row (Huang et al., 2017, fig. 1). (C, *S) → (C + layers * growth, *S).

    Args:
        layers: number of layers.
        growth, bottleneck, kernel, dropout, norm, activation: as of :class:`DenseLayer`.
    """

    layers: int
    growth: int
    bottleneck: int = 4
    kernel: int = 3
    dropout: float = 0.0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.layers < 1:
            raise SpaceError(f"dense_block.layers: at least 1; got {self.layers}; Identity() stands for none")

    def row(self) -> tuple[tuple[str, Block], ...]:
        """(name, layer) in order."""
        layer = DenseLayer(*self.values()[1:])
        return tuple((f"layers.{i}", layer) for i in range(self.layers))


@block("dense_transition")
class DenseTransition(Composite):
    """Fewer channels and half the resolution between dense blocks (Huang et al., 2017, section 3).

    (C, *S) → (channels, *⌊S/2⌋): norm, activation, 1 × 1 convolution, average pooling.

    Args:
        compression: share of the channels that is kept, θ of the paper.
        channels: output channels; overrides ``compression`` where not 0.
        norm, activation: before the convolution.
    """

    compression: float = 0.5
    channels: int = 0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if not 0 < self.compression <= 1 or self.channels < 0:
            raise SpaceError(
                f"dense_transition: compression is a share in (0, 1] and channels >= 0; got "
                f"compression={self.compression}, channels={self.channels}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        channels = self.channels or max(1, int(x.channels * self.compression))
        y = net(NormActConv(channels, 1, norm=self.norm, activation=self.activation), x, name="project")
        made: Value = net(AvgPool(2), y, name="pool")
        return made
