"""Learning-rate schedules: pure functions of how far training is, so there is no state to save."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from nasengine.space.spec import Spec, tagged
from nasengine.train.optimizers import require


class Schedule(Spec, ABC):
    """Base of all schedules. The learning rate of a step is the optimizer's ``lr`` times :meth:`factor`."""

    warmup_epochs: float

    def factor(self, elapsed_epochs: float, epochs: int, step_epochs: float) -> float:
        """The multiplier of a step that begins ``elapsed_epochs`` into ``epochs`` and lasts ``step_epochs``.

        Warm-up is linear (Goyal et al., 2017, section 2.2), lasts ``warmup_epochs``, and multiplies the
        schedule's own curve.
        """
        warm = (elapsed_epochs + step_epochs) / self.warmup_epochs if self.warmup_epochs > 0 else 1.0
        return min(1.0, warm) * self.curve(elapsed_epochs, epochs)

    @abstractmethod
    def curve(self, elapsed_epochs: float, epochs: int) -> float:
        """The multiplier without warm-up, in (0, 1]."""

    def validate(self) -> None:
        require(
            self.warmup_epochs >= 0,
            f"{self.tag}.warmup_epochs: must be 0 or more epochs; got {self.warmup_epochs}; 0 turns it off",
        )


@tagged("constant")
class Constant(Schedule):
    """One learning rate throughout."""

    warmup_epochs: float = 0.0

    def curve(self, elapsed_epochs: float, epochs: int) -> float:
        return 1.0


@tagged("cosine")
class Cosine(Schedule):
    """Half a cosine from 1 to ``final`` (Loshchilov and Hutter, 2017, equation 5, without restarts)."""

    warmup_epochs: float = 0.0
    final: float = 0.0

    def validate(self) -> None:
        super().validate()
        require(0 <= self.final <= 1, f"cosine.final: must be from 0 to 1; got {self.final}; 0 is usual")

    def curve(self, elapsed_epochs: float, epochs: int) -> float:
        return self.final + (1 - self.final) * _half_cosine(elapsed_epochs / epochs)


@tagged("step")
class Step(Schedule):
    """Multiplied by ``gamma`` after every ``every_epochs`` epochs (He et al., 2016, section 3.4)."""

    warmup_epochs: float = 0.0
    every_epochs: int = 10
    gamma: float = 0.1

    def validate(self) -> None:
        super().validate()
        require(self.every_epochs >= 1, f"step.every_epochs: must be 1 or more; got {self.every_epochs}")
        require(0 < self.gamma <= 1, f"step.gamma: must be above 0 and at most 1; got {self.gamma}; 0.1 is usual")

    def curve(self, elapsed_epochs: float, epochs: int) -> float:
        return float(self.gamma ** math.floor(elapsed_epochs / self.every_epochs))


@tagged("one_cycle")
class OneCycle(Schedule):
    """Up from ``start`` to 1 over the share ``rise`` of training, then down to ``final``, each half a cosine.

    The one-cycle policy (Smith and Topin, 2018), for the learning rate alone. The rise is its warm-up.
    """

    warmup_epochs: float = 0.0
    rise: float = 0.3
    start: float = 0.04
    final: float = 4e-6

    def validate(self) -> None:
        super().validate()
        require(0 < self.rise < 1, f"one_cycle.rise: must be between 0 and 1; got {self.rise}; 0.3 is usual")
        require(
            0 < self.start <= 1,
            f"one_cycle.start: must be above 0, at most 1; got {self.start}; 0.04 is usual",
        )
        require(0 <= self.final <= 1, f"one_cycle.final: must be from 0 to 1; got {self.final}; 4e-6 is usual")

    def curve(self, elapsed_epochs: float, epochs: int) -> float:
        done = elapsed_epochs / epochs
        if done < self.rise:
            return 1 - (1 - self.start) * _half_cosine(done / self.rise)
        return self.final + (1 - self.final) * _half_cosine((done - self.rise) / (1 - self.rise))


def _half_cosine(done: float) -> float:
    """1 at 0, 0 at 1 and after."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
