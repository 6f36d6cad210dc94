"""The load generator of bench/load.c: made with the system's C compiler, run on loopback.

Why not redis-benchmark: it only knows the closed loop, in which a server that stalls is asked less, so that its latencies look
good. Why C: a generator in Python spends more on a request than either server.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import harness

CONNECTIONS = 50
RANDOM = "__rand_int__"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What a run saw; latencies in µs."""

    answered: int
    per_second: float
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    # How late requests were sent, and the share of a CPU that the generator took: was it the bottleneck?
    late_p99_us: float
    busy: float
    reply_bytes: float


_folder: list[pathlib.Path] = []


def generator() -> str:
    """The compiled program; made once."""
    if not _folder:
        compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
        if compiler is None:
            raise SystemExit("there is no C compiler for bench/load.c: looked for cc, clang and gcc")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="asof-load-"))
        atexit.register(shutil.rmtree, folder, True)
        source = pathlib.Path(__file__).with_name("load.c")
        done = subprocess.run(
            [compiler, "-std=gnu11", "-O2", "-o", str(folder / "load"), str(source), "-lm"], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SystemExit(f"bench/load.c does not compile:\n{done.stderr}")
        _folder.append(folder)
    return str(_folder[0] / "load")


def request(words: list[str]) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


class Load:
    """A run under way; `end` waits for it."""

    def __init__(
        self, port: int, words: list[str], keys: int, seconds: float, *, pipeline: int = 1, rate: float = 0,
        connections: int = CONNECTIONS, cpu: int | None = None, seed: int = 1,
    ) -> None:
        """:param rate: requests a second that are due, in an open loop; 0 = as fast as the server answers."""
        program = generator()
        with tempfile.NamedTemporaryFile(dir=_folder[0], delete=False) as file:
            file.write(request(words))
        self.name = " ".join(words[:4])
        command = [program, "--port", str(port), "--request", file.name, "--connections", str(connections)]
        command += ["--pipeline", str(pipeline), "--rate", str(rate), "--seconds", str(seconds), "--keys", str(keys)]
        command += ["--warmup", str(seconds / 5), "--seed", str(seed)] + (["--spin"] if cpu is not None and rate else [])
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, preexec_fn=pinned(cpu)
        )

    def end(self) -> Loaded:
        """:raises SystemExit: where a reply was an error or a null, or a request was not answered."""
        out, error = self.process.communicate()
        if self.process.returncode != 0:
            raise SystemExit(f"{self.name}: the load failed: {error}{out}")
        seen = json.loads(out)
        if seen["nulls"] or not seen["answered"]:
            raise SystemExit(f"{self.name}: replies without values: {out}")
        return Loaded(
            seen["answered"], seen["per_second"], seen["p50_us"], seen["p99_us"], seen["p999_us"], seen["max_us"], seen["late_p99_us"],
            seen["cpu_seconds"] / seen["seconds"], seen["bytes"] / seen["answered"],
        )


def pinned(cpu: int | None):
    """For a process that is to run on one CPU only, from its first instruction on; `None` = wherever it likes."""
    return None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})


def report_latency(case: str, rate: float, ours: list[Loaded], peer: list[Loaded] | None, **more: object) -> None:
    """Prints a line with p99 as the figure, the other percentiles beside it; µs, medians of the runs."""
    extra: dict[str, object] = {"rate": round(rate)}
    sides = {"ours": ours} | ({"peer": peer} if peer else {})
    for side, runs in sides.items():
        for name in ("p50_us", "p999_us", "late_p99_us"):
            extra[f"{side}_{name}"] = round(statistics.median(getattr(run, name) for run in runs), 1)
    p99 = {side: statistics.median(run.p99_us for run in runs) for side, runs in sides.items()}
    print(f"serve {case}: p99 of each run, us: { {side: [run.p99_us for run in runs] for side, runs in sides.items()} }")
    harness.report("serve", case, p99["ours"], p99.get("peer"), "us, p99", **extra, **more)
