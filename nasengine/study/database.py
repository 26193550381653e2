"""How a ledger's database is opened: SQLite as it must be set up, or any other by URL."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from nasengine.errors import StoreError
from nasengine.study import schema

BUSY_S = 30.0


def connect(path: Path, url: str | None, *, create: bool, readonly: bool) -> sa.Engine:
    """An engine whose tables exist.

    Raises:
        StoreError: there is no ledger and none may be made, or it cannot be opened; with the remedy.
    """
    if url is None:
        _check_path(path, create)
    try:
        engine = sa.create_engine(url) if url else _sqlite(path, readonly)
        if create:
            _create(engine)
        elif not sa.inspect(engine).has_table("meta"):
            raise StoreError(f"{path}: it holds no study's tables; name the folder of a study")
    except (sa.exc.OperationalError, sa.exc.DatabaseError) as problem:
        raise StoreError(
            f"{url or path}: cannot be opened as a ledger ({problem.orig}); choose a store that you may write, "
            "on a disk with room, or name a study's own folder"
        ) from problem
    return engine


def _check_path(path: Path, create: bool) -> None:
    if not create:
        if not path.is_file():
            raise StoreError(
                f"{path.parent}: there is no study here ({path.name} is absent); name the folder of a study"
            )
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            path.touch(mode=0o600)
        with path.open("r+b"):
            pass
    except OSError as problem:
        raise StoreError(
            f"{path.parent}: cannot be written ({problem.strerror or problem}); choose a store= that you may write"
        ) from problem


def _sqlite(path: Path, readonly: bool) -> sa.Engine:
    # Made from its parts: SQLAlchemy would decode a URL's text once more than SQLite, and miss a folder named a?b.
    query = {"uri": "true", **(_reading(path) if readonly else {})}
    url = sa.URL.create("sqlite+pysqlite", database=f"file:{quote(path.resolve().as_posix())}", query=query)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, see begin()
        cursor = connection.cursor()
        if not readonly:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA trusted_schema=OFF")  # a foreign file's views and triggers get no functions
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("nasengine_write"):
            connection.exec_driver_sql("BEGIN")
            return
        level = "FULL" if options.get("nasengine_durable") else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # a later upgrade from reading could fail, busy

    return engine


def _reading(path: Path) -> dict[str, str]:
    """Reading needs the shared-memory file beside the database; in a folder that cannot be written there is none, and
    nobody can be writing either."""
    log = path.with_name(f"{path.name}-wal")
    still = not os.access(path.parent, os.W_OK) and not (log.is_file() and log.stat().st_size)
    return {"mode": "ro", "immutable": "1"} if still else {"mode": "ro"}


def _create(engine: sa.Engine) -> None:
    """Tables and format in one transaction, so that a reader never sees half of them."""
    options = {"nasengine_write": True, "nasengine_durable": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        schema.metadata.create_all(connection)
        if connection.execute(sa.select(schema.meta).where(schema.meta.c.key == "format")).first() is None:
            connection.execute(sa.insert(schema.meta).values(key="format", value=schema.FORMAT))
