"""`asof segments build` against PostgreSQL sorting and sending the same rows: a bare ordered binary COPY."""

from __future__ import annotations

import data
import harness
import materialize

CASES = ["build"]


def run(case: str, options: harness.Options) -> None:
    rows, users = (50_000, 500) if options.is_quick else (10_000_000, 100_000)
    store = harness.Store(options, materialize.definitions().replace("online: true", "online: false"))
    materialize.make_raw(store, rows, users)
    store.asof("materialize", "stats", "--to", "2025-04-01T00:00:00Z", "--quiet")
    store.psql("DROP TABLE public.raw")
    store.psql("VACUUM ANALYZE history.stats")
    store.psql("CHECKPOINT")
    columns = f"user_id, _event_time, _batch, _known_at, _deleted, {', '.join(data.NAMES)}"
    query = f"SELECT {columns} FROM history.stats ORDER BY user_id, _event_time, _batch"

    def ours() -> harness.Measured:
        return store.asof("segments", "build", "--again", "--quiet")

    def peer() -> harness.Measured:
        return store.psql_timed(f"\\copy ({query}) TO '/dev/null' (FORMAT binary)")

    ours(), peer()  # both find the same pages in memory
    left, right = harness.medians(options.runs, ours, peer)
    checked = store.asof("segments", "check").output
    assert "all in order" in checked, checked
    listed = store.psql("SELECT sum(rows), sum(bytes) FROM asof.segments").strip().split("|")
    assert int(listed[0]) == rows, listed
    print(
        f"segments build: {rows} rows, {int(listed[1]) >> 20} MiB; seconds ours {[round(m.seconds, 2) for m in left]}, "
        f"COPY {[round(m.seconds, 2) for m in right]}"
    )
    harness.report(
        "segments", case, harness.median(left), harness.median(right), "s", peak_mib=round(max(m.peak_mib for m in left))
    )
    store.close()
