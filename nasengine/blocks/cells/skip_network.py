"""A network of layers in a row with a skip connection, or none, between any two."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.cells.cell_operations import ActConvNorm, FactorizedReduce
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("skip_network")
class SkipNetwork(Composite):
    """Layers in a row with skip connections between any two (Pham et al., 2018, section 2.3). (C, *S) → the head's.

    Each layer's value is concatenated with those it skips to and brought back to the layers' channels by a 1 × 1
    convolution. After one third and after two thirds, whatever a later layer reads is halved in size and doubled in
    channels.

    Args:
        layers: the operations; they keep size and channels. At least 3.
        skips: for each layer, whether it takes the stem's value and those of the layers but the one before: layer i has
            i of them.
        head: from the last layer to the output.
        channels: of the stem and the first third.
    """

    inline: ClassVar[str] = "layers"
    layers: tuple[Block, ...]
    skips: tuple[tuple[bool, ...], ...]
    head: Block
    channels: int = 36

    def child_names(self) -> tuple[str, ...]:
        return tuple(f"layer{i}" for i in range(len(self.layers)))

    def validate(self) -> None:
        if len(self.layers) < 3 or [len(row) for row in self.skips] != list(range(len(self.layers))):
            raise SpaceError(
                "skip_network.skips: at least 3 layers, and for layer i, counted from 0, i truth values (the stem, and "
                f"each layer but the one before); got {[len(row) for row in self.skips]} for {len(self.layers)} layers"
            )
        if self.channels < 2:
            raise SpaceError(f"skip_network.channels: at least 2; got {self.channels}")

    def wire(self, net: Wiring, x: Value) -> Value:
        values: dict[int, Value] = {0: net(ConvNorm(self.channels), x, name="stem")}
        third = len(self.layers) // 3
        for i, (name, operation) in enumerate(zip(self.child_names(), self.layers, strict=True)):
            y = net(operation, values[i], name=name)
            values[i + 1] = y if i == 0 else self._join(net, values, y, i)
            if i in (third - 1, 2 * third - 1):
                values = self._halve(net, values, i)
        made: Value = net(self.head, values[len(self.layers)], name="head")
        return made

    def _join(self, net: Wiring, values: dict[int, Value], y: Value, i: int) -> Value:
        taken = [values[k] for k, wanted in enumerate(self.skips[i]) if wanted]
        joined = net(Concat(), *taken, y, name=f"joins.{i}.concat")
        made: Value = net(ActConvNorm(y.channels), joined, name=f"joins.{i}.project")
        return made

    def _halve(self, net: Wiring, values: dict[int, Value], i: int) -> dict[int, Value]:
        """The values that a later layer reads, each halved."""
        later = {k for row in self.skips[i + 1 :] for k, wanted in enumerate(row) if wanted} | {i + 1}
        halves = FactorizedReduce(2 * values[i + 1].channels, activation=Identity())
        return {k: net(halves, v, name=f"halves.{i}.{k}") for k, v in values.items() if k in later}
