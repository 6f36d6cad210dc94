"""A store, as a program sees it: a server for what is online, PostgreSQL and the binary for training sets."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import _online, _training, _values, _write
from ._changes import Changes, read_changes
from ._errors import raised, translated
from ._online import OnlineFeatures, Predictions, Service
from ._training import TrainingSet
from ._values import Word
from ._write import Numbers, View, Written

DEFAULT_SERVER = "redis://127.0.0.1:6567"
# Of each pool; threads and tasks beyond wait for one.
CONNECTIONS_MAX = 64


def connect(
    server: str | None = None,
    database: str | None = None,
    *,
    password: str | None = None,
    binary: str | None = None,
    timeout: float = 10.0,
) -> Store:
    """A store; nothing is connected before it is first used.

    :param server: ``redis://HOST:PORT``, ``rediss://…`` or ``unix:///PATH``; default: ``ASOF_SERVER``, else the local server.
    :param database: what ``asof -d`` takes, for training sets; default: ``ASOF_DATABASE``, else what the binary finds.
    :param password: of ``--password-file``; or in the server's URL.
    :param binary: the ``asof`` program; default: ``ASOF_BINARY``, else ``asof`` on the PATH.
    :param timeout: seconds that an answer may take.
    """
    return Store(server, database, password=password, binary=binary, timeout=timeout)


def client_options(password: str | None, timeout: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "protocol": 3,
        "decode_responses": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }
    return options | ({"password": password} if password is not None else {})


def server_url(server: str | None) -> str:
    """Also as the command line has it: HOST:PORT, unix:PATH."""
    text = server or os.environ.get("ASOF_SERVER") or DEFAULT_SERVER
    if "://" in text:
        return text
    return f"unix://{text.removeprefix('unix:')}" if text.startswith("unix:") else f"redis://{text}"


class Store:
    """See :func:`connect`. Threads may share it; after a fork redis-py connects anew."""

    def __init__(
        self,
        server: str | None = None,
        database: str | None = None,
        *,
        password: str | None = None,
        binary: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._url = server_url(server)
        self._options = client_options(password, timeout)
        self._timeout = timeout
        # Reads may be sent again by redis-py. Writes only by us, under the number that they had.
        self._reads = self._client()
        self._writes = self._client(retry=Retry(NoBackoff(), 0))
        self._binary = _training.Binary(binary, database)
        self._services: dict[str, Service] = {}
        self._model_services: dict[str, tuple[int, Service]] = {}
        self._numbers: dict[str, Numbers] = {}
        self._lock = threading.Lock()

    def _client(self, **options: Any) -> redis.Redis:
        pool = redis.BlockingConnectionPool.from_url(self._url, max_connections=CONNECTIONS_MAX, **(self._options | options))
        return redis.Redis(connection_pool=pool)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reads.connection_pool.disconnect()
        self._writes.connection_pool.disconnect()

    # Online

    def execute(self, *words: Word) -> Any:
        """Any command that reads, as ``execute("FS.VIEWS")``; texts of FS.* and ML.* are bytes. For writes there is :meth:`write`."""
        return self._ask(*words)

    def _send(self, commands: list[list[Word]]) -> list[Any]:
        """Sends commands together; a reply may be an error."""
        try:
            pipeline = self._reads.pipeline(transaction=False)
            for command in commands:
                _values.run(pipeline, command)
            replies: list[Any] = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise translated(error) from error
        return replies

    def _ask(self, *words: Word) -> Any:
        return raised(self._send([list(words)])[0])

    def service(self, name: str) -> Service:
        """The version that a name stands for now."""
        return Service.read(self._ask("FS.SERVICE", name))

    def get_online_features(
        self,
        service: str,
        keys: Any,
        *,
        meta: bool = False,
        min_position: int | None = None,
        at: Any = None,
        expect: Any = None,
    ) -> OnlineFeatures:
        """Latest values of a service, a row for each row of keys (and request fields).

        :param service: ``name`` for the newest version, ``name@version`` for one.
        :param keys: ``{"user_id": [1001, 1002]}``, a list of mappings, or a frame.
        :param meta: also statuses, event times and the position.
        :param min_position: wait until the server shows it, as of :class:`Written`.
        :param at: as of a time up to now, instead of now.
        :param expect: a manifest, its path, a :class:`TrainingSet` or a fingerprint: another schema raises :class:`SchemaChanged`.
        :raises EntityError: where a key is missing, unknown or of another type.
        """
        names, rows = _values.rows(keys)
        known = self._services.get(service) or self.service(service)
        while True:
            command = _online.serve(known, names, rows, meta, min_position, at)
            # The version is asked for with the values, so that a cached one is never taken for the newest.
            told, reply = self._send([["FS.SERVICE", service], command])
            newest = Service.read(raised(told))
            self._services[service] = newest
            if newest == known:
                _online.check(known, expect)
                return OnlineFeatures.read(known, raised(reply))
            known = newest

    def predict(
        self,
        model: str,
        rows: Any,
        *,
        meta: bool = False,
        features: bool = False,
        min_position: int | None = None,
        at: Any = None,
        id: str | None = None,
        log: bool = True,
    ) -> Predictions:
        """What a model, ``name``, ``name@7`` or ``name@challenger``, says of each row of keys and request fields.

        :param features: also the numbers that the model read.
        :param id: the request's, for the log.
        """
        names, given = _values.rows(rows)
        known = self._model_services.get(model)
        while True:
            if known is None:
                told = _values.mapping(self._ask("ML.MODEL", model))
                known = (int(told["version"]), self.service(_values.name(told["service"])))
                self._model_services[model] = known
            words = _online.predict(model, known[1], names, given, meta, features, min_position, at, id, log)
            made = Predictions.read(self._ask(*words))
            if made.version == known[0]:
                return made
            # Another version answers now, whose service may have other types: the rows are spelled anew for it.
            del self._model_services[model]
            known = None

    def changes(
        self, view: str, cursor: str = "0-0", *, count: int = 1_000, block: float | None = None
    ) -> Iterator[Changes]:
        """What was committed to a view after a cursor, batch by batch, in order and without gaps.

        :param cursor: ``0-0`` = everything, ``$`` = from now on, or that of an earlier batch.
        :param block: seconds to wait for rows; after a wait without any the iteration ends. ``None`` = it ends where there are no more.
        """
        timeout = self._timeout + (block or 0)
        shape = View.read(self._ask("FS.VIEW", view))
        client = self._client(socket_timeout=timeout)
        try:
            yield from read_changes(client, shape, cursor, count, block)
        finally:
            client.connection_pool.disconnect()

    # Writing

    def write(
        self, view: str, frame: Any, *, source: str, event_time: str = "event_time", chunk_rows: int = 5_000
    ) -> Written:
        """Stores rows in a view, each chunk once: it is sent under a number, and a resend under the same.

        :param frame: anything with ``__arrow_c_stream__``, a mapping of columns, or rows as mappings. Its columns are the view's keys,
            the event time, and features.
        :param source: the writer's name; two that write at the same time have two.
        :param event_time: the column with the time from which on a row's values are true.
        :raises ValueRefused: for the first row that the view does not take; the chunks before it are stored, see its message.
        """
        shape = View.read(self._ask("FS.VIEW", view))
        with self._lock:
            numbers = self._numbers.setdefault(source, Numbers(source))
        with numbers.lock:
            return _write.write(self._writes, shape, frame, event_time, numbers, chunk_rows)

    # Training sets

    def get_historical_features(
        self,
        service: str,
        spine: Any,
        *,
        label_time: str,
        position: int | None = None,
        known_as_of: Any = None,
        known_at_label: bool = False,
        witness: bool = False,
        out: str | os.PathLike[str] | None = None,
    ) -> TrainingSet:
        """For each row of the spine the values that were true at its label time, by ``asof export``.

        :param service: a service, ``name@version``, a view, or ``"view.feature,view.*"``.
        :param spine: a frame, a mapping of columns, rows as mappings, or a file's path: keys, label time, anything else.
        :param label_time: the spine's column of label times.
        :param position: the state of the store to read; default: the newest.
        :param out: where the set and its manifest are to lie; default: a folder that ends with the object.
        :raises AsofError: what the binary says.
        """
        return self._binary.export(
            service,
            spine,
            label_time,
            position=position,
            known_as_of=known_as_of,
            known_at_label=known_at_label,
            witness=witness,
            out=out,
        )

    def open_training_set(self, manifest: str | os.PathLike[str]) -> TrainingSet:
        """A set that was exported before, by its manifest or its file."""
        return TrainingSet.open(self._binary, manifest)
