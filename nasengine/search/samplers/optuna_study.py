"""An Optuna study in memory, and what of it may be recorded."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

_HEXADECIMAL = re.compile(r"[0-9a-fA-F\s]*")


class MemoryStudy(optuna.Study):  # type: ignore[misc, unused-ignore]
    """An Optuna study in memory, in which a trial's id is its number."""

    def __init__(self, directions: list[str], sampler: BaseSampler) -> None:
        storage = optuna.storages.InMemoryStorage()
        made = optuna.create_study(storage=storage, directions=directions, sampler=sampler)
        super().__init__(made.study_name, storage, sampler=sampler)
        self.exhausted = False

    def stop(self) -> None:
        """Samplers that enumerate call this when nothing is left; outside ``optimize`` Optuna's own would
        raise."""
        self.exhausted = True

    @property
    def trials_now(self) -> list[optuna.trial.FrozenTrial]:
        """Trials by number; shared with the storage, so read only."""
        trials: list[optuna.trial.FrozenTrial] = self._storage.get_all_trials(self._study_id, deepcopy=False)
        return trials

    @property
    def attrs(self) -> dict[str, Any]:
        """What samplers wrote for the study as a whole."""
        return dict(self._storage.get_study_system_attrs(self._study_id))

    def restore(self, attrs: Mapping[str, Any]) -> None:
        """Write back what :attr:`attrs` held."""
        for key, value in attrs.items():
            self._storage.set_study_system_attr(self._study_id, key, value)

    def report(self, number: int, step: int, value: float) -> None:
        """A score part of the way through training."""
        self._storage.set_trial_intermediate_value(number, step, value)

    def constrain(self, number: int, violations: Mapping[str, float]) -> None:
        """Relative violations by budget, where Optuna's samplers look for constraints (above 0 is
        infeasible)."""
        for name, value in violations.items():
            self._storage.set_trial_system_attr(number, f"constraints:{name}", value)

    def fill(self, number: int) -> None:
        """Put failed, empty trials where a number was never recorded, so that the next one gets
        ``number``."""
        for _ in range(number - len(self.trials_now)):
            self.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))


def restorable(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are plain JSON and not bytes in disguise.

    A string of hexadecimal digits is how a pickle is kept (``bytes.hex``); since a record may come from a
    file, none is ever handed back to a sampler, however short.
    """
    return {k: v for k, v in attrs.items() if _is_json(v) and not (isinstance(v, str) and _HEXADECIMAL.fullmatch(v))}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log lines and its notes on experimental and deprecated arguments."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
