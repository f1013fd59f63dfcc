"""Reads what a client wrote: forms and query strings, times, durations, limits, escaped names, selectors.

Every refusal is an ApiError in Prometheus' words. Nothing here asks the agent anything but to parse a selector.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from aiohttp import web

from agent.errors import ParseError
from agent.model import parse_duration
from agent.web.envelope import ApiError, ErrorType, invalid
from agent.web.views import QueryOptions

if TYPE_CHECKING:
    from multidict import MultiMapping

    from agent.model import Matcher
    from agent.web.handles import Handles

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_ESCAPED_NAME_PART = re.compile(r"[^_]+|__|_([0-9a-fA-F]{1,6})_")
_LAST_MS: Final = 2**63 - 1
_LAST_CODE_POINT: Final = 0x10FFFF
MOST_POINTS: Final = 11_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters: the form's first, then the query string's, as Go's net/http merges them."""

    form: Sequence[tuple[str, str]]
    url: MultiMapping[str]

    def first(self, name: str) -> str:
        """Return the first value of `name`, or ""."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Return every value of `name`, the form's before the query string's."""
        return [value for key, value in self.form if key == name] + self.url.getall(name, [])


async def read_parameters(request: web.Request) -> Parameters:
    """Read the form (of a POST) and the query string; a body past the application's limit is refused by aiohttp."""
    form: list[tuple[str, str]] = []
    if request.method == "POST":
        try:
            form = [(key, value) for key, value in (await request.post()).items() if isinstance(value, str)]
        except ValueError as error:
            raise ApiError(ErrorType.BAD_DATA, f"error parsing form values: {error}") from error
    return Parameters(form, request.query)


def time_ms(text: str) -> int:
    """Parse seconds since the epoch (decimals allowed) or RFC 3339 into milliseconds; raise ValueError."""
    try:
        seconds = float(text) if "_" not in text else math.nan
    except ValueError:
        if _RFC3339.fullmatch(text):
            return round(datetime.fromisoformat(text.upper()).timestamp() * 1000)
        seconds = math.nan
    if not abs(seconds) * 1000 < _LAST_MS:  # also refuses NaN
        message = f'cannot parse "{text}" to a valid timestamp'
        raise ValueError(message)
    return round(seconds * 1000)


def duration_ms(text: str) -> int:
    """Parse seconds (decimals allowed) or a Prometheus duration into milliseconds; raise ValueError."""
    try:
        seconds = float(text) if "_" not in text else math.nan
    except ValueError:
        seconds = math.nan
        try:
            return parse_duration(text)
        except ValueError:
            pass
    if not abs(seconds) * 1000 < _LAST_MS:
        message = f'cannot parse "{text}" to a valid duration'
        raise ValueError(message)
    return round(seconds * 1000)


def time_parameter(parameters: Parameters, name: str, default_ms: int) -> int:
    """Read a time that may be left out."""
    found = optional_time(parameters, name)
    return default_ms if found is None else found


def optional_time(parameters: Parameters, name: str) -> int | None:
    """Read a time; None where the client gave none."""
    text = parameters.first(name)
    return required_time(parameters, name) if text else None


def required_time(parameters: Parameters, name: str) -> int:
    """Read a time that must be there."""
    try:
        return time_ms(parameters.first(name))
    except ValueError as error:
        raise invalid(name, error) from error


def time_span(parameters: Parameters) -> tuple[int | None, int | None]:
    """Read the optional `start` and `end` of the metadata endpoints."""
    start, end = optional_time(parameters, "start"), optional_time(parameters, "end")
    if start is not None and end is not None and end < start:
        raise invalid("end", "end timestamp must not be before start time")
    return start, end


def range_steps(parameters: Parameters) -> tuple[int, int, int]:
    """Read start, end and step of a range query in milliseconds; refuse more than 11,000 points."""
    start, end = required_time(parameters, "start"), required_time(parameters, "end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    try:
        step = duration_ms(parameters.first("step"))
    except ValueError as error:
        raise invalid("step", error) from error
    if step <= 0:
        reason = "zero or negative query resolution step widths are not accepted. Try a positive integer"
        raise invalid("step", reason)
    if (end - start) // step > MOST_POINTS:
        text = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        raise ApiError(ErrorType.BAD_DATA, text)
    return start, end, step


def query_options(parameters: Parameters, request: web.Request) -> QueryOptions:
    """Read `timeout` and `lookback_delta`; the client is gone when its connection is."""
    timeout, lookback = _optional_duration(parameters, "timeout"), _optional_duration(parameters, "lookback_delta")
    return QueryOptions(timeout, lookback, lambda: request.transport is None or request.transport.is_closing())


def _optional_duration(parameters: Parameters, name: str) -> int | None:
    text = parameters.first(name)
    try:
        return duration_ms(text) if text else None
    except ValueError as error:
        raise invalid(name, error) from error


def limit(parameters: Parameters, name: str = "limit") -> int:
    """Read how many results at most; 0 means all."""
    text = parameters.first(name)
    try:
        found = int(text) if text else 0
    except ValueError as error:
        raise invalid(name, f'cannot parse "{text}" to a number') from error
    if found < 0:
        raise invalid(name, f"{name} must be non-negative")
    return found


def selectors(parameters: Parameters, handles: Handles) -> list[Sequence[Matcher]]:
    """Read every `match[]`; each needs a matcher that "" does not fulfil, so that it selects something definite."""
    found: list[Sequence[Matcher]] = []
    for text in parameters.all("match[]"):
        try:
            matchers = handles.parse_selector(text)
        except ParseError as error:
            raise invalid("match[]", error) from error
        if all(matcher.matches("") for matcher in matchers):
            raise invalid("match[]", "match[] must contain at least one non-empty matcher")
        found.append(matchers)
    return found


def unescape_name(name: str) -> str:
    """Undo the `U__` escaping of UTF-8 names (`U__a_2e_b` → `a.b`); a name that is not escaped well stays as it is.

    Source: the escaping schemes of Prometheus' content negotiation, "value encoding".
    """
    escaped = name.removeprefix("U__")
    if escaped == name:
        return name
    parts: list[str] = []
    position = 0
    while position < len(escaped):
        match = _ESCAPED_NAME_PART.match(escaped, position)
        if match is None:
            return name
        code = int(match[1], 16) if match[1] else None
        if code is not None and (code > _LAST_CODE_POINT or 0xD800 <= code < 0xE000):
            return name
        parts.append(chr(code) if code is not None else "_" if match[0] == "__" else match[0])
        position = match.end()
    return "".join(parts)
