"""`asof export` by look-ups against hand-written SQL on the same tables: a lateral subquery, COPY to a file."""

from __future__ import annotations

import csv

import data
import harness

CASES = ["probe"]


def run(case: str, options: harness.Options) -> None:
    history, users, spine_rows = (50_000, 1_000, 2_000) if options.is_quick else (10_000_000, 100_000, 100_000)
    spine = options.folder / f"spine-{spine_rows}-{users}.csv"
    data.spine_csv(spine, spine_rows, users)
    store = harness.Store(options, data.definitions(online=False))
    fill(store, options, history, users)
    store.psql("CREATE SCHEMA peer; CREATE TABLE peer.spine (i bigserial, user_id bigint, label_time timestamptz, label bigint)")
    store.psql_timed(f"\\copy peer.spine (user_id, label_time, label) FROM '{spine}' (FORMAT csv, HEADER)")
    store.psql("ANALYZE")
    features = ", ".join(f"h.{name}" for name in data.NAMES)
    # The fastest way found that decides ties as we do where no batch was overtaken by another: the spine in key order, so that
    # neighbouring look-ups touch the same pages. Slower: the spine as it stands, the top two rows with a look-up of ties,
    # DISTINCT ON, plans forced to be parallel.
    sql = (
        f"SELECT s.user_id, s.label_time, s.label, {features} "
        "FROM (SELECT * FROM peer.spine ORDER BY user_id, label_time OFFSET 0) s LEFT JOIN LATERAL ("
        "SELECT * FROM history.stats h WHERE h.user_id = s.user_id AND h._event_time <= s.label_time "
        "ORDER BY h._event_time DESC, h._batch DESC LIMIT 1) h ON true ORDER BY s.i"
    )
    ours_out, peer_out = store.folder / "ours.csv", store.folder / "peer.csv"

    def ours() -> harness.Measured:
        return store.asof(
            "export", "--spine", str(spine), "--features", "stats", "--label-time", "label_time", "--out", str(ours_out), "--quiet"
        )

    def peer() -> harness.Measured:
        return store.psql_timed(f"\\copy ({sql}) TO '{peer_out}' (FORMAT csv, HEADER)")

    ours(), peer()  # both find the same pages in memory
    left, right = harness.medians(options.runs, ours, peer)
    compare(ours_out, peer_out)
    print(f"export {case}: {spine_rows} spine rows, {history} history rows; seconds ours {[round(m.seconds, 2) for m in left]}, SQL {[round(m.seconds, 2) for m in right]}")
    harness.report(
        "export", case, harness.median(left), harness.median(right), "s", peak_mib=round(max(m.peak_mib for m in left))
    )
    store.close()


def fill(store: harness.Store, options: harness.Options, rows: int, users: int) -> None:
    """Ingests the history in files of a million rows."""
    part = min(rows, 1_000_000)
    for number in range(rows // part):
        path = options.folder / f"history-{part}-{users}-{number}.csv"
        data.history_csv(path, part, users, seed=100 + number)
        store.asof("ingest", "stats", str(path), "--quiet")


def compare(ours: object, peer: object) -> None:
    """Every value of every row is the same; texts of numbers and times may differ."""
    with open(str(ours)) as left, open(str(peer)) as right:
        rows = 0
        for one, other in zip(csv.reader(left), csv.reader(right), strict=True):
            rows += 1
            if rows == 1:
                continue
            assert one[0] == other[0] and one[2] == other[2], (one, other)
            for index in range(3, 11):
                assert one[index] == other[index] or float(one[index]) == float(other[index]), (rows, one, other)
            assert (one[11] == "true") == (other[11] == "t") and one[12] == other[12], (rows, one, other)
        assert rows > 1
