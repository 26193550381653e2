"""Colours of a DAG's values: what is computed alike, by structure alone (Weisfeiler and Leman, 1968)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nasengine.graph.dag import Dag, Item

LABEL = 16
"""Bytes of a label and of a colour."""
Color = bytes


def hashed(data: bytes) -> Color:
    """A colour that stands for the data."""
    return blake2b(data, digest_size=LABEL).digest()


class Coloring:
    """Colours of values: by what they are made of and, where that leaves ties in a commutative place, by their use.

    Of items in a row each value has its colour; ``inner`` holds those between, ``ends`` those of all other values.
    """

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self.ends: dict[int, Color] = {i: hashed(b"x%d" % i) for i in range(dag.inputs)}
        self.ends.update({k: hashed(b"c" + label) for k, label in dag.constants.items()})
        self.inner: dict[int, list[Color]] = {}
        for k, item in enumerate(dag.items):
            self._color(k, item)
        if not self._has_ties():
            return
        known = 0
        while known < (known := self._count()):  # each round parts classes of values, until none is parted
            self._refine()

    def _color(self, k: int, item: Item, own: bytes = b"", inner: list[bytes] | None = None) -> None:
        """Colours of an item's values; ``own`` and ``inner`` are what each of them adds of its own."""
        label, args, outs, commutative, _, module, _ = item
        ends = self.ends
        if len(label) > LABEL:
            self._color_row(k, item, own, inner)
            return
        if len(args) == 1:
            base = label + (b"@" if module is not None else b"") + ends[args[0]]
        else:
            parts = [ends[a] for a in args]
            base = label + (b"@" if module is not None else b"") + b"".join(sorted(parts) if commutative else parts)
        for port, out in enumerate(outs):
            ends[out] = blake2b(base + own + bytes([port]), digest_size=LABEL).digest()

    def _color_row(self, k: int, item: Item, own: bytes, inner: list[bytes] | None) -> None:
        label, color = item.label, self.ends[item.args[0]]
        made = []
        for i, at in enumerate(range(0, len(label), LABEL)):
            mine = b"" if inner is None else inner[i] if i < len(inner) else own
            color = blake2b(label[at : at + LABEL] + color + mine + b"\0", digest_size=LABEL).digest()
            made.append(color)
        self.ends[item.outs[0]] = made.pop()
        self.inner[k] = made

    def _count(self) -> int:
        found = set(self.ends.values())
        found.update(*self.inner.values())
        return len(found)

    def _refine(self) -> None:
        """One round: each colour with the colours of its users, then forward again."""
        uses = self._use_colors()
        inner = {k: self._inner_with_users(k, row) for k, row in self.inner.items()}
        self.ends = ends = {v: hashed(c + uses.get(v, b"")) for v, c in self.ends.items()}
        for k, item in enumerate(self.dag.items):
            outs = item.outs
            own = ends[outs[0]] if len(outs) == 1 else b"".join([ends[o] for o in outs])
            self._color(k, item, own, inner.get(k))

    def _inner_with_users(self, k: int, row: list[Color]) -> list[Color]:
        """Values between items in a row: each is used once, by the next."""
        users = [*row[1:], self.ends[self.dag.items[k].outs[0]]]
        return [
            blake2b(c + (user + b"\0m" if user + b"\0" < b"m" else b"m" + user + b"\0"), digest_size=LABEL).digest()
            for c, user in zip(row, users, strict=True)
        ]

    def _use_colors(self) -> dict[int, bytes]:
        """For each value, its users' colours and the place it has there; shared modules tell their applications."""
        dag, ends = self.dag, self.ends
        groups: dict[int, list[Color]] = {}
        for item in dag.items:
            if item.module is not None:
                groups.setdefault(item.module, []).append(ends[item.outs[0]])
        uses: dict[int, list[bytes]] = {v: [] for v in ends}
        for k, ref in enumerate(dag.refs):
            uses[ref].append(b"out%d" % k)
        for k, (_, args, outs, commutative, _, module, _) in enumerate(dag.items):
            row = self.inner.get(k)
            user = row[0] if row else ends[outs[0]]
            if commutative or len(args) == 1:
                entry = user if commutative else user + b"\0"
                for a in args:
                    uses[a].append(entry)
            else:
                for place, a in enumerate(args):
                    uses[a].append(user + bytes([place]))
            group = b"m" if module is None else b"m" + b"".join(sorted(groups[module]))
            for out in outs:
                uses[out].append(group)
        return {v: b"".join(sorted(c)) for v, c in uses.items()}

    def _has_ties(self) -> bool:
        ends = self.ends
        for item in self.dag.items:
            if item.commutative and len(item.args) > 1:
                distinct = set(item.args)
                if len({ends[a] for a in distinct}) < len(distinct):
                    return True
        return False
