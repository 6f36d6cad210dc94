"""Synthetic data of the benchmarks: a history of user statistics, the same for the same size on every machine."""

from __future__ import annotations

import pathlib
import random

START_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z
DAYS = 90
FEATURES = "f1: float64, f2: float64, f3: float64, f4: float64, f5: float64, i1: int64, i2: int64, i3: int64, b1: bool, s1: string"
NAMES = [feature.split(":")[0].strip() for feature in FEATURES.split(",")]


def definitions(view: str = "stats", online: bool = True) -> str:
    """A view of 10 features by user."""
    return f"""
entities:
  user: {{ key: user_id, type: int64 }}
views:
  {view}:
    entities: [user]
    online: {str(online).lower()}
    features: {{ {FEATURES} }}
"""


def timestamp(microseconds: int) -> str:
    """RFC 3339 text of a time in the benchmarks' range."""
    import datetime

    seconds, fraction = divmod(microseconds, 1_000_000)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{fraction:06d}Z"


def history_csv(path: pathlib.Path, rows: int, users: int, seed: int = 1) -> None:
    """Writes `rows` rows in random order of users and times over 90 days; every (user, time) once."""
    if path.exists():
        return
    source = random.Random(seed)
    span = DAYS * 86_400 * 1_000_000
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write("user_id,event_time," + ",".join(NAMES) + "\n")
        for _ in range(rows):
            values = source.random
            file.write(
                f"{source.randrange(users)},{timestamp(START_US + source.randrange(span))},"
                f"{values():.6f},{values() * 100:.4f},{values()},{values() * 1e6:.2f},{values():.3f},"
                f"{source.randrange(1000)},{source.randrange(10**9)},{source.randrange(10)},"
                f"{'true' if values() < 0.5 else 'false'},s{source.randrange(10000)}\n"
            )
    part.rename(path)


def spine_csv(path: pathlib.Path, rows: int, users: int, seed: int = 2) -> None:
    """Writes a spine of random users and label times."""
    if path.exists():
        return
    source = random.Random(seed)
    span = DAYS * 86_400 * 1_000_000
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write("user_id,label_time,label\n")
        for _ in range(rows):
            file.write(f"{source.randrange(users)},{timestamp(START_US + source.randrange(span))},{source.randrange(2)}\n")
    part.rename(path)
