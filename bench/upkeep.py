"""What a store is kept in order by, beside those who use it.

rebuild      a feature goes and comes back to a view with 5 M online rows, under a server that holds them: how long a writer of the
             view waits at most, what is to be sent again included; FS.SET of one row, 20 a second. No peer; the goal is 1 s.
forget       an export from segments of 10 M rows, 1 M spine rows, after an entity was forgotten; the peer is the same export before
check        `asof check` of 20 M history rows, 1 M online; the peer is what any proof has to do at least: one pass over both
             tables that looks at keys, times and positions
cold-C, -A   a spine of 1,000 and of 100,000 rows over the same 20 M rows, in no segment, PostgreSQL started anew and the
             kernel's pages dropped where this may be done: the engine that `auto` takes; the peer is the faster one of both
"""

from __future__ import annotations

import json
import pathlib
import random
import statistics
import threading
import time

import data
import harness
import materialize
import pit
import servers

CASES = ["rebuild", "forget", "check", "cold-C", "cold-A"]

_tall: list[harness.Store] = []


def run(case: str, options: harness.Options) -> None:
    if case == "rebuild":
        rebuild(options)
    elif case == "forget":
        forget(options)
    elif case == "check":
        check(options)
    else:
        cold(case, options)
    if case == CASES[-1]:
        for store in _tall:
            store.close()


def rebuild(options: harness.Options) -> None:
    users = 20_000 if options.is_quick else 5_000_000
    # Nulls are allowed, so that writers need not know of the feature that goes and comes.
    store = harness.Store(options, materialize.definitions().replace("entities: [user]", "entities: [user]\n    missing: null"))
    materialize.make_raw(store, users, users)
    store.asof("materialize", "stats", "--to", "2025-04-01T00:00:00Z", "--quiet")
    store.psql("VACUUM ANALYZE")
    whole = (store.folder / "features.yaml").read_text()
    server = servers.start_asof(store)
    worst, took, written, again = [], [], 0, 0
    for attempt in range(options.runs):
        writing = Writer(server.port, users, attempt)
        (store.folder / "features.yaml").write_text(whole.replace(", s1: string", "").replace(", s1", ""))
        store.asof("apply", "--yes", "--allow-retire")
        writing.wait_for_another()
        (store.folder / "features.yaml").write_text(whole)
        took.append(store.asof("apply", "--yes").seconds)
        writing.wait_for_another()
        writing.end()
        worst.append(round(writing.longest, 3))
        written, again = written + writing.written, again + writing.again
    rows = store.psql("SELECT count(*), count(s1) FROM online.stats").strip()
    server.stop()
    print(f"upkeep rebuild: {users} entities, online now {rows}; longest waits {worst} s of {written} writes, apply took {took} s")
    harness.report(
        "upkeep", "rebuild", max(worst), None, "s, longest wait", apply_seconds=round(statistics.median(took), 2), sent_again=again
    )
    store.close()


