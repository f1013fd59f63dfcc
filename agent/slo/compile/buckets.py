"""Bounds of buckets in queries: a selector compares text, and who exposes a bucket writes its bound in one of several ways.

Clients in Go write `1`, those in Python `1.0`, and Prometheus 3 writes `1.0` whatever came; the budget engine compares numbers.
"""

from __future__ import annotations

import re
from typing import Final

_STRING: Final = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""
_BOUND: Final = re.compile(rf"\ble\s*=\s*({_STRING})|{_STRING}|#[^\r\n]*", re.DOTALL)
"""A bound that is asked for; strings and comments, in which none stands."""
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LEAST, _MOST = 1e-4, 1e6
"""Between these nobody writes an exponent, and beyond them everybody writes the same."""


def with_any_bounds(query: str) -> str:
    """Return a query whose `le="1"` finds the bucket `1.0` too; bounds that everybody writes alike stay as they are."""
    return _BOUND.sub(_as_written, query)


def _as_written(found: re.Match[str]) -> str:
    bound = found[1][1:-1] if found[1] else ""
    if not _NUMBER.fullmatch(bound) or not (float(bound) == 0 or _LEAST <= float(bound) < _MOST):
        return found[0]
    dotted = repr(float(bound))
    forms = dict.fromkeys((bound, dotted.removesuffix(".0"), dotted))
    if len(forms) == 1:
        return found[0]
    return f'le=~"{"|".join(each.replace(".", "[.]").replace("+", "[+]") for each in forms)}"'
