"""Writes: rows as line protocol, each chunk under a number of its source, so that sending it again stores nothing twice."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from . import _values
from ._errors import AsofError, EntityError, Timeout, Unavailable, ValueRefused, translated

_RESENDS = 5
_BACKOFF_SECONDS = 0.05
_CHUNK_BYTES = 16 << 20
_COMMANDS_MAX = 1_000


@dataclass(frozen=True)
class View:
    """A view, as FS.VIEW tells it."""

    name: str
    keys: dict[str, str]
    features: dict[str, str]
    allows_missing: bool

    @classmethod
    def read(cls, reply: Any) -> View:
        told = _values.mapping(reply)
        named = [[_values.mapping(item) for item in told[what]] for what in ("keys", "features")]
        keys, features = ({_values.name(item["name"]): _values.name(item["type"]) for item in items} for items in named)
        return cls(_values.name(told["name"]), keys, features, _values.name(told["missing"]) == "null")


@dataclass(frozen=True)
class Written:
    """``rows`` are stored, each once, although ``resent`` chunks were sent more than once."""

    rows: int
    resent: int
    #: Of the last chunk: ``get_online_features(…, min_position=position)`` shows all of it on any server. ``None`` = there were no rows.
    position: int | None


@dataclass
class Numbers:
    """The numbers of a source: consecutive, and above those of earlier programs, since they begin with the time."""

    source: str
    next: int = field(default_factory=lambda: time.time_ns() // 1_000)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Command:
    """What one number stores: lines of FS.WRITE, or one row as FS.SET, which can say null and NaN where a line cannot."""

    words: list[_values.Word]
    rows: int


@dataclass
class _Chunk:
    """Commands that are sent together, in the order of their rows."""

    commands: list[_Command]
    #: The first row's number, from 1.
    first: int

    @property
    def rows(self) -> int:
        return sum(command.rows for command in self.commands)


def write(client: redis.Redis, view: View, frame: Any, event_time: str, numbers: Numbers, chunk_rows: int) -> Written:
    rows = resent = 0
    position: int | None = None
    for chunk in chunks(view, frame, event_time, chunk_rows):
        reply, is_resent = _sent(client, chunk, numbers, view, rows)
        position = reply if isinstance(reply, int) else int(_values.mapping(reply)["position"])
        rows += chunk.rows
        resent += is_resent
    return Written(rows, resent, position)


def _sent(client: redis.Redis, chunk: _Chunk, numbers: Numbers, view: View, before: int) -> tuple[Any, bool]:
    """Sends a chunk, each command under a number of its own, and what is not known to be stored again under the same.

    :returns: the last reply, and whether anything was sent again.
    """
    first = numbers.next
    words = [
        [*command.words, "SOURCE", numbers.source, "SEQ", str(first + place)] for place, command in enumerate(chunk.commands)
    ]
    done = 0
    for attempt in range(_RESENDS + 1):
        reply, count, error = _values.run_all(client, words[done:])
        done += count
        # A number that was refused, and so is not stored, is left to the next write.
        numbers.next = first + done
        if error is None:
            return reply, attempt > 0
        ours = translated(error)
        may_be_stored = isinstance(ours, (Unavailable, Timeout))
        if may_be_stored and attempt < _RESENDS:
            time.sleep(_BACKOFF_SECONDS * 2**attempt)
            continue
        if may_be_stored:
            # Whether they are stored is not known: the numbers are left to them, and the connection's order with them.
            numbers.next = first + len(words)
            client.connection_pool.disconnect()
        if not isinstance(ours, AsofError):
            raise error
        stored = sum(command.rows for command in chunk.commands[:done])
        start = chunk.first + stored
        # What stands behind a refused command is not stored either, but nothing is wrong with it.
        last = chunk.first + chunk.rows - 1 if may_be_stored else start + chunk.commands[done].rows - 1
        where = f"rows {start} to {last}" if last > start else f"row {start}"
        raise type(ours)(
            f"{ours.message} (view '{view.name}', {where} of the frame, from 1; {before + stored} rows before them are stored)", ours.code
        ) from error
    raise AssertionError("a chunk is sent or refused")


# Encoding


def chunks(view: View, frame: Any, event_time: str, chunk_rows: int) -> Iterator[_Chunk]:
    chunk = _Chunk([], 1)
    lines: list[str] = []
    size, rows, unit = 0, 0, "us"

    def end_lines() -> None:
        nonlocal lines
        if lines:
            chunk.commands.append(_Command(["FS.WRITE", "\n".join(lines), "PRECISION", unit], len(lines)))
            lines = []

    for unit_of_batch, batch in batches(view, frame, event_time):
        if unit_of_batch != unit:
            end_lines()
        unit = unit_of_batch
        for values in batch:
            row = chunk.first + rows
            line = _line(view, event_time, values, row)
            words = _set(view, event_time, values, unit, row) if line is None else []
            length = sum(len(word) for word in words if isinstance(word, (str, bytes))) if line is None else len(line)
            if rows and (rows >= chunk_rows or size + length > _CHUNK_BYTES or len(chunk.commands) >= _COMMANDS_MAX):
                end_lines()
                yield chunk
                chunk, size, rows = _Chunk([], row), 0, 0
            if line is None:
                end_lines()
                chunk.commands.append(_Command(words, 1))
            else:
                lines.append(line)
            size += length
            rows += 1
    end_lines()
    if chunk.commands:
        yield chunk


def batches(view: View, frame: Any, event_time: str) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Rows with their event times as integers, and the unit of those."""
    if hasattr(frame, "__arrow_c_stream__"):
        import pyarrow as pa

        from . import _frames

        table = _frames.table(frame)
        _check(view, table.column_names, event_time)
        kind = table.schema.field(event_time).type
        unit = kind.unit if pa.types.is_timestamp(kind) else "us"
        # Integers: Python's times end at microseconds.
        for place, column in enumerate(table.schema):
            if pa.types.is_timestamp(column.type):
                wanted = pa.int64() if column.name == event_time else pa.timestamp("us", tz="UTC")
                made = table.column(place).cast(wanted, safe=False)
                table = table.set_column(place, column.name, made if column.name == event_time else made.cast(pa.int64()))
        for batch in table.to_batches(max_chunksize=65_536):
            names, columns = batch.schema.names, [column.to_pylist() for column in batch.columns]
            yield unit, (dict(zip(names, values)) for values in zip(*columns))
        return
    names, rows = _values.rows(frame)
    if rows:
        _check(view, names, event_time)

    def all_rows() -> Iterator[dict[str, Any]]:
        for number, values in enumerate(rows):
            made = dict(zip(names, values))
            if _values.is_null(made[event_time]):
                raise ValueRefused(f"row {number + 1} has no {event_time}", "FSTIME")
            made[event_time] = _values.micros(_values.plain(made[event_time]))
            yield made

    yield "us", all_rows()


