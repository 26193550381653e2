"""The one walk over an open tree.

The tree is compiled, lazily and once a path, to small nodes; closing a node asks ``choose(path, domain)`` for a label
at each open position it reaches, in order. Only chosen branches are visited, so no dead decision exists. Random,
replay, an optimiser's ``suggest``, mutation and enumeration are all ``choose`` functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nasengine.errors import DecisionError, SpaceError
from nasengine.space.choices import Choice, Domain, Integer, Repeat, Repeated, Uniform, expand, holds_blocks
from nasengine.space.spec import Label, Spec, field_names, is_open, same

Chooser = Callable[[str, Domain], Label]
_MADE_LIMIT = 4_096
_INTERN_LIMIT = 262_144
_interned: dict[Spec, Spec] = {}


class Walk:
    """State of one walk: who chooses, what was decided, what is tied."""

    __slots__ = ("choose", "decisions", "tied")

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose
        self.decisions: dict[str, Label] = {}
        self.tied: dict[str, Any] = {}


class Registry:
    """What a compiled tree remembers across paths: named domains, and where each unnamed one stands."""

    __slots__ = ("named", "nodes", "places")

    def __init__(self) -> None:
        self.named: dict[str, Domain] = {}
        self.nodes: dict[str, DomainNode] = {}
        self.places: dict[str, Domain] = {}

    def domain(self, path: str, domain: Domain) -> str:
        """Register a domain at a path; returns the path its decision goes by (its name, if it has one)."""
        if domain.name is not None:
            self._tie(domain.name, domain)
        where = domain.name if domain.name is not None else path
        known = self.places.setdefault(where, domain)
        if known is not domain and (known.name != domain.name or not same_domain(known, domain)):
            raise SpaceError(f"{where}: a choice's name and another position's path are the same; rename one of them")
        return where

    def _tie(self, name: str, domain: Domain) -> None:
        tie(self.named, name, domain)


def tie(named: dict[str, Domain], name: str, domain: Domain) -> None:
    """Remember the domain of a name; refuse another one under it."""
    first = named.setdefault(name, domain)
    if first is not domain and not same_domain(first, domain):
        raise SpaceError(
            f"name {name!r}: positions of one name share one set of options; got {first!r} and {domain!r}; "
            "give one of them another name"
        )


class CompiledNode:
    """A compiled position. ``source`` is the object it came from: equal sources count alike."""

    __slots__ = ("path", "registry", "source")

    def __init__(self, source: Any, path: str, registry: Registry) -> None:
        self.source, self.path, self.registry = source, path, registry

    def close(self, walk: Walk) -> Any:
        """The closed value under the walk's choices."""
        raise NotImplementedError(type(self).__name__)


class Fixed(CompiledNode):
    """A value without open positions."""

    __slots__ = ("value",)

    def __init__(self, source: Any, path: str, registry: Registry) -> None:
        super().__init__(source, path, registry)
        self.value = intern(source) if isinstance(source, Spec) else source

    def close(self, walk: Walk) -> Any:
        return self.value


class DomainNode(CompiledNode):
    """A choice, an integer or a real number."""

    __slots__ = ("_fixed", "_options", "domain", "name")

    def __init__(self, source: Domain, path: str, registry: Registry) -> None:
        super().__init__(source, registry.domain(path, source), registry)
        self.domain, self.name = source, source.name
        self._options: dict[Label, CompiledNode] = {}
        self._fixed: dict[Label, Any] = {}

    def option(self, label: Label) -> CompiledNode:
        """The compiled option under a label; its positions go by ``path.label``, so a path fixes its options."""
        node = self._options.get(label)
        if node is None:
            node = self._options[label] = self._compile(label)
            if isinstance(node, Fixed):
                self._fixed[label] = node.value
        return node

    def _compile(self, label: Label) -> CompiledNode:
        if isinstance(self.domain, Choice):
            index = _index(self.domain.labels, label)
            if index is None:
                raise DecisionError(not_an_option(self.path, label, self.domain))
            return compile_node(self.domain.options[index], join(self.path, str(label)), self.registry)
        return Fixed(check_number(self.path, label, self.domain), self.path, self.registry)

    def close(self, walk: Walk) -> Any:
        if self.name is not None and self.name in walk.tied:
            return walk.tied[self.name]
        path = self.path
        label = walk.choose(path, self.domain)
        if label in self._fixed:
            walk.decisions[path] = label
            value = self._fixed[label]
        else:
            value = self._close_open(path, label, walk)
        if self.name is not None:
            walk.tied[self.name] = value
        return value

    def _close_open(self, path: str, label: Label, walk: Walk) -> Any:
        if not isinstance(self.domain, Choice):
            value = walk.decisions[path] = check_number(path, label, self.domain)
            return value
        option = self.option(label)
        walk.decisions[path] = label
        return option.close(walk)


