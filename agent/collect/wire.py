"""Protocol Buffers' wire format: messages as lists of (field number, value), each value checked to lie within its message.

It knows no schema. Text stays bytes, a nested message its place; errors say the byte of the page. Source: protobuf.dev
"Encoding"; groups, which no one sends any more, are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.errors import ScrapeError

_DOUBLE: Final = struct.Struct("<d")
_VARINT_BYTES: Final = 10
_MASK: Final = (1 << 64) - 1


class Span(NamedTuple):
    """Where in the page a nested message, a text or a packed list stands."""

    start: int
    end: int


Value = int | float | Span
Fields = list[tuple[int, Value, int]]
"""Number, value (int of a varint, float of eight bytes, else a Span) and the byte at which the field begins."""


def broken(at: int, why: str) -> ScrapeError:
    """Return the error of a page that is no protobuf at this byte."""
    return ScrapeError(f"byte {at}: {why}", reason="parse")


def varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the unsigned number that begins at `at`, and the byte after it."""
    value = shift = 0
    for place in range(at, min(end, at + _VARINT_BYTES)):
        byte = body[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK, place + 1
        shift += 7
    why = "a number runs past the end of its message" if end - at < _VARINT_BYTES else "a number is longer than 64 bits"
    raise broken(at, why)


def delimited(body: bytes) -> Iterator[Span]:
    """Yield the place of each message of a page on which every message follows its length."""
    at, end = 0, len(body)
    while at < end:
        length, start = varint(body, at, end)
        if length > end - start:
            raise broken(at, f"a message of {length} bytes begins where {end - start} are left; was the page cut off?")
        yield Span(start, start + length)
        at = start + length


def fields(body: bytes, message: Span) -> Fields:
    """Return the fields of a message in their order."""
    at, end = message
    found: Fields = []
    while at < end:
        begin = at
        tag, at = (body[at], at + 1) if body[at] < 0x80 else varint(body, at, end)
        number, kind = tag >> 3, tag & 7
        value: Value
        if kind == 2:
            length, at = varint(body, at, end)
            value = Span(at, at + length)
            at += length
        elif kind == 0:
            value, at = varint(body, at, end)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value = _DOUBLE.unpack_from(body, at)[0] if kind == 1 and at + 8 <= end else 0.0
            at += width
        else:
            raise broken(begin, f"field {number} has the unknown wire type {kind}")
        if at > end or number == 0:
            why = "runs past the end of its message" if at > end else "is no field number"
            raise broken(begin, f"field {number} {why}")
        found.append((number, value, begin))
    return found


def text(body: bytes, value: Value, at: int) -> str:
    """Return a text field."""
    span = nested(value, at)
    try:
        return body[span.start : span.end].decode()
    except UnicodeDecodeError as error:
        raise broken(span.start + error.start, "a text is not valid UTF-8") from error


def nested(value: Value, at: int) -> Span:
    """Return the place of a field that is a message, a text or packed."""
    if not isinstance(value, Span):
        raise broken(at, "a field that should hold a message holds a number")
    return value


def double(value: Value, at: int) -> float:
    """Return a field of eight bytes."""
    if not isinstance(value, float):
        raise broken(at, "a field that should hold a double holds something else")
    return value


def unsigned(value: Value, at: int) -> int:
    """Return a varint field."""
    if not isinstance(value, int):
        raise broken(at, "a field that should hold a whole number holds something else")
    return value


def signed(value: Value, at: int) -> int:
    """Return a varint field of two's complement (int32, int64)."""
    number = unsigned(value, at)
    return number - (1 << 64) if number >= 1 << 63 else number


def zigzag(value: Value, at: int) -> int:
    """Return a varint field whose sign is its last bit (sint32, sint64)."""
    number = unsigned(value, at)
    return (number >> 1) ^ -(number & 1)


def zigzags(body: bytes, value: Value, at: int) -> list[int]:
    """Return a repeated sint field's part: packed, or one number."""
    if not isinstance(value, Span):
        return [zigzag(value, at)]
    found, place = [], value.start
    while place < value.end:
        number, place = varint(body, place, value.end)
        found.append((number >> 1) ^ -(number & 1))
    return found


def doubles(body: bytes, value: Value, at: int) -> NDArray[np.float64]:
    """Return a repeated double field's part: packed, or one number."""
    if not isinstance(value, Span):
        return np.array([double(value, at)])
    if (value.end - value.start) % 8:
        raise broken(at, "a list of doubles ends amid one")
    return np.frombuffer(body, "<f8", (value.end - value.start) // 8, value.start).astype(np.float64)
