"""Training: a recipe, which is a spec, and one loop that trains a network rung by rung."""

from __future__ import annotations

from nasengine.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nasengine.train.initialise import initialise
from nasengine.train.loop import RungResult, evaluate, run_rung, test
from nasengine.train.optimizers import SGD, Adam, AdamW, Optimizer
from nasengine.train.recipe import Augment, Recipe
from nasengine.train.schedules import Constant, Cosine, OneCycle, Schedule, Step

__all__ = [
    "Recipe",
    "Augment",
    "Optimizer",
    "SGD",
    "Adam",
    "AdamW",
    "Schedule",
    "Constant",
    "Cosine",
    "OneCycle",
    "Step",
    "RungResult",
    "run_rung",
    "test",
    "evaluate",
    "initialise",
    "Checkpoint",
    "read_checkpoint",
    "write_checkpoint",
]
