"""Numbers and instants as Prometheus writes them, in one place, because six rooms print them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final


def format_float(value: float) -> str:
    """Return Go's shortest `f` form: `1`, `0.1`, `1e-07` below 1e-6 and `1e+21` from 1e21, `NaN`, `+Inf`, `-Inf`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    magnitude = abs(value)
    if magnitude and not 1e-6 <= magnitude < 1e21:
        mantissa, _, exponent = repr(value).partition("e") if "e" in repr(value) else (f"{value:e}", "", "")
        if not exponent:
            mantissa, _, exponent = f"{value:.17e}".partition("e")
            mantissa = repr(float(mantissa))
        mantissa = mantissa.removesuffix(".0")
        power = int(exponent)
        return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    text = repr(value)
    if "e" in text:
        from decimal import Decimal

        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def parse_float(text: str) -> float:
    """Parse a float as Prometheus reads it: Inf, NaN in any case, no underscores; raise ValueError."""
    if "_" in text:
        message = f'not a number: "{text}"'
        raise ValueError(message)
    return float(text)


LAST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def format_rfc3339(at_ms: int) -> str:
    """Return UTC RFC 3339 with milliseconds: `2026-01-05T09:00:00.000Z`; beyond the years that it can write, the last instant."""
    at_ms = min(at_ms, LAST_MS)
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
