"""`asof materialize` and `asof rebuild-online` against the SQL that somebody would write by hand for the same tables."""

from __future__ import annotations

import textwrap

import data
import harness

CASES = ["insert", "rebuild"]

COLUMNS = ", ".join(data.NAMES)
KEYED = "user_id, _event_time, " + COLUMNS


def run(case: str, options: harness.Options) -> None:
    if case == "insert":
        insert(options)
    else:
        rebuild(options)


def definitions() -> str:
    """The benchmarks' view as a batch view over `public.raw`."""
    sql = f"SELECT user_id, event_time, {COLUMNS} FROM public.raw WHERE event_time >= :from AND event_time < :to"
    return textwrap.dedent(data.definitions()) + f"    source: {{ sql: '{sql}' }}\n"


def make_raw(store: harness.Store, rows: int, users: int) -> None:
    """A table of events as an application keeps it: in the order of their times, indexed by them."""
    span = data.DAYS * 86_400
    store.psql(
        "CREATE TABLE public.raw AS SELECT (random() * 1e9)::bigint % "
        f"{users} AS user_id, '2025-01-01'::timestamptz + i * ({span}.0 / {rows}) * interval '1 second' AS event_time, "
        "random() AS f1, random() * 100 AS f2, random() AS f3, random() * 1e6 AS f4, random() AS f5, "
        "i % 1000 AS i1, (i * 7919) % 1000000007 AS i2, i % 10 AS i3, i % 2 = 0 AS b1, 's' || i % 10000 AS s1 "
        f"FROM generate_series(0::bigint, {rows - 1}) i"
    )
    store.psql("CREATE INDEX ON public.raw (event_time)")
    store.psql("VACUUM ANALYZE public.raw")


def empty(store: harness.Store) -> None:
    """History and online table as before the first run, their partitions made."""
    store.psql("TRUNCATE history.stats, online.stats, asof.watermarks")
    store.psql("DELETE FROM asof.batches WHERE kind = 'materialize'")
    store.psql("CHECKPOINT")


def insert(options: harness.Options) -> None:
    rows, users = (20_000, 2_000) if options.is_quick else (5_000_000, 100_000)
    store = harness.Store(options, definitions())
    make_raw(store, rows, users)
    window = ["--from", "2025-01-01T00:00:00Z", "--to", "2025-04-01T00:00:00Z"]
    # The partitions are there before either side starts.
    store.asof("materialize", "stats", *window, "--quiet")
    updates = ", ".join(f"{name} = excluded.{name}" for name in ["_event_time", "_deleted", *data.NAMES])
    where = "event_time >= '2025-01-01T00:00:00Z' AND event_time < '2025-04-01T00:00:00Z'"
    sql = (
        "BEGIN; SET LOCAL TimeZone = 'UTC';"
        f"INSERT INTO history.stats (user_id, _event_time, _batch, {COLUMNS}) SELECT user_id, event_time, 1, {COLUMNS} "
        f"FROM public.raw WHERE {where};"
        f"INSERT INTO online.stats AS o (user_id, _event_time, _deleted, {COLUMNS}) "
        f"SELECT DISTINCT ON (user_id) user_id, event_time, false, {COLUMNS} FROM public.raw WHERE {where} "
        f"ORDER BY user_id, event_time DESC ON CONFLICT (user_id) DO UPDATE SET {updates} "
        "WHERE excluded._event_time >= o._event_time; COMMIT"
    )

    left, right = [], []
    for _ in range(options.runs):
        empty(store)
        left.append(store.asof("materialize", "stats", *window, "--quiet"))
        ours = digest(store)
        empty(store)
        right.append(store.psql_timed(sql))
        assert digest(store) == ours, f"{digest(store)} {ours}"
    print(f"materialize insert: {rows} rows; seconds ours {[round(m.seconds, 2) for m in left]}, SQL {[round(m.seconds, 2) for m in right]}")
    harness.report(
        "materialize", "insert", harness.median(left), harness.median(right), "s", peak_mib=round(max(m.peak_mib for m in left))
    )
    store.close()


