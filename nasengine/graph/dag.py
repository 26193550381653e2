"""A small labelled DAG and its canonical form. See :mod:`nasengine.graph.canonical` for the rule.

Operations in a row, each of one input that nothing else reads, may be one item that carries all of their labels: the
form and every colour come out as if each stood alone, only sooner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

from nasengine.graph.coloring import LABEL, Coloring, hashed

NONE: Mapping[int, bytes] = MappingProxyType({})


class Item(NamedTuple):
    """One operation, or several in a row: label, argument values, output values, and what may be done with it."""

    label: bytes
    """One label or more; of several the first is not pure, and there is one argument and one output."""
    args: tuple[int, ...]
    outs: tuple[int, ...]
    commutative: bool = False
    is_sum: bool = False
    module: int | None = None
    path: str = ""
    """Where it comes from; no part of the form."""

    @property
    def pure(self) -> bool:
        """Are equal uses one use?"""
        return self.label[0] == 1


class Dag(NamedTuple):
    """Items in topological order over values; values ``0..inputs-1`` are given, negative ones are constants."""

    items: tuple[Item, ...]
    refs: tuple[int, ...]
    inputs: int
    constants: Mapping[int, bytes] = NONE
    """Label of each constant."""

    @staticmethod
    def of(items: Iterable[Item], refs: tuple[int, ...], inputs: int) -> Dag:
        """The DAG with dead items dropped, equal pure uses merged, and what depends on no input next to its user."""
        made = Dag(tuple(items), refs, inputs)
        if all(item.args for item in made.items):
            return _merge(made)
        return _late(_merge(_fold(made)))

    def row(self) -> bytes:
        """Row of the labels of the parts between cut values (one input, one output)."""
        labels = []
        for part in _parts(self):
            single = len(part.items) == 1 and part.items[0].args == (0,) and len(part.items[0].outs) == 1
            labels.append(part.items[0].label if single else part.digest())
        return b"".join(labels)

    def order(self) -> list[str]:
        """Paths of the items in the order of the form; items of equal forms correspond."""
        cuts = self.inputs == 1 and len(self.refs) == 1
        return [item.path for part in (_parts(self) if cuts else [self]) for item in _in_order(part)]

    def digest(self) -> bytes:
        """A label for the whole DAG, the pure flag in front."""
        dag = _flatten_sums(self)
        pure = all(item.label[0] == 1 for item in dag.items)
        return bytes([pure]) + blake2b(_serialise(dag), digest_size=LABEL - 1).digest()


def _fold(dag: Dag) -> Dag:
    """Sources, and pure items of constants alone, as constants: a part of a network keeps its own."""
    number: dict[bytes, int] = {}
    alias: dict[int, int] = {}
    terms: dict[int, tuple[int, ...]] = {}
    kept: list[Item] = []
    for item in dag.items:
        args = tuple([alias.get(a, a) for a in item.args])
        if item.is_sum:  # a sum of constants inside a sum is its terms
            args = tuple([t for a in args for t in terms.get(a, (a,))])
        if not item.pure or any(a >= 0 for a in args):
            kept.append(item if args == item.args else item._replace(args=args))
            continue
        labels = [label for a in args for label, k in number.items() if k == a]
        made = item.label + b"".join(sorted(labels) if item.commutative else labels)
        for port, out in enumerate(item.outs):
            alias[out] = number.setdefault(hashed(made + bytes([port])), -1 - len(number))
            if item.is_sum:
                terms[alias[out]] = args
    refs = tuple(alias.get(r, r) for r in dag.refs)
    return Dag(tuple(kept), refs, dag.inputs, {k: label for label, k in number.items()})


def _late(dag: Dag) -> Dag:
    """Items that depend on no input moved to just before their first user, where cut values leave them be."""
    rooted = set(range(dag.inputs))
    maker: dict[int, Item] = {}
    order: list[Item] = []

    def emit(value: int) -> None:
        item = maker.get(value)
        if item is None:
            return
        for out in item.outs:
            del maker[out]
        for a in item.args:
            emit(a)
        order.append(item)

    for item in dag.items:
        if not any(a in rooted for a in item.args):
            maker.update(dict.fromkeys(item.outs, item))
            continue
        rooted.update(item.outs)
        for a in item.args:
            emit(a)
        order.append(item)
    for ref in dag.refs:
        emit(ref)
    return dag._replace(items=tuple(order))


def _merge(dag: Dag) -> Dag:
    """Drop dead items; merge pure items of equal label and arguments; a sum of one term is that term."""
    alias: dict[int, int] = {}
    known: dict[tuple[bytes, tuple[int, ...]], tuple[int, ...]] = {}
    kept: list[Item] = []
    for item in dag.items:
        label, args, outs, commutative, is_sum, *_ = item
        if alias:
            args = tuple([alias.get(a, a) for a in args])
        if is_sum and len(args) == 1:
            alias[outs[0]] = args[0]
            continue
        if label[0] == 1:
            same = known.setdefault((label, tuple(sorted(args)) if commutative else args), outs)
            if same is not outs:
                alias.update(zip(outs, same, strict=True))
                continue
        kept.append(item if args == item.args else item._replace(args=args))
    refs = tuple([alias.get(r, r) for r in dag.refs])
    return Dag(_live(kept, refs), refs, dag.inputs, dag.constants)


def _live(items: list[Item], refs: tuple[int, ...]) -> tuple[Item, ...]:
    wanted = set(refs)
    kept = []
    for item in reversed(items):
        if not wanted.isdisjoint(item.outs):
            wanted.update(item.args)
            kept.append(item)
    return tuple(kept[::-1])


def _flatten_sums(dag: Dag) -> Dag:
    """Every sum over the terms that are no sums themselves; items that become equal, or dead, by it are merged."""
    terms: dict[int, tuple[int, ...]] = {}
    nested = False
    items = []
    for item in dag.items:
        if item.is_sum:
            args: Iterable[int] = item.args
            if not terms.keys().isdisjoint(args):
                args, nested = [t for a in args for t in terms.get(a, (a,))], True
            item = item._replace(args=tuple(sorted(args)))
            terms[item.outs[0]] = item.args
        items.append(item)
    made = Dag(tuple(items), dag.refs, dag.inputs, dag.constants)
    return _merge(made) if nested else made


def _parts(dag: Dag) -> list[Dag]:
    """Sub-DAGs between consecutive cut values, each with input 0."""
    parts: list[Dag] = []
    start, value = 0, 0
    for stop, cut in _bounds(dag):
        parts.append(_renumber(dag.items[start:stop], value, cut, dag.constants))
        start, value = stop, cut
    return parts


def _renumber(items: tuple[Item, ...], value: int, out: int, constants: Mapping[int, bytes]) -> Dag:
    number = {value: 0, **{k: k for k in constants}}
    count = 1
    made = []
    for label, args, outs, commutative, is_sum, module, path in items:
        for o in outs:
            number[o] = count
            count += 1
        args = tuple([number[a] for a in args])
        made.append(Item(label, args, tuple([number[o] for o in outs]), commutative, is_sum, module, path))
    return Dag(tuple(made), (number.get(out, out),), 1, constants)


def _bounds(dag: Dag) -> list[tuple[int, int]]:
    """(number of items before, cut value) for each cut; the last is the output.

    After item ``k`` a value is a cut when nothing else is still needed. Items that depend on no input are not between
    any two values; they, and modules applied on both sides, forbid a cut that would tear them from their users.
    """
    last: dict[int, int] = {}
    modules: dict[int, int] = {}
    for k, item in enumerate(dag.items):
        for a in item.args:
            last[a] = k
        if item.module is not None:
            modules[item.module] = k
    for ref in dag.refs:
        last[ref] = len(dag.items)
    found = []
    alive = {0} & last.keys()
    open_until = -1
    for k, item in enumerate(dag.items):
        for o in item.outs:
            if o in last:
                alive.add(o)
        for a in item.args:
            if last[a] == k:
                alive.discard(a)
        if item.module is not None:
            open_until = max(open_until, modules[item.module])
        if len(alive) == 1 and open_until <= k:
            (cut,) = alive
            if cut in item.outs:
                found.append((k + 1, cut))
    if not found or found[-1][0] < len(dag.items):
        found.append((len(dag.items), dag.refs[0]))
    return found


# --- canonical order ------------------------------------------------------------------------------------------------


def _serialise(dag: Dag) -> bytes:
    """Text that determines the DAG up to isomorphism, its items in an order that the structure alone decides."""
    place = {i: f"x{i}" for i in range(dag.inputs)}
    place.update({k: f"c{label.hex()}" for k, label in dag.constants.items()})
    modules: dict[int, int] = {}
    lines: list[str] = []
    for k in _visit(dag):
        label, args, outs, commutative, _, number, _ = dag.items[k]
        names = [place[a] for a in args]
        if commutative:
            names.sort()
        module = "" if number is None else f"@{modules.setdefault(number, len(modules))}"
        text = label.hex()
        lines.append(f"{text[: 2 * LABEL]}{module}({','.join(names)})")
        for at in range(2 * LABEL, len(text), 2 * LABEL):
            lines.append(f"{text[at : at + 2 * LABEL]}({len(lines) - 1}.0)")
        for port, out in enumerate(outs):
            place[out] = f"{len(lines) - 1}.{port}"
    outputs = ",".join([place[r] for r in dag.refs])
    return f"{dag.inputs}|{';'.join(lines)}|{outputs}".encode()


def _in_order(dag: Dag) -> list[Item]:
    dag = _flatten_sums(dag)
    return [dag.items[k] for k in _visit(dag)]


def _visit(dag: Dag) -> list[int]:
    """Post-order from the outputs; commutative arguments in the order of their colours."""
    colors = Coloring(dag).ends
    maker = {out: k for k, item in enumerate(dag.items) for out in item.outs}
    order: list[int] = []
    done: set[int] = set()
    stack = [maker[r] for r in reversed(dag.refs) if r in maker]
    while stack:
        k = stack.pop()
        if k < 0:  # its arguments are there
            if ~k not in done:
                done.add(~k)
                order.append(~k)
            continue
        if k in done:
            continue
        item = dag.items[k]
        stack.append(~k)
        args = sorted(item.args, key=colors.__getitem__) if item.commutative else item.args
        stack.extend([maker[a] for a in reversed(args) if a in maker])
    return order
