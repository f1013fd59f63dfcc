"""Durations in Prometheus form (`1h30m`, `5m`, `90s`, `100ms`, `0`), as integers of milliseconds.

Source: the Prometheus documentation on time durations; units in falling order, each at most once, no signs, no fractions.
"""

from __future__ import annotations

import re

_UNITS_MS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PATTERN = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_LONGEST_MS = (2**63 - 1) // 10**6  # what Go's time.Duration holds, so that files stay valid for the peers


def parse_duration(text: str) -> int:
    """Return the milliseconds of `text`; raise ValueError with a suggestion where it is no duration."""
    if text == "0":
        return 0
    match = _PATTERN.fullmatch(text) if text else None
    if match is None:
        message = f'not a valid duration: "{text}"; write it like 30s, 5m or 1h30m'
        raise ValueError(message)
    total = sum(int(part) * unit for part, unit in zip(match.groups(), _UNITS_MS.values(), strict=True) if part)
    if total > _LONGEST_MS:
        message = f'duration out of range: "{text}"; the longest is 292y'
        raise ValueError(message)
    return total


def format_duration(duration_ms: int) -> str:
    """Return the shortest Prometheus form that loses nothing: 90_000 → `1m30s`, 0 → `0s`.

    Years and weeks are used only where they divide the whole, as Prometheus does.
    """
    if duration_ms == 0:
        return "0s"
    sign, rest = ("-", -duration_ms) if duration_ms < 0 else ("", duration_ms)
    parts = []
    for unit, size in _UNITS_MS.items():
        if unit in ("y", "w", "d") and rest % size and (unit != "d" or rest < size):
            continue
        count, remainder = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
            rest = remainder
    return sign + "".join(parts)
