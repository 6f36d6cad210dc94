"""Folders and small files where Spark reads and writes: a path of the machine, or any file system of Hadoop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._errors import AsofError
from ._join import ROW


def _place(spark: Any, path: str) -> tuple[Any, Any]:
    """Hadoop's file system of a path, and the path as it knows it."""
    jvm = spark._jvm
    place = jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark._jsc.hadoopConfiguration()), place


def refuse_existing(spark: Any, path: str) -> None:
    files, place = _place(spark, path)
    if files.exists(place):
        raise AsofError(f"{path} is there already; name a new folder, or remove it")


def remove(spark: Any, path: str) -> None:
    files, place = _place(spark, path)
    files.delete(place, True)


def put(spark: Any, path: str, text: str) -> None:
    """Writes a small file, in place of what is there."""
    files, place = _place(spark, path)
    # On a disk no file of checksums beside it.
    files.setWriteChecksum(False)
    stream = files.create(place, True)
    try:
        stream.write(bytearray(text.encode()))
    finally:
        stream.close()


@contextmanager
def micros(spark: Any) -> Iterator[None]:
    """Has times written as µs, which is what they are, and not as Spark's old 96 bits."""
    name = "spark.sql.parquet.outputTimestampType"
    before = spark.conf.get(name, None)
    spark.conf.set(name, "TIMESTAMP_MICROS")
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, before)


def write(spark: Any, frame: Any, columns: list[str], states: list[str], target: str, files: int) -> list[tuple[int, int]]:
    """Writes a table whose files, in the order of their names, have its rows in order.

    :param states: columns of 0, 1 and 2.
    :returns: of each of them how many rows have 1 and how many 2.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as f

    ordered = frame.repartitionByRange(max(files, 1), f.col(ROW)).sortWithinPartitions(ROW)
    seen = Observation()
    sums = [f.sum((f.col(name) == value).cast("bigint")).alias(f"{name}_{value}") for name in states for value in (1, 2)]
    counted = ordered.observe(seen, f.count(f.lit(1)).alias("rows"), *sums)
    with micros(spark):
        counted.select(*(f.col(f"`{name}`") for name in columns)).write.option("compression", "zstd").parquet(target)
    told = seen.get
    return [(int(told[f"{name}_1"] or 0), int(told[f"{name}_2"] or 0)) for name in states]
