"""The messages that have not got out, in lanes: those of one group to one target leave in order, one at a time.

It offers the queue the oldest row of each lane in which nothing is under way. It decides nothing and writes nothing down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from agent.notify.notification import Channel
from agent.notify.queue import Queue, Strand
from agent.notify.rows import Row

Lane = tuple[str, str]
"""A group's id and a target's key."""


class Lanes:
    """The rows that wait, by their ids and lanes; `strand` says of a row what it leaves with, by what its target has heard."""

    def __init__(self, strand: Callable[[Row], Strand]) -> None:
        self.queue = Queue()
        self.waiting: Counter[Channel] = Counter()
        """How many rows of each channel wait."""
        self._strand = strand
        self._rows: dict[str, Row] = {}
        self._lanes: dict[Lane, dict[str, None]] = {}
        self._in_flight: set[str] = set()

    def __contains__(self, row_id: str) -> bool:
        return row_id in self._rows

    def __getitem__(self, row_id: str) -> Row:
        return self._rows[row_id]

    def __iter__(self) -> Iterator[Row]:
        """Give the rows that wait when it is asked."""
        return iter([*self._rows.values()])

    def get(self, row_id: str) -> Row | None:
        """Return a row that waits, or None."""
        return self._rows.get(row_id)

    def of(self, lane: Lane) -> list[Row]:
        """Return what waits in a lane, the oldest first."""
        return [self._rows[each] for each in self._lanes.get(lane, ())]

    def unsent(self, row: Row) -> list[Row]:
        """Return what else waits in a row's lane and is not under way, the oldest first."""
        return [each for each in self.of(lane_of(row)) if each.id != row.id and each.id not in self._in_flight]

    def is_under_way(self, row_id: str) -> bool:
        """Say whether a row is just being sent."""
        return row_id in self._in_flight

    def wait(self, row: Row) -> None:
        """Let a row wait behind its lane, or take the place of its older version; `offer` tells the queue."""
        self.waiting[row.target.channel] += row.id not in self._rows
        self._rows[row.id] = row
        self._lanes.setdefault(lane_of(row), {})[row.id] = None

    def take(self, row_id: str) -> Row:
        """Take a row out, which is there; what comes next in its lane is not offered before `offer` or `end`."""
        row = self._rows.pop(row_id)
        self.waiting[row.target.channel] -= 1
        self.queue.withdraw(row_id)
        lane = self._lanes[lane_of(row)]
        del lane[row_id]
        if not lane:
            del self._lanes[lane_of(row)]
        return row

    def offer(self, lane: Lane) -> None:
        """Let the queue have the oldest row of a lane in which nothing is under way."""
        waiting = self._lanes.get(lane)
        if waiting and self._in_flight.isdisjoint(waiting):
            row = self._rows[next(iter(waiting))]
            self.queue.offer(row, self._strand(row))

    def offer_all(self) -> None:
        """Do so for every lane."""
        for lane in self._lanes:
            self.offer(lane)

    def begin(self, rows: Iterable[Row]) -> None:
        """Note that rows are under way, taken from the queue."""
        for row in rows:
            self._in_flight.add(row.id)
            self.queue.withdraw(row.id)

    def end(self, rows: Iterable[Row]) -> None:
        """Note that rows are under way no longer; what comes next in their lanes may leave."""
        for row in rows:
            self._in_flight.discard(row.id)
            self.offer(lane_of(row))


def lane_of(row: Row) -> Lane:
    """Return the lane in which a row waits."""
    return row.group_id, row.target.key
