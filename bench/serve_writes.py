"""Cases of `scripts/bench serve` in which PostgreSQL takes part: writes, reads beside them, reads of what is not in memory.

write            FS.WRITE of 1,000 rows of 10 features, 4 connections
mixed            latency of reads of one entity at 10,000 a second, while one row of 10 features is written 500 times a second:
                 FS.SET, in PostgreSQL with fsync before it is answered; HSET of a Redis that keeps nothing on disk
fetched          FS.GET of 10 features of a view that is not in memory; pgbench with the same look-up, prepared, -c 50
fetched-latency  both at half of the lower rate, in an open loop
start            until 1 M entities × 10 float64 are loaded
visibility       from the acknowledgement of a write until another server shows it
soak             memory over ten minutes of reads and writes
"""

from __future__ import annotations

import json
import random
import re
import shutil
import statistics
import subprocess
import threading
import time

import harness
import load
import scene
import servers


def writer(server: servers.Server, **options: object):
    """A client that sends a write once: redis-py would send it again by itself where a connection is lost."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis(port=server.port, protocol=3, retry=Retry(NoBackoff(), 0), **options)


def mixed(made: scene.Scene) -> None:
    """Latencies of reads beside writes, at fixed rates of both."""
    pair = made.pair("free")
    seconds, reads, writes = (0.5, 1_000, 100) if made.options.is_quick else (10, 10_000, 500)
    fields = [word for name in scene.EVENTS for word in (name, f"0.{load.RANDOM}")]
    ours = (["FS.MGET", "stats", "1", load.RANDOM, "FORMAT", "packed64"], ["FS.SET", "events", load.RANDOM, "*", *fields])
    peer = (["GET", "blob:" + load.RANDOM], ["HSET", "event:" + load.RANDOM, *fields])
    tried = {"ours": (pair.asof, *ours)} | {name: (server, *peer) for name, server in pair.peers.items()}
    seen: dict[str, list[load.Loaded]] = {name: [] for name in tried}
    written: dict[str, list[load.Loaded]] = {name: [] for name in tried}
    for attempt in range(made.options.runs):
        for name, (server, read, write) in tried.items():
            writing = load.Load(server.port, write, made.entities, seconds, rate=writes, seed=attempt + 1)
            reading = load.Load(server.port, read, made.entities, seconds, rate=reads, seed=attempt + 2)
            seen[name].append(reading.end())
            written[name].append(writing.end())
    best = min(pair.peers, key=lambda name: statistics.median(run.p99_us for run in seen[name]))
    figures = {
        f"{side}_write_{figure}": round(statistics.median(getattr(run, figure) for run in written[name]), 1)
        for side, name in (("ours", "ours"), ("peer", best)) for figure in ("p50_us", "p99_us")
    }
    load.report_latency("mixed", reads, seen["ours"], seen[best], peer_is=best, writes=writes, **figures)


def fetched(case: str, made: scene.Scene) -> None:
    """One entity of a view that is not in memory, against the same look-up by pgbench."""
    if shutil.which("pgbench") is None:
        raise SystemExit("there is no pgbench; it comes with PostgreSQL's server")
    server = servers.start_asof(made.store, "--resident", "none")
    check_fetched(made, server)
    words = ["FS.GET", "cold", load.RANDOM]
    # pgbench counts the time in which it connects, too.
    seconds = 2 if made.options.is_quick else 5
    ours, peer = [], []
    for attempt in range(made.options.runs):
        ours.append(load.Load(server.port, words, made.entities, seconds, seed=attempt + 1).end().per_second)
        peer.append(pgbench(made, seconds)[0])
    if case == "fetched":
        print(f"serve fetched: ours {[round(rate) for rate in ours]}, pgbench {[round(rate) for rate in peer]} requests/s")
        harness.report("serve", case, statistics.median(ours), statistics.median(peer), "requests/s")
    else:
        rate = min(statistics.median(ours), statistics.median(peer)) / 2
        seen, theirs = [], []
        for attempt in range(made.options.runs):
            seen.append(load.Load(server.port, words, made.entities, seconds, rate=rate, seed=attempt + 1).end())
            latencies = pgbench(made, seconds, rate)[1]
            at = lambda share: latencies[min(len(latencies) - 1, int(len(latencies) * share))]  # noqa: E731
            theirs.append(load.Loaded(len(latencies), rate, at(0.5), at(0.99), at(0.999), latencies[-1], 0, 0, 0))
        load.report_latency(case, rate, seen, theirs)
    server.stop()


def check_fetched(made: scene.Scene, server: servers.Server) -> None:
    """The server gives what the table has."""
    client = writer(server)
    for user in random.Random(5).sample(range(made.entities), 20):
        row = made.store.psql(f"SELECT {', '.join(scene.COLD)} FROM online.cold WHERE user_id = {user}").strip()
        reply = client.execute_command("FS.GET", "cold", user)
        assert [reply[name.encode()] for name in scene.COLD] == [float(value) for value in row.split("|")], (user, row, reply)


def pgbench(made: scene.Scene, seconds: int, rate: float = 0) -> tuple[float, list[float]]:
    """:returns: transactions a second, and where a rate is given latencies in µs from when they were due, ascending."""
    script = made.options.folder / "fetch.sql"
    script.write_text(f"\\set user random(0, {made.entities - 1})\nSELECT {', '.join(scene.COLD)} FROM online.cold WHERE user_id = :user;\n")
    prefix = made.options.folder / "pgbench-log"
    connections = 5 if made.options.is_quick else load.CONNECTIONS
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", str(seconds), "-f", str(script)]
    if rate:
        command += ["--rate", str(rate), "--log", "--log-prefix", str(prefix)]
    done = subprocess.run([*command, made.store.conninfo], capture_output=True, text=True, timeout=seconds + 60)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert done.returncode == 0 and found, f"{done.stdout}{done.stderr}"
    latencies = []
    for path in made.options.folder.glob("pgbench-log.*"):
        latencies += [float(line.split()[2]) for line in path.read_text().splitlines() if "skipped" not in line]
        path.unlink()
    assert latencies or not rate, done.stdout
    return float(found[1]), sorted(latencies)


def lines(source: random.Random, rows: int, entities: int, at_us: int) -> bytes:
    """Line protocol of random users of the view `events`, with times in µs."""
    text = []
    for _ in range(rows):
        fields = ",".join(f"{name}={source.random():.6f}" for name in scene.EVENTS)
        text.append(f"events,user_id={source.randrange(entities)} {fields} {at_us}")
        at_us += 1
    return "\n".join(text).encode()


def write(made: scene.Scene) -> None:
    """FS.WRITE of 1,000 rows of 10 features a command on 4 connections."""
    server = made.pair("free").asof
    commands, rows = (2, 50) if made.options.is_quick else (60, 1_000)
    rates = []
    for attempt in range(made.options.runs):
        start_us = int(time.time() * 1e6) - 60_000_000
        batches = [
            [lines(random.Random(attempt * 10_000 + c * 100 + n), rows, made.entities, start_us) for n in range(commands)]
            for c in range(4)
        ]
        clients = [writer(server, socket_timeout=60) for _ in range(4)]
        for client in clients:
            client.ping()
        problems: list[object] = []

        def send(client, texts: list[bytes]) -> None:
            for text in texts:
                reply = client.execute_command("FS.WRITE", text, "PRECISION", "us")
                if reply[b"accepted"] != rows:
                    problems.append(reply)

        threads = [threading.Thread(target=send, args=pair) for pair in zip(clients, batches)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates.append(4 * commands * rows / (time.perf_counter() - begin))
        assert not problems, problems[0]
    print(f"serve write: {[round(rate) for rate in rates]} rows/s")
    harness.report("serve", "write", statistics.median(rates), None, "rows/s")


def start(options: harness.Options) -> None:
    """From the start of the process until INFO says loading:0, 1 M entities × 10 float64."""
    entities = 5_000 if options.is_quick else 1_000_000
    features = ", ".join(f"f{number}: float64" for number in range(10))
    store = harness.Store(
        options,
        f"entities:\n  user: {{ key: user_id, type: int64 }}\nviews:\n  big:\n    entities: [user]\n    features: {{ {features} }}\n",
    )
    path = options.folder / f"big-{entities}.csv"
    if not path.exists():
        source = random.Random(9)
        with path.with_suffix(".part").open("w") as file:
            file.write("user_id,event_time," + ",".join(f"f{number}" for number in range(10)) + "\n")
            for user in range(entities):
                file.write(f"{user},2026-01-01T00:00:00Z," + ",".join(repr(source.random()) for _ in range(10)) + "\n")
        path.with_suffix(".part").rename(path)
    store.asof("ingest", "big", str(path), "--quiet")
    seconds = []
    for _ in range(options.runs):
        begin = time.perf_counter()
        server = servers.start_asof(store)
        seconds.append(time.perf_counter() - begin)
        size = server.ask("DBSIZE")
        assert size == f":{entities}\r\n".encode(), size
        server.stop()
    print(f"serve start: {[round(value, 2) for value in seconds]} s for {entities} entities")
    harness.report("serve", "start", statistics.median(seconds), None, "s", rows_per_s=round(entities / statistics.median(seconds)))
    store.close()


def visibility(made: scene.Scene) -> None:
    """From the acknowledgement of a write on one server until another one shows it, under 1,000 writes a second."""
    server = made.pair("free").asof
    other = servers.start_asof(made.store)
    seconds = 2 if made.options.is_quick else 20
    first, reader = writer(server), writer(other)
    is_over = threading.Event()

    def load() -> None:
        """Writes of one row, 20 every 20 ms."""
        client = writer(server)
        source = random.Random(5)
        next_at = time.perf_counter()
        while not is_over.is_set():
            pipe = client.pipeline(transaction=False)
            for _ in range(20):
                fields = [word for name in scene.EVENTS for word in (name, repr(source.random()))]
                pipe.execute_command("FS.SET", "events", 1_000 + source.randrange(500), "*", *fields)
            pipe.execute()
            next_at += 0.02
            time.sleep(max(0.0, next_at - time.perf_counter()))

    thread = threading.Thread(target=load)
    thread.start()
    delays = []
    end = time.perf_counter() + seconds
    value = 0.0
    while time.perf_counter() < end:
        value += 1
        fields = [word for name in scene.EVENTS for word in (name, repr(value))]
        first.execute_command("FS.SET", "events", 1, "*", *fields)
        acknowledged = time.perf_counter()
        while reader.execute_command("FS.GET", "events", 1, "FEATURES", 1, "e0")[b"e0"] != value:
            if time.perf_counter() - acknowledged > 10:
                raise SystemExit("a write was not visible on the other server after 10 s")
        delays.append((time.perf_counter() - acknowledged) * 1e3)
        time.sleep(0.005)
    is_over.set()
    thread.join()
    other.stop()
    delays.sort()
    p99 = delays[min(len(delays) - 1, int(len(delays) * 0.99))]
    harness.report(
        "serve", "visibility", p99, None, "ms, p99", p50=round(statistics.median(delays), 2), worst=round(delays[-1], 2), writes=len(delays)
    )


def soak(made: scene.Scene) -> None:
    """Ten minutes of reads and writes; memory after two minutes and at the end."""
    server = made.pair("free").asof
    minutes = 0.1 if made.options.is_quick else 10
    end = time.monotonic() + minutes * 60
    is_over = threading.Event()

    def writes() -> None:
        client = writer(server)
        source = random.Random(11)
        while not is_over.is_set():
            client.execute_command("FS.WRITE", lines(source, 200, made.entities, int(time.time() * 1e6) - 1_000), "PRECISION", "us")
            time.sleep(0.05)

    thread = threading.Thread(target=writes)
    thread.start()
    samples = []
    requests = 0
    while time.monotonic() < end:
        for words, pipeline in ((["FS.GET", "stats", load.RANDOM], 16), (["FS.MGET", "stats", "2", load.RANDOM, load.RANDOM], 1)):
            requests += load.Load(server.port, words, made.entities, 0.5 if made.options.is_quick else 2, pipeline=pipeline).end().answered
        samples.append(server.resident_mib())
    is_over.set()
    thread.join()
    settled = samples[len(samples) // 5]
    print(json.dumps({"soak_mib": [round(sample) for sample in samples[:: max(1, len(samples) // 20)]]}))
    harness.report("serve", "soak", samples[-1] - settled, None, "MiB of growth", requests=requests, end_mib=round(samples[-1]))
