"""A writer of io.prometheus.client messages, from the schema's field numbers, for tests to read back."""

from __future__ import annotations

import struct


def varint(number: int) -> bytes:
    """An unsigned number, or a negative one in two's complement."""
    number &= (1 << 64) - 1
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def zigzag(number: int) -> bytes:
    """A number with its sign in the last bit."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def whole(field: int, number: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(number)


def signed(field: int, number: int) -> bytes:
    """A sint field."""
    return varint(field << 3) + zigzag(number)


def double(field: int, number: float) -> bytes:
    """A field of eight bytes."""
    return varint(field << 3 | 1) + struct.pack("<d", number)


def nested(field: int, *parts: bytes | str) -> bytes:
    """A message, text or packed field."""
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def labels(pairs) -> bytes:
    """Label pairs as field 1."""
    return b"".join(nested(1, nested(1, name), nested(2, value)) for name, value in dict(pairs).items())


def exemplar(field: int, pairs, value: float, timestamp_ms: int | None = None) -> bytes:
    """An exemplar with a time of its own, or none."""
    at = nested(3, whole(1, timestamp_ms // 1000), whole(2, timestamp_ms % 1000 * 1_000_000)) if timestamp_ms else b""
    return nested(field, labels(pairs), double(2, value), at)


TYPES = {
    "counter": (0, 3),
    "gauge": (1, 2),
    "summary": (2, 4),
    "untyped": (3, 5),
    "histogram": (4, 7),
    "gaugehistogram": (5, 7),
}


def metric(kind: str, content: bytes, pairs=(), timestamp_ms: int | None = None) -> bytes:
    """One metric of a family."""
    at = whole(6, timestamp_ms) if timestamp_ms is not None else b""
    return nested(4, labels(pairs), nested(TYPES[kind][1], content), at)


def family(name: str, kind: str, *metrics: bytes, helped: str = "") -> bytes:
    """One family, after its length."""
    body = nested(1, name) + (nested(2, helped) if helped else b"") + whole(3, TYPES[kind][0]) + b"".join(metrics)
    return varint(len(body)) + body


def spans(field: int, *pairs: tuple[int, int]) -> bytes:
    """Bucket spans of (offset, length)."""
    return b"".join(nested(field, signed(1, offset), whole(2, length)) for offset, length in pairs)


def packed(field: int, numbers) -> bytes:
    """A packed list: of sint for whole numbers, of doubles else."""
    whole_numbers = all(isinstance(each, int) for each in numbers)
    return nested(field, *(zigzag(each) if whole_numbers else struct.pack("<d", each) for each in numbers))
