#!/usr/bin/env python3
"""Prints the first rows of a CSV file turned on their side: a line per column, a column per row.

    show.py FILE [ROWS]
"""

import csv
import sys
from itertools import islice

# Longer values are cut.
WIDTH_MAX = 24


def main(path: str, rows: int = 4) -> None:
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        table = [next(reader)]
        table += [[field[:WIDTH_MAX] or "-" for field in row] for row in islice(reader, rows)]
    widths = [max(map(len, row)) for row in table]
    for fields in zip(*table):
        print("  ".join(field.ljust(width) for field, width in zip(fields, widths)).rstrip())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
