"""The feed of what was committed to a view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from . import _values
from ._errors import translated
from ._write import View


@dataclass(frozen=True)
class Changes:
    """Rows in the order of their commits. ``cursor`` is where the next batch begins: keep it where you keep what you made of the rows."""

    cursor: str
    #: Of each row: its own cursor, the entity as FS.* spells it, the event time (µs since 1970 UTC), whether it is a tombstone, features.
    cursors: list[str]
    entities: list[str]
    event_times: list[int]
    deleted: list[bool]
    features: dict[str, list[Any]] = field(repr=False)
    _kinds: dict[str, str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.entities)

    def to_arrow(self) -> Any:
        from . import _frames

        columns = ["entity", "event_time", "deleted", *self.features]
        kinds = ["string", "timestamp", "bool", *self._kinds.values()]
        return _frames.made(columns, kinds, [self.entities, self.event_times, self.deleted, *self.features.values()])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)


def read_changes(client: redis.Redis, view: View, cursor: str, count: int, block: float | None) -> Iterator[Changes]:
    while True:
        words: list[_values.Word] = ["FS.CHANGES", view.name, cursor, "COUNT", str(count)]
        if block is not None:
            words += ["BLOCK", str(max(1, int(block * 1_000)))]
        try:
            told = _values.mapping(_values.run(client, words))
        except redis.RedisError as error:
            raise translated(error) from error
        cursor = _values.name(told["cursor"])
        rows = told["rows"]
        if not rows:
            return
        values = [[None] * len(view.features) if row[4] is None else row[4] for row in rows]
        yield Changes(
            cursor=cursor,
            cursors=[_values.name(row[0]) for row in rows],
            entities=[_values.name(row[1]) for row in rows],
            event_times=[int(row[2]) for row in rows],
            deleted=[bool(row[3]) for row in rows],
            features={
                name: [_values.decoded(row[place], kind) for row in values]
                for place, (name, kind) in enumerate(view.features.items())
            },
            _kinds=dict(view.features),
        )
