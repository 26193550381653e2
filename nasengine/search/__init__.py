"""Search: what to look at next, what to train further, what is best. It decides and never executes."""

from nasengine.search.objectives import (
    KNOWN_BEFORE_TRAINING,
    LATENCY,
    MEASURED,
    Budget,
    Objective,
    at_least,
    at_most,
    check_objectives,
    maximize,
    minimize,
    violations,
)
from nasengine.search.rungs import FullTraining, Promotion, Rung, Rungs, SuccessiveHalving
from nasengine.search.samplers import (
    SAMPLERS,
    Problem,
    Proposal,
    Sampler,
    TrialView,
    View,
    make_sampler,
    replay,
)

__all__ = [
    "Budget",
    "FullTraining",
    "KNOWN_BEFORE_TRAINING",
    "LATENCY",
    "MEASURED",
    "Objective",
    "Problem",
    "Promotion",
    "Proposal",
    "Rung",
    "Rungs",
    "SAMPLERS",
    "Sampler",
    "SuccessiveHalving",
    "TrialView",
    "View",
    "at_least",
    "at_most",
    "check_objectives",
    "make_sampler",
    "maximize",
    "minimize",
    "replay",
    "violations",
]
