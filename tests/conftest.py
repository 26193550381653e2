"""Settings that hold for every test: property tests draw the same examples everywhere, without a clock.

torchvision's compiled operators are linked against one build of torch. Beside another build they do not load, and
importing torchvision (and with it timm, and vision models of transformers) fails on the operators it gives shapes to;
they are declared here then. No test runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
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


def declare_operators() -> list[torch.library.Library]:
    """Declare what torchvision's own library would, where that does not load; kept as long as what is returned."""
    found = find_spec("torchvision")
    if found is None or found.origin is None:
        return []
    try:
        for compiled in Path(found.origin).parent.glob("_C*.so"):
            torch.ops.load_library(compiled)
        return []
    except OSError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return [library]


@pytest.fixture(scope="session", autouse=True)
def own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Devices are locked among the tests of one process: beside others, every study would wait for every other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NASENGINE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


DECLARED = declare_operators()
