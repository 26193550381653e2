"""Rungs: how far a trial trains before it is compared, and which trials go on.

A rung is a number of epochs. A trial that reaches the end of a rung waits there until it is promoted to the next
one, where it continues from its checkpoint, or the study ends and it is pruned.
"""

from nasengine.search.rungs.curves import CurveStopping
from nasengine.search.rungs.extrapolation import Outlook, outlooks
from nasengine.search.rungs.fixed import FixedRungs, FullTraining
from nasengine.search.rungs.halving import SuccessiveHalving, last_promotion, promotable
from nasengine.search.rungs.hyperband import Hyperband
from nasengine.search.rungs.ordering import ORDERINGS, order
from nasengine.search.rungs.protocol import Curve, Promotion, Rung, RungResults, Rungs

__all__ = [
    "Curve",
    "CurveStopping",
    "FixedRungs",
    "FullTraining",
    "Hyperband",
    "ORDERINGS",
    "Outlook",
    "Promotion",
    "Rung",
    "RungResults",
    "Rungs",
    "SuccessiveHalving",
    "last_promotion",
    "order",
    "outlooks",
    "promotable",
]
