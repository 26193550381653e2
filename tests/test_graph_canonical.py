"""The canonical form against brute force: on every small graph, equal digest exactly where graphs are isomorphic."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement, permutations, product

import pytest

from nasengine.graph.dag import Dag, Item

STATE = bytes([0]) + b"stateful 123456"
OTHER = bytes([0]) + b"stateful 987654"
PURE = bytes([1]) + b"pure     123456"
SUM = bytes([1]) + b"sum      123456"
Row = tuple[bytes, tuple[int, ...], int | None]
"""Label, arguments, module of one node; node ``k`` makes value ``k + 1``."""


def normal(rows: tuple[Row, ...], commutative: bool) -> tuple[tuple[Row, ...], int]:
    """Dead nodes dropped, equal pure nodes merged, sums of sums made one; straight from the rule, to its fixed point."""
    live, out = list(range(len(rows))), len(rows)
    rows = tuple(rows)
    changed = True
    while changed:
        changed = False
        used = {out}
        for k in reversed(live):
            if k + 1 in used:
                used.update(rows[k][1])
        if [k for k in live if k + 1 in used] != live:
            live, changed = [k for k in live if k + 1 in used], True
        for k in live:
            label, args, module = rows[k]
            flat = tuple(t for a in args for t in (rows[a - 1][1] if a and rows[a - 1][0] == SUM else (a,)))
            if label == SUM and flat != args:
                rows, changed = (*rows[:k], (label, tuple(sorted(flat)), module), *rows[k + 1 :]), True
            if label == SUM and len(flat) == 1:
                rows, out = _rename(rows, k + 1, flat[0]), (flat[0] if out == k + 1 else out)
                live, changed = [i for i in live if i != k], True
                break
        for i in live:
            for k in live:
                one, two = rows[i], rows[k]
                alike = sorted(one[1]) == sorted(two[1]) if commutative else one[1] == two[1]
                if i < k and one[0][0] == 1 and one[0] == two[0] and alike:
                    rows, out = _rename(rows, k + 1, i + 1), (i + 1 if out == k + 1 else out)
                    live, changed = [j for j in live if j != k], True
                    break
            if changed:
                break
    number = {0: 0, **{k + 1: n + 1 for n, k in enumerate(live)}}
    return tuple((rows[k][0], tuple(number[a] for a in rows[k][1]), rows[k][2]) for k in live), number[out]


def _rename(rows: tuple[Row, ...], old: int, new: int) -> tuple[Row, ...]:
    return tuple((label, tuple(new if a == old else a for a in args), module) for label, args, module in rows)


def brute_form(rows: tuple[Row, ...], commutative: bool) -> object:
    """The least of all numberings of the normal form: equal exactly for isomorphic graphs."""
    rows, out = normal(rows, commutative)
    best: object = None
    for order in permutations(range(len(rows))):
        number = {0: 0, **{k + 1: n + 1 for n, k in enumerate(order)}}
        if any(number[a] > number[k + 1] for k in order for a in rows[k][1]):
            continue
        modules: dict[int, int] = {}
        made = []
        for k in order:
            args = [number[a] for a in rows[k][1]]
            module = rows[k][2]
            several = module is not None and sum(r[2] == module for r in rows) > 1
            made.append((
                rows[k][0], tuple(sorted(args) if commutative else args),
                modules.setdefault(module, len(modules)) if several and module is not None else -1,
            ))  # fmt: skip
        found = (tuple(made), number[out])
        best = found if best is None or found < best else best  # type: ignore[operator]
    return best


def dag_of(rows: tuple[Row, ...], commutative: bool) -> Dag:
    live, _ = normal(rows, commutative)
    several = {m for _, _, m in live if m is not None and sum(r[2] == m for r in live) > 1}
    items = [
        Item(label, args, (k + 1,), commutative, label == SUM, module if module in several else None)
        for k, (label, args, module) in enumerate(rows)
    ]
    return Dag.of(items, (len(rows),), 1)


def dags(size: int, labels: tuple[bytes, ...], multiple: int) -> Iterator[tuple[Row, ...]]:
    """All labelled graphs of ``size`` nodes: each node reads a set of earlier values (one of them up to ``multiple`` times)."""

    def sets(values: int) -> list[tuple[int, ...]]:
        every = [c for n in range(1, values + multiple) for c in combinations_with_replacement(range(values), n)]
        return [c for c in every if len(c) - len(set(c)) < multiple]

    for args in product(*[sets(k + 1) for k in range(size)]):
        for kinds in product(labels, repeat=size):
            yield tuple((kind, a, None) for kind, a in zip(kinds, args, strict=True))


def tuples(size: int, labels: tuple[bytes, ...]) -> Iterator[tuple[Row, ...]]:
    """All graphs whose nodes read one or two values in order."""
    choices = [[t for n in (1, 2) for t in product(range(k + 1), repeat=n)] for k in range(size)]
    for args in product(*choices):
        for kinds in product(labels, repeat=size):
            yield tuple((kind, a, None) for kind, a in zip(kinds, args, strict=True))


def shared(size: int) -> Iterator[tuple[Row, ...]]:
    """All graphs of one stateful kind, with every way to share modules among the nodes."""
    for rows in dags(size, (STATE,), 1):
        for modules in product(range(size), repeat=size):
            if all(m <= max((0, *(x + 1 for x in modules[:k]))) for k, m in enumerate(modules)):
                yield tuple((label, args, m) for (label, args, _), m in zip(rows, modules, strict=True))


def check(every: Iterator[tuple[Row, ...]], commutative: bool, read: Callable[[Dag], bytes]) -> int:
    """Equal digest exactly where the brute forms are equal; returns the number of classes."""
    forms: dict[object, bytes] = {}
    digests: dict[bytes, object] = {}
    for rows in every:
        form, digest = brute_form(rows, commutative), read(dag_of(rows, commutative))
        assert forms.setdefault(form, digest) == digest, f"isomorphic, two digests: {rows}"
        assert digests.setdefault(digest, form) == form, f"not isomorphic, one digest: {rows}"
    return len(forms)


@pytest.mark.parametrize("read", [Dag.digest, Dag.row], ids=["digest", "row"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_two_stateful_kinds_that_commute(size: int, read: Callable[[Dag], bytes]) -> None:
    assert check(dags(size, (STATE, OTHER), 2), True, read) >= 2


@pytest.mark.parametrize("read", [Dag.digest, Dag.row], ids=["digest", "row"])
def test_all_graphs_of_four_nodes(read: Callable[[Dag], bytes]) -> None:
    assert check(dags(4, (STATE, PURE), 1), True, read) > 100


def test_sums_are_flat_within_a_part() -> None:
    for size in (1, 2, 3):
        check(dags(size, (STATE, SUM), 2), True, Dag.digest)
    check(dags(4, (STATE, SUM), 1), True, Dag.digest)


def test_ordered_arguments() -> None:
    for size in (1, 2, 3):
        check(tuples(size, (STATE, PURE)), False, Dag.row)


@pytest.mark.parametrize("read", [Dag.digest, Dag.row], ids=["digest", "row"])
def test_shared_modules(read: Callable[[Dag], bytes]) -> None:
    for size in (1, 2, 3, 4):
        check(shared(size), True, read)