def digest(store: harness.Store) -> str:
    """Counts, and sums over every value, of both tables."""
    sums = "count(*), sum(hashtextextended(format('%s', ROW({})), 0))"
    history = store.psql(f"SELECT {sums.format(KEYED)} FROM history.stats")
    return history + store.psql(f"SELECT {sums.format(KEYED + ', _deleted')} FROM online.stats")


def rebuild(options: harness.Options) -> None:
    rows, users = (50_000, 500) if options.is_quick else (10_000_000, 100_000)
    store = harness.Store(options, definitions())
    make_raw(store, rows, users)
    store.asof("materialize", "stats", "--to", "2025-04-01T00:00:00Z", "--quiet")
    store.psql("DROP TABLE public.raw")
    store.psql("VACUUM ANALYZE history.stats, online.stats")
    target = f"INSERT INTO online.stats (user_id, _event_time, _deleted, {COLUMNS})"
    row = f"h.user_id, h._event_time, h._deleted, {', '.join('h.' + name for name in data.NAMES)}"
    latest = "ORDER BY h.user_id, h._event_time DESC, h._batch DESC"
    # The ways to write it that are known to be good; the fastest is the peer.
    ways = {
        "DISTINCT ON": f"{target} SELECT DISTINCT ON (h.user_id) {row} FROM history.stats h {latest}",
        "DISTINCT ON keys, then rows": f"{target} SELECT {row} FROM (SELECT DISTINCT ON (user_id) user_id, _event_time, _batch FROM "
        "history.stats ORDER BY user_id, _event_time DESC, _batch DESC) n CROSS JOIN LATERAL (SELECT * FROM history.stats h "
        "WHERE h.user_id = n.user_id AND h._event_time = n._event_time AND h._batch = n._batch LIMIT 1) h",
        "max, then rows": f"{target} SELECT {row} FROM (SELECT user_id, max(_event_time) AS t FROM history.stats GROUP BY 1) n "
        "CROSS JOIN LATERAL (SELECT * FROM history.stats h WHERE h.user_id = n.user_id AND h._event_time = n.t "
        "ORDER BY h._batch DESC LIMIT 1) h",
        "skip scan": f"{target} WITH RECURSIVE e AS ((SELECT user_id FROM history.stats ORDER BY user_id LIMIT 1) UNION ALL "
        "SELECT n.user_id FROM e CROSS JOIN LATERAL (SELECT user_id FROM history.stats h WHERE h.user_id > e.user_id "
        f"ORDER BY user_id LIMIT 1) n) SELECT {row} FROM e CROSS JOIN LATERAL (SELECT * FROM history.stats h "
        "WHERE h.user_id = e.user_id ORDER BY h._event_time DESC, h._batch DESC LIMIT 1) h",
    }

    def damage() -> None:
        store.psql("TRUNCATE online.stats")
        store.psql("CHECKPOINT")

    def timed(way: str) -> harness.Measured:
        damage()
        return store.psql_timed(f"BEGIN; DELETE FROM online.stats; {ways[way]}; COMMIT")

    first = {way: timed(way).seconds for way in ways}
    best = min(first, key=first.__getitem__)
    print("rebuild by hand:", ", ".join(f"{way} {seconds:.2f} s" for way, seconds in first.items()))
    left, right = [], []
    for _ in range(options.runs):
        damage()
        left.append(store.asof("rebuild-online", "stats"))
        ours = digest(store)
        right.append(timed(best))
        assert digest(store) == ours
    print(f"materialize rebuild: {rows} rows, {users} entities; seconds ours {[round(m.seconds, 2) for m in left]}, {best} {[round(m.seconds, 2) for m in right]}")
    harness.report(
        "materialize", "rebuild", harness.median(left), harness.median(right), "s", peak_mib=round(max(m.peak_mib for m in left))
    )
    store.close()
