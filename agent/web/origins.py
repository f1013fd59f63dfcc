"""Decides which web pages may read answers and which may change things. Pure functions of headers.

A browser sends Origin with whatever could change something; curl, promtool and our own commands send none and pass. A
page of a foreign site is refused, and so is one whose name was rebound to our address: a name that nobody configured is
not trusted even if Host and Origin agree.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def refusal(origin: str | None, fetch_site: str, host: str, external_url: str) -> str:
    """Say why a request that changes something must be refused, "" where it may pass.

    `origin` is the Origin header or None, `fetch_site` Sec-Fetch-Site, `host` the Host header.
    """
    if origin is None:
        return "" if fetch_site in ("", "none", "same-origin") else "it comes from another site's page"
    page = _parse(origin)
    if page is None:
        return f"it comes from a page without a usable origin ({origin})"
    if page == _parse(external_url):
        return ""
    if page != _parse(f"{page[0]}://{host}"):
        return f"it comes from a page of {origin}"
    if not _is_own_name(page[1]):
        return f"nothing says that {host} is this agent; set web.external_url to {origin} if it is"
    return ""


def may_read(origin: str, external_url: str) -> bool:
    """Say whether a page of `origin` may read the query API: pages on this machine, and the agent's own address."""
    page = _parse(origin)
    if page is None:
        return False
    return page == _parse(external_url) or _is_local(page[1])


def _parse(url: str) -> tuple[str, str, int] | None:
    """Return (scheme, name, port) of an http or https address, None for anything else, such as `null`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port and parts.scheme in _DEFAULT_PORTS else None


def _is_own_name(name: str) -> bool:
    """Say whether a public DNS cannot have pointed `name` at us: it is an address, or has no dot."""
    return "." not in name or _address(name) is not None or name.endswith(".localhost")


def _is_local(name: str) -> bool:
    address = _address(name)
    return name == "localhost" or name.endswith(".localhost") or (address is not None and address.is_loopback)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
