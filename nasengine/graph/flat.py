"""Flat form of a fragment: its primitives in order, over numbered values."""

from __future__ import annotations

from typing import NamedTuple

from nasengine.graph.fragment import Fragment, FragmentCall
from nasengine.graph.vocabulary import Primitive


class Node(NamedTuple):
    """One application of a primitive.

    Args:
        fragment: the lowered primitive (spec, types, state, cost).
        path: module path, ``body.1.depthwise.conv``; nodes of one path share their weights.
        call: path of this application; differs from ``path`` where a module is applied again.
        inputs, outputs: value numbers.
    """

    fragment: Fragment
    path: str
    call: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def op(self) -> Primitive:
        """The primitive's spec."""
        assert isinstance(self.fragment.block, Primitive)
        return self.fragment.block


class Flat(NamedTuple):
    """Nodes in topological order over values numbered from the inputs on, and the values given out."""

    nodes: tuple[Node, ...]
    refs: tuple[int, ...]
    inputs: int


def flatten(fragment: Fragment) -> Flat:
    """A fragment's primitives; a primitive alone becomes one node named by its tag."""
    count = len(fragment.inputs)
    nodes: list[Node] = []
    if fragment.call is not None:
        tag = "".join(c if c.isalnum() else "_" for c in fragment.block.tag)  # a module's name holds no dots
        outs = tuple(range(count, count + len(fragment.outputs)))
        return Flat((Node(fragment, tag, tag, tuple(range(count)), outs),), outs, count)
    state = [count]
    refs = _expand(fragment, tuple(range(count)), "", "", nodes, state)
    return Flat(tuple(nodes), refs, count)


def _expand(
    fragment: Fragment, args: tuple[int, ...], path: str, call: str, nodes: list[Node], state: list[int]
) -> tuple[int, ...]:
    values = list(args)
    for step in fragment.calls:
        mine = tuple([values[a] for a in step.args])
        where, name = f"{path}{step.module}", f"{call}{step.name}"
        if step.fragment.call is None:
            values.extend(_expand(step.fragment, mine, f"{where}.", f"{name}.", nodes, state))
            continue
        outs = tuple(range(state[0], state[0] + len(step.fragment.outputs)))
        state[0] += len(outs)
        nodes.append(Node(step.fragment, where, name, mine, outs))
        values.extend(outs)
    return tuple([values[r] for r in fragment.refs])


def gather(fragment: Fragment, flat: Flat) -> Fragment:
    """A fragment like the given one, with the flat nodes as its calls, values numbered anew."""
    number = {i: i for i in range(flat.inputs)}
    calls: list[FragmentCall] = []
    for node in flat.nodes:
        first = len(number)
        calls.append(FragmentCall(node.fragment, node.path, node.call, tuple([number[i] for i in node.inputs]), first))
        for k, out in enumerate(node.outputs):
            number[out] = first + k
    refs = tuple(number[r] for r in flat.refs)
    return Fragment(fragment.block, fragment.inputs, fragment.outputs, calls=tuple(calls), refs=refs)