def _check(view: View, names: list[str], event_time: str) -> None:
    known = [*view.keys, event_time, *view.features]
    missing = [name for name in [*view.keys, event_time] if name not in names]
    extra = [name for name in names if name not in known]
    lacking = [] if view.allows_missing else [name for name in view.features if name not in names]
    if missing or extra or lacking:
        raise ValueRefused(
            f"the frame's columns are not those of view '{view.name}': "
            + "; ".join(
                f"{what} {', '.join(found)}"
                for what, found in [("missing", missing + lacking), ("unknown", extra)]
                if found
            )
            + f"; expected {', '.join(known)}",
            "FSVALUE",
        )


def _tag(text: str) -> str | None:
    """A tag's name or value; ``None`` where line protocol has no way to write it."""
    if "\n" in text or "\r" in text or text.endswith("\\") or not text or "\\" in text:
        return None
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


_INTEGERS = ("int32", "int64")


def _field(value: Any, kind: str) -> str | None:
    value = _values.plain(value)
    if kind == "timestamp":
        return '"' + _values.moment(_values.micros(value)).isoformat() + '"'
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        # As a frame's integers are once a null stood among them; line protocol tells floats from integers.
        if kind in _INTEGERS and value.is_integer():
            return f"{int(value)}i"
        return repr(value) if math.isfinite(value) else None
    text = str(_values.text(value))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _line(view: View, event_time: str, values: dict[str, Any], row: int) -> str | None:
    """A point; ``None`` where the row needs FS.SET: it has NaN, a key that line protocol cannot write, or a null that must be said."""
    tags = [view.name]
    for name, kind in view.keys.items():
        tag = _tag(str(_values.key(name, values[name], kind, row - 1)))
        if tag is None:
            return None
        tags.append(f"{name}={tag}")
    fields = []
    for name, kind in view.features.items():
        if name not in values:
            continue
        if _values.is_null(values[name]):
            if view.allows_missing:
                continue
            return None
        written = _field(values[name], kind)
        if written is None:
            return None
        fields.append(f"{name}={written}")
    if not fields or values[event_time] is None:
        return None
    return f"{','.join(tags)} {','.join(fields)} {values[event_time]}"


_MICROS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def _set(view: View, event_time: str, values: dict[str, Any], unit: str, row: int) -> list[_values.Word]:
    if values[event_time] is None:
        raise ValueRefused(f"row {row} has no {event_time}", "FSTIME")
    # Finer times are rounded up, as everywhere: nothing is seen before it was true.
    us = -(-values[event_time] // 1_000) if unit == "ns" else values[event_time] * _MICROS[unit]
    keys = [str(_values.key(name, values[name], kind, row - 1)) for name, kind in view.keys.items()]
    if len(keys) > 1:
        wrong = next((name for name, key in zip(view.keys, keys) if key.endswith("\\")), None)
        if wrong is not None:
            raise EntityError(f"FSENTITY row {row}, key '{wrong}': ends with a backslash, which a view of several keys cannot have")
        escaped = [key.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ") for key in keys]
        entity = ",".join(f"{name}={key}" for name, key in zip(view.keys, escaped))
    else:
        entity = keys[0] if keys else ""
    words: list[_values.Word] = ["FS.SET", view.name, entity, str(us)]
    nulls = []
    for name in view.features:
        value = values.get(name)
        if _values.is_null(value):
            nulls.append(name)
        else:
            words += [name, _values.text(value)]
    return words + (["NULLS", str(len(nulls)), *nulls] if nulls else [])
