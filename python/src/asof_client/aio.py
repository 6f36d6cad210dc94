"""The same reads for asyncio. Encoding and decoding are those of :mod:`asof_client._online`."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio

from . import _online, _values
from ._errors import raised, translated
from ._online import OnlineFeatures, Predictions, Service
from ._store import CONNECTIONS_MAX, client_options, server_url
from ._values import Word


def connect_async(server: str | None = None, *, password: str | None = None, timeout: float = 10.0) -> AsyncStore:
    """As :func:`asof_client.connect`, for asyncio."""
    return AsyncStore(server, password=password, timeout=timeout)


class AsyncStore:
    """Reads of a server for asyncio; many may be under way at a time."""

    def __init__(self, server: str | None = None, *, password: str | None = None, timeout: float = 10.0) -> None:
        # Calls beyond so many wait for a connection.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            server_url(server), max_connections=CONNECTIONS_MAX, **client_options(password, timeout)
        )
        self._reads = redis.asyncio.Redis(connection_pool=pool)
        self._services: dict[str, Service] = {}
        self._model_services: dict[str, tuple[int, Service]] = {}

    async def __aenter__(self) -> AsyncStore:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._reads.aclose(close_connection_pool=True)

    async def _send(self, commands: list[list[Word]]) -> list[Any]:
        try:
            pipeline = self._reads.pipeline(transaction=False)
            for command in commands:
                _values.run(pipeline, command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise translated(error) from error
        return replies

    async def execute(self, *words: Word) -> Any:
        return raised((await self._send([list(words)]))[0])

    async def service(self, name: str) -> Service:
        return Service.read(await self.execute("FS.SERVICE", name))

    async def get_online_features(
        self,
        service: str,
        keys: Any,
        *,
        meta: bool = False,
        min_position: int | None = None,
        at: Any = None,
        expect: Any = None,
    ) -> OnlineFeatures:
        """As :meth:`asof_client.Store.get_online_features`."""
        names, rows = _values.rows(keys)
        known = self._services.get(service) or await self.service(service)
        while True:
            command = _online.serve(known, names, rows, meta, min_position, at)
            told, reply = await self._send([["FS.SERVICE", service], command])
            newest = Service.read(raised(told))
            self._services[service] = newest
            if newest == known:
                _online.check(known, expect)
                return OnlineFeatures.read(known, raised(reply))
            known = newest

    async def predict(
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
        """As :meth:`asof_client.Store.predict`."""
        names, given = _values.rows(rows)
        known = self._model_services.get(model)
        while True:
            if known is None:
                told = _values.mapping(await self.execute("ML.MODEL", model))
                known = (int(told["version"]), await self.service(_values.name(told["service"])))
                self._model_services[model] = known
            words = _online.predict(model, known[1], names, given, meta, features, min_position, at, id, log)
            made = Predictions.read(await self.execute(*words))
            if made.version == known[0]:
                return made
            self._model_services.pop(model, None)
            known = None
