"""Settings that hold for every test: property tests draw the same examples everywhere, without a clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fixed",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("search", deadline=None, max_examples=2_000)  # --hypothesis-profile=search looks for new ones
settings.load_profile("fixed")