class SpecNode(CompiledNode):
    """A spec with open fields.

    Where they are plain choices it remembers what it closes to, so that equal blocks are one object and lower once;
    larger parts hardly ever come again, and keeping them would only fill memory.
    """

    __slots__ = ("_made", "_small", "fields", "open")

    def __init__(self, source: Spec, path: str, registry: Registry) -> None:
        super().__init__(source, path, registry)
        names = field_names(type(source))
        self.fields = names
        self.open = [
            (i, _field_node(source, name, path, registry))
            for i, name in enumerate(names)
            if is_open(getattr(source, name))
        ]
        self._made: dict[tuple[Any, ...], Spec] = {}
        self._small = all(_is_plain(node) for _, node in self.open)

    def close(self, walk: Walk) -> Any:
        key = tuple([node.close(walk) for _, node in self.open])
        if not self._small:
            return self._make(key)
        spec = self._made.get(key)
        if spec is None:
            if len(self._made) >= _MADE_LIMIT:
                self._made.clear()
            spec = self._made[key] = intern(self._make(key))
        return spec

    def _make(self, key: tuple[Any, ...]) -> Spec:
        values = list(self.source.values())
        for (i, _), value in zip(self.open, key, strict=True):
            values[i] = value
        try:
            made: Spec = type(self.source).closed(tuple(values))
        except SpaceError as error:
            raise SpaceError(f"{self.path or 'network'}: {error}") from None
        return made


class TupleNode(CompiledNode):
    """A tuple with open items, each under its own name."""

    __slots__ = ("items",)

    def __init__(self, source: tuple[Any, ...], path: str, registry: Registry, names: tuple[str, ...]) -> None:
        super().__init__(source, path, registry)
        self.items = [compile_node(v, join(path, n), registry) for v, n in zip(source, names, strict=True)]

    def close(self, walk: Walk) -> Any:
        return tuple([item.close(walk) for item in self.items])


class RepeatNode(CompiledNode):
    """Copies of an item, numbered by place."""

    __slots__ = ("blocks", "copies", "times")

    def __init__(self, source: Repeat, path: str, registry: Registry) -> None:
        super().__init__(source, path, registry)
        self.times = compile_node(source.times, join(path, "times"), registry)
        self.blocks = holds_blocks(source.item)
        self.copies: list[CompiledNode] = []

    def copy(self, i: int) -> CompiledNode:
        """The i-th copy of the item."""
        while len(self.copies) <= i:
            place = f"blocks.{len(self.copies)}" if self.blocks else str(len(self.copies))
            self.copies.append(compile_node(self.source.item, join(self.path, place), self.registry))
        return self.copies[i]

    def close(self, walk: Walk) -> Any:
        times = self.times.close(walk)
        if len(self.copies) < times:
            self.copy(times - 1)
        items = tuple([copy.close(walk) for copy in self.copies[:times]])
        return Repeated.closed((items,)) if self.blocks else items


