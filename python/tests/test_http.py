"""Every route of /openapi.json with bodies that are nearly right, cut, or nonsense: each has an answer, and the server goes on."""
from __future__ import annotations

import http.client
import json
import random
import urllib.parse

from conftest import Served

import asof_client


def ask(served: Served, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    host = urllib.parse.urlparse(served.http)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def damaged(chance: random.Random, text: str) -> bytes:
    """A body with some bytes exchanged, cut off, doubled or put in."""
    data = bytearray(text.encode())
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:place]
        elif kind == 1:
            data[place:place] = chance.choice([b"NaN", b"null", b"-1e999", b"\"\\ud800\"", b"[" * 200, b"{}", b"\0", b"\xff", b"1" * 400])
        elif kind == 2 and data:
            data[place % len(data)] = chance.randrange(256)
        elif kind == 3:
            data += data[place:]
        else:
            data = data[place:]
    return bytes(data)


def test_no_request_breaks_the_server(served: Served, store: asof_client.Store) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    status, text = ask(served, "GET", "/openapi.json", None, {})
    assert status == 200
    told = 0
    operations = [(path, method, one) for path, methods in json.loads(text)["paths"].items() for method, one in methods.items()]
    assert len(operations) > 15
    names = ["ranking", "ranking@1", "ranking@99", "everything", "asked", "stats", "", "%00", "x" * 3_000, "../..", "é", "@", "a@b@c"]
    for path, method, one in operations:
        for _ in range(25):
            target = path
            while "{" in target:
                start, end = target.index("{"), target.index("}")
                target = target[:start] + urllib.parse.quote(chance.choice(names), safe="%") + target[end + 1 :]
            known = [parameter["name"] for parameter in one.get("parameters", []) if parameter["in"] == "query"]
            if known and chance.random() < 0.5:
                target += "?" + urllib.parse.urlencode({chance.choice(known): chance.choice(["", "1", "5s", "string", "us", "\0", "x" * 100])})
            body, headers = None, {}
            if "requestBody" in one:
                kind, content = next(iter(one["requestBody"]["content"].items()))
                example = content["example"]
                body = damaged(chance, example if isinstance(example, str) else json.dumps(example))
                if chance.random() < 0.9:
                    headers["Content-Type"] = kind
            status, text = ask(served, method.upper(), target, body, headers)
            assert status < 500 or status == 503, f"{method} {target} {body!r}: {status} {text!r}"
            if status >= 400 and not path.startswith(("/healthz", "/readyz", "/v2/health")):
                error = json.loads(text)
                assert (error.get("error") or error.get("message")) and error["code"], text
                told += 1
    assert told > 100
    assert ask(served, "GET", "/healthz", None, {}) == (200, b"ok\n")
    assert store.execute("PING")
