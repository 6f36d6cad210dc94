"""One class for each code of an error reply; the message is kept whole."""

from __future__ import annotations

from typing import Any

from redis import exceptions as redis_errors


class AsofError(Exception):
    """What a server or the binary refuses. ``code`` is the first word of the reply, ``retryable`` whether the same call may succeed later."""

    code = "ERR"
    retryable = False

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class NoSuchView(AsofError):
    code = "FSNOVIEW"


class NoSuchFeature(AsofError):
    code = "FSNOFEATURE"


class NoSuchService(AsofError):
    code = "FSNOSERVICE"


class EntityError(AsofError):
    """A key is missing, unknown, or of another type than its view's."""

    code = "FSENTITY"


class ValueRefused(AsofError):
    """A value, a type, a time or a line that is none: FSVALUE, FSTYPE, FSTIME, FSPARSE, MLVALUE."""

    code = "FSVALUE"


class LimitExceeded(AsofError):
    code = "FSLIMIT"


class OutOfOrder(AsofError):
    """A numbered write that can never be stored: another writer uses the same source."""

    code = "FSORDER"


class Timeout(AsofError):
    code = "FSTIMEOUT"
    retryable = True


class Unavailable(AsofError):
    """PostgreSQL or the server is away; the same call may succeed in a moment."""

    code = "FSUNAVAILABLE"
    retryable = True


class Loading(Unavailable):
    """The server is loading latest values."""

    code = "LOADING"


class NoSuchModel(AsofError):
    code = "MLNOMODEL"


class NoSuchVersion(AsofError):
    code = "MLNOVERSION"


class ModelConflict(AsofError):
    code = "MLCONFLICT"


class ModelSchema(AsofError):
    code = "MLSCHEMA"


class NotPermitted(AsofError):
    """NOAUTH, WRONGPASS, NOPERM."""

    code = "NOPERM"


class SchemaChanged(AsofError):
    """The service answers with other columns than were expected: its schema fingerprint is another."""

    code = "SCHEMA"


class NotEqual(AsofError):
    """A training set made again is different; the message names the first difference."""

    code = "DIFFERENT"


class CouldNotCheck(AsofError):
    """A training set could not be made again, and why."""

    code = "UNCHECKED"


_KINDS: tuple[type[AsofError], ...] = (
    NoSuchView,
    NoSuchFeature,
    NoSuchService,
    EntityError,
    ValueRefused,
    LimitExceeded,
    OutOfOrder,
    Timeout,
    Unavailable,
    Loading,
    NoSuchModel,
    NoSuchVersion,
    ModelConflict,
    ModelSchema,
    NotPermitted,
)
_BY_CODE: dict[str, type[AsofError]] = {kind.code: kind for kind in _KINDS} | {
    "FSTYPE": ValueRefused,
    "FSTIME": ValueRefused,
    "FSPARSE": ValueRefused,
    "MLVALUE": ValueRefused,
    "MLTIMEOUT": Timeout,
    "MLNOTREADY": Unavailable,
    "NOAUTH": NotPermitted,
    "WRONGPASS": NotPermitted,
}


def from_reply(message: str) -> AsofError:
    """The error of an error reply's text, code first."""
    code = message.split(" ", 1)[0]
    return _BY_CODE.get(code, AsofError)(message, code if code.isupper() else "ERR")


def translated(error: Exception) -> Exception:
    """What redis-py raises, as ours; anything else as it is."""
    if isinstance(error, redis_errors.BusyLoadingError):
        return Loading(f"LOADING {error}")
    if isinstance(error, (redis_errors.AuthenticationError, redis_errors.NoPermissionError)):
        return NotPermitted(str(error))
    if isinstance(error, redis_errors.TimeoutError):
        return Timeout(f"the server did not answer in time: {error}")
    if isinstance(error, redis_errors.ConnectionError):
        return Unavailable(f"the server cannot be reached: {error}")
    if isinstance(error, redis_errors.ResponseError):
        return from_reply(str(error))
    return error


def raised(reply: Any) -> Any:
    """A reply, or its error raised."""
    if isinstance(reply, Exception):
        raise translated(reply) from reply
    return reply
