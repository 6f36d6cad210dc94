"""Large training sets: `asof export` over segments against DuckDB's and Polars' as-of join over the same files.

DuckDB runs three ways: as it comes, without `preserve_insertion_order`, and so from a table of its own instead of Parquet; the
ratio is against the fastest. Where ours reads PostgreSQL, the memory of its backends counts, too.

A: 10 M rows of history, 1 M spine rows, 10 features. B: the same with three views. C: a spine of 1,000 rows. D: one
entity has half of all rows. E: 36 monthly partitions, and 5 % of the rows in no segment. All write Parquet.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

import data
import harness
import peer

sys.path.insert(0, str(peer.PEERS))

CASES = ["A", "B", "C", "D", "E"]
THREADS = 2
DUCKDB = ["duckdb", "duckdb_unordered", "duckdb_native"]
# View: rows, days of history, the share of the rows of one entity, the share that comes after the build of segments.
VIEWS = {
    "stats": (90, 0.0, 0.0),
    "stats2": (90, 0.0, 0.0),
    "stats3": (90, 0.0, 0.0),
    "skewed": (90, 0.5, 0.0),
    "monthly": (1_096, 0.0, 0.05),
}
VIEWS_OF = {"A": ["stats"], "B": ["stats", "stats2", "stats3"], "C": ["stats"], "D": ["skewed"], "E": ["monthly"]}


def run(case: str, options: harness.Options) -> None:
    rows, users, spine_rows = (40_000, 400, 3_000) if options.is_quick else (10_000_000, 100_000, 1_000_000)
    if case == "C":
        spine_rows = 100 if options.is_quick else 1_000
    store = PitStore(options, rows, users)
    try:
        views = VIEWS_OF[case]
        for view in views:
            store.fill(view)
        measure(case, store, views, store.spine(spine_rows, views[0]))
    finally:
        store.close()


def measure(case: str, store: "PitStore", views: list[str], spine: pathlib.Path) -> None:
    options = store.options
    engines = [*DUCKDB, "polars"]
    out = {name: store.folder / f"{case}-{name}.parquet" for name in ("ours", *engines)}
    job = {
        "native": str(store.folder / f"native-{'-'.join(views)}.duckdb"),
        "threads": THREADS,
        "spine": str(spine),
        "views": [{"name": view, "features": data.NAMES, "files": store.files(view)} for view in views],
    }
    explained = ""

    def ours() -> harness.Measured:
        nonlocal explained
        measured = store.asof(
            "export", "--spine", str(spine), "--features", ",".join(f"{view}.*" for view in views), "--label-time", "label_time",
            "--out", str(out["ours"]), "--threads", str(THREADS), "--explain", "--quiet",
            "--engine", "auto" if case == "C" else "scan",
        )
        explained = measured.output
        return measured

    def other(engine: str) -> harness.Measured:
        measured = harness.run(
            [sys.executable, peer.__file__, engine, json.dumps(job | {"out": str(out[engine])})], store.folder
        )
        return harness.Measured(float(measured.output.split()[-1]), measured.peak_mib, measured.output)

    if not pathlib.Path(job["native"]).exists():
        harness.run([sys.executable, peer.__file__, "native", json.dumps(job)], store.folder)
    # All find the files in memory. The first run is not timed: looking at the backends takes time from them.
    backends = harness.Backends(store)
    ours()
    postgres_mib = backends.peak_mib()
    other("duckdb_native")
    measured: dict[str, list[harness.Measured]] = {name: [] for name in ["ours", *engines]}
    for _ in range(options.runs):
        measured["ours"].append(ours())
        for engine in engines:
            measured[engine].append(other(engine))
    for engine in engines:
        harness.apart(lambda: compare(out["ours"], out[engine], views))
    print(explained)
    seconds = {name: [round(item.seconds, 3) for item in items] for name, items in measured.items()}
    peaks = {name: round(max(item.peak_mib for item in items)) for name, items in measured.items()}
    print(f"pit {case}: seconds {seconds}, peak MiB {peaks}, of PostgreSQL's backends beside ours {postgres_mib:.0f}")
    medians = {name: round(harness.median(items), 4) for name, items in measured.items()}
    fastest = min(DUCKDB, key=lambda name: medians[name])
    harness.report(
        "pit", case, medians["ours"], medians[fastest], "s", peer_is=fastest,
        **{name: medians[name] for name in engines},
        peak_mib=peaks["ours"] + round(postgres_mib), own_peak_mib=peaks["ours"], postgres_peak_mib=round(postgres_mib),
        **{f"{name}_peak_mib": peaks[name] for name in engines},
    )


def compare(ours: pathlib.Path, theirs: pathlib.Path, views: list[str]) -> None:
    """Every value of every row is the same. Peers do not keep the spine's order; its rows are numbered."""
    import duckdb

    names = ["user_id", "label_time", "row"] + [f"{view}__{name}" for view in views for name in data.NAMES]
    different = " OR ".join(f"o.{name} IS DISTINCT FROM t.{name}" for name in names)
    connection = duckdb.connect()
    count, wrong, out_of_order = connection.execute(
        f"SELECT count(*), count(*) FILTER ({different}), count(*) FILTER (o.file_row_number <> o.row) "
        f"FROM read_parquet('{ours}', file_row_number = true) o FULL JOIN read_parquet('{theirs}') t USING (row)"
    ).fetchone()
    assert count > 0 and wrong == 0 and out_of_order == 0, (str(theirs), count, wrong, out_of_order)


