"""The border to HTTP providers: one bounded request, and every foreign failure as RetryLater or Rejected.

Nothing of a URL but its host reaches an error, and what a provider answers is shown without the secrets that were sent.
"""

from __future__ import annotations

import base64
import io
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import msgspec

from agent.errors import DeliveryError, Rejected, RetryLater
from agent.model import Secret
from agent.notify.messages.escape import is_loopback, one_line
from agent.notify.receivers.redaction import redact

_LARGEST_ANSWER: Final = 65_536
_LARGE_BODY: Final = 1 << 20
_LONGEST_WAIT_MS: Final = 3_600_000

SessionFactory = Callable[[], aiohttp.ClientSession]


def new_session() -> aiohttp.ClientSession:
    """Make a client session; it follows no cookies and reads no environment (`proxy_for` does)."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "Burnline"})


class Connection:
    """A client session that is opened on first use, in the loop that uses it, and closed once."""

    def __init__(self, factory: SessionFactory = new_session) -> None:
        self._factory = factory
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the open session."""
        if self._session is None or self._session.closed:
            self._session = self._factory()
        return self._session

    async def close(self) -> None:
        """Close the session if there is one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said: status, headers with lower-case names, and at most 64 kB of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON, None where it is none."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def text(self, secrets: Iterable[object] = ()) -> str:
        """Return the start of the body on one line, without the `secrets` (or those of settings)."""
        return one_line(redact(self.body.decode("utf-8", "replace"), secrets), 160)


def host_of(url: str) -> str:
    """Return what of a URL may be shown: its host and port."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'an address without a host'}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return "an unreadable address"


def authorization(username: str, password: Secret | None, bearer: Secret | None = None) -> dict[str, str]:
    """Return the Authorization header for a bearer token, else for a user name; empty where there is neither."""
    if bearer:
        return {"Authorization": f"Bearer {bearer.reveal()}"}
    if not username:
        return {}
    pair = f"{username}:{password.reveal() if password else ''}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def proxy_for(url: str) -> str | None:
    """Return the proxy of the environment for `url`, None for loopback and for what no_proxy names."""
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


async def request(
    session: aiohttp.ClientSession, what: str, method: str, url: str, *, timeout_ms: int, **arguments: Any
) -> Answer:
    """Send one request; `what` names the provider in errors. Redirects are not followed: they would carry credentials.

    Raises RetryLater where no answer came, Rejected where the URL or the peer's certificate is bad.
    """
    if isinstance(body := arguments.get("data"), bytes) and len(body) >= _LARGE_BODY:
        arguments["data"] = io.BytesIO(body)  # aiohttp writes that piece by piece
    try:
        async with session.request(
            method,
            url,
            timeout=aiohttp.ClientTimeout(total=timeout_ms / 1000),
            allow_redirects=False,
            **{"proxy": proxy_for(url), **arguments},
        ) as response:
            body = await _start_of(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, body)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise network_failure(error, what, host_of(url), timeout_ms) from None


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) < _LARGEST_ANSWER:
        chunk = await response.content.read(_LARGEST_ANSWER - len(body))
        if not chunk:
            break
        body += chunk
    return body


def network_failure(error: Exception, what: str, host: str, timeout_ms: int) -> DeliveryError:
    """Say as a DeliveryError why no answer came; the foreign text stays out, for it may hold the URL."""
    if isinstance(error, TimeoutError):
        message = f"sending to {what} at {host}: no answer within {timeout_ms / 1000:g} s"
        return RetryLater(message, reason="contextDeadlineExceeded")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        message = f"sending to {what} at {host}: its certificate is not trusted; check the URL and the CA certificates"
        return Rejected(message, reason="clientError")
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError | ValueError):
        return Rejected(f"sending to {what}: the URL cannot be used; check it in escalation.yml", reason="clientError")
    kind = "the connection was refused" if isinstance(error, aiohttp.ClientConnectorError) else "the connection broke"
    return RetryLater(f"sending to {what} at {host}: {kind} ({type(error).__name__})", reason="other")


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Return Retry-After in milliseconds: seconds, or a date less the answer's own Date (RFC 9110 §10.2.3).

    At most an hour; None where there is none that can be read.
    """
    text = headers.get("retry-after", "").strip()
    if text.replace(".", "", 1).isdigit() and text.isascii():
        return min(int(float(text) * 1000), _LONGEST_WAIT_MS)
    try:
        then: datetime = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("date", ""))
        wait = int((then - now).total_seconds() * 1000)
    except (ValueError, TypeError):
        return None
    return max(0, min(wait, _LONGEST_WAIT_MS))


def login_advice(status: int, settings: str) -> str:
    """Return what to look at where a status says that somebody is not known or not allowed; else nothing."""
    return f"; check {settings}" if status in (401, 403, 407) else ""


def failure(status: int, message: str, headers: Mapping[str, str], *, scope: str = "target") -> DeliveryError:
    """Return the error for an HTTP status that is no success: 408, 425, 429 and 5xx may be tried again.

    `scope` is what a rate limit (429) holds for: target or provider.
    """
    if status == 429:
        return RetryLater(message, reason="rateLimited", after_ms=retry_after_ms(headers), scope=scope)
    if status in (408, 425):
        return RetryLater(message, reason="clientError", after_ms=retry_after_ms(headers))
    if status >= 500:
        return RetryLater(message, reason="serverError", after_ms=retry_after_ms(headers))
    return Rejected(message, reason="authError" if status in (401, 403, 407) else "clientError")
