"""Go's time.Time and time.Duration as templates see them: printed as Go prints them, with the methods rules use."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.gotemplate.values import LARGEST, Struct, Value, type_name

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAYOUT: Final = (
    ("January", "%B"),
    ("Monday", "%A"),
    ("2006", "%Y"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("Z07:00", "Z%:z"),
    ("Z0700", "Z%z"),
    ("MST", "%Z"),
    ("Jan", "%b"),
    ("Mon", "%a"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
)
"""Go's reference layout and what stands for it here; longer words first."""
_NUMBERS: Final = {"1": "%m", "2": "%d", "3": "%I", "4": "%M", "5": "%S"}
ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time."""


_LONGEST_LAYOUT: Final = 1_000


def duration_text(nanoseconds: int) -> str:
    """Print as Go's Duration.String: `1h0m0s`, `1.5s`, `100ms`, `0s`."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if rest < size * 1000:
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{lead}{_decimal(rest, 1_000_000_000)}s"


def _decimal(value: int, size: int) -> str:
    whole, fraction = divmod(value, size)
    digits = str(fraction).rjust(len(str(size)) - 1, "0").rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def duration(seconds: float) -> Struct:
    """Make a time.Duration; raise ValueError where it does not fit."""
    nanoseconds = seconds * 1e9
    if not -LARGEST <= nanoseconds <= LARGEST:
        message = f"{seconds!r} seconds do not fit a duration"
        raise ValueError(message)
    exact = int(nanoseconds)
    text = duration_text(exact)
    methods: dict[str, Callable[..., Value]] = {
        "String": lambda: text,
        "Hours": lambda: exact / 3.6e12,
        "Minutes": lambda: exact / 6e10,
        "Seconds": lambda: exact / 1e9,
        "Milliseconds": lambda: exact // 1_000_000,
    }
    return Struct("*time.Duration", {}, methods, text)


def moment_of(seconds: float, shown: str) -> datetime:
    """Return the instant `seconds` after the epoch, cut to milliseconds; raise ValueError where Go's int64 overflows."""
    if not math.isfinite(seconds):
        raise ValueError("value is NaN or Inf")
    if not -LARGEST <= seconds * 1e9 <= LARGEST:
        message = f"{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"
        raise ValueError(message)
    nanoseconds = int(seconds * 1e9)
    milliseconds = abs(nanoseconds) // 1_000_000 * (1 if nanoseconds >= 0 else -1)
    return _EPOCH + timedelta(milliseconds=milliseconds)


def time_text(moment: datetime) -> str:
    """Print as Go's Time.String: `2015-06-23 13:19:44.128 +0000 UTC`."""
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{_date(moment)} {moment:%H:%M:%S}{fraction} {moment:%z} {moment:%Z}"


def _date(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment:%m-%d}"


def _format(moment: datetime, layout: str) -> str:
    if len(layout) > _LONGEST_LAYOUT:
        message = f"a layout longer than {_LONGEST_LAYOUT} characters"
        raise ValueError(message)
    parts = []
    while layout:
        for word, directive in _LAYOUT:
            if layout.startswith(word):
                parts.append(_directive(moment, directive))
                layout = layout[len(word) :]
                break
        else:
            piece, layout = _small(moment, layout)
            parts.append(piece)
    return "".join(parts)


def _directive(moment: datetime, directive: str) -> str:
    if directive == "%Y":
        return f"{moment.year:04d}"
    if directive.startswith("Z"):
        return "Z" if not moment.utcoffset() else _directive(moment, directive[1:])
    if directive == "%:z":  # strftime knows it from Python 3.12 on
        offset = moment.strftime("%z")
        return f"{offset[:3]}:{offset[3:5]}"
    return moment.strftime(directive)


def parse_time(layout: str, text: str) -> datetime:
    """Read a time written in Go's layout, in UTC where it names no zone; raise ValueError."""
    if len(layout) > _LONGEST_LAYOUT or len(text) > _LONGEST_LAYOUT:
        message = f"a layout or a time longer than {_LONGEST_LAYOUT} characters"
        raise ValueError(message)
    directives, rest = "", layout
    while rest:
        word, directive = next(
            (pair for pair in _LAYOUT if rest.startswith(pair[0])),
            (rest[0], _NUMBERS.get(rest[0], rest[0].replace("%", "%%"))),
        )
        directives += directive.lstrip("Z").replace("%:z", "%z")
        rest = rest[len(word) :]
    try:
        read = datetime.strptime(text, directives)  # noqa: DTZ007 - the zone follows, on the next line
    except (ValueError, OverflowError) as error:
        message = f'parsing time "{text}" as "{layout}": cannot parse it'
        raise ValueError(message) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def instant(value: Value) -> datetime:
    """Return what a time.Time that was made here stands for; raise ValueError for any other value."""
    if isinstance(value, Struct) and "go_instant" in value.methods:
        made: datetime = value.methods["go_instant"]()
        return made
    message = f"wrong type for value; expected time.Time; got {type_name(value)}"
    raise ValueError(message)


def _small(moment: datetime, layout: str) -> tuple[str, str]:
    """Print what one character (or a fraction of a second) of a layout stands for; return it and the rest."""
    if layout[0] in ".," and layout[1:2] in ("0", "9"):
        digit = layout[1]
        count = len(layout[1:]) - len(layout[1:].lstrip(digit))
        text = f"{moment.microsecond:06d}000"[:count]
        text = text.rstrip("0") if digit == "9" else text
        return (layout[0] + text if text else ""), layout[1 + count :]
    numbers = {"1": moment.month, "2": moment.day, "3": moment.hour % 12 or 12, "4": moment.minute, "5": moment.second}
    return (str(numbers[layout[0]]) if layout[0] in numbers else layout[0]), layout[1:]


def time_value(moment: datetime) -> Struct:
    """Make a time.Time in the zone of `moment` with the methods that templates call."""
    methods: dict[str, Callable[..., Value]] = {
        "go_instant": lambda: moment,
        "String": lambda: time_text(moment),
        "Format": lambda layout: _format(moment, layout),
        "UTC": lambda: time_value(moment.astimezone(UTC)),
        "Local": lambda: time_value(moment),
        "IsZero": lambda: moment == ZERO,
        "Sub": lambda other: duration((moment - instant(other)).total_seconds()),
        "Before": lambda other: moment < instant(other),
        "After": lambda other: moment > instant(other),
        "Equal": lambda other: moment == instant(other),
        "Unix": lambda: (moment - _EPOCH) // timedelta(seconds=1),
        "UnixMilli": lambda: (moment - _EPOCH) // timedelta(milliseconds=1),
        "Year": lambda: moment.year,
        "Month": lambda: Struct("time.Month", {}, text=f"{moment:%B}"),
        "Day": lambda: moment.day,
        "Hour": lambda: moment.hour,
        "Minute": lambda: moment.minute,
        "Second": lambda: moment.second,
        "Weekday": lambda: Struct("time.Weekday", {}, text=f"{moment:%A}"),
    }
    return Struct("*time.Time", {}, methods, time_text(moment))
