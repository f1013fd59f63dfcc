"""Unpacking a compressed page within a bound: what a kilobyte becomes is the sender's choice, what we hold is ours."""

from __future__ import annotations

import zlib
from typing import Final

from agent.errors import ScrapeError

BROKEN: Final = "the body ended before its announced end; the page is cut off or its compression is broken"


def gunzip(body: bytes, limit: int) -> bytes:
    """Unpack a gzip body of one or more members; raise ScrapeError where it is broken or becomes larger than `limit`."""
    parts: list[bytes] = []
    left = limit
    while body:
        unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            part = unpacker.decompress(body, left + 1)
        except zlib.error as error:
            raise ScrapeError(BROKEN, reason="body") from error
        left -= len(part)
        if left < 0:
            raise too_large(limit)
        if not unpacker.eof:
            raise ScrapeError(BROKEN, reason="body")
        parts.append(part)
        body = unpacker.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large(limit: int) -> ScrapeError:
    """Return the error of a page past its limit of bytes."""
    why = f"body is larger than body_size_limit ({limit} bytes); it was cut off while reading"
    return ScrapeError(why, reason="body_size_limit")
