"""A store and a server of their own, of the `asof` on the PATH (or ASOF_BINARY)."""
from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

import asof_client

ASOF = os.environ.get("ASOF_BINARY") or shutil.which("asof") or "asof"
DEFINITIONS = """
entities:
  user: { key: user_id, type: int64 }
  person: { key: login, type: string }
  airport: { key: origin, type: string }
views:
  stats:
    entities: [user]
    missing: 'null'
    features: { clicks: int64, ctr: float64, name: string }
  rich:
    entities: [user]
    missing: 'null'
    features: { b: bool, i: int32, l: int64, f: float32, d: float64, s: string, x: bytes, t: timestamp, v: vector(2), li: list(int64), ls: list(string) }
  logins: { entities: [person], features: { n: int64 } }
  pairs: { entities: [airport, person], features: { delay: float32 } }
  marks: { entities: [user], features: { n: int64 } }
  counts: { entities: [user], features: { n: int64, m: float64 } }
services:
  ranking: [stats.clicks, stats.ctr]
  everything: [rich.*]
  persons: [logins.n]
  counted: [counts.*]
  asked: [stats.clicks, { request: note, type: string }, { request: amount, type: float64 }]
"""


def run(folder: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run([ASOF, *arguments], cwd=folder, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, f"asof {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


class Served:
    """`asof serve` on free ports."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [ASOF, "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = "redis://" + self.process.stdout.readline().strip().rsplit(" ", 1)[1]
        self.http = "http://" + self.process.stdout.readline().strip().rsplit(" ", 1)[1]
        deadline = time.monotonic() + 60
        with asof_client.connect(self.url) as store:
            while store.execute("INFO", "persistence")["loading"] != 0:
                assert time.monotonic() < deadline, "the server still loads"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("store")
    run(made, "init")
    (made / "features.yaml").write_text(DEFINITIONS)
    run(made, "apply", "--yes")
    return made


@pytest.fixture(scope="session")
def served(folder: pathlib.Path) -> Iterator[Served]:
    made = Served(folder)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def store(served: Served, folder: pathlib.Path) -> Iterator[asof_client.Store]:
    database = run(folder, "uri").strip()
    with asof_client.connect(served.url, database, binary=ASOF) as made:
        yield made
