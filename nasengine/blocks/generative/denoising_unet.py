"""The U-Net of diffusion models."""

from __future__ import annotations

from nasengine.blocks.basic.activation import SiLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import GroupNorm
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.cells.cell_operations import Pad
from nasengine.blocks.compose import Identity
from nasengine.blocks.generative.diffusion import Condition, ImageAttention
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring
from nasengine.space.spec import Spec, tagged


@tagged("denoising_level")
class DenoisingLevel(Spec):
    """One resolution of a :class:`DenoisingUNet`, on both its paths.

    Args:
        residual: the block, told the condition.
        depth: blocks on the way down; there is one more on the way up.
        attention: after each of them.
    """

    residual: Block
    depth: int = 2
    attention: Block = Identity()

    def validate(self) -> None:
        if self.depth < 1:
            raise SpaceError(f"denoising_level.depth: at least 1; got {self.depth}")


@block("denoising_unet")
class DenoisingUNet(Composite):
    """Time-conditioned U-Net (Ho et al., 2020, appendix B; with text: Rombach et al., 2022, section 3.3).

    (C, H, W), ()[, () class id][, (S, G) text] → (outputs, H, W). Each block down leaves its map, as does each change
    of resolution; each block up takes the last one left and reads it beside its own input.

    Args:
        channels: of the first convolution.
        levels: the resolutions from the finest on, each half the one before.
        condition: from time step (and class) to what blocks are told.
        middle: attention between the two blocks at the bottom, which are of the last level.
        norm, activation: before the last convolution.
        outputs: channels of the output; 0 keeps C.
        pad_after: where a resolution is halved, zeros are put below and to the right alone, as in the code of 2020;
            off, on all sides.
    """

    channels: int
    levels: tuple[DenoisingLevel, ...]
    condition: Condition
    middle: Block = ImageAttention()
    norm: Block = GroupNorm(32, 1e-6)
    activation: Block = SiLU()
    outputs: int = 0
    pad_after: bool = True

    def validate(self) -> None:
        if not self.levels or self.channels < 1 or self.outputs < 0:
            raise SpaceError(
                "denoising_unet: at least one level, channels >= 1 and outputs >= 0; "
                f"got {len(self.levels)} levels, {self.channels} and {self.outputs}"
            )

    def wire(self, net: Wiring, image: Value, time: Value, *more: Value) -> Value:
        text = tuple(value for value in more if value.type.axes == "TF")
        labels = tuple(value for value in more if value not in text)
        told = net(self.condition, time, *labels, name="condition")
        kept = [net(Conv(self.channels), image, name="first")]
        for i, level in enumerate(self.levels):
            if i:
                kept.append(self._halve(net, kept[-1], i - 1))
            for j in range(level.depth):
                kept.append(unit(net, level, f"down.{i}.{j}", kept[-1], told, text))
        bottom = self.levels[-1].residual
        x = net(bottom, kept[-1], told, name="middle.first")
        x = net(self.middle, x, *text, name="middle.attention")
        x = net(bottom, x, told, name="middle.second")
        for i, level in reversed(list(enumerate(self.levels))):
            for j in range(level.depth + 1):
                x = net(Concat(), x, kept.pop(), name=f"up.{i}.merge{j}")
                x = unit(net, level, f"up.{i}.{j}", x, told, text)
            if i:
                x = net(Upsample(2), x, name=f"up.{i}.larger")
                x = net(Conv(x.channels), x, name=f"up.{i}.conv")
        x = net(self.activation, net(self.norm, x, name="norm"), name="act")
        made: Value = net(Conv(self.outputs or image.channels), x, name="last")
        return made

    def _halve(self, net: Wiring, x: Value, level: int) -> Value:
        """The map at half the resolution."""
        if any(n % 2 for n in x.spatial):
            raise ShapeError(
                f"denoising_unet.levels: each resolution but the last has even sides; got {x.type!r} at level {level}; "
                "use fewer levels, or another image"
            )
        y = net(Pad(0, 1) if self.pad_after else Identity(), x, name=f"down.{level}.pad")
        made: Value = net(Conv(x.channels, 3, 2, 0 if self.pad_after else 1), y, name=f"down.{level}.conv")
        return made


def unit(net: Wiring, level: DenoisingLevel, name: str, x: Value, told: Value, text: tuple[Value, ...]) -> Value:
    """A residual block of a level, and the attention after it."""
    x = net(level.residual, x, told, name=f"{name}.residual")
    if isinstance(level.attention, Identity):
        return x
    made: Value = net(level.attention, x, *text, name=f"{name}.attention")
    return made
