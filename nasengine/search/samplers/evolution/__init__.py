"""Evolution: selection, variation and survival, and the sampler composed of them."""

from nasengine.search.samplers.evolution.population import Individual, Population, compare, individual_of
from nasengine.search.samplers.evolution.sampler import Evolution, nsga2, nsga3, regularised_evolution
from nasengine.search.samplers.evolution.selection import tournament, uniform
from nasengine.search.samplers.evolution.survival import non_dominated_crowding, reference_directions, youngest
from nasengine.search.samplers.evolution.vary import crossover_then_mutation, mutation

__all__ = [
    "Evolution",
    "Individual",
    "Population",
    "compare",
    "crossover_then_mutation",
    "individual_of",
    "mutation",
    "non_dominated_crowding",
    "nsga2",
    "nsga3",
    "reference_directions",
    "regularised_evolution",
    "tournament",
    "uniform",
    "youngest",
]
