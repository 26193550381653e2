"""Whole studies in memory, for tests of rungs: any number of workers, finishing in any order, some trials failing."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nasengine.search import Objective, Rung
from nasengine.search.rungs import Promotion, Rungs

Score = Callable[[int, int], Mapping[str, float]]
"""(trial number, rung from 0) to the values at its end."""


@dataclass
class Play:
    """A study in progress. ``work`` logs (trial, rung) as each finishes; ``promotions`` logs what was sent on."""

    rungs: Rungs
    objectives: Sequence[Objective]
    score: Score
    count: int
    failing: frozenset[tuple[int, int]] = frozenset()
    results: list[dict[int, Mapping[str, float]]] = field(default_factory=list)
    promoted: list[set[int]] = field(default_factory=list)
    running: list[set[int]] = field(default_factory=list)
    failed: list[set[int]] = field(default_factory=list)
    work: list[tuple[int, int]] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("results", "promoted", "running", "failed"):
            setattr(self, name, [{} if name == "results" else set() for _ in range(self.count)])

    def seen(self) -> list[Rung]:
        """What is recorded, as the rungs are told it."""
        return [
            Rung(
                dict(self.results[i]),
                frozenset(self.promoted[i]),
                frozenset(self.running[i]),
                frozenset(self.failed[i]),
            )
            for i in range(self.count)
        ]

    def go(self, trials: int, *, first: int = 0, workers: int = 1, seed: int = 0) -> list[Rung]:
        """Trials ``first`` to ``trials - 1``, with a random one of those that run finishing next, until nothing is left
        to do."""
        rng, waiting = random.Random(seed), list(range(first, trials))
        while True:
            while sum(map(len, self.running)) < workers and self._start(waiting):
                pass
            busy = sorted((n, i) for i, numbers in enumerate(self.running) for n in numbers)
            if not busy:
                return self.seen()
            self._finish(*rng.choice(busy))

    def _start(self, waiting: list[int]) -> bool:
        idle = not any(self.running)
        due = self.rungs.promote(self.seen(), self.objectives, closing=False)
        if not due and waiting:
            self.running[0].add(waiting.pop(0))
            return True
        if not due and idle:
            due = self.rungs.promote(self.seen(), self.objectives, closing=True)
        if due:
            assert due[0].number in self.results[due[0].rung], "only who finished a rung goes on from it"
            assert due[0].number not in self.promoted[due[0].rung], "nobody goes on twice"
            self.promotions.append(due[0])
            self.promoted[due[0].rung].add(due[0].number)
            self.running[due[0].rung + 1].add(due[0].number)
        return bool(due)

    def _finish(self, number: int, at: int) -> None:
        self.running[at].remove(number)
        if (number, at) in self.failing:
            self.failed[at].add(number)
            return
        self.work.append((number, at))
        self.results[at][number] = self.score(number, at)

    def epochs(self, ends: Sequence[int]) -> int:
        """Epochs trained in all, with rungs that end at ``ends``."""
        return sum(ends[at] - (ends[at - 1] if at else 0) for _, at in self.work)
