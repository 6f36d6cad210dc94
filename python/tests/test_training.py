from __future__ import annotations

import datetime as dt
import pathlib
import random
import subprocess
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
from pyarrow import csv
import pytest

import asof_client

T = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
BIG = 2**53 + 1


@pytest.fixture(scope="module")
def events(store: asof_client.Store) -> list[dict[str, object]]:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    rows: list[dict[str, object]] = [
        {"user_id": 50_000 + chance.randrange(5), "event_time": T + dt.timedelta(minutes=minute), "clicks": BIG + minute, "ctr": minute / 4, "name": "n"}
        for minute in chance.sample(range(10_000), 300)
    ]
    store.write("stats", rows, source="training")
    return rows


@pytest.fixture(scope="module")
def spine() -> pa.Table:
    users = [50_000 + i % 6 for i in range(120)]
    times = [T + dt.timedelta(minutes=83 * i) for i in range(120)]
    return pa.table({"user_id": users, "at": pa.array(times, pa.timestamp("us", tz="UTC")), "label": [BIG if i % 3 else None for i in range(120)]})


def oracle(events: list[dict[str, object]], spine: pa.Table) -> list[object]:
    found = []
    for row in spine.to_pylist():
        known = [e for e in events if e["user_id"] == row["user_id"] and e["event_time"] <= row["at"]]
        found.append(max(known, key=lambda e: e["event_time"])["clicks"] if known else None)  # type: ignore[arg-type, return-value]
    return found


@pytest.mark.parametrize("kind", ["pyarrow", "pandas", "polars", "duckdb", "rows", "file"])
def test_a_training_set_has_what_was_true_at_each_label(
    store: asof_client.Store, events: list[dict[str, object]], spine: pa.Table, kind: str, tmp_path: pathlib.Path
) -> None:
    frame: object = spine
    if kind == "pandas":
        frame = spine.to_pandas(types_mapper=pd.ArrowDtype)
    elif kind == "polars":
        frame = pl.from_arrow(spine)
    elif kind == "duckdb":
        frame = duckdb.sql("SELECT * FROM spine")
    elif kind == "rows":
        frame = spine.to_pylist()
    elif kind == "file":
        frame = tmp_path / "spine.csv"
        csv.write_csv(spine, frame)
    made = store.get_historical_features("ranking", frame, label_time="at")
    table = made.to_arrow()
    assert table.column("stats__clicks").to_pylist() == oracle(events, spine)
    assert table.column("label").to_pylist() == spine.column("label").to_pylist()
    assert len(made) == 120 and made.fingerprint.startswith("asof1:") and made.position > 0
    made.verify()
    assert pl.DataFrame(made)["stats__clicks"].to_list() == oracle(events, spine)
    assert made.to_pandas()["stats__clicks"].dtype == pd.ArrowDtype(pa.int64())
    store.get_online_features("ranking", {"user_id": [1]}, expect=made)


def test_split_by_time(store: asof_client.Store, events: list[dict[str, object]], spine: pa.Table) -> None:
    made = store.get_historical_features("ranking", spine, label_time="at")
    cut = T + dt.timedelta(minutes=83 * 60)
    train, test, embargoed = made.split(cut)
    assert (train.num_rows, test.num_rows, embargoed) == (60, 60, 0)
    train, test, embargoed = made.split(cut.isoformat(), embargo="83m")
    # A label that is known at the cut is before it.
    assert (train.num_rows, test.num_rows, embargoed) == (60, 60, 0)
    train, test, embargoed = made.split(cut, embargo="84m")
    assert (train.num_rows, test.num_rows, embargoed) == (59, 60, 1)
    assert max(train.column("at").to_pylist()) < min(test.column("at").to_pylist()) == cut


def test_a_set_that_was_changed_is_not_equal(store: asof_client.Store, events: list[dict[str, object]], spine: pa.Table, tmp_path: pathlib.Path) -> None:
    made = store.get_historical_features("ranking", spine, label_time="at", out=tmp_path / "set.parquet")
    made.verify()
    assert "stats__ctr" in made.report()
    again = store.open_training_set(tmp_path / "set.parquet.manifest.json")
    assert again.digest == made.digest and again.to_arrow().equals(made.to_arrow())
    store.write("stats", [{"user_id": 50_000, "event_time": T - dt.timedelta(days=9), "clicks": 1, "ctr": 1.0, "name": "late"}], source="training")
    made.verify()
    at_that_time = store.get_historical_features("ranking", spine, label_time="at", position=made.position)
    assert at_that_time.digest == made.digest
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "set.parquet")
    changed = [None if value is None else value + 1 for value in table.column("stats__clicks").to_pylist()]
    place = table.schema.get_field_index("stats__clicks")
    pq.write_table(table.set_column(place, "stats__clicks", pa.array(changed, pa.int64())), tmp_path / "set.parquet")
    with pytest.raises(asof_client.NotEqual, match="stats__clicks"):
        made.verify()


def test_what_the_binary_refuses_is_told_and_leaves_nothing(store: asof_client.Store, spine: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(asof_client.AsofError, match="no service or view 'rankin'|rankin"):
        store.get_historical_features("rankin", spine, label_time="at")
    with pytest.raises(asof_client.AsofError, match="when"):
        store.get_historical_features("ranking", spine, label_time="when")
    with pytest.raises(asof_client.AsofError, match="no asof program"):
        monkeypatch.delenv("ASOF_BINARY", raising=False)
        monkeypatch.setenv("PATH", "/nowhere")
        asof_client.connect().get_historical_features("ranking", spine, label_time="at")
    assert list(tmp_path.iterdir()) == []


def test_pyarrow_is_loaded_only_when_it_is_used() -> None:
    code = "import sys, asof_client; print([m for m in ('pyarrow', 'numpy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
