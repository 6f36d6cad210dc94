"""`asof serve` against Redis 7 with one hash per entity, both driven by redis-benchmark -c 50 on loopback.

100 k entities × 50 float64, half of them with all their digits, half rounded to four decimals. Both servers run; one is
driven at a time, in turn, and medians are printed. Before that, the values of some entities are compared one by one.
"""

from __future__ import annotations

import atexit
import csv
import io
import json
import pathlib
import random
import statistics
import subprocess
import threading
import time

import harness
import servers

FEATURES = 50
CASES = ["get1", "text16", "packed1", "packed100", "text100", "memory", "write", "start", "visibility"]
# Only where they are named: they take minutes.
OPTIONAL = ["soak"]
NAMES = [f"f{number}" for number in range(FEATURES)]
DEFINITIONS = f"""
entities:
  user: {{ key: user_id, type: int64 }}
views:
  stats:
    entities: [user]
    features: {{ {", ".join(f"{name}: float64" for name in NAMES)} }}
  events:
    entities: [user]
    features: {{ {", ".join(f"e{number}: float64" for number in range(10))} }}
services:
  model: [stats.*]
"""


class Scene:
    """Both servers with the same data; made once for all cases."""

    def __init__(self, options: harness.Options) -> None:
        self.options = options
        self.entities = 2_000 if options.is_quick else 100_000
        self.store = harness.Store(options, DEFINITIONS)
        path = options.folder / f"stats-{self.entities}.csv"
        stats_csv(path, self.entities)
        empty = servers.start_asof(self.store)
        time.sleep(0.5)
        self.empty_mib = empty.resident_mib()
        empty.stop()
        self.store.asof("ingest", "stats", str(path), "--quiet")
        self.asof = servers.start_asof(self.store)
        self.redis = servers.start_redis(self.store.folder)
        fill_redis(path, self.redis)
        atexit.register(self.close)
        check_equal(self, path)

    def close(self) -> None:
        self.asof.stop()
        self.redis.stop()
        self.store.close()


_scene: list[Scene] = []


def scene(options: harness.Options) -> Scene:
    if not _scene:
        _scene.append(Scene(options))
    return _scene[0]


def stats_csv(path: pathlib.Path, entities: int) -> None:
    """One row an entity; the same for the same size on every machine."""
    if path.exists():
        return
    source = random.Random(7)
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.write("user_id,event_time," + ",".join(NAMES) + "\n")
        for user in range(entities):
            values = [
                repr(source.random() * 100) if place % 2 == 0 else repr(round(source.random() * 1_000, 4)) for place in range(FEATURES)
            ]
            file.write(f"{user},2026-01-01T00:00:00Z," + ",".join(values) + "\n")
    part.rename(path)


def redis_key(user: int) -> str:
    """As redis-benchmark spells __rand_int__."""
    return f"user:{user:012d}"


