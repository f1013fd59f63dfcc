"""The functions that Alertmanager gives to its templates, as one table; `bound` ties two of them to an instant.

Source: Alertmanager's notification template reference, of version 0.34 and before.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agent.gotemplate import (
    PROMETHEUS,
    AnyMap,
    Function,
    SafeText,
    Struct,
    Value,
    duration,
    instant,
    parse_time,
    time_value,
    to_text,
)
from agent.notify.messages.go_data import go_time


def _join(separator: str, texts: Any) -> str:
    if isinstance(texts, str | Struct) or not hasattr(texts, "__iter__"):
        message = "join wants a list of strings"
        raise ValueError(message)
    return separator.join(to_text(each) for each in texts)


def _to_json(value: Value) -> str:
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.text or {name[:1].lower() + name[1:]: each for name, each in value.fields.items()}
    return to_text(value)


def _title(text: str) -> str:
    """Write each word's first letter large and the others small, as Go's cases.Title does."""
    return "".join(
        each.lower() if number and (text[number - 1].isalnum() or text[number - 1] in "_'") else each.upper()
        for number, each in enumerate(text)
    )


def _zone(name: str, value: Value) -> Struct:
    try:
        return time_value(instant(value).astimezone(ZoneInfo(name)))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"unknown time zone {name}" if not isinstance(error, ValueError) else str(error)
        raise ValueError(message) from error


def _format(layout: str, value: Value) -> Value:
    instant(value)
    assert isinstance(value, Struct)
    return value.methods["Format"](layout)


def _date(layout: str, text: str) -> Struct:
    """Read a date; what cannot be read is the zero time, as sprig's toDate has it."""
    try:
        return time_value(parse_time(layout, text))
    except ValueError:
        return go_time(-62_135_596_800_000)


def _decode(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = f"illegal base64 data: {error}"
        raise ValueError(message) from error


def _append(values: Any, value: Value) -> list[Value]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        message = "append wants a list"
        raise ValueError(message)
    return [*values, value]


def _dict(*pairs: Value) -> AnyMap:
    if len(pairs) % 2:
        message = "dict wants pairs of a key and a value"
        raise ValueError(message)
    return AnyMap({to_text(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)})


def _unbound(*_: Value) -> Value:
    message = "not available here"
    raise ValueError(message)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "append": Function(_append, ("any", "any")),
    "base64decode": Function(_decode, ("string",)),
    "base64encode": Function(lambda text: base64.b64encode(text.encode()).decode(), ("string",)),
    "date": Function(_format, ("string", "any")),
    "dict": Function(_dict, (), "any"),
    "humanizeDuration": PROMETHEUS["humanizeDuration"],
    "join": Function(_join, ("string", "any")),
    "list": Function(lambda *values: list(values), (), "any"),
    "match": PROMETHEUS["match"],
    "mustToDate": Function(lambda layout, text: time_value(parse_time(layout, text)), ("string", "string")),
    "now": Function(_unbound),
    "reReplaceAll": PROMETHEUS["reReplaceAll"],
    "safeHtml": Function(SafeText, ("string",)),
    "safeUrl": Function(SafeText, ("string",)),
    "since": Function(_unbound, ("any",)),
    "stringSlice": Function(lambda *texts: list(texts), (), "string"),
    "title": Function(_title, ("string",)),
    "toDate": Function(_date, ("string", "string")),
    "toJson": Function(_to_json, ("any",)),
    "toLower": Function(lambda text: text.lower(), ("string",)),
    "toUpper": Function(lambda text: text.upper(), ("string",)),
    "trimSpace": Function(lambda text: text.strip(), ("string",)),
    "tz": Function(_zone, ("string", "any")),
    "urlUnescape": Function(unquote_plus, ("string",)),
}


def bound(at_ms: int) -> Mapping[str, Function]:
    """Return the functions that ask what time it is: now and since."""
    now = go_time(at_ms)
    return {
        "now": Function(lambda: now),
        "since": Function(lambda value: duration((instant(now) - instant(value)).total_seconds()), ("any",)),
    }
