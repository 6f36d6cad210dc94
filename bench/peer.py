"""One as-of join by another engine, in a process of its own: `peer.py WAY JSON`. Prints its seconds.

The time is that of the join, from files to a file, without the start of the interpreter.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

PEERS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "asof" / "peers"
sys.path.insert(0, str(PEERS))


def duckdb(job: dict, keeps_order: bool = True, is_native: bool = False) -> None:
    """DuckDB as it comes, from Parquet files; or without the promise of keeping rows in order; or from a table of its own."""
    import duckdb as engine

    connection = engine.connect(job["native"], read_only=True) if is_native else engine.connect()
    connection.execute(f"SET threads = {job['threads']}; SET TimeZone = 'UTC'")
    if not keeps_order:
        connection.execute("SET preserve_insertion_order = false")
    joins, columns = [], ["s.*"]
    for number, view in enumerate(job["views"]):
        columns += [f"h{number}.{name} AS {view['name']}__{name}" for name in view["features"]]
        history = view["name"] if is_native else parquet(view["files"])
        joins.append(
            f"ASOF LEFT JOIN {history} h{number} "
            f"ON s.user_id = h{number}.user_id AND s.label_time >= h{number}._event_time"
        )
    start = time.perf_counter()
    connection.execute(
        f"COPY (SELECT {', '.join(columns)} FROM read_parquet('{job['spine']}') s {' '.join(joins)}) "
        f"TO '{job['out']}' (FORMAT parquet)"
    )
    print(time.perf_counter() - start)


def parquet(files: list[str]) -> str:
    return f"read_parquet([{', '.join(repr(file) for file in files)}])"


def native(job: dict) -> None:
    """Copies the views' files, which are in the order of the join, into DuckDB's own tables."""
    import duckdb as engine

    part = pathlib.Path(job["native"] + ".part")
    part.unlink(missing_ok=True)
    connection = engine.connect(str(part))
    connection.execute(f"SET threads = {job['threads']}; SET TimeZone = 'UTC'")
    for view in job["views"]:
        columns = ", ".join(["user_id", "_event_time", *view["features"]])
        connection.execute(f"CREATE TABLE {view['name']} AS SELECT {columns} FROM {parquet(view['files'])}")
    connection.close()
    part.rename(job["native"])


def polars(job: dict) -> None:
    os.environ["POLARS_MAX_THREADS"] = str(job["threads"])
    import polars as engine

    start = time.perf_counter()
    table = engine.read_parquet(job["spine"]).sort("label_time")
    for view in job["views"]:
        history = engine.read_parquet(
            view["files"], columns=["user_id", "_event_time", *view["features"]], hive_partitioning=False
        ).rename({name: f"{view['name']}__{name}" for name in view["features"]})
        table = table.join_asof(
            history.sort("_event_time"), left_on="label_time", right_on="_event_time", by="user_id"
        ).drop("_event_time", strict=False)
    table.write_parquet(job["out"])
    print(time.perf_counter() - start)


if __name__ == "__main__":
    ways = {
        "duckdb": duckdb,
        "duckdb_unordered": lambda job: duckdb(job, keeps_order=False),
        "duckdb_native": lambda job: duckdb(job, keeps_order=False, is_native=True),
        "polars": polars,
        "native": native,
    }
    ways[sys.argv[1]](json.loads(sys.argv[2]))
