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
    return row if row is not None else _dag(fragment).digest()


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
    return _dag(fragment).row()


def _dag(fragment: Fragment) -> Dag:
    if _shares(fragment):
        return Dag.of(*_items(flatten(fragment)), len(fragment.inputs))
    items, refs, _ = _make_piece(fragment)  # not remembered: what it is asked for is
    return Dag.of(items, refs, len(fragment.inputs))


def _shares(fragment: Fragment) -> bool:
    """Is a module applied more than once anywhere in it? Remembered."""
    found: bool | None = fragment.__dict__.get("_shares_inside")
    if found is None:
        found = fragment.call is None and (fragment.shares or any(_shares(c.fragment) for c in fragment.calls))
        fragment.__dict__["_shares_inside"] = found
    return found


Piece = tuple[list[Item], tuple[int, ...], int]
"""Items of a fragment, the values it gives out, and the number of its values, inputs included."""


def _piece(fragment: Fragment) -> Piece:
    """A fragment as items, where no module in it is shared; primitives in a row are one item. Remembered."""
    found: Piece | None = fragment.__dict__.get("_piece")
    if found is None:
        found = fragment.__dict__["_piece"] = _make_piece(fragment)
    return found


def _make_piece(fragment: Fragment) -> Piece:
    row = _straight(fragment)
    if row is not None:
        return _row_piece(row)
    return _joined_piece(fragment) if fragment.call is None else _leaf_piece(fragment)


def _straight(fragment: Fragment) -> bytes | None:
    """Labels of a fragment that is primitives in a row, each of one input and one output; else None. Remembered."""
    store = fragment.__dict__
    if "_straight" not in store:
        row: bytes | None = None
        if len(fragment.inputs) == len(fragment.outputs) == 1:
            if fragment.call is not None:
                op = cast(Primitive, fragment.block)
                row = None if op.on_zero() == "source" or op.commutative else fragment.label
            elif fragment.is_row:
                rows = [_straight(call.fragment) for call in fragment.calls]
                row = None if None in rows else b"".join(cast("list[bytes]", rows))
        store["_straight"] = row
    return cast("bytes | None", store["_straight"])


def _row_piece(row: bytes) -> Piece:
    """Pure operations at the head stand alone, for equal ones of other rows merge with them; the rest is one item."""
    items: list[Item] = []
    while row and row[0] == 1:
        items.append(Item(row[:LABEL], (len(items),), (len(items) + 1,)))
        row = row[LABEL:]
    if row:
        items.append(Item(row, (len(items),), (len(items) + 1,)))
    return items, (len(items),), len(items) + 1


def _leaf_piece(fragment: Fragment) -> Piece:
    op = cast(Primitive, fragment.block)
    count, rule = len(fragment.inputs), op.on_zero()
    args = () if rule == "source" else tuple(range(count))
    outs = tuple(range(count, count + len(fragment.outputs)))
    return [Item(fragment.label, args, outs, op.commutative, rule == "summand")], outs, count + len(outs)


def _joined_piece(fragment: Fragment) -> Piece:
    items: list[Item] = []
    values = list(range(len(fragment.inputs)))
    count = len(values)
    for call in fragment.calls:
        inner, refs, total = _piece(call.fragment)
        where = [values[a] for a in call.args]
        more = total - len(where)
        where.extend(range(count, count + more))
        count += more
        for label, args, outs, commutative, is_sum, *_ in inner:
            args = tuple([where[a] for a in args])
            items.append(Item(label, args, tuple([where[o] for o in outs]), commutative, is_sum))
        values.extend([where[r] for r in refs])
    return items, tuple([values[r] for r in fragment.refs]), count


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
