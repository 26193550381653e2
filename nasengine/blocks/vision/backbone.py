"""Backbones: networks without their classifier, that give the feature maps of several stages."""

from __future__ import annotations

from nasengine.blocks.basic.pool import MaxPool
from nasengine.blocks.compose import Sequential
from nasengine.blocks.convnets.convnet import Bottleneck, ConvNormAct
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring
from nasengine.space.spec import field_names

SET = ("channels", "stride", "dilation")
"""Fields of a unit that its place decides."""


@block("resnet_backbone")
class ResNetBackbone(Composite):
    """ResNet up to its last stage (He et al., 2016, table 1). (C, H, W) → one (C_i, H_i, W_i) for each of ``taps``.

    Each stage doubles the channels of the one before. Each but the first halves the resolution; the last ``dilated``
    ones keep it and double the dilation instead (Chen et al., 2017, fig. 3), the first block of such a stage still at
    the dilation before.

    Args:
        depths: blocks of each stage.
        unit: the block of the first stage, as :class:`Bottleneck` or :class:`BasicBlock`; the others are as it is but
            for channels, stride and dilation.
        taps: numbers of the stages whose outputs are given, from 1 on; there are no stages after the last of them.
        dilated: how many of the last stages dilate.
        stem: before the first stage.
    """

    depths: tuple[int, ...] = (3, 4, 6, 3)
    unit: Block = Bottleneck(256)
    taps: tuple[int, ...] = (1, 2, 3, 4)
    dilated: int = 0
    stem: Block = Sequential(conv=ConvNormAct(64, 7, 2), pool=MaxPool(3, 2, 1))

    def validate(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise SpaceError(f"resnet_backbone.depths: at least one block a stage; got {self.depths}")
        missing = [name for name in SET if name not in field_names(type(self.unit))]
        if missing:
            raise SpaceError(
                f"resnet_backbone.unit: a block with channels, stride and dilation; {self.unit.tag!r} has no "
                f"{missing[0]}; use BasicBlock or Bottleneck"
            )
        if not self.taps or list(self.taps) != sorted(set(self.taps) & set(range(1, len(self.depths) + 1))):
            raise SpaceError(
                f"resnet_backbone.taps: numbers of stages, rising, from 1 to {len(self.depths)}; got {self.taps}"
            )
        if not 0 <= self.dilated < len(self.depths):
            raise SpaceError(
                f"resnet_backbone.dilated: at most all stages but the first, {len(self.depths) - 1}; got {self.dilated}"
            )

    def wire(self, net: Wiring, x: Value) -> Value | tuple[Value, ...]:
        y: Value = net(self.stem, x, name="stem")
        made: list[Value] = []
        dilation = 1
        for number, depth in enumerate(self.depths[: self.taps[-1]], start=1):
            before, stride = dilation, 1
            if number > len(self.depths) - self.dilated:
                dilation *= 2
            elif number > 1:
                stride = 2
            first, other = self._unit(number, stride, before), self._unit(number, 1, dilation)
            y = net(Sequential(first, *[other] * (depth - 1)), y, name=f"stage{number}")
            if number in self.taps:
                made.append(y)
        return tuple(made) if len(made) > 1 else made[0]

    def _unit(self, stage: int, stride: int, dilation: int) -> Block:
        """The unit at a place."""
        names, values = field_names(type(self.unit)), self.unit.values()
        fields = dict(zip(names, values, strict=True))
        fields |= {"channels": fields["channels"] << (stage - 1), "stride": stride, "dilation": dilation}
        return type(self.unit).closed(tuple(fields[name] for name in names))
