"""Wiring: how a composite connects smaller blocks, on types.

``net(block, x, name="conv")`` lowers the block on the value's type (from the cache when it was lowered before), records
the call and returns the output value. Mismatches raise a :class:`ShapeError` with the block's path, both types and a
remedy, long before a training process exists.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from nasengine.errors import NasError, ShapeError, SpaceError
from nasengine.graph.fragment import Fragment, FragmentCall
from nasengine.graph.names import check_name
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Composite, Primitive
from nasengine.space.spec import Spec

CACHE_LIMIT = 65_536
LARGE = 256
"""Fragments of more primitives are whole networks; they hardly ever come again and are not kept."""
_cache: dict[Any, Fragment] = {}


class Value:
    """A tensor that will be: its type, and where in the wiring it was made."""

    __slots__ = ("_net", "number", "type")

    def __init__(self, number: int, type: TensorType, net: Wiring) -> None:
        self.number, self.type, self._net = number, type, net

    def __repr__(self) -> str:
        return f"Value{self.type!r}"

    @property
    def channels(self) -> int:
        """Size of the channel or feature axis."""
        return self.type.channels

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes after the channels, ``(H, W)`` of an image."""
        return self.type.spatial


class SharedModule:
    """A module made once and applied as often as it is called, always with the same weights."""

    __slots__ = ("_net", "block", "modules", "name", "uses")

    def __init__(self, net: Wiring, block: Spec, name: str) -> None:
        self._net, self.block, self.name = net, block, name
        self.uses = 0
        self.modules: list[Any] | None = None

    def __call__(self, *values: Value) -> Any:
        """Apply it."""
        return self._net.apply(self, values)


class Wiring:
    """Records the calls of one composite."""

    __slots__ = ("_calls", "_folders", "_names", "_next")

    def __init__(self, inputs: int) -> None:
        self._calls: list[FragmentCall] = []
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._next = inputs

    def __call__(self, block: Spec, *values: Value, name: str | None = None) -> Any:
        """Apply a block to values: one value, or a tuple of them where the block has several outputs.

        Args:
            block: a composite or a primitive, all of its positions closed.
            values: what it takes.
            name: where it is in the module tree (``"conv"``, ``"blocks.0"``); numbered by place when left out.

        Raises:
            ShapeError: the block does not fit the values; the message starts with the block's path.
            SpaceError: the name is taken; to share weights make the module once with :meth:`module`.
        """
        name = self._claim(name)
        fragment = self._lower(block, values, name)
        return self._record(fragment, name, name, values)

    def module(self, block: Spec, *, name: str | None = None) -> SharedModule:
        """Make a module to be applied more than once with the same weights."""
        if not isinstance(block, Block) and not hasattr(block, "row"):
            raise ShapeError(f"{name or 'module'}: only a block can be shared; got {block!r}")
        return SharedModule(self, block, self._claim(name))

    def apply(self, shared: SharedModule, values: tuple[Value, ...]) -> Any:
        """Apply a shared module once more."""
        fragment = self._lower(shared.block, values, shared.name)
        modules = modules_of(fragment)
        if shared.modules is not None and modules != shared.modules:
            raise ShapeError(
                f"{shared.name}: a shared module is made once, for the types it is first applied to; "
                f"{values[0].type!r} needs another one; feed it values of one type, or make a second module"
            )
        shared.modules = modules
        shared.uses += 1
        name = shared.name if shared.uses == 1 else f"{shared.name}#{shared.uses}"
        return self._record(fragment, shared.name, name, values)

    def _claim(self, name: str | None) -> str:
        names = self._names
        if name is None:
            number = len(names)
            while str(number) in names:
                number += 1
            name = str(number)
        elif name in names or name in self._folders or ("." in name and not names.isdisjoint(folders_of(name))):
            raise SpaceError(
                f"{name}: a name stands for one module; two blocks have it; rename one, or share the module: "
                f"m = net.module(block, name={name!r}), then m(x), m(y)"
            )
        check_name(name)
        names.add(name)
        if "." in name:
            self._folders.update(folders_of(name))
        return name

    def _lower(self, block: Spec, values: tuple[Value, ...], name: str) -> Fragment:
        for value in values:
            if type(value) is not Value or value._net is not self:
                raise ShapeError(f"{name}: a block takes values of its own wiring; got {value!r}")
        try:
            return lower_block(block, tuple([v.type for v in values]))
        except (ShapeError, SpaceError) as error:
            raise under(name, error) from None

    def _record(self, fragment: Fragment, module: str, name: str, values: tuple[Value, ...]) -> Any:
        if fragment.passes_through:
            made = [values[r] for r in fragment.refs]
            return made[0] if len(made) == 1 else tuple(made)
        first = self._next
        self._calls.append(FragmentCall(fragment, module, name, tuple([v.number for v in values]), first))
        outputs = fragment.outputs
        self._next = first + len(outputs)
        if len(outputs) == 1:
            return Value(first, outputs[0], self)
        return tuple([Value(first + k, t, self) for k, t in enumerate(outputs)])

    @property
    def calls(self) -> tuple[FragmentCall, ...]:
        """What was recorded."""
        return tuple(self._calls)


