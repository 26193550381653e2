"""All proxies of a network from shared passes, and the same as features of a surrogate."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from nasengine.errors import StudyError
from nasengine.estimate.proxies.activations import jacov, nwot
from nasengine.estimate.proxies.batch import Batch
from nasengine.estimate.proxies.datafree import l2_norm, macs, params, synflow, zen
from nasengine.estimate.proxies.features import expressivity, progressivity, trainability
from nasengine.estimate.proxies.passes import Passes, Undefined, device_of
from nasengine.estimate.proxies.saliency import fisher, grad_norm, grasp, snip
from nasengine.graph import Graph, lower, screen
from nasengine.space import Architecture

PROXIES: Mapping[str, Callable[[Passes], float]] = {
    "params": params, "macs": macs, "l2_norm": l2_norm, "synflow": synflow, "zen": zen, "nwot": nwot, "jacov": jacov,
    "snip": snip, "grad_norm": grad_norm, "fisher": fisher, "grasp": grasp, "expressivity": expressivity,
    "progressivity": progressivity, "trainability": trainability,
}  # fmt: skip
"""Name to function, higher meaning better."""
_NOTES = {"nwot": "codes", "fisher": "saliency", "grasp": "curvature"}
_LOGGED = frozenset({"params", "macs", "l2_norm", "snip", "grad_norm", "fisher"})


@dataclass(frozen=True)
class Readings:
    """What the proxies say of one network.

    Attributes:
        values: by name; NaN where a proxy is not defined for it.
        reasons: why, for each of these.
        elapsed_s: how long it took, building the network included.
    """

    values: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    elapsed_s: float = 0.0


def proxies(
    what: Architecture | Graph,
    names: Sequence[str] = tuple(PROXIES),
    *,
    batch: Batch | int = 64,
    seed: int = 0,
    device: str | torch.device = "cpu",
    network: str | None = None,
) -> dict[str, float]:
    """Zero-cost proxies of an untrained network by name, from shared passes; higher means better.

    NaN where one is not defined for this network: :func:`measure` gives the reasons.

    Args:
        what: an architecture, or a graph.
        names: which; all of :data:`PROXIES` when left out.
        batch: examples with their targets (the same for all networks that are compared), or a number of random ones.
        seed: of the weights, of random examples and targets, and of noise.
        device: where they are computed.
        network: which network of the architecture; the only deployed one when None.

    Raises:
        StudyError: no such proxy or device, or a batch that does not fit.
        ShapeError: types of the network that cannot meet.

    Example:
        >>> from search_spaces.nb201 import small
        >>> proxies(small.largest(), ("params", "macs"))["params"] == small.largest().cost().params
        True
    """
    return dict(measure(what, names, batch=batch, seed=seed, device=device, network=network).values)


def measure(
    what: Architecture | Graph,
    names: Sequence[str] = tuple(PROXIES),
    *,
    batch: Batch | int = 64,
    seed: int = 0,
    device: str | torch.device = "cpu",
    network: str | None = None,
) -> Readings:
    """:func:`proxies` with what is not defined, and why, and how long it took."""
    check_names(names)
    started = time.perf_counter()
    notes = [_NOTES[name] for name in names if name in _NOTES]
    passes = Passes(what, batch, seed=seed, device=device, network=network, notes=notes)
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name == "grasp"):  # last: it lets the graphs go
        values[name], reason = _one(PROXIES[name], passes)
        if reason:
            reasons[name] = reason
    return Readings({name: values[name] for name in names}, reasons, time.perf_counter() - started)


def check_names(names: Sequence[str]) -> None:
    """Refuse what is no proxy.

    Raises:
        StudyError: names the first one, and those there are.
    """
    for name in names:
        if name not in PROXIES:
            raise StudyError(f"proxies: {name!r} is not a proxy; expected some of {', '.join(PROXIES)}")


def _one(proxy: Callable[[Passes], float], passes: Passes) -> tuple[float, str]:
    """A proxy's value; NaN and the reason where it has none."""
    try:
        value = proxy(passes)
    except Undefined as undefined:
        return math.nan, str(undefined)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:  # torch says what it lacks
        lines = str(error).strip().splitlines() or [""]
        return math.nan, f"it cannot be computed: {type(error).__name__}: {lines[0]}"
    return (value, "") if math.isfinite(value) else (math.nan, f"it is {value}, which is no finite number")


class ProxyFeatures:
    """Proxies as features of a network, ``features(architecture) → {name: value}``; equal networks are read once.

    What only grows with the size of a network is given as its logarithm, grasp as its inverse hyperbolic sine; what is
    not defined is left out.

    Args:
        names: which proxies.
        batch: a number of random examples, or a function of the network's graph that gives a :class:`Batch`.
        remembered: how many networks.
    """

    def __init__(
        self,
        names: Sequence[str] = tuple(PROXIES),
        *,
        batch: int | Callable[[Graph], Batch] = 64,
        seed: int = 0,
        device: str | torch.device = "cpu",
        remembered: int = 100_000,
    ) -> None:
        check_names(names)
        self.names, self._batch, self._seed, self._device = tuple(names), batch, seed, device_of(device)
        self._remembered = remembered
        self._known: OrderedDict[str, dict[str, float]] = OrderedDict()

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """Features by name, all finite."""
        key = screen(architecture).id
        if key not in self._known:
            self._known[key] = self._read(architecture)
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return dict(self._known[key])

    def _read(self, architecture: Architecture) -> dict[str, float]:
        graph = lower(architecture).simplify()
        batch = self._batch(graph) if callable(self._batch) else self._batch
        read = measure(graph, self.names, batch=batch, seed=self._seed, device=self._device).values
        made = {name: _feature(name, value) for name, value in read.items()}
        return {name: value for name, value in made.items() if math.isfinite(value)}


def _feature(name: str, value: float) -> float:
    if name in _LOGGED:
        return math.log(value) if value > 0 else math.nan
    return math.asinh(value) if name == "grasp" else value
