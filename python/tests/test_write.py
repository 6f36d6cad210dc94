from __future__ import annotations

import datetime as dt
import decimal
import math
import random
import select
import socket
import threading

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import asof_client

T = dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)
BIG = 2**53 + 1


class Cutting:
    """Takes a connection, passes what the client sends on, and closes before the reply of a write comes back: `cuts` times."""

    def __init__(self, url: str, cuts: int) -> None:
        self.target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self.cuts = cuts
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as server:
            while data := client.recv(1 << 20):
                while not data.endswith(b"\r\n"):
                    data += client.recv(1 << 20)
                server.sendall(data)
                reply = server.recv(1 << 20)
                # Of commands that were sent together the rest, too.
                while select.select([server], [], [], 0.05)[0]:
                    reply += server.recv(1 << 20)
                if b"FS.WRITE" in data or b"FS.SET" in data:
                    self.sent += 1
                    if self.cuts > 0:
                        # The server has answered, so the rows are stored; the client never learns it.
                        self.cuts -= 1
                        return
                client.sendall(reply)

    def close(self) -> None:
        self.listener.close()


def history(store: asof_client.Store, view: str, entity: str) -> int:
    return len(store.execute("FS.RANGE", view, entity, "-", "+"))


@pytest.mark.parametrize("row", [{"n": 7}], ids=["a line"])
def test_a_write_whose_reply_is_lost_is_stored_once(served: object, store: asof_client.Store, row: dict[str, int]) -> None:
    cutting = Cutting(served.url, cuts=3)  # type: ignore[attr-defined]
    with asof_client.connect(cutting.url) as cut:
        # Without a time of their own, each send would be another row.
        written = cut.write("marks", [{"user_id": 9_001, "event_time": T, **row}], source="cut-lines")
    cutting.close()
    assert cutting.sent == 4 and written.rows == 1 and written.resent == 1
    changes = [batch for batch in store.changes("marks") for entity in batch.entities if entity == "9001"]
    assert len(changes) == 1


def test_a_row_with_null_whose_reply_is_lost_is_stored_once(served: object, store: asof_client.Store) -> None:
    cutting = Cutting(served.url, cuts=2)  # type: ignore[attr-defined]
    with asof_client.connect(cutting.url) as cut:
        written = cut.write("stats", [{"user_id": 9_002, "event_time": T, "clicks": None, "ctr": 1.0, "name": "x"}], source="cut-sets")
    cutting.close()
    assert cutting.sent == 3 and written.rows == 1
    assert sum(entity == "9002" for batch in store.changes("stats") for entity in batch.entities) == 1


def test_rows_with_nulls_go_together_and_each_once(served: object, store: asof_client.Store) -> None:
    users = range(20_000, 20_400)
    n = [None if i % 3 else i for i in users]
    m = [math.nan if i % 5 == 0 else None if i % 7 == 0 else 0.5 for i in users]
    cutting = Cutting(served.url, cuts=2)  # type: ignore[attr-defined]
    with asof_client.connect(cutting.url) as cut:
        written = cut.write("counts", {"user_id": list(users), "event_time": [T] * 400, "n": n, "m": m}, source="nulls-together")
    cutting.close()
    # All at once, and again for each cut; a round trip a row or stretch would be hundreds.
    assert written.rows == 400 and cutting.sent <= 10, cutting.sent
    found = store.get_online_features("counted", {"user_id": list(users)}, min_position=written.position)
    assert found["counts__n"] == n
    for one, other in zip(found["counts__m"], m):
        assert one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))
    assert sum(20_000 <= int(entity) < 20_400 for batch in store.changes("counts") for entity in batch.entities) == 400


def test_of_rows_with_nulls_the_first_wrong_one_is_told(store: asof_client.Store) -> None:
    rows = [{"user_id": 21_000 + i, "event_time": T, "n": None, "m": 0.5} for i in range(50)]
    rows[30]["m"] = "much"
    with pytest.raises(asof_client.AsofError, match="row 31 of the frame, from 1; 30 rows before them are stored"):
        store.write("counts", rows, source="nulls-wrong")
    rows[30]["m"] = 0.5
    assert store.write("counts", rows[30:], source="nulls-wrong").rows == 20
    assert sum(21_000 <= int(entity) < 21_050 for batch in store.changes("counts") for entity in batch.entities) == 50


