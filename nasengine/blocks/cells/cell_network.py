"""Searched cells whose nodes add two operations each, and the network that stacks them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from nasengine.blocks.basic.merge import Add, Concat
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.cells.cell_operations import ActConvNorm, FactorizedReduce
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm, ConvNormAct
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring

ADD, CONCAT = Add(), Concat()  # made once: the same few blocks come in every cell
dropping = lru_cache(4_096)(DropPath)


@lru_cache(4_096)
def strided(operation: Any, stride: int) -> Any:
    """An operation with another stride."""
    return replace(operation, stride=stride)


@lru_cache(4_096)
def entries(channels: int) -> tuple[Block, Block]:
    """What projects a cell's input to these channels: at its resolution, and at half of it."""
    return ActConvNorm(channels), FactorizedReduce(channels)


@block("pair_cell")
class PairCell(Composite):
    """A cell of two inputs whose nodes each add two operations on two earlier values.

    (C, *S), (C, *S) → (k C, *⌈S/stride⌉), where k values are concatenated. It is NASNet's cell (Zoph et al., 2018,
    fig. 3), as ENAS (Pham et al., 2018, section 2.4) and DARTS (Liu et al., 2019, section 2.1) search it. Values are
    numbered from the inputs on: 0 is the output of the cell before the last, 1 of the last, 2 the first node.

    Args:
        operations: two for each node, in order; they keep the channels. In a cell with a stride, those on the cell's
            inputs get it, so each has a field ``stride``.
        sources: the numbers of the two values that each node takes.
        stride: 1 in a normal, 2 in a reduction cell.
        output: ``"nodes"``: all nodes are concatenated (DARTS); ``"loose"``: the values that no node took (ENAS).
        drop_path: probability that an operation's value is dropped in training, for each sample.
    """

    inline: ClassVar[str] = "operations"
    operations: tuple[Block, ...]
    sources: tuple[tuple[int, int], ...]
    stride: int = 1
    output: str = "nodes"
    drop_path: float = 0.0

    def validate(self) -> None:
        if not self.sources or len(self.operations) != 2 * len(self.sources):
            raise SpaceError(
                f"pair_cell.operations: two for each node; got {len(self.operations)} operations for "
                f"{len(self.sources)} nodes; give a pair of sources a node"
            )
        for node, pair in enumerate(self.sources):
            if len(pair) != 2 or not all(0 <= s < node + 2 for s in pair):
                raise SpaceError(
                    f"pair_cell.sources: node {node} takes two of the values 0..{node + 1}; got {pair}; "
                    "a node sees the inputs and the nodes before it"
                )
        if self.stride not in (1, 2) or self.output not in ("nodes", "loose"):
            raise SpaceError(
                f"pair_cell: stride 1 or 2 and output 'nodes' or 'loose'; got {self.stride} and {self.output!r}"
            )
        for operation in self.operations:
            if self.stride != 1 and not hasattr(operation, "stride"):
                raise SpaceError(
                    f"pair_cell.operations: in a reduction cell each has a field stride; got {operation.tag}; "
                    "SkipConnect() stands for Identity()"
                )

    def child_names(self) -> tuple[str, ...]:
        return tuple(f"node{i // 2}.{('first', 'second')[i % 2]}" for i in range(len(self.operations)))

    def wire(self, net: Wiring, before: Value, last: Value) -> Value:
        if before.type != last.type:
            raise ShapeError(
                f"pair_cell: both inputs are of one type; got {before.type!r} and {last.type!r}; "
                "project them first, as CellNetwork does"
            )
        values = [before, last]
        operations = iter(zip(self.child_names(), self.operations, strict=True))
        for node, pair in enumerate(self.sources):
            terms = [self._term(net, values, source, *next(operations)) for source in pair]
            values.append(net(ADD, *terms, name=f"node{node}.add"))
        made: Value = net(CONCAT, *self._outputs(net, values), name="output")
        return made

    def _term(self, net: Wiring, values: list[Value], source: int, name: str, operation: Any) -> Value:
        """An operation's value; its own stride is the cell's where it takes an input of the cell."""
        if self.stride != 1 and source < 2:
            operation = strided(operation, self.stride)
        y: Value = net(operation, values[source], name=name)
        if self.drop_path == 0 or y is values[source]:
            return y
        dropped: Value = net(dropping(self.drop_path), y, name=f"{name}_drop")
        return dropped

    def _outputs(self, net: Wiring, values: list[Value]) -> list[Value]:
        if self.output == "nodes":
            return values[2:]
        taken = {source for pair in self.sources for source in pair}
        loose = [(i, value) for i, value in enumerate(values) if i not in taken]
        if self.stride == 1:
            return [value for _, value in loose]
        reduce = FactorizedReduce(activation=Identity())
        return [net(reduce, value, name=f"reduce{i}") if i < 2 else value for i, value in loose]


