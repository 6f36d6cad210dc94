"""Servers that benchmarks drive on loopback: `asof serve` and Redis, with what the system says about their processes."""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import harness
import load

# Where scripts/setup --clients puts redis-py, hiredis and numpy.
sys.path.append(str(pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "asof" / "python"))

STARTUP_SECONDS = 120.0


class Server:
    """A running server process; `stop` ends it, at the latest when the benchmark ends, however it does."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        atexit.register(self.stop)

    def cpu_seconds(self) -> float:
        """User and system time so far, of all threads."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise SystemExit("the server's process is gone")

    def ask(self, *words: str) -> bytes:
        """One inline command; what came back by the time that the connection was quiet or had 64 KiB."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(65_536)

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_asof(store: harness.Store, *arguments: str, cpu: int | None = None) -> Server:
    """Starts `asof serve` on a free port and waits until its values are loaded.

    :param cpu: the only one that it may use.
    """
    log = open(store.folder / "serve.log", "a")
    process = subprocess.Popen(
        [store.options.binary, "serve", "--listen", "127.0.0.1:0", *arguments],
        cwd=store.folder, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, preexec_fn=load.pinned(cpu),
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if " at " not in line:
        process.kill()
        raise SystemExit(f"asof serve said '{line}':\n{(store.folder / 'serve.log').read_text()[-4000:]}")
    server = Server(process, int(line.rsplit(":", 1)[1]))
    wait_until(lambda: b"loading:0" in server.ask("INFO"), server)
    return server


def start_redis(folder: pathlib.Path, *arguments: str, cpu: int | None = None) -> Server:
    """Starts a Redis that keeps nothing on disk."""
    if shutil.which("redis-server") is None:
        raise SystemExit("there is no redis-server; scripts/setup installs it")
    port = free_port()
    log = open(folder / "redis.log", "a")
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *arguments],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL, text=True, preexec_fn=load.pinned(cpu),
    )
    server = Server(process, port)
    wait_until(lambda: b"PONG" in server.ask("PING"), server)
    return server


def wait_until(is_ready, server: Server) -> None:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise SystemExit(f"the server ended with {server.process.returncode}")
        try:
            if is_ready():
                return
        except OSError:
            pass
        time.sleep(0.01)
    server.stop()
    raise SystemExit("the server was not ready in time")
