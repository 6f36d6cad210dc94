"""Point-in-time joins in Spark, for history beyond one machine: the rows and the content digest of ``asof export``.

>>> from asof_client.spark import point_in_time_join
>>> made = point_in_time_join(spark, "s3a://bucket/segments", "labels.parquet", "ranking", "at", out="set.parquet")  # doctest: +SKIP
>>> made.digest, made.verify()  # doctest: +SKIP
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import AsofError, CouldNotCheck, NotEqual
from .._training import Binary
from . import _files, _join, _rows, _windows
from ._digest import encode, header, tree
from ._spec import FAR, Spec, spark_type

__all__ = ["SparkTrainingSet", "content_digest", "encode", "header", "point_in_time_join", "tree"]


@dataclass(frozen=True)
class SparkTrainingSet:
    """A set that was made: a folder of Parquet files, whose rows follow one another, and its manifest."""

    path: str
    manifest_path: str
    manifest: dict[str, Any]
    _spark: Any
    _binary: Binary

    @property
    def position(self) -> int:
        return int(self.manifest["store"]["position"])

    @property
    def digest(self) -> str:
        return str(self.manifest["contentDigest"])

    def __len__(self) -> int:
        return int(self.manifest["rows"])

    def to_spark(self) -> Any:
        """All columns, as a DataFrame; in the spine's order only file by file."""
        return self._spark.read.option("datetimeRebaseMode", "CORRECTED").parquet(self.path)

    def verify(self) -> None:
        """Has ``asof verify`` make the set again at its position and compare.

        :raises NotEqual: with the first difference.
        :raises CouldNotCheck: with the reason.
        """
        done = self._binary.run(["verify", self.manifest_path, "--quiet"])
        if done.returncode == 1:
            raise NotEqual(done.stderr.strip())
        if done.returncode != 0:
            raise CouldNotCheck(done.stderr.strip())


def content_digest(spark: Any, paths: list[str], columns: list[tuple[str, str]]) -> str:
    """The content digest of a table of Parquet files.

    :param paths: files or folders; the order of rows is that of the files' names, then of each file's rows.
    :param columns: names and types, as manifests spell them, in the table's order.
    """
    return _rows.digests(spark, paths, columns, 0)[0]


