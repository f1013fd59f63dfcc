"""When a group is evaluated: multiples of its interval plus a stable offset of its own. Pure functions of an instant.

The offset spreads groups over the interval and stays the same over reloads and restarts, as in Prometheus.
"""

from __future__ import annotations

import hashlib

from agent.rules.spec import GroupKey


def offset_of(key: GroupKey, interval_ms: int) -> int:
    """Return the group's place within its interval, 0 ≤ offset < interval."""
    digest = hashlib.blake2b(f"{key.file}\xff{key.name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % interval_ms


def slot_at(key: GroupKey, interval_ms: int, at_ms: int) -> int:
    """Return the newest slot at or before `at_ms`."""
    offset = offset_of(key, interval_ms)
    return (at_ms - offset) // interval_ms * interval_ms + offset


def next_slot(key: GroupKey, interval_ms: int, at_ms: int) -> int:
    """Return the first slot after `at_ms`."""
    return slot_at(key, interval_ms, at_ms) + interval_ms


def slots(key: GroupKey, interval_ms: int, after_ms: int, until_ms: int) -> range:
    """Return the slots after `after_ms` up to and including `until_ms`."""
    return range(next_slot(key, interval_ms, after_ms), until_ms + 1, interval_ms)
