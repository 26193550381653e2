"""A small labelled DAG and its canonical form. See :mod:`nasengine.graph.canonical` for the rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

LABEL = 16
Color = bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One operation: label, argument values, output values, and what may be done with it."""

    label: bytes
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


@dataclass(frozen=True, slots=True)
class Dag:
    """Items in topological order over values; values ``0..inputs-1`` are given, negative ones are constants."""

    items: tuple[Item, ...]
    refs: tuple[int, ...]
    inputs: int
    constants: dict[int, bytes] = field(default_factory=dict)
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
        dag = _merge(_flatten_sums(self))
        pure = all(item.pure for item in dag.items)
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
            kept.append(replace(item, args=args))
            continue
        labels = [label for a in args for label, k in number.items() if k == a]
        made = item.label + b"".join(sorted(labels) if item.commutative else labels)
        for port, out in enumerate(item.outs):
            alias[out] = number.setdefault(_hash(made + bytes([port])), -1 - len(number))
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
    return replace(dag, items=tuple(order))


def _merge(dag: Dag) -> Dag:
    """Drop dead items; merge pure items of equal label and arguments; a sum of one term is that term."""
    alias: dict[int, int] = {}
    known: dict[tuple[bytes, tuple[int, ...]], tuple[int, ...]] = {}
    kept: list[Item] = []
    for item in dag.items:
        args = tuple([alias.get(a, a) for a in item.args])
        if item.is_sum and len(args) == 1:
            alias[item.outs[0]] = args[0]
            continue
        if item.pure:
            key = (item.label, tuple(sorted(args)) if item.commutative else args)
            same = known.setdefault(key, item.outs)
            if same is not item.outs:
                alias.update(zip(item.outs, same, strict=True))
                continue
        kept.append(item if args == item.args else replace(item, args=args))
    refs = tuple(alias.get(r, r) for r in dag.refs)
    return Dag(_live(kept, refs), refs, dag.inputs, dag.constants)


def _live(items: list[Item], refs: tuple[int, ...]) -> tuple[Item, ...]:
    wanted = set(refs)
    kept = []
    for item in reversed(items):
        if any(out in wanted for out in item.outs):
            wanted.update(item.args)
            kept.append(item)
    return tuple(kept[::-1])


def _flatten_sums(dag: Dag) -> Dag:
    """Every sum over the terms that are no sums themselves."""
    terms: dict[int, tuple[int, ...]] = {}
    items = []
    for item in dag.items:
        if item.is_sum:
            args = tuple(sorted(t for a in item.args for t in terms.get(a, (a,))))
            terms[item.outs[0]] = args
            item = replace(item, args=args)
        items.append(item)
    return replace(dag, items=tuple(items))


def _parts(dag: Dag) -> list[Dag]:
    """Sub-DAGs between consecutive cut values, each with input 0."""
    bounds = _bounds(dag)
    parts: list[Dag] = []
    start, value = 0, 0
    for stop, cut in bounds:
        parts.append(replace(_renumber(dag.items[start:stop], value, cut), constants=dag.constants))
        start, value = stop, cut
    return parts


def _renumber(items: tuple[Item, ...], value: int, out: int) -> Dag:
    number = {value: 0}
    made = []
    for item in items:
        for o in item.outs:
            number[o] = len(number)
        args = tuple(number[a] if a >= 0 else a for a in item.args)
        made.append(replace(item, args=args, outs=tuple(number[o] for o in item.outs)))
    return Dag(tuple(made), (number.get(out, out),), 1)


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
        alive.update(o for o in item.outs if o in last)
        alive -= {a for a in item.args if last[a] == k}
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
    maker = {out: k for k, item in enumerate(dag.items) for out in item.outs}
    colors = _colors(dag, maker)
    order, number = _visit(dag, maker, colors)
    modules: dict[int, int] = {}
    lines = []
    for k in order:
        item = dag.items[k]
        args = [_place(a, dag, maker, number) for a in item.args]
        if item.commutative:
            args.sort()
        module = "" if item.module is None else f"@{modules.setdefault(item.module, len(modules))}"
        lines.append(f"{item.label.hex()}{module}({','.join(args)})")
    outputs = ",".join(_place(r, dag, maker, number) for r in dag.refs)
    return f"{dag.inputs}|{';'.join(lines)}|{outputs}".encode()


