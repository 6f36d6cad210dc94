"""Windows over events: `asof export` over segments against DuckDB's range join over the same files.

offline: 3 windows × 5 aggregates of 10 M events of 100,000 users, at 100,000 labels. hot: one user has 300,000 events, at 2,000 labels.
Counts, minima and maxima are compared with DuckDB's, sums of some labels with `math.fsum` to the bit, of all with DuckDB's nearly.
online: FS.GET of 15 windows of an entity from the server's memory against FS.GET of 15 stored features; then of a user with
200,000 events against users with 50, both windows. Values of some users are compared with `math.fsum`.
sum: the exact sum that windows move along events against a loop over doubles, both one addition and one removal an event.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import harness
import peer

sys.path.insert(0, str(peer.PEERS))

CASES = ["offline", "hot", "online", "sum"]
ROOT = pathlib.Path(__file__).resolve().parent.parent
THREADS = 2
DAYS = 90
LOADING_SECONDS = 300.0
WINDOWS = {"1d": "1 DAY", "7d": "7 DAY", "30d": "30 DAY"}
AGGREGATES = {
    "n": ("count", "count(e.user_id)"),
    "s": ("sum(amount)", "sum(e.amount)"),
    "a": ("avg(amount)", "avg(e.amount)"),
    "lo": ("min(amount)", "min(e.amount)"),
    "hi": ("max(amount)", "max(e.amount)"),
}
DEFINITIONS = """
entities:
  user: { key: user_id, type: int64 }
views:
  purchases: { entities: [user], events: { id: purchase }, online: false, features: { purchase: int64, amount: float64 } }
  spend:
    entities: [user]
    windows: { of: purchases, features: { %s } }
services: { model: ["spend.*"] }
""" % ", ".join(f"{name}_{length}: {text} over {length}" for length in WINDOWS for name, (text, _) in AGGREGATES.items())


def run(case: str, options: harness.Options) -> None:
    if case == "sum":
        exact_sum(options)
        return
    if case == "online":
        online(options)
        return
    events, users, labels = (10_000_000, 100_000, 100_000) if case == "offline" else (300_000, 1, 2_000)
    if options.is_quick:
        events, users, labels = events // 500, max(1, users // 500), labels // 50
    store = harness.Store(options, DEFINITIONS)
    try:
        measure(case, store, events, users, labels)
    finally:
        store.close()


def measure(case: str, store: harness.Store, events: int, users: int, labels: int) -> None:
    time = f"TIMESTAMPTZ '2025-01-01' + to_microseconds((random() * {DAYS * 86_400 * 1_000_000})::BIGINT)"
    history, spine = store.folder / "events.parquet", store.folder / "spine.parquet"
    harness.apart(lambda: write(
        history, 0.1,
        f"SELECT floor(random() * {users})::BIGINT AS user_id, {time} AS event_time, range AS purchase, "
        f"(random() * 100 - 20) * 1.1 AS amount FROM range({events})",
    ))
    harness.apart(lambda: write(
        spine, 0.2, f"SELECT floor(random() * {users})::BIGINT AS user_id, {time} AS label_time, range AS row FROM range({labels})"
    ))
    took = store.asof("ingest", "purchases", str(history), "--quiet").seconds
    built = store.asof("segments", "build", "purchases", "--quiet").seconds
    store.psql("VACUUM ANALYZE")
    print(f"ingest of {events} events {took:.1f} s, segments {built:.1f} s", flush=True)
    files = sorted(str(path) for path in (store.folder / "asof-data" / "segments").glob("view=purchases/*/*.parquet"))
    out = {name: store.folder / f"{name}.parquet" for name in ("ours", "duckdb", "probe")}
    explained = ""

    def ours(engine: str = "scan", to: str = "ours") -> harness.Measured:
        nonlocal explained
        measured = store.asof(
            "export", "--spine", str(spine), "--features", "model", "--label-time", "label_time", "--out", str(out[to]),
            "--threads", str(THREADS), "--engine", engine, "--explain", "--quiet",
        )
        explained = measured.output if to == "ours" else explained
        return measured

    job = {"spine": str(spine), "files": files, "out": str(out["duckdb"]), "threads": THREADS}

    def duckdb() -> harness.Measured:
        measured = harness.run([sys.executable, __file__, json.dumps(job)], store.folder)
        return harness.Measured(float(measured.output.split()[-1]), measured.peak_mib, measured.output)

    # Both find the files in memory.
    ours()
    duckdb()
    left, right = harness.medians(store.options.runs, ours, duckdb)
    probe = ours("probe", "probe")
    harness.apart(lambda: compare(out, spine, files))
    print(explained)
    harness.report(
        "window", case, harness.median(left), harness.median(right), "s", probe=round(probe.seconds, 3),
        peak_mib=round(max(item.peak_mib for item in left)), peer_peak_mib=round(max(item.peak_mib for item in right)),
    )


def write(path: pathlib.Path, seed: float, select: str) -> None:
    """Writes what a query gives; the same for the same seed."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = 1; SET TimeZone = 'UTC'; SELECT setseed({seed})")
    connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


