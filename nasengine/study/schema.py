"""The tables of a ledger. The same on SQLite and on a database server."""

from __future__ import annotations

import json
import zlib
from typing import Any

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator

FORMAT = 1
"""Version of the tables, kept in ``meta``; a later version reads every earlier one."""

_LARGEST_BYTES = 1 << 28  # a compressed value never unfolds beyond this: a damaged or hostile file stays harmless


def canonical(value: Any) -> str:
    """JSON text with sorted keys and no spaces: equal values, equal text. NaN and infinities are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def compact(value: Any) -> str:
    """JSON text in the value's own order: decisions are read back in the order of their walk."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Json(TypeDecorator[Any]):
    """Plain JSON as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else compact(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(value)


class PackedJson(TypeDecorator[Any]):
    """Plain JSON, compressed: for what is long and seldom read."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        return None if value is None else zlib.compress(compact(value).encode(), 9)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else json.loads(_unpack(value))


def _unpack(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _LARGEST_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError(f"a compressed value is larger than {_LARGEST_BYTES >> 20} MiB")
    return text


metadata = MetaData()

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Json))

architectures = Table(
    "architectures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", PackedJson, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("decisions", Json, nullable=False),
    Column("graph_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("known", Json, nullable=False),
    Column("violations", Json, nullable=False),
    Column("gate", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("same_as", Integer, ForeignKey("trials.number")),
    Column("rung", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attrs", Json, nullable=False),
    Column("architecture", Text, nullable=False),
    Column("recipe", Json),
    Column("owner", Text, nullable=False),
    Column("lease_expires", Float, nullable=False),
    Column("created", Float, nullable=False),
    Column("finished", Float, nullable=False),
    Index("trials_key", "key"),
)

rungs = Table(
    "rungs",
    metadata,
    Column("key", Text, primary_key=True),
    Column("rung", Integer, primary_key=True, autoincrement=False),
    Column("trial", Integer, ForeignKey("trials.number"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("train_loss", Float, nullable=False),
    Column("elapsed_s", Float, nullable=False),
    Column("curve", PackedJson, nullable=False),
    Column("checkpoint", Text, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("graph_id", Text, primary_key=True),
    Column("device_key", Text, primary_key=True),
    Column("profile", PackedJson, nullable=False),
)

finals = Table(
    "finals",
    metadata,
    Column("key", Text, primary_key=True),
    Column("trial", Integer, ForeignKey("trials.number"), nullable=False),
    Column("metrics", Json, nullable=False),
    Column("profile", PackedJson),
    Column("over_budget", Text, nullable=False),
    Column("artifacts", Json, nullable=False),
    Column("preparation", Json, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("trial", Integer),
    Column("data", Json, nullable=False),
    Column("digest", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
