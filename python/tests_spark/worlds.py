"""Random views, histories and spines: ties, tombstones, nulls, vectors, TTLs, delays, several roles, events."""
from __future__ import annotations

import datetime as dt
import pathlib
import random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DAY = 86_400_000_000
START = int(dt.datetime(2025, 12, 30, tzinfo=dt.timezone.utc).timestamp()) * 1_000_000
TIME = pa.timestamp("us", "UTC")
TYPES: dict[str, Any] = {
    "bool": pa.bool_(), "int32": pa.int32(), "int64": pa.int64(), "float32": pa.float32(), "float64": pa.float64(), "string": pa.string(),
    "bytes": pa.binary(), "timestamp": TIME, "vector(3)": pa.list_(pa.float32(), 3), "list(int64)": pa.list_(pa.int64()),
    "list(string)": pa.list_(pa.string()),
}
FLOATS = [0.0, -0.0, 1.5, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1]


def value(chance: random.Random, kind: str, nulls: float = 0.15) -> Any:
    if chance.random() < nulls:
        return None
    match kind:
        case "bool":
            return chance.random() < 0.5
        case "int32":
            return chance.choice([-(2**31), 2**31 - 1, 0, chance.randrange(100)])
        case "int64":
            return chance.choice([-(2**63), 2**63 - 1, 2**53 + 1, chance.randrange(100)])
        case "float32":
            return chance.choice([0.0, -0.0, 1.5, 3.0e38, float("nan"), float("-inf"), 0.10000000149011612])
        case "float64":
            return chance.choice(FLOATS)
        case "string":
            return chance.choice(["", "a", "ä€😀", "long " * 30, "\x01"])
        case "bytes":
            return chance.choice([b"", b"\x00\xff", b"x" * 70])
        case "timestamp":
            return dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=chance.randrange(-10**15, 10**15))
        case "vector(3)":
            return [chance.choice([0.5, -0.0, float("nan"), 1e-40]) for _ in range(3)]
        case "list(int64)":
            return [chance.randrange(-5, 5) for _ in range(chance.randrange(4))]
        case _:
            return [chance.choice(["", "b", "ü"]) for _ in range(chance.randrange(4))]


