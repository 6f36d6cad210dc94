"""`asof serve` against Redis 7 on the same values, both driven by bench/load.c with 50 connections on loopback.

Names of cases: `core-` = either server on the same one CPU, the load on another one; `free-` = servers and load on all CPUs,
Redis with one thread and with `io-threads 2`, of which the faster is the peer. Then what is asked:

text1, text16    all features of one entity as text: FS.GET, HGETALL; one request at a time a connection, 16 at a time
packed1, packed16  the same as 50 float64: FS.MGET FORMAT packed64, GET of a string with those bytes
packed100        100 entities a request: FS.MGET FORMAT packed64, MGET of 100 such strings
text100          100 entities: FS.MGET as rows of text, 100 pipelined HGETALL
…-latency        percentiles at half of the highest rate of the slower server, in an open loop: see bench/load.c

Servers run side by side, one is driven at a time, in turn; medians are printed. Before that, values are compared.
"""

from __future__ import annotations

import statistics

import harness
import load
import scene
import serve_beside
import serve_writes
import servers

RAND = load.RANDOM
MANY = ["FS.MGET", "stats", "100"] + [RAND] * 100
PACKED = ["FORMAT", "packed64"]
# Ours and the peer's: the command, how many requests at a time, entities a request.
READS: dict[str, tuple[tuple[list[str], int, int], tuple[list[str], int, int]]] = {
    "text1": ((["FS.GET", "stats", RAND], 1, 1), (["HGETALL", "user:" + RAND], 1, 1)),
    "text16": ((["FS.GET", "stats", RAND], 16, 1), (["HGETALL", "user:" + RAND], 16, 1)),
    "packed1": ((["FS.MGET", "stats", "1", RAND, *PACKED], 1, 1), (["GET", "blob:" + RAND], 1, 1)),
    "packed16": ((["FS.MGET", "stats", "1", RAND, *PACKED], 16, 1), (["GET", "blob:" + RAND], 16, 1)),
    "packed100": ((MANY + PACKED, 1, 100), (["MGET"] + ["blob:" + RAND] * 100, 1, 100)),
    "text100": ((MANY, 1, 100), (["HGETALL", "user:" + RAND], 100, 1)),
}
LATENCIES = ["text1", "packed1", "packed100"]
MODES = ["core", "free"]
CASES = (
    ["memory", "memory-blobs"]
    + [f"{mode}-{case}" for mode in MODES for case in [*READS, *(f"{name}-latency" for name in LATENCIES)]]
    + ["mixed", "fetched", "fetched-latency", "write", "start", "visibility", "large-mget", "large-serve", "set-ingest"]
)
# Only where they are named: they take minutes.
OPTIONAL = ["soak"]

_scene: list[scene.Scene] = []


def made(options: harness.Options) -> scene.Scene:
    if not _scene:
        _scene.append(scene.Scene(options))
    return _scene[0]


def run(case: str, options: harness.Options) -> None:
    mode, _, name = case.partition("-")
    if mode in MODES:
        pair = made(options).pair(mode)
        if name.endswith("-latency"):
            latency(case, pair, READS[name.removesuffix("-latency")], options)
        else:
            throughput(case, pair, READS[name], options)
    elif mode == "memory":
        memory(case, made(options))
    elif case == "start":
        serve_writes.start(options)
    elif mode == "large":
        serve_beside.large(case, made(options))
    elif mode == "set":
        serve_beside.set_beside_ingest(made(options))
    elif mode == "fetched":
        serve_writes.fetched(case, made(options))
    else:
        {
            "mixed": serve_writes.mixed, "write": serve_writes.write, "visibility": serve_writes.visibility,
            "soak": serve_writes.soak,
        }[case](made(options))


# The highest rates found of a case, in requests a second: ours and the better peer's, which is named.
_rates: dict[str, tuple[float, float, str]] = {}


