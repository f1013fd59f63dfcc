"""What alertmanager.yml names to connect to, URLs and host:port, refused where Alertmanager refuses it. Pure functions.

What is wrong is said without the text itself: a URL may be a secret, and one that is mistyped still is.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from agent.model import Secret
from agent.schema import WrongValue


def check_urls(spec: object, *names: str) -> None:
    """Raise WrongValue where one of these fields is given and is no URL of a web server."""
    for name in names:
        value = getattr(spec, name)
        if isinstance(value, Secret):
            value = value.reveal() or " "
        if value and (why := url_flaw(str(value))):
            raise WrongValue(name, f"{name}: {why}")


def url_flaw(text: str) -> str:
    """Say what is wrong with the URL of a web server, or nothing."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a URL; write it like https://host.example.org/path"
    if parts.scheme not in ("http", "https"):
        return "unsupported scheme in the URL; it must begin with http:// or https://"
    return "" if host else "missing host in the URL; write it like https://host.example.org/path"


def check_host_port(name: str, text: str) -> None:
    """Raise WrongValue where a text that is given is not `host:port`; an IPv6 address stands in brackets."""
    host, separator, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") and host.endswith("]") else host
    if text and (not separator or not port or (bare == host and ":" in host) or "[" in bare or "]" in bare):
        message = f'"{text}" is not a host with a port; write it like mail.example.org:587, or [2001:db8::1]:587'
        raise WrongValue(name, message)


def check_twins(spec: object, *names: str) -> None:
    """Raise WrongValue where a field is given inline and in a file."""
    for name in names:
        if getattr(spec, name) and getattr(spec, f"{name}_file"):
            raise WrongValue(f"{name}_file", f"at most one of {name} and {name}_file can be set")
