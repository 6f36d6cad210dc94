"""The canonical encoding and the content digest of docs/reference/segments-format.md, a column at a time by numpy."""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, NamedTuple

import numpy as np
import pyarrow as pa

BLOCK_ROWS = 65_536
_INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "timestamp", "date32"}
#: Types of columns that are no features: a table that has one is digested as version 2.
PASSED = {"int8", "int16", "uint8", "uint16", "uint32", "date32"}


class _Bytes(NamedTuple):
    """The encoded values of a column, one after the other, and how many bytes each has."""

    lengths: Any
    data: Any


def header(columns: Iterable[tuple[str, str]]) -> bytes:
    """:param columns: name and type, as manifests spell it, in the table's order."""
    columns = list(columns)
    version = 2 if any(kind in PASSED or kind.startswith("decimal") for _, kind in columns) else 1
    lines = "".join(f"{len(name.encode())}:{name} {kind}\n" for name, kind in columns)
    return f"asof-content/{version}\n{lines}".encode()


def tree(columns: Iterable[tuple[str, str]], blocks: Iterable[bytes]) -> str:
    """The content digest.

    :param blocks: SHA-256 of each block of 65,536 rows, in order.
    """
    whole = hashlib.sha256(header(columns))
    for block in blocks:
        whole.update(block)
    return "sha256:" + whole.hexdigest()


def encode(arrays: Iterable[Any], types: Iterable[str]) -> bytes:
    """The canonical bytes of rows.

    :param arrays: pyarrow arrays of one length, one a column.
    :param types: of each, as manifests spell it.
    """
    columns = [_column(_whole(array), kind) for array, kind in zip(arrays, types, strict=True)]
    if not columns:
        return b""
    rows = columns[0].lengths.size
    before = np.zeros(rows, np.int64)
    widths = sum((column.lengths for column in columns), np.zeros(rows, np.int64))
    starts = np.concatenate(([0], np.cumsum(widths)))[:-1]
    out = np.empty(int(widths.sum()), np.uint8)
    for column in columns:
        out[_places(starts + before, column.lengths)] = column.data
        before += column.lengths
    return out.tobytes()


