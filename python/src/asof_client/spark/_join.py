"""The point-in-time join in Spark: history and spine in one order, and the last row of history carried forward.

All rows of a key pass one task, in order. A key with so many rows that one task would do most of the work is cut at times
of its history; each piece begins with the last row before it, so that it can be joined by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import AsofError
from ._spec import FAR, Spec, spark_type

HISTORY, _BUCKET, _TIME, _SIDE, _ORDER = "_asof_h", "_asof_bucket", "_asof_t", "_asof_side", "_asof_o"
ROW = "_asof_row"


def read_view(spark: Any, spec: Spec, view: str, root: str, features: list[str]) -> Any:
    """A view's history at the specification's position, from its segments: keys, µs, position, tombstone, features."""
    from pyspark.sql import functions as f

    told = spec.views[view]
    kinds = {feature["name"]: feature["type"] for feature in told["features"]}
    fields = [(key["name"], key["type"]) for key in told["keys"]]
    fields += [("_event_time", "timestamp"), ("_position", "int64"), ("_deleted", "bool")]
    fields += [("_event", told["event"])] if told.get("event") else []
    fields += [(name, kinds[name]) for name in features]
    schema = ", ".join(f"`{name}` {spark_type(kind)}" for name, kind in fields)
    paths = spec.paths(view, root)
    if not paths:
        return spark.createDataFrame([], schema)
    read = spark.read.schema(schema).option("datetimeRebaseMode", "CORRECTED").parquet(*paths)
    return read.where(f.col("_position") <= f.lit(spec.position))


def in_force(history: Any, keys: list[str]) -> Any:
    """Of a view of events: the newest row of each event, where it is no tombstone."""
    from pyspark.sql import functions as f

    identity = [*keys, "_event_time", "_event"]
    others = [f.col(f"`{name}`") for name in history.columns if name not in identity]
    newest = history.groupBy(*(f.col(f"`{name}`") for name in identity)).agg(f.max_by(f.struct(*others), "_position").alias("_asof_newest"))
    kept = [f.col(f"`{name}`") for name in identity] + [f.col(f"_asof_newest.`{name}`").alias(name) for name in history.columns if name not in identity]
    return newest.where(~f.col("_asof_newest._deleted")).select(*kept)


def join_role(spark: Any, spec: Spec, role: Mapping[str, Any], spine: Any, root: str, hot_rows: int) -> Any:
    """For each row of the spine with a match: its number, and the row of history as a struct ``_asof_h``.

    :param spine: with ``_asof_row`` and the columns that keys and label time come from.
    """
    from pyspark.sql import functions as f
    from pyspark.sql.window import Window

    told = spec.views[role["view"]]
    features = list(dict.fromkeys(column["feature"] for column in spec.features(role)))
    history = read_view(spark, spec, role["view"], root, features)
    view_keys = [key["name"] for key in told["keys"]]
    is_event = bool(told.get("event"))
    if is_event:
        history = in_force(history, view_keys)
    kinds = {key["name"]: key["type"] for key in told["keys"]}
    columns = {key["viewKey"]: key["from"] for key in role["keys"]}
    names = [f"_asof_k{index}" for index in range(len(view_keys))]
    row = f.struct(
        f.unix_micros("_event_time").alias("t"),
        f.col("_position").alias("p"),
        f.col("_deleted").alias("d"),
        *(f.col(f"`{name}`").alias(f"f{index}") for index, name in enumerate(features)),
    )
    # Of equal times the greater position is in force, of events at one time the greater id.
    order = f.col("_event" if is_event else "_position")
    order_type = spark_type(told["event"]) if is_event else "bigint"
    left = history.select(
        *(f.col(f"`{key}`").alias(name) for key, name in zip(view_keys, names)),
        f.unix_micros("_event_time").alias(_TIME),
        f.lit(1).alias(_SIDE),
        order.alias(_ORDER),
        row.alias(HISTORY),
        f.lit(None).cast("bigint").alias(ROW),
    )
    # A global view has one key, which is always 0.
    asked = [f.col(f"`{columns[key]}`") if key in columns else f.lit(0) for key in view_keys]
    label = f.unix_micros(f.col(f"`{spec.label_time}`"))
    right = spine.select(
        *(value.cast(spark_type(kinds[key])).alias(name) for value, key, name in zip(asked, view_keys, names)),
        (label - f.lit(min(int(role["delayUs"]), FAR))).alias(_TIME),
        f.lit(0 if role["strict"] else 2).alias(_SIDE),
        f.lit(None).cast(order_type).alias(_ORDER),
        f.lit(None).cast(left.schema[HISTORY].dataType).alias(HISTORY),
        f.col(ROW),
    ).where(" AND ".join([f"{name} IS NOT NULL" for name in names] + [f"{_TIME} IS NOT NULL"]))
    rows = _cut(left.unionByName(right), names, hot_rows)
    window = (
        Window.partitionBy(*names, _BUCKET)
        .orderBy(f.col(_TIME), f.col(_SIDE), f.col(_ORDER))
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    found = rows.withColumn("_asof_last", f.last(HISTORY, ignorenulls=True).over(window))
    return found.where(f.col(ROW).isNotNull() & f.col("_asof_last").isNotNull()).select(ROW, f.col("_asof_last").alias(HISTORY))


def _cut(rows: Any, names: list[str], hot_rows: int) -> Any:
    """Rows with the number of their piece: 0, but for keys with more than ``hot_rows`` rows, which are cut at times."""
    from pyspark.sql import functions as f
    from pyspark.sql.window import Window

    if hot_rows < 1:
        raise AsofError(f"hot_rows is {hot_rows}; a piece has at least one row")
    counts = rows.groupBy(*names).agg(f.count(f.lit(1)).alias("_asof_n")).where(f.col("_asof_n") > f.lit(hot_rows))
    hot = counts.limit(_HOT_KEYS_MAX + 1).collect()
    if not hot:
        return rows.withColumn(_BUCKET, f.lit(0))
    if len(hot) > _HOT_KEYS_MAX:
        # So many hot keys share the work among them by themselves.
        return rows.withColumn(_BUCKET, f.lit(0))
    spark = rows.sparkSession
    schema = ", ".join(f"{name} {rows.schema[name].dataType.simpleString()}" for name in names)
    few = f.broadcast(spark.createDataFrame([tuple(found[name] for name in names) for found in hot], schema))
    pieces = min(max(-(-max(found["_asof_n"] for found in hot) // hot_rows), 2), _PIECES_MAX)
    shares = [number / pieces for number in range(1, pieces)]
    # Any times do as cuts: these only make the pieces about equal.
    cuts = (
        rows.join(few, names, "left_semi")
        .groupBy(*names)
        .agg(f.array_sort(f.array_distinct(f.percentile_approx(_TIME, [*shares], 1_000))).alias("_asof_cuts"))
    )
    cut = rows.join(f.broadcast(cuts), names, "left")
    before = f.size(f.filter(f.col("_asof_cuts"), lambda at: at <= f.col(_TIME)))
    cut = cut.withColumn(_BUCKET, f.when(f.col("_asof_cuts").isNull(), f.lit(0)).otherwise(before))
    # The last row of history before each piece: of each key as many as there are pieces.
    place = f.when(f.col(HISTORY).isNotNull(), f.struct(f.col(_TIME), f.col(_ORDER)))
    whole = f.when(f.col(HISTORY).isNotNull(), f.struct(_TIME, _ORDER, HISTORY))
    ends = (
        cut.where(f.col("_asof_cuts").isNotNull())
        .groupBy(*names, _BUCKET)
        .agg(f.max_by(whole, place).alias("_asof_end"))
    )
    earlier = Window.partitionBy(*names).orderBy(_BUCKET).rowsBetween(Window.unboundedPreceding, -1)
    carried = (
        ends.withColumn("_asof_end", f.last("_asof_end", ignorenulls=True).over(earlier))
        .where(f.col("_asof_end").isNotNull())
        .select(
            *names,
            _BUCKET,
            f.col(f"_asof_end.{_TIME}").alias(_TIME),
            f.lit(1).alias(_SIDE),
            f.col(f"_asof_end.{_ORDER}").alias(_ORDER),
            f.col(f"_asof_end.{HISTORY}").alias(HISTORY),
            f.lit(None).cast("bigint").alias(ROW),
        )
    )
    return cut.drop("_asof_cuts").unionByName(carried)


#: Keys that are cut, at most: their cuts go to every task.
_HOT_KEYS_MAX = 10_000
#: Pieces of a key, at most.
_PIECES_MAX = 4_096
