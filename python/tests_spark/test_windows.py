"""Windows in Spark against their definition, a request at a time; and over a key that is cut."""
from __future__ import annotations

import math
import random
import struct
from typing import Any

import numpy as np
import pytest
from conftest import SEED

from asof_client import AsofError
from asof_client.spark import _windows
from asof_client.spark._windows import Window, evaluate

FLOATS = [0.0, -0.0, 0.1, -0.1, 1e308, -1e308, 5e-324, 1.5, 1e16, -1e16, math.nan, math.inf, -math.inf]


def bits(value: Any) -> Any:
    return value if not isinstance(value, float) else "nan" if math.isnan(value) else struct.pack("<d", value)


def slow(window: Window, delay: int, strict: bool, events: list[tuple[int, Any]], t: int) -> Any:
    """docs/explanation/exact-windows.md, from all events."""
    end = t - max(window.offset, delay)
    rows = [(time, value) for time, value in events if time < end or (time == end and not strict)]
    if window.length is not None:
        rows = [row for row in rows if row[0] > t - window.offset - window.length]
    if window.feature:
        rows = [row for row in rows if row[1] is not None]
    values = [value for _, value in rows]
    if window.aggregate == "count":
        return len(values)
    if not values:
        return None
    if window.aggregate in ("first", "last"):
        return values[0 if window.aggregate == "first" else -1]
    if window.aggregate in ("min", "max"):
        chosen = (min if window.aggregate == "min" else max)(
            values, key=lambda value: (value != value, 0 if value != value else value.encode() if isinstance(value, str) else value))
        return chosen + 0.0 if isinstance(chosen, float) else chosen
    if isinstance(values[0], float):
        total = exact(values)
    else:
        whole = sum(values)
        if window.aggregate == "sum":
            return whole if -(2**63) <= whole < 2**63 else None
        total = float(whole)
    return total / len(values) if window.aggregate == "avg" else total


def exact(values: list[float]) -> float:
    if any(math.isnan(value) for value in values) or {math.inf, -math.inf} <= set(values):
        return math.nan
    infinite = [value for value in values if math.isinf(value)]
    if infinite:
        return infinite[0]
    try:
        return math.fsum(values) + 0.0
    except OverflowError:
        whole = sum(int(value.as_integer_ratio()[0]) * ((1 << 1074) // value.as_integer_ratio()[1]) for value in values)
        try:
            return whole / (1 << 1074)
        except OverflowError:
            return math.inf if whole > 0 else -math.inf


@pytest.mark.parametrize("turn", range(200))
def test_a_window_is_what_its_definition_gives(turn: int) -> None:
    chance = random.Random(SEED * 1_000 + turn)
    kind = chance.choice(["float", "int", "text"])
    names = ["count", "min", "max", "first", "last"] + (["sum", "avg"] if kind != "text" else [])
    choices: list[Any] = {"float": FLOATS, "int": [0, -1, 2**62, -(2**63), 2**63 - 1, 7], "text": ["", "a", "ä", "z"]}[kind]
    count = chance.randrange(0, 40)
    events = [(time, chance.choice([None, *choices])) for time in sorted(chance.randrange(40) * 10 for _ in range(count))]
    requests = sorted(chance.randrange(-20, 460) for _ in range(30))
    window = Window(chance.choice(names), "x", chance.choice([None, 1, 10, 55, 200]), chance.choice([0, 0, 10, 60]))
    delay, strict = chance.choice([0, 5, 20]), chance.random() < 0.5
    times = np.array([time for time, _ in events], np.int64)
    found = evaluate(window, delay, strict, times, [value for _, value in events], np.array(requests, np.int64))
    assert [bits(value) for value in found] == [bits(slow(window, delay, strict, events, t)) for t in requests], window


def test_plain_doubles_would_differ() -> None:
    values = [1e16, 1.0, -1e16]
    found = evaluate(Window("sum", "x", None, 0), 0, False, np.array([1, 2, 3]), values, np.array([3]))
    assert found == [1.0] and sum(values) != 1.0


@pytest.mark.parametrize("text", ["distinct(x) over 1d", "last(x, 10) over 1d", "count over 1d where x > 0", "variance(x) over 1d", "seconds_since_last over 1d"])
def test_another_window_is_refused_by_name(text: str) -> None:
    with pytest.raises(AsofError, match="column 'w__a' is .* which is not done in Spark"):
        Window.of({"name": "w__a", "window": text})


def test_a_hot_key_is_cut_and_each_piece_has_its_events(spark: Any) -> None:
    from pyspark.sql import functions as f

    from asof_client.spark._join import ROW

    columns = {"k": f.lit(1).cast("bigint"), _windows._TIME: f.col("id") * 10, _windows._SIDE: f.lit(0)}
    events = spark.range(5_000).select(*(value.alias(name) for name, value in columns.items()), f.lit(None).cast("bigint").alias(ROW))
    requests = spark.range(5_000).select(*(value.alias(name) for name, value in columns.items()), f.col("id").alias(ROW))
    windows = [Window("count", None, 100, 0), Window("count", None, 50, 200)]
    placed = _windows._cut(events, requests, ["k"], windows, 0, 1_000)
    pieces: dict[int, tuple[list[int], list[int]]] = {}
    for row in placed.collect():
        pieces.setdefault(row[_windows._PIECE], ([], []))[row[ROW] is not None].append(row[_windows._TIME])
    assert len(pieces) >= 8 and sum(len(asked) for _, asked in pieces.values()) == 5_000
    # No piece has much more than its own events and those of the windows before it.
    assert sum(len(seen) for seen, _ in pieces.values()) < 5_000 + 40 * len(pieces)
    every = np.arange(5_000) * 10
    for window in windows:
        for seen, asked in pieces.values():
            own = evaluate(window, 0, False, np.array(sorted(seen)), None, np.array(sorted(asked)))
            assert own == evaluate(window, 0, False, every, None, np.array(sorted(asked)))
