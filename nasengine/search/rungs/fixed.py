"""Rungs at which nobody is stopped by comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from nasengine.errors import SpaceError
from nasengine.search.objectives import Objective
from nasengine.search.rungs.protocol import Promotion, Rung, check_whole
from nasengine.space.spec import Spec, tagged


@tagged("full_training")
class FullTraining(Spec):
    """Every trial trains to the end: one rung, nothing to promote."""

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """``(total,)``."""
        check_whole("epochs", total, 1)
        return (total,)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """Nothing: there is no rung to be promoted from."""
        return []


@tagged("fixed_rungs")
class FixedRungs(Spec):
    """Rungs at given epochs from which every trial goes on, unless what wraps them stops it.

    Attributes:
        ends: epochs at which rungs end, rising; the last rung, of full training, is not named.

    Example:
        >>> FixedRungs((5, 10)).rung_epochs(30)
        (5, 10, 30)
    """

    ends: tuple[int, ...]

    def validate(self) -> None:
        """Check the ends.

        Raises:
            SpaceError: none, one that is no whole number from 1 on, or ends that do not rise.
        """
        ends = self.ends if isinstance(self.ends, tuple) else ()
        for end in ends:
            check_whole("fixed_rungs.ends", end, 1)
        if not ends or any(b <= a for a, b in pairwise(ends)):
            raise SpaceError(
                f"fixed_rungs.ends: at least one, each later than the one before; got {self.ends!r}; write (5, 10), "
                "or take FullTraining()"
            )

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """The ends before ``total``, and ``total``."""
        check_whole("epochs", total, 1)
        return (*(e for e in self.ends if e < total), total)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """Every trial that waits, higher rungs first, in the order of their numbers."""
        return [
            Promotion(i, number)
            for i in reversed(range(len(rungs) - 1))
            for number in sorted(rungs[i].results)
            if number not in rungs[i].promoted
        ]
