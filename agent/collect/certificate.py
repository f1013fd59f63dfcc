"""When a server's certificate ends, read from the certificate itself, so that an expired or untrusted one can be read too."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_UTC_TIME: Final = 0x17
_VERSION: Final = 0xA0


def not_after(certificate: bytes) -> float:
    """Return the end of a DER certificate's validity in unix seconds (RFC 5280 §4.1.2.5); raise ValueError."""
    body = _content(_content(certificate, _SEQUENCE)[0], _SEQUENCE)[0]  # Certificate, then TBSCertificate
    if body[:1] == bytes([_VERSION]):
        body = _content(body, _VERSION)[1]
    for _ in range(3):  # serial number, signature algorithm, issuer
        body = _content(body)[1]
    validity = _content(body, _SEQUENCE)[0]
    end = _content(validity)[1]
    text = _content(end)[0].decode("ascii")
    if end[0] == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


async def peer_certificate(host: str, port: int, server_name: str) -> bytes:
    """Return the DER certificate that the server shows, trusted or not; raise OSError, ssl.SSLError.

    A handshake of its own that sends no request, so that nothing secret reaches a server that was not verified.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=server_name or host)
    try:
        return from_transport(writer.transport)
    finally:
        writer.transport.abort()


def from_transport(transport: asyncio.BaseTransport | None) -> bytes:
    """Return the peer's DER certificate of a TLS transport, empty where there is none."""
    connection = transport.get_extra_info("ssl_object") if transport else None
    return (connection.getpeercert(binary_form=True) or b"") if connection else b""


def _content(data: bytes, tag: int | None = None) -> tuple[bytes, bytes]:
    """Split one DER element off: its content and what follows."""
    if len(data) < 2 or (tag is not None and data[0] != tag):
        message = "not a DER certificate"
        raise ValueError(message)
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        message = "the DER certificate is cut short"
        raise ValueError(message)
    return data[start : start + length], data[start + length :]
