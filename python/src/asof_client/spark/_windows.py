"""Windows over events in Spark: exact, as Asof's own (docs/explanation/exact-windows.md).

The events of a key and its requests pass one task in order of time. A key with so many of them that one task would do most of the work is
cut at times of its requests; an event goes to each piece in whose windows it may lie.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import AsofError
from ._join import ROW, in_force, read_view
from ._spec import FAR, Spec, spark_type

_PIECE, _TIME, _SIDE, _EVENT = "_asof_piece", "_asof_t", "_asof_side", "_asof_e"
_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_AGGREGATES = ("count", "sum", "avg", "min", "max", "first", "last")


@dataclass(frozen=True)
class Window:
    """``AGGREGATE[(FEATURE)] over LENGTH|lifetime [offset LENGTH]``; times in µs."""

    aggregate: str
    feature: str | None
    #: None = lifetime.
    length: int | None
    offset: int

    @classmethod
    def of(cls, column: Mapping[str, Any]) -> Window:
        text = str(column["window"])
        found = re.fullmatch(r"(\w+)(?:\((\w+)\))? over (lifetime|\d+[a-z]+)(?: offset (\d+[a-z]+))?", text)
        if not found or found[1] not in _AGGREGATES:
            known = ", ".join(_AGGREGATES)
            raise AsofError(f"column '{column['name']}' is {text}, which is not done in Spark ({known}, without a number and `where`, are); use `asof export`")
        length = None if found[3] == "lifetime" else _micros(found[3])
        return cls(found[1], found[2], length, _micros(found[4] or "0s"))


def _micros(text: str) -> int:
    found = re.fullmatch(r"(\d+)([a-z]+)", text)
    if not found or found[2] not in _UNITS:
        raise AsofError(f"'{text}' is no length of time")
    return min(int(found[1]) * _UNITS[found[2]], FAR)


def spans(window: Window, delay: int, strict: bool, events: Any, requests: Any) -> tuple[Any, Any]:
    """For each request which of the events, ascending by time, are in its window: from, up to.

    t − offset − length < event time ≤ t − max(offset, delay); strict: <.
    """
    end = np.searchsorted(events, requests - max(window.offset, delay), "left" if strict else "right")
    if window.length is None:
        return np.zeros_like(end), end
    first = np.searchsorted(events, requests - min(window.offset + window.length, FAR), "right")
    return first, np.maximum(first, end)


def evaluate(window: Window, delay: int, strict: bool, times: Any, values: list[Any] | None, requests: Any) -> list[Any]:
    """A window's value at each request, from the events of one key in order.

    :param values: of the window's feature, None = null, which no window sees; None where there is no feature.
    """
    if values is not None:
        kept = [index for index, value in enumerate(values) if value is not None]
        times, values = times[kept], [values[index] for index in kept]
    first, end = spans(window, delay, strict, times, requests)
    if window.aggregate == "count":
        return [int(count) for count in end - first]
    assert values is not None
    match window.aggregate:
        case "first":
            return [values[a] if a < b else None for a, b in zip(first, end)]
        case "last":
            return [values[b - 1] if a < b else None for a, b in zip(first, end)]
        case "min" | "max":
            return _extremes(values, first, end, 1 if window.aggregate == "min" else -1)
        case _:
            return _sums(values, first, end, window.aggregate == "avg")


def _rank(value: Any) -> Any:
    """PostgreSQL's order: NaN is the greatest number, texts by bytes."""
    if isinstance(value, str):
        return value.encode()
    return (1, 0.0) if isinstance(value, float) and math.isnan(value) else (0, value)


def _extremes(values: list[Any], first: Any, end: Any, sign: int) -> list[Any]:
    """The least value of each window, or with sign -1 the greatest; windows move forward only."""
    results: list[Any] = []
    waiting: deque[tuple[int, Any]] = deque()
    at = 0
    for a, b in zip(first, end):
        while at < b:
            rank = _rank(values[at])
            while waiting and (waiting[-1][1] >= rank if sign > 0 else waiting[-1][1] <= rank):
                waiting.pop()
            waiting.append((at, rank))
            at += 1
        while waiting and waiting[0][0] < a:
            waiting.popleft()
        value = values[waiting[0][0]] if a < b else None
        # There is one zero in a minimum.
        results.append(value + 0.0 if isinstance(value, float) else value)
    return results


