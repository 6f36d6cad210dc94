#!/usr/bin/env python3
"""Prints how many spine values a naive join on the latest values would have taken from the future.

    naive.py DIR [--spine FILE]

DIR holds what prepare.py wrote. What counts is defined in expected.py (`naive`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from expected import DELAY_MODEL, load, naive, read_spine


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Counts what a join on the latest values takes from the future.")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--spine", type=Path, help="default: DIR/spine.csv")
    options = parser.parse_args(arguments)

    _, spine = read_spine(options.spine or options.dir / "spine.csv")
    counts = naive(spine, [(view, load(options.dir, view)) for view in DELAY_MODEL])
    print(f"{'view':<16}{'values taken':>14}{'from the future':>17}")
    for name, of_view in counts.items():
        values, future = of_view["values"], of_view["future_values"]
        print(f"{name:<16}{values:>14,}{future:>17,}{percent(future, values):>10}")
    values, future = (sum(of_view[what] for of_view in counts.values()) for what in ("values", "future_values"))
    print(
        f"A naive join on the latest values takes {future:,} of its {values:,} values ({percent(future, values)})\n"
        f"from the future of their label time; the as-of join takes none."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
