"""The one record of a study: a SQL database, SQLite in write-ahead mode in the study's folder unless a URL says else.

Every write is one transaction that changes a row and appends an entry to the journal (``events``). Sequence numbers
give the order, never clocks. Each entry holds the digest of the row it wrote and a hash chained to the entry before,
so that damage which the database cannot see can be found out. Nothing read from a ledger is executed or unpickled.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import sqlalchemy as sa

from nasengine.errors import StoreError
from nasengine.study import owner, rows, schema
from nasengine.study.database import connect
from nasengine.study.rows import EventRow, FinalRow, ProfileRow, RungRow, TrialRow
from nasengine.study.schema import canonical

R = TypeVar("R", TrialRow, RungRow, ProfileRow, FinalRow, EventRow)
FILE = "ledger.sqlite"
LEASE_S = 60.0


class Ledger:
    """A study's ledger, open.

    Args:
        store: the study's folder.
        url: an SQLAlchemy URL of another database.
        create: make the folder and the tables when they are absent.
        readonly: change nothing, not even to reap.

    Raises:
        StoreError: it cannot be made, opened or read.
    """

    def __init__(
        self, store: str | Path, *, url: str | None = None, create: bool = True, readonly: bool = False
    ) -> None:
        self.store = Path(store)
        self._me = owner.this_process()
        self._engine = connect(self.store / FILE, url, create=create and not readonly, readonly=readonly)
        found = self.meta().get("format")
        if found != schema.FORMAT:
            self.close()
            raise StoreError(
                f"{self.store}: expected a ledger of format {schema.FORMAT}; got {found!r}; it was written by another "
                "version of nasengine: use that one, or choose another store"
            )

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- reading -------------------------------------------------------------------------------------------------

    def meta(self) -> dict[str, Any]:
        """What the study is: format, space, task, recipe, objectives, budgets, device, seed, versions, ranges, ..."""
        with self._read() as connection:
            return {str(row.key): row.value for row in connection.execute(sa.select(schema.meta))}

    def trials(self) -> list[TrialRow]:
        """All trials by number; duplicates with the status, gate, reason and rung of the trial they share."""
        found = self._rows(TrialRow, schema.trials, schema.trials.c.number)
        first = {row.number: row for row in found}
        return [row if row.same_as is None else shared(row, first[row.same_as]) for row in found]

    def trial(self, number: int) -> TrialRow:
        """One trial.

        Raises:
            StoreError: there is none of this number.
        """
        found = self._rows(TrialRow, schema.trials, schema.trials.c.number, schema.trials.c.number == number)
        if not found:
            raise StoreError(f"{self.store}: trial {number} is not recorded; `status` lists the numbers")
        return found[0] if found[0].same_as is None else shared(found[0], self.trial(found[0].same_as))

    def first_of(self, key: str) -> int | None:
        """Number of the first trial of a key."""
        query = sa.select(sa.func.min(schema.trials.c.number)).where(schema.trials.c.key == key)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def rungs(self) -> list[RungRow]:
        """All completed rungs, by trial and rung."""
        return self._rows(RungRow, schema.rungs, (schema.rungs.c.trial, schema.rungs.c.rung))

    def profiles(self) -> list[ProfileRow]:
        """All latency profiles of the search."""
        return self._rows(ProfileRow, schema.profiles, schema.profiles.c.graph_id)

    def finals(self) -> list[FinalRow]:
        """Final figures, by trial."""
        return self._rows(FinalRow, schema.finals, schema.finals.c.trial)

    def events(self) -> list[EventRow]:
        """The journal, in order."""
        return self._rows(EventRow, schema.events, schema.events.c.seq)

    def architecture(self, trial: TrialRow) -> dict[str, Any] | None:
        """The architecture's JSON as ``Architecture.to_json`` gives it; None for a trial that was never trained."""
        query = sa.select(schema.architectures.c.body).where(schema.architectures.c.id == trial.architecture)
        with self._engine.connect() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else {**body, "recipe": trial.recipe, "decisions": dict(trial.decisions)}

    # --- writing -------------------------------------------------------------------------------------------------

    def put_meta(self, values: Mapping[str, Any], *, kind: str = "meta") -> None:
        """Record what the study is; a key that is there is replaced."""
        with self._write(durable=True) as connection:
            for key, value in values.items():
                _put(connection, schema.meta, {"key": key, "value": value})
            _journal(connection, kind, None, {"keys": sorted(values)}, values)

    def add(self, row: TrialRow, architecture: Mapping[str, Any] | None = None) -> None:
        """Record a new trial with its gate's verdict. A running one is leased to this process."""
        body = None if architecture is None else {k: architecture[k] for k in ("format", "space", "networks")}
        if body is not None:
            row = replace(row, architecture=hashlib.sha256(canonical(body).encode()).hexdigest())
        ended = 0.0 if row.status in rows.OPEN or row.same_as is not None else time.time()
        row = replace(self._leased(row), created=time.time(), finished=ended)
        with self._write(durable=False) as connection:
            if body is not None and not _has(connection, schema.architectures, id=row.architecture):
                connection.execute(sa.insert(schema.architectures).values(id=row.architecture, body=body))
            connection.execute(sa.insert(schema.trials).values(**_values(row)))
            _journal(connection, row.status, row.number, _brief(row), _values(row))

    def change(
        self, number: int, kind: str, *, durable: bool = False, data: Mapping[str, Any] | None = None, **changes: Any
    ) -> TrialRow:
        """Change fields of a trial and journal it as ``kind``; leases follow the status."""
        with self._write(durable=durable) as connection:
            return self._change(connection, number, kind, data or {}, changes)

    def complete_rung(self, row: RungRow, *, last: bool) -> bool:
        """Record a completed rung and what its trial does next: it waits, or, after the last rung, is complete.

        On disk when this returns. Completing a rung again changes nothing and returns False.
        """
        with self._write(durable=True) as connection:
            if _has(connection, schema.rungs, key=row.key, rung=row.rung):
                return False
            connection.execute(sa.insert(schema.rungs).values(**_values(row)))
            _journal(connection, "rung", row.trial, {"key": row.key, "rung": row.rung}, _values(row))
            status = rows.COMPLETE if last else rows.WAITING
            self._change(connection, row.trial, status, {}, {"status": status, "rung": row.rung})
        return True

    def put_profile(self, row: ProfileRow, *, durable: bool = True) -> None:
        """Record a network's latency on a device; the first measurement of a pair stays."""
        with self._write(durable=durable) as connection:
            if not _has(connection, schema.profiles, graph_id=row.graph_id, device_key=row.device_key):
                connection.execute(sa.insert(schema.profiles).values(**_values(row)))
                _journal(connection, "profile", None, {"graph_id": row.graph_id}, _values(row))

    def put_final(self, row: FinalRow) -> None:
        """Record final figures, once a key."""
        with self._write(durable=True) as connection:
            if not _has(connection, schema.finals, key=row.key):
                connection.execute(sa.insert(schema.finals).values(**_values(row)))
                _journal(connection, "final", row.trial, {"key": row.key}, _values(row))

    def note(self, kind: str, trial: int | None = None, **data: Any) -> None:
        """An entry in the journal alone: a worker lost, a study resumed or interrupted."""
        with self._write(durable=False) as connection:
            _journal(connection, kind, trial, data, None)

    # --- leases --------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Extend this process's leases. They are no fact of the study, so they are not journalled."""
        mine = schema.trials.c.owner == self._me
        with self._write(durable=False) as connection:
            connection.execute(sa.update(schema.trials).where(mine).values(lease_expires=time.time() + LEASE_S))

    def release(self) -> None:
        """Give this process's leases back: the trials stay running and may be taken over at once."""
        with self._write(durable=False) as connection:
            update = sa.update(schema.trials).where(schema.trials.c.owner == self._me)
            connection.execute(update.values(owner="", lease_expires=0.0))

    def reap(self, *, alone: bool = False) -> list[TrialRow]:
        """Take over running trials whose process is gone: attempt plus one, from their last completed rung.

        Args:
            alone: this process holds the study's lock, so no other can be training, wherever it ran.
        """
        running = self._rows(TrialRow, schema.trials, schema.trials.c.number, schema.trials.c.status == rows.RUNNING)
        gone = [row for row in running if row.owner != self._me and (alone or _is_gone(row))]
        return [
            self.change(
                row.number, rows.LOST, data={"attempt": row.attempt, "owner": row.owner}, attempt=row.attempt + 1
            )
            for row in gone
        ]

    # --- inside --------------------------------------------------------------------------------------------------

    def _rows(self, kind: type[R], table: sa.Table, order: Any, *where: Any) -> list[R]:
        order = order if isinstance(order, tuple) else (order,)
        query = sa.select(table).where(*where).order_by(*order)
        with self._read() as connection:
            return [kind(**row._mapping) for row in connection.execute(query)]

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.DatabaseError as problem:
            raise StoreError(
                f"{self.store}: the ledger cannot be read ({problem.orig}); it is damaged, or no ledger of a study; "
                "put back a copy of it, or choose another store"
            ) from problem

    @contextmanager
    def _write(self, *, durable: bool) -> Iterator[sa.Connection]:
        """One transaction. ``durable``: on disk when it is over; otherwise a power cut (not a killed process) may
        take it back, whole."""
        options = {"nasengine_write": True, "nasengine_durable": durable}
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except sa.exc.OperationalError as problem:
            raise StoreError(
                f"{self.store}: cannot be written ({problem.orig}); make room or give write access, "
                "then run the same command again: nothing recorded is lost"
            ) from problem

    def _leased(self, row: TrialRow) -> TrialRow:
        running = row.status == rows.RUNNING and row.same_as is None
        return replace(row, owner=self._me if running else "", lease_expires=time.time() + LEASE_S if running else 0.0)

    def _change(
        self, connection: sa.Connection, number: int, kind: str, data: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> TrialRow:
        found = connection.execute(sa.select(schema.trials).where(schema.trials.c.number == number)).one()
        row = self._leased(replace(TrialRow(**found._mapping), **changes))
        if row.status not in rows.OPEN and not row.finished:
            row = replace(row, finished=time.time())
        connection.execute(sa.update(schema.trials).where(schema.trials.c.number == number).values(**_values(row)))
        _journal(connection, kind, number, {**_brief(row), **data}, _values(row))
        return row


def shared(row: TrialRow, first: TrialRow) -> TrialRow:
    """A duplicate as it reads: its own proposal, the outcome of the trial whose results it shares."""
    return replace(
        row,
        status=first.status,
        known=first.known,
        violations=first.violations,
        gate=first.gate,
        reason=first.reason,
        rung=first.rung,
        finished=first.finished,
    )


def chained(before: str, entry: Mapping[str, Any]) -> str:
    """Hash of a journal entry: SHA-256 over the hash before it and its own content."""
    content = {name: entry[name] for name in ("seq", "at", "kind", "trial", "data", "digest")}
    return hashlib.sha256(f"{before}{canonical(content)}".encode()).hexdigest()


def _journal(connection: sa.Connection, kind: str, trial: int | None, data: Mapping[str, Any], written: Any) -> None:
    last = connection.execute(
        sa.select(schema.events.c.seq, schema.events.c.hash).order_by(schema.events.c.seq.desc()).limit(1)
    ).first()
    seq, before = (0, "") if last is None else (int(last.seq), str(last.hash))
    digest = "" if written is None else hashlib.sha256(canonical(written).encode()).hexdigest()
    entry = {"seq": seq + 1, "at": time.time(), "kind": kind, "trial": trial, "data": dict(data), "digest": digest}
    connection.execute(sa.insert(schema.events).values(**entry, hash=chained(before, entry)))


def _brief(row: TrialRow) -> dict[str, Any]:
    """What a reader of the journal wants of a trial; empty values are left out."""
    values = {"key": row.key[:16], "rung": row.rung, "attempt": row.attempt, "gate": row.gate, "same_as": row.same_as}
    return {name: value for name, value in values.items() if value not in ("", None)}


def _is_gone(row: TrialRow) -> bool:
    alive = owner.is_alive(row.owner) if row.owner else False
    return row.lease_expires < time.time() if alive is None else not alive


def _values(row: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> Any:
    """Read-only views and tuples as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _has(connection: sa.Connection, table: sa.Table, **key: Any) -> bool:
    where = [table.c[name] == value for name, value in key.items()]
    return connection.execute(sa.select(sa.literal(1)).select_from(table).where(*where)).first() is not None


def _put(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> None:
    """Insert or replace by the first column: portable, and safe inside one transaction."""
    first = next(iter(table.primary_key))
    connection.execute(sa.delete(table).where(first == values[first.name]))
    connection.execute(sa.insert(table).values(**values))
