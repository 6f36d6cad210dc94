"""What every benchmark needs: a throw-away store, commands with time and peak memory, medians, the closing JSON line."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import traceback
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Options:
    """How a benchmark runs."""

    is_quick: bool
    runs: int
    binary: str
    folder: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Measured:
    """One finished command: wall seconds and peak resident MiB."""

    seconds: float
    peak_mib: float
    output: str


class Store:
    """A store of its own in a folder, with a running server; `close` ends its use."""

    def __init__(self, options: Options, definitions: str) -> None:
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="store-", dir=options.folder))
        # PostgreSQL runs as another user where this is root, and must enter the folder.
        self.folder.chmod(0o755)
        self.asof("init")
        (self.folder / "features.yaml").write_text(definitions)
        self.asof("apply", "--yes")
        self.conninfo = self.asof("uri").output.strip()

    def asof(self, *arguments: str) -> Measured:
        """Runs `asof` in the store's folder."""
        return run([self.options.binary, *arguments], self.folder)

    def psql(self, sql: str) -> str:
        """Runs SQL and gives what it prints, unaligned."""
        return run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", sql], self.folder).output

    def psql_timed(self, sql: str) -> Measured:
        return run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo, "-c", sql], self.folder)

    def close(self) -> None:
        """Removes the folder once the server has stopped by itself."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Backends:
    """Looks at the memory of a store's PostgreSQL backends from now on, until `peak_mib` is asked."""

    def __init__(self, store: Store) -> None:
        self._postmaster = int((store.folder / "asof-data" / "pg" / "postmaster.pid").read_text().split()[0])
        self._peak = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def peak_mib(self) -> float:
        """The largest sum over all backends seen at a time, of proportional set sizes: a page that processes share counts in parts."""
        self._is_over.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._is_over.wait(0.01):
            self._peak = max(self._peak, sum(pss_mib(process) for process in self._clients()))

    def _clients(self) -> list[str]:
        """Processes that serve a connection; PostgreSQL's titles name user, database and where the client is."""
        try:
            children = pathlib.Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        except OSError:
            return []
        titles = re.compile(r"postgres: .*(\[local\]|\(\d+\)|parallel worker)")
        return [child for child in children if titles.match(title(child))]


def title(process: str) -> str:
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def pss_mib(process: str) -> float:
    """Of a process that may have ended; then 0."""
    try:
        rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def apart(work: Callable[[], None]) -> None:
    """Does the work in a process of its own.

    A process that is started from a large one begins with its peak memory; so what loads another engine is kept apart.

    :raises SystemExit: where it fails.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit("the work failed, see above")


def run(command: list[str], folder: pathlib.Path) -> Measured:
    """Runs a command to its end.

    :raises SystemExit: with what it printed, where it fails.
    """
    # The server of a store stays up between the commands of a benchmark.
    environment = os.environ | {"ASOF_IDLE_SECONDS": "600"}
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        output = out.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)[:300]}\nfailed with {process.returncode}:\n{output}")
    return Measured(seconds, usage.ru_maxrss / 1024, output)


def medians(runs: int, ours: Callable[[], Measured], peer: Callable[[], Measured]) -> tuple[list[Measured], list[Measured]]:
    """Runs both sides in turn."""
    left, right = [], []
    for _ in range(runs):
        left.append(ours())
        right.append(peer())
    return left, right


def median(measured: list[Measured]) -> float:
    return statistics.median(item.seconds for item in measured)


def report(bench: str, case: str, ours: float, peer: float | None, unit: str, **more: object) -> None:
    """Prints a case's closing line."""
    line: dict[str, object] = {"bench": bench, "case": case, "ours": round(ours, 4)}
    if peer is not None:
        line |= {"peer": round(peer, 4)}
    line |= {"unit": unit}
    if peer is not None:
        line |= {"ratio": round(ours / peer, 3)}
    print(json.dumps(line | more), flush=True)
