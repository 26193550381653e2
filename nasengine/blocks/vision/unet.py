"""Networks that halve the resolution step by step and come back: U-Net, SegNet."""

from __future__ import annotations

from nasengine.blocks.basic.conv import Conv, ConvTranspose
from nasengine.blocks.basic.merge import Add, Concat
from nasengine.blocks.basic.pool import MaxPool
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.basic.unpool import Crop, MaxUnpool
from nasengine.blocks.compose import Identity
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("unet")
class UNet(Composite):
    """U-Net (Ronneberger et al., 2015, fig. 1). (C, *S) → what ``head`` makes of the last map.

    Down: a block, then pooling by 2. Up: an up-convolution to the channels of the map of that resolution, that map
    beside it, then a block.

    Args:
        down: blocks of the contracting path, the last one at the bottom.
        up: blocks of the expanding path from the bottom up, one fewer.
        head: after the last block.
        upsample: ``"transpose"``, a 2 × 2 transposed convolution of stride 2, or ``"resize"``, linear resampling and
            a 1 × 1 convolution.
        merge: ``"concat"``, or ``"add"`` (LinkNet, Chaurasia and Culurciello, 2017, fig. 1).
        crop: the map that is handed over is cropped to the upsampled one ("copy and crop", for convolutions without
            padding); off, the upsampled map takes the other's size, be it odd.
    """

    down: tuple[Block, ...]
    up: tuple[Block, ...]
    head: Block = Identity()
    upsample: str = "transpose"
    merge: str = "concat"
    crop: bool = False

    def validate(self) -> None:
        if len(self.down) != len(self.up) + 1:
            raise SpaceError(
                f"unet: one block more down than up; got {len(self.down)} and {len(self.up)}; the last is the bottom"
            )
        if self.upsample not in ("transpose", "resize"):
            raise SpaceError(f"unet.upsample: 'transpose' or 'resize'; got {self.upsample!r}")
        if self.merge not in ("concat", "add"):
            raise SpaceError(f"unet.merge: 'concat' or 'add'; got {self.merge!r}")

    def wire(self, net: Wiring, x: Value) -> Value:
        kept: list[Value] = []
        for i, part in enumerate(self.down):
            x = net(MaxPool(2), x, name=f"pool.{i}") if i else x
            x = net(part, x, name=f"down.{i}")
            kept.append(x)
        merge = Concat() if self.merge == "concat" else Add()
        for i, part in enumerate(self.up):
            copy = kept[-2 - i]
            x = self._double(net, x, copy, i)
            if self.crop:
                copy = net(Crop(x.spatial), copy, name=f"crop.{i}")
            x = net(part, net(merge, copy, x, name=f"merge.{i}"), name=f"up.{i}")
        made: Value = net(self.head, x, name="head")
        return made

    def _double(self, net: Wiring, x: Value, copy: Value, step: int) -> Value:
        """The map at twice the resolution, with the channels of the one it meets."""
        size = tuple(2 * n for n in x.spatial) if self.crop else copy.spatial
        if self.upsample == "resize":
            y = net(Upsample(size=size, mode="linear"), x, name=f"resize.{step}")
            made: Value = net(Conv(copy.channels, 1), y, name=f"widen.{step}")
            return made
        odd = tuple(m - 2 * n for n, m in zip(x.spatial, size, strict=True))
        made = net(ConvTranspose(copy.channels, 2, 2, 0, odd if any(odd) else 0), x, name=f"widen.{step}")
        return made


@block("segnet")
class SegNet(Composite):
    """SegNet (Badrinarayanan et al., 2017, fig. 2 and 3): pooling remembers where its maxima were, unpooling uses it.

    (C, *S) → what ``head`` makes of the last map, at S.

    Args:
        encoder: blocks, each followed by pooling by 2.
        decoder: as many from the bottom up, each after the unpooling that belongs to it; one gives as many channels
            as the encoder's block of the next finer resolution.
        head: after the last block.
    """

    encoder: tuple[Block, ...]
    decoder: tuple[Block, ...]
    head: Block = Identity()

    def validate(self) -> None:
        if len(self.encoder) != len(self.decoder) or not self.encoder:
            raise SpaceError(
                f"segnet: as many blocks in the decoder as in the encoder, at least one; got {len(self.encoder)} and "
                f"{len(self.decoder)}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        places: list[tuple[Value, tuple[int, ...]]] = []
        for i, part in enumerate(self.encoder):
            y = net(part, x, name=f"encoder.{i}")
            x, indices = net(MaxPool(2, indices=True), y, name=f"pool.{i}")
            places.append((indices, y.spatial))
        for i, part in enumerate(self.decoder):
            indices, size = places[-1 - i]
            x = net(part, net(MaxUnpool(2, size), x, indices, name=f"unpool.{i}"), name=f"decoder.{i}")
        made: Value = net(self.head, x, name="head")
        return made
