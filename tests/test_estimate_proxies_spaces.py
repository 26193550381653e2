"""Zero-cost proxies on the networks of every shipped family: each is a number, or says why it is none."""

from __future__ import annotations

import math
from types import ModuleType

import pytest

import search_spaces
from nasengine import Space
from nasengine.errors import SpaceError
from nasengine.estimate import PROXIES, measure
from nasengine.graph import lower
from search_spaces.nb201 import CELLS, decisions

ALWAYS = {"params", "macs", "l2_norm"}
MEMBER = decisions(CELLS["resnet"])


def a_space(family: ModuleType) -> Space:
    """The family's small space."""
    spaces = [value for value in vars(family).values() if isinstance(value, Space)]
    return getattr(family, "small", None) or min(spaces, key=lambda one: one.smallest().cost().macs)


@pytest.mark.parametrize("name", search_spaces.names())
def test_every_family_has_proxies(name: str) -> None:
    searched = a_space(search_spaces.load(name))  # the smallest cell of NAS-Bench-201 gives one constant answer
    architecture = searched.decode(MEMBER) if name == "nb201" else searched.smallest()
    try:
        graph = lower(architecture)
    except SpaceError:  # several networks are deployed: one is named
        graph = lower(architecture, next(iter(architecture.networks)))
    found = measure(graph, batch=4)
    assert set(found.values) == set(PROXIES)
    undefined = {key for key, value in found.values.items() if not math.isfinite(value)}
    assert undefined == set(found.reasons)
    assert not undefined & ALWAYS
    assert {"snip", "grad_norm"}.isdisjoint(undefined), found.reasons
    assert all(not reason.startswith("it cannot be computed") for reason in found.reasons.values()), found.reasons
