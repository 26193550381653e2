"""A training run as a spec: any field may hold a choice, so a space may hold both network and recipe."""

from __future__ import annotations

from nasengine.space.spec import Spec, tagged
from nasengine.train.initialise import NAMES as INITIALISATIONS
from nasengine.train.optimizers import AdamW, Optimizer, require
from nasengine.train.schedules import Cosine, Schedule

LOSSES = ("auto", "cross_entropy", "mse", "mae", "huber")
PRECISIONS = ("fp32", "bf16")


@tagged("augment")
class Augment(Spec):
    """Random changes of training images (B, C, H, W), made on the device, each image its own.

    ``shift``: moved by up to so many pixels in both directions, zeros come in (He et al., 2016, section 4.2).
    ``flip``: mirrored left to right, one time in two.
    """

    shift: int = 0
    flip: bool = False

    def validate(self) -> None:
        require(self.shift >= 0, f"augment.shift: must be 0 or more pixels; got {self.shift}; 0 turns it off")


@tagged("recipe")
class Recipe(Spec):
    """How a network is trained. The schedule spans ``epochs``; rungs are places on the way where it may stop.

    ``loss``: "auto" is cross-entropy for classification and the squared error for regression; a regression
    task also takes "mae" and "huber". ``precision``: "bf16" runs forward and loss under autocast; weights,
    optimizer and validation stay float32. ``label_smoothing`` is Szegedy et al. (2016), section 7.
    ``clip_norm``: the largest norm of the whole gradient (Pascanu et al., 2013, algorithm 1); 0 turns it off.
    ``init``: "default", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal" or "orthogonal"
    (:mod:`nasengine.train.initialise`).
    """

    epochs: int = 30
    batch_size: int = 64
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Cosine()
    loss: str = "auto"
    precision: str = "fp32"
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    init: str = "default"
    augment: Augment = Augment()
    seed: int = 0

    def validate(self) -> None:
        require(self.epochs >= 1, f"recipe.epochs: must be 1 or more; got {self.epochs}")
        require(self.batch_size >= 1, f"recipe.batch_size: must be 1 or more; got {self.batch_size}")
        _require_one_of("loss", self.loss, LOSSES)
        _require_one_of("precision", self.precision, PRECISIONS)
        _require_one_of("init", self.init, INITIALISATIONS)
        require(
            0 <= self.label_smoothing < 1,
            f"recipe.label_smoothing: must be from 0 to below 1; got {self.label_smoothing}; 0.1 is usual",
        )
        require(self.clip_norm >= 0, f"recipe.clip_norm: must be 0 or more; got {self.clip_norm}; 0 turns it off")
        _require_kind("optimizer", self.optimizer, Optimizer, "SGD(), Adam() or AdamW()")
        _require_kind("schedule", self.schedule, Schedule, "Constant(), Cosine(), Step() or OneCycle()")
        _require_kind("augment", self.augment, Augment, "Augment(shift=1)")


def _require_one_of(field: str, value: str, names: tuple[str, ...]) -> None:
    require(value in names, f"recipe.{field}: {value!r} is not an option; expected one of {', '.join(names)}")


def _require_kind(field: str, value: object, kind: type, examples: str) -> None:
    require(isinstance(value, kind), f"recipe.{field}: expected {examples}; got {value!r}")