class Writer:
    """A client that sets five features of random users, 20 a second at most, until `end`; what is to be sent again is."""

    def __init__(self, port: int, users: int, seed: int) -> None:
        self.longest, self.written, self.again = 0.0, 0, 0
        self._is_over, self._has_written = threading.Event(), threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(port, users, random.Random(seed)), daemon=True)
        self._thread.start()
        self.wait_for_another()

    def wait_for_another(self) -> None:
        """Until a write is stored that was not when this began; of two, since the first may have been under way."""
        for _ in range(2):
            self._has_written.clear()
            assert self._has_written.wait(600), "no write was stored within ten minutes"

    def end(self) -> None:
        """:raises BaseException: where a write was refused for good."""
        self._is_over.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def _run(self, port: int, users: int, source: random.Random) -> None:
        import redis

        # No retry of redis-py's own: it sends a write again whose reply was lost.
        client = redis.Redis(port=port, protocol=2, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
        try:
            while not self._is_over.wait(0.05):
                words = ["FS.SET", "stats", source.randrange(users), "*"]
                words += [word for name in data.NAMES[:5] for word in (name, source.random())]
                start = time.perf_counter()
                while not self._is_stored(client, words):
                    self.again += 1
                self.longest = max(self.longest, time.perf_counter() - start)
                self.written += 1
                self._has_written.set()
        except BaseException as problem:
            self._problem = problem
            self._has_written.set()

    def _is_stored(self, client, words: list) -> bool:
        import redis

        try:
            client.execute_command(*words)
            return True
        except redis.ResponseError as error:
            if not str(error).startswith("FSUNAVAILABLE"):
                raise
            return False


def forget(options: harness.Options) -> None:
    rows, users, spine_rows = (40_000, 400, 3_000) if options.is_quick else (10_000_000, 100_000, 1_000_000)
    store = pit.PitStore(options, rows, users)
    store.fill("stats")
    spine = store.spine(spine_rows, "stats")

    def export() -> harness.Measured:
        return store.asof(
            "export", "--spine", str(spine), "--features", "stats.*", "--label-time", "label_time", "--out",
            str(store.folder / "out.parquet"), "--engine", "scan", "--quiet",
        )  # fmt: skip

    export()
    before = [export() for _ in range(options.runs)]
    removed = store.asof("forget", "user", "11", "--yes")
    print(f"upkeep forget: {removed.output.strip().splitlines()[-1]} ({removed.seconds:.1f} s)")
    after = [export() for _ in range(options.runs)]
    print(f"upkeep forget: exports before {[round(m.seconds, 2) for m in before]}, after {[round(m.seconds, 2) for m in after]}")
    harness.report("upkeep", "forget", harness.median(after), harness.median(before), "s")
    store.close()


def tall(options: harness.Options) -> harness.Store:
    """20 M rows of history of 1 M users, also online; made once for the cases that read it."""
    if not _tall:
        rows, users = (40_000, 2_000) if options.is_quick else (20_000_000, 1_000_000)
        store = harness.Store(options, materialize.definitions())
        materialize.make_raw(store, rows, users)
        store.asof("materialize", "stats", "--to", "2025-04-01T00:00:00Z", "--quiet")
        store.psql("DROP TABLE public.raw")
        store.psql("VACUUM ANALYZE")
        store.psql("CHECKPOINT")
        _tall.append(store)
    return _tall[0]


def check(options: harness.Options) -> None:
    store = tall(options)
    pass_over = "SELECT count(*), max(user_id), max(_event_time)"
    left, right = harness.medians(
        options.runs, lambda: store.asof("check", "--quiet"),
        lambda: store.psql_timed(
            f"{pass_over}, max(_batch) FROM history.stats; {pass_over} FROM online.stats"
        ),
    )  # fmt: skip
    print(f"upkeep check: seconds ours {[round(m.seconds, 2) for m in left]}, one pass {[round(m.seconds, 2) for m in right]}")
    harness.report("upkeep", "check", harness.median(left), harness.median(right), "s")


def cold(case: str, options: harness.Options) -> None:
    store = tall(options)
    rows = {"cold-C": 1_000, "cold-A": 100_000}[case] // (20 if options.is_quick else 1)
    users = 2_000 if options.is_quick else 1_000_000
    spine = options.folder / f"spine-{users}-{rows}.csv"
    data.spine_csv(spine, rows, users)

    def export(engine: str) -> harness.Measured:
        store.asof("stop")
        drop_pages()
        store.asof("uri")
        store.psql("SELECT 1")
        return store.asof(
            "export", "--spine", str(spine), "--features", "stats.*", "--label-time", "label_time", "--out",
            str(store.folder / f"{engine}.csv"), "--engine", engine, "--explain",
        )  # fmt: skip

    measured = {engine: [export(engine) for _ in range(options.runs)] for engine in ("auto", "probe", "scan")}
    written = {engine: (store.folder / f"{engine}.csv").read_bytes() for engine in measured}
    assert written["auto"] == written["probe"] == written["scan"]
    print(measured["auto"][-1].output)
    seconds = {engine: round(harness.median(runs), 3) for engine, runs in measured.items()}
    print(f"upkeep {case}: {json.dumps(seconds)}")
    harness.report("upkeep", case, seconds["auto"], min(seconds["probe"], seconds["scan"]), "s", **seconds)


def drop_pages() -> None:
    """Has the kernel forget what files hold, as far as this process may."""
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        print("the kernel's pages stay: this needs root")
