"""Make Python's TLS context from our settings. What cannot be read is said by the name of its setting, never by its content."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import Rejected
from agent.notify.tls import TlsSettings

_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


def client_context(tls: TlsSettings, tried: str, *, verify: bool = True) -> ssl.SSLContext:
    """Return a client's context: at least TLS 1.2 unless said otherwise, the system's CAs unless others are named.

    Without `verify` (encryption where it can be had) any certificate will do. Reads files; raises Rejected, whose text
    begins with what was `tried`.
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None, cadata=tls.ca or None)
    except (OSError, ssl.SSLError) as error:
        which = f'the CA file "{tls.ca_file}"' if tls.ca_file else "the CA certificate in ca"
        raise _unusable(tried, f"{which} cannot be read", error, "check ca_file") from None
    if tls.min_version:
        context.minimum_version = _VERSIONS[tls.min_version]
    if tls.max_version:
        context.maximum_version = _VERSIONS[tls.max_version]
    if tls.cert or tls.cert_file:
        _present(context, tls, tried)
    if tls.insecure_skip_verify or not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _present(context: ssl.SSLContext, tls: TlsSettings, tried: str) -> None:
    """Load the client's certificate and key. An encrypted key is refused: nobody is there to type its password."""
    try:
        with (
            _as_file(tls.cert, tls.cert_file) as cert,
            _as_file(tls.key.reveal() if tls.key else "", tls.key_file) as key,
        ):
            context.load_cert_chain(cert, key, password=lambda: "")
    except (OSError, ssl.SSLError, ValueError) as error:
        what = f'the client certificate "{tls.cert_file or "cert"}" with the key "{tls.key_file or "key"}"'
        raise _unusable(tried, f"{what} cannot be used", error, "check cert_file and key_file") from None


@contextmanager
def _as_file(text: str, path: str) -> Iterator[str]:
    """Give a path to what stands in `path` or, for a moment and only to this user, to `text`."""
    if path:
        yield path
        return
    handle, made = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "w", encoding="ascii", errors="replace") as file:
            file.write(text)
        yield made
    finally:
        Path(made).unlink()


def _unusable(tried: str, what: str, error: Exception, remedy: str) -> Rejected:
    why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else ""
    return Rejected(f"{tried}: {what}{f' ({why})' if why else ''}; {remedy}", reason="clientError")
