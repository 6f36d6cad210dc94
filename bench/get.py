"""`asof get` of one key on a warm store: the whole process. No peer; the goal is 0.06 s."""

from __future__ import annotations

import data
import harness

CASES = ["warm"]


def run(case: str, options: harness.Options) -> None:
    rows, users = (2_000, 200) if options.is_quick else (100_000, 10_000)
    path = options.folder / f"history-{rows}.csv"
    data.history_csv(path, rows, users)
    store = harness.Store(options, data.definitions())
    store.asof("ingest", "stats", str(path), "--quiet")
    with path.open() as file:
        file.readline()
        key = file.readline().split(",")[0]
    store.asof("get", "stats", key)
    measured = [store.asof("get", "stats", key) for _ in range(max(options.runs, 3) * 5)]
    harness.report("get", case, harness.median(measured), None, "s", peak_mib=round(max(m.peak_mib for m in measured)))
    store.close()