class World:
    """One world among others in one store: its names begin with its own letter and number."""

    def __init__(self, number: int, seed: int) -> None:
        self.chance = random.Random(seed * 1_000 + number)
        self.name = f"w{number}"
        chance = self.chance
        self.keys = {f"{self.name}_user": "int64", f"{self.name}_place": "string"}
        self.views: dict[str, dict[str, Any]] = {}
        for index in range(chance.randrange(2, 4)):
            entities = chance.choice([["user"], ["place"], ["user", "place"], []] if index else [["user"], ["place"]])
            features = {f"f{place}": kind for place, kind in enumerate(chance.sample(sorted(TYPES), chance.randrange(2, 6)))}
            self.views[f"{self.name}_v{index}"] = {
                "keys": [f"{self.name}_{entity}" for entity in entities],
                "ttl": chance.choice([None, None, "3d", "12h", "100000d"]),
                "delay": chance.choice(["0s", "0s", "5h", "1us"]),
                "strict": chance.random() < 0.3,
                "partition": chance.choice(["day", "month", "none"]),
                "features": features,
                "event": None,
            }
        if chance.random() < 0.5:
            kind = chance.choice(["string", "int64"])
            self.views[f"{self.name}_e"] = {
                "keys": [f"{self.name}_user"], "ttl": chance.choice([None, "2d"]), "delay": "0s", "strict": False, "partition": "month",
                "features": {"id": kind, "f0": "float64", "f1": "vector(3)"}, "event": kind,
            }

    def windows(self) -> dict[str, str]:
        """Windows over the world's events, where it has any."""
        if f"{self.name}_e" not in self.views:
            return {}
        chance = self.chance
        made = {}
        for place in range(6):
            what = chance.choice(["count", "count(f0)", "sum(f0)", "avg(f0)", "min(f0)", "max(f0)", "first(f0)", "last(id)", "max(id)", "first(id)"])
            over = chance.choice(["6h", "1d", "5d", "lifetime", "1us"])
            offset = chance.choice(["", "", " offset 6h", " offset 1d"])
            made[f"x{place}"] = f"{what} over {over}{offset}"
        return made

    def definitions(self) -> tuple[str, str, str]:
        """Entities, views and services, as YAML."""
        entities = "".join(f"  {key}_e: {{ key: {key}, type: {kind} }}\n" for key, kind in self.keys.items())
        views = ""
        for name, view in self.views.items():
            rules = f"strict: {str(view['strict']).lower()}, delay: {view['delay']}, partition: {view['partition']}, missing: 'null'"
            rules += f", ttl: {view['ttl']}" if view["ttl"] else ""
            rules += ", events: { id: id }" if view["event"] else ""
            kinds = ", ".join(f"{feature}: {kind}" for feature, kind in view["features"].items())
            views += f"  {name}: {{ entities: [{', '.join(key + '_e' for key in view['keys'])}], {rules}, features: {{ {kinds} }} }}\n"
        items = [f"{name}.*" for name in self.views]
        windows = self.windows()
        if windows:
            told = ", ".join(f"{feature}: {window}" for feature, window in windows.items())
            rules = f"strict: {self.chance.choice(['true', 'false'])}, delay: {self.chance.choice(['0s', '3h'])}"
            views += f"  {self.name}_w: {{ entities: [{self.name}_user_e], {rules}, windows: {{ of: {self.name}_e, features: {{ {told} }} }} }}\n"
            items.append(f"{self.name}_w.*")
        first = next(iter(self.views))
        roles = {key: f"other_{key}" for key in self.views[first]["keys"]}
        kept = ", ".join(f"{key}: {other}" for key, other in roles.items())
        some = ", ".join(sorted(self.views[first]["features"])[:2])
        items.append(f"{{ view: {first}, as: {self.name}_other, keys: {{ {kept} }}, features: [{some}] }}")
        self.spine_keys = dict(self.keys) | {roles[key]: self.keys[key] for key in roles}
        listed = "".join(f"    - {item}\n" for item in items)
        return entities, views, f"  {self.name}:\n{listed}"

    def key(self, kind: str) -> Any:
        # A third of all rows are of one key.
        if self.chance.random() < 0.33:
            return 1 if kind == "int64" else "JFK"
        return self.chance.choice([2, -3, 2**63 - 1, -(2**63)] if kind == "int64" else ["", "LGA", "é", "a" * 40])

    def time(self) -> int:
        chance = self.chance
        # Few different times, so that rows meet; now and then any.
        return START + (chance.randrange(60) * 6 * 3_600_000_000 if chance.random() < 0.7 else chance.randrange(15 * DAY))

    def batch(self, view: str, count: int, path: pathlib.Path) -> None:
        told, chance = self.views[view], self.chance
        columns: dict[str, Any] = {key: pa.array([self.key(self.keys[key]) for _ in range(count)], TYPES[self.keys[key]]) for key in told["keys"]}
        columns["event_time"] = pa.array([self.time() for _ in range(count)], TIME)
        columns["gone"] = pa.array([chance.random() < 0.15 for _ in range(count)])
        for feature, kind in told["features"].items():
            if feature == "id" and told["event"]:
                made = [chance.randrange(4) if kind == "int64" else chance.choice(["x", "y", "ä"]) for _ in range(count)]
            else:
                made = [value(chance, kind) for _ in range(count)]
            columns[feature] = pa.array(made, TYPES[kind])
        pq.write_table(pa.table(columns), path)

    def spine(self, count: int, path: pathlib.Path) -> None:
        chance = self.chance
        columns: dict[str, Any] = {"n": pa.array(range(count), pa.int64())}
        for key, kind in self.spine_keys.items():
            columns[key] = pa.array([None if chance.random() < 0.05 else self.key(kind) for _ in range(count)], TYPES[kind])
        columns["at"] = pa.array([None if chance.random() < 0.03 else self.time() + chance.choice([0, 0, 1, -1, 5 * 3_600_000_000]) for _ in range(count)], TIME)
        for place, kind in enumerate(chance.sample([kind for kind in TYPES if not kind.startswith("vector")], 3)):
            columns[f"extra{place}"] = pa.array([value(chance, kind) for _ in range(count)], TYPES[kind])
        pq.write_table(pa.table(columns), path, row_group_size=chance.choice([7, 100, 10_000]))