def test_a_server_that_stays_away_is_told_and_the_next_write_is_stored(served: object, store: asof_client.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asof_client._write._BACKOFF_SECONDS", 0.001)
    cutting = Cutting(served.url, cuts=6)  # type: ignore[attr-defined]
    with asof_client.connect(cutting.url) as cut:
        with pytest.raises(asof_client.Unavailable, match="row 1 of the frame, from 1; 0 rows before them are stored"):
            cut.write("marks", [{"user_id": 9_003, "event_time": T, "n": 1}], source="away")
        # Its number was perhaps stored, and is not used for other rows.
        assert cut.write("marks", [{"user_id": 9_004, "event_time": T, "n": 1}], source="away").rows == 1
    cutting.close()
    assert history(store, "marks", "9004") == 1


FRAMES = {
    "pyarrow": lambda table: table,
    "pandas": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda table: pl.from_arrow(table),
    "duckdb": None,
    "rows": lambda table: table.to_pylist(),
    "columns": lambda table: table.to_pydict(),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_of_every_library_go_in_and_come_out(store: asof_client.Store, kind: str) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    first = 100_000 + 1_000 * list(FRAMES).index(kind)

    def column(make: object) -> list[object]:
        return [None if chance.random() < 0.2 else make() for _ in range(50)]  # type: ignore[operator]

    texts = ["", "a", "é", "\"", "\\", ",= ", "\n", "日本"]
    arrow = pa.table(
        {
            "user_id": pa.array(range(first, first + 50), pa.int64()),
            "event_time": pa.array([T + dt.timedelta(seconds=i) for i in range(50)], pa.timestamp("us", tz="UTC")),
            "b": pa.array(column(lambda: chance.random() < 0.5), pa.bool_()),
            "l": pa.array(column(lambda: chance.choice([BIG, -BIG, 2**63 - 1, -(2**63), 0])), pa.int64()),
            "d": pa.array(column(lambda: chance.choice([0.1, -0.0, 1e300, math.inf, 5e-324, math.nan])), pa.float64()),
            "s": pa.array(column(lambda: chance.choice(texts)), pa.string()),
            "x": pa.array(column(lambda: bytes([0, chance.randrange(256)])), pa.binary()),
            "t": pa.array(column(lambda: T + dt.timedelta(microseconds=chance.randrange(10**9))), pa.timestamp("us", tz="UTC")),
            "li": pa.array(column(lambda: [BIG, chance.randrange(9)]), pa.list_(pa.int64())),
            "ls": pa.array(column(lambda: [chance.choice(texts)]), pa.list_(pa.string())),
        }
    )
    # DuckDB finds the table by its name here.
    frame = duckdb.sql("SELECT * FROM arrow") if kind == "duckdb" else FRAMES[kind](arrow)
    written = store.write("rich", frame, source=f"frames-{kind}")
    assert written.rows == 50
    keys = {"user_id": list(range(first, first + 50))}
    found = pa.table(store.get_online_features("everything", keys, min_position=written.position))
    for name in ["b", "l", "s", "x", "t", "li", "ls"]:
        assert found.column(f"rich__{name}").to_pylist() == arrow.column(name).to_pylist(), name
    for one, other in zip(found.column("rich__d").to_pylist(), arrow.column("d").to_pylist()):
        assert one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))


def test_times_finer_than_a_microsecond_are_rounded_up(store: asof_client.Store) -> None:
    ns = 1_767_225_600_000_000_001
    for user, null in [(9_100, 1), (9_101, None)]:
        frame = pa.table(
            {
                "user_id": [user],
                "event_time": pa.array([ns], pa.timestamp("ns")),
                "clicks": pa.array([null], pa.int64()),
                "ctr": [0.5],
                "name": ["x"],
            }
        )
        store.write("stats", frame, source="fine")
        assert store.execute("FS.RANGE", "stats", str(user), "-", "+")[0][0] == 1_767_225_600_000_001


