"""Estimates: cheap stand-ins for training, so that dear training is spent where it matters.

Zero-cost proxies are in :mod:`nasengine.estimate.proxies`.
"""

from nasengine.estimate.proxies import (
    COMBINED,
    PROXIES,
    Agreement,
    Batch,
    Passes,
    ProxyFeatures,
    Readings,
    agreement,
    combine,
    measure,
)

__all__ = [
    "measure", "Readings", "Batch", "Passes", "PROXIES", "ProxyFeatures", "combine", "COMBINED", "agreement",
    "Agreement",
]  # fmt: skip
