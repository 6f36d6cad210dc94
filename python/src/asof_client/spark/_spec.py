"""What is to be joined, as ``asof export --spec-only`` prints it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._errors import AsofError
from .._training import Binary

#: Beyond every time that Asof has, in µs, so that sums of times and lengths stay within 64 bits.
FAR = 10**18
#: What a type of Asof is in Spark, by its name in DDL.
SPARK_TYPES = {
    "bool": "boolean",
    "int32": "int",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "string": "string",
    "bytes": "binary",
    "timestamp": "timestamp",
    "list(int64)": "array<bigint>",
    "list(string)": "array<string>",
}


def spark_type(kind: str) -> str:
    return "array<float>" if kind.startswith("vector(") else SPARK_TYPES[kind]


class Spec:
    """A specification, checked."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        if document.get("format") != "asof-spec/1":
            raise AsofError(f"this is no specification of `asof export --spec-only`: its format is {document.get('format')!r}, expected 'asof-spec/1'")
        self.document = document
        self.position = int(document["store"]["position"])
        self.label_time = str(document["labelTime"])
        self.roles: list[Mapping[str, Any]] = list(document["roles"])
        self.columns: list[Mapping[str, Any]] = list(document["columns"])
        self.views: dict[str, Mapping[str, Any]] = {view["name"]: view for view in document["segments"]["views"]}
        for column in self.columns:
            if "derive" in column:
                raise AsofError(f"column '{column['name']}' is computed by an expression, which is not done in Spark; use `asof export`")
            if "request" in column:
                raise AsofError(f"column '{column['name']}' is a request field, which is not done in Spark; use `asof export`")

    def features(self, role: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The columns of a role, in the service's order."""
        return [column for column in self.columns if column.get("prefix") == role["prefix"]]

    def paths(self, view: str, root: str) -> list[str]:
        return [f"{root.rstrip('/')}/{file['file']}" for file in self.views[view]["files"]]

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any] | str | os.PathLike[str] | None,
        service: str,
        label_time: str,
        segments: str,
        position: int | None,
        binary: Binary,
    ) -> Spec:
        """The specification that was given, as JSON or a file's path, else what the ``asof`` program says now."""
        if given is None:
            # s3a is what Hadoop calls it.
            root = re.sub(r"^s3[an]://", "s3://", segments)
            arguments = ["export", "--spec-only", "--features", service, "--label-time", label_time, "--segments", root]
            done = binary.run(arguments + ([] if position is None else ["--position", str(position)]))
            if done.returncode != 0:
                raise AsofError(done.stderr.strip().removeprefix("asof: "))
            return cls(json.loads(done.stdout))
        document = given if isinstance(given, Mapping) else json.loads(Path(given).read_text(encoding="utf-8"))
        spec = cls(document)
        for what, told, asked in (
            ("features", document["features"], service),
            ("label time", spec.label_time, label_time),
            ("position", spec.position, spec.position if position is None else position),
        ):
            if told != asked:
                raise AsofError(f"the specification's {what} is {told!r}, and {asked!r} is asked for; make another with `asof export --spec-only`")
        return spec
