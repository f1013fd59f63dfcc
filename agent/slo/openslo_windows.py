"""OpenSLO's durations and windows: `1m` is a minute and `1M` a month, and an error says so before a budget is wrong."""

from __future__ import annotations

import re
from typing import Final

from agent.model import format_duration
from agent.schema import Text, WrongText
from agent.slo.model import Calendar, Rolling, Window
from agent.slo.notes import Notes
from agent.slo.openslo_file import AlphaWindow, CalendarSpec, TimeWindow
from agent.slo.times import calendar

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
UNITS_MS: Final = {
    "m": _MINUTE,
    "h": _HOUR,
    "d": _DAY,
    "w": 7 * _DAY,
    "M": 30 * _DAY,
    "Q": 90 * _DAY,
    "Y": 365 * _DAY,
}
"""How long a rolling window of each unit is; a calendar month is as long as it is."""
_CALENDAR_UNITS: Final = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}
_ALPHA_UNITS: Final = {"second": "", "day": "d", "week": "w", "month": "M", "quarter": "Q", "year": "Y"}
_DURATION: Final = re.compile(r"(\d+)([A-Za-z]+)", re.ASCII)


def duration(text: Text) -> tuple[int, str]:
    """Return the number and the unit of `4w`; raise WrongText with advice."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or match[2] not in UNITS_MS or int(match[1]) == 0:
        near = {
            "s": "whole minutes are the least, such as 1m",
            "H": "h",
            "D": "d",
            "W": "w",
            "q": "Q",
            "y": "Y",
            "mo": "M",
        }
        unit = match[2] if match else ""
        advice = near.get(unit, "")
        advice = f"; did you mean {match[1]}{advice}?" if match and len(advice) == 1 else advice and f"; {advice}"
        message = f'"{text}" is no duration of OpenSLO: a number and m (minutes), h, d, w, M (months), Q or Y{advice}'
        raise WrongText(text.place, message)
    return int(match[1]), match[2]


def slice_ms(text: Text) -> int:
    """Return the milliseconds of a slice; a bare number is minutes. Raises WrongText, also where it is no slice."""
    if text.isdecimal() and int(text) > 0:
        return int(text) * _MINUTE
    count, unit = duration(text)
    if unit not in "mhd" or count * UNITS_MS[unit] > _DAY:
        meant = f"; minutes are {count}m" if unit == "M" else ""
        raise WrongText(text.place, f'a slice of "{text}" is longer than a day{meant}')
    return count * UNITS_MS[unit]


def duration_text(duration_ms: int) -> str:
    """Return OpenSLO's form of a duration, "" where it has none."""
    for unit in ("d", "h", "m"):
        if duration_ms > 0 and duration_ms % UNITS_MS[unit] == 0:
            return f"{duration_ms // UNITS_MS[unit]}{unit}"
    return ""


def window_of(given: tuple[TimeWindow, ...], notes: Notes) -> Window:
    """Return the window of an SLO of v1; raise WrongText."""
    if not given:
        return Rolling()
    window = given[0]
    count, unit = duration(window.duration)
    return _window(window, window.duration, count, unit, notes)


def alpha_window_of(given: tuple[AlphaWindow, ...], notes: Notes) -> Window:
    """Return the window of an SLO of v1alpha; raise WrongText."""
    if not given:
        return Rolling()
    window = given[0]
    unit = _ALPHA_UNITS.get(window.unit.lower().removesuffix("s"))
    if unit is None:
        raise WrongText(window.unit.place, f'"{window.unit}" is no unit; one of Day, Week, Month, Quarter')
    if window.count < 1:
        raise WrongText(window.place, "a window of nothing has no budget; count from 1")
    if unit:
        return _window(window, window.unit, window.count, unit, notes)
    minutes, rest = divmod(window.count, 60)
    if rest:
        raise WrongText(window.unit.place, f"a window of {window.count} seconds; whole minutes are the least")
    return _window(window, window.unit, minutes, "m", notes)


def _window(window: TimeWindow | AlphaWindow, text: Text, count: int, unit: str, notes: Notes) -> Window:
    if window.calendar is None:
        if window.is_rolling is False:
            notes.warn(
                window.place, "isRolling is false and no calendar says where the window begins; it is taken as rolling"
            )
        return _rolling(text, count, unit)
    if window.is_rolling:
        raise WrongText(window.calendar.place, "a window that is rolling has no calendar; remove it, or isRolling")
    return _calendar(window.calendar, text, count, unit)


def _rolling(text: Text, count: int, unit: str) -> Rolling:
    period = count * UNITS_MS[unit]
    if period < _DAY:
        meant = f"; {count} months are {count}M" if unit == "m" else ""
        message = (
            f"a budget over {format_duration(period)} is too short for alerts on its burning{meant}; a day is the least"
        )
        raise WrongText(text.place, message)
    return Rolling(period)


def _calendar(spec: CalendarSpec, text: Text, count: int, unit: str) -> Calendar:
    if unit not in _CALENDAR_UNITS:
        meant = f"; {count} months are {count}M" if unit == "m" else ""
        raise WrongText(text.place, f"a calendar window is of days, weeks, months, quarters or years{meant}")
    try:
        return calendar(_CALENDAR_UNITS[unit], count, str(spec.time_zone), str(spec.start_time))
    except ValueError as error:
        wrong = spec.time_zone if "time zone" in str(error) else spec.start_time
        raise WrongText(wrong.place, str(error)) from error


def calendar_duration(window: Calendar) -> str:
    """Return the duration of a calendar window, such as 1M."""
    units = {name: unit for unit, name in _CALENDAR_UNITS.items()}
    return f"{window.count}{units[window.unit]}"
