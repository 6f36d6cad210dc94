"""The data of `scripts/bench serve`, and the servers that hold it.

100 k entities × 50 float64, half of them with all their digits, half rounded to four decimals. Redis has them twice: as one
hash an entity with the values' text, and as one string an entity with the 50 float64 as bytes.
"""

from __future__ import annotations

import atexit
import csv
import os
import pathlib
import random
import struct
import subprocess
import time
from collections.abc import Iterator

import harness
import load
import servers

FEATURES = 50
NAMES = [f"f{number}" for number in range(FEATURES)]
COLD = [f"c{number}" for number in range(10)]
EVENTS = [f"e{number}" for number in range(10)]


def view(name: str, features: list[str]) -> str:
    return f"  {name}: {{ entities: [user], features: {{ {', '.join(f'{feature}: float64' for feature in features)} }} }}\n"


DEFINITIONS = (
    "entities:\n  user: { key: user_id, type: int64 }\nviews:\n"
    + view("stats", NAMES) + view("events", EVENTS) + view("cold", COLD)
    + "services:\n  model: [stats.*]\n  small: [cold.*]\n"
)


class Pair:
    """Both servers with the same data: on one CPU with the load on another, or all of them wherever they like."""

    def __init__(self, made: "Scene", mode: str) -> None:
        self.mode = mode
        self.entities = made.entities
        cpus = sorted(os.sched_getaffinity(0))
        self.cpu = cpus[0] if mode == "core" else None
        # A load that had to share the server's CPU must not wait busily on it.
        self.load_cpu = cpus[-1] if mode == "core" and len(cpus) > 1 else None
        self.peers: dict[str, servers.Server] = {}
        self.asof = servers.start_asof(made.store, cpu=self.cpu)
        # Redis's ways to run, of which the better one counts: its io-threads wait busily, and take CPUs from the load.
        ways = {"redis": []} | ({"redis_io_threads": ["--io-threads", "2"]} if mode == "free" else {})
        for name, arguments in ways.items():
            self.peers[name] = servers.start_redis(made.store.folder, *arguments, cpu=self.cpu)
        info = self.asof.ask("INFO", "server").decode().splitlines()
        loops = next(int(line.split(":")[1]) for line in info if line.startswith("event_loops:"))
        assert loops == 1 or (mode == "free" and loops <= len(cpus)), loops
        for peer in self.peers.values():
            for form in ("hash", "blob"):
                made.fill_redis(peer, form)
            made.check_equal(self.asof, peer)

    def stop(self) -> None:
        for server in [self.asof, *self.peers.values()]:
            server.stop()


