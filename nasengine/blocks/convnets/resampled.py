"""The residual block of generators and critics."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.pool import AvgPool
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.compose import Identity
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("resampled_residual")
class ResampledResidual(Composite):
    """Norm, activation, convolution, twice, beside a shortcut (Gulrajani et al., 2017, appendix F).

    (C, *S) → (channels, *S), (channels, *2 S) or (channels, *S / 2).

    Args:
        channels: output channels.
        resample: "none"; "up", nearest neighbours before the first convolution; "down", the mean of each 2 × 2 after
            the second. The shortcut is resampled alike, and has a 1 × 1 convolution where anything changes.
        kernel: an odd side.
        norm, activation: before each convolution.
        first: the first block of a critic: neither stands before the first convolution, since it reads an image, and
            the shortcut is resampled before its convolution.
    """

    channels: int
    resample: str = "none"
    kernel: int = 3
    norm: Block = Identity()
    activation: Block = ReLU()
    first: bool = False

    def validate(self) -> None:
        if self.resample not in ("none", "up", "down"):
            raise SpaceError(f"resampled_residual.resample: 'none', 'up' or 'down'; got {self.resample!r}")
        if self.kernel % 2 == 0:
            raise SpaceError(f"resampled_residual.kernel: odd, so that sides are kept; got {self.kernel}")

    def wire(self, net: Wiring, x: Value) -> Value:
        up, down = Upsample(2) if self.resample == "up" else Identity(), self.resample == "down"
        hidden = x.channels if down and not self.first else self.channels
        y = x if self.first else self._before(net, x, 1)
        y = net(Conv(hidden, self.kernel), net(up, y, name="up"), name="conv1")
        y = net(Conv(self.channels, self.kernel), self._before(net, y, 2), name="conv2")
        y = net(AvgPool(2) if down else Identity(), y, name="down")
        made: Value = net(Add(), self._shortcut(net, x), y, name="add")
        return made

    def _before(self, net: Wiring, x: Value, place: int) -> Value:
        made: Value = net(self.activation, net(self.norm, x, name=f"norm{place}"), name=f"act{place}")
        return made

    def _shortcut(self, net: Wiring, x: Value) -> Value:
        if self.resample == "none" and x.channels == self.channels:
            return x
        steps = {"up": Upsample(2), "down": AvgPool(2)}
        resample = steps.get(self.resample, Identity())
        project = Conv(self.channels, 1)
        parts = {"project": project, "resample": resample}
        for name in ("project", "resample") if self.resample == "down" and not self.first else ("resample", "project"):
            x = net(parts[name], x, name=f"shortcut.{name}")
        return x
