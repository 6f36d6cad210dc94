#!/usr/bin/env python3
"""For the lane `image`: writes and fetches over RESP and HTTP, then ends the server while requests are on their way.

    drain.py PORT HTTP-PORT PROCESS     the password is `geheim`; the view clicks has the feature n
"""
import base64
import json
import os
import signal
import socket
import sys
import urllib.request

port, http, process = (int(one) for one in sys.argv[1:])
WRITES = 400


def request(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in map(str.encode, words))


client = socket.create_connection(("127.0.0.1", port), timeout=60)
file = client.makefile("rb")


def reply():
    line = file.readline()
    assert line.endswith(b"\r\n"), line
    kind, rest = line[:1], line[1:-2]
    if kind in b"+:,#_":
        return rest.decode()
    if kind == b"$":
        return file.read(int(rest) + 2)[:-2].decode() if int(rest) >= 0 else None
    assert kind in b"*%", line
    return [reply() for _ in range(int(rest) * (2 if kind == b"%" else 1))]


client.sendall(request("AUTH", "geheim"))
assert reply() == "OK"
client.sendall(request("FS.SET", "clicks", "1", "2026-01-01T00:00:00Z", "n", "7"))
position = int(reply())
client.sendall(request("FS.GET", "clicks", "1"))
assert reply() == ["n", "7"], "the row that was written is not read"
ask = urllib.request.Request(
    f"http://127.0.0.1:{http}/v1/serve/ranking", data=json.dumps({"keys": {"user_id": [1]}}).encode(),
    headers={"Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(b"default:geheim").decode()},
)
with urllib.request.urlopen(ask, timeout=60) as answer:
    assert json.load(answer)["rows"] == [[7]]

# All are with the kernel when the signal comes: each is answered, and then the connection ends in order.
client.sendall(b"".join(request("FS.SET", "clicks", str(key), "2026-01-02T00:00:00Z", "n", str(key)) for key in range(WRITES)))
os.kill(process, signal.SIGTERM)
positions = [int(reply()) for _ in range(WRITES)]
assert positions == sorted(positions) and positions[0] > position, positions
assert file.read() == b""
print(f"{WRITES} writes were answered after SIGTERM")
