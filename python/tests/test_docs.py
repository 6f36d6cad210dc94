"""The blocks of docs/reference/python.md and http.md, as a reader runs them."""
from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import types
import urllib.request

import pytest
from conftest import ASOF, Served, run

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs/reference"


def blocks(name: str) -> list[tuple[str, str]]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def serve(folder: pathlib.Path, name: str) -> Served:
    run(folder, "init")
    definitions = next(text for kind, text in blocks(name) if kind == "yaml")
    (folder / "features.yaml").write_text(definitions)
    run(folder, "apply", "--yes")
    return Served(folder)


def test_python(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(tmp_path, "python.md")
    monkeypatch.setenv("ASOF_SERVER", served.url)
    monkeypatch.setenv("ASOF_DATABASE", run(tmp_path, "uri").strip())
    monkeypatch.setenv("ASOF_BINARY", ASOF)
    scene = types.ModuleType("scene").__dict__
    found = [text for kind, text in blocks("python.md") if kind == "python"]
    assert len(found) == 6
    for text in found:
        exec(compile(text, "python.md", "exec"), scene)
    served.stop()


def test_http(tmp_path: pathlib.Path) -> None:
    served = serve(tmp_path, "http.md")
    found = blocks("http.md")
    ran = 0
    for place, (kind, text) in enumerate(found):
        if kind != "sh":
            continue
        command = text.replace("http://127.0.0.1:9567", served.http)
        done = subprocess.run(["bash", "-e", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{text}{done.stdout}{done.stderr}"
        ran += 1
        if place + 1 < len(found) and found[place + 1][0] == "json":
            told = re.sub(r"asof1:[0-9a-f]+", "asof1:…", done.stdout)
            assert json.loads(told) == json.loads(found[place + 1][1]), text
    assert ran == 4
    served.stop()


def test_metrics_of_the_page_are_those_that_are_told(served: Served) -> None:
    text = urllib.request.urlopen(served.http + "/metrics", timeout=10).read().decode()
    told = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    page = (DOCS / "metrics.md").read_text(encoding="utf-8").split("## All metrics")[1]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named: set[str] = set()
    for row in rows:
        words = re.findall(r"`([^`]+)`", row)
        prefix = ""
        for word in words:
            if word.startswith("…"):
                word = prefix + word[1:]
            else:
                prefix = "_".join(word.split("_")[:2])
            named.add(word)
    assert told == named


def test_promtool(served: Served) -> None:
    text = urllib.request.urlopen(served.http + "/metrics", timeout=10).read()
    try:
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("promtool is not installed")
    assert done.returncode == 0 and not done.stderr, done.stderr.decode()


def test_no_block_is_left_out() -> None:
    assert {kind for name in ("python.md", "http.md") for kind, _ in blocks(name)} <= {"sh", "yaml", "python", "json"}
    assert os.environ.get("ASOF_SERVER") is None
