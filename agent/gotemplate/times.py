"""Go's time.Time and time.Duration as templates see them: printed as Go prints them, with the methods rules use."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from agent.gotemplate.values import LARGEST, Struct, Value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAYOUT: Final = (
    ("January", "%B"),
    ("Monday", "%A"),
    ("2006", "%Y"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("Z07:00", "Z"),
    ("MST", "UTC"),
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
"""Go's reference layout and what stands for it here; longer words first. All times are UTC."""


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
    return f"{_date(moment)} {moment:%H:%M:%S}{fraction} +0000 UTC"


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
                parts.append(f"{moment.year:04d}" if directive == "%Y" else moment.strftime(directive))
                layout = layout[len(word) :]
                break
        else:
            piece, layout = _small(moment, layout)
            parts.append(piece)
    return "".join(parts)


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
    """Make a time.Time in UTC with the methods that templates call."""
    methods: dict[str, Callable[..., Value]] = {
        "String": lambda: time_text(moment),
        "Format": lambda layout: _format(moment, layout),
        "UTC": lambda: time_value(moment),
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
