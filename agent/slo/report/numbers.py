"""Numbers and times as a report says them. Pure; rounding never makes a promise look kept that was not."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Final

_DAY_MS: Final = 86_400_000
_PARTS: Final = ((_DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))
_MOST_DIGITS: Final = 6


def kept(ratio: float | None, objective: float) -> str:
    """Return the part of good events in percent, rounded down, with two digits more than the objective: 99.8999 is below 99.9."""
    if ratio is None:
        return "–"
    digits = min(len(f"{objective:.10g}".partition(".")[2]) + 2, _MOST_DIGITS)
    scale = 10**digits
    return f"{math.floor((1 - ratio) * 100 * scale + 1e-6) / scale:.{digits}f} %"


def percent(fraction: float | None) -> str:
    """Return a part in percent with up to three digits: 47.2 %, 0.031 %, 1,234 %."""
    if fraction is None:
        return "–"
    value = 100 * fraction
    text = f"{value:,.0f} %" if abs(value) >= 100 else f"{float(f'{value:.3g}'):g} %"
    return text.replace("-", "−")


def parts(fraction: float | None) -> str:
    """Return a part before what it is of: `47.2 % of` …, from twice on `3.92 times` …"""
    return f"{fraction:.3g} times" if fraction is not None and 2 <= fraction < 1e3 else f"{percent(fraction)} of"


def amount(value: float | None) -> str:
    """Return a count: whole where it is, with a digit where it is not."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 or abs(value) >= 1000 else f"{value:,.1f}"


def length(span_ms: float | None) -> str:
    """Return a duration with its two largest units: 43m 12s."""
    if span_ms is None:
        return "–"
    rest = round(span_ms)
    if 0 < rest < 1_000:
        return f"{rest} ms"
    rest = round(span_ms / 1_000) * 1_000
    parts = []
    for unit_ms, unit in _PARTS:
        if rest >= unit_ms:
            parts.append(f"{rest // unit_ms}{unit}")
            rest %= unit_ms
    return " ".join(parts[:2]) or "0s"


def incident_length(length_ms: int, pages: int, paged_ms: int) -> str:
    """Return how long an incident was, and how much of it somebody was paged for: `6h 55m (paged 1h 15m)`."""
    often = f", {pages} times" if pages > 1 else ""
    return length(length_ms) + (f" (paged {length(paged_ms)}{often})" if pages and paged_ms < length_ms else "")


def moment(at_ms: int, zone: tzinfo) -> str:
    """Return an instant as `Tue 5 May 14:02`."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    return f"{at:%a} {at.day} {at:%b} {at:%H:%M}"


def stretch(from_ms: int, until_ms: int, zone: tzinfo) -> str:
    """Return a stretch of time as `Tue 5 May 14:02 – 16:40`, with the day again where it is another one."""
    first, last = (datetime.fromtimestamp(at / 1000, UTC).astimezone(zone) for at in (from_ms, until_ms))
    end = f"{last:%H:%M}" if first.date() == last.date() else moment(until_ms, zone)
    return f"{moment(from_ms, zone)} – {end}"


def times(count: int, noun: str) -> str:
    """Return `1 page`, `2 pages`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