def compile_node(value: Any, path: str, registry: Registry) -> CompiledNode:
    """Compile one value of the tree at a path."""
    value = expand(value)
    if isinstance(value, Domain):
        return _domain_node(value, path, registry)
    if isinstance(value, Repeat):
        return RepeatNode(value, path, registry)
    if not is_open(value):
        return Fixed(value, path, registry)
    if isinstance(value, Spec):
        return SpecNode(value, path, registry)
    return TupleNode(value, path, registry, tuple(str(i) for i in range(len(value))))


def _is_plain(node: CompiledNode) -> bool:
    """Is it a choice of closed values?"""
    domain = node.domain if isinstance(node, DomainNode) else None
    return isinstance(domain, Choice) and not any(is_open(option) for option in domain.options)


def _domain_node(domain: Domain, path: str, registry: Registry) -> CompiledNode:
    """One node a decision: positions of one name share theirs, and with it everything under it."""
    where = registry.domain(path, domain)
    node = registry.nodes.get(where)
    if node is None:
        node = registry.nodes[where] = DomainNode(domain, path, registry)
    elif node.name is None:  # one place that two networks read (inputs they share): one decision, as if it had a name
        node.name = where
    return node


def _field_node(spec: Spec, name: str, path: str, registry: Registry) -> CompiledNode:
    value = getattr(spec, name)
    if name == spec.inline and isinstance(value, tuple):
        return TupleNode(value, path, registry, spec.child_names())
    return compile_node(value, join(path, name), registry)


def intern(spec: Spec) -> Spec:
    """The one object that stands for all specs equal to this one (a bounded memory)."""
    known = _interned.get(spec)
    if known is None:
        if len(_interned) >= _INTERN_LIMIT:
            _interned.clear()
        known = _interned[spec] = spec
    return known


def join(path: str, name: str) -> str:
    """``path.name``; the empty path is the root."""
    return f"{path}.{name}" if path else name


def same_domain(a: Domain, b: Domain) -> bool:
    """Do two domains offer the same labels and values?"""
    if type(a) is not type(b):
        return False
    if isinstance(a, Choice) and isinstance(b, Choice):
        return same(a.labels, b.labels) and same(a.options, b.options)
    slots = [s for s in type(a).__slots__ if s != "labels"]
    return all(getattr(a, s) == getattr(b, s) for s in slots)


def not_an_option(path: str, label: object, domain: Choice) -> str:
    """The message for a label that a choice does not have."""
    shown = ", ".join(str(x) for x in domain.labels[:20]) + (", ..." if len(domain.labels) > 20 else "")
    return f"{path}: {label!r} is not an option; expected one of {shown}"


def check_number(path: str, label: Label, domain: Domain) -> int | float:
    """The number, if it lies in the domain; else a :class:`DecisionError`."""
    if isinstance(domain, Integer):
        if isinstance(label, int) and not isinstance(label, bool) and label in domain.labels:
            return label
        by = f" by {domain.step}" if domain.step > 1 else ""
        raise DecisionError(
            f"{path}: {label!r} is not an option; expected a whole number {domain.low}..{domain.high}{by}"
        )
    assert isinstance(domain, Uniform)
    number = isinstance(label, (int, float)) and not isinstance(label, bool)
    if number and domain.low <= label <= domain.high:  # type: ignore[operator]
        return float(label)  # type: ignore[arg-type]
    raise DecisionError(f"{path}: {label!r} is not an option; expected a number in [{domain.low}, {domain.high}]")


def _index(labels: tuple[Label, ...], label: Label) -> int | None:
    for i, known in enumerate(labels):
        if known == label and isinstance(known, bool) == isinstance(label, bool):
            return i
    return None


def exact(path: str, label: Any, domain: Domain) -> Label:
    """The domain's own label that equals a recorded one (2 for a recorded 2.0, but never 1 for True).

    Raises:
        DecisionError: there is none.
    """
    if not isinstance(domain, Choice):
        return check_number(path, label, domain)
    index = _index(domain.labels, label)
    if index is None:
        raise DecisionError(not_an_option(path, label, domain))
    return domain.labels[index]