class PitStore(harness.Store):
    """A store with the benchmark's views, each filled when it is first asked for; kept where a folder was named."""

    def __init__(self, options: harness.Options, rows: int, users: int) -> None:
        self.rows, self.users = rows, users
        self.is_kept = not options.is_quick
        # Names the folder: a store whose server is running must not be moved.
        kept = options.folder / f"pit-{rows}.folder"
        if self.is_kept and kept.exists() and pathlib.Path(kept.read_text()).is_dir():
            self.options, self.folder = options, pathlib.Path(kept.read_text())
            self.conninfo = self.asof("uri").output.strip()
            return
        text = "entities:\n  user: { key: user_id, type: int64 }\nviews:\n"
        for view in VIEWS:
            text += f"  {view}: {{ entities: [user], online: false, features: {{ {data.FEATURES} }} }}\n"
        super().__init__(options, text)
        if self.is_kept:
            kept.write_text(str(self.folder))

    def close(self) -> None:
        if not self.is_kept:
            super().close()

    def fill(self, view: str) -> None:
        done = self.folder / f"{view}.done"
        if done.exists():
            return
        days, skew, tail = VIEWS[view]
        tail_rows = int(self.rows * tail)
        for number, part in enumerate([self.rows - tail_rows, tail_rows]):
            if part == 0:
                continue
            history = self.history(view, part, days, skew, number)
            print(f"ingest of {part} rows into {view}: {self.asof('ingest', view, str(history), '--quiet').seconds:.1f} s")
            history.unlink()
            if number == 0:
                print(f"segments of {view}: {self.asof('segments', 'build', view, '--quiet').seconds:.1f} s")
        self.psql("VACUUM ANALYZE")
        # Peers get what PostgreSQL has beyond the segments as one more file of the same form.
        if tail_rows:
            self.asof("segments", "build", view, "--segments", str(self.folder / "whole"), "--quiet")
        done.touch()

    def files(self, view: str) -> list[str]:
        whole = self.folder / "whole"
        root = whole if VIEWS[view][2] else self.folder / "asof-data" / "segments"
        return sorted(str(path) for path in root.glob(f"view={view}/*/*.parquet"))

    def history(self, view: str, rows: int, days: int, skew: float, part: int) -> pathlib.Path:
        """Random users and times; every (user, time) practically once."""
        values = ", ".join(
            f"{text} AS {name}"
            for name, text in zip(
                data.NAMES,
                ["random()", "random() * 100", "random()", "random() * 1e6", "random()", "(random() * 1000)::BIGINT",
                 "(random() * 1e9)::BIGINT", "(random() * 10)::BIGINT", "random() < 0.5",
                 "'s' || (random() * 10000)::INTEGER"],
                strict=True,
            )
        )
        user = f"CASE WHEN random() < {skew} THEN 7 ELSE floor(random() * {self.users})::BIGINT END"
        seed = (list(VIEWS).index(view) * 2 + part + 1) / 100
        return self.generate(f"{view}-{part}", seed, f"{user} AS user_id, {time(days)} AS event_time, {values} FROM range({rows})")

    def spine(self, rows: int, view: str) -> pathlib.Path:
        days, skew, _ = VIEWS[view]
        user = f"CASE WHEN random() < {skew} THEN 7 ELSE floor(random() * {self.users})::BIGINT END"
        return self.generate(
            f"spine-{view}-{rows}", 0.99, f"{user} AS user_id, {time(days)} AS label_time, range AS row FROM range({rows})"
        )

    def generate(self, name: str, seed: float, select: str) -> pathlib.Path:
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            harness.apart(lambda: write(path, seed, select))
        return path


def write(path: pathlib.Path, seed: float, select: str) -> None:
    """Writes what a query gives; the same for the same seed."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = 1; SET TimeZone = 'UTC'; SELECT setseed({seed})")
    part = path.with_suffix(".part")
    connection.execute(f"COPY (SELECT {select}) TO '{part}' (FORMAT parquet)")
    part.rename(path)


def time(days: int) -> str:
    return f"make_timestamp({data.START_US - days * 86_400_000_000} + floor(random() * {days * 86_400_000_000})::BIGINT)::TIMESTAMPTZ"
