"""Cases of `scripts/bench serve` that ask what clients feel of one another: p99 of something small beside something large.

large-mget, large-serve   FS.GET of 10 features, 500 a second, while one client reads 100,000 rows a request without a pause:
                          FS.MGET as rows of text, FS.SERVE FORMAT packed64
set-ingest                FS.SET of one row, 50 a second, while `asof ingest` stores rows of the same view, 100,000 entities, again and again,
                          and PostgreSQL makes a checkpoint every few seconds

`alone_…` are the same latencies without the large work.
"""

from __future__ import annotations

import pathlib
import random
import statistics
import subprocess
import threading
import time

import load
import scene
import servers


def large(case: str, made: scene.Scene) -> None:
    """Reads of one entity beside reads of all."""
    server = servers.start_asof(made.store)
    rows = made.entities
    seconds, rate = (1, 200) if made.options.is_quick else (10, 500)
    users = [f"{user:012d}" for user in random.Random(17).sample(range(made.entities), rows)]
    whole = {
        "large-mget": ["FS.MGET", "cold", str(rows), *users],
        "large-serve": ["FS.SERVE", "small", "KEYS", "1", "user_id", "ROWS", str(rows), *users, "FORMAT", "packed64"],
    }[case]
    words = ["FS.GET", "cold", load.RANDOM]
    alone, beside, answered = [], [], []
    for attempt in range(made.options.runs):
        alone.append(load.Load(server.port, words, made.entities, seconds, rate=rate, seed=attempt + 1).end())
        reading = load.Load(server.port, whole, made.entities, seconds * 1.4, connections=1, seed=attempt + 2)
        beside.append(load.Load(server.port, words, made.entities, seconds, rate=rate, seed=attempt + 3).end())
        answered.append(reading.end())
    server.stop()
    report(case, rate, alone, beside, rows=rows, large_per_second=round(statistics.median(run.per_second for run in answered), 2))


def set_beside_ingest(made: scene.Scene) -> None:
    """Writes of one row beside an ingest of the same view and checkpoints."""
    server = servers.start_asof(made.store)
    seconds, rate = (2, 20) if made.options.is_quick else (20, 50)
    path = scene.rows_csv(made.options.folder, "events", scene.EVENTS, made.entities)
    fields = [word for name in scene.EVENTS for word in (name, f"0.{load.RANDOM}")]
    words = ["FS.SET", "events", load.RANDOM, "*", *fields]
    alone, beside, ingested = [], [], 0
    for attempt in range(made.options.runs):
        alone.append(load.Load(server.port, words, made.entities, seconds, rate=rate, connections=4, seed=attempt + 1).end())
        work = Ingests(made, path)
        beside.append(load.Load(server.port, words, made.entities, seconds, rate=rate, connections=4, seed=attempt + 2).end())
        ingested += work.end()
    server.stop()
    assert ingested > 0 or made.options.is_quick, "no ingest ended while it was measured"
    report("set-ingest", rate, alone, beside, ingested_rows=ingested)


class Ingests:
    """Ingests of one file, one after the other, and checkpoints, until `end`."""

    def __init__(self, made: scene.Scene, path: pathlib.Path) -> None:
        self.made = made
        self.is_over = threading.Event()
        self.rows = 0
        self.problems: list[str] = []
        self.threads = [threading.Thread(target=self.run, args=(self.ingest, path)), threading.Thread(target=self.run, args=(self.checkpoint,))]
        for thread in self.threads:
            thread.start()

    def run(self, work, *arguments) -> None:
        try:
            while not self.is_over.is_set():
                work(*arguments)
        except BaseException as problem:
            self.problems.append(f"{problem}")

    def ingest(self, path: pathlib.Path) -> None:
        # Newer than what is online, so that every row of the file moves its entity.
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with path.open() as file:
            lines = [line.split(",", 2) for line in file]
        text = ",".join(lines[0]) + "".join(f"{user},{now},{rest}" for user, _, rest in lines[1:])
        command = [self.made.options.binary, "ingest", "events", "-", "--format", "csv", "--quiet"]
        done = subprocess.run(command, cwd=self.made.store.folder, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.rows += len(lines) - 1

    def checkpoint(self) -> None:
        self.is_over.wait(3)
        self.made.store.psql("CHECKPOINT")

    def end(self) -> int:
        """:returns: how many rows were ingested."""
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        assert not self.problems, self.problems[0]
        return self.rows


def report(case: str, rate: float, alone: list[load.Loaded], beside: list[load.Loaded], **more: object) -> None:
    load.report_latency(
        case, rate, beside, None, worst_us=round(max(run.max_us for run in beside), 1),
        alone_p99_us=round(statistics.median(run.p99_us for run in alone), 1), **more,
    )