class Scene:
    """The store and its files; made once for all cases. One pair of servers runs at a time."""

    def __init__(self, options: harness.Options) -> None:
        self.options = options
        self.entities = 2_000 if options.is_quick else 100_000
        self.store = harness.Store(options, DEFINITIONS)
        self._pair: Pair | None = None
        atexit.register(self.close)
        self.path = rows_csv(options.folder, "stats", NAMES, self.entities)
        empty = servers.start_asof(self.store)
        time.sleep(0.5)
        self.empty_mib = empty.resident_mib()
        empty.stop()
        self.store.asof("ingest", "stats", str(self.path), "--quiet")
        self.store.asof("ingest", "cold", str(rows_csv(options.folder, "cold", COLD, self.entities)), "--quiet")

    def pair(self, mode: str) -> Pair:
        if self._pair is None or self._pair.mode != mode:
            self.stop_pair()
            self._pair = Pair(self, mode)
        return self._pair

    def stop_pair(self) -> None:
        if self._pair is not None:
            self._pair.stop()
        self._pair = None

    def close(self) -> None:
        self.stop_pair()
        self.store.close()

    def rows(self, users: list[int]) -> list[list[float]]:
        """The values of the file, in the order of the users."""
        wanted = set(users)
        with self.path.open() as file:
            reader = csv.reader(file)
            next(reader)
            found = {int(row[0]): [float(value) for value in row[2:]] for row in reader if int(row[0]) in wanted}
        return [found[user] for user in users]

    def fill_redis(self, server: servers.Server, form: str) -> None:
        """:param form: `hash` or `blob`."""
        path = self.options.folder / f"redis-{form}-{self.entities}.resp"
        if not path.exists():
            with self.path.open() as file, path.with_suffix(".part").open("wb") as out:
                out.writelines(redis_commands(csv.reader(file), form))
            path.with_suffix(".part").rename(path)
        with path.open("rb") as file:
            done = subprocess.run(["redis-cli", "-p", str(server.port), "--pipe"], stdin=file, capture_output=True)
        assert done.returncode == 0 and b"errors: 0" in done.stdout, done

    def check_equal(self, asof: servers.Server, other: servers.Server) -> None:
        """Both servers give what the file says, value by value, in every form that is measured."""
        import numpy
        import redis

        ours = redis.Redis(port=asof.port, protocol=2)
        peer = redis.Redis(port=other.port)
        users = random.Random(3).sample(range(self.entities), min(200, self.entities))
        expected = numpy.array(self.rows(users))
        keys = [f"{user:012d}" for user in users]

        def equal(values: object) -> None:
            assert numpy.array_equal(numpy.array(values, dtype=float), expected)

        hashes = [peer.hgetall("user:" + key) for key in keys]
        assert all(len(found) == FEATURES for found in hashes)
        equal([[found[name.encode()] for name in NAMES] for found in hashes])
        equal([numpy.frombuffer(peer.get("blob:" + key), "<f8") for key in keys])
        equal([numpy.frombuffer(value, "<f8") for value in peer.mget(["blob:" + key for key in keys])])
        for key, values in zip(keys, expected):
            reply = ours.execute_command("FS.GET", "stats", key)
            assert reply[0::2] == [name.encode() for name in NAMES] and [float(value) for value in reply[1::2]] == values.tolist()
            single = packed(ours.execute_command("FS.MGET", "stats", 1, key, "FORMAT", "packed64"))
            assert single == peer.get("blob:" + key)
        equal(ours.execute_command("FS.MGET", "stats", len(keys), *keys))
        many = packed(ours.execute_command("FS.MGET", "stats", len(keys), *keys, "FORMAT", "packed64"))
        assert many == b"".join(peer.mget(["blob:" + key for key in keys]))
        served = ours.execute_command("FS.SERVE", "model", "KEYS", 1, "user_id", "ROWS", len(keys), *keys, "FORMAT", "packed64")
        assert packed(served) == many


def packed(reply: list) -> bytes:
    return dict(zip(reply[0::2], reply[1::2]))[b"data"]


def redis_commands(rows: Iterator[list[str]], form: str) -> Iterator[bytes]:
    """One command an entity; keys as redis-benchmark and bench/load.c spell random numbers."""
    next(rows)
    for row in rows:
        key = f"{int(row[0]):012d}"
        if form == "hash":
            yield load.request(["HSET", "user:" + key] + [word for pair in zip(NAMES, row[2:]) for word in pair])
        else:
            data = struct.pack(f"<{FEATURES}d", *map(float, row[2:]))
            yield f"*3\r\n$3\r\nSET\r\n$17\r\nblob:{key}\r\n${len(data)}\r\n".encode() + data + b"\r\n"


def rows_csv(folder: pathlib.Path, name: str, features: list[str], entities: int) -> pathlib.Path:
    """One row an entity; the same for the same size on every machine."""
    path = folder / f"{name}-{entities}.csv"
    if not path.exists():
        source = random.Random(7)
        with path.with_suffix(".part").open("w") as file:
            file.write("user_id,event_time," + ",".join(features) + "\n")
            for user in range(entities):
                values = [
                    repr(source.random() * 100) if place % 2 == 0 else repr(round(source.random() * 1_000, 4))
                    for place in range(len(features))
                ]
                file.write(f"{user},2026-01-01T00:00:00Z," + ",".join(values) + "\n")
        path.with_suffix(".part").rename(path)
    return path
