"""Secrets taken out of what others say: a provider that refuses often repeats what it was sent, in an encoding of its choice.

Whole settings are given, so that a secret which is added to them later is covered by itself. No I/O, and nothing is kept.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from agent.model import Labels, Secret

SHOWN: Final = "<secret>"
_SHORTEST_PART: Final = 6
"""A part of a secret, or its middle in another encoding, that is shorter says nothing and stands everywhere."""
_SECRET_NAME: Final = re.compile(r"key|token|secret|pass|pwd|auth|credential", re.IGNORECASE)


def redact(text: str, sources: Iterable[object]) -> str:
    """Replace in `text` every secret of `sources` (secrets, or settings that hold some), also where it is encoded."""
    known = {form for source in sources for secret in secrets_of(source) for form in forms(secret)}
    for form in sorted(known, key=len, reverse=True):
        text = text.replace(form, SHOWN)
    return text


def secrets_of(value: object) -> Iterator[str]:
    """Give the secrets in settings: each `Secret`, and what stands as a constant under a name like `api_key`."""
    if isinstance(value, Secret):
        if value:
            yield value.reveal()
    elif isinstance(value, Labels):
        yield from (text for name, text in value.items() if _SECRET_NAME.search(name) and text and "{" not in text)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (secret for each in fields(value) for secret in secrets_of(getattr(value, each.name)))
    elif isinstance(value, Mapping):
        yield from (secret for each in value.values() for secret in secrets_of(each))
    elif isinstance(value, tuple | list):
        yield from (secret for each in value for secret in secrets_of(each))


def forms(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, escaped for a URL, JSON or HTML, in base64, or a URL in its parts."""
    made = {secret}
    for part in {secret, *_parts_of_url(secret)}:
        made |= _escaped(part) | _within_base64(part)
    return made - {""}


def _escaped(text: str) -> set[str]:
    escaped = {quote(text, safe=""), quote(text), quote_plus(text), unquote(text)}
    escaped |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in escaped}
    in_json = json.dumps(text)[1:-1]
    return escaped | {text, in_json, in_json.replace("/", "\\/"), html.escape(text), html.escape(text, quote=False)}


def _within_base64(text: str) -> set[str]:
    """Return what base64 makes of a text wherever it stands in what is encoded: `user:password` holds the password too."""
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode("utf-8", "surrogatepass"))
        begin, end = -(-before * 8 // 6), (before + len(text.encode("utf-8", "surrogatepass"))) * 8 // 6
        inside = encoded.decode()[begin:end]
        found |= {inside, inside.replace("+", "-").replace("/", "_")}
    return {each for each in found if len(each) >= _SHORTEST_PART}


def _parts_of_url(text: str) -> set[str]:
    """Return what of a URL is as secret as the whole: its path (`Cannot POST /services/T0/B0/x`), its query, its password."""
    if "://" not in text:
        return set()
    try:
        parts = urlsplit(text)
        password = parts.password or ""
    except ValueError:
        return set()
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    found = {target, parts.path, parts.path.rpartition("/")[2], parts.query, password}
    found |= {value for _, value in parse_qsl(parts.query)}
    return {each for each in found if len(each) >= _SHORTEST_PART}
