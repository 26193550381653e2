"""Graph: what an architecture is. Every reading (cost, id, module, source, picture) starts here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from nasengine.errors import NasError, ShapeError, SpaceError
from nasengine.graph.canonical import form, network_id
from nasengine.graph.cost import Cost
from nasengine.graph.flat import Flat, Node, flatten
from nasengine.graph.fragment import Fragment
from nasengine.graph.simplify import simplify
from nasengine.graph.tensor import TensorType
from nasengine.graph.wiring import lower_block, under

if TYPE_CHECKING:
    from nasengine.space.architecture import Architecture, Network


class Graph:
    """A network as primitives over typed values. Immutable.

    Args:
        fragment: the lowered body.
        names: names of the inputs, in order.
    """

    def __init__(self, fragment: Fragment, names: tuple[str, ...]) -> None:
        self.fragment = fragment
        self.inputs: dict[str, int] = {name: i for i, name in enumerate(names)}

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes)} nodes, {self.cost.params:,} params, id {self.id[:12]})"

    @cached_property
    def flat(self) -> Flat:
        """Primitives in topological order."""
        return flatten(self.fragment)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Applications of primitives, in topological order."""
        return self.flat.nodes

    @cached_property
    def outputs(self) -> dict[str, int]:
        """Name of each output and its value number: ``output`` where there is one, else as the root block says."""
        names = output_names(self.fragment)
        for name in names:
            if name in self.inputs:
                raise SpaceError(f"{name}: an input and an output go by one name; rename the input of the space")
        return dict(zip(names, self.flat.refs, strict=True))

    @cached_property
    def types(self) -> tuple[TensorType, ...]:
        """Type of each value, by number."""
        found = dict(enumerate(self.fragment.inputs))
        for node in self.nodes:
            found.update(zip(node.outputs, node.fragment.outputs, strict=True))
        return tuple(found[i] for i in range(len(found)))

    @cached_property
    def id(self) -> str:
        """Hex id of the simplified graph; equal id, equal networks. The rule is in :mod:`nasengine.graph.canonical`."""
        return id_of(simplify(self.fragment))

    @cached_property
    def cost(self) -> Cost:
        """Closed-form cost of this graph as it stands."""
        return cost_of(self.fragment)

    def only(self, output: str) -> Graph:
        """The graph of one output alone: what a network costs and is that leaves by this exit.

        Raises:
            SpaceError: no such output.
        """
        names = list(self.outputs)
        if output not in names:
            raise SpaceError(f"{output!r}: no such output; the graph's outputs are {', '.join(names)}")
        return Graph(only(self.fragment, names.index(output)), tuple(self.inputs))

    def simplify(self) -> Graph:
        """The graph without dead and zero parts: what a study trains, measures and exports."""
        simple = simplify(self.fragment)
        return self if simple is self.fragment else Graph(simple, tuple(self.inputs))


@dataclass(frozen=True, slots=True)
class Screened:
    """What is known of a candidate for free: its id and its cost."""

    id: str
    cost: Cost


def output_names(fragment: Fragment) -> tuple[str, ...]:
    """``output`` where there is one; else what the root block says in ``output_names``, or numbered."""
    count = len(fragment.outputs)
    names = tuple(getattr(fragment.block, "output_names", ()))
    if count == 1:
        return ("output",)
    return names if len(names) == count else tuple(f"output_{i}" for i in range(count))


def id_of(simple: Fragment) -> str:
    """Hex id of a simplified network: its input types, the names of its outputs and its form."""
    return network_id(form(simple), f"{simple.inputs!r}->{output_names(simple)!r}")


def cost_of(fragment: Fragment) -> Cost:
    """Closed-form cost of a fragment."""
    used = only(fragment, 0) if getattr(fragment.block, "exits", False) and len(fragment.outputs) > 1 else fragment
    return Cost(
        fragment.params,
        fragment.macs,
        fragment.param_bytes,
        fragment.peak(),
        1 + round(fragment.extent),
        used.params - used.idle[0],
        used.macs - used.idle[1],
        fragment.state_bytes,
    )


def only(fragment: Fragment, output: int) -> Fragment:
    """The part of a network that one of its outputs depends on."""
    one = Fragment(
        fragment.block,
        fragment.inputs,
        (fragment.outputs[output],),
        calls=fragment.calls,
        refs=(fragment.refs[output],),
        call=fragment.call,
    )
    return simplify(one)


def lower_network(network: Network, path: str = "") -> Fragment:
    """The fragment of a network's body on its inputs.

    Raises:
        ShapeError: types that cannot meet; the message starts with the block's path.
    """
    try:
        return lower_block(network.body, tuple([spec.type() for _, spec in network.inputs]))
    except (ShapeError, SpaceError) as error:
        raise _placed(path, error) from None


def lower(architecture: Architecture, network: str | None = None) -> Graph:
    """The declared graph of a network of an architecture (of the only deployed one when ``network`` is None).

    Raises:
        ShapeError: types that cannot meet.
        SpaceError: no such network, or several to choose from.
    """
    name = network or only_deployed(architecture)
    if name not in architecture.networks:
        raise SpaceError(f"{name!r}: no such network; the architecture holds {', '.join(architecture.networks)}")
    net = architecture.networks[name]
    return Graph(lower_network(net, net.body_path(name)), tuple(n for n, _ in net.inputs))


def only_deployed(architecture: Architecture) -> str:
    """Name of the one deployed network."""
    names = [name for name, net in architecture.networks.items() if net.deployed]
    if len(names) != 1:
        raise SpaceError(f"network: several are deployed ({', '.join(names)}); say which, network={names[0]!r}" if names
                         else "network: none is deployed; mark one deployed=True")  # fmt: skip
    return names[0]


def screen(architecture: Architecture) -> Screened:
    """Id of all networks together and cost of the deployed ones, simplified. Remembered on the architecture.

    Raises:
        ShapeError: types that cannot meet.
    """
    found: Screened | None = architecture._screened
    if found is None:
        found = _screen(architecture)
        architecture._screened = found
    return found


def _screen(architecture: Architecture) -> Screened:
    ids: list[str] = []
    cost: Cost | None = None
    networks = sorted(architecture.networks.items())  # a record's keys have no order
    for name, net in networks:
        simple = simplify(lower_network(net, net.body_path(name)))
        ids.append(id_of(simple))
        if net.deployed:
            one = cost_of(simple)
            cost = one if cost is None else cost + one
    if len(ids) == 1 and cost is not None:
        return Screened(ids[0], cost)
    text = "|".join(f"{n}:{net.deployed}:{i}" for (n, net), i in zip(networks, ids, strict=True))
    return Screened(blake2b(text.encode(), digest_size=16).hexdigest(), cost or Cost(0, 0, 0, 0, 0, 0, 0, 0))


def _placed(path: str, error: NasError) -> NasError:
    return under(path, error) if path else error
