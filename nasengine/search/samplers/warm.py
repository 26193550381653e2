"""Known good members first.

A warm start is a sampler spec, as a prior and a transfer are: ``Study(sampler=WarmStart("gp", members=("resnet",)))``.
They nest: ``WarmStart(Transfer("gp", earlier=...), members=...)``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from nasengine.errors import SpaceError, StudyError
from nasengine.search.samplers.candidates import Candidates, ask_each
from nasengine.search.samplers.compose import same_member, sampler_after, shown, tell_left_out
from nasengine.search.samplers.members import excess_of
from nasengine.search.samplers.protocol import Problem, Proposal, Sampler, TrialView, View
from nasengine.space.architecture import Architecture

if TYPE_CHECKING:
    from nasengine.search.samplers.compose import Then
    from nasengine.space import Label, Space

    Member: TypeAlias = str | Architecture | Mapping[str, Label]


@dataclass(frozen=True)
class WarmStart:
    """Known good members first, then what another sampler proposes; that one is told how they did.

    Attributes:
        then: the sampler that goes on: whatever a study takes for one.
        members: decisions, architectures, names of ``space.references``; or the path of a JSON file (a list of them, or
            a mapping of names to them) or of a JSONL file (one a line).
        left_out: (member, reason) of each that does not decode in the space, or breaks a budget known for free; set
            when the sampler is made, and told in one line of the log.

    Raises:
        StudyError: a file that cannot be read, a name that no reference has, or something that is no member.
    """

    then: Then
    members: Iterable[Member] | str | Path = ()
    left_out: list[tuple[str, str]] = field(default_factory=list, init=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.members, (str, Path)):
            object.__setattr__(self, "members", tuple(self.members))

    def make(self, problem: Problem) -> Sampler:
        """The sampler for one study."""
        self.left_out.clear()
        given = self._given(problem.space)
        found: list[Mapping[str, Label]] = []
        for member in given:
            try:
                architecture = _member(problem.space, member)
            except SpaceError as error:
                self.left_out.append((shown(member), str(error)))
                continue
            if excess_of(problem, architecture) > 0:
                self.left_out.append((shown(member), "it breaks a budget, or its types cannot meet"))
            elif architecture.decisions not in found:
                found.append(dict(architecture.decisions))
        tell_left_out("warm start", "members", self.left_out, len(found))
        return _Warm(problem, found, sampler_after(self.then, problem))

    def _given(self, space: Space) -> Iterable[Any]:
        if isinstance(self.members, str) and self.members in space.references:
            return (self.members,)
        return read_members(self.members) if isinstance(self.members, (str, Path)) else self.members


class _Warm:
    """Members that were not looked at yet, in order; then another sampler."""

    def __init__(self, problem: Problem, members: Sequence[Mapping[str, Label]], then: Sampler) -> None:
        self._members, self._then = members, then
        self._candidates = Candidates(problem)
        self.deterministic = then.deterministic
        self.ignores = frozenset(getattr(then, "ignores", ()))

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`."""
        self._candidates.forget(view.next_number)
        proposals = ask_each(n, view, self._next_member)
        for i, proposal in enumerate(proposals):
            self._then.tell(TrialView(view.next_number + i, proposal.decisions, "running", attrs=proposal.attrs))
        if len(proposals) < n:
            rest = replace(view, next_number=view.next_number + len(proposals))
            proposals += self._then.ask(n - len(proposals), rest)
        return proposals

    def tell(self, trial: TrialView) -> None:
        """See :class:`~nasengine.search.Sampler`.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        self._candidates.tell(trial)
        self._then.tell(trial)

    def _next_member(self, number: int) -> Proposal | None:
        for decisions in self._members:
            if decisions not in self._candidates:
                self._candidates.propose(number, decisions)
                return Proposal(decisions, {"warm_start": True})
        return None


def read_members(path: str | Path) -> list[Any]:
    """Members from a file: JSON (a list, or a mapping of names to members) or JSONL (one a line).

    Raises:
        StudyError: the file cannot be read, or is neither.
    """
    place = f"warm start: {str(path)!r}"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{place}: it cannot be read: {error}; pass the path of a JSON or JSONL file") from None
    try:
        if str(path).endswith(".jsonl"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise StudyError(
            f"{place}: it holds no JSON: {error}; write a list of decisions, or one a line as .jsonl"
        ) from None
    if isinstance(data, list):
        return data
    named = isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values())
    return list(data.values()) if named and _record(data) is None else [data]


def _member(space: Space, member: Any) -> Architecture:
    """A member as decisions, an architecture, their records, or the name of a reference."""
    if isinstance(member, str):
        references = space.references
        if member not in references:
            raise StudyError(
                f"warm start: {member!r} is no published member of {space.name!r}; "
                f"expected one of {', '.join(references) or 'none: it has no references'}; or pass decisions"
            )
        return space.decode(references[member])
    decisions = member.decisions if isinstance(member, Architecture) else member
    if not isinstance(decisions, Mapping):
        raise StudyError(
            f"warm start: a member is decisions, an architecture or the name of a reference; got {member!r}; write "
            "{'path': label, ...}"
        )
    return same_member(space, _record(decisions) or decisions)


def _record(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The decisions in the record of an architecture or of a trial; None where it is no such record."""
    inner = data.get("decisions")
    return inner if isinstance(inner, Mapping) else None
