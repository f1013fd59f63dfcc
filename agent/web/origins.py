"""Decides which web pages may read answers and which may change things. Pure functions of headers.

A browser sends Origin with whatever could change something; curl, promtool and our own commands send none and pass. A
page of a foreign site is refused, and so is one whose name was rebound to our address: a name that nobody configured is
not trusted even if Host and Origin agree.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def refusal(origin: str | None, fetch_site: str, host: str, external_url: str) -> str:
    """Say why a request that changes something must be refused, "" where it may pass.

    `origin` is the Origin header or None, `fetch_site` Sec-Fetch-Site, `host` the Host header.
    """
    if origin is None:
        return "" if fetch_site in ("", "none", "same-origin") else "it comes from another site's page"
    if external_url and _authority(origin) == _authority(external_url):
        return ""
    if _authority(origin)[1:] != _authority(f"{urlsplit(origin).scheme}://{host}")[1:]:
        return f"it comes from a page of {origin}"
    if not _is_own_name(host):
        return f"nothing says that {host} is this agent; set web.external_url to {origin} if it is"
    return ""


def may_read(origin: str, external_url: str) -> bool:
    """Say whether a page of `origin` may read the query API: pages on this machine, and the agent's own address."""
    if external_url and _authority(origin) == _authority(external_url):
        return True
    name = _hostname(origin)
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_own_name(host: str) -> bool:
    """Say whether `host` is a name that a public DNS cannot have pointed at us: an address, or without a dot."""
    name = _hostname(f"//{host}")
    return bool(name) and ("." not in name or _is_address(name) or name.endswith(".localhost"))


def _authority(url: str) -> tuple[str, str, int | None]:
    """Return (scheme, name, port) with default ports filled in; port None where the URL is malformed."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url, "", None


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ip_address(name).is_loopback