def point_in_time_join(
    spark: Any,
    segments: str,
    spine: Any,
    service: str,
    label_time: str,
    *,
    out: str | os.PathLike[str],
    spec: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    position: int | None = None,
    witness: bool = False,
    hot_rows: int = 1_000_000,
    rows_per_file: int = 1_000_000,
    binary: str | None = None,
    database: str | None = None,
) -> SparkTrainingSet:
    """Joins a spine with history in segments, as ``asof export`` does, and writes the set and its manifest.

    :param segments: the directory or address of segments as Spark reads it: ``s3a://…``, a path that all executors have.
    :param spine: the path of a Parquet file or folder, or a DataFrame, which is written beside ``out`` first, so that its order is one.
    :param service: what ``--features`` takes.
    :param label_time: the spine's column of label times.
    :param out: the folder to write, which must not exist; the manifest is ``out`` + ``.manifest.json``.
    :param spec: what ``asof export --spec-only`` printed, where this machine has no ``asof`` or no way to PostgreSQL. It
        is good until somebody is forgotten: whether that was so, nobody asks then.
    :param position: the state to read; by default the newest.
    :param hot_rows: a key with more rows than this is cut into pieces of about so many, each joined by itself.
    :raises AsofError: with what to do; nothing is left of the set then.
    """
    from pyspark.sql import functions as f

    asof = Binary(binary, database)
    target = os.fspath(out).rstrip("/")
    _files.refuse_existing(spark, target)
    told = Spec.of(spec, service, label_time, segments, position, asof)
    staged = f"{target}.spine"
    made = False
    try:
        if isinstance(spine, (str, os.PathLike)):
            source, origin = os.fspath(spine), os.fspath(spine)
        else:
            with _files.micros(spark):
                spine.write.mode("overwrite").parquet(staged)
            source, origin = staged, "a DataFrame"
        rows, count, _ = _rows.numbered(spark, [source])
        names = [name for name in rows.columns if name != _join.ROW]
        spine_columns = _rows.column_types(rows.schema, names)
        _check(told, dict(spine_columns), witness)
        joined, states = _joined(spark, told, rows, segments, hot_rows, witness)
        features = [(column["name"], column["type"]) for column in told.columns] + _witnesses(told, witness)
        counts = _files.write(spark, joined, names + [name for name, _ in features], states, target, -(-count // rows_per_file))
        digest, spine_digest, written, files = _rows.digests(spark, [target], spine_columns + features, len(spine_columns))
        if written != count:
            raise AsofError(f"{target} has {written} rows, and the spine {count}: it changed while it was read")
        if spec is None:
            # Whoever was forgotten meanwhile must not be in the set: then this is refused, or the files are others.
            now = Spec.of(None, service, label_time, segments, told.position, asof)
            if now.views != told.views:
                raise AsofError(f"the segments in {segments} were written anew while Spark read them; run it again")
        manifest = _manifest(told, target, files, spine_columns, origin, count, counts, witness, digest, spine_digest)
        _files.put(spark, target + ".manifest.json", json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        made = True
    finally:
        _files.remove(spark, staged)
        if not made:
            _files.remove(spark, target)
    return SparkTrainingSet(target, target + ".manifest.json", manifest, spark, asof)


def _witnesses(spec: Spec, witness: bool) -> list[tuple[str, str]]:
    pairs = [(f"{role['prefix']}__event_time", f"{role['prefix']}__position") for role in spec.roles] if witness else []
    return [column for time, position in pairs for column in ((time, "timestamp"), (position, "int64"))]


def _check(spec: Spec, spine: dict[str, str], witness: bool) -> None:
    """That the spine has what is asked of it, in the types of the views' keys."""
    if spine.get(spec.label_time) != "timestamp":
        found = spine.get(spec.label_time, "not there")
        raise AsofError(f"the spine's label time '{spec.label_time}' is {found}; it must be a timestamp")
    for role in spec.roles:
        view = spec.views[role.get("events") or role["view"]]
        kinds = {key["name"]: key["type"] for key in view["keys"]}
        for key in role["keys"]:
            expected, got = kinds[key["viewKey"]], spine.get(key["from"], "not there")
            if got != expected:
                raise AsofError(f"the spine's column '{key['from']}' is {got}; the key '{key['viewKey']}' of view '{role['view']}' is {expected}")
    taken = set(spine)
    for name, _ in [(column["name"], "") for column in spec.columns] + _witnesses(spec, witness):
        if name in taken:
            raise AsofError(f"the set would have two columns '{name}'; rename the spine's")
        taken.add(name)


def _joined(spark: Any, spec: Spec, spine: Any, root: str, hot_rows: int, witness: bool) -> tuple[Any, list[str]]:
    """The spine with its features, and the names of columns that say what became of each role: 0 missing, 1 matched, 2 expired."""
    from pyspark.sql import functions as f

    joined, states = spine, []
    label = f.unix_micros(f.col(f"`{spec.label_time}`"))
    for number, role in enumerate(spec.roles):
        if role.get("events"):
            joined = _with_windows(spark, spec, role, joined, spine, root, hot_rows, witness, number)
            states.append(f"_asof_s{number}")
            continue
        found = _join.join_role(spark, spec, role, spine, root, hot_rows)
        row = f"_asof_r{number}"
        joined = joined.join(found.withColumnRenamed(_join.HISTORY, row), _join.ROW, "left")
        ttl = role.get("ttlUs")
        # A TTL counts from the label time, whatever the delay.
        expired = f.lit(False) if ttl is None else f.col(f"{row}.t") < label - f.lit(min(int(ttl), FAR))
        deleted = f.col(f"{row}.d")
        states.append(f"_asof_s{number}")
        state = f.when(f.col(row).isNull() | (~expired & deleted), f.lit(0)).when(expired, f.lit(2)).otherwise(f.lit(1))
        joined = joined.withColumn(states[-1], state)
        features = list(dict.fromkeys(column["feature"] for column in spec.features(role)))
        for column in spec.features(role):
            value = f.col(f"{row}.f{features.index(column['feature'])}")
            joined = joined.withColumn(column["name"], f.when(f.col(states[-1]) == 1, value).cast(spark_type(column["type"])))
        if witness:
            hit = f.col(row).isNotNull() & (f.col(states[-1]) != 2)
            joined = joined.withColumn(f"{role['prefix']}__event_time", f.when(hit, f.timestamp_micros(f.col(f"{row}.t"))))
            joined = joined.withColumn(f"{role['prefix']}__position", f.when(hit, f.col(f"{row}.p")))
        joined = joined.drop(row)
    return joined, states


def _with_windows(
    spark: Any, spec: Spec, role: Mapping[str, Any], joined: Any, spine: Any, root: str, hot_rows: int, witness: bool, number: int
) -> Any:
    from pyspark.sql import functions as f

    found = _windows.join_windows(spark, spec, role, spine, root, hot_rows)
    columns = spec.features(role)
    found = found.select(
        _join.ROW,
        f.col("t").alias("_asof_newest"),
        *(f.col(f"c{index}").alias(column["name"]) for index, column in enumerate(columns)),
    )
    joined = joined.join(found, _join.ROW, "left")
    joined = joined.withColumn(f"_asof_s{number}", f.when(f.col("_asof_newest").isNull(), f.lit(0)).otherwise(f.lit(1)))
    for column in columns:
        # An empty window counts nothing, also where there is no key.
        if _windows.Window.of(column).aggregate == "count":
            joined = joined.withColumn(column["name"], f.coalesce(f.col(f"`{column['name']}`"), f.lit(0).cast("bigint")))
    if witness:
        joined = joined.withColumn(f"{role['prefix']}__event_time", f.timestamp_micros("_asof_newest"))
        joined = joined.withColumn(f"{role['prefix']}__position", f.lit(None).cast("bigint"))
    return joined.drop("_asof_newest")


def _manifest(
    spec: Spec,
    target: str,
    files: list[str],
    spine: list[tuple[str, str]],
    source: str,
    rows: int,
    counts: list[tuple[int, int]],
    witness: bool,
    digest: str,
    spine_digest: str,
) -> dict[str, Any]:
    """As ``asof export`` writes it, with ``engine``."""
    told = spec.document
    roles = [
        {
            **{name: role[name] for name in ("view", "prefix", "keys", "ttl", "delay", "strict") if name in role},
            "matched": matched,
            "expired": expired,
            "missing": rows - matched - expired,
        }
        for role, (matched, expired) in zip(spec.roles, counts, strict=True)
    ]
    kept = {name: told[name] for name in ("store", "features", "service", "fingerprint", "rules", "labelTime", "inputs") if name in told}
    return {
        **kept,
        "format": "asof-manifest/2" if any(role.get("events") for role in spec.roles) else "asof-manifest/1",
        "engine": "spark",
        "createdAt": dt.datetime.now(dt.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "knownAtLabel": False,
        "witness": witness,
        "roles": roles,
        "columns": list(spec.columns),
        "spine": {"source": source, "columns": [{"name": name, "type": kind} for name, kind in spine], "digest": spine_digest},
        "output": {
            "file": target.rsplit("/", 1)[-1],
            "format": "parquet",
            "parts": [name.rsplit("/", 1)[-1] for name in files],
        },
        "rows": rows,
        "contentDigest": digest,
    }
