"""The canonical encoding: the vectors of docs/reference/segments-format.md, and a slow twin, a value at a time."""
from __future__ import annotations

import hashlib
import json
import math
import pathlib
import random
import re
import struct
from typing import Any

import pyarrow as pa
import pytest
from conftest import SEED
from worlds import TIME, TYPES, value

from asof_client.spark import encode, header, tree

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs/reference/segments-format.md").read_text(encoding="utf-8")


def test_the_vectors_of_the_page() -> None:
    told = json.loads(re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
    columns = [("a", "int64"), ("b", "float64"), ("c", "string"), ("d", "timestamp"), ("e", "vector(2)"), ("f", "list(string)")]
    arrays = [
        pa.array([1, None, -3]),
        pa.array([0.5, math.nan, None], pa.float64(), from_pandas=False),
        pa.array(["", "é", None]),
        pa.array([-1, None, 253_402_300_799_999_999], pa.int64()).cast(TIME),
        pa.array([[1, -0.0], None, [math.inf, math.nan]], pa.list_(pa.float32(), 2)),
        pa.array([[], ["a", ""], None], pa.list_(pa.string())),
    ]
    kinds = [kind for _, kind in columns]
    assert header(columns).decode() == told["header"]
    assert [encode([array.slice(row, 1) for array in arrays], kinds).hex() for row in range(3)] == told["rows"]
    block = hashlib.sha256(encode(arrays, kinds))
    assert block.hexdigest() == told["block"]
    assert tree(columns, [block.digest()]) == told["digest"]
    numbers = pa.array(range(131_080), pa.int64())
    blocks = [hashlib.sha256(encode([numbers.slice(start, 65_536)], ["int64"])).digest() for start in (0, 65_536, 131_072)]
    assert tree([("n", "int64")], blocks) in PAGE


def slow(found: Any, kind: str) -> bytes:
    if found is None:
        return b"\0"
    if kind == "bool":
        return b"\1" + bytes([found])
    if kind in ("int32", "int64"):
        return b"\1" + struct.pack("<q", found)
    if kind in ("float32", "float64"):
        return b"\1" + double(found)
    if kind == "timestamp":
        return b"\1" + struct.pack("<q", found)
    if kind in ("string", "bytes"):
        raw = found.encode() if kind == "string" else found
        return b"\1" + struct.pack("<I", len(raw)) + raw
    body = b"".join(
        double(one) if kind.startswith("vector") else struct.pack("<q", one) if kind == "list(int64)" else slow(one, "string")[1:] for one in found)
    return b"\1" + struct.pack("<I", len(found)) + body


def double(found: float) -> bytes:
    return bytes.fromhex("000000000000f87f") if math.isnan(found) else struct.pack("<d", found)


@pytest.mark.parametrize("turn", range(30))
def test_a_column_at_a_time_is_a_value_at_a_time(turn: int) -> None:
    chance = random.Random(SEED + turn)
    kinds = chance.choices(sorted(TYPES), k=5)
    count = chance.choice([0, 1, 50])
    nulls = chance.choice([0.0, 0.3, 1.0])
    arrays = [pa.array([value(chance, kind, nulls) for _ in range(count)], TYPES[kind]) for kind in kinds]
    rows = [array.cast(pa.int64()).to_pylist() if kind == "timestamp" else array.to_pylist() for array, kind in zip(arrays, kinds)]
    expected = b"".join(slow(rows[column][row], kinds[column]) for row in range(count) for column in range(len(kinds)))
    assert encode(arrays, kinds) == expected
    # A part of a larger piece of memory, and in pieces.
    first, last = sorted(chance.choices(range(count + 1), k=2))
    sliced = b"".join(slow(rows[column][row], kinds[column]) for row in range(first, last) for column in range(len(kinds)))
    assert encode([array.slice(first, last - first) for array in arrays], kinds) == sliced
    chunked = [pa.chunked_array([array.slice(0, first), array.slice(first)]) for array in arrays]
    assert encode(chunked, kinds) == expected


def test_what_is_not_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="uuid is not made here"):
        encode([pa.array([b"x"])], ["uuid"])
