"""`asof ingest` of a CSV file against `psql \\copy` of it into an identical partitioned and indexed history table."""

from __future__ import annotations

import data
import harness

CASES = ["online", "history-only"]


def run(case: str, options: harness.Options) -> None:
    rows, users = (20_000, 2_000) if options.is_quick else (1_000_000, 100_000)
    path = options.folder / f"history-{rows}.csv"
    data.history_csv(path, rows, users)
    peak = 0.0

    def ours() -> tuple[harness.Measured, harness.Store]:
        store = harness.Store(options, data.definitions(online=case == "online"))
        store.psql("CHECKPOINT")
        return store.asof("ingest", "stats", str(path), "--quiet"), store

    def peer(store: harness.Store) -> harness.Measured:
        make_peer(store)
        store.psql("CHECKPOINT")
        columns = "user_id, _event_time, " + ", ".join(data.NAMES)
        return store.psql_timed(f"\\copy peer.stats ({columns}) FROM '{path}' (FORMAT csv, HEADER)")

    left, right = [], []
    for _ in range(options.runs):
        measured, store = ours()
        left.append(measured)
        peak = max(peak, measured.peak_mib)
        right.append(peer(store))
        compare(store, rows)
        store.close()
    ours_rate, peer_rate = rows / harness.median(left), rows / harness.median(right)
    print(f"ingest {case}: {rows} rows; seconds ours {[round(m.seconds, 2) for m in left]}, \\copy {[round(m.seconds, 2) for m in right]}")
    harness.report("ingest", case, ours_rate, peer_rate, "rows/s", peak_mib=round(peak))


def make_peer(store: harness.Store) -> None:
    """The same columns, partitions and indexes as history."""
    bounds = store.psql("SELECT range_from, range_to FROM asof.partitions ORDER BY 1").split()
    pairs = store.psql("SELECT format('%L AND %L', range_from, range_to) FROM asof.partitions ORDER BY 1").splitlines()
    assert len(bounds) >= len(pairs)
    store.psql(
        "CREATE SCHEMA peer; CREATE TABLE peer.stats (LIKE history.stats INCLUDING DEFAULTS) PARTITION BY RANGE (_event_time);"
        "ALTER TABLE peer.stats ALTER _batch SET DEFAULT 1;"
        "CREATE INDEX ON peer.stats (user_id, _event_time DESC, _batch DESC); CREATE INDEX ON peer.stats (_batch);"
    )
    for number, pair in enumerate(pairs):
        low, high = pair.split(" AND ")
        store.psql(f"CREATE TABLE peer.p{number} PARTITION OF peer.stats FOR VALUES FROM ({low}) TO ({high})")


def compare(store: harness.Store, rows: int) -> None:
    """Both tables hold the same rows."""
    columns = "user_id, _event_time, " + ", ".join(data.NAMES)
    counts = store.psql("SELECT (SELECT count(*) FROM history.stats), (SELECT count(*) FROM peer.stats)")
    different = store.psql(
        f"SELECT count(*) FROM (SELECT {columns} FROM history.stats EXCEPT SELECT {columns} FROM peer.stats) x"
    )
    assert counts.strip() == f"{rows}|{rows}" and different.strip() == "0", f"{counts} {different}"
