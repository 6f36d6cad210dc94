"""The parts that need pyarrow, which is imported when one of them is first used."""

from __future__ import annotations

from typing import Any


def table(frame: Any) -> Any:
    """A frame of any library, or a mapping of columns, or rows, as a pyarrow table; without a copy where its library has Arrow's memory."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    if isinstance(frame, pa.RecordBatch):
        return pa.Table.from_batches([frame])
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(frame).read_all()
    if hasattr(frame, "items"):
        return pa.table(dict(frame))
    return pa.Table.from_pylist(list(frame))


def arrow_type(kind: str) -> Any:
    """The type that a feature's type has in Arrow, as exports have it."""
    import pyarrow as pa

    simple = {
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "string": pa.string(),
        "bytes": pa.binary(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "list(int64)": pa.list_(pa.int64()),
        "list(string)": pa.list_(pa.string()),
    }
    if kind in simple:
        return simple[kind]
    return pa.list_(pa.float32(), int(kind[len("vector(") : -1]))


def made(columns: list[str], kinds: list[str], values: list[list[Any]]) -> Any:
    """A table of columns of Python values; timestamps are integers of µs."""
    import pyarrow as pa

    arrays = []
    for kind, column in zip(kinds, values):
        if kind == "timestamp":
            arrays.append(pa.array(column, pa.int64()).cast(arrow_type(kind)))
        else:
            arrays.append(pa.array(column, arrow_type(kind)))
    return pa.table(arrays, names=columns)


def to_pandas(found: Any) -> Any:
    """Columns keep Arrow's types: an int64 with nulls is not turned into floats, which would lose digits above 2^53."""
    import pandas as pd

    return found.to_pandas(types_mapper=pd.ArrowDtype)


def to_polars(found: Any) -> Any:
    import polars as pl

    return pl.DataFrame(found)