def test_keys_of_several_and_of_texts(store: asof_client.Store) -> None:
    rows = [{"origin": "J,F=K \\x", "login": "é x", "event_time": T, "delay": 1.5}, {"origin": "a", "login": "b", "event_time": T, "delay": 2.5}]
    assert store.write("pairs", rows, source="pairs").rows == 2
    assert len([entity for batch in store.changes("pairs") for entity in batch.entities]) == 2
    with pytest.raises(asof_client.EntityError, match="ends with a backslash"):
        store.write("pairs", [{"origin": "a\\", "login": "b", "event_time": T, "delay": 2.5}], source="pairs")
    assert store.write("logins", [{"login": "01", "event_time": "2026-01-01T00:00:00Z", "n": 1}], source="logins").rows == 1
    assert store.get_online_features("persons", {"login": ["01", "1"]})["logins__n"] == [1, None]


@pytest.mark.parametrize("form", ["rows", "pandas"])
def test_integers_that_went_through_floats_are_integers(store: asof_client.Store, form: str) -> None:
    first = 9_300 if form == "rows" else 9_400
    rows = [{"user_id": float(first + i), "event_time": T, "n": n, "m": 0.5} for i, n in enumerate([1.0, -3.0, 2.0**40])]
    written = store.write("counts", rows if form == "rows" else pd.DataFrame(rows), source=f"floats-{form}")
    keys = {"user_id": [float(first), decimal.Decimal(first + 1), first + 2]}
    found = store.get_online_features("counted", keys, min_position=written.position)
    assert found["counts__n"] == [1, -3, 2**40] and found["counts__m"] == [0.5, 0.5, 0.5]
    for key in (1.5, math.inf, math.nan):
        with pytest.raises(asof_client.EntityError, match=f"expected int64, got {key}"):
            store.get_online_features("counted", {"user_id": [key]})


def test_what_a_view_does_not_take_is_told(store: asof_client.Store) -> None:
    with pytest.raises(asof_client.ValueRefused, match="missing event_time; unknown when; expected user_id, event_time, n"):
        store.write("marks", [{"user_id": 1, "when": T, "n": 1}], source="bad")
    with pytest.raises(asof_client.ValueRefused, match="missing n"):
        store.write("marks", [{"user_id": 1, "event_time": T}], source="bad")
    with pytest.raises(asof_client.EntityError, match="row 2, key 'user_id': expected int64, got 'x'"):
        store.write("marks", [{"user_id": 1, "event_time": T, "n": 1}, {"user_id": "x", "event_time": T, "n": 1}], source="bad")
    rows = [{"user_id": 9_200 + i, "event_time": T, "n": i if i != 7 else 1.5} for i in range(10)]
    with pytest.raises(asof_client.AsofError, match="rows 6 to 10 of the frame, from 1; 5 rows before them are stored"):
        store.write("marks", rows, source="bad", chunk_rows=5)
    # The number of what was refused is free again.
    assert store.write("marks", rows[:7], source="bad", chunk_rows=5).rows == 7
    with pytest.raises(asof_client.NoSuchView):
        store.write("nothing", rows, source="bad")


def test_changes(store: asof_client.Store) -> None:
    start = store.write("marks", [{"user_id": 9_300, "event_time": T, "n": 1}], source="feed")
    cursor = f"{start.position}-999999"
    written = store.write("marks", [{"user_id": 9_300 + i, "event_time": T, "n": BIG} for i in range(25)], source="feed", chunk_rows=10)
    assert written.rows == 25
    store.execute("FS.DEL", "marks", "9300", str(1_769_904_000_000_001))
    batches = list(store.changes("marks", cursor, count=10, block=0.05))
    assert [len(batch) for batch in batches] == [10, 10, 6]
    table = pa.concat_tables(pa.table(batch) for batch in batches)
    assert table.column("n").to_pylist() == [BIG] * 25 + [None] and table.column("deleted").to_pylist()[-1] is True
    assert [len(batch) for batch in store.changes("marks", batches[1].cursor)] == [6]
    with pytest.raises(asof_client.AsofError, match="cursor"):
        next(store.changes("marks", "nonsense"))
