"""One as-of join by another engine, in a process of its own: `peer.py ENGINE JSON`. Prints its seconds.

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


def duckdb(job: dict) -> None:
    import duckdb as engine

    connection = engine.connect()
    connection.execute(f"SET threads = {job['threads']}; SET TimeZone = 'UTC'")
    joins, columns = [], ["s.*"]
    for number, view in enumerate(job["views"]):
        columns += [f"h{number}.{name} AS {view['name']}__{name}" for name in view["features"]]
        files = ", ".join(f"'{file}'" for file in view["files"])
        joins.append(
            f"ASOF LEFT JOIN read_parquet([{files}]) h{number} "
            f"ON s.user_id = h{number}.user_id AND s.label_time >= h{number}._event_time"
        )
    start = time.perf_counter()
    connection.execute(
        f"COPY (SELECT {', '.join(columns)} FROM read_parquet('{job['spine']}') s {' '.join(joins)}) "
        f"TO '{job['out']}' (FORMAT parquet)"
    )
    print(time.perf_counter() - start)


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
    {"duckdb": duckdb, "polars": polars}[sys.argv[1]](json.loads(sys.argv[2]))
