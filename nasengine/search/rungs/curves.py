"""Learning-curve extrapolation: a trial that cannot reach the front is not trained further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasengine.errors import SpaceError
from nasengine.search.domination import Floats
from nasengine.search.objectives import Objective
from nasengine.search.rungs.extrapolation import Outlook, outlooks
from nasengine.search.rungs.fixed import FullTraining
from nasengine.search.rungs.halving import SuccessiveHalving
from nasengine.search.rungs.ordering import value_of
from nasengine.search.rungs.protocol import Promotion, Rung, Rungs
from nasengine.space.spec import Spec, tagged


@tagged("curve_stopping")
class CurveStopping(Spec):
    """Stops what cannot reach the front: of the trials that other rungs would send on, those go no further whose final
    scores, with the stated confidence, will be no better than a finished trial's that costs no more.

    The final score is foretold from the trial's own curve and from how finished trials went on from the same rung
    (:func:`nasengine.search.rungs.extrapolation.Continued`); costs are known. The criterion is that of Domhan
    et al., 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
    Learning Curves", section 3.3, p(final ≤ best) > confidence, with the best replaced by the front. Of several
    objectives that training decides each gets its part of the doubt (Bonferroni), so the confidence holds for all
    together. While fewer than ten trials are finished, and for a trial cheaper than all of them, nothing is stopped.

    Attributes:
        rungs: who would go on: ``SuccessiveHalving()``, ``Hyperband()``, or ``FixedRungs(...)`` to stop by curves
            alone.
        confidence: that a stopped trial would have ended off the front; from 0.5 on, below 1.

    Example:
        >>> CurveStopping(SuccessiveHalving(eta=3), confidence=0.9).rung_epochs(27)
        (3, 9, 27)
    """

    rungs: Rungs = SuccessiveHalving()
    confidence: float = 0.95

    def validate(self) -> None:
        """Check both fields.

        Raises:
            SpaceError: rungs that are none or have no place to stop at, or a confidence outside [0.5, 1).
        """
        if (
            not isinstance(self.rungs, Spec)
            or not isinstance(self.rungs, Rungs)
            or isinstance(self.rungs, FullTraining)
        ):
            raise SpaceError(
                "curve_stopping.rungs: rungs with a place to stop at, SuccessiveHalving(), Hyperband() or "
                f"FixedRungs((5, 10)); got {self.rungs!r}"
            )
        if not 0.5 <= self.confidence < 1:
            raise SpaceError(
                f"curve_stopping.confidence: a number from 0.5 on and below 1; got {self.confidence!r}; 0.95 errs "
                "in at most one stop of twenty"
            )

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """Those of ``rungs``."""
        return self.rungs.rung_epochs(total)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """See :class:`Rungs`: what ``rungs`` promotes, without what cannot reach the front."""
        due = self.rungs.promote(rungs, objectives, closing=closing)
        beaten: set[int] = set()
        for at in {p.rung for p in due}:
            beaten.update(self._beaten(rungs, at, [p.number for p in due if p.rung == at], objectives))
        return [p for p in due if p.number not in beaten]

    def reasons(self, rungs: Sequence[Rung], objectives: Sequence[Objective]) -> dict[int, str]:
        """Why each waiting trial that cannot reach the front is stopped, by its number."""
        found: dict[int, str] = {}
        for at, rung in enumerate(rungs[:-1]):
            waiting = sorted(rung.results.keys() - rung.promoted)
            for number, foretold in self._beaten(rungs, at, waiting, objectives).items():
                found[number] = f"{_said(foretold)} with {self.confidence:.4g} confidence: the front is out of reach"
        return found

    def _beaten(
        self, rungs: Sequence[Rung], at: int, numbers: Sequence[int], objectives: Sequence[Objective]
    ) -> dict[int, Mapping[str, Outlook]]:
        """Of the trials that wait at rung ``at`` those that cannot reach the front, with what is foretold of them."""
        front, foretold = _finished(rungs, objectives), self.outlooks(rungs, at, numbers, objectives)
        found: dict[int, Mapping[str, Outlook]] = {}
        for number, own in foretold.items():
            values = rungs[at].results[number]
            hoped = [o.loss(value_of(values, number, o) if o.known else own[o.name].best) for o in objectives]
            if (front <= np.array(hoped)).all(axis=1).any():
                found[number] = own
        return found

    def outlooks(
        self, rungs: Sequence[Rung], at: int, numbers: Sequence[int], objectives: Sequence[Objective]
    ) -> dict[int, dict[str, Outlook]]:
        """Where each objective that training decides will end, by the number of the trial that waits at rung ``at``;
        empty while too few trials are finished to say."""
        learned = [o for o in objectives if not o.known]
        confidence = 1 - (1 - self.confidence) / max(1, len(learned))
        each = {o.name: outlooks(rungs, at, numbers, o, confidence) for o in learned}
        return {n: {name: found[n] for name, found in each.items()} for n in numbers if all(each.values())}


def _finished(rungs: Sequence[Rung], objectives: Sequence[Objective]) -> Floats:
    """Losses (N, M) of the finished trials."""
    results = rungs[-1].results if rungs else {}
    rows = [[o.loss(value_of(v, n, o)) for o in objectives] for n, v in sorted(results.items())]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(objectives))


def _said(foretold: Mapping[str, Outlook]) -> str:
    return ", ".join(f"{name} would end at {o.expected:.4g}, at best {o.best:.4g}," for name, o in foretold.items())
