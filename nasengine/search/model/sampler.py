"""The model-based sampler: every evaluation goes where it is expected to add most to the front.

A surrogate over the graph (:mod:`nasengine.search.model.surrogate`) predicts what only training tells; what is known
before training is never modelled; budgets on it are never broken where that can be avoided. The first trials spread
over the space; then each is the candidate of a pool (:mod:`nasengine.search.model.pool`) with the largest expected gain
in hypervolume (:mod:`nasengine.search.model.acquisition`). Trials that run, and earlier picks of a batch, count as if
they turned out as expected.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nasengine.errors import NasError
from nasengine.search.model.acquisition import Array, Gain, Model, Trained, believed, feasible
from nasengine.search.model.corners import Loss, corners
from nasengine.search.model.design import spread_out
from nasengine.search.model.features import GROUPS, Book, Member, Products, Sketch
from nasengine.search.model.fitting import Fits
from nasengine.search.model.pool import Pool
from nasengine.search.model.reading import decided
from nasengine.search.model.screening import Guess, Screen
from nasengine.search.objectives import violations
from nasengine.search.pareto import ordering
from nasengine.search.samplers.candidates import Candidates
from nasengine.search.samplers.members import size_of
from nasengine.search.samplers.protocol import PENDING, Problem, Proposal, TrialView, View, check_values

if TYPE_CHECKING:
    from nasengine.space import Label

FEWEST = 3
"""Results without which there is no model."""
FAMILIES = 8
"""Best members whose relatives are in the pool."""
READ, ROUNDS = 10, 4
"""Candidates of the pool that are read in a round, and rounds."""
PATIENCE = 8
"""Candidates looked at for each that is read: some are known networks under other decisions, or over a budget."""
CLIMBED = 2
"""The best of them after a round, whose nearest relatives join the pool."""
STRANGERS = 400
"""Random members of which the cheapest, by a guess, start the descent on known costs."""
LOOKED = 5
"""Members that are read at each step of it, for each cost."""
LASTING = 16
"""Candidates are chosen anew at each ask until so many trials; then at every second, third, ..."""
SPREAD = 8
"""Random members that are read for each of the first trials."""


@dataclass(frozen=True, slots=True)
class Told:
    """Trials told, in order of number, each with its member."""

    trials: tuple[TrialView, ...]
    members: Mapping[int, Member]

    def of(self, *statuses: str) -> list[TrialView]:
        """Those of some statuses that are still members."""
        return [t for t in self.trials if t.status in statuses and t.number in self.members]

    def until(self, number: int) -> Told:
        """Those before a number."""
        trials = tuple(t for t in self.trials if t.number < number)
        return Told(trials, {t.number: self.members[t.number] for t in trials if t.number in self.members})

    def signature(self) -> tuple[object, ...]:
        """Equal where the same was told."""
        return tuple((t.number, t.status, *t.values.values()) for t in self.trials)


class ModelSampler:
    """See the module. A pure function of the problem, of the set of trials told and of the number asked for.

    Args:
        problem: its ``earlier`` trials are data of lower fidelity, its ``cheap`` figures are features.
        initial: trials before the model is asked; None goes by the size of the space.
    """

    deterministic = True

    def __init__(self, problem: Problem, *, initial: int | None = None) -> None:
        self._problem = problem
        self._initial = _initial(problem) if initial is None else initial
        self._book = Book(problem)
        self._products = tuple(Products(i) for i in range(len(GROUPS)))
        self._pool = Pool(problem, self._book)
        self._fits = Fits(problem, self._book, self._products)
        self._trials: dict[int, TrialView] = {}
        self._ends: dict[tuple[str, ...], list[Member]] = {}
        self._chosen: dict[tuple[object, ...], tuple[Member, ...]] = {}
        self._members: dict[int, tuple[Mapping[str, Label], Member | None]] = {}

    # --- the protocol --------------------------------------------------------------------------------------------

    def tell(self, trial: TrialView) -> None:
        """See :class:`~nasengine.search.Sampler`.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        if trial.status == "complete":
            check_values(trial, self._problem.objectives)
        self._trials[trial.number] = trial

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; fewer than ``n`` once the space is exhausted."""
        picked: list[Member] = []
        for number in range(view.next_number, view.next_number + n):
            member = self._pick(number, picked)
            if member is None:
                break
            picked.append(member)
        return [Proposal(dict(member.decisions)) for member in picked]

    # --- one pick ------------------------------------------------------------------------------------------------

    def _pick(self, number: int, picked: Sequence[Member]) -> Member | None:
        told = self._told()
        seen = {m.key for m in told.members.values()} | {m.key for m in picked}
        finished = told.of("complete")
        if number < self._initial or len(finished) < FEWEST:
            found = self._spread(number, told, picked, seen)
        else:
            found = self._best(number, told, picked, seen)
        return found or self._anything(number, picked)

    def _spread(self, number: int, told: Told, picked: Sequence[Member], seen: set[str]) -> Member | None:
        strangers = self._pool.strangers(-1 - number, SPREAD if number < self._initial else 4 * SPREAD)
        candidates = self._read(((s, None) for s in strangers), len(strangers), seen, set())
        models = self._models(told) if number >= self._initial and self._problem.budgets and candidates else {}
        if models:  # few or none met a budget that is only measured
            return _highest(candidates, feasible(self._problem.budgets, models, candidates))
        return spread_out(candidates, [*told.members.values(), *picked], self._products, number)

    def _best(self, number: int, told: Told, picked: Sequence[Member], seen: set[str]) -> Member | None:
        since = number - number % (1 + number // LASTING)
        candidates = [m for m in self._candidates(since, told.until(since)) if m.key not in seen]
        if len(candidates) < FEWEST:
            candidates = [m for m in self._candidates(number, told, picked) if m.key not in seen]
        if not candidates:
            return None
        models, trained, first = self._state(told, picked)
        worth = Gain(self._problem.objectives, models, trained, first)(candidates)
        return _highest(candidates, worth * feasible(self._problem.budgets, models, candidates))

    def _candidates(self, number: int, told: Told, picked: Sequence[Member] = ()) -> tuple[Member, ...]:
        """What may be proposed from a number on, chosen by what was told before it. Remembered."""
        key = (number, told.signature(), tuple(picked))
        if key not in self._chosen:
            if len(self._chosen) >= 8:
                self._chosen.clear()
            self._chosen[key] = tuple(self._choose(number, told, picked))
        return self._chosen[key]

    def _choose(self, number: int, told: Told, picked: Sequence[Member]) -> list[Member]:
        models, trained, first = self._state(told, picked)
        gain = Gain(self._problem.objectives, models, trained, first)
        unknown = [b for b in self._problem.budgets if b.name in models]

        def chance(members: Sequence[Member]) -> Array:
            return feasible(unknown, models, members)

        screen = Screen(gain, self._problem.budgets, trained, first, self._products[-1], chance if unknown else None)
        known = (*told.members.values(), *picked)
        proposed, seen = {decided(m.decisions) for m in known}, {m.key for m in known}
        best = [trained.members[i] for i in ordering(trained.losses, self._directions)[:FAMILIES]]
        ends = [m for m in self._corners(models) if m.key not in seen]
        pool = self._pool.gather(number, list(dict.fromkeys([*best, *self._corners(models)])))
        idle: set[tuple[Member, str]] = set()
        made = screen.learned([m for m in ends if not violations(self._problem.budgets, m.known)])
        for _ in range(ROUNDS):
            parents = {s: p for s, p in pool.items() if s.place not in proposed}
            ordered = ((s, parents[s]) for s in screen.ordered(list(parents)))
            made += screen.learned(self._read(ordered, READ, seen | {m.key for m in made}, idle))
            if made:
                worth = gain(made) * feasible(self._problem.budgets, models, made)
                for i in np.argsort(-worth, kind="stable")[:CLIMBED]:
                    pool.update(dict.fromkeys(self._pool.near(made[i]), made[i]))
        return made

    def _corners(self, models: Mapping[str, Model]) -> list[Member]:
        """Members of least known cost."""
        costs = [o for o in self._problem.objectives if o.name not in models]
        names = tuple(o.name for o in costs)
        if len(costs) == len(self._problem.objectives):
            return []
        if names not in self._ends:
            losses: list[Loss] = [lambda m, o=o: o.loss(m.known[o.name]) for o in costs]  # type: ignore[misc]
            first = self._first(models)
            if not first:
                return []
            values = np.array(
                [[math.log1p(abs(loss(m))) * o.loss(1.0) for loss, o in zip(losses, costs, strict=True)] for m in first]
            )
            guess = Guess(first, values, self._products[-1])

            def around(member: Member, step: int) -> list[Member]:
                near = [*self._pool.relatives(member), *self._pool.around(member, step)]
                return self._cheapest(guess, near, names, LOOKED)

            strangers = self._pool.strangers(-1 - self._initial, STRANGERS)
            start = [*first, *self._cheapest(guess, strangers, names, SPREAD)]
            self._ends[names] = corners(losses, start, around)
        return self._ends[names]

    def _cheapest(self, guess: Guess, sketches: Sequence[Sketch], names: Sequence[str], most: int) -> list[Member]:
        """Of sketches, those of which a guess says that a cost is among the least, read."""
        guessed, _ = guess(sketches)
        places = np.unique(np.argsort(guessed, axis=0, kind="stable")[:most])
        found = [self._book.member(sketches[i].architecture) for i in places]
        return [m for m in found if all(name in m.known for name in names)]

    def _state(self, told: Told, picked: Sequence[Member]) -> tuple[dict[str, Model], Trained, list[Member]]:
        """Models, what counts as trained, and the random members that say how far costs reach."""
        models = self._models(told)
        waiting = [*(told.members[t.number] for t in told.of(*PENDING)), *picked]
        trained = self._trained(told, models, waiting)
        models = {n: Model(m.warp, m.surrogate.believing(waiting)) for n, m in models.items()}
        return models, trained, self._first(models)

    def _first(self, models: Mapping[str, Model]) -> list[Member]:
        """Random members looked at for the first trials; they say how far costs reach."""
        batches = [self._pool.strangers(-1 - i, SPREAD) for i in range(self._initial)]
        found = {m.key: m for batch in batches for s in batch if (m := self._book.member(s.architecture)).sound}
        needed = [o.name for o in self._problem.objectives if o.name not in models]
        return [m for m in found.values() if all(name in m.known for name in needed)]

    def _read(
        self,
        sketches: Iterable[tuple[Sketch, Member | None]],
        most: int,
        seen: set[str],
        idle: set[tuple[Member, str]],
    ) -> list[Member]:
        """Members behind sketches, up to so many that may be proposed: networks not seen, within the budgets known for
        free, each once; of the unsound only where none is sound.

        Args:
            sketches: with the member that each is a relative of.
            idle: decisions of a member that change nothing in its network, as found on the way; their other labels are
                passed over.
        """
        once: dict[str, Member] = {}
        looked = 0
        for sketch, parent in sketches:
            changed = [] if parent is None else _changed(parent, sketch)
            if parent is not None and any((parent, path) in idle for path in changed):
                continue
            member = self._book.member(sketch.architecture)
            if parent is not None and len(changed) == 1 and member.key == parent.key:
                idle.add((parent, changed[0]))
            if member.key not in seen and not violations(self._problem.budgets, member.known):
                once.setdefault(member.key, member)
            looked += 1
            if len(once) >= most or looked >= PATIENCE * most:
                break
        return [m for m in once.values() if m.sound] or list(once.values())

    # --- what is known -------------------------------------------------------------------------------------------

    def _told(self) -> Told:
        ordered = tuple(self._trials[n] for n in sorted(self._trials))
        found = {t.number: self._member(t) for t in ordered}
        return Told(ordered, {n: m for n, m in found.items() if m is not None})

    def _member(self, trial: TrialView) -> Member | None:
        known = self._members.get(trial.number)
        if known is None or known[0] != trial.decisions:
            known = self._members[trial.number] = (trial.decisions, self._book.of_trial(trial))
        return known[1]

    def _models(self, told: Told) -> dict[str, Model]:
        """A model of each unknown objective, and of each budget's quantity that is unknown and was seen."""
        names = self._names_unknown(told)
        return {name: model for name in names if (model := self._fits.model(name, told.trials, told.members))}

    def _names_unknown(self, told: Told) -> list[str]:
        """Objectives and budgets that are not known of every member told before it is trained."""
        wanted = dict.fromkeys([*(o.name for o in self._problem.objectives), *(b.name for b in self._problem.budgets)])
        members = list(told.members.values())
        return [name for name in wanted if any(name not in m.known for m in members)]

    def _trained(self, told: Told, models: Mapping[str, Model], waiting: Sequence[Member]) -> Trained:
        done = told.of("complete")
        losses = [[o.loss(t.values[o.name]) for o in self._problem.objectives] for t in done]
        expected = believed(self._problem.objectives, models, waiting)
        return Trained(
            (*(told.members[t.number] for t in done), *waiting),
            np.concatenate([np.array(losses).reshape(len(done), -1), expected]),
        )

    @property
    def _directions(self) -> list[str]:
        return ["minimize"] * len(self._problem.objectives)

    # --- what may be proposed ------------------------------------------------------------------------------------

    def _anything(self, number: int, picked: Sequence[Member]) -> Member | None:
        """Whatever is left, where the pool holds nothing that may be proposed."""
        candidates = Candidates(self._problem)
        for n in sorted(self._trials):
            candidates.tell(self._trials[n])
        for i, member in enumerate(picked):
            candidates.propose(number - len(picked) + i, member.decisions)
        found = candidates.pick(number)
        if found is None:
            return None
        try:
            return self._book.member(self._problem.space.decode(found))
        except NasError:
            return None


def _changed(member: Member, sketch: Sketch) -> list[str]:
    """Paths on which two decision sets differ."""
    one, other = member.decisions, sketch.architecture.decisions
    return [path for path in {**one, **other} if path not in one or path not in other or one[path] != other[path]]


def _initial(problem: Problem) -> int:
    """Trials before the model is asked: a few more in a larger space."""
    size = size_of(problem.space)
    if size <= 1:
        return 1
    return int(min(max(4, round(1 + 0.6 * math.log2(min(size, 2.0**40)))), 12))


def _highest(members: Sequence[Member], gains: Array) -> Member:
    """The member of most gain; of nearly equal ones the one whose key comes first."""
    most = float(gains.max())
    close = [i for i in range(len(members)) if gains[i] >= most - 1e-9 * abs(most)]
    return members[min(close, key=lambda i: members[i].key)]
