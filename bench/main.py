"""The benchmarks' command line."""

from __future__ import annotations

import argparse
import importlib
import pathlib
import tempfile

import harness

BENCHES = ["ingest", "export", "get", "materialize", "segments", "pit", "serve"]


def run(arguments: list[str]) -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Compares Asof with its peers.")
    parser.add_argument("bench", choices=BENCHES)
    parser.add_argument("cases", nargs="*", help="default: all of the benchmark's cases")
    parser.add_argument("--quick", action="store_true", help="a small size, to see that the benchmark works")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--binary", default=str(root / ".build/release/asof"))
    parser.add_argument("--folder", help="where data is made and kept for the next run (default: a temporary folder)")
    chosen = parser.parse_args(arguments)
    bench = importlib.import_module(chosen.bench)
    cases = chosen.cases or bench.CASES
    for case in cases:
        known = bench.CASES + getattr(bench, "OPTIONAL", [])
        if case not in known:
            parser.error(f"{chosen.bench} has no case '{case}'; it has {', '.join(known)}")
    if not pathlib.Path(chosen.binary).exists():
        parser.error(f"there is no {chosen.binary}; build it with: swift build -c release --product asof")
    with tempfile.TemporaryDirectory(prefix="asof-bench-") as temporary:
        folder = pathlib.Path(chosen.folder or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        options = harness.Options(chosen.quick, 1 if chosen.quick else chosen.runs, str(pathlib.Path(chosen.binary).resolve()), folder)
        for case in cases:
            bench.run(case, options)
    return 0
