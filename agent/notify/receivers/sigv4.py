"""Amazon's Signature Version 4 for one request: canonical form, string to sign, derived key. Pure functions of what is given.

Source: AWS General Reference, "Create a signed AWS API request"; the tests hold its published examples.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from agent.model import Secret

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Who signs. `session_token` goes with temporary keys only. The access key's id is no secret, the rest is."""

    access_key: str
    secret_key: Secret
    session_token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """For which region and service a signature holds."""

    region: str
    service: str


def signed_headers(
    method: str, url: str, headers: Mapping[str, str], body: bytes, keys: AwsKeys, scope: Scope, at_s: float
) -> dict[str, str]:
    """Return `headers` with Host, X-Amz-Date, X-Amz-Security-Token (for temporary keys) and Authorization.

    `at_s` is the time of sending in seconds since 1970; AWS refuses what is off by more than five minutes (SNS: fifteen).
    """
    stamp = datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "Host": urlsplit(url).netloc.rpartition("@")[2], "X-Amz-Date": stamp}
    if keys.session_token:
        sent["X-Amz-Security-Token"] = keys.session_token.reveal()
    names, request = canonical_request(method, url, sent, body)
    day = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, day, sha256(request.encode()).hexdigest()))
    signature = hmac.new(signing_key(keys.secret_key, stamp[:8], scope), to_sign.encode(), sha256).hexdigest()
    credential = f"Credential={keys.access_key}/{day}"
    return {**sent, "Authorization": f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}


def canonical_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Return the names of the signed headers, and the canonical request: what both sides put under the hash."""
    parts = urlsplit(url)
    query = sorted((_escaped(name), _escaped(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True))
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in headers.items())
    names = ";".join(name for name, _ in lines)
    fields = (
        method,
        quote(parts.path or "/", safe="/-_.~%"),
        "&".join(f"{name}={value}" for name, value in query),
        "".join(f"{name}:{value}\n" for name, value in lines),
        names,
        sha256(body).hexdigest(),
    )
    return names, "\n".join(fields)


def signing_key(secret: Secret, day: str, scope: Scope) -> bytes:
    """Derive the key of one day (YYYYMMDD), region and service."""
    key = f"AWS4{secret.reveal()}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key


def _escaped(text: str) -> str:
    return quote(text, safe="-_.~")
