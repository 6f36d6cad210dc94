"""Python values to the text that commands take, and replies to Python values. Times are µs since 1970-01-01 UTC."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import operator
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

import redis

from ._errors import EntityError, ValueRefused

Word = Union[str, bytes, int]
Rows = tuple[list[str], list[list[Any]]]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_US = dt.timedelta(microseconds=1)


def micros(value: Any) -> int:
    """A time as µs since 1970 UTC: a datetime (naive = UTC), a date, RFC 3339 text, an integer of µs."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, dt.datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)) - _EPOCH) // _US
    if isinstance(value, dt.date):
        return (dt.datetime(value.year, value.month, value.day, tzinfo=dt.timezone.utc) - _EPOCH) // _US
    return operator.index(value)


def moment(us: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=us)


def duration(value: str | dt.timedelta) -> int:
    """µs of ``"1d"``, ``"500ms"`` or a timedelta."""
    if isinstance(value, dt.timedelta):
        return value // _US
    units = {"w": 604_800_000_000, "d": 86_400_000_000, "h": 3_600_000_000, "ms": 1_000, "us": 1, "m": 60_000_000, "s": 1_000_000}
    digits = value.rstrip("wdhmsu")
    unit = value[len(digits) :]
    if not digits.isdigit() or unit not in units:
        raise ValueError(f"{value!r} is no duration: expected an integer and a unit, as '1d' or '500ms'")
    return int(digits) * units[unit]


def is_null(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NaTType", "NAType")


def plain(value: Any) -> Any:
    """A numpy scalar as Python's own."""
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "shape", None) == ():
        return item()
    return value


def text(value: Any) -> Word:
    """A value as a command takes it; null is not for here."""
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if "\0" in value:
            raise ValueRefused("a text has U+0000, which no value may have", "FSVALUE")
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (dt.datetime, dt.date)):
        return str(micros(value))
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        items = value.tolist() if hasattr(value, "tolist") else list(value)
        return "[" + ",".join(_item(plain(item)) for item in items) + "]"
    raise ValueRefused(f"a value of type {type(value).__name__} is none that a feature has", "FSVALUE")


def _item(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(text(value))
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueRefused(f"a list holds a {type(value).__name__}; expected numbers or texts", "FSVALUE")
    return json.dumps(value)


def key(name: str, value: Any, kind: str | None, row: int) -> Word:
    """A key's value; ``1`` and ``"1"`` are two keys, so that each type takes its own only. ``1.0`` is the integer 1."""
    value = plain(value)
    if kind == "int64" and isinstance(value, (float, decimal.Decimal)) and value == value and value % 1 == 0:
        value = int(value)
    wrong = (
        is_null(value)
        or isinstance(value, bool)
        or (kind == "string" and not isinstance(value, str))
        or (kind == "int64" and not isinstance(value, int))
    )
    if wrong:
        raise EntityError(f"FSENTITY row {row + 1}, key '{name}': expected {kind or 'a key'}, got {value!r}")
    return value if isinstance(value, str) else str(value)


def rows(given: Any) -> Rows:
    """Names and rows of what somebody passes: a mapping of columns, rows as mappings, or a frame with ``__arrow_c_stream__``."""
    if hasattr(given, "__arrow_c_stream__"):
        from ._frames import table

        given = table(given).to_pydict()
    if isinstance(given, Mapping):
        columns = {name: _column(values) for name, values in given.items()}
        counts = {len(values) for values in columns.values()} or {1}
        if len(counts) > 1:
            raise ValueError(f"columns have different lengths: { {name: len(values) for name, values in columns.items()} }")
        return list(columns), [list(row) for row in zip(*columns.values())] if columns else [[] for _ in range(counts.pop())]
    listed = list(given)
    if not all(isinstance(row, Mapping) for row in listed):
        raise TypeError("expected a mapping of columns, a list of mappings, or a frame with __arrow_c_stream__")
    names = list(listed[0]) if listed else []
    for number, row in enumerate(listed):
        if set(row) != set(names):
            raise ValueError(f"row {number + 1} has {sorted(row)}, row 1 has {sorted(names)}")
    return names, [[row[name] for name in names] for row in listed]


def _column(values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        made = values.tolist()
        return made if isinstance(made, list) else [made]
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def decoded(value: Any, kind: str) -> Any:
    """A value of a RESP3 reply, as Python has it; a timestamp is µs still, see :func:`shown`."""
    if value is None:
        return None
    if kind == "string":
        return value.decode() if isinstance(value, bytes) else value
    if kind == "list(string)":
        return [item.decode() if isinstance(item, bytes) else item for item in value]
    if kind.startswith("vector"):
        floats = array("f", value)
        if sys.byteorder == "big":
            floats.byteswap()
        return floats.tolist()
    if kind in ("float32", "float64"):
        return float(value)
    if kind == "bool":
        return bool(value)
    return value


def shown(value: Any, kind: str) -> Any:
    return moment(value) if kind == "timestamp" and value is not None else value


def name(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def mapping(reply: Any) -> dict[str, Any]:
    """A map of RESP3, with texts as keys."""
    if not isinstance(reply, dict):
        raise ValueRefused(f"the server does not answer as Asof does: {type(reply).__name__} for a map", "ERR")
    return {name(field): value for field, value in reply.items()}


def names(values: Sequence[bytes | str]) -> list[str]:
    return [name(value) for value in values]


def run(client: Any, words: Sequence[Word]) -> Any:
    """Sends one command; redis-py's own method has no types."""
    return client.execute_command(*words)


def run_all(client: Any, commands: Sequence[Sequence[Word]]) -> tuple[Any, int, redis.RedisError | None]:
    """Sends commands together, without a transaction.

    :returns: the reply of the last one that succeeded, how many did before the first that failed, and that one's error.
    """
    if len(commands) == 1:
        try:
            return run(client, commands[0]), 1, None
        except redis.RedisError as error:
            return None, 0, error
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        try:
            replies = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            return None, 0, error
    for place, reply in enumerate(replies):
        if isinstance(reply, redis.RedisError):
            return None, place, reply
    return replies[-1], len(replies), None
