"""Simplify: the part of a network that its output depends on.

Two things are taken out, neither of which changes what the network computes or learns: nodes that no output needs,
and operations on a tensor of zeros whose result is zero whatever their weights are (a convolution without bias, a
pooling, a ReLU; a sum leaves a zero term out). A normalisation with a learned bias, or a convolution with one, turns
zeros into a learned constant: it stays, fed by zeros.
"""

from __future__ import annotations

from nasengine.graph.flat import Flat, Node, flatten, gather
from nasengine.graph.fragment import Fragment, FragmentCall
from nasengine.graph.tensor import TensorType
from nasengine.graph.wiring import lower_block
from nasengine.graph.zeros import zeros_of


def simplify(fragment: Fragment) -> Fragment:
    """The fragment without dead and zero parts; the fragment itself when there are none. Remembered."""
    found: Fragment | None = fragment.__dict__.get("_simple")
    if found is None:
        found = fragment if fragment.is_clean else _simplify(fragment)
        found.__dict__["_simple"] = found
        fragment.__dict__["_simple"] = found
    return found


def _simplify(fragment: Fragment) -> Fragment:
    if fragment.call is not None:
        return fragment
    calls = fragment.needed
    parts = [simplify(c.fragment) for c in calls]
    if any(p.is_ragged or (p.call is not None and not p.is_clean) for p in parts) or fragment.shares:
        return gather(fragment, _simplify_flat(flatten(fragment), fragment.inputs))
    number = {i: i for i in range(len(fragment.inputs))}
    made: list[FragmentCall] = []
    for call, part in zip(calls, parts, strict=True):
        first = len(number)
        made.append(FragmentCall(part, call.module, call.name, tuple([number[a] for a in call.args]), first))
        for k, out in enumerate(call.outs):
            number[out] = first + k
    refs = tuple(number[r] for r in fragment.refs)
    return Fragment(fragment.block, fragment.inputs, fragment.outputs, calls=tuple(made), refs=refs)


def _simplify_flat(flat: Flat, types: tuple[TensorType, ...]) -> Flat:
    zero = _Zeros(flat, types)
    nodes = [kept for node in flat.nodes for kept in zero.visit(node)]
    refs: list[int] = []
    for ref in flat.refs:
        made, value = zero.real(ref)
        nodes.extend(made)
        refs.append(value)
    return Flat(_live(nodes, refs), tuple(refs), flat.inputs)


def _live(nodes: list[Node], refs: list[int]) -> tuple[Node, ...]:
    wanted = set(refs)
    kept: list[Node] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return tuple(kept[::-1])


class _Zeros:
    """Carries zeros through a flat graph."""

    def __init__(self, flat: Flat, types: tuple[TensorType, ...]) -> None:
        self.types: dict[int, TensorType] = dict(enumerate(types))
        self.inputs = len(types)
        self.zeros: set[int] = set()
        self.alias: dict[int, int] = {}
        self.touched: set[int] = set()  # zeros and aliases: nodes that read none of them stay as they are
        self.made: dict[TensorType, int] = {}
        self.next = 1 + max([flat.inputs, *(o for n in flat.nodes for o in n.outputs)])

    def visit(self, node: Node) -> list[Node]:
        """What stays of a node: nothing, itself with its inputs renamed, or itself after the zeros it needs."""
        self.types.update(zip(node.outputs, node.fragment.outputs, strict=True))
        rule = node.op.on_zero()
        if rule != "source" and self.touched.isdisjoint(node.inputs):
            return [node]
        inputs = tuple([self.alias.get(i, i) for i in node.inputs])
        zeros = [i in self.zeros for i in inputs]
        if rule == "source" or (rule == "kept" and all(zeros)) or (rule == "any" and any(zeros)):
            self._vanish(node)
            return []
        if rule == "summand" and any(zeros):
            return self._sum(node, tuple(i for i, z in zip(inputs, zeros, strict=True) if not z))
        return self._keep(node, inputs)

    def _vanish(self, node: Node) -> None:
        self.zeros.update(node.outputs)
        self.touched.update(node.outputs)

    def _sum(self, node: Node, terms: tuple[int, ...]) -> list[Node]:
        if not terms:
            self._vanish(node)
            return []
        if len(terms) == 1 and self.types[terms[0]] == node.fragment.outputs[0]:
            self.alias[node.outputs[0]] = terms[0]
            self.touched.add(node.outputs[0])
            return []
        types = tuple(self.types[i] for i in terms)
        return [Node(lower_block(node.op, types), node.path, node.call, terms, node.outputs)]

    def _keep(self, node: Node, inputs: tuple[int, ...]) -> list[Node]:
        before: list[Node] = []
        real: list[int] = []
        for i in inputs:
            made, value = self.real(i)
            before.extend(made)
            real.append(value)
        return [*before, Node(node.fragment, node.path, node.call, tuple(real), node.outputs)]

    def real(self, value: int) -> tuple[list[Node], int]:
        """The value itself, or a node that makes the zeros it stands for (one node a type)."""
        value = self.alias.get(value, value)
        if value not in self.zeros:
            return [], value
        type = self.types[value]
        if type in self.made:
            return [], self.made[type]
        given = next((i for i in range(self.inputs) if self.types[i].batched == type.batched), 0)
        fragment = lower_block(zeros_of(type), (self.types[given],))
        out, name = self.next, f"zeros_{len(self.made)}"
        self.next += 1
        self.made[type] = out
        self.types[out] = type
        return [Node(fragment, name, name, (given,), (out,))], out
