from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
import time

import numpy as np
import pyarrow as pa
import pytest

import asof_client

T = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
BIG = 2**53 + 1


@pytest.fixture(scope="module", autouse=True)
def rows(store: asof_client.Store) -> asof_client.Written:
    return store.write(
        "stats",
        {"user_id": [1, 2, BIG], "event_time": [T, T, T], "clicks": [BIG, None, -1], "ctr": [0.5, math.nan, -math.inf], "name": ["é,= \"\\\n", "b", None]},
        source="online-test",
    )


def test_values_and_meta(store: asof_client.Store, rows: asof_client.Written) -> None:
    assert rows.rows == 3 and rows.resent == 0
    found = store.get_online_features("ranking", {"user_id": [1, 2, 404, BIG]}, meta=True, min_position=rows.position)
    assert found.columns == ["stats__clicks", "stats__ctr"] and found.kinds == ["int64", "float64"]
    assert found["stats__clicks"] == [BIG, None, None, -1]
    ctr = found["stats__ctr"]
    assert ctr[0] == 0.5 and math.isnan(ctr[1]) and ctr[2] is None and ctr[3] == -math.inf
    assert found.status["stats__clicks"] == ["present", "null", "missing", "present"]
    assert found.event_time["stats__ctr"][0] == 1_767_225_600_000_000 and found.event_time["stats__ctr"][2] is None
    assert rows.position is not None and found.position is not None and found.position >= rows.position
    assert (found.service, found.version) == ("ranking", 1) and len(found) == 4


def test_rows_and_frames_as_keys(store: asof_client.Store) -> None:
    by_column = store.get_online_features("ranking", {"user_id": [1, 2]})
    assert repr(store.get_online_features("ranking", [{"user_id": 1}, {"user_id": 2}])._rows) == repr(by_column._rows)
    assert len(store.get_online_features("ranking@1", pa.table({"user_id": [1, 2]}))) == 2
    assert len(store.get_online_features("ranking", {"user_id": 1})) == 1
    assert len(store.get_online_features("ranking", {"user_id": np.array([1, 2])})) == 2
    assert len(store.get_online_features("ranking", {"user_id": []})) == 0


def test_numpy_and_arrow(store: asof_client.Store) -> None:
    found = store.get_online_features("ranking", {"user_id": [1, 2]})
    table = pa.table(found)
    assert table.schema.types == [pa.int64(), pa.float64()] and table.column(0).to_pylist() == [BIG, None]
    assert found.to_numpy().shape == (2, 2) and math.isnan(found.to_numpy()[1, 0])
    with pytest.raises(TypeError, match="stats__clicks"):
        found.to_numpy("float32")
    assert found.to_pandas()["stats__clicks"].to_list()[0] == BIG


def test_wrong_keys(store: asof_client.Store) -> None:
    with pytest.raises(asof_client.EntityError, match="key 'user_id': expected int64, got '1'"):
        store.get_online_features("ranking", {"user_id": ["1"]})
    with pytest.raises(asof_client.EntityError, match="expected string, got 1"):
        store.get_online_features("persons", {"login": [1]})
    with pytest.raises(asof_client.EntityError, match="no key 'usr'"):
        store.get_online_features("ranking", {"usr": [1]})
    with pytest.raises(asof_client.NoSuchService, match="did you mean 'ranking'") as raised:
        store.get_online_features("rankin", {"user_id": [1]})
    assert raised.value.code == "FSNOSERVICE" and not raised.value.retryable
    with pytest.raises(ValueError, match="different lengths"):
        store.get_online_features("ranking", {"user_id": [1], "x": [1, 2]})


def test_request_fields(store: asof_client.Store) -> None:
    found = store.get_online_features("asked", {"user_id": [1, 2], "note": ["a\n", None], "amount": [1.5, math.nan]})
    assert found["request__note"] == ["a\n", None]
    assert found["request__amount"][0] == 1.5 and math.isnan(found["request__amount"][1])


def test_expect(store: asof_client.Store, tmp_path: object) -> None:
    found = store.get_online_features("ranking", {"user_id": [1]})
    store.get_online_features("ranking", {"user_id": [1]}, expect=found.fingerprint)
    with pytest.raises(asof_client.SchemaChanged, match="ask for the version that it was trained on"):
        store.get_online_features("ranking", {"user_id": [1]}, expect="asof1:0000000000000000")


def test_no_server() -> None:
    with asof_client.connect("redis://127.0.0.1:1", timeout=1) as nobody, pytest.raises(asof_client.Unavailable) as raised:
        nobody.get_online_features("ranking", {"user_id": [1]})
    assert raised.value.retryable


def test_asyncio(served: object, store: asof_client.Store) -> None:
    url = served.url  # type: ignore[attr-defined]
    expected = store.get_online_features("ranking", {"user_id": [1]})

    async def all_of_them() -> None:
        async with asof_client.connect_async(url) as reads:
            await reads.get_online_features("ranking", {"user_id": [1]})
            found = await asyncio.gather(*(reads.get_online_features("ranking", {"user_id": [1]}) for _ in range(200)))
            assert all(one == expected for one in found)
            with pytest.raises(asof_client.NoSuchService):
                await reads.get_online_features("nothing", {"user_id": [1]})
            with pytest.raises(asof_client.NoSuchModel):
                await reads.predict("nothing", {"user_id": [1]})

    asyncio.run(all_of_them())


def test_a_service_that_changes_is_read_in_its_newest_version(store: asof_client.Store, folder: object) -> None:
    from conftest import DEFINITIONS, run

    assert store.get_online_features("ranking", {"user_id": [1]}).columns == ["stats__clicks", "stats__ctr"]
    path = folder / "features.yaml"  # type: ignore[operator]
    path.write_text(DEFINITIONS.replace("ranking: [stats.clicks, stats.ctr]", "ranking: [stats.name, stats.clicks]"))
    run(folder, "apply", "--yes")  # type: ignore[arg-type]
    deadline = time.monotonic() + 30
    while (found := store.get_online_features("ranking", {"user_id": [1]})).version == 1:
        assert time.monotonic() < deadline
    assert found.columns == ["stats__name", "stats__clicks"] and found["stats__name"] == ["é,= \"\\\n"]
    assert store.get_online_features("ranking@1", {"user_id": [1]}).columns == ["stats__clicks", "stats__ctr"]
    path.write_text(DEFINITIONS)
    run(folder, "apply", "--yes")  # type: ignore[arg-type]
    while store.get_online_features("ranking", {"user_id": [1]}).version != 1:
        assert time.monotonic() < deadline


def test_http_gives_the_same(served: object, store: asof_client.Store) -> None:
    import urllib.request

    keys = [1, 2, 404, BIG]
    request = urllib.request.Request(
        served.http + "/v1/serve/ranking",  # type: ignore[attr-defined]
        json.dumps({"keys": {"user_id": keys}}).encode(),
        {"Content-Type": "application/json"},
    )
    told = json.load(urllib.request.urlopen(request, timeout=10))
    found = store.get_online_features("ranking", {"user_id": keys})
    spelled = [[str(value) if isinstance(value, float) and not math.isfinite(value) else value for value in row] for row in found._rows]
    assert [[value if not isinstance(value, str) else value.lower() for value in row] for row in told["rows"]] == spelled
    assert told["schema"] == found.fingerprint