def range_join(job: dict) -> str:
    """One join over the longest window, of which each aggregate takes its own."""
    columns = ", ".join(
        f"{sql} FILTER (e._event_time > s.label_time - INTERVAL {span}) AS spend__{name}_{length}"
        for length, span in WINDOWS.items()
        for name, (_, sql) in AGGREGATES.items()
    )
    return (
        f"SELECT s.user_id, s.label_time, s.row, {columns} FROM read_parquet('{job['spine']}') s "
        f"LEFT JOIN {peer.parquet(job['files'])} e ON s.user_id = e.user_id "
        f"AND e._event_time > s.label_time - INTERVAL 30 DAY AND e._event_time <= s.label_time "
        "GROUP BY s.user_id, s.label_time, s.row"
    )


def compare(out: dict[str, pathlib.Path], spine: pathlib.Path, files: list[str]) -> None:
    """Every value of every row; sums to the bit where Python adds them, too."""
    import math

    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    exact = [f"spend__{name}_{length}" for length in WINDOWS for name in ("n", "lo", "hi")]
    near = [f"spend__{name}_{length}" for length in WINDOWS for name in ("s", "a")]
    different = " OR ".join(
        [f"o.{name} IS DISTINCT FROM t.{name}" for name in exact]
        + [f"(o.{name} IS NULL) <> (t.{name} IS NULL) OR abs(o.{name} - t.{name}) > 1e-6 * (1 + abs(t.{name}))" for name in near]
    )
    count, wrong = connection.execute(
        f"SELECT count(*), count(*) FILTER ({different}) FROM read_parquet('{out['ours']}') o "
        f"FULL JOIN read_parquet('{out['duckdb']}') t USING (row)"
    ).fetchone()
    assert count > 0 and wrong == 0, ("against DuckDB", count, wrong)
    probed = " OR ".join(f"o.{name} IS DISTINCT FROM t.{name}" for name in exact + near)
    (wrong,) = connection.execute(
        f"SELECT count(*) FILTER ({probed}) FROM read_parquet('{out['ours']}') o "
        f"FULL JOIN read_parquet('{out['probe']}') t USING (row)"
    ).fetchone()
    assert wrong == 0, ("against the probe", wrong)
    for length, span in WINDOWS.items():
        rows = connection.execute(
            f"SELECT o.spend__s_{length}, o.spend__a_{length}, list(e.amount) FROM "
            f"(SELECT * FROM read_parquet('{out['ours']}') ORDER BY row LIMIT 200) o JOIN {peer.parquet(files)} e "
            f"ON o.user_id = e.user_id AND e._event_time > o.label_time - INTERVAL {span} AND e._event_time <= o.label_time "
            "GROUP BY o.row, o.label_time, 1, 2"
        ).fetchall()
        assert rows, length
        for total, mean, amounts in rows:
            assert total == math.fsum(amounts) and mean == math.fsum(amounts) / len(amounts), (length, total, mean, len(amounts))


STORED = [f"v{number}" for number in range(len(WINDOWS) * len(AGGREGATES))]
ONLINE = DEFINITIONS.replace("online: false, ", "").replace(
    "services:", "  stored: { entities: [user], features: { %s } }\nservices:" % ", ".join(f"{name}: float64" for name in STORED)
)


def online(options: harness.Options) -> None:
    users, each, hot = (200, 50, 5_000) if options.is_quick else (100_000, 50, 200_000)
    store = harness.Store(options, ONLINE)
    try:
        served(store, users, each, hot)
    finally:
        store.close()


