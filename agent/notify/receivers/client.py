"""An HTTP client by `http_config`: credentials, tokens, certificates, a proxy, headers and redirects, each request bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from agent.errors import Rejected
from agent.notify.channels import HttpSettings
from agent.notify.receivers.http import Answer, Connection, SessionFactory, authorization, host_of, new_session, request
from agent.notify.receivers.oauth import TokenEndpoint
from agent.notify.receivers.tls import client_context
from agent.notify.tls import TlsSettings

Origin = tuple[str, str, int | None]
_KEEPS_THE_BODY: Final = (307, 308)
_LOSES_THE_BODY: Final = (301, 302, 303)
_MOST_REDIRECTS: Final = 5
_METADATA: Final = (ip_address("fd00:ec2::254"), ip_address("100.100.100.200"))
"""Where clouds answer with a machine's keys, besides link-local addresses: Amazon over IPv6, Alibaba."""


class HttpClient:
    """Sends requests as `settings` say; `what` names the provider in errors. It keeps a token until it expires."""

    def __init__(self, settings: HttpSettings, what: str, session_factory: SessionFactory = new_session) -> None:
        self._settings = settings
        self._what = what
        self._connection = Connection(session_factory)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._tokens: TokenEndpoint | None = None
        if settings.oauth2:
            self._tokens = TokenEndpoint(
                settings.oauth2,
                session_factory,
                purpose=what,
                setting="http_config.oauth2",
                arguments=lambda url: self.route(url, settings.oauth2_tls),
            )

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_ms: int, stays: bool = False
    ) -> Answer:
        """Send JSON; raise RetryLater or Rejected where no answer came. A redirect is followed where it keeps the body.

        After 301 to 303 other clients send an empty GET and take its answer for success: a lost page, so that is refused.
        Credentials go to the same scheme, host and port only, and where the body or the headers hold some, the request
        `stays` there. A token that is refused is fetched anew once.
        """
        home = _origin(url)
        answer = await self._send(url, body, headers, timeout_ms, home)
        for _ in range(_MOST_REDIRECTS):
            if answer.status not in (*_KEEPS_THE_BODY, *_LOSES_THE_BODY):
                return answer
            target = await self._redirected(url, answer)
            if stays and _origin(target) != home:
                message = f"sending to {self._what} at {host_of(url)}: HTTP {answer.status}, a redirect to another host"
                raise Rejected(f"{message}, which must not learn the key; set the address itself", reason="clientError")
            url = target
            answer = await self._send(url, body, headers, timeout_ms, home)
        message = f"sending to {self._what} at {host_of(url)}: redirected more than {_MOST_REDIRECTS} times"
        raise Rejected(message, reason="clientError")

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()
        if self._tokens:
            await self._tokens.close()

    def secrets(self) -> tuple[object, ...]:
        """Return what holds every secret that is sent, so that an answer which repeats one can be shown without it."""
        return self._settings, *(self._tokens.secrets() if self._tokens else ())

    async def _send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_ms: int, home: Origin) -> Answer:
        ours = _origin(url) == home
        answer = await self._once(url, body, headers, timeout_ms, credentials=ours, fresh=False)
        if answer.status == 401 and self._tokens and ours:
            answer = await self._once(url, body, headers, timeout_ms, credentials=True, fresh=True)
        return answer

    async def _once(
        self, url: str, body: bytes, headers: Mapping[str, str], timeout_ms: int, *, credentials: bool, fresh: bool
    ) -> Answer:
        settings = self._settings
        sent = [*headers.items()]
        if credentials:
            sent += [(name, value.reveal()) for name, value in settings.headers]
            if self._tokens:
                token = await self._tokens.token(fresh=fresh)
                sent.append(("Authorization", f"Bearer {token.reveal()}"))
            elif settings.credentials:
                sent.append(("Authorization", f"{settings.scheme} {settings.credentials.reveal()}"))
            else:
                sent += authorization(settings.username, settings.password).items()
        more = self.route(url, settings.tls)
        session = self._connection.session
        return await request(session, self._what, "POST", url, timeout_ms=timeout_ms, data=body, headers=sent, **more)

    async def _redirected(self, url: str, answer: Answer) -> str:
        tried = f"sending to {self._what} at {host_of(url)}: HTTP {answer.status}"
        if not self._settings.follow_redirects or answer.status in _LOSES_THE_BODY:
            message = f"{tried}, a redirect that would lose the message; set the address that it leads to"
            raise Rejected(message, reason="clientError")
        target = urljoin(url, answer.headers.get("location", ""))
        if not target.startswith(("https://", "http://") if url.startswith("http://") else "https://"):
            raise Rejected(f"{tried}, a redirect to no encrypted address", reason="clientError")
        if _origin(target) != _origin(url) and not self.route(target, None).get("proxy") and await leads_inside(target):
            message = f"{tried}, a redirect to a link-local address, where clouds keep their keys; it is not followed"
            raise Rejected(message, reason="clientError")
        return target

    def route(self, url: str, tls: TlsSettings | None) -> dict[str, Any]:
        """Return aiohttp's arguments for the way to `url`: certificate, server name, proxy."""
        settings = self._settings
        made: dict[str, Any] = {}
        if tls and url.startswith("https://"):
            key = repr(tls)
            if key not in self._contexts:
                self._contexts[key] = client_context(tls, f"sending to {self._what} at {host_of(url)}")
            made["ssl"] = self._contexts[key]
            made |= {"server_hostname": tls.server_name} if tls.server_name else {}
        if settings.proxy_url:
            spared = excepted(urlsplit(url).hostname or "", settings.no_proxy)
            made["proxy"] = None if spared else settings.proxy_url.reveal()
            if settings.proxy_headers and not spared:
                made["proxy_headers"] = [(name, value.reveal()) for name, value in settings.proxy_headers]
        return made


def excepted(host: str, rules: tuple[str, ...]) -> bool:
    """Say whether `no_proxy` names a host: `*`, a name (with all below it), `.below`, an address or a network."""
    for rule in rules:
        name = rule.lower().partition(":")[0] if rule.count(":") == 1 else rule.lower()
        if name == "*" or host == name.lstrip(".") or host.endswith(f".{name.lstrip('.')}"):
            return True
        try:
            if ip_address(host) in ip_network(name, strict=False):
                return True
        except ValueError:
            continue
    return False


async def leads_inside(url: str) -> bool:
    """Say whether a URL's host is, or has among its addresses, one that only this machine's cloud answers at."""
    try:
        parts = urlsplit(url)
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname or "", parts.port or 0)
    except (OSError, ValueError):  # what cannot be looked up cannot be sent to either, and the request says so
        return False
    return any(_is_inside(str(address[0])) for *_, address in found)


def _is_inside(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return plain.is_link_local or plain in _METADATA


def _origin(url: str) -> Origin:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return url, "", None
