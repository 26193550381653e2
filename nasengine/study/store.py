"""A study's folder, opened for reading. Imports no user code and executes nothing that it finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import StoreError
from nasengine.report.record import StudyRecord
from nasengine.search import LATENCY
from nasengine.space import Architecture
from nasengine.study.foresight import FORMAT as PREDICTION
from nasengine.study.front import Front, column
from nasengine.study.ledger import Ledger
from nasengine.study.owner import is_alive
from nasengine.study.record import read_record, rungs_by_key
from nasengine.study.rows import RUNNING, TrialRow

if TYPE_CHECKING:
    import pandas as pd


def open_store(path: str | Path, *, url: str | None = None) -> Store:
    """The study recorded in a folder, or, for one that was made with a ``url``, in the database of that URL.

    Raises:
        StoreError: there is no study, or it cannot be read.
    """
    return Store(path, url=url)


class Store:
    """What a study recorded so far; each reading opens the ledger anew, so it is never stale."""

    def __init__(self, path: str | Path, *, url: str | None = None) -> None:
        self.path, self._url = Path(path), url
        self._ledger().close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    @property
    def meta(self) -> dict[str, Any]:
        """What the study is."""
        with self._ledger() as ledger:
            return ledger.meta()

    def record(self) -> StudyRecord:
        """All rows, as reports read them."""
        with self._ledger() as ledger:
            return read_record(ledger)

    def front(self) -> Front:
        """The feasible non-dominated networks."""
        with self._ledger() as ledger:
            keys = {row.number: row.key for row in ledger.trials()}
            return Front(read_record(ledger), self.path, keys, {row.trial: row for row in ledger.finals()})

    def architecture(self, number: int) -> Architecture:
        """The network of a trial that entered training.

        Raises:
            StoreError: no such trial, or one that was refused before its network was recorded.
            TagError: it holds a user's block whose module has not been imported.
        """
        with self._ledger() as ledger:
            trial = ledger.trial(number)
            row = trial if trial.same_as is None else ledger.trial(trial.same_as)
            found = ledger.architecture(row)
        if found is None:
            raise StoreError(
                f"{self.path}: the network of trial {number} is not recorded ({row.status}: {row.reason}); those of "
                "trials that entered training are"
            )
        return Architecture.from_json(found)

    def status(self) -> dict[str, int]:
        """Number of trials by status, and of those how many share another's results (``duplicates``).

        With a latency predictor, ``latency_predicted``, ``latency_refused_by_prediction`` and ``latency_measured`` too.
        ``interrupted`` are those whose process ended while they ran: the study's command takes them up again.
        """
        with self._ledger() as ledger:
            rows = ledger.trials()
        own = Counter(_standing(row) for row in rows if row.same_as is None)
        counts = {"trials": len(rows), **dict(sorted(own.items())), "duplicates": len(rows) - own.total()}
        sources = self.record().latency_shares if "predictor" in self.meta else {}
        return counts | {f"latency_{name}": count for name, count in sources.items()}

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial: status, reason, values with units in the column names, decisions."""
        import pandas as pd

        with self._ledger() as ledger:
            rows, rungs, units = ledger.trials(), rungs_by_key(ledger.rungs()), ledger.meta().get("units", {})
            sources = _latency_sources(ledger)
        found = []
        for row in rows:
            done = rungs.get(row.key, []) if row.key else []
            values = {**row.known, **(done[-1].metrics if done else {})}
            names = ("number", "status", "gate", "reason", "same_as")
            found.append(
                {name: getattr(row, name) for name in names}
                | {column(name, units): value for name, value in values.items()}
                | (sources.get(row.graph_id, {}) if LATENCY in values else {})
                | {"epochs": done[-1].epoch if done else 0, "elapsed_s": sum(r.elapsed_s for r in done)}
                | {"attempt": row.attempt, "graph_id": row.graph_id, "decisions": dict(row.decisions)}
            )
        table = pd.DataFrame(found)
        return table if table.empty else table.astype({"same_as": "Int64"}).set_index("number")

    def _ledger(self) -> Ledger:
        return Ledger(self.path, url=self._url, create=False, readonly=True)


def _latency_sources(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """Graph id to where its latency comes from, and the ends of its 95 % interval; what was measured comes first."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(ledger.profiles(), key=lambda row: row.profile.get("format") != PREDICTION):
        predicted = row.profile.get("format") == PREDICTION
        ends = ("low_ms", "high_ms") if predicted else ("ci_low_ms", "ci_high_ms")
        low, high = (row.profile.get(name) for name in ends)
        source = "predicted" if predicted else "measured"
        found[row.graph_id] = {"latency_source": source, "latency_low_ms": low, "latency_high_ms": high}
    return found


def _standing(row: TrialRow) -> str:
    held = bool(row.owner) and is_alive(row.owner) is not False
    return "interrupted" if row.status == RUNNING and not held else row.status