def _whole(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _places(starts: Any, lengths: Any) -> Any:
    """For pieces that begin at ``starts``: the place of each of their bytes, piece by piece."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if ends.size else 0)


def _valid(array: Any) -> Any:
    if array.null_count == 0:
        return np.ones(len(array), bool)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)


def _column(array: Any, kind: str) -> _Bytes:
    valid = _valid(array)
    if kind == "bool":
        return _fixed(valid, _numbers(array, pa.bool_()).astype(np.uint8).reshape(-1, 1))
    if kind in _INTEGERS:
        return _fixed(valid, _words(_integers(array, kind)))
    if kind in ("float32", "float64"):
        return _fixed(valid, _words(_doubles(_numbers(array, pa.float64()))))
    if kind in ("string", "bytes"):
        lengths, data = _texts(array)
        return _variable(valid, lengths, lengths, data)
    if kind.startswith("vector("):
        counts, elements = _elements(array)
        return _variable(valid, counts, counts * 8, _words(_doubles(_numbers(elements, pa.float64()))).reshape(-1))
    if kind == "list(int64)":
        counts, elements = _elements(array)
        return _variable(valid, counts, counts * 8, _words(_numbers(elements, pa.int64())).reshape(-1))
    if kind == "list(string)":
        return _texts_of_lists(array, valid)
    if kind.startswith("decimal"):
        plain = pa.array([None if value is None else _plain(value) for value in array.to_pylist()], pa.string())
        lengths, data = _texts(plain)
        return _variable(valid, lengths, lengths, data)
    raise ValueError(f"the content digest of columns of type {kind} is not made here")


def _plain(value: Any) -> str:
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _numbers(array: Any, kind: Any) -> Any:
    """Values as numpy has them; what stands at nulls does not matter."""
    if array.type != kind:
        array = array.cast(kind)
    if array.null_count:
        array = array.fill_null(False if pa.types.is_boolean(kind) else 0)
    return array.to_numpy(zero_copy_only=False)


def _integers(array: Any, kind: str) -> Any:
    if kind == "timestamp":
        # Of another unit only where nothing is lost: the digest goes over µs.
        array = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    elif kind == "date32":
        array = array.cast(pa.int32())
    return _numbers(array, pa.int64())


def _doubles(values: Any) -> Any:
    bits = np.array(values, np.float64).view(np.uint64)
    bits[np.isnan(values)] = 0x7FF8000000000000
    return bits


def _words(values: Any) -> Any:
    little = np.ascontiguousarray(values.astype("<u8" if values.dtype.kind == "u" else "<i8"))
    return little.view(np.uint8).reshape(-1, 8)


def _fixed(valid: Any, values: Any) -> _Bytes:
    rows = np.empty((valid.size, values.shape[1] + 1), np.uint8)
    rows[:, 0] = valid
    rows[:, 1:] = values
    if valid.all():
        return _Bytes(np.full(valid.size, rows.shape[1], np.int64), rows.reshape(-1))
    kept = np.ones(rows.shape, bool)
    kept[:, 1:] = valid[:, None]
    return _Bytes(np.where(valid, rows.shape[1], 1).astype(np.int64), rows[kept])


def _variable(valid: Any, counts: Any, lengths: Any, body: Any) -> _Bytes:
    """Flag, count in 4 bytes, body.

    :param counts: what the 4 bytes say; 0 at nulls.
    :param lengths: bytes of each body; 0 at nulls.
    """
    whole = np.where(valid, lengths + 5, 1).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(whole)))[:-1]
    data = np.empty(int(whole.sum()), np.uint8)
    data[starts] = valid
    words = np.ascontiguousarray(counts[valid].astype("<u4")).view(np.uint8).reshape(-1, 4)
    data[(starts[valid, None] + np.arange(1, 5)).reshape(-1)] = words.reshape(-1)
    data[_places(starts + 5, lengths)] = body
    return _Bytes(whole, data)


def _offsets(array: Any) -> Any:
    """Where values of a column of texts or lists begin and end, from 0 on, and the place of its first."""
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type) or pa.types.is_large_list(array.type)
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array) + 1, np.int64)
    return np.frombuffer(buffer, np.int64 if wide else np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)


def _texts(array: Any) -> tuple[Any, Any]:
    """Lengths, 0 at nulls, and the bytes without those of nulls."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = array.cast(pa.large_binary())
    offsets = _offsets(array)
    lengths = np.where(_valid(array), np.diff(offsets), 0)
    buffer = array.buffers()[2]
    raw = np.frombuffer(buffer, np.uint8) if buffer is not None else np.empty(0, np.uint8)
    return lengths, raw[_places(offsets[:-1], lengths)]


def _elements(array: Any) -> tuple[Any, Any]:
    """How many elements each list has, 0 at nulls, and the elements without those of nulls."""
    valid = _valid(array)
    if pa.types.is_fixed_size_list(array.type):
        counts = np.where(valid, array.type.list_size, 0).astype(np.int64)
    else:
        counts = np.where(valid, np.diff(_offsets(array)), 0)
    elements = array.flatten()
    if elements.null_count:
        raise ValueError("a list has a null among its elements, which no feature has")
    return counts, elements


def _texts_of_lists(array: Any, valid: Any) -> _Bytes:
    counts, elements = _elements(array)
    lengths, data = _texts(elements)
    inner = _variable(np.ones(len(elements), bool), lengths, lengths, data)
    # Without the flags that elements do not have.
    body = np.delete(inner.data, np.concatenate(([0], np.cumsum(inner.lengths)))[:-1].astype(np.int64))
    ends = np.concatenate(([0], np.cumsum(inner.lengths - 1)))
    at = np.concatenate(([0], np.cumsum(counts)))
    return _variable(valid, counts, ends[at[1:]] - ends[at[:-1]], body)
