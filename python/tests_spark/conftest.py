"""A store, its segments, and a Spark session of two cores."""
from __future__ import annotations

import os
import pathlib
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

ASOF = os.environ["ASOF_BINARY"]
SEED = int(os.environ.get("ASOF_SEED") or random.randrange(1 << 32))
os.environ["PYSPARK_PYTHON"] = sys.executable
# The cluster that comes with the store stays while Spark is at work.
os.environ["ASOF_IDLE_SECONDS"] = "900"


def pytest_report_header() -> str:
    return f"ASOF_SEED={SEED}"


def run(folder: pathlib.Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([ASOF, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, f"asof {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "3")
        .config("spark.sql.session.timeZone", "Asia/Kathmandu")
        .config("spark.local.dir", str(folder))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.driver.memory", "2g")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
