"""Samplers: which candidate to look at next."""

from nasengine.search.samplers.evolution import Evolution
from nasengine.search.samplers.local import LocalSearch
from nasengine.search.samplers.members import Seen, fresh, known_of
from nasengine.search.samplers.named import SAMPLERS, SamplerFactory, make_sampler, sampler_for
from nasengine.search.samplers.prior import Prior
from nasengine.search.samplers.protocol import (
    FINISHED,
    PENDING,
    Problem,
    Proposal,
    Sampler,
    SamplerSpec,
    TrialView,
    View,
    check_values,
    derived_seed,
    replay,
)
from nasengine.search.samplers.simple import ExhaustiveSampler, RandomSampler, UniformSampler
from nasengine.search.samplers.sobol import SobolSampler
from nasengine.search.samplers.transfer import Transfer
from nasengine.search.samplers.warm import WarmStart

__all__ = [
    "Evolution",
    "ExhaustiveSampler",
    "FINISHED",
    "LocalSearch",
    "PENDING",
    "Prior",
    "Problem",
    "Proposal",
    "RandomSampler",
    "SAMPLERS",
    "Sampler",
    "SamplerFactory",
    "SamplerSpec",
    "Seen",
    "SobolSampler",
    "Transfer",
    "TrialView",
    "UniformSampler",
    "View",
    "WarmStart",
    "check_values",
    "derived_seed",
    "fresh",
    "known_of",
    "make_sampler",
    "replay",
    "sampler_for",
]