def throughput(case: str, pair: scene.Pair, sides, options: harness.Options) -> None:
    """The highest rates of the servers, and the CPU that an entity costs them."""
    seconds = 0.2 if options.is_quick else 4
    tried = {"ours": (pair.asof, sides[0])} | {name: (server, sides[1]) for name, server in pair.peers.items()}
    rates: dict[str, list[float]] = {name: [] for name in tried}
    costs: dict[str, list[float]] = {name: [] for name in tried}
    busy: dict[str, list[float]] = {name: [] for name in tried}
    for attempt in range(options.runs):
        for name, (server, (words, pipeline, entities)) in tried.items():
            before = server.cpu_seconds()
            running = load.Load(
                server.port, words, pair.entities, seconds, pipeline=pipeline, cpu=pair.load_cpu, seed=attempt + 1
            )
            seen = running.end()
            check_size(case, seen, entities)
            costs[name].append((server.cpu_seconds() - before) / (seen.answered * entities) * 1e6)
            rates[name].append(seen.per_second * entities)
            busy[name].append(seen.busy)
    print(f"serve {case}: entities/s { {name: [round(rate) for rate in runs] for name, runs in rates.items()} }")
    medians = {name: statistics.median(runs) for name, runs in rates.items()}
    best = max(pair.peers, key=lambda name: medians[name])
    _rates[case] = (medians["ours"] / sides[0][2], medians[best] / sides[1][2], best)
    harness.report(
        "serve", case, medians["ours"], medians[best], "entities/s", peer_is=best,
        **{name: round(medians[name]) for name in pair.peers},
        ours_cpu_us=round(statistics.median(costs["ours"]), 2), peer_cpu_us=round(statistics.median(costs[best]), 2),
        ours_load_busy=round(statistics.median(busy["ours"]), 2), peer_load_busy=round(statistics.median(busy[best]), 2),
    )


def check_size(case: str, seen: load.Loaded, entities: int) -> None:
    assert seen.reply_bytes > entities * scene.FEATURES * 8, (case, seen)


def latency(case: str, pair: scene.Pair, sides, options: harness.Options) -> None:
    """Percentiles of both servers at one rate, half of what the slower one can do."""
    highest = case.removesuffix("-latency")
    if highest not in _rates:
        throughput(highest, pair, sides, options)
    ours, theirs, peer = _rates[highest]
    seconds = 0.2 if options.is_quick else 10
    # A short run has a few requests, too.
    rate = max(min(ours, theirs) / 2, 20 / seconds)
    seen: tuple[list[load.Loaded], list[load.Loaded]] = ([], [])
    for attempt in range(options.runs):
        for side, (server, (words, _, entities)) in enumerate(zip((pair.asof, pair.peers[peer]), sides)):
            running = load.Load(
                server.port, words, pair.entities, seconds, rate=rate, cpu=pair.load_cpu, seed=attempt + 1
            )
            seen[side].append(running.end())
            check_size(case, seen[side][-1], entities)
    load.report_latency(case, rate, *seen, peer_is=peer)


def memory(case: str, made: scene.Scene) -> None:
    """What the values take above an empty server: ours by resident memory, Redis by its own count."""
    form = "blob" if case == "memory-blobs" else "hash"
    # Servers that have served nothing yet: buffers of connections are not part of it.
    redis = servers.start_redis(made.store.folder)
    empty = redis_memory(redis)
    made.fill_redis(redis, form)
    full = redis_memory(redis)
    redis.stop()
    fresh = servers.start_asof(made.store, "--resident", "stats")
    resident = fresh.resident_mib()
    fresh.stop()
    harness.report(
        "serve", case, resident - made.empty_mib, full["used_memory"] - empty["used_memory"], "MiB",
        rss_mib=round(resident, 1), empty_mib=round(made.empty_mib, 1), peer_rss_mib=round(full["used_memory_rss"], 1),
        peer_empty_rss_mib=round(empty["used_memory_rss"], 1),
    )


def redis_memory(server: servers.Server) -> dict[str, float]:
    """MiB by INFO."""
    pairs = (line.split(":", 1) for line in server.ask("INFO", "memory").decode().splitlines() if ":" in line)
    return {name: int(value) / 2**20 for name, value in pairs if name in ("used_memory", "used_memory_rss")}
