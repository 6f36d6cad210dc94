"""Training sets, by the ``asof`` binary and memory-mapped Arrow files: the same engine, digest and manifest as on the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from . import _values
from ._errors import AsofError, CouldNotCheck, NotEqual


class Split(NamedTuple):
    """Parts of a set by label time, as pyarrow tables. ``embargoed`` rows are in neither."""

    train: Any
    test: Any
    embargoed: int


@dataclass(frozen=True)
class TrainingSet:
    """A set that was exported: the spine's columns, then the features, in the spine's order. Its rows are read where they lie."""

    path: Path
    manifest_path: Path
    manifest: dict[str, Any]
    _binary: Binary
    _folder: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def open(cls, binary: Binary, path: str | os.PathLike[str], folder: Any = None) -> TrainingSet:
        given = Path(path)
        manifest_path = given if given.name.endswith(".manifest.json") else given.with_name(given.name + ".manifest.json")
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        data = manifest_path.with_name(manifest_path.name.removesuffix(".manifest.json"))
        return cls(data, manifest_path, manifest, binary, folder)

    @property
    def position(self) -> int:
        return int(self.manifest["store"]["position"])

    @property
    def fingerprint(self) -> str:
        return str(self.manifest["fingerprint"])

    @property
    def digest(self) -> str:
        return str(self.manifest["contentDigest"])

    def __len__(self) -> int:
        return int(self.manifest["rows"])

    def to_arrow(self) -> Any:
        """All columns, without a copy where the file is Arrow's."""
        import pyarrow as pa

        if self.path.suffix == ".arrow":
            with pa.memory_map(str(self.path)) as file:
                return pa.ipc.open_file(file).read_all()
        if self.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(self.path)
        raise ValueError(f"{self.path} is read by the library of your choice; to_arrow() reads .arrow and .parquet")

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        from . import _frames

        return _frames.to_pandas(self.to_arrow())

    def to_polars(self) -> Any:
        from . import _frames

        return _frames.to_polars(self.to_arrow())

    def split(self, time: Any, embargo: str | Any = "0s") -> Split:
        """Splits by label time, as ``asof train`` does.

        :param time: the first label time of the test part, inclusive; a naive time is UTC.
        :param embargo: how long after its label time a label is known: a row that near before ``time`` is in neither part.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.to_arrow()
        times = table.column(self.manifest["labelTime"]).cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
        cut = _values.micros(time)
        known = pc.less_equal(times, cut - _values.duration(embargo))
        before = pc.less(times, cut)
        train = table.filter(pc.and_(before, known))
        test = table.filter(pc.invert(before))
        embargoed = pc.sum(pc.and_(before, pc.invert(known))).as_py() or 0
        return Split(train, test, embargoed)

    def verify(self) -> None:
        """Makes the set again at its position and compares.

        :raises NotEqual: with the first difference.
        :raises CouldNotCheck: with the reason.
        """
        done = self._binary.run(["verify", str(self.manifest_path), "--quiet"])
        if done.returncode == 1:
            raise NotEqual(done.stderr.strip())
        if done.returncode != 0:
            raise CouldNotCheck(done.stderr.strip())

    def report(self) -> str:
        """What ``asof report`` says of the set: nulls, quantiles, ages, warnings."""
        done = self._binary.run(["report", str(self.manifest_path)], needs_store=False)
        if done.returncode != 0:
            raise AsofError(done.stderr.strip())
        return done.stdout


class Binary:
    """The ``asof`` program, with the store that it is to use."""

    def __init__(self, path: str | None, database: str | None) -> None:
        self._path = path
        self._database = database

    def _found(self) -> str:
        found = self._path or os.environ.get("ASOF_BINARY") or shutil.which("asof")
        if not found:
            raise AsofError("there is no asof program on the PATH: training sets are made by it; give binary= or ASOF_BINARY")
        return found

    def run(self, arguments: list[str], needs_store: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs the program to its end; where Python is interrupted, the program is, too, and removes what it has begun."""
        command = [self._found(), *arguments, *(["-d", self._database] if self._database and needs_store else [])]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                out, error = process.communicate()
            except BaseException:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, error)

    def export(
        self,
        service: str,
        spine: Any,
        label_time: str,
        *,
        position: int | None,
        known_as_of: Any,
        known_at_label: bool,
        witness: bool,
        out: str | os.PathLike[str] | None,
    ) -> TrainingSet:
        # Kept by the set that is made; what fails takes it along.
        folder = tempfile.TemporaryDirectory(prefix="asof-set-")
        target = Path(out) if out is not None else Path(folder.name) / "set.arrow"
        arguments = ["export", "--spine", _spine(spine, folder.name), "--label-time", label_time, "--features", service]
        arguments += ["--out", str(target), "--json"]
        if position is not None:
            arguments += ["--position", str(position)]
        if known_as_of is not None:
            arguments += ["--known-as-of", _values.moment(_values.micros(known_as_of)).isoformat().replace("+00:00", "Z")]
        arguments += (["--known-at-label"] if known_at_label else []) + (["--witness"] if witness else [])
        try:
            done = self.run(arguments)
            if done.returncode != 0:
                raise AsofError(done.stderr.strip().removeprefix("asof: "))
            made = json.loads(done.stdout.strip().splitlines()[-1])
        except BaseException:
            folder.cleanup()
            raise
        return TrainingSet.open(self, made["manifest"], folder if out is None else None)


def _spine(spine: Any, folder: str) -> str:
    """The path of a spine; a frame is written as an Arrow file."""
    if isinstance(spine, (str, os.PathLike)):
        return os.fspath(spine)
    import pyarrow as pa

    from . import _frames

    table = _frames.table(spine)
    path = os.path.join(folder, "spine.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
    return path