def served(store: harness.Store, users: int, each: int, hot: int) -> None:
    import random

    import load
    import servers

    random.seed(3)
    now = int(time.time() * 1_000_000)
    reach = 30 * 86_400_000_000
    some: dict[int, list[tuple[int, float]]] = {user: [] for user in (0, 1, users // 2, users - 1, users)}
    purchase = 0
    events = store.folder / "events.csv"
    with events.open("w") as file:
        file.write("user_id,event_time,purchase,amount\n")
        for user in range(users + 1):
            for number in range(each if user < users else hot):
                # One of each is of today, so that no window is empty.
                at = now - (random.randrange(80_000_000_000) if number == 0 else random.randrange(reach))
                amount = random.randrange(-2_000, 10_000) / 7
                file.write(f"{user},{at},{purchase},{amount!r}\n")
                purchase += 1
                if user in some:
                    some[user].append((at, amount))
    stored = store.folder / "stored.csv"
    with stored.open("w") as file:
        file.write("user_id,event_time," + ",".join(STORED) + "\n")
        for user in range(users):
            file.write(f"{user},{now}," + ",".join(repr(random.randrange(-2_000, 10_000) / 7) for _ in STORED) + "\n")
    store.asof("ingest", "purchases", str(events), "--time-unit", "us", "--quiet")
    store.asof("ingest", "stored", str(stored), "--time-unit", "us", "--quiet")
    start = time.monotonic()
    server = servers.start_asof(store, "--windows-in-memory")
    print(f"start with {purchase} events {time.monotonic() - start:.1f} s", flush=True)
    # Events are loaded beside; until then PostgreSQL is asked for them.
    while b"absent\r\n$-1" not in (told := server.ask("FS.WINDOWS", "spend")):
        if time.monotonic() - start > LOADING_SECONDS:
            raise SystemExit(f"the events did not come into memory within {LOADING_SECONDS:.0f} s:\n{told.decode()}")
        time.sleep(0.05)
    print(f"events in memory after {time.monotonic() - start:.1f} s", flush=True)
    for user, known in some.items():
        compare_served(server, user, known, now)
    seconds = 0.3 if store.options.is_quick else 3.0

    def rate(words: list[str], keys: int):
        return lambda: harness.Measured(load.Load(server.port, words, keys, seconds, pipeline=16).end().per_second, 0, "")

    cold, peer_rate = harness.medians(
        store.options.runs, rate(["FS.GET", "spend", load.RANDOM], users), rate(["FS.GET", "stored", load.RANDOM], users)
    )
    harness.report("window", "online", harness.median(cold), harness.median(peer_rate), "requests/s", events=purchase)
    hottest, cold = harness.medians(
        store.options.runs, rate(["FS.GET", "spend", str(users)], 1), rate(["FS.GET", "spend", load.RANDOM], users)
    )
    told = server.ask("FS.WINDOWS", "spend").decode().split("\r\n")
    figures = {name: int(told[told.index(name) + 1].lstrip(":")) for name in ("keys", "events", "tiles", "bytes")}
    harness.report(
        "window", "online-hot", harness.median(hottest), harness.median(cold), "requests/s",
        bytes_per_event=round(figures["bytes"] / figures["events"], 1), **figures,
    )


def compare_served(server, user: int, known: list[tuple[int, float]], now: int) -> None:
    """What the server says of a user's windows, to the bit, at a time that events stand around."""
    import math

    at = now - 1
    told = server.ask("FS.GET", "spend", str(user), "AT", str(at)).decode().split("\r\n")
    words = [word for word in told[1:-1] if not word.startswith("$")]
    got = dict(zip(words[::2], words[1::2]))
    for length, days in zip(WINDOWS, (1, 7, 30)):
        inside = [amount for time, amount in known if at - days * 86_400_000_000 < time <= at]
        assert int(got[f"n_{length}"].lstrip(":")) == len(inside), (user, length)
        if not inside:
            continue
        total = math.fsum(inside)
        expected = {"s": total, "a": total / len(inside), "lo": min(inside), "hi": max(inside)}
        for name, value in expected.items():
            assert float(got[f"{name}_{length}"]) == value, (user, length, name, got, value)


def exact_sum(options: harness.Options) -> None:
    """Both loops in one program that is made of the module's own sources."""
    if shutil.which("swiftc") is None:
        raise SystemExit("there is no swiftc for bench/window_sum.swift")
    program = options.folder / "window-sum"
    sources = [ROOT / "bench/window_sum.swift", *sorted((ROOT / "Sources/Windows/Exact").glob("*.swift"))]
    command = ["swiftc", "-O", "-wmo", "-parse-as-library", "-package-name", "asof", "-lm", *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"bench/window_sum.swift does not compile:\n{done.stdout}")
    count, rounds = (10_000, 3) if options.is_quick else (4_000_000, 15)
    done = subprocess.run([str(program), str(count), str(rounds)], stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        name, ours, other = line.split()
        harness.report("window", f"sum-{name}", float(ours), float(other), "ns/event", events=count, best_of=rounds)


if __name__ == "__main__":
    import duckdb

    asked = json.loads(sys.argv[1])
    connection = duckdb.connect()
    connection.execute(f"SET threads = {asked['threads']}; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    start = time.perf_counter()
    connection.execute(f"COPY ({range_join(asked)}) TO '{asked['out']}' (FORMAT parquet)")
    print(time.perf_counter() - start)
