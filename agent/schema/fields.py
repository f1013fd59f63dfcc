"""How a frozen dataclass says what its file looks like: key names, converters, durations and sizes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from agent.model import parse_duration

_SIZES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"(\d+)\s*([KMGT]?i?B)?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Convert:
    """An annotation: the scalar's text goes through `function`, whose ValueError becomes an error with a place."""

    function: Callable[[Any], Any]
    expects: str


def parse_size(text: str) -> int:
    """Return the bytes of `512MB` (powers of 1024, as Prometheus reads it); raise ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        message = f'not a valid size: "{text}"; write it like 512MB or 2GB'
        raise ValueError(message)
    return int(match[1]) * _SIZES[match[2] or "B"]


Duration = Annotated[int, Convert(parse_duration, "a duration like 30s or 5m")]
"""A Prometheus duration in the file, int milliseconds in the program."""
Size = Annotated[int, Convert(parse_size, "a size like 512MB")]
"""Bytes."""

MISSING: Final = dataclasses.MISSING


def key(
    name: str | None = None, *, default: Any = MISSING, factory: Any = MISSING, convert: Convert | None = None
) -> Any:
    """Declare a field that stands in the file as `name` (such as `for`, `global`, `from`) or needs a converter.

    `convert.function` is given the plain value (text, list or dict) that the file holds there.
    """
    metadata = {"key": name, "convert": convert}
    if factory is not MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    if default is not MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def camel(name: str) -> str:
    """Return `errorQuery` of `error_query`."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
