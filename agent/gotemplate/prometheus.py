"""The functions that Prometheus gives to templates in rule files, as one table; `bind` ties four of them to an instant.

Source: Prometheus' template reference. Numbers may come as numbers or as text; what is no number is an error in the text.
"""

from __future__ import annotations

import functools
import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import re2

from agent.errors import QueryError
from agent.gotemplate.builtins import Function, query_escape
from agent.gotemplate.formatting import Printed
from agent.gotemplate.numerals import Spec, format_double, quote, shortest
from agent.gotemplate.times import duration, moment_of, time_text, time_value
from agent.gotemplate.values import AnyMap, Struct, Value, Vector, type_name
from agent.model import Labels, parse_duration, parse_float

_LARGE: Final = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("", "m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


_FOUR: Final = Spec("g", precision=4)


def to_number(value: Value) -> float:
    """Return a number or a numeric text as float; raise ValueError as Go's strconv does."""
    if isinstance(value, str):
        try:
            return parse_float(value) if value == value.strip() else float("")
        except ValueError:
            message = f"strconv.ParseFloat: parsing {quote(value)}: invalid syntax"
            raise ValueError(message) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"can't convert {type_name(value)} to float"
        raise ValueError(message)
    return float(value)


def four_digits(value: float) -> str:
    """Print with four significant digits (%.4g)."""
    return format_double(value, _FOUR) or ""


def _scaled(value: float, base: int, names: Sequence[str]) -> str:
    for name in names[:-1]:
        if abs(value) < base:
            return four_digits(value) + name
        value /= base
    return four_digits(value) + names[-1]


def _shrunk(value: float) -> str:
    for name in _SMALL[:-1]:
        if abs(value) >= 1:
            return four_digits(value) + name
        value *= 1000
    return four_digits(value) + _SMALL[-1]


def humanize(given: Value) -> str:
    """Print with a metric prefix: 1234567 → `1.235M`, 0.001 → `1m`."""
    value = to_number(given)
    if value == 0 or not math.isfinite(value):
        return four_digits(value)
    return _scaled(value, 1000, _LARGE) if abs(value) >= 1 else _shrunk(value)


def humanize1024(given: Value) -> str:
    """Print with a binary prefix: 1234567 → `1.177Mi`."""
    value = to_number(given)
    if abs(value) <= 1 or not math.isfinite(value):
        return four_digits(value)
    return _scaled(value, 1024, _BINARY)


def humanize_duration(given: Value) -> str:
    """Print seconds as days to milliseconds: 1234567 → `14d 6h 56m 7s`, 0.1 → `100ms`."""
    value = to_number(given)
    if not math.isfinite(value):
        return four_digits(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        return _shrunk(value) + "s"
    sign, value = ("-", -value) if value < 0 else ("", value)
    minutes, seconds = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{four_digits(value)}s"


def humanize_timestamp(given: Value) -> str:
    """Print seconds since the epoch: `2015-06-23 13:19:44.128 +0000 UTC`."""
    value = to_number(given)
    if not math.isfinite(value):
        return four_digits(value)
    return time_text(moment_of(value, shortest(value)))


def _first(vector: Vector) -> Struct:
    if not vector:
        raise ValueError("first() called on vector with no elements")
    return vector[0]


def _label(name: str, sample: Struct) -> str:
    return str(sample.fields["Labels"].get(name, ""))


def _sort_by_label(name: str, vector: Vector) -> Vector:
    return Vector(sorted(vector, key=lambda sample: _label(name, sample)))


_REMEMBERED: Final = 100
"""The most answers that are kept for the templates of one evaluation."""
_GO_REASONS: Final = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid repetition size": "invalid repeat count",
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "trailing \\ at end of regexp": "trailing backslash at end of expression",
}
"""What RE2 says of a mistake → what Go says of it."""


@functools.lru_cache(maxsize=512)
def _regex(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        why, _, part = reason.partition(": ")
        message = f"error parsing regexp: {_GO_REASONS.get(why, why)}: `{part or pattern}`"
        raise ValueError(message) from error


def _match(pattern: str, text: str) -> bool:
    return _regex(pattern).search(text) is not None


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """Replace as Go's ReplaceAllString: `$1`, `${name}` and `$$` in the replacement; a group that is not there is "".

    Raises ValueError where the result becomes too long.
    """
    pieces = _pieces(replacement)
    printed = Printed()
    at = 0
    last = -1
    for match in _regex(pattern).finditer(text):
        if match.end() > last or match.start() == 0:
            printed.write(text[at : match.start()])
            for literal, group in pieces:
                printed.write(literal if group is None else _group(match, group))
            at = match.end()
        last = match.end()
    printed.write(text[at:])
    return printed.text()


def _pieces(replacement: str) -> list[tuple[str, str | None]]:
    """Cut a replacement into (literal text, None) and ("", name or number of a group)."""
    pieces: list[tuple[str, str | None]] = []
    at = 0
    for reference in _REFERENCE.finditer(replacement):
        pieces.append((replacement[at : reference.start()], None))
        pieces.append(("$", None) if reference[1] else ("", reference[2] or reference[3]))
        at = reference.end()
    pieces.append((replacement[at:], None))
    return [(literal, group) for literal, group in pieces if literal or group]


def _group(match: Any, name: str) -> str:
    try:
        return match[int(name) if name.isdecimal() else name] or ""
    except IndexError:
        return ""


def _title(text: str) -> str:
    parts: list[str] = []
    before = " "
    for character in text:
        separates = not (before.isalnum() or before == "_") and (before.isascii() or before.isspace())
        parts.append(character.title() if separates and len(character.title()) == 1 else character)
        before = character
    return "".join(parts)


def _split_host_port(text: str) -> tuple[str, str] | None:
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if host.startswith("["):
        return (host[1:-1], port) if host.endswith("]") and "]" not in host[1:-1] else None
    return None if ":" in host or "]" in host else (host, port)


def _strip_port(text: str) -> str:
    split = _split_host_port(text)
    return split[0] if split else text


def _strip_domain(text: str) -> str:
    host, port = _split_host_port(text) or (text, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = host.partition(".")[0]
        if not port:
            return host
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return text


def _args(*values: Value) -> AnyMap:
    return AnyMap({f"arg{index}": value for index, value in enumerate(values)})


def _parse_seconds(text: str) -> float:
    if not text:
        raise ValueError("empty duration string")
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * parse_duration(text) / 1000


def _unbound(*_: Value) -> Value:
    raise ValueError("not available here")


def _link(tab: int) -> Function:
    return Function(lambda expression: f"/graph?g0.expr={query_escape(expression)}&g0.tab={tab}", ("string",))


_VECTOR: Final = "template.queryResult"
_SAMPLE: Final = "*template.sample"
PROMETHEUS: Final[dict[str, Function]] = {
    "args": Function(_args, (), "any"),
    "externalURL": Function(_unbound),
    "first": Function(_first, (_VECTOR,)),
    "graphLink": _link(0),
    "humanize": Function(humanize, ("any",)),
    "humanize1024": Function(humanize1024, ("any",)),
    "humanizeDuration": Function(humanize_duration, ("any",)),
    "humanizePercentage": Function(lambda value: four_digits(to_number(value) * 100) + "%", ("any",)),
    "humanizeTimestamp": Function(humanize_timestamp, ("any",)),
    "label": Function(_label, ("string", _SAMPLE)),
    "match": Function(_match, ("string", "string")),
    "now": Function(_unbound),
    "parseDuration": Function(_parse_seconds, ("string",)),
    "pathPrefix": Function(_unbound),
    "query": Function(_unbound, ("string",)),
    "reReplaceAll": Function(replace_all, ("string", "string", "string")),
    "safeHtml": Function(lambda text: text, ("string",)),
    "sortByLabel": Function(_sort_by_label, ("string", _VECTOR)),
    "stripDomain": Function(_strip_domain, ("string",)),
    "stripPort": Function(_strip_port, ("string",)),
    "strvalue": Function(lambda sample: _label("__value__", sample), (_SAMPLE,)),
    "tableLink": _link(1),
    "title": Function(_title, ("string",)),
    "toDuration": Function(lambda value: duration(to_number(value)), ("any",)),
    "toLower": Function(lambda text: text.lower(), ("string",)),
    "toTime": Function(lambda value: time_value(moment_of(to_number(value), shortest(to_number(value)))), ("any",)),
    "toUpper": Function(lambda text: text.upper(), ("string",)),
    "urlQueryEscape": Function(query_escape, ("string",)),
    "value": Function(lambda sample: sample.fields["Value"], (_SAMPLE,)),
}

Query = Callable[[str, int], Iterable[tuple[Labels, float]]]
"""Answer an expression at an instant (ms) with a vector; raises QueryError."""


def bind(at_ms: int, query: Query, external_url: str = "") -> Mapping[str, Function]:
    """Return the functions that depend on when and where a template runs: query, now, externalURL, pathPrefix."""
    asked: dict[str, Vector] = {}

    def ask(expression: str) -> Vector:
        if expression in asked:  # by the template of another alert of the same evaluation
            return asked[expression]
        try:
            found = list(query(expression, at_ms))
        except QueryError as error:
            raise ValueError(str(error)) from error
        vector = Vector(Struct(_SAMPLE, {"Labels": labels, "Value": value}) for labels, value in found)
        if len(asked) < _REMEMBERED:
            asked[expression] = vector
        return vector

    return {
        "externalURL": Function(lambda: external_url),
        "now": Function(lambda: at_ms / 1000),
        "pathPrefix": Function(lambda: urlsplit(external_url).path),
        "query": Function(ask, ("string",)),
    }
