"""When a group is evaluated: by the clock, or when what it reads has been scraped. Pure functions of instants.

By the clock: at multiples of its interval plus a stable offset of its own, which spreads groups over the interval and stays
the same over reloads and restarts, as in Prometheus. By scrapes: once in each round of the targets that it reads, at the
newest of their timestamps in that round, so that all samples up to the instant are there (`rounds` waits for them).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

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


class Cadence(NamedTuple):
    """When a target is scraped: at k · interval_ms + offset_ms for every whole k."""

    interval_ms: int
    offset_ms: int

    def newest_slot(self, start_ms: int, end_ms: int) -> int | None:
        """Return the newest slot in [start, end), None where there is none."""
        last = end_ms - 1
        slot = last - (last - self.offset_ms) % self.interval_ms
        return slot if slot >= start_ms else None


def newest_of_rounds(landings: Iterable[int], period_ms: int) -> list[int]:
    """Return the instants at which a group that reads these scrapes is evaluated: of each round the newest, rising.

    `landings` are the timestamps of all scrapes of all targets that the group reads, in any order; round k is
    [k · period_ms, (k + 1) · period_ms), and the period is the shortest scrape interval among those targets.
    """
    newest: dict[int, int] = {}
    for at_ms in landings:
        number = at_ms // period_ms
        newest[number] = max(at_ms, newest.get(number, at_ms))
    return [newest[number] for number in sorted(newest)]


def period_of(targets: Iterable[Sequence[int]]) -> int | None:
    """Return the shortest of the intervals at which targets were scraped, from the rising timestamps of each; None for none.

    A target's interval is the distance between neighbours that is the most frequent: a scrape may have been missed.
    """
    gaps = (Counter(after - before for before, after in pairwise(each)).most_common(1) for each in targets)
    return min((found[0][0] for found in gaps if found), default=None)