def _in_order(dag: Dag) -> list[Item]:
    dag = _merge(_flatten_sums(dag))
    maker = {out: k for k, item in enumerate(dag.items) for out in item.outs}
    return [dag.items[k] for k in _visit(dag, maker, _colors(dag, maker))[0]]


def _place(value: int, dag: Dag, maker: dict[int, int], number: dict[int, int]) -> str:
    if value < 0:
        return f"c{dag.constants[value].hex()}"
    if value < dag.inputs:
        return f"x{value}"
    k = maker[value]
    return f"{number[k]}.{dag.items[k].outs.index(value)}"


def _visit(dag: Dag, maker: dict[int, int], colors: dict[int, Color]) -> tuple[list[int], dict[int, int]]:
    """Post-order from the outputs; commutative arguments in the order of their colours."""
    order: list[int] = []
    number: dict[int, int] = {}
    stack = [(r, False) for r in reversed(dag.refs)]
    while stack:
        value, done = stack.pop()
        if value < dag.inputs or (k := maker[value]) in number:
            continue
        item = dag.items[k]
        if done:
            number[k] = len(order)
            order.append(k)
            continue
        args = sorted(item.args, key=lambda a: colors[a]) if item.commutative else list(item.args)
        stack.append((value, True))
        stack.extend((a, False) for a in reversed(args))
    return order, number


def _colors(dag: Dag, maker: dict[int, int]) -> dict[int, Color]:
    """Colours of values: by what they are made of and, where that leaves ties in a commutative place, by their use."""
    colors: dict[int, Color] = {i: _hash(b"x%d" % i) for i in range(dag.inputs)}
    colors.update({k: _hash(b"c" + label) for k, label in dag.constants.items()})
    for item in dag.items:
        _color(item, colors, b"")
    if not _has_ties(dag, colors):
        return colors
    known = 0
    while known < (known := len(set(colors.values()))):  # each round parts classes of values, until none is parted
        uses = _use_colors(dag, colors)
        colors = {v: _hash(c + uses.get(v, b"")) for v, c in colors.items()}
        for item in dag.items:
            _color(item, colors, b"".join(colors[o] for o in item.outs))
    return colors


def _color(item: Item, colors: dict[int, Color], own: bytes) -> None:
    args = [colors[a] for a in item.args]
    base = (
        item.label + (b"@" if item.module is not None else b"") + b"".join(sorted(args) if item.commutative else args)
    )
    for port, out in enumerate(item.outs):
        colors[out] = _hash(base + own + bytes([port]))


def _use_colors(dag: Dag, colors: dict[int, Color]) -> dict[int, Color]:
    """For each value, the colours of its users and the place it has there; shared modules tell their applications."""
    groups: dict[int, list[Color]] = {}
    for item in dag.items:
        if item.module is not None:
            groups.setdefault(item.module, []).append(colors[item.outs[0]])
    uses: dict[int, list[Color]] = {}
    for k, ref in enumerate(dag.refs):
        uses.setdefault(ref, []).append(b"out%d" % k)
    for item in dag.items:
        group = b"" if item.module is None else b"".join(sorted(groups[item.module]))
        for place, a in enumerate(item.args):
            where = b"" if item.commutative else bytes([place])
            uses.setdefault(a, []).append(colors[item.outs[0]] + where)
        for out in item.outs:
            uses.setdefault(out, []).append(b"m" + group)
    return {v: b"".join(sorted(c)) for v, c in uses.items()}


def _has_ties(dag: Dag, colors: dict[int, Color]) -> bool:
    for item in dag.items:
        if item.commutative:
            distinct = set(item.args)
            if len({colors[a] for a in distinct}) < len(distinct):
                return True
    return False


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=LABEL).digest()
