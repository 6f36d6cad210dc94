"""`asof_client.spark` against `asof export`: the same rows, the same content digest."""
from __future__ import annotations

import json
import pathlib
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ASOF, SEED, run
from worlds import World

from asof_client import AsofError, NotEqual
from asof_client.spark import _join, _rows, content_digest, point_in_time_join
from asof_client.spark._spec import Spec

WORLDS = 20


class Store:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        run(folder, "init")
        self.database = run(folder, "uri").stdout.strip()
        self.worlds = [World(number, SEED) for number in range(WORLDS)]
        parts = [world.definitions() for world in self.worlds]
        texts = ["".join(part[index] for part in parts) for index in range(3)]
        (folder / "features.yaml").write_text(f"entities:\n{texts[0]}views:\n{texts[1]}services:\n{texts[2]}")
        run(folder, "apply", "--yes")
        #: For each world the positions that its history went through.
        self.positions: list[list[int]] = []
        for world in self.worlds:
            reached = []
            for turn in range(3):
                for view in world.views:
                    path = folder / f"{view}-{turn}.parquet"
                    world.batch(view, world.chance.randrange(1, 120), path)
                    run(folder, "ingest", view, str(path), "--deleted", "gone")
                    reached.append(self.position())
            self.positions.append(reached)
        run(folder, "segments", "build", "--tail-rows", "0")
        self.segments = str(folder / "asof-data/segments")

    def position(self) -> int:
        return int(json.loads(run(self.folder, "log", "--json").stdout.splitlines()[0])["position"])

    def export(self, spine: pathlib.Path, service: str, out: pathlib.Path, *more: str) -> dict[str, Any]:
        done = run(self.folder, "export", "--spine", str(spine), "--label-time", "at", "--features", service, "--out", str(out), "--json", *more)
        return dict(json.loads(pathlib.Path(json.loads(done.stdout)["manifest"]).read_text()))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("number", range(WORLDS))
def test_a_world_has_the_digest_that_asof_export_gives(spark: Any, store: Store, tmp_path: pathlib.Path, number: int) -> None:
    world = store.worlds[number]
    chance = world.chance
    spine = tmp_path / "spine.parquet"
    world.spine(chance.choice([1, 50, 400]), spine)
    position = chance.choice([None, *store.positions[number]])
    witness = chance.random() < 0.5
    more = ([] if position is None else ["--position", str(position)]) + (["--witness"] if witness else [])
    expected = store.export(spine, world.name, tmp_path / "asof.parquet", "--engine", "probe", *more)
    made = point_in_time_join(
        spark, store.segments, str(spine), world.name, "at", out=tmp_path / "spark.parquet", position=position, witness=witness,
        hot_rows=chance.choice([3, 20, 1_000_000]), rows_per_file=chance.choice([1_000_000, 90]), binary=ASOF, database=store.database,
    )
    got = made.manifest
    if got["contentDigest"] != expected["contentDigest"]:
        ours = pq.read_table(tmp_path / "asof.parquet").to_pylist()
        theirs = sorted(pq.read_table(tmp_path / "spark.parquet").to_pylist(), key=lambda row: row["n"])
        for mine, other in zip(ours, theirs):
            assert repr(mine) == repr(other)
    for name in ("contentDigest", "spine", "rows", "roles", "columns", "fingerprint", "rules", "store", "service", "format", "witness"):
        if name == "spine":
            assert {**got[name], "source": ""} == {**expected[name], "source": ""}
        else:
            assert got[name] == expected[name], name
    assert got["engine"] == "spark"
    made.verify()


def table(store: Store, rows: list[tuple[Any, ...]], path: pathlib.Path) -> pathlib.Path:
    world = store.worlds[0]
    names = list(world.spine_keys)
    columns = {name: pa.array([1 if world.spine_keys[name] == "int64" else "JFK"] * len(rows)) for name in names}
    columns["at"] = pa.array([row[0] for row in rows], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), path)
    return path


