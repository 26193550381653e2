"""Tasks: data, a loss and metrics, and what a network must look like to be trained on them."""

from __future__ import annotations

from nasengine.tasks.arrays import Arrays
from nasengine.tasks.base import Data, Metric, Split, Task, metric_named
from nasengine.tasks.digits import Digits
from nasengine.tasks.importable import require_importable
from nasengine.tasks.pool import Pool
from nasengine.tasks.stored import StoredArrays
from nasengine.tasks.tabular import TabularTask

__all__ = [
    "Arrays",
    "Data",
    "Digits",
    "Metric",
    "Pool",
    "Split",
    "StoredArrays",
    "TabularTask",
    "Task",
    "metric_named",
    "require_importable",
]
