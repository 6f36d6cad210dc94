"""Asof from Python: online features, predictions, training sets, writes, changes.

>>> import asof_client as asof
>>> store = asof.connect("redis://127.0.0.1:6567")              # doctest: +SKIP
>>> store.get_online_features("ranking", {"user_id": [1001]})   # doctest: +SKIP
"""

from ._changes import Changes
from ._errors import (
    AsofError,
    CouldNotCheck,
    EntityError,
    LimitExceeded,
    Loading,
    ModelConflict,
    ModelSchema,
    NoSuchFeature,
    NoSuchModel,
    NoSuchService,
    NoSuchVersion,
    NoSuchView,
    NotEqual,
    NotPermitted,
    OutOfOrder,
    SchemaChanged,
    Timeout,
    Unavailable,
    ValueRefused,
)
from ._online import OnlineFeatures, Predictions
from ._store import Store, connect
from ._training import Split, TrainingSet
from ._write import Written
from .aio import AsyncStore, connect_async

__version__ = "0.1.0"

__all__ = [
    "AsofError",
    "AsyncStore",
    "Changes",
    "CouldNotCheck",
    "EntityError",
    "LimitExceeded",
    "Loading",
    "ModelConflict",
    "ModelSchema",
    "NoSuchFeature",
    "NoSuchModel",
    "NoSuchService",
    "NoSuchVersion",
    "NoSuchView",
    "NotEqual",
    "NotPermitted",
    "OnlineFeatures",
    "OutOfOrder",
    "Predictions",
    "SchemaChanged",
    "Split",
    "Store",
    "Timeout",
    "TrainingSet",
    "Unavailable",
    "ValueRefused",
    "Written",
    "connect",
    "connect_async",
]
