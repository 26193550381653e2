"""Architecture: one member of a space, as plain data.

A closed tree of specs and the decisions that led to it. Everything else (graph, cost, id, module, source, picture) is
a reading of it; the readings here are doors to the rooms above and import them only when they are called.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nasengine.errors import SpaceError
from nasengine.space.spec import Label, Spec, fingerprint, spec_from_json, tagged

if TYPE_CHECKING:
    import torch

    from nasengine.graph import Cost, Graph

FORMAT = "nasengine.architecture/1"


@tagged("network")
class Network(Spec):
    """One network of an architecture: named inputs and a body.

    Args:
        body: the root block; it takes the inputs in order.
        inputs: (name, input spec) pairs; empty in a space means the space's own inputs.
        deployed: False for parts used only in training (a critic, a teacher): they never count in deployment cost.
    """

    body: Any
    inputs: tuple[Any, ...] = ()
    deployed: bool = True

    def validate(self) -> None:
        for pair in self.inputs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Spec)):
                raise SpaceError(
                    f"network.inputs: (name, input spec) pairs; got {pair!r}; write (('image', Image(3, 32)),)"
                )
            check_input_name("network.inputs", pair[0])

    def body_path(self, name: str) -> str:
        """Where errors and weights of the body are: the root for the only network, its name otherwise."""
        return "" if name == "network" else name


def check_input_name(place: str, name: object) -> None:
    """An input's name is a parameter of the built network's ``forward``.

    Raises:
        SpaceError: it cannot be one.
    """
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name == "self":
        raise SpaceError(f"{place}: an input's name is a Python identifier, no keyword and not self; got {name!r}")


class Architecture:
    """A member of a space: closed networks, the recipe if it was searched too, and the decisions.

    Equal architectures compare equal and hash alike; two different ones may still be equal *networks*: compare ``id``.
    """

    __slots__ = ("_screened", "decisions", "networks", "recipe", "space")

    def __init__(
        self,
        space: str,
        networks: Mapping[str, Network],
        *,
        decisions: Mapping[str, Label] | None = None,
        recipe: Spec | None = None,
    ) -> None:
        self.space = space
        self.networks: Mapping[str, Network] = MappingProxyType(dict(networks))
        self.decisions: Mapping[str, Label] = MappingProxyType(dict(decisions or {}))
        self.recipe = recipe
        self._screened: Any = None

    def __repr__(self) -> str:
        return f"Architecture({self.space!r}, {dict(self.decisions)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        # JSON objects have no order, so neither have the members of a record
        return (self.space, frozenset(self.networks.items()), self.recipe, frozenset(self.decisions.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self.space, dict(self.networks), dict(self.decisions), self.recipe)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with a format tag; :meth:`from_json` in a fresh interpreter gives the same id."""
        return {
            "format": FORMAT,
            "space": self.space,
            "networks": {name: net.to_json() for name, net in self.networks.items()},
            "recipe": None if self.recipe is None else self.recipe.to_json(),
            "decisions": dict(self.decisions),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Architecture:
        """Rebuild from :meth:`to_json`.

        Raises:
            SpaceError: not an architecture of this format.
            TagError: a block's class has not been imported.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            got = repr(data.get("format")) if isinstance(data, Mapping) else type(data).__name__
            raise SpaceError(f"architecture: the format is {FORMAT!r}; got {got}; write it with to_json()")
        missing = [key for key in ("space", "networks") if key not in data]
        if missing:
            raise SpaceError(
                f"architecture: a record of {FORMAT!r} has {missing[0]!r}; it is missing; write it with to_json()"
            )
        networks: dict[str, Network] = {}
        for name, net in data["networks"].items():
            spec = spec_from_json(net)
            if not isinstance(spec, Network):
                raise SpaceError(f"architecture: networks.{name} is a 'network'; got {spec.tag!r}")
            networks[name] = spec
        recipe = None if data.get("recipe") is None else spec_from_json(data["recipe"])
        return Architecture(data["space"], networks, decisions=data.get("decisions", {}), recipe=recipe)

    def with_inputs(self, **inputs: Spec) -> Architecture:
        """The same networks on inputs of other sizes: ``arch.with_inputs(tokens=Tokens(4096, 32_000))``.

        Every network that takes an input of this name gets the new one.

        Raises:
            SpaceError: no network takes such an input.
        """
        known = {name for net in self.networks.values() for name, _ in net.inputs}
        unknown = sorted(set(inputs) - known)
        if unknown:
            raise SpaceError(f"with_inputs: {unknown[0]!r} is no input; the networks take {', '.join(sorted(known))}")
        networks = {
            key: Network(net.body, tuple((name, inputs.get(name, spec)) for name, spec in net.inputs), net.deployed)
            for key, net in self.networks.items()
        }
        return Architecture(self.space, networks, decisions=self.decisions, recipe=self.recipe)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the networks' JSON: equal specs, equal fingerprint (``id`` says when networks are equal)."""
        return fingerprint(self.to_json()["networks"])

    # --- doors to the rooms above ------------------------------------------------------------------------------

    def graph(self, network: str | None = None) -> Graph:
        """The declared graph of a network (of the only deployed one when ``network`` is None)."""
        from nasengine.graph import lower

        return lower(self, network)

    @property
    def id(self) -> str:
        """Hex id of the deployed and training networks together; equal id, equal networks."""
        from nasengine.graph import screen

        return screen(self).id

    def cost(self) -> Cost:
        """Closed-form cost of the deployed networks, dead branches removed: what a study trains and measures."""
        from nasengine.graph import screen

        return screen(self).cost

    def build(self, network: str | None = None) -> torch.fx.GraphModule:
        """The network as a ``torch.fx.GraphModule``, dead branches removed."""
        from nasengine.graph.module import build

        return build(self.graph(network).simplify())

    def source(self, network: str | None = None) -> str:
        """One stand-alone Python file that needs only torch."""
        from nasengine.graph.source import source

        return source(self.graph(network).simplify())

    def draw(self, path: str | Path | None = None, network: str | None = None) -> str:
        """A diagram as SVG text, also written to ``path`` when given."""
        from nasengine.report.diagram import draw

        return draw(self.graph(network).simplify(), path, title=self.space)


def _remake(space: str, networks: dict[str, Network], decisions: dict[str, Label], recipe: Spec | None) -> Architecture:
    """Copies and our own worker processes make it anew from its plain parts."""
    return Architecture(space, networks, decisions=decisions, recipe=recipe)
