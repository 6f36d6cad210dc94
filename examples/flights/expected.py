#!/usr/bin/env python3
"""The training set that `asof export` must give for the flights example, made the obvious way.

    expected.py DIR [--spine FILE] [--out FILE] [--counts FILE]

Reads what prepare.py wrote into DIR, keeps every view's rows in memory, sorted, and looks each spine row up by
bisection. It shares no code with Asof and none with prepare.py. The output is a CSV file spelled as Asof spells it:
null = empty, floats with a point and the fewest digits that give the same number, times as in the spine.

The rule (a value is a row's, never mixed from two rows): of the rows with the label's keys whose event time is at
most label time - delay and, where there is a TTL, at least label time - TTL, both inclusive, the one with the
greatest event time; among equal times the later row of the file. A null key or label time matches nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HOUR = 3600


@dataclass(frozen=True)
class View:
    """What features.yaml says about a view. `delay` and `ttl` in seconds, `ttl` None = never expires."""

    name: str
    keys: tuple[str, ...]
    features: dict[str, type]
    delay: int = 0
    ttl: int | None = None


# The service delay_model, in its order.
DELAY_MODEL = (
    View(
        "weather",
        ("origin",),
        {
            "temp": float, "dewp": float, "humid": float, "wind_dir": int, "wind_speed": float, "wind_gust": float,
            "precip": float, "pressure": float, "visib": float,
        },  # fmt: skip
        delay=1 * HOUR,
        ttl=3 * HOUR,
    ),
    View(
        "aircraft",
        ("tailnum",),
        {
            "year": int, "type": str, "manufacturer": str, "model": str, "engines": int, "seats": int, "speed": int,
            "engine": str,
        },  # fmt: skip
    ),
    View("aircraft_delays", ("tailnum",), {"arr_delay": int, "arrivals_today": int}),
    View("route_delays", ("origin", "dest"), {"arr_delay": int}),
)


@dataclass
class Events:
    """One entity's rows of one view, ascending: times in seconds since 1970 UTC, and the features' spelled values."""

    times: list[int]
    values: list[tuple[str, ...]]


def seconds(text: str) -> int:
    """Seconds since 1970 of an RFC 3339 time."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(seconds=1)


def spell(text: str, kind: type) -> str:
    """A prepared field as Asof's CSV writer spells it; the prepared files have no empty strings, so empty = null."""
    return "" if text == "" else str(kind(text))


def load(folder: Path, view: View) -> dict[tuple[str, ...], Events]:
    """A view's rows by entity, ascending in time; equal times stay in the order of the file."""
    rows: dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]] = {}
    with (folder / f"{view.name}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values = tuple(spell(row[name], kind) for name, kind in view.features.items())
            rows.setdefault(tuple(row[key] for key in view.keys), []).append((seconds(row["event_time"]), values))
    events = {}
    for key, list_of_rows in rows.items():
        list_of_rows.sort(key=lambda row: row[0])
        events[key] = Events([time for time, _ in list_of_rows], [values for _, values in list_of_rows])
    return events


def read_spine(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The spine's column names and rows."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), list(reader)


def look_up(view: View, events: Events | None, label: int) -> tuple[str, tuple[str, ...] | None]:
    """`matched` and the values, or `missing` (no row is known yet) or `expired` (the newest known is too old)."""
    index = bisect_right(events.times, label - view.delay) - 1 if events else -1
    if index < 0:
        return "missing", None
    if view.ttl is not None and events.times[index] < label - view.ttl:
        return "expired", None
    return "matched", events.values[index]


def join(
    spine: Iterable[dict[str, str]], tables: Sequence[tuple[View, dict]], counts: dict[str, dict[str, int]]
) -> Iterator[list[str]]:
    """The spine's rows, each followed by the features; adds up `counts`."""
    for row in spine:
        fields = list(row.values())
        for view, table in tables:
            key = tuple(row[name] for name in view.keys)
            events = None if "" in key or row["label_time"] == "" else table.get(key)
            outcome, values = look_up(view, events, seconds(row["label_time"]) if events else 0)
            counts[view.name][outcome] += 1
            fields += values or [""] * len(view.features)
        yield fields


def naive(spine: Iterable[dict[str, str]], tables: Sequence[tuple[View, dict]]) -> dict[str, dict[str, int]]:
    """What a join on the latest values would take from the future.

    Such a join gives every spine row the newest row of its entity, as an online store holds it when the year is
    over. A row is from the future if its event time + delay lies after the label time. Per view:
    `rows` taken and, among them, `future_rows`; `values` taken (nulls not counted) and `future_values`.
    """
    counts = {view.name: dict.fromkeys(("rows", "future_rows", "values", "future_values"), 0) for view, _ in tables}
    for row in spine:
        for view, table in tables:
            events = table.get(tuple(row[name] for name in view.keys))
            if events is None or row["label_time"] == "":
                continue
            values = sum(value != "" for value in events.values[-1])
            future = events.times[-1] + view.delay > seconds(row["label_time"])
            of_view = counts[view.name]
            of_view["rows"] += 1
            of_view["values"] += values
            of_view["future_rows"] += future
            of_view["future_values"] += values * future
    return counts


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Makes the expected training set of the flights example.")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--spine", type=Path, help="default: DIR/spine.csv")
    parser.add_argument("--out", type=Path, help="the training set, CSV")
    parser.add_argument("--counts", type=Path, help="the counts, JSON; default: standard output")
    options = parser.parse_args(arguments)

    columns, spine = read_spine(options.spine or options.dir / "spine.csv")
    tables = [(view, load(options.dir, view)) for view in DELAY_MODEL]
    counts = {view.name: {"matched": 0, "missing": 0, "expired": 0} for view in DELAY_MODEL}
    rows = list(join(spine, tables, counts))
    if options.out:
        with options.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns + [f"{view.name}__{name}" for view in DELAY_MODEL for name in view.features])
            writer.writerows(rows)
    text = json.dumps({"rows": len(rows), "views": counts, "naive": naive(spine, tables)}, indent=2) + "\n"
    if options.counts:
        options.counts.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
