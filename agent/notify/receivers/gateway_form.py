"""What a gateway is sent and how its answer is read, as data: placeholders, nested fields, paths. Pure functions.

A value is put in once and is never read again, so a text that holds `{to}` stays a text; in a template it is written as the
place wants it (`{text:json}`, `{text:xml}`, `{text:url}`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final
from urllib.parse import quote

import msgspec

WRITINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "": str,
    "json": lambda text: msgspec.json.encode(text).decode()[1:-1],
    "xml": lambda text: escape(text, quote=False).replace('"', "&quot;").replace("'", "&apos;"),
    "url": lambda text: quote(text, safe=""),
}
NAMES: Final = {
    "to": "the number, +33612345678",
    "digits": "the number without its plus sign",
    "text": "the text",
    "key": "what stays the same over all tries of a message",
    "type": "text, or unicode where the text is in another script",
    "coding": "0, or 2 where the text is in another script",
}
PLACEHOLDERS: Final = tuple(f"{name}:{writing}".rstrip(":") for name in NAMES for writing in WRITINGS)
_PLACEHOLDER: Final = re.compile(r"\{([a-z]+)(?::([a-z]+))?\}")


def unknown_placeholders(template: str) -> list[str]:
    """Return what looks like a placeholder and is none."""
    found = (match[0][1:-1] for match in _PLACEHOLDER.finditer(template))
    return [name for name in found if name not in PLACEHOLDERS]


def fill(template: str, values: Mapping[str, str], writing: str = "") -> str:
    """Return the template with its placeholders filled; those that say no writing get `writing`."""

    def value(found: re.Match[str]) -> str:
        name, chosen = found[1], found[2] or writing
        return WRITINGS[chosen](values[name]) if name in values and chosen in WRITINGS else found[0]

    return _PLACEHOLDER.sub(value, template)


def nest(fields: Mapping[str, str]) -> Any:
    """Return fields as JSON has them: `messages.0.to` is a list in an object. Raises ValueError where two do not fit."""
    root: dict[str, Any] = {}
    for name, value in fields.items():
        *steps, last = name.split(".")
        place = root
        for step in steps:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or last in place:
            message = f'the field "{name}" stands where another one stands'
            raise ValueError(message)
        place[last] = value
    return _listed(root)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inside = {name: _listed(each) for name, each in value.items()}
    numbered = all(name.isdecimal() for name in inside)
    return [inside[name] for name in sorted(inside, key=int)] if inside and numbered else inside


def at_path(value: Any, path: str) -> str:
    """Return what stands at a path of JSON (`messages.0.status`) as a text; "" where nothing does."""
    for step in path.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""
