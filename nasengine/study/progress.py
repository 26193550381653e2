"""What a person sees while a study runs: what the space offers, then a line that moves; in a log, one now and then."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nasengine.search import Budget, pareto

if TYPE_CHECKING:
    from nasengine.study.loop import Run


LOG_EVERY_S = 15.0
"""Seconds between lines where the output is no terminal."""


class Watch:
    """Shows a run's progress.

    Args:
        shown: False says nothing at all.
    """

    def __init__(self, shown: bool) -> None:
        self._console = Console(quiet=not shown, highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._complete = -1
        self._figures = ""
        self._said_at = time.monotonic()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def say(self, text: str) -> None:
        """One line, as it stands."""
        self._console.print(text, markup=False)

    def ranges(
        self, found: Mapping[str, list[float]], budgets: tuple[Budget, ...], how: Mapping[str, str] | None = None
    ) -> None:
        """The least and the most of each quantity that a budget bounds, or of all when there is none; ``how`` says of
        those that are measured how they were found."""
        names = dict.fromkeys([b.name for b in budgets if b.name in found] or found)
        for name in names:
            low, high = found[name]
            bounds = "; ".join(f"budget {b}" for b in budgets if b.name == name)
            said = f", {how[name]}" if how and name in how else ""
            self.say(f"  {name}: {_short(low)} to {_short(high)}{said}" + (f"  ({bounds})" if bounds else ""))

    def update(self, run: Run) -> None:
        """Move the line, or, in a log, say one now and then."""
        if self._console.quiet:
            return
        trained = sum(
            row.entered and (row.finished > 0 or bool(run.state.done(n))) for n, row in run.state.trials.items()
        )
        if not self._console.is_terminal:
            self._log(run, trained)
            return
        if self._bar is None:
            self._bar = _bar(self._console)
            self._bar.add_task("study", total=run.limits.trials)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=trained, description=self._describe(run))

    def _log(self, run: Run, trained: int) -> None:
        if time.monotonic() - self._said_at >= LOG_EVERY_S:
            self._said_at = time.monotonic()
            self.say(f"  {trained}/{run.limits.trials} trained  {self._describe(run)}")

    def _describe(self, run: Run) -> str:
        rows = run.state.trials.values()
        complete = [row.number for row in rows if row.status == "complete" and row.same_as is None]
        if len(complete) != self._complete:
            self._complete, self._figures = len(complete), figures(run, complete)
        refused = sum(not row.entered for row in rows)
        return f"{self._figures}  refused or known {refused}"


def figures(run: Run, complete: list[int]) -> str:
    """The best of the first objective and the size of the front of what is complete."""
    objectives = run.definition.objectives
    points = [[run.state.values(n)[o.name] for o in objectives] for n in complete]
    if not points:
        return "none complete yet"
    directions = [o.direction for o in objectives]
    best = (max if directions[0] == "maximize" else min)(point[0] for point in points)
    text = f"best {objectives[0].name} {_short(best)}"
    if len(objectives) > 1:  # no hypervolume here: its reference moves with the trials, so figures would not compare
        text += f"  front {int(pareto.non_dominated(points, directions).sum())}"
    return text


def _bar(console: Console) -> Progress:
    return Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _short(value: float) -> str:
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)
