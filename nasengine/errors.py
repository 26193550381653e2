"""What can go wrong, as one tree.

NasError
├── SpaceError          a space, a choice or a spec that cannot be
│   ├── DecisionError   decisions that do not fit the space
│   └── TagError        a JSON tag that no imported class carries
├── ShapeError          types that cannot meet
├── TaskError           a task that does not fit its data or a network
├── BudgetError         a budget that no member of the space can meet
├── DeviceError         a device that is absent or cannot run a network
│   ├── UnsupportedError  a runtime that cannot take an operation of this network
│   └── PredictorError    a latency predictor used where it does not belong
├── TrainingError       a training run that cannot go on
│   └── Diverged        the loss is not a finite number
├── StoreError          a store that cannot be read, written or matched
├── StudyError          a study that is not well defined
└── ExportError         a format that cannot be written or does not agree

Every message states the place, the law, what was got, and a remedy.
"""

from __future__ import annotations


class NasError(Exception):
    """Base of every error that nasengine raises on purpose."""


class SpaceError(NasError):
    """A space, a choice or a spec is not well formed."""


class DecisionError(SpaceError):
    """Decisions do not fit the space they are read against."""


class TagError(SpaceError):
    """A record names a type that no imported class carries."""


class ShapeError(NasError):
    """The types of two connected blocks cannot meet."""


class TaskError(NasError):
    """A task does not fit its data, or a network does not fit the task."""


class BudgetError(NasError):
    """No member of the space can meet a budget."""


class DeviceError(NasError):
    """A device is absent, or cannot run a network."""


class UnsupportedError(DeviceError):
    """A runtime cannot take an operation of this network: the network is infeasible, the device is well."""


class PredictorError(DeviceError):
    """A latency predictor cannot be fitted or read, or is used on another device or another space."""


class TrainingError(NasError):
    """A training run cannot go on."""


class Diverged(TrainingError):  # noqa: N818 - the field's word for it
    """The loss or a weight is no longer a finite number."""


class StoreError(NasError):
    """A study's store cannot be read, cannot be written, or belongs to another study."""


class StudyError(NasError):
    """A study is not well defined."""


class ExportError(NasError):
    """A format cannot be written, or what was written does not agree with the trained module."""
