"""Segments, spines, training sets and ingests in object storage, with the built binary and moto. Run by the lane `objects`."""
import csv
import datetime as dt
import gzip
import io
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import zlib

import boto3
import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ASOF = os.environ["ASOF_BINARY"]
SEED = int(os.environ.get("ASOF_SEED") or random.randrange(1 << 32))
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
DEFINITIONS = """
entities: { user: { key: user_id, type: int64 } }
views:
  stats:
    entities: [user]
    ttl: 40d
    delay: 1h
    partition: month
    missing: 'null'
    features: { clicks: int64, ctr: float64, name: string, embedding: vector(3) }
services: { ranking: [stats.*] }
"""


class Storage:
    """moto behind a door that counts requests, fails those it is told to, and holds those it is told to."""

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.requests: list[tuple[str, str, str]] = []
        self.fails = lambda method, path, query: None
        self.seen = threading.Condition()
        self.server = make_server("127.0.0.1", 0, self.answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **KEYS)

    def answer(self, environ, start_response):
        asked = (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        with self.seen:
            self.requests.append(asked)
            self.seen.notify_all()
        status = self.fails(*asked)
        if status is None:
            return self.app(environ, start_response)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = f"<Error><Code>{status.split(' ', 1)[1].replace(' ', '')}</Code><Message>as the test wants it</Message></Error>".encode()
        start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body if asked[0] != "HEAD" else b""]

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def unfinished(self, bucket: str) -> list[str]:
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    def body(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()


KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


class Host:
    """A machine: a folder of its own, and the storage's address in its environment."""

    def __init__(self, folder: pathlib.Path, url: str, database: str | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        self.environment = {
            **os.environ, "TMPDIR": str(folder / "tmp"), "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", **({"ASOF_DATABASE": database} if database else {}),
        }

    def run(self, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess:
        done = subprocess.run([ASOF, *arguments], cwd=self.folder, env={**self.environment, **environment}, capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == status, f"asof {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: str) -> list[dict]:
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]


@pytest.fixture(scope="session")
def storage() -> Storage:
    print(f"seed {SEED}")
    return Storage()


@pytest.fixture()
def bucket(storage: Storage, request) -> str:
    name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())[5:45].strip('-')}-{zlib.crc32(request.node.name.encode()):08x}"
    storage.fails = lambda *_: None
    storage.requests.clear()
    storage.client.create_bucket(Bucket=name)
    return name


def rows(random: random.Random, count: int, start: dt.datetime = START) -> list[list[str]]:
    made = []
    for _ in range(count):
        at = start + dt.timedelta(seconds=random.randrange(90 * 86_400))
        embedding = "" if random.random() < 0.2 else json.dumps([random.choice([0.5, -1.25, 3.0]) for _ in range(3)])
        made.append([
            str(random.randrange(50)), at.isoformat(), "" if random.random() < 0.2 else str(random.randrange(-5, 9)),
            random.choice(["", "NaN", "0.25", "-0.0", "inf"]), random.choice(["", "ä", "long" * 20]), embedding,
        ])
    return made


def text(of: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["user_id", "event_time", "clicks", "ctr", "name", "embedding"], *of])
    return out.getvalue().encode()


def spine(random: random.Random, count: int) -> bytes:
    table = pa.table({
        "user_id": pa.array([None if random.random() < 0.05 else random.randrange(60) for _ in range(count)], pa.int64()),
        "at": pa.array([START + dt.timedelta(seconds=random.randrange(100 * 86_400)) for _ in range(count)], pa.timestamp("us", "UTC")),
        "label": pa.array([random.random() for _ in range(count)]),
    })
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes()


@pytest.fixture()
def host(storage: Storage, bucket: str, tmp_path: pathlib.Path) -> Host:
    made = Host(tmp_path / "one", storage.url)
    made.run("init")
    (made.folder / "features.yaml").write_text(DEFINITIONS)
    made.run("apply", "--yes")
    chance = random.Random(SEED)
    storage.client.put_object(Bucket=bucket, Key="in/history.csv.gz", Body=gzip.compress(text(rows(chance, 3_000))))
    storage.client.put_object(Bucket=bucket, Key="in/spine.parquet", Body=spine(chance, 700))
    made.run("ingest", "stats", f"s3://{bucket}/in/history.csv.gz")
    return made


