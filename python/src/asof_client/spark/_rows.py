"""Rows of Parquet files in an order of their own: the files' names, then the rows of each; and the digest of tables that lie so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from .._errors import AsofError
from . import _digest
from ._join import ROW

_BLOCK = "_asof_block"


def numbered(spark: Any, paths: list[str]) -> tuple[Any, int, list[str]]:
    """The rows of files with their numbers from 0 on in ``_asof_row``; how many there are; the files in order.

    :param paths: files or folders of Parquet.
    """
    from pyspark.sql import functions as f

    read = spark.read.option("datetimeRebaseMode", "CORRECTED").parquet(*paths)
    names = [name for name in read.columns if name.startswith("_asof_")]
    if names:
        raise AsofError(f"{paths[0]}: a column is called {names[0]}; names that begin with _asof_ are this module's")
    place = read.select("*", f.col("_metadata.file_path").alias("_asof_file"), f.col("_metadata.row_index").alias("_asof_index"))
    counts = {row["_asof_file"]: row["n"] for row in place.groupBy("_asof_file").agg(f.count(f.lit(1)).alias("n")).collect()}
    files = sorted(counts)
    starts, rows = [], 0
    for name in files:
        starts.append((name, rows))
        rows += counts[name]
    if not files:
        return read.withColumn(ROW, f.lit(None).cast("bigint")), 0, []
    known = f.broadcast(spark.createDataFrame(starts, "_asof_file string, _asof_start bigint"))
    numbered = place.join(known, "_asof_file").withColumn(ROW, f.col("_asof_start") + f.col("_asof_index"))
    return numbered.drop("_asof_file", "_asof_index", "_asof_start"), rows, files


def column_types(schema: Any, columns: list[str]) -> list[tuple[str, str]]:
    """Names and types of a spine's columns, as manifests spell them.

    :raises AsofError: for a column that has no counterpart here.
    """
    from pyspark.sql import types as t

    plain = {
        t.BooleanType: "bool",
        t.ByteType: "int8",
        t.ShortType: "int16",
        t.IntegerType: "int32",
        t.LongType: "int64",
        t.FloatType: "float32",
        t.DoubleType: "float64",
        t.StringType: "string",
        t.BinaryType: "bytes",
        t.TimestampType: "timestamp",
        t.DateType: "date32",
    }
    found = []
    for name in columns:
        kind = schema[name].dataType
        if type(kind) in plain:
            text = plain[type(kind)]
        elif isinstance(kind, t.ArrayType) and isinstance(kind.elementType, (t.LongType, t.StringType)):
            text = "list(int64)" if isinstance(kind.elementType, t.LongType) else "list(string)"
        else:
            raise AsofError(f"the spine's column '{name}' is {kind.simpleString()}, which is not digested here; cast or drop it")
        found.append((name, text))
    return found


def digests(spark: Any, paths: list[str], columns: list[tuple[str, str]], spine_count: int) -> tuple[str, str, int, list[str]]:
    """Content digests of a table of Parquet files: of all its columns, and of the first ``spine_count``; its rows; its files.

    Each block of 65,536 rows is hashed by itself, on whatever machine has it; what comes back is 64 bytes a block.
    """
    from pyspark.sql import functions as f

    rows, count, files = numbered(spark, paths)
    names = [name for name, _ in columns]
    kinds = [kind for _, kind in columns]
    placed = (
        rows.select(*(f.col(f"`{name}`") for name in names), ROW)
        .withColumn(_BLOCK, f.floor(f.col(ROW) / _digest.BLOCK_ROWS).cast("bigint"))
        .repartition(f.col(_BLOCK))
        .sortWithinPartitions(_BLOCK, ROW)
    )

    def hashed(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        hashes: dict[int, tuple[Any, Any]] = {}
        for batch in batches:
            blocks = batch.column(len(names) + 1).to_numpy()
            start = 0
            while start < len(blocks):
                block = int(blocks[start])
                end = start + int((blocks[start:] == block).sum())
                whole, spine = hashes.setdefault(block, (hashlib.sha256(), hashlib.sha256()))
                arrays = [batch.column(index).slice(start, end - start) for index in range(len(names))]
                whole.update(_digest.encode(arrays, kinds))
                spine.update(_digest.encode(arrays[:spine_count], kinds[:spine_count]))
                start = end
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(list(hashes), pa.int64()),
                pa.array([whole.digest() for whole, _ in hashes.values()], pa.binary()),
                pa.array([spine.digest() for _, spine in hashes.values()], pa.binary()),
            ],
            ["block", "whole", "spine"],
        )

    found = sorted(tuple(row) for row in placed.mapInArrow(hashed, "block bigint, whole binary, spine binary").collect())
    if [row[0] for row in found] != list(range(-(-count // _digest.BLOCK_ROWS))):
        raise AsofError(f"{paths[0]}: {count} rows gave blocks {[row[0] for row in found][:5]}…; the files changed while they were read")
    return (
        _digest.tree(columns, (bytes(row[1]) for row in found)),
        _digest.tree(columns[:spine_count], (bytes(row[2]) for row in found)),
        count,
        files,
    )
