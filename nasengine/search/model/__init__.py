"""The model-based sampler: a Gaussian process over the graph, and expected gain over what is unknown."""

from nasengine.search.model.sampler import ModelSampler
from nasengine.search.model.surrogate import Data, Surrogate

__all__ = ["Data", "ModelSampler", "Surrogate"]
