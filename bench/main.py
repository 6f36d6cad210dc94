"""The benchmarks' command line."""

from __future__ import annotations

import argparse
import datetime
import fnmatch
import importlib
import os
import pathlib
import signal
import sys
import tempfile

import harness

BENCHES = ["ingest", "export", "get", "materialize", "segments", "pit", "serve", "predict", "window", "upkeep"]


def run(arguments: list[str]) -> int:
    # Whoever starts this may block signals, as threads of Swift's tests do; pgbench ends by one, and servers are stopped by one.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # So that servers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compares Asof with its peers.")
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("cases", nargs="*", help="names or patterns, as 'core-*'; default: all of the benchmark's cases")
    parser.add_argument("--quick", action="store_true", help="a small size, to see that the benchmark works")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--binary", default=str(root / ".build/release/asof"))
    parser.add_argument("--folder", help="where data is made and kept for the next run (default: a temporary folder)")
    chosen = parser.parse_intermixed_args(arguments)
    bench = importlib.import_module(chosen.bench)
    known = bench.CASES + getattr(bench, "OPTIONAL", [])
    cases = [] if chosen.cases else bench.CASES
    for pattern in chosen.cases:
        found = fnmatch.filter(known, pattern)
        if not found:
            parser.error(f"{chosen.bench} has no case '{pattern}'; it has {', '.join(known)}")
        cases += [case for case in found if case not in cases]
    if not pathlib.Path(chosen.binary).exists():
        parser.error(f"there is no {chosen.binary}; build it with: swift build -c release --product asof")
    with tempfile.TemporaryDirectory(prefix="asof-bench-") as temporary:
        folder = pathlib.Path(chosen.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        options = harness.Options(chosen.quick, 1 if chosen.quick else chosen.runs, str(pathlib.Path(chosen.binary).resolve()), folder)
        print(circumstances(), flush=True)
        for case in cases:
            bench.run(case, options)
    return 0


def circumstances() -> str:
    """What a figure is worth nothing without: when, on what, beside how much else."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown CPU")
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cpus = len(os.sched_getaffinity(0))
    return f"{datetime.date.today()}, {cpus} CPUs of {model}, {memory_gib:.0f} GiB, load before the run {os.getloadavg()[0]:.1f}"
