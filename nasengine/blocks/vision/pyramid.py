"""Feature pyramids: maps of several resolutions, each with what the coarser ones know."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.pool import MaxPool
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring

EXTRA = ("none", "pool", "output", "input")


@block("feature_pyramid")
class FeaturePyramid(Composite):
    """Feature Pyramid Network (Lin et al., 2017a, fig. 3).

    Maps (C_i, H_i, W_i) from fine to coarse → as many (channels, H_i, W_i), and coarser ones after them.

    Args:
        channels: of every output.
        extra: the coarser ones: ``"none"``; ``"pool"``, every second position of the last output (Lin et al., 2017a,
            section 4.1); or two strided convolutions (P6 and P7 of Lin et al., 2017b, section 4) on the last
            ``"output"`` or on the last ``"input"``.
        kernel: of the convolution after each sum.
        norm: after each convolution but those of ``extra``.
    """

    channels: int = 256
    extra: str = "none"
    kernel: int = 3
    norm: Block = Identity()

    def validate(self) -> None:
        if self.extra not in EXTRA:
            raise SpaceError(f"feature_pyramid.extra: one of {', '.join(EXTRA)}; got {self.extra!r}")

    def wire(self, net: Wiring, *inputs: Value) -> Value | tuple[Value, ...]:
        lateral = ConvNorm(self.channels, 1, norm=self.norm)
        smooth = ConvNorm(self.channels, self.kernel, norm=self.norm)
        sums: list[Value] = [net(lateral, x, name=f"lateral.{i}") for i, x in enumerate(inputs)]
        for i in reversed(range(len(sums) - 1)):
            above = net(Upsample(size=sums[i].spatial), sums[i + 1], name=f"up.{i}")
            sums[i] = net(Add(), sums[i], above, name=f"add.{i}")
        made: list[Value] = [net(smooth, y, name=f"smooth.{i}") for i, y in enumerate(sums)]
        if self.extra == "pool":
            made.append(net(MaxPool(1, 2), made[-1], name="pool"))
        elif self.extra != "none":
            coarser = net(Conv(self.channels, 3, 2), made[-1] if self.extra == "output" else inputs[-1], name="first")
            made += [coarser, net(Conv(self.channels, 3, 2), net(ReLU(), coarser, name="act"), name="second")]
        return tuple(made) if len(made) > 1 else made[0]
