"""Samples into a real Prometheus and out of it, exactly: remote write and remote read, protobuf and snappy by hand.

Remote read gives what the storage holds, staleness markers with their bits included, where the HTTP API leaves them out.
What is written is snappy of literals alone; what is read may hold copies too.
"""

from __future__ import annotations

import http.client
import struct
from collections.abc import Iterable, Mapping

from agent.collect.wire import Span, fields, text, varint
from agent.model import Labels

Points = list[tuple[int, float]]
"""(timestamp in ms, value) in the order of time."""


def write(port: int, series: Iterable[tuple[Labels, Points]]) -> None:
    """Append the series' points by remote write (`--web.enable-remote-write-receiver`)."""
    body = b"".join(_field(1, _time_series(labels, points)) for labels, points in series if points)
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    headers["X-Prometheus-Remote-Write-Version"] = "0.1.0"
    status, answer = _post(port, "/api/v1/write", _snappy(body), headers)
    assert status == 204, answer


def read(port: int, start_ms: int, end_ms: int) -> dict[Labels, Points]:
    """Return every sample from `start_ms` to `end_ms`, both included."""
    nameless = b"\x08\x01" + _field(2, b"__name__") + _field(3, b"")  # type 1: not equal
    query = b"\x08" + _varint(start_ms) + b"\x10" + _varint(end_ms) + _field(3, nameless)
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    headers["X-Prometheus-Remote-Read-Version"] = "0.1.0"
    status, answer = _post(port, "/api/v1/read", _snappy(_field(1, query)), headers)
    assert status == 200, answer
    return _series_of(unsnapped(answer))


def _series_of(body: bytes) -> dict[Labels, Points]:
    found: dict[Labels, Points] = {}
    for result in _parts(body, Span(0, len(body)), 1):
        for series in _parts(body, result, 1):
            pairs: dict[str, str] = {}
            points: Points = []
            for number, value, _ in fields(body, series):
                assert isinstance(value, Span)
                inner = {field: content for field, content, _ in fields(body, value)}
                if number == 1:
                    pairs[text(body, inner[1], 0)] = text(body, inner[2], 0)
                else:  # proto3 leaves out what is zero
                    points.append((int(inner.get(2, 0)), float(inner.get(1, 0.0))))
            found[Labels(pairs)] = points
    return found


def _parts(body: bytes, message: Span, number: int) -> list[Span]:
    return [value for field, value, _ in fields(body, message) if field == number and isinstance(value, Span)]


def _post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _time_series(labels: Labels, points: Points) -> bytes:
    written = b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels.pairs)
    for stamp, value in points:
        written += _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(stamp))
    return written


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _snappy(data: bytes) -> bytes:
    """Return `data` as snappy's block format without any compression: its length, then literals of at most 64 KiB."""
    made = _varint(len(data))
    for start in range(0, len(data), 1 << 16):
        piece = data[start : start + (1 << 16)]
        made += b"\xf4" + struct.pack("<H", len(piece) - 1) + piece
    return made


def unsnapped(data: bytes) -> bytes:
    """Decompress snappy's block format: a length, then literals and copies of what stands before."""
    length, at = varint(data, 0, len(data))
    made = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind, size = tag & 3, tag >> 2
        if kind == 0:
            if size >= 60:
                width = size - 59
                size, at = int.from_bytes(data[at : at + width], "little"), at + width
            made += data[at : at + size + 1]
            at += size + 1
            continue
        if kind == 1:
            size, back, at = (size & 7) + 4, (tag >> 5) << 8 | data[at], at + 1
        else:
            width = 2 if kind == 2 else 4
            size, back, at = size + 1, int.from_bytes(data[at : at + width], "little"), at + width
        while size > 0:  # a copy may reach into what it makes
            piece = made[len(made) - back :][:size]
            made += piece
            size -= len(piece)
    assert len(made) == length, f"snappy announced {length} bytes and held {len(made)}"
    return bytes(made)
