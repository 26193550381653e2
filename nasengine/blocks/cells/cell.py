"""Cells: a directed acyclic graph with an operation on every edge."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import ClassVar

from nasengine.blocks.basic.merge import Add, Concat
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring
from nasengine.graph.zeros import zeros_of

ADD = Add()  # made once: it comes in every cell


@block("zero")
class Zero(Composite):
    """A tensor of zeros of the input's type: a cell's edge that is not there ("zeroize"; Dong and Yang, 2020).

    (C, *S) → (channels or C, *⌈S/stride⌉).
    """

    stride: int = 1
    channels: int | None = None

    def validate(self) -> None:
        if self.stride < 1 or (self.channels is not None and self.channels < 1):
            raise SpaceError(f"zero: stride >= 1 and channels >= 1; got stride={self.stride}, channels={self.channels}")

    def wire(self, net: Wiring, x: Value) -> Value:
        kind = x.type
        if self.channels is not None or self.stride != 1:
            if self.stride != 1 and not kind.spatial:
                raise ShapeError(f"zero.stride: only spatial axes can be strided over; got {kind!r}; use stride=1")
            spatial = tuple(-(-n // self.stride) for n in kind.spatial)
            kind = kind.with_channels(self.channels or kind.channels, spatial if kind.spatial else None)
        made: Value = net(zeros_of(kind), x, name="zeros")
        return made


@block("cell")
class Cell(Composite):
    """A directed acyclic graph with an operation on every edge (Liu et al., 2019, fig. 1; Dong and Yang, 2020, fig. 1).

    Nodes are numbered from the inputs on; each later node is the sum of what comes over an edge from every node before
    it. Edges are listed node by node: with one input e01, e02, e12, e03, e13, e23. They are named so in decisions and
    in the module (``e0_10`` where a cell has more than ten nodes). :class:`Zero` stands for an edge that is not there.

    Args:
        edges: operations; :meth:`of` makes them from a function of (source, target).
        inputs: number of values the cell takes.
        output: ``"last"`` node, or ``"concat"`` of all nodes that are not inputs, along channels.
    """

    inline: ClassVar[str] = "edges"
    edges: tuple[Block, ...]
    inputs: int = 1
    output: str = "last"

    @classmethod
    def of(cls, nodes: int, edge: Callable[[int, int], Block], *, inputs: int = 1, output: str = "last") -> Cell:
        """A cell of ``nodes`` nodes, inputs included; ``edge(source, target)`` is called once an edge."""
        return cls(tuple(edge(i, j) for j in range(inputs, nodes) for i in range(j)), inputs, output)

    def validate(self) -> None:
        if self.inputs < 1 or self.output not in ("last", "concat"):
            raise SpaceError(f"cell: inputs >= 1 and output 'last' or 'concat'; got {self.inputs} and {self.output!r}")
        if not self.edges or sum(range(self.inputs, self.nodes)) != len(self.edges):
            raise SpaceError(
                f"cell.edges: every node after the {self.inputs} inputs has an edge from each node before it "
                f"({self._counts()}, ...); got {len(self.edges)} edges; Zero() stands for an edge that is not there"
            )

    def _counts(self) -> str:
        return ", ".join(str(sum(range(self.inputs, self.inputs + n))) for n in range(1, 5))

    @property
    def nodes(self) -> int:
        """Number of nodes, inputs included: the n with n(n-1)/2 - inputs(inputs-1)/2 edges."""
        total = len(self.edges) + self.inputs * (self.inputs - 1) // 2
        return (1 + isqrt(1 + 8 * total)) // 2

    def pairs(self) -> list[tuple[int, int]]:
        """(source, target) of each edge, in order."""
        return [(i, j) for j in range(self.inputs, self.nodes) for i in range(j)]

    def child_names(self) -> tuple[str, ...]:
        between = "" if self.nodes <= 10 else "_"
        names = tuple(f"e{i}{between}{j}" for i, j in self.pairs())
        return (*names, *(f"extra{k}" for k in range(len(self.edges) - len(names))))

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        if len(inputs) != self.inputs:
            raise ShapeError(f"cell.inputs: it takes {self.inputs} values; got {len(inputs)}; set inputs={len(inputs)}")
        values = list(inputs)
        edges = iter(zip(self.child_names(), self.edges, strict=True))
        for node in range(self.inputs, self.nodes):
            terms = []
            for source in range(node):
                name, operation = next(edges)
                terms.append(net(operation, values[source], name=name))
            values.append(net(ADD, *terms, name=f"n{node}"))
        if self.output == "last":
            return values[-1]
        made: Value = net(Concat(), *values[self.inputs :], name="output")
        return made