def test_a_key_with_most_rows_is_cut_into_pieces(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    from pyspark.sql import functions as f

    one = spark.range(100_000).select(
        f.lit(1).cast("bigint").alias("k"), f.col("id").alias(_join._TIME), f.lit(1).alias(_join._SIDE), f.col("id").alias(_join._ORDER),
        f.struct(f.col("id").alias("t")).alias(_join.HISTORY), f.lit(None).cast("bigint").alias(_join.ROW))
    pieces = _join._cut(one, ["k"], 1_000).groupBy("k", _join._BUCKET).count().collect()
    assert len(pieces) >= 90 and max(row["count"] for row in pieces) <= 2_000
    # Each piece but the first begins with one row from before.
    assert sum(row["count"] for row in pieces) == 100_000 + len(pieces) - 1
    assert {row[_join._BUCKET] for row in _join._cut(one, ["k"], 100_000).select(_join._BUCKET).distinct().collect()} == {0}


def test_a_frame_keeps_its_order_and_leaves_nothing_but_the_set(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    world = store.worlds[1]
    world.spine(300, tmp_path / "spine.parquet")
    frame = spark.read.parquet(str(tmp_path / "spine.parquet")).repartition(3)
    made = point_in_time_join(spark, store.segments, frame, world.name, "at", out=tmp_path / "set.parquet", binary=ASOF, database=store.database)
    made.verify()
    assert len(made) == 300 and made.manifest["spine"]["source"] == "a DataFrame"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.parquet", "set.parquet.manifest.json", "spine.parquet"]
    assert made.to_spark().count() == 300


def test_a_changed_set_is_told(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    world = store.worlds[2]
    world.spine(100, tmp_path / "spine.parquet")
    made = point_in_time_join(
        spark, store.segments, str(tmp_path / "spine.parquet"), world.name, "at", out=tmp_path / "set.parquet", rows_per_file=40, binary=ASOF,
        database=store.database)
    part = tmp_path / "set.parquet" / made.manifest["output"]["parts"][-1]
    rows = pq.read_table(part)
    pq.write_table(rows.set_column(0, "n", pa.array([value + 1 for value in rows["n"].to_pylist()], pa.int64())), part)
    with pytest.raises(NotEqual, match="n"):
        made.verify()


def test_a_specification_does_where_there_is_no_store(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    world = store.worlds[3]
    world.spine(100, tmp_path / "spine.parquet")
    told = run(store.folder, "export", "--spec-only", "--features", world.name, "--label-time", "at")
    (tmp_path / "spec.json").write_text(told.stdout)
    expected = store.export(tmp_path / "spine.parquet", world.name, tmp_path / "asof.parquet")
    made = point_in_time_join(
        spark, store.segments, str(tmp_path / "spine.parquet"), world.name, "at", out=tmp_path / "set.parquet", spec=tmp_path / "spec.json",
        binary="/nowhere/asof")
    assert made.digest == expected["contentDigest"]
    # The same digest of the file that asof wrote, by Spark alone.
    columns = [(column["name"], column["type"]) for column in expected["spine"]["columns"] + expected["columns"]]
    assert content_digest(spark, [str(tmp_path / "asof.parquet")], columns) == expected["contentDigest"]
    for asked, message in (({"service": "other"}, "features is"), ({"position": 1}, "position is"), ({"label_time": "when"}, "label time is")):
        words = {"service": world.name, "label_time": "at", **asked}
        with pytest.raises(AsofError, match=message):
            point_in_time_join(
                spark, store.segments, str(tmp_path / "spine.parquet"), words["service"], words["label_time"], out=tmp_path / "no.parquet",
                spec=tmp_path / "spec.json", position=words.get("position"))
    with pytest.raises(AsofError, match="this is no specification"):
        Spec({"format": "x"})


def test_blocks_are_of_65536_rows(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    view = next(name for name in store.worlds[0].views)
    keys = store.worlds[0].views[view]["keys"]
    columns = {key: pa.array([1] * 150_000 if store.worlds[0].keys[key] == "int64" else ["JFK"] * 150_000) for key in keys}
    columns["at"] = pa.array(range(1_767_100_000_000_000, 1_767_100_000_150_000), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), tmp_path / "spine.parquet")
    expected = store.export(tmp_path / "spine.parquet", view, tmp_path / "asof.parquet")
    made = point_in_time_join(
        spark, store.segments, str(tmp_path / "spine.parquet"), view, "at", out=tmp_path / "set.parquet", rows_per_file=40_000, hot_rows=10_000,
        binary=ASOF, database=store.database)
    assert made.digest == expected["contentDigest"] and len(made.manifest["output"]["parts"]) == 4


def test_what_cannot_be_joined_is_refused_and_leaves_nothing(spark: Any, store: Store, tmp_path: pathlib.Path) -> None:
    world = store.worlds[4]
    world.spine(10, tmp_path / "spine.parquet")
    spine = pq.read_table(tmp_path / "spine.parquet")

    def refused(message: str, frame: Any, **more: Any) -> None:
        pq.write_table(frame, tmp_path / "other.parquet")
        words = {"out": tmp_path / "set.parquet", "binary": ASOF, "database": store.database, **more}
        with pytest.raises(AsofError, match=message):
            point_in_time_join(spark, store.segments, str(tmp_path / "other.parquet"), world.name, "at", **words)
        assert not (tmp_path / "set.parquet").exists() and not (tmp_path / "set.parquet.manifest.json").exists()

    refused("label time 'at' is not there", spine.drop_columns(["at"]))
    refused("label time 'at' is int64; it must be a timestamp", spine.set_column(spine.column_names.index("at"), "at", spine["n"]))
    refused("is not there; the key", spine.drop_columns([next(iter(world.spine_keys))]))
    refused("a column is called _asof_row", spine.append_column("_asof_row", spine["n"]))
    feature = next(iter(world.views)) + "__" + next(iter(world.views[next(iter(world.views))]["features"]))
    refused(f"two columns '{feature}'", spine.append_column(feature, spine["n"]))
    refused("which is not digested here", spine.append_column("x", pa.array([{"a": 1}] * 10)))
    refused("hot_rows is 0", spine, hot_rows=0)
    refused("position", spine, position=10**9)
    (tmp_path / "there").mkdir()
    with pytest.raises(AsofError, match="is there already"):
        point_in_time_join(spark, store.segments, str(tmp_path / "spine.parquet"), world.name, "at", out=tmp_path / "there", binary=ASOF)
    assert _rows.column_types is not None
