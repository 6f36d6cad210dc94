"""Reads of latest values and predictions: what is asked, and what is made of the answer. No sockets, so that both clients share it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _values
from ._errors import SchemaChanged
from ._values import Word

_NULL = "\0null"


@dataclass(frozen=True)
class Service:
    """A version of a service, as FS.SERVICE tells it."""

    name: str
    version: int
    fingerprint: str
    keys: dict[str, str]
    request: dict[str, str]
    columns: list[str]
    kinds: list[str]

    @classmethod
    def read(cls, reply: Any) -> Service:
        told = _values.mapping(reply)
        columns = [_values.mapping(column) for column in told["columns"]]
        return cls(
            name=_values.name(told["name"]),
            version=int(told["version"]),
            fingerprint=_values.name(told["schema"]),
            keys=_named(told["keys"]),
            request=_named(told["request"]),
            columns=[_values.name(column["name"]) for column in columns],
            kinds=[_values.name(column["type"]) for column in columns],
        )

    @property
    def pinned(self) -> str:
        return f"{self.name}@{self.version}"


def _named(items: list[Any]) -> dict[str, str]:
    made = {}
    for item in items:
        told = _values.mapping(item)
        made[_values.name(told["name"])] = _values.name(told["type"])
    return made


def arguments(command: list[Word], service: Service, names: list[str], rows: list[list[Any]]) -> list[Word]:
    """``… KEYS n name … ROWS n value …``"""
    words: list[Word] = [*command, "KEYS", str(len(names)), *names, "ROWS", str(len(rows))]
    kinds = dict(zip(service.columns, service.kinds)) | service.request
    has_null = False
    for number, row in enumerate(rows):
        for name, value in zip(names, row):
            if name in service.keys or name not in kinds:
                words.append(_values.key(name, value, service.keys.get(name), number))
            elif _values.is_null(value):
                has_null = True
                words.append(_NULL)
            else:
                words.append(_values.text(value))
    return words + (["NULL", _NULL] if has_null else [])


def expected(expect: Any) -> str | None:
    """The fingerprint of a manifest (its path, its content, a TrainingSet) or a fingerprint itself."""
    if expect is None:
        return None
    if isinstance(expect, (str, os.PathLike)) and os.path.exists(expect):
        import json

        with open(expect, encoding="utf-8") as file:
            expect = json.load(file)
    if isinstance(expect, Mapping):
        found = expect.get("fingerprint") or expect.get("schema")
        if not isinstance(found, str):
            raise ValueError("expect: the mapping has no 'fingerprint'; give a manifest")
        return found
    if isinstance(expect, str):
        return expect
    found = getattr(expect, "fingerprint", None)
    if not isinstance(found, str):
        raise TypeError(f"expect: {type(expect).__name__} is no manifest, fingerprint or training set")
    return found


def check(service: Service, expect: Any) -> None:
    wanted = expected(expect)
    if wanted is not None and wanted != service.fingerprint:
        raise SchemaChanged(
            f"{service.pinned} is {service.fingerprint}, expected {wanted}: a model that was trained on the latter must not read it; "
            f"ask for the version that it was trained on, as {service.name}@N"
        )


@dataclass(frozen=True)
class OnlineFeatures:
    """Values of a service, a row a request row. ``columns`` are named ``view__feature``, in the service's order.

    ``status``, ``event_time``, ``position`` and ``at`` are there with ``meta=True``; event times are µs since 1970 UTC.
    """

    service: str
    version: int
    fingerprint: str
    columns: list[str]
    kinds: list[str]
    _rows: list[list[Any]] = field(repr=False)
    position: int | None = None
    at: int | None = None
    status: dict[str, list[str]] = field(default_factory=dict, repr=False)
    event_time: dict[str, list[int | None]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, service: Service, reply: Any) -> OnlineFeatures:
        told = _values.mapping(reply)
        columns = _values.names(told["columns"])
        rows = [[_values.decoded(value, kind) for value, kind in zip(row, service.kinds)] for row in told["rows"]]
        return cls(
            service=service.name,
            version=service.version,
            fingerprint=service.fingerprint,
            columns=columns,
            kinds=service.kinds,
            _rows=rows,
            position=told.get("position"),
            at=told.get("at"),
            status={name: _values.names(column) for name, column in zip(columns, zip(*told.get("status", [])))},
            event_time={name: list(column) for name, column in zip(columns, zip(*told.get("event_time", [])))},
        )

    def __len__(self) -> int:
        return len(self._rows)

    def _column(self, place: int) -> list[Any]:
        return [row[place] for row in self._rows]

    def __getitem__(self, column: str) -> list[Any]:
        place = self.columns.index(column)
        return [_values.shown(value, self.kinds[place]) for value in self._column(place)]

    def to_pydict(self) -> dict[str, list[Any]]:
        return {name: self[name] for name in self.columns}

    def to_pylist(self) -> list[dict[str, Any]]:
        return [
            {name: _values.shown(value, kind) for name, value, kind in zip(self.columns, row, self.kinds)} for row in self._rows
        ]

    def to_arrow(self) -> Any:
        from . import _frames

        return _frames.made(self.columns, self.kinds, [self._column(place) for place in range(len(self.columns))])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        from . import _frames

        return _frames.to_pandas(self.to_arrow())

    def to_polars(self) -> Any:
        from . import _frames

        return _frames.to_polars(self.to_arrow())

    def to_numpy(self, dtype: Any = "float64") -> Any:
        """Rows × floats; null = NaN, vectors in place. Refused for texts, lists and, in float32, integers of 64 bits."""
        import numpy as np

        wide = np.dtype(dtype)
        refused = [
            name
            for name, kind in zip(self.columns, self.kinds)
            if kind in ("string", "bytes") or kind.startswith("list(") or (kind in ("int64", "timestamp") and wide.itemsize < 8)
        ]
        if refused:
            raise TypeError(f"{refused} cannot be {wide.name} without loss; to_arrow() has all columns")
        made = [
            [item for value, kind in zip(row, self.kinds) for item in _floats(value, kind)] for row in self._rows
        ]
        return np.array(made, dtype=wide)


def _floats(value: Any, kind: str) -> list[float]:
    if kind.startswith("vector"):
        return [float("nan")] * int(kind[len("vector(") : -1]) if value is None else value
    return [float("nan") if value is None else float(value)]


@dataclass(frozen=True)
class Predictions:
    """What a version of a model says, a row a request row."""

    model: str
    version: int
    columns: list[str]
    rows: list[list[float | None]]
    features: list[list[float | None]] | None = None
    route: str | None = None
    position: int | None = None
    status: list[str] | None = None

    @classmethod
    def read(cls, reply: Any) -> Predictions:
        told = _values.mapping(reply)
        return cls(
            model=_values.name(told["model"]),
            version=int(told["version"]),
            columns=_values.names(told["columns"]),
            rows=[[None if value is None else float(value) for value in row] for row in told["rows"]],
            features=told.get("features"),
            route=_values.name(told["route"]) if "route" in told else None,
            position=told.get("position"),
            status=_values.names(told["status"]) if "status" in told else None,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> list[float | None]:
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def to_pydict(self) -> dict[str, list[float | None]]:
        return {name: self[name] for name in self.columns}

    def to_arrow(self) -> Any:
        from . import _frames

        return _frames.made(self.columns, ["float32"] * len(self.columns), [list(self[name]) for name in self.columns])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)


def options(meta: bool, min_position: int | None, at: Any) -> list[Word]:
    words: list[Word] = ["META"] if meta else []
    if min_position is not None:
        words += ["MINPOS", str(min_position)]
    if at is not None:
        words += ["AT", str(_values.micros(at))]
    return words


def serve(
    service: Service, names: list[str], rows: list[list[Any]], meta: bool, min_position: int | None, at: Any
) -> list[Word]:
    return arguments(["FS.SERVE", service.pinned], service, names, rows) + options(meta, min_position, at)


def predict(
    model: str,
    service: Service,
    names: list[str],
    rows: list[list[Any]],
    meta: bool,
    features: bool,
    min_position: int | None,
    at: Any,
    id: str | None,
    log: bool,
) -> list[Word]:
    words = arguments(["ML.PREDICT", model], service, names, rows) + options(meta, min_position, at)
    words += ["FEATURES"] if features else []
    words += ["ID", id] if id is not None else []
    return words + ([] if log else ["NOLOG"])