@block("cell_network")
class CellNetwork(Composite):
    """Normal cells, with a reduction cell after one third and after two thirds (Zoph et al., 2018, fig. 2).

    (C, *S) → the head's output; with ``aux`` also the auxiliary head's. Each cell takes the outputs of the two before
    it, both projected to its channels; a reduction cell doubles these.

    Args:
        normal, reduction: the cells: blocks of two values of one type.
        head: from the last cell to the output.
        stem: before the first cell. ``"single"``: one 3 × 3 convolution of 3 × ``channels`` gives both its inputs (for
            32 × 32); ``"strided"``: three, each halving the resolution, of which the last two give one each (for 224).
        cells: how many, reduction cells included; at least 3.
        channels: of each node in the first cells.
        entry: how a cell's inputs are projected. ``"always"``: each by a 1 × 1 convolution, or by a factorised
            reduction where it is larger than the other (DARTS); ``"changed"``: only where a size or the channels
            differ, and the second input by one more 1 × 1 convolution in every cell (ENAS).
        aux_head: the classifier for training, on the output of the second reduction cell.
        aux: off, it is left out, as in the deployed network.
    """

    output_names: ClassVar[tuple[str, ...]] = ("output", "aux")

    normal: Block
    reduction: Block
    head: Block
    stem: str = "single"
    cells: int = 20
    channels: int = 36
    entry: str = "always"
    aux_head: Block = Identity()
    aux: bool = False

    def validate(self) -> None:
        if self.cells < 3 or self.channels < 2:
            raise SpaceError(
                f"cell_network: cells >= 3 and channels >= 2; got cells={self.cells}, channels={self.channels}"
            )
        if self.stem not in ("single", "strided") or self.entry not in ("always", "changed"):
            raise SpaceError(
                "cell_network: stem 'single' or 'strided' and entry 'always' or 'changed'; "
                f"got {self.stem!r} and {self.entry!r}"
            )

    def wire(self, net: Wiring, x: Value) -> Value | tuple[Value, ...]:
        before, last = self._stem(net, x)
        channels, aux = self.channels, []
        thirds = (self.cells // 3, 2 * self.cells // 3)
        for i in range(self.cells):
            channels *= 2 if i in thirds else 1
            inputs = self._enter(net, before, last, f"cells.{i}", channels)
            cell = self.reduction if i in thirds else self.normal
            before, last = last, net(cell, *inputs, name=f"cells.{i}.dag")
            if self.aux and i == thirds[1]:
                aux.append(net(self.aux_head, last, name="aux_head"))
        out: Value = net(self.head, last, name="head")
        return (out, *aux) if aux else out

    def _stem(self, net: Wiring, x: Value) -> tuple[Value, Value]:
        if self.stem == "single":
            y: Value = net(ConvNorm(3 * self.channels), x, name="stem")
            return y, y
        half = net(ConvNormAct(self.channels // 2, 3, 2), x, name="stem.0")
        first = net(ConvNorm(self.channels, 3, 2), half, name="stem.1")
        return first, net(ActConvNorm(self.channels, 3, 2), first, name="stem.2")

    def _enter(self, net: Wiring, before: Value, last: Value, name: str, channels: int) -> tuple[Value, Value]:
        project, halve = entries(channels)
        always = self.entry == "always"
        if before.spatial != last.spatial:
            before = net(halve, before, name=f"{name}.before")
        elif always or before.channels != channels:
            before = net(project, before, name=f"{name}.before")
        if not always and last.channels != channels:
            last = net(project, last, name=f"{name}.calibrate")
        return before, net(project, last, name=f"{name}.last")
