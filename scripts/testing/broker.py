"""What the lane `broker` tries: `asof stream` against a broker of Kafka's protocol. Ends with `broker: n passed, n failed`."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BASE_MS = 1_767_225_600_000  # 2026-01-01
NOIDA = os.environ["NOIDA"]
SEED = int(os.environ.get("ASOF_BROKER_SEED") or random.SystemRandom().randrange(1 << 30))
chance = random.Random(SEED)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Broker:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None
        self.start()
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def start(self):
        log = open(self.folder / "broker.log", "ab")
        self.process = subprocess.Popen(
            [NOIDA, "start", "--data-dir", self.folder / "broker", "--only", "kafka", "--kafka-port", str(self.port)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=2)
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise

    def stop(self):
        """Cleanly: noida-db 0.2.3 that is killed loses what it acknowledged in the last moment."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)

    def create(self, topic, partitions=4):
        # Old event times are the records' own here: by the default of a week they would be gone at once.
        new = NewTopic(topic, partitions, 1, config={"retention.ms": "-1"})
        self.admin.create_topics([new])[topic].result(20)

    def delete(self, topic):
        self.admin.delete_topics([topic])[topic].result(20)
        time.sleep(0.5)

    def producer(self, **settings):
        return Producer({"bootstrap.servers": self.address, "linger.ms": 5, "log_level": 0, **settings})

    def produce(self, topic, numbers, producer=None, record=None, partitions=4):
        producer = producer or self.producer()
        failures = []
        for number in numbers:
            key, value = (record or event)(number)
            while True:
                try:
                    producer.produce(
                        topic, value, key, partition=number % partitions, timestamp=BASE_MS + number,
                        on_delivery=lambda error, _: failures.append(error) if error else None,
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        left = producer.flush(60)
        assert not left and not failures, f"{left} records were not sent, {len(failures)} refused: {failures[:1]}"


def event(number):
    """A record: `seq` is its number, by which it is counted."""
    value = {
        "customer": {"id": number % 50, "name": "Jörg \"J\""}, "items": [{"sku": f"sku{number}"}],
        "seq": number, "amount": number / 4, "ts": BASE_MS + number, "more": [1, {"a": None}],
    }
    return str(number % 50), json.dumps(value)


class Store:
    """A store in a folder of its own, with one stream a test."""

    def __init__(self, folder, broker):
        self.folder, self.broker = folder, broker
        self.streams, self.views = {}, {}
        self.asof("init")
        self.uri = self.asof("uri").stdout.strip()

    def asof(self, *arguments, fails=False, **more):
        done = subprocess.run(
            ["asof", *arguments], cwd=self.folder, capture_output=True, text=True, timeout=180, check=False, **more
        )
        if (done.returncode != 0) != fails:
            raise AssertionError(f"asof {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *arguments):
        return subprocess.Popen(
            ["asof", *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def sql(self, statement):
        done = subprocess.run(["psql", "-XAtq", self.uri, "-c", statement], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def define(self, name, **stream):
        self.views[name] = "{ entities: [user], features: { seq: int64, amount: float64, item: string } }"
        self.streams[name] = {
            "kafka": f"{{ brokers: \"{self.broker.address}\", topic: {name} }}", "into": name,
            "map": "{ user_id: value.customer.id, item: \"value.items[0].sku\" }", "event_time": "value.ts unit ms",
            **stream,
        }
        self.apply()

    def apply(self):
        text = "entities:\n  user: { key: user_id, type: int64 }\nviews:\n"
        text += "".join(f"  {name}: {view}\n" for name, view in self.views.items()) + "streams:\n"
        for name, stream in self.streams.items():
            text += f"  {name}:\n" + "".join(f"    {key}: {value}\n" for key, value in stream.items())
        (self.folder / "features.yaml").write_text(text)
        self.asof("apply", "--yes", "--allow-retire")

    def run(self, name, end="--until-caught-up", **more):
        return self.asof("stream", "run", name, end, **more)

    def numbers(self, name):
        text = self.sql(f'SELECT seq FROM history."{name}" WHERE NOT _deleted ORDER BY seq')
        return [int(line) for line in text.split()]

    def expect(self, name, numbers):
        found, expected = self.numbers(name), sorted(numbers)
        if found != expected:
            lost, doubled = set(expected) - set(found), len(found) - len(set(found))
            more = set(found) - set(expected)
            raise AssertionError(f"{len(found)} rows; lost {len(lost)}, doubled {doubled}, not expected {len(more)}")
        # Offsets of all batches are those of the records, each once.
        gaps = self.sql(
            f"""SELECT count(*) FROM (SELECT first, lag(next) OVER (PARTITION BY partition ORDER BY first) AS before
                FROM asof.stream_batches WHERE stream = '{name}') b WHERE before IS NOT NULL AND before <> first"""
        )
        assert gaps == "0", f"{gaps} gaps between the batches of {name}"


def same(found, expected):
    assert found == expected, f"expected {expected!r}, got {found!r}"


def has(text, part):
    assert part in text, f"expected '{part}' in:\n{text}"


# Each has a topic and a stream of its name.


def records_become_rows(broker, store, name):
    broker.create(name)
    store.define(name)
    has(store.asof("stream", "check", name).stdout, "no records to try")
    broker.produce(name, range(3000))
    has(store.asof("stream", "check", name).stdout, "100 records can be stored")
    peeked = [json.loads(line) for line in store.asof("stream", "peek", name, "-n", "3").stdout.splitlines()]
    same(len(peeked), 3)
    same(peeked[0][name]["item"], f"sku{peeked[0][name]['seq']}")
    store.expect(name, [])
    has(store.asof("stream", "status", name).stdout, "not read yet")
    has(store.run(name).stdout, "3,000 records, 3,000 rows stored")
    store.expect(name, range(3000))
    row = json.loads(store.asof("get", name, "7", "--json").stdout)
    same((row["values"][f"{name}__seq"], row["values"][f"{name}__amount"]), (2957, 739.25))
    status = [json.loads(line) for line in store.asof("stream", "status", name, "--json").stdout.splitlines()]
    same([(one["next"], one["lag"], one["state"]) for one in status], [(750, 0, "caught up")] * 4)
    # Again: nothing is stored, no position is taken.
    before = store.sql("SELECT max(position) FROM asof.batches")
    has(store.run(name, "--once").stdout, "nothing new")
    same(store.sql("SELECT max(position) FROM asof.batches"), before)
    has(store.asof("check").stdout, "")


def latest_is_decided_once(broker, store, name):
    broker.create(name)
    broker.produce(name, range(100))
    store.define(name, start="latest")
    store.run(name)
    store.expect(name, [])
    broker.produce(name, range(100, 200))
    store.run(name)
    store.expect(name, range(100, 200))


def a_time_is_a_start(broker, store, name):
    broker.create(name)
    broker.produce(name, range(200))
    store.define(name, start="2026-01-01T00:00:00.150Z")
    store.run(name)
    store.expect(name, range(150, 200))


def kills_lose_and_double_nothing(broker, store, name):
    broker.create(name)
    store.define(name)
    total, made = 60_000, 0
    for round in range(30):
        if made < total:
            broker.produce(name, range(made, made + total // 20))
            made += total // 20
        process = store.start("stream", "run", name, "--linger", "0", "--quiet")
        time.sleep(chance.uniform(0.2, 1.2))
        process.kill()
        process.communicate()
    stored = len(store.numbers(name))
    print(f"fact: 30 runs were killed at random moments; they had stored {stored} of {total} records")
    assert stored > 0, "no run came to store anything"
    store.run(name)
    store.expect(name, range(total))


def two_runs_of_one_stream_store_once(broker, store, name):
    broker.create(name)
    store.define(name)
    broker.produce(name, range(40_000))
    runs = [store.start("stream", "run", name, "--linger", "0", "--until-caught-up") for _ in range(2)]
    first = [run.communicate(timeout=120)[0] for run in runs]
    texts = first
    for run, text in zip(runs, texts):
        assert run.returncode == 0 or "5 times in a row" in text, text
    assert any(run.returncode == 0 for run in runs), "".join(texts)
    store.expect(name, range(40_000))
    # And while records come.
    runs = [store.start("stream", "run", name, "--linger", "0") for _ in range(2)]
    for part in range(20):
        broker.produce(name, range(40_000 + part * 100, 40_100 + part * 100))
        time.sleep(0.05)
    deadline = time.monotonic() + 60
    while len(store.numbers(name)) < 42_000 and time.monotonic() < deadline:
        time.sleep(0.2)
    for run in runs:
        run.send_signal(signal.SIGTERM)
    texts = [run.communicate(timeout=30)[0] for run in runs]
    for run, text in zip(runs, texts):
        assert run.returncode == 0 or "5 times in a row" in text, text
    store.expect(name, range(42_000))
    dropped = sum(int(found) for text in first + texts for found in re.findall(r"; (\d+) batch(?:es)? stored by another", text))
    print(f"fact: two runs of one stream side by side: {dropped} batches were dropped")


def transactions_that_are_not_committed_are_not_seen(broker, store, name):
    broker.create(name)
    store.define(name)
    # Two producers, since noida-db 0.2.3 tells of a producer's aborted transactions also those behind which a read begins:
    # then clients take what that producer commits later for aborted. Kafka tells of none that end before.
    good, bad = (broker.producer(**{"transactional.id": f"{name}-{which}"}) for which in ["good", "bad"])
    good.init_transactions(20)
    bad.init_transactions(20)
    expected = []
    for part in range(10):
        numbers = range(part * 100, part * 100 + 100)
        aborts = part % 3 == 1
        producer = bad if aborts else good
        producer.begin_transaction()
        broker.produce(name, numbers, producer)
        if aborts:
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)
            expected += numbers
        if part in (4, 6):
            store.run(name)
            store.expect(name, expected)
    store.run(name)
    store.expect(name, expected)
    status = [json.loads(line) for line in store.asof("stream", "status", name, "--json").stdout.splitlines()]
    same({one["state"] for one in status}, {"caught up"})
    good.begin_transaction()
    broker.produce(name, range(1000, 1100), good)
    store.run(name)
    store.expect(name, expected)
    good.commit_transaction(20)
    store.run(name)
    store.expect(name, expected + list(range(1000, 1100)))


def a_bad_record_stops_and_is_set_aside(broker, store, name):
    broker.create(name, 1)
    store.define(name)
    bad = {30: "{\"customer\":", 70: None, 71: "[]", 72: "{\"ts\": 1}"}

    def record(number):
        key, value = event(number)
        if number == 73:
            return key, value.replace(f"{number / 4}", "\"much\"")
        return key, bad.get(number, value)

    broker.produce(name, range(100), record=record, partitions=1)
    for _ in range(2):
        has(store.run(name, fails=True).stderr, "partition 0 of topic 'bad', offset 30: ")
        store.expect(name, range(30))
    store.streams[name]["on_error"] = "reject"
    store.apply()
    has(store.run(name).stdout, "5 set aside")
    store.expect(name, set(range(100)) - {30, 70, 71, 72, 73})
    rejects = [json.loads(line) for line in store.asof("stream", "rejects", name, "--json").stdout.splitlines()]
    same(sorted(one["offset"] for one in rejects), [30, 70, 71, 72, 73])
    same({one["offset"]: one["value"] for one in rejects}[30], bad[30])
    has({one["offset"]: one["reason"] for one in rejects}[73], "value.amount is 'much'; expected float64")
    # More than one in a hundred is a wrong definition.
    broker.produce(name, range(100, 300), record=lambda number: (None, "no JSON"), partitions=1)
    has(store.run(name, fails=True).stderr, "more than 1 %")
    same(len(store.asof("stream", "rejects", name, "--json", "-n", "1000").stdout.splitlines()), 5)


def a_tombstone_deletes_its_key(broker, store, name):
    broker.create(name)
    store.define(
        name, deleted="tombstone", map="{ user_id: key, item: \"value.items[0].sku\" }", event_time="timestamp"
    )
    broker.produce(name, range(100))
    broker.produce(name, [157], record=lambda number: ("7", None))
    store.run(name)
    has(store.asof("get", name, "7").stdout, "missing")
    same(store.sql(f'SELECT count(*) FROM online."{name}" WHERE _deleted'), "1")
    same(store.sql(f'SELECT user_id FROM online."{name}" WHERE _deleted'), "7")


def a_broker_and_sessions_may_go_away(broker, store, name):
    broker.create(name)
    store.define(name)
    broker.produce(name, range(5000))
    process = store.start("stream", "run", name, "--linger", "0")
    made = 5000
    for round in range(12):
        time.sleep(0.3)
        store.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
        if round in (3, 7):
            time.sleep(0.5)
            broker.stop()
            time.sleep(0.5)
            broker.start()
        broker.produce(name, range(made, made + 500))
        made += 500
    deadline = time.monotonic() + 60
    while len(store.numbers(name)) < made and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=30)[0]
    assert process.returncode == 0, text
    has(text, "trying again")
    store.expect(name, range(made))


def a_signal_ends_it_cleanly(broker, store, name):
    broker.create(name)
    store.define(name)
    process = store.start("stream", "run", "--all")
    broker.produce(name, range(1000))
    deadline = time.monotonic() + 30
    while len(store.numbers(name)) < 1000 and time.monotonic() < deadline:
        time.sleep(0.1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    text = process.communicate(timeout=30)[0]
    same(process.returncode, 0)
    assert time.monotonic() - begun < 5, text
    store.expect(name, range(1000))


def events_move_windows(broker, store, name):
    broker.create(name)
    store.define(name)
    store.views["events"] = "{ entities: [user], events: { id: seq }, features: { seq: int64, amount: float64 } }"
    store.views["recent"] = (
        "{ entities: [user], windows: { of: events, features: { n: count over 1h, spent: sum(amount) over lifetime } } }"
    )
    store.streams["events"] = {**store.streams[name], "into": "events", "map": "{ user_id: value.customer.id }"}
    del store.streams[name], store.views[name]
    store.apply()
    # All records of a user have one time; every tenth one comes twice.
    now = int(time.time() * 1000) - 60_000

    def record(number):
        key, value = event(number)
        return key, value.replace(str(BASE_MS + number), str(now))

    broker.produce(name, range(1000), record=record)
    broker.produce(name, range(0, 1000, 10), record=record)
    store.run("events")
    same(store.sql("SELECT count(DISTINCT (user_id, seq)) FROM history.events"), "1000")
    row = json.loads(store.asof("get", "recent", "7", "--json").stdout)["values"]
    same((row["recent__n"], row["recent__spent"]), (20, sum(number / 4 for number in range(7, 1000, 50))))


def a_server_reads_streams_beside_serving(broker, store, name):
    broker.create(name)
    store.define(name)
    # Another one that fails leaves the server and its neighbour alone.
    store.define("nowhere")
    server = subprocess.Popen(
        ["asof", "serve", "--listen", "127.0.0.1:0", "--streams", "all"], cwd=store.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        port = int(server.stdout.readline().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            lines = client.makefile("rb")

            def reply():
                head = lines.readline()
                if head[:1] == b"*":
                    return [reply() for _ in range(int(head[1:]))]
                if head[:1] == b"$" and int(head[1:]) >= 0:
                    return lines.read(int(head[1:]) + 2)[:-2].decode()
                return int(head[1:]) if head[:1] == b":" else None

            def newest():
                client.sendall(f"FS.GET {name} 1 FEATURES 1 seq\r\n".encode())
                found = reply()
                return int(found[1]) if found and found[1] is not None else None

            producer, times = broker.producer(**{"linger.ms": 0}), []
            for round in range(101):
                number = 1 + 50 * round
                begun = time.monotonic()
                broker.produce(name, [number], producer)
                while newest() != number:
                    assert time.monotonic() - begun < 60, (number, newest())
                    time.sleep(0.002)
                times.append(time.monotonic() - begun)
        times = sorted(times[1:])
        print(
            f"fact: from produce to FS.GET, one record at a time, a debug build: median {times[50] * 1e3:.0f} ms, "
            f"the slowest of 100 {times[-1] * 1e3:.0f} ms"
        )
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=30)
    except BaseException:
        server.kill()
        print(server.communicate()[1])
        raise
    same(server.returncode, 0)
    has(log, "stream nowhere has ended: ")
    store.expect(name, range(1, 5002, 50))
    has(store.run(name).stdout, "nothing new")


def new_partitions_are_read_from_their_start(broker, store, name):
    from confluent_kafka.admin import NewPartitions

    broker.create(name, 2)
    store.define(name, start="latest")
    store.run(name)
    broker.produce(name, range(100), partitions=2)
    broker.admin.create_partitions([NewPartitions(name, 4)])[name].result(20)
    broker.produce(name, range(100, 200), partitions=4)
    has(store.run(name).stderr, "partition 2, 3 is new")
    store.expect(name, range(200))


def what_is_lost_is_told_apart(broker, store, name):
    errors = {}

    def stopped(topic):
        rows = store.numbers(topic)
        text = store.run(topic, fails=True).stderr
        same(store.numbers(topic), rows)
        has(store.asof("stream", "status", topic, fails=True).stdout, "stalled")
        errors[topic] = text
        return text

    for topic in ["retained", "renewed", "shortened", "narrowed"]:
        broker.create(topic)
        store.define(topic)
        broker.produce(topic, range(400))
        store.run(topic)
    broker.produce("retained", range(400, 800))
    broker.admin.delete_records([TopicPartition("retained", 2, 150)])[TopicPartition("retained", 2)].result(20)
    has(stopped("retained"), "partition 2 of topic 'retained': records 100 to 149 are lost")
    # As many records, and others: only the last one tells.
    for topic, partitions, count in [("renewed", 4, 400), ("shortened", 4, 200), ("narrowed", 2, 400)]:
        broker.delete(topic)
        broker.create(topic, partitions)
        broker.produce(topic, range(1000, 1000 + count), partitions=partitions)
    text = store.run("renewed", fails=True).stderr
    has(text, "another topic stands under this name")
    store.expect("renewed", range(400))
    has(stopped("shortened"), "it ends at offset 50 and was read up to 100")
    has(stopped("narrowed"), "no longer has partition 2, 3")
    broker.delete("narrowed")
    has(store.run("narrowed", fails=True).stderr, "has no topic 'narrowed'")


def what_cannot_be_reached_is_told(broker, store, name):
    store.define(name)
    has(store.run(name, fails=True).stderr, f"has no topic '{name}'")
    store.streams[name]["kafka"] = f'{{ brokers: "127.0.0.1:{free_port()}", topic: {name} }}'
    store.apply()
    has(store.run(name, fails=True).stderr, "Connection refused")
    has(
        store.run(name, fails=True, env={**os.environ, "ASOF_KAFKA_ISOLATION_LEVEL": "read_uncommitted"}).stderr,
        "'isolation.level' is not to be set",
    )
    has(
        store.run(name, fails=True, env={**os.environ, "ASOF_LIBRDKAFKA": "/nowhere"}).stderr,
        "apt install librdkafka1",
    )
    del store.streams[name], store.views[name]
    store.apply()


TRIED = {
    "rows": records_become_rows,
    "latest": latest_is_decided_once,
    "since": a_time_is_a_start,
    "transactions": transactions_that_are_not_committed_are_not_seen,
    "bad": a_bad_record_stops_and_is_set_aside,
    "tombstones": a_tombstone_deletes_its_key,
    "windows": events_move_windows,
    "served": a_server_reads_streams_beside_serving,
    "added": new_partitions_are_read_from_their_start,
    "lost": what_is_lost_is_told_apart,
    "unreachable": what_cannot_be_reached_is_told,
    "pair": two_runs_of_one_stream_store_once,
    "killed": kills_lose_and_double_nothing,
    "away": a_broker_and_sessions_may_go_away,
    "ended": a_signal_ends_it_cleanly,
}


def main():
    passed = failed = 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="asof-broker-"))
    folder.chmod(0o755)
    print(f"fact: seed {SEED} (ASOF_BROKER_SEED)")
    broker = Broker(folder)
    only = sys.argv[1:]
    try:
        for name, test in TRIED.items():
            if only and name not in only:
                continue
            work = folder / name
            work.mkdir()
            begun = time.monotonic()
            try:
                test(broker, Store(work, broker), name)
                passed += 1
                print(f"passed: {test.__name__.replace('_', ' ')} ({time.monotonic() - begun:.1f} s)", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED: {test.__name__.replace('_', ' ')}\n{traceback.format_exc()}", flush=True)
    finally:
        broker.stop()
    print(f"broker: {passed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)


main()
