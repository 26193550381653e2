"""Space: a set of architectures, as a value."""

from __future__ import annotations

import operator
import random
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from nasengine.errors import DecisionError, SpaceError
from nasengine.space import variation
from nasengine.space.architecture import Architecture, Network, check_input_name
from nasengine.space.count import Counter
from nasengine.space.describe import describe, outline, size_text
from nasengine.space.spec import Label, Open, Spec, fingerprint
from nasengine.space.uses import check_single_use
from nasengine.space.walk import (
    Chooser,
    CompiledNode,
    Registry,
    TupleNode,
    Walk,
    compile_node,
)

_TOO_DEEP = (
    "it nests deeper than Python can follow, or a lazy option comes back to itself without end; "
    "bound its depth by an argument: lazy(tree, depth - 1)"
)


class Space:
    """Networks with open positions.

    Args:
        name: what the space is called in records.
        inputs: one input spec (``Image(3, 32)``), or a mapping of names to input specs.
        network: the root block; or
        networks: a mapping of names to blocks or :class:`Network` specs (several networks, each with its own inputs,
            deployed or used in training only).
        recipe: an open recipe whose decisions join the space's under ``recipe.``.
        references: published members, name to decisions; a path may be a pattern (see :meth:`select`).

    Raises:
        SpaceError: the definition is not well formed (where, and how to mend it).

    Example:
        >>> from nasengine import Features, Space, choice
        >>> from nasengine.blocks import Linear, Sequential
        >>> space = Space("tiny", inputs=Features(4), network=Sequential(Linear(choice(8, 16)), Linear(2)))
        >>> len(space), space[1].decisions["0.features"]
        (2, 16)
    """

    def __init__(
        self,
        name: str,
        *,
        inputs: Spec | Mapping[str, Spec] | None = None,
        network: Spec | None = None,
        networks: Mapping[str, Spec] | None = None,
        recipe: Spec | None = None,
        references: Mapping[str, Mapping[str, Label]] | None = None,
    ) -> None:
        if (network is None) == (networks is None):
            raise SpaceError(
                f"space {name!r}: give either network= or networks=; got {'neither' if network is None else 'both'}"
            )
        self.name = name
        self.inputs = _named_inputs(name, inputs)
        self.networks = _named_networks(
            name, {"network": network} if network is not None else networks or {}, self.inputs
        )
        self.recipe = recipe
        self._references = dict(references or {})
        check_single_use(self._places(recipe))
        self._registry = Registry()
        self._parts = [self._compile(key, net) for key, net in self.networks.items()]
        self._pairs = list(zip(self.networks.items(), self._parts, strict=True))
        self._recipe = None if recipe is None else compile_node(recipe, "recipe", self._registry)

    def __repr__(self) -> str:
        return f"Space({self.name!r})"

    def __bool__(self) -> bool:
        return True

    # --- the one walk --------------------------------------------------------------------------------------------

    def resolve(self, choose: Chooser) -> Architecture:
        """The member that ``choose(path, domain) -> label`` leads to; only open positions it reaches are asked.

        Raises:
            DecisionError: a label is not an option.
        """
        walk = Walk(choose)
        try:
            networks = {key: self._close(net, part, walk) for (key, net), part in self._pairs}
            recipe = None if self._recipe is None else self._recipe.close(walk)
        except RecursionError:
            raise SpaceError(f"space {self.name!r}: {_TOO_DEEP}") from None
        return Architecture(self.name, networks, decisions=walk.decisions, recipe=recipe)

    def sample(self, rng: random.Random | int | None = None) -> Architecture:
        """A random member: each decision uniform over its options (log-uniform where it says so)."""
        source = rng if isinstance(rng, random.Random) else random.Random(rng)
        return self.resolve(variation.at_random(source))

    def decode(self, decisions: Mapping[str, Label], *, strict: bool = True) -> Architecture:
        """The member with these decisions (path to label).

        Args:
            decisions: what :attr:`Architecture.decisions` holds.
            strict: refuse decisions that no position of the member asks for.

        Raises:
            DecisionError: a decision is missing, is not an option, or (strict) is never asked for.
        """
        found = self.resolve(variation.replay(decisions))
        unused = [path for path in decisions if path not in found.decisions]
        if strict and unused:
            raise DecisionError(
                f"{unused[0]}: no position of this member of {self.name!r} goes by this path; its paths are "
                f"{', '.join(list(found.decisions)[:12])}{', ...' if len(found.decisions) > 12 else ''}"
            )
        return found

    def select(self, decisions: Mapping[str, Label]) -> Architecture:
        """The member that decisions by pattern lead to: ``{"*.kernel": 3, "body.2.*.kernel": 5}``.

        ``*`` stands for anything. A path itself comes before patterns; of patterns that match, the last one holds. A
        position with one option needs no decision.

        Raises:
            DecisionError: no pattern matches a position, a label is no option, or a pattern matches nothing.
        """
        chosen = variation.Patterns(decisions)
        found = self.resolve(chosen)
        chosen.check_used(self.name)
        return found

    @cached_property
    def references(self) -> Mapping[str, Mapping[str, Label]]:
        """Published members: name to decisions, for :meth:`decode`.

        Raises:
            DecisionError: a reference is not a member; the message starts with its name.
        """
        return MappingProxyType({name: self._reference(name) for name in self._references})

    def _reference(self, name: str) -> Mapping[str, Label]:
        try:
            return self.select(self._references[name]).decisions
        except DecisionError as error:
            raise DecisionError(f"space {self.name!r}, reference {name!r}: {error}") from None

    # --- counting ------------------------------------------------------------------------------------------------

    @cached_property
    def _counter(self) -> Counter:
        items: list[CompiledNode] = [*self._parts] + ([] if self._recipe is None else [self._recipe])
        return Counter(_tuple(items, self._registry))

    @cached_property
    def size(self) -> int | float:
        """Number of decision sets, exactly; ``math.inf`` with a real-valued position.

        Raises:
            SpaceError: names used more than once have over 100,000 joint options.
        """
        try:
            return self._counter.size()
        except RecursionError:
            raise SpaceError(f"space {self.name!r}: {_TOO_DEEP}") from None

    def __len__(self) -> int:
        size = self.size
        if isinstance(size, float) or size > sys.maxsize:
            raise OverflowError(f"len(space {self.name!r}): {size_text(self)}, beyond sys.maxsize; use space.size")
        return size

    def __getitem__(self, index: int) -> Architecture:
        """The member at ``index``: a bijection between ``0..size-1`` and decision sets.

        Raises:
            IndexError: out of range.
            SpaceError: the space is infinite, or the index is not a whole number.
        """
        try:
            index = operator.index(index)
        except TypeError:
            raise SpaceError(
                f"space {self.name!r}: a member has one whole number as its index; got {index!r}; for several write "
                "[space[i] for i in range(10)]"
            ) from None
        size = self.size
        if isinstance(size, float):
            raise SpaceError(f"space {self.name!r}: a real-valued position makes it infinite; use sample() or decode()")
        if not -size <= index < size:
            raise IndexError(f"space {self.name!r} has {size} members; got index {index}")
        return self.decode(self._counter.decisions(index % size))

    def __iter__(self) -> Iterator[Architecture]:
        size = self.size
        if isinstance(size, float):
            raise SpaceError(f"space {self.name!r}: a real-valued position makes it infinite; use sample()")
        index = 0
        while index < size:
            yield self[index]
            index += 1

    # --- neighbourhoods ------------------------------------------------------------------------------------------

    def smallest(self) -> Architecture:
        """Every number at its least and of blocks the first listed."""
        return self.resolve(variation.extreme(least=True))

    def largest(self) -> Architecture:
        """Every number at its most and of blocks the first listed."""
        return self.resolve(variation.extreme(least=False))

    def mutate(self, architecture: Architecture, rng: random.Random, *, changes: int = 1) -> Architecture:
        """Forget ``changes`` decisions, decide them anew, and resolve what that opens."""
        return variation.mutate(self, architecture, rng, changes=changes)

    def crossover(self, a: Architecture, b: Architecture, rng: random.Random) -> Architecture:
        """Take each decision from one parent or the other; resolve at random what neither has."""
        return variation.crossover(self, a, b, rng)

    def neighbours(self, architecture: Architecture, rng: random.Random | None = None) -> Iterator[Architecture]:
        """Every member one decision away (real-valued positions move by a tenth of their range)."""
        return variation.neighbours(self, architecture, rng)

    # --- reading -------------------------------------------------------------------------------------------------

    def describe(self, *, limit: int = 200) -> str:
        """What is fixed and what is open, for a person, at most ``limit`` lines."""
        return describe(self, limit=limit)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the definition."""
        nets = {key: outline(net) for key, net in self.networks.items()}
        return fingerprint({"name": self.name, "networks": nets, "recipe": outline(self.recipe)})

    def with_recipe(self, recipe: Spec) -> Space:
        """This space joined with an open recipe, searched as one; a published member is none of the joint space."""
        if self.recipe is not None and self.recipe != recipe:
            raise SpaceError(f"space {self.name!r}: it already holds a recipe; build it without one, then join")
        inputs = dict(self.inputs) or None
        return Space(self.name, inputs=inputs, networks=self.networks, recipe=recipe)

    # --- inside --------------------------------------------------------------------------------------------------

    def _places(self, recipe: Spec | None) -> dict[str, Any]:
        """Every root of the tree by its path; inputs that networks share are one place."""
        places: dict[str, Any] = {}
        for key, net in self.networks.items():
            places.update({path: spec for path, (_, spec) in zip(self._input_paths(key, net), net.inputs, strict=True)})
            places[self._body_path(key, net)] = net.body
        return {**places, "recipe": recipe}

    def _input_paths(self, key: str, net: Network) -> list[str]:
        shared = len(self.networks) == 1 or net.inputs == self.inputs
        base = "inputs" if shared else f"{key}.inputs"
        return [base if len(net.inputs) == 1 else f"{base}.{name}" for name, _ in net.inputs]

    def _body_path(self, key: str, net: Network) -> str:
        alone = len(self.networks) == 1
        return "" if alone and not isinstance(net.body, Open) else key

    def _compile(self, key: str, net: Network) -> TupleNode:
        paths = self._input_paths(key, net)
        nodes = [compile_node(spec, path, self._registry) for path, (_, spec) in zip(paths, net.inputs, strict=True)]
        body = compile_node(net.body, self._body_path(key, net), self._registry)
        return _tuple([*nodes, body], self._registry)

    def _close(self, net: Network, part: TupleNode, walk: Walk) -> Network:
        *inputs, body = part.close(walk)
        pairs = tuple([(name, spec) for (name, _), spec in zip(net.inputs, inputs, strict=True)])
        return Network.closed((body, pairs, net.deployed))


def _tuple(items: list[CompiledNode], registry: Registry) -> TupleNode:
    node = TupleNode((), "", registry, ())
    node.source = tuple(item.source for item in items)
    node.items = items
    return node


def _named_inputs(space: str, inputs: Spec | Mapping[str, Spec] | None) -> tuple[tuple[str, Any], ...]:
    if inputs is None:
        return ()
    named = dict(inputs) if isinstance(inputs, Mapping) else {"input": inputs}
    for name, spec in named.items():
        if not isinstance(spec, (Spec, Open)):
            raise SpaceError(f"space {space!r}: an input is a spec such as Image(3, 32) or Features(8); got {spec!r}")
        check_input_name(f"space {space!r}", name)
    return tuple(named.items())


def _named_networks(space: str, networks: Mapping[str, Any], inputs: tuple[Any, ...]) -> dict[str, Network]:
    found: dict[str, Network] = {}
    for name, net in networks.items():
        if not isinstance(net, (Spec, Open)):
            raise SpaceError(f"space {space!r}: networks.{name} is a block; got {net!r}")
        wrapped = net if isinstance(net, Network) else Network(net, inputs)
        found[name] = wrapped if wrapped.inputs else Network(wrapped.body, inputs, wrapped.deployed)
        if not found[name].inputs:
            raise SpaceError(f"space {space!r}: networks.{name} has no input; pass inputs=Image(3, 32) or the like")
    if not found:
        raise SpaceError(f"space {space!r}: networks= is empty; name at least one network")
    return found
