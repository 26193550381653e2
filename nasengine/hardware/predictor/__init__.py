"""A latency predictor on the graph: kernels, physics, a Gaussian process, and which members to measure."""

from nasengine.hardware.predictor.choose import choose, informative
from nasengine.hardware.predictor.model import LatencyPredictor
from nasengine.hardware.predictor.report import Figure, HeldOut, Prediction

__all__ = ["Figure", "HeldOut", "LatencyPredictor", "Prediction", "choose", "informative"]
