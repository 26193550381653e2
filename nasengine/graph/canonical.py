"""The canonical form that ids are made of.

Rule. Two networks have one id when their simplified graphs (:mod:`nasengine.graph.simplify`) are the same up to

* names, nesting, identities and the order of inputs of sums and products;
* equal uses of a pure operation (no state, no randomness) on the same inputs, which are one use;
* nested sums, which are one sum (a sum that every path goes through is a cut value, below, and stays as it is);
* constants: what is computed without state from zeros alone is a value of its own, wherever and how often it is made.

A module applied twice is one module in the form; two modules of one kind are two. Labels are hashes of the torch call,
so equal forms are equal programs: soundness does not rest on the rule, only completeness does.

A graph with one input and one output falls apart at its *cut values*, those that every path goes through; its form
is the row of the parts' forms. That makes the form of blocks in a row the concatenation of theirs, whatever the
nesting, and a candidate's id a join of cached pieces. Within a part, nodes are ordered by colour refinement (Weisfeiler
and Leman, 1968); nodes that it cannot tell apart are nearly always automorphic, and where they are not, two equal
networks may get two ids: never the other way round.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import cast

from nasengine.graph.dag import Dag, Item
from nasengine.graph.flat import Flat, flatten
from nasengine.graph.fragment import LABEL, Fragment
from nasengine.graph.vocabulary import Primitive


def form(fragment: Fragment) -> bytes:
    """The canonical form of a simplified fragment."""
    row = chain(fragment)
    return row if row is not None else Dag.of(*_items(flatten(fragment)), len(fragment.inputs)).digest()


def chain(fragment: Fragment) -> bytes | None:
    """The row of labels of a fragment with one input and one output that depends on it; else None. Remembered."""
    store = fragment.__dict__
    if "_chain" not in store:
        store["_chain"] = _chain(fragment)
    return cast("bytes | None", store["_chain"])


def _chain(fragment: Fragment) -> bytes | None:
    if len(fragment.inputs) != 1 or len(fragment.outputs) != 1 or fragment.is_ragged:
        return None
    if fragment.call is not None:
        return fragment.label
    if fragment.is_row:
        rows = [chain(call.fragment) for call in fragment.calls]
        if None not in rows:
            return b"".join(cast("list[bytes]", rows))
    return Dag.of(*_items(flatten(fragment)), 1).row()


def _items(flat: Flat) -> tuple[list[Item], tuple[int, ...]]:
    """Flat nodes as labelled items; applications of one module carry its number."""
    uses: dict[str, int] = {}
    for node in flat.nodes:
        if node.fragment.parameters or node.op.stochastic:
            uses[node.path] = uses.get(node.path, 0) + 1
    shared = {path: k for k, path in enumerate(p for p, n in uses.items() if n > 1)}
    items = []
    for node in flat.nodes:
        op: Primitive = node.op
        args = () if op.on_zero() == "source" else node.inputs
        module = shared.get(node.path)
        item = Item(
            node.fragment.label, args, node.outputs, op.commutative, op.on_zero() == "summand", module, node.path
        )
        items.append(item)
    return items, flat.refs


def module_order(fragment: Fragment) -> list[str]:
    """Paths of the modules that hold state, in the order of the form of a simplified fragment.

    Fragments of one form have corresponding modules at equal places: weights copied from one list to the other make the
    two networks compute the same.
    """
    flat = flatten(fragment)
    stateful = {node.path for node in flat.nodes if node.fragment.parameters}
    order = Dag.of(*_items(flat), len(fragment.inputs)).order()
    return list(dict.fromkeys(path for path in order if path in stateful))


def network_id(form: bytes, interface: str) -> str:
    """Hex id of one network from its form and its interface: input types and the names of its outputs."""
    return blake2b(interface.encode() + b"|" + form, digest_size=LABEL).hexdigest()