def export(host: Host, bucket: str, out: str, *more: str) -> dict:
    return host.json("export", "--spine", f"s3://{bucket}/in/spine.parquet", "--label-time", "at", "--features", "ranking",
                     "--out", out, *more)[0]


def test_from_objects_to_objects(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    built = host.json("segments", "build", "--segments", segments, "--tail-rows", "0")[0]
    assert built["written"] == 3 and built["rows"] > 2_000
    listed = host.json("segments", "list", "--segments", segments)
    for file in listed:
        key = file["file"].removeprefix(f"s3://{bucket}/")
        head = storage.client.head_object(Bucket=bucket, Key=key)
        assert (file["bytes"], file["etag"]) == (head["ContentLength"], head["ETag"].strip('"'))
        assert file["fault"] is None
    assert "all in order" in host.run("segments", "check", "--segments", segments).stdout
    looked_up = export(host, bucket, f"s3://{bucket}/sets/probe.parquet", "--engine", "probe")
    scanned = export(host, bucket, f"s3://{bucket}/sets/scan.parquet", "--engine", "scan", "--segments", segments)
    on_disk = export(host, bucket, str(host.folder / "disk.arrow"), "--engine", "scan")
    assert looked_up["content_digest"] == scanned["content_digest"] == on_disk["content_digest"]
    # What was scanned came from the objects, and not from PostgreSQL.
    assert any(method == "GET" and path.endswith(".parquet") and "/segments/" in path for method, path, _ in storage.requests)
    for name in ("probe", "scan"):
        assert f"sets/{name}.parquet.manifest.json" in storage.keys(bucket)
        checked = host.run("verify", f"s3://{bucket}/sets/{name}.parquet.manifest.json", "--segments", segments)
        assert looked_up["content_digest"] in checked.stdout
    # The set beside its manifest does, too; so does a report.
    host.run("verify", f"s3://{bucket}/sets/scan.parquet")
    assert "stats__ctr" in host.run("report", f"s3://{bucket}/sets/scan.parquet").stdout
    table = pq.read_table(pa.BufferReader(storage.body(bucket, "sets/scan.parquet")))
    assert table.num_rows == 700 and storage.unfinished(bucket) == []
    assert list((host.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("kind", ["csv", "jsonl", "arrow"])
def test_every_format_leaves_as_an_object(storage: Storage, bucket: str, host: Host, kind: str) -> None:
    made = export(host, bucket, f"s3://{bucket}/sets/all.{kind}")
    assert made["content_digest"] in host.run("verify", f"s3://{bucket}/sets/all.{kind}").stdout


def test_an_object_is_ingested_once(storage: Storage, bucket: str, host: Host) -> None:
    def commits() -> list[str]:
        return host.run("log", "--json").stdout.splitlines()

    before = commits()
    host.run("ingest", "stats", f"s3://{bucket}/in/history.csv.gz")
    assert commits() == before
    # What is appended goes on where it ended, under the same name.
    chance = random.Random(SEED + 1)
    body = text(rows(chance, 100))
    storage.client.put_object(Bucket=bucket, Key="in/more.csv", Body=body)
    host.run("ingest", "stats", f"s3://{bucket}/in/more.csv")
    more = body + b"\r\n".join(b",".join(value.encode() for value in row[:5]) + b"," for row in [["7", START.isoformat(), "5", "1", "x"]]) + b"\r\n"
    storage.client.put_object(Bucket=bucket, Key="in/more.csv", Body=more)
    grown = host.run("ingest", "stats", f"s3://{bucket}/in/more.csv")
    assert re.search(r"\b1 row\b", grown.stdout), grown.stdout


def test_two_hosts_share_one_set(storage: Storage, bucket: str, host: Host, tmp_path: pathlib.Path) -> None:
    database = host.run("uri").stdout.strip()
    other = Host(tmp_path / "two", storage.url, database)
    segments = f"s3://{bucket}/shared/"
    # Both make the directory and build at once: one directory, one set of files.
    running = [subprocess.Popen([ASOF, "segments", "build", "--segments", segments, "--tail-rows", "0", "--json"], cwd=one.folder,
                                env=one.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for one in (host, other)]
    outs = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], outs
    built = [json.loads(out.splitlines()[0]) for out, _ in outs]
    assert sorted(one["written"] for one in built) == [0, 3], built
    assert len([key for key in storage.keys(bucket) if key.startswith("shared/view=") and key.endswith(".parquet")]) == 3
    mine, theirs = (one.json("segments", "list", "--segments", segments) for one in (host, other))
    assert [file["file"] for file in mine] == [file["file"] for file in theirs]
    digests = {export(one, bucket, str(one.folder / "set.parquet"), "--engine", "scan", "--segments", segments)["content_digest"]
               for one in (host, other)}
    assert len(digests) == 1
    # A directory of another store is refused.
    third = Host(tmp_path / "three", storage.url)
    third.run("init")
    refused = third.run("segments", "build", "--segments", segments, status=1)
    assert "these are segments of store" in refused.stderr


def test_who_reads_goes_on_where_a_build_replaces_and_forgotten_rows_go_at_once(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    before = {key for key in storage.keys(bucket) if key.endswith(".parquet") and "view=" in key}
    more = pathlib.Path(host.folder / "late.csv")
    more.write_bytes(text(rows(random.Random(SEED + 2), 500)))
    host.run("ingest", "stats", str(more))
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    listed = {file["file"].removeprefix(f"s3://{bucket}/") for file in host.json("segments", "list", "--segments", segments)}
    assert listed.isdisjoint(before) and before <= set(storage.keys(bucket))
    # Another build leaves them, too, and no check calls them strays.
    host.run("segments", "build", "--segments", segments)
    assert before <= set(storage.keys(bucket))
    assert "not listed" not in host.run("segments", "check", "--segments", segments).stdout
    host.run("forget", "user", "7", "--yes")
    host.run("segments", "build", "--segments", segments)
    now = {key for key in storage.keys(bucket) if key.endswith(".parquet") and "view=" in key}
    assert now.isdisjoint(before) and now == {
        file["file"].removeprefix(f"s3://{bucket}/") for file in host.json("segments", "list", "--segments", segments)}
    for key in now:
        assert 7 not in pq.read_table(pa.BufferReader(storage.body(bucket, key)))["user_id"].to_pylist()


def test_an_upload_that_fails_leaves_nothing(storage: Storage, bucket: str, host: Host) -> None:
    wide = pa.table({"user_id": pa.array(range(400), pa.int64()), "at": pa.array([START] * 400, pa.timestamp("us", "UTC")),
                     "blob": pa.array([random.Random(n).randbytes(75_000) for n in range(400)])})
    pq.write_table(wide, host.folder / "wide.parquet", compression=None)
    arguments = ["export", "--spine", "wide.parquet", "--label-time", "at", "--features", "ranking", "--out", f"s3://{bucket}/sets/wide.parquet"]
    # The second part of a multipart upload is refused for good.
    storage.fails = lambda method, path, query: "403 Access Denied" if method == "PUT" and "partNumber=2" in query else None
    failed = host.run(*arguments, status=1)
    assert f"s3://{bucket}/sets/wide.parquet: cannot be written" in failed.stderr
    assert storage.keys(bucket) == ["in/history.csv.gz", "in/spine.parquet"] and storage.unfinished(bucket) == []
    storage.fails = lambda *_: None
    host.run(*arguments)
    host.run("verify", f"s3://{bucket}/sets/wide.parquet")
    # A second one that fails leaves the first as it was, with its manifest.
    whole = storage.body(bucket, "sets/wide.parquet.manifest.json")
    storage.fails = lambda method, path, query: "403 Access Denied" if method == "PUT" and "partNumber=2" in query else None
    host.run(*arguments, status=1)
    storage.fails = lambda *_: None
    assert storage.body(bucket, "sets/wide.parquet.manifest.json") == whole and storage.unfinished(bucket) == []
    host.run("verify", f"s3://{bucket}/sets/wide.parquet")


def test_an_upload_that_cannot_be_looked_at_afterwards_is_whole(storage: Storage, bucket: str, host: Host) -> None:
    taken = []

    def fails(method, path, query):
        if method == "PUT" and path.endswith("/sets/seen.csv"):
            taken.append(path)
        return "403 Forbidden" if method == "HEAD" and taken and path.endswith("/sets/seen.csv") else None

    storage.fails = fails
    export(host, bucket, f"s3://{bucket}/sets/seen.csv")
    assert taken and any(method == "HEAD" and path.endswith("/sets/seen.csv") for method, path, _ in storage.requests)
    storage.fails = lambda *_: None
    assert "sets/seen.csv.manifest.json" in storage.keys(bucket)
    host.run("verify", f"s3://{bucket}/sets/seen.csv")


def test_dropped_segments_stay_for_those_who_read_them(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    before = {key for key in storage.keys(bucket) if "view=" in key}
    said = host.run("segments", "drop", "stats", "--segments", segments).stdout
    assert "0 files removed" in said and f"{len(before)} objects not used any more" in said
    assert before <= set(storage.keys(bucket)) and host.json("segments", "list", "--segments", segments) == []
    host.run("forget", "user", "7", "--yes")
    storage.fails = lambda method, path, query: "403 Forbidden" if method == "DELETE" else None
    assert f"{len(before)} files not used any more could not be removed" in host.run("segments", "drop", "--all", "--segments", segments, status=1).stderr
    storage.fails = lambda *_: None
    assert f"{len(before)} files removed" in host.run("segments", "drop", "--all", "--segments", segments).stdout
    assert before.isdisjoint(storage.keys(bucket))


def test_an_export_that_is_ended_leaves_nothing(storage: Storage, bucket: str, host: Host) -> None:
    wide = pa.table({"user_id": pa.array(range(400), pa.int64()), "at": pa.array([START] * 400, pa.timestamp("us", "UTC")),
                     "blob": pa.array([random.Random(n).randbytes(75_000) for n in range(400)])})
    pq.write_table(wide, host.folder / "wide.parquet", compression=None)
    held = threading.Event()
    storage.fails = lambda method, path, query: held.wait(60) and None if "partNumber=1" in query else None
    process = subprocess.Popen([ASOF, "export", "--spine", "wide.parquet", "--label-time", "at", "--features", "ranking", "--out",
                                f"s3://{bucket}/sets/wide.parquet"], cwd=host.folder, env=host.environment, stderr=subprocess.PIPE, text=True)
    with storage.seen:
        assert storage.seen.wait_for(lambda: any("partNumber=1" in query for _, _, query in storage.requests), 60)
    process.send_signal(signal.SIGINT)
    held.set()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert storage.keys(bucket) == ["in/history.csv.gz", "in/spine.parquet"] and storage.unfinished(bucket) == []


def test_a_build_that_is_killed_leaves_whole_objects_only(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    held = threading.Event()
    puts = []

    def fails(method, path, query):
        if method == "PUT" and path.endswith(".parquet"):
            puts.append(path)
            if len(puts) > 1:
                held.wait(60)
        return None

    storage.fails = fails
    process = subprocess.Popen([ASOF, "segments", "build", "--segments", segments, "--jobs", "1"], cwd=host.folder, env=host.environment)
    with storage.seen:
        assert storage.seen.wait_for(lambda: len(puts) > 1, 60)
    process.kill()
    process.wait(60)
    storage.fails = lambda *_: None
    held.set()
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    assert "all in order" in host.run("segments", "check", "--segments", segments).stdout
    digests = {export(host, bucket, str(host.folder / f"{engine}.parquet"), "--engine", engine, *more)["content_digest"]
               for engine, more in (("probe", []), ("scan", ["--segments", segments]))}
    assert len(digests) == 1


@pytest.mark.parametrize("damage", ["replaced", "removed", "refused"])
def test_an_object_that_is_of_no_use_costs_time_and_no_wrong_value(storage: Storage, bucket: str, host: Host, damage: str) -> None:
    segments = f"s3://{bucket}/segments"
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    right = export(host, bucket, str(host.folder / "probe.parquet"), "--engine", "probe")["content_digest"]
    key = host.json("segments", "list", "--segments", segments)[1]["file"].removeprefix(f"s3://{bucket}/")
    if damage == "replaced":
        body = bytearray(storage.body(bucket, key))
        body[200] ^= 1
        storage.client.put_object(Bucket=bucket, Key=key, Body=bytes(body))
    elif damage == "removed":
        storage.client.delete_object(Bucket=bucket, Key=key)
    else:
        storage.fails = lambda method, path, query: "403 Forbidden" if path.endswith(key) else None
    done = host.run("export", "--spine", f"s3://{bucket}/in/spine.parquet", "--label-time", "at", "--features", "ranking", "--out",
                    "scan.parquet", "--engine", "scan", "--segments", segments, "--json")
    assert json.loads(done.stdout)["content_digest"] == right
    expected = {"replaced": "ETag", "removed": "missing", "refused": "cannot be read|403|ACCESS_DENIED|Forbidden"}[damage]
    assert re.search(rf"WARNING: segment s3://{bucket}/{key} is not read: .*({expected})", done.stderr), done.stderr
    assert "asof segments build stats" in done.stderr


@pytest.mark.parametrize("name, message", [
    ("s3://", "is no name of a bucket"), ("s3://b", "is no name of a bucket"), ("s3://bucket", "behind the bucket goes a key"),
    ("s3://bucket/a//b.csv", "parts between single slashes"), ("s3://bucket/../x.csv", "parts between single slashes"),
    ("s3://key:secret@bucket/x.csv", "credentials come from AWS_ACCESS_KEY_ID"), ("s3://bucket/x.csv?region=eu", "settings come from"),
    ("s3://{bucket}/nothing.csv", "there is no such file"), ("s3://no-such-bucket-1/x.csv", "no-such-bucket-1"),
])
def test_a_name_that_is_wrong_is_refused(storage: Storage, bucket: str, host: Host, name: str, message: str) -> None:
    done = host.run("ingest", "stats", name.replace("{bucket}", bucket), status=1)
    assert message in done.stderr and "secret" not in done.stderr, done.stderr


@pytest.mark.parametrize("environment, message", [
    ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL is no endpoint; expected http://HOST:PORT"),
    ({"AWS_REGION": "eu west"}, "the region 'eu west' of AWS_REGION is none"),
    ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "cannot be read"),
])
def test_an_environment_that_is_wrong_is_told(storage: Storage, bucket: str, host: Host, environment: dict, message: str) -> None:
    done = host.run("ingest", "stats", f"s3://{bucket}/in/history.csv.gz", status=1, **environment)
    assert message in done.stderr, done.stderr


def test_unreachable_storage_at_the_usual_place_costs_a_warning(storage: Storage, bucket: str, host: Host) -> None:
    (host.folder / "spine.parquet").write_bytes(storage.body(bucket, "in/spine.parquet"))
    done = host.run("export", "--spine", "spine.parquet", "--label-time", "at", "--features", "ranking", "--out", "set.parquet",
                    AWS_ENDPOINT_URL="http://127.0.0.1:1", ASOF_SEGMENTS=f"s3://{bucket}/segments", )
    assert "WARNING: segments are not read" in done.stderr and "PostgreSQL is read instead" in done.stderr


def test_what_names_no_object_opens_no_library(host: Host, storage: Storage, bucket: str) -> None:
    (host.folder / "spine.parquet").write_bytes(storage.body(bucket, "in/spine.parquet"))
    arguments = ["export", "--label-time", "at", "--features", "ranking", "--out", "set.parquet"]
    quiet = host.run(*arguments, "--spine", "spine.parquet", LD_DEBUG="files")
    loud = host.run(*arguments, "--spine", f"s3://{bucket}/in/spine.parquet", LD_DEBUG="files")
    assert "libarrow_s3" not in quiet.stderr and "libarrow_s3" in loud.stderr


def test_duckdb_and_pyarrow_read_the_same_objects(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    export(host, bucket, f"s3://{bucket}/sets/set.parquet")
    files = pa.fs.S3FileSystem(access_key="test", secret_key="test", endpoint_override=storage.url.removeprefix("http://"),
                               scheme="http", region="us-east-1")
    history = pyarrow.dataset.dataset(f"{bucket}/segments/view=stats", filesystem=files, format="parquet").to_table()
    mine = pq.read_table(f"{bucket}/sets/set.parquet", filesystem=files)
    labels = pq.read_table(f"{bucket}/in/spine.parquet", filesystem=files).append_column("n", pa.array(range(mine.num_rows)))
    connection = duckdb.connect()
    connection.register("labels", labels)
    connection.register("history", history)
    joined = connection.sql("""
        SELECT CASE WHEN h._event_time >= s."at" - INTERVAL 40 DAY AND NOT h._deleted THEN h.clicks END FROM (
            SELECT *, "at" - INTERVAL 1 HOUR AS known FROM labels) s
        ASOF LEFT JOIN (SELECT DISTINCT ON (user_id, _event_time) * FROM history ORDER BY user_id, _event_time, _position DESC) h
        ON s.user_id = h.user_id AND s.known >= h._event_time ORDER BY s.n""").fetchall()
    assert [row[0] for row in joined] == mine["stats__clicks"].to_pylist()
    assert any(row[0] is not None for row in joined) and any(row[0] is None for row in joined)


def test_a_features_column_has_its_id_as_field_id(storage: Storage, bucket: str, host: Host) -> None:
    host.run("segments", "build", "--segments", f"s3://{bucket}/segments")
    spec = json.loads(host.run("export", "--spec-only", "--features", "ranking", "--label-time", "at", "--segments", f"s3://{bucket}/segments").stdout)
    view = spec["segments"]["views"][0]
    for file in view["files"]:
        schema = pq.read_schema(pa.BufferReader(storage.body(bucket, f"segments/{file['file']}")))
        ids = {field.name: int((field.metadata or {}).get(b"PARQUET:field_id", b"-1")) for field in schema}
        assert {name: number for name, number in ids.items() if number >= 0} == {one["name"]: one["id"] for one in view["features"]}


def test_a_specification_says_what_is_joined_and_refuses_what_files_lack(storage: Storage, bucket: str, host: Host) -> None:
    segments = f"s3://{bucket}/segments"
    host.run("segments", "build", "--segments", segments)
    arguments = ["export", "--spec-only", "--features", "ranking", "--label-time", "at", "--segments", segments]
    spec = json.loads(host.run(*arguments).stdout)
    assert spec["format"] == "asof-spec/1" and spec["roles"][0] | {"keys": 0} == {
        "view": "stats", "prefix": "stats", "keys": 0, "ttl": "40d", "ttlUs": 40 * 86_400_000_000, "delay": "1h", "delayUs": 3_600_000_000,
        "strict": False}
    view = spec["segments"]["views"][0]
    assert sorted(file["file"] for file in view["files"]) == sorted(
        file["file"].removeprefix(segments + "/") for file in host.json("segments", "list", "--segments", segments))
    assert all(storage.client.head_object(Bucket=bucket, Key=f"segments/{file['file']}")["ETag"].strip('"') == file["etag"] for file in view["files"])
    late = host.folder / "late.csv"
    late.write_bytes(text([["7", START.isoformat(), "5", "1", "x", ""]]))
    host.run("ingest", "stats", str(late))
    refused = host.run(*arguments, status=1)
    position = spec["store"]["position"]
    assert f"reach position {position}" in refused.stderr and "run `asof segments build --tail-rows 0 stats`" in refused.stderr
    assert json.loads(host.run(*arguments, "--position", str(position)).stdout)["store"] == spec["store"]
    host.run("segments", "build", "--segments", segments, "--tail-rows", "0")
    assert json.loads(host.run(*arguments).stdout)["store"]["position"] == position + 1
