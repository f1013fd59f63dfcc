"""What kind a metric is: by the server's metadata where it was asked, else by the customs of names, in doubt unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What rate() may be asked of, and what not."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNKNOWN = ""


_GAUGE: Final = re.compile(
    r"up|.*_(timestamp_seconds|info|ratio|percent|celsius|limit|limit_bytes|temperature|inflight|in_flight"
    r"|(used|usage|free|available|size|resident_memory|capacity|inuse)_bytes)"
)
_AMOUNT: Final = re.compile(r".*(mem|memory|disk|swap|space|size|capacity)_total")
"""Totals that are no counters: how much memory there is."""
_PART: Final = re.compile(r"(.+)_(bucket|sum|count)")
_MEASURED: Final = re.compile(r".*_(seconds|milliseconds|ms|bytes|duration|latency)")


class Kinds:
    """Tells kinds apart. `types` is what /api/v1/metadata says, `names` are all metrics that the rules name."""

    def __init__(self, names: Iterable[str] = (), types: Mapping[str, str] | None = None) -> None:
        self._types = types or {}
        parts: dict[str, set[str]] = {}
        for name in names:
            match = _PART.fullmatch(name)
            if match:
                parts.setdefault(match[1], set()).add(match[2])
        self._families = {base for base, found in parts.items() if len(found) > 1 or "bucket" in found}
        self._known: dict[str, Kind] = {}

    def of(self, name: str) -> Kind:
        """Return the kind of the metric `name`."""
        kind = self._known.get(name)
        if kind is None:
            kind = self._known[name] = self._told(name) or self._guessed(name)
        return kind

    def why(self, name: str) -> str:
        """Say from what the kind of `name` is known."""
        return "its metadata says so" if self._told(name) else "its name says so"

    def _told(self, name: str) -> Kind:
        match = _PART.fullmatch(name)
        if match and self._types.get(match[1]) in ("histogram", "summary"):
            return Kind.COUNTER
        told = self._types.get(name) or self._types.get(name.removesuffix("_total"), "")
        return Kind(told) if told in ("counter", "gauge") else Kind.UNKNOWN

    def _guessed(self, name: str) -> Kind:
        if name in self._types:
            return Kind.UNKNOWN
        if name.endswith("_total"):
            return Kind.UNKNOWN if _AMOUNT.fullmatch(name) else Kind.COUNTER
        match = _PART.fullmatch(name)
        if match:
            counts = match[2] == "bucket" or match[1] in self._families or _MEASURED.fullmatch(match[1])
            return Kind.COUNTER if counts else Kind.UNKNOWN
        return Kind.GAUGE if _GAUGE.fullmatch(name) else Kind.UNKNOWN
