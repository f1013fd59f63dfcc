"""The notification log of strict mode: what each integration of a receiver was last told of each group, and when.

Unlike in the default mode it outlives groups and reloads, keyed as Alertmanager's nflog: a group that comes back is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.journal import Delete, Put, Write
from agent.notify.dedup import Entry

KIND: Final = "notify.log"
RETENTION_MS: Final = 120 * 3_600_000
"""Alertmanager's --data.retention. An entry is kept for two repeat intervals, but not longer: a longer repeat_interval ends
here, and the group is told anew."""

Key = tuple[str, str, str]
"""A group's key, a receiver, one of its destinations."""


class NotificationLog:
    """Entries by key. It has no clock: whoever writes says when."""

    def __init__(self, records: Mapping[str, Any]) -> None:
        self._entries: dict[Key, tuple[Entry, int]] = {}
        for data in records.values():
            entry = Entry(frozenset(data["firing"]), frozenset(data["resolved"]), data["at_ms"])
            self._entries[tuple(data["key"])] = entry, data["expires_ms"]

    def get(self, key: Key) -> Entry | None:
        """Return what was last told, None where nothing is known."""
        found = self._entries.get(key)
        return found[0] if found else None

    def write(self, key: Key, entry: Entry, repeat_interval_ms: int) -> Put:
        """Remember what was told; return the write that keeps it."""
        expires_ms = entry.at_ms + min(RETENTION_MS, 2 * repeat_interval_ms)
        self._entries[key] = entry, expires_ms
        data = {
            "key": key,
            "firing": entry.firing,
            "resolved": entry.resolved,
            "at_ms": entry.at_ms,
            "expires_ms": expires_ms,
        }
        return Put(KIND, "\0".join(key), data)

    def collect(self, at_ms: int) -> list[Write]:
        """Forget what has expired."""
        gone = [key for key, (_, expires_ms) in self._entries.items() if expires_ms < at_ms]
        for key in gone:
            del self._entries[key]
        return [Delete(KIND, "\0".join(key)) for key in gone]
