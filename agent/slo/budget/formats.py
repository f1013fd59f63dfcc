"""Bytes that carry the number of their format: what a newer agent wrote is refused, and never overwritten."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from agent.errors import StorageError

T = TypeVar("T")


def encoded(version: int, value: object) -> bytes:
    """Pack a value with the number of its format."""
    return msgspec.msgpack.encode((version, value))


def decoded(data: bytes, of: type[T], versions: Collection[int], what: str) -> T:
    """Return what `encoded` packed; raise StorageError, which names `what`, for other bytes and for other formats."""
    try:
        version, raw = msgspec.msgpack.decode(data, type=tuple[int, msgspec.Raw])
        if version in versions:
            return msgspec.msgpack.decode(raw, type=of)
    except msgspec.DecodeError as error:
        message = f"{what} is damaged: {error}"
        raise StorageError(message) from error
    message = f"{what} has format {version}; this version reads {max(versions)}: a newer agent wrote it"
    raise StorageError(message)