def lower_block(block: Spec, types: tuple[TensorType, ...]) -> Fragment:
    """The fragment of a block on input types, from a bounded cache; a row is joined anew from its parts' fragments.

    Raises:
        ShapeError: the block does not fit the types.
    """
    row = getattr(block, "row", None)
    if row is not None:
        return _lower_row(block, row(), types)
    key: Any = (block, types)
    for t in types:
        if t.segments:
            key = (block, types, tuple([t.segments for t in types]))
            break
    found = _cache.get(key)
    if found is None:
        found = _lower(block, types)
        if found.size > LARGE:
            return found
        if len(_cache) >= CACHE_LIMIT:
            for old in list(_cache)[: CACHE_LIMIT // 4]:
                del _cache[old]
        _cache[key] = found
    return found


def clear_cache() -> None:
    """Forget every lowered fragment (benchmarks measure cold caches with it)."""
    _cache.clear()


def under(name: str, error: NasError) -> NasError:
    """The same error, one level further out: its message starts with the path."""
    text = str(error)
    path, _, rest = text.partition(": ")
    nested = getattr(error, "path", None)
    made = type(error)(f"{name}.{path}: {rest}" if nested and path == nested else f"{name}: {text}")
    made.path = f"{name}.{nested}" if nested and path == nested else name  # type: ignore[attr-defined]
    return made


@lru_cache(CACHE_LIMIT)
def folders_of(name: str) -> tuple[str, ...]:
    """``a`` and ``a.b`` of ``a.b.c``: a module of that name would hold this one."""
    parts = name.split(".")
    return tuple([".".join(parts[:k]) for k in range(1, len(parts))])


def modules_of(fragment: Fragment) -> list[Any]:
    """What a fragment makes once: how each of its modules is constructed and the shapes of its state, in order."""
    if fragment.call is not None:
        made = fragment.call.signature if fragment.call.style == "module" else ""
        return [(made, tuple((p.name, p.shape) for p in fragment.parameters))]
    return [(call.module, m) for call in fragment.distinct for m in modules_of(call.fragment)]


def _lower(block: Spec, types: tuple[TensorType, ...]) -> Fragment:
    if isinstance(block, Primitive):
        return _lower_primitive(block, types)
    if not isinstance(block, Composite):
        raise ShapeError(f"{type(block).__name__} is not a block; a network is made of composites and primitives")
    net = Wiring(len(types))
    return _close(block, types, net, block.wire(net, *_given(types, net)))


def _given(types: tuple[TensorType, ...], net: Wiring) -> list[Value]:
    return [Value(i, t, net) for i, t in enumerate(types)]


def _close(block: Spec, types: tuple[TensorType, ...], net: Wiring, out: object) -> Fragment:
    """The fragment of what a wiring recorded and gave out."""
    made = out if isinstance(out, tuple) else (out,)
    for value in made:
        if not isinstance(value, Value) or value._net is not net:
            raise ShapeError(f"{block.tag}: wire() returns values of its own wiring; got {value!r}")
    refs = tuple(v.number for v in made)
    return Fragment(block, types, tuple(v.type for v in made), calls=net.calls, refs=refs)  # type: ignore[arg-type]


def _lower_row(block: Spec, row: tuple[tuple[str, Spec], ...], types: tuple[TensorType, ...]) -> Fragment:
    """Blocks in a row, as a composite says by ``row()``: where each takes and gives one value, no wiring is made."""
    parts = _parts(row, types) if len(types) == 1 else None
    if parts is not None:
        return Fragment.row(block, types, parts)  # type: ignore[arg-type]
    net = Wiring(len(types))
    out: object = tuple(_given(types, net))
    for name, part in row:
        out = net(part, *(out if isinstance(out, tuple) else (out,)), name=name)
    return _close(block, types, net, out)


def _parts(row: tuple[tuple[str, Spec], ...], types: tuple[TensorType, ...]) -> list[tuple[str, Fragment]] | None:
    """The fragments of a row; None where one gives several values."""
    parts = []
    for name, part in row:
        check_name(name)
        try:
            fragment = lower_block(part, types)
        except (ShapeError, SpaceError) as error:
            raise under(name, error) from None
        if len(fragment.outputs) != 1:
            return None
        if not fragment.passes_through:
            parts.append((name, fragment))
            types = fragment.outputs
    return parts


def _lower_primitive(block: Primitive, types: tuple[TensorType, ...]) -> Fragment:
    made = block.infer(*types)
    outputs = made if isinstance(made, tuple) else (made,)
    if block.is_identity(*types):
        return Fragment(block, types, types, refs=tuple(range(len(types))))
    return Fragment(block, types, outputs, call=block.call(*types))
