"""A U-Net whose blocks change the resolution themselves."""

from __future__ import annotations

from nasengine.blocks.basic.merge import Concat
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("skip_unet")
class SkipUNet(Composite):
    """Blocks down, as many up, each map beside the one of its resolution (Isola et al., 2017, section 3.2.1).

    (C, *S) → what the last block up makes. Block i from the bottom up undoes the i-th last block down; its output and
    the map at that resolution are concatenated, the map first. :class:`UNet` pools and widens between its blocks;
    here strided and transposed convolutions in the blocks do both.

    Args:
        down: blocks on the way down; the last one makes the bottom.
        up: blocks from the bottom up, as many; the last one makes the output.
    """

    down: tuple[Block, ...]
    up: tuple[Block, ...]

    def validate(self) -> None:
        if not self.down or len(self.down) != len(self.up):
            raise SpaceError(f"skip_unet: as many blocks up as down, at least 1; got {len(self.down)}, {len(self.up)}")

    def wire(self, net: Wiring, x: Value) -> Value:
        maps: list[Value] = []
        for i, part in enumerate(self.down):
            x = net(part, x, name=f"down.{i}")
            maps.append(x)
        for i, part in enumerate(self.up):
            x = net(part, x, name=f"up.{i}")
            if i + 1 < len(self.up):
                copy = maps[-2 - i]
                if copy.spatial != x.spatial:
                    raise ShapeError(
                        f"up.{i}: it gives the resolution of the map it meets; got {x.type!r} and {copy.type!r}; "
                        "double what the block down halves, on sides that are even"
                    )
                x = net(Concat(), copy, x, name=f"merge.{i}")
        return x