def _sums(values: list[Any], first: Any, end: Any, is_mean: bool) -> list[Any]:
    """Sums of integers, rounded once; a float is an integer over a power of two."""
    is_float = any(isinstance(value, float) for value in values)
    finite = [value if not is_float or math.isfinite(value) else 0.0 for value in values]
    ratios = [value.as_integer_ratio() for value in finite]
    scale = max((ratio[1] for ratio in ratios), default=1)
    sums = [0]
    for numerator, denominator in ratios:
        sums.append(sums[-1] + numerator * (scale // denominator))
    odd = [_before([bool(test(value)) for value in values]) if is_float else [0] * (len(values) + 1)
           for test in (math.isnan, lambda value: value == math.inf, lambda value: value == -math.inf)]
    results: list[Any] = []
    for a, b in zip(first, end):
        if a >= b:
            results.append(None)
            continue
        nans, highs, lows = (counts[b] - counts[a] for counts in odd)
        exact = sums[b] - sums[a]
        total: Any
        if not is_float and not is_mean:
            results.append(exact if -(2**63) <= exact < 2**63 else None)
            continue
        if nans or (highs and lows):
            total = math.nan
        elif highs or lows:
            total = math.inf if highs else -math.inf
        else:
            try:
                total = exact / scale + 0.0
            except OverflowError:
                total = math.inf if exact > 0 else -math.inf
        results.append(total / int(b - a) if is_mean else total)
    return results


def _before(flags: list[bool]) -> list[int]:
    counts = [0]
    for flag in flags:
        counts.append(counts[-1] + flag)
    return counts


def join_windows(spark: Any, spec: Spec, role: Mapping[str, Any], spine: Any, root: str, hot_rows: int) -> Any:
    """For each row of the spine with a key and a label time: its number, the newest event time in any window, the columns' values."""
    from pyspark.sql import functions as f

    columns = spec.features(role)
    windows = [Window.of(column) for column in columns]
    told = spec.views[role["events"]]
    kinds = {feature["name"]: feature["type"] for feature in told["features"]}
    used = sorted({window.feature for window in windows if window.feature})
    for column, window in zip(columns, windows):
        kind = kinds.get(window.feature or "", "")
        if window.aggregate in ("min", "max", "first", "last") and kind.startswith(("vector", "list")):
            raise AsofError(f"column '{column['name']}' is {column['window']} of {kind}, which is not done in Spark; use `asof export`")
    view_keys = [key["name"] for key in told["keys"]]
    key_kinds = {key["name"]: key["type"] for key in told["keys"]}
    sources = {key["viewKey"]: key["from"] for key in role["keys"]}
    own_keys = [key for key in view_keys if key in sources]
    names = [f"_asof_k{index}" for index in range(len(own_keys))]
    delay, strict = min(int(role["delayUs"]), FAR), bool(role["strict"])
    history = in_force(read_view(spark, spec, role["events"], root, used), view_keys)
    event_kind = spark_type(told["event"])
    # Of events at one time the greater id is the later; between keys that the window's do not tell apart, the keys.
    events = history.select(
        *(f.col(f"`{key}`").alias(name) for key, name in zip(own_keys, names)),
        f.unix_micros("_event_time").alias(_TIME),
        f.lit(0).alias(_SIDE),
        f.col("_event").alias(_EVENT),
        *(f.col(f"`{name}`").alias(f"f{index}") for index, name in enumerate(used)),
        f.lit(None).cast("bigint").alias(ROW),
    )
    requests = spine.select(
        *(f.col(f"`{sources[key]}`").cast(spark_type(key_kinds[key])).alias(name) for key, name in zip(own_keys, names)),
        f.unix_micros(f.col(f"`{spec.label_time}`")).alias(_TIME),
        f.lit(1).alias(_SIDE),
        f.lit(None).cast(event_kind).alias(_EVENT),
        *(f.lit(None).cast(spark_type(kinds[name])).alias(f"f{index}") for index, name in enumerate(used)),
        f.col(ROW),
    ).where(" AND ".join([f"{name} IS NOT NULL" for name in names] + [f"{_TIME} IS NOT NULL"]))
    rows = _cut(events, requests, names, windows, delay, hot_rows)
    placed = rows.repartition(*(f.col(name) for name in [*names, _PIECE])).sortWithinPartitions(*names, _PIECE, _SIDE, _TIME, _EVENT)
    schema = f"{ROW} bigint, t bigint, " + ", ".join(f"c{index} {spark_type(column['type'])}" for index, column in enumerate(columns))
    places = {name: index for index, name in enumerate(used)}

    def computed(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        kept: list[dict[str, Any]] = []
        types = [pa.int64(), pa.int64()] + [_arrow_type(column["type"]) for column in columns]

        def finish() -> Any:
            requests = np.array([row[_TIME] for row in kept if row[ROW] is not None], np.int64)
            asked = [row[ROW] for row in kept if row[ROW] is not None]
            found = [row for row in kept if row[ROW] is None]
            times = np.array([row[_TIME] for row in found], np.int64)
            values = [[row[f"f{index}"] for row in found] for index in range(len(used))]
            newest = np.full(len(asked), np.iinfo(np.int64).min)
            results = []
            for window in windows:
                first, end = spans(window, delay, strict, times, requests)
                hit = end > first
                newest[hit] = np.maximum(newest[hit], times[end[hit] - 1])
                results.append(evaluate(window, delay, strict, times, values[places[window.feature]] if window.feature else None, requests))
            seen = [int(time) if time != np.iinfo(np.int64).min else None for time in newest]
            arrays = [pa.array(values, kind, from_pandas=False) for values, kind in zip([asked, seen, *results], types)]
            return pa.RecordBatch.from_arrays(arrays, [ROW, "t", *(f"c{index}" for index in range(len(columns)))])

        group: Any = None
        for batch in batches:
            for row in _plain(batch).to_pylist():
                own = tuple(row[name] for name in [*names, _PIECE])
                if own != group and kept:
                    yield finish()
                    kept = []
                group = own
                kept.append(row)
        if kept:
            yield finish()

    return placed.mapInArrow(computed, schema)


def _plain(batch: Any) -> Any:
    """Times as µs: Python's own have no year 0 and no zone that is not asked for."""
    import pyarrow as pa

    arrays = [
        column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def _arrow_type(kind: str) -> Any:
    import pyarrow as pa

    return {
        "bool": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(), "string": pa.string(),
        "bytes": pa.binary(), "timestamp": pa.timestamp("us", "UTC"),
    }[kind]


def _cut(events: Any, requests: Any, names: list[str], windows: list[Window], delay: int, hot_rows: int) -> Any:
    """Events and requests with the number of their piece; of a key with more than ``hot_rows`` requests and events, several."""
    from pyspark.sql import functions as f

    both = events.select(*names, _TIME, ROW).unionByName(requests.select(*names, _TIME, ROW))
    counts = both.groupBy(*names) if names else both.groupBy(f.lit(0).alias("_asof_all"))
    hot = counts.agg(f.count(f.lit(1)).alias("n"), f.count(ROW).alias("asked")).where((f.col("n") > hot_rows) & (f.col("asked") > 1))
    found = hot.limit(10_001).collect()
    if not found or len(found) > 10_000 or not names:
        return events.withColumn(_PIECE, f.lit(0)).unionByName(requests.withColumn(_PIECE, f.lit(0)))
    pieces = min(max(-(-max(row["n"] for row in found) // hot_rows), 2), 4_096)
    schema = ", ".join(f"{name} {events.schema[name].dataType.simpleString()}" for name in names)
    few = f.broadcast(events.sparkSession.createDataFrame([tuple(row[name] for name in names) for row in found], schema))
    shares = [number / pieces for number in range(1, pieces)]
    cuts = f.broadcast(
        requests.join(few, names, "left_semi").groupBy(*names)
        .agg(f.array_sort(f.array_distinct(f.percentile_approx(_TIME, shares, 10_000))).alias("_asof_cuts")))

    def piece(time: Any) -> Any:
        return f.when(f.col("_asof_cuts").isNull(), f.lit(0)).otherwise(f.size(f.filter(f.col("_asof_cuts"), lambda at: at <= time)))

    # The first request that may have an event in a window, and the first behind the last.
    nearest = min(max(window.offset, delay) for window in windows)
    farthest = None if any(window.length is None for window in windows) else max(window.offset + (window.length or 0) for window in windows)
    until = f.size(f.col("_asof_cuts")) if farthest is None else piece(f.col(_TIME) + f.lit(min(farthest, FAR)))
    last = f.when(f.col("_asof_cuts").isNull(), f.lit(0)).otherwise(until)
    spread = events.join(cuts, names, "left").withColumn(_PIECE, f.explode(f.sequence(piece(f.col(_TIME) + f.lit(nearest)), last)))
    return spread.drop("_asof_cuts").unionByName(requests.join(cuts, names, "left").withColumn(_PIECE, piece(f.col(_TIME))).drop("_asof_cuts"))