def fill_redis(path: pathlib.Path, server: servers.Server) -> None:
    pipe = subprocess.Popen(
        ["redis-cli", "-p", str(server.port), "--pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert pipe.stdin is not None
    with path.open() as file:
        for row in list(csv.reader(file))[1:]:
            words = ["HSET", redis_key(int(row[0]))]
            for name, value in zip(NAMES, row[2:]):
                words += [name, value]
            pipe.stdin.write(f"*{len(words)}\r\n".encode())
            pipe.stdin.write(b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words))
    output, _ = pipe.communicate()
    assert pipe.returncode == 0 and b"errors: 0" in output, output


def check_equal(made: Scene, path: pathlib.Path) -> None:
    """Both servers give what the file says, value by value, in every form that is measured."""
    import numpy
    import redis

    ours = redis.Redis(port=made.asof.port, protocol=3)
    peer = redis.Redis(port=made.redis.port)
    with path.open() as file:
        rows = list(csv.reader(file))[1:]
    users = random.Random(3).sample(range(made.entities), min(200, made.entities))
    expected = numpy.array([[float(value) for value in rows[user][2:]] for user in users])
    theirs = numpy.array([[float(value) for value in peer.hmget(redis_key(user), NAMES)] for user in users])
    assert numpy.array_equal(theirs, expected)
    one = [ours.execute_command("FS.GET", "stats", user) for user in users]
    assert numpy.array_equal(numpy.array([[reply[name.encode()] for name in NAMES] for reply in one]), expected)
    assert numpy.array_equal(numpy.array(ours.execute_command("FS.MGET", "stats", len(users), *users)), expected)
    for form, kind in (("packed64", "<f8"), ("packed32", "<f4")):
        reply = ours.execute_command("FS.MGET", "stats", len(users), *users, "FORMAT", form)
        assert numpy.array_equal(
            numpy.frombuffer(reply[b"data"], kind).reshape(len(users), FEATURES), expected.astype(kind)
        )
        served = ours.execute_command("FS.SERVE", "model", "KEYS", 1, "user_id", "ROWS", len(users), *users, "FORMAT", form)
        assert served[b"data"] == reply[b"data"]


def drive(server: servers.Server, requests: int, pipeline: int, words: list[str], entities: int) -> tuple[float, float]:
    """Runs redis-benchmark.

    :returns: requests a second, and the server's CPU µs a request.
    """
    before = server.cpu_seconds()
    command = ["redis-benchmark", "-p", str(server.port), "-c", "50", "-n", str(requests), "-P", str(pipeline)]
    command += ["-r", str(entities), "--csv", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "Error" not in done.stdout, f"{command[:12]}\n{done.stdout}\n{done.stderr}"
    cpu = server.cpu_seconds() - before
    last = list(csv.reader(io.StringIO(done.stdout)))[-1]
    # Behind the command's own name, which may hold commas.
    return float(last[-7] if len(last) > 7 else last[1]), cpu / requests * 1e6


def compare(case: str, made: Scene, ours: tuple[list[str], int, int, int], peer: tuple[list[str], int, int, int]) -> None:
    """Drives both in turn and reports rates and CPU.

    :param ours: the command, the pipeline's length, how many requests, and entities a request.
    """
    runs = made.options.runs
    rates: tuple[list[float], list[float]] = ([], [])
    costs: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for side, (server, (words, pipeline, requests, entities)) in enumerate(((made.asof, ours), (made.redis, peer))):
            rate, cost = drive(server, requests, pipeline, words, made.entities)
            rates[side].append(rate * entities)
            costs[side].append(cost / entities)
    print(f"serve {case}: ours {[round(rate) for rate in rates[0]]}, Redis {[round(rate) for rate in rates[1]]} entities/s")
    harness.report(
        "serve", f"cpu-{case}", statistics.median(costs[0]), statistics.median(costs[1]), "us of server CPU an entity"
    )
    harness.report("serve", case, statistics.median(rates[0]), statistics.median(rates[1]), "entities/s")


def run(case: str, options: harness.Options) -> None:
    if case == "start":
        return start(options)
    made = scene(options)
    scale = 1 if options.is_quick else 100
    rand = "__rand_int__"
    hmget = ["HMGET", "user:" + rand, *NAMES]
    many = ["FS.MGET", "stats", "100"] + [rand] * 100
    if case == "get1":
        compare(case, made, (["FS.GET", "stats", rand], 1, 2_000 * scale, 1), (hmget, 1, 2_000 * scale, 1))
    elif case == "text16":
        compare(case, made, (["FS.GET", "stats", rand], 16, 4_000 * scale, 1), (hmget, 16, 4_000 * scale, 1))
    elif case == "packed1":
        packed = ["FS.MGET", "stats", "1", rand, "FORMAT", "packed64"]
        compare(case, made, (packed, 16, 8_000 * scale, 1), (hmget, 16, 4_000 * scale, 1))
    elif case == "packed100":
        compare(case, made, (many + ["FORMAT", "packed32"], 1, 200 * scale, 100), (hmget, 100, 4_000 * scale, 1))
    elif case == "text100":
        compare(case, made, (many, 1, 60 * scale, 100), (hmget, 100, 4_000 * scale, 1))
    elif case == "memory":
        memory(made)
    elif case == "write":
        write(made)
    elif case == "visibility":
        visibility(made)
    elif case == "soak":
        soak(made)


def memory(made: Scene) -> None:
    """Resident memory above an empty server, against what Redis says it uses."""
    info = made.redis.ask("INFO", "memory").decode()
    used = int(next(line.split(":")[1] for line in info.splitlines() if line.startswith("used_memory:"))) / 2**20
    # Of a server that has served nothing yet: buffers of connections are not part of it.
    fresh = servers.start_asof(made.store)
    time.sleep(0.5)
    resident = fresh.resident_mib()
    fresh.stop()
    harness.report("serve", "memory", resident - made.empty_mib, used, "MiB", rss_mib=round(resident), empty_mib=round(made.empty_mib))


def lines(source: random.Random, rows: int, entities: int, at_us: int) -> bytes:
    """Line protocol of random users of the view `events`, with times in µs."""
    text = []
    for _ in range(rows):
        fields = ",".join(f"e{number}={source.random():.6f}" for number in range(10))
        text.append(f"events,user_id={source.randrange(entities)} {fields} {at_us}")
        at_us += 1
    return "\n".join(text).encode()


def write(made: Scene) -> None:
    """FS.WRITE of 1,000 rows of 10 features a command on 4 connections."""
    import redis

    commands, rows = (2, 50) if made.options.is_quick else (60, 1_000)
    rates = []
    for attempt in range(made.options.runs):
        start_us = int(time.time() * 1e6) - 60_000_000
        batches = [
            [lines(random.Random(attempt * 10_000 + c * 100 + n), rows, made.entities, start_us) for n in range(commands)]
            for c in range(4)
        ]
        clients = [redis.Redis(port=made.asof.port, protocol=3, socket_timeout=60) for _ in range(4)]
        for client in clients:
            client.ping()
        problems: list[object] = []

        def send(client: redis.Redis, texts: list[bytes]) -> None:
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


def visibility(made: Scene) -> None:
    """From the acknowledgement of a write on one server until another one shows it, under 1,000 writes a second."""
    import redis

    other = servers.start_asof(made.store)
    seconds = 2 if made.options.is_quick else 20
    writer = redis.Redis(port=made.asof.port, protocol=3)
    reader = redis.Redis(port=other.port, protocol=3)
    is_over = threading.Event()

    def load() -> None:
        """Writes of one row, 20 every 20 ms."""
        client = redis.Redis(port=made.asof.port, protocol=3)
        source = random.Random(5)
        next_at = time.perf_counter()
        while not is_over.is_set():
            pipe = client.pipeline(transaction=False)
            for _ in range(20):
                fields = [word for number in range(10) for word in (f"e{number}", repr(source.random()))]
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
        fields = [word for number in range(10) for word in (f"e{number}", repr(value))]
        writer.execute_command("FS.SET", "events", 1, "*", *fields)
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


def soak(made: Scene) -> None:
    """Ten minutes of reads and writes; memory after two minutes and at the end."""
    import redis

    minutes = 0.1 if made.options.is_quick else 10
    end = time.monotonic() + minutes * 60
    is_over = threading.Event()

    def writes() -> None:
        client = redis.Redis(port=made.asof.port, protocol=3)
        source = random.Random(11)
        while not is_over.is_set():
            client.execute_command("FS.WRITE", lines(source, 200, made.entities, int(time.time() * 1e6) - 1_000), "PRECISION", "us")
            time.sleep(0.05)

    thread = threading.Thread(target=writes)
    thread.start()
    samples = []
    requests = 0
    while time.monotonic() < end:
        for words, pipeline in ((["FS.GET", "stats", "__rand_int__"], 16), (["FS.MGET", "stats", "2", "__rand_int__", "__rand_int__"], 1)):
            drive(made.asof, 20_000, pipeline, words, made.entities)
            requests += 20_000
        samples.append(made.asof.resident_mib())
    is_over.set()
    thread.join()
    settled = samples[len(samples) // 5]
    print(json.dumps({"soak_mib": [round(sample) for sample in samples[:: max(1, len(samples) // 20)]]}))
    harness.report("serve", "soak", samples[-1] - settled, None, "MiB of growth", requests=requests, end_mib=round(samples[-1]))
