"""What sampler specs share: the sampler that goes on, and members that do not decode any more."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from nasengine.errors import DecisionError, StudyError
from nasengine.search.samplers.protocol import Problem, Sampler, SamplerSpec
from nasengine.space.architecture import Architecture
from nasengine.space.choices import Choice, Domain
from nasengine.space.walk import exact

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from nasengine.search.samplers.named import SamplerFactory
    from nasengine.space import Label, Space

    Then: TypeAlias = str | SamplerFactory | BaseSampler | Sampler | SamplerSpec

_log = logging.getLogger(__name__)


def same_member(space: Space, decisions: Mapping[str, Label]) -> Architecture:
    """The member of a space with these decisions; positions with one option need none.

    Raises:
        DecisionError: a decision is missing, is no option, or no position goes by its path.
    """

    def choose(path: str, domain: Domain) -> Label:
        if path in decisions:
            return exact(path, decisions[path], domain)
        if isinstance(domain, Choice) and len(domain.labels) == 1:
            return domain.labels[0]
        raise DecisionError(f"{path}: a decision is missing")

    member = space.resolve(choose)
    unused = [path for path in decisions if path not in member.decisions]
    if unused:
        raise DecisionError(f"{unused[0]}: no position of this member of {space.name!r} goes by this path")
    return member


def sampler_after(then: Any, problem: Problem) -> Sampler:
    """The sampler that goes on, for one problem."""
    from nasengine.search.samplers.named import sampler_for

    return sampler_for(then, problem)


def check_reads(sampler: Sampler, what: str, place: str, why: str) -> None:
    """Refuse a sampler that does not look at a field of the problem.

    Raises:
        StudyError: it says so in its ``ignores``.
    """
    if what in getattr(sampler, "ignores", ()):
        raise StudyError(f"{place}: {why}, so it would change nothing; choose another sampler, such as 'nsga2' or 'gp'")


def named(then: Any) -> str:
    """A sampler, for a message."""
    return f"sampler {then!r}" if isinstance(then, str) else f"{type(then).__name__}"


def shown(member: Any) -> str:
    """A member in at most 80 characters, for a message."""
    text = repr(dict(member) if isinstance(member, Mapping) else member)
    return text if len(text) <= 80 else text[:77] + "..."


def tell_left_out(place: str, what: str, left_out: Sequence[tuple[str, str]], taken: int) -> None:
    """Say in one line of the log how many are left out, and why the first one is."""
    if left_out:
        name, reason = left_out[0]
        _log.warning(
            "%s: %d of %d %s are left out; the first, %s: %s",
            place, len(left_out), len(left_out) + taken, what, name, reason,
        )  # fmt: skip
