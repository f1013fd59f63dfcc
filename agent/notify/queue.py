"""What leaves next: the messages that are due, by provider and target, the most critical first, each looked at few times.

Rows that wait for their time stand in one heap. Those that are due stand in a heap per *strand* (one target by one transport),
and strands in a heap per *stream* (one transport), so that a full target or a broken provider is asked about once and not for
each of ten thousand rows behind it. Critical rows and updates have streams of their own. It decides nothing about limits: it
asks a `Gate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count, product
from typing import Final, NamedTuple, Protocol

from agent.notify.limits import Held
from agent.notify.notification import Channel
from agent.notify.rows import Row

NOTED_FROM_MS: Final = 10_000
"""A row that is held back for longer than this past its time gets a line of history that says why."""


class Stream(NamedTuple):
    """What leaves by one transport, apart for critical messages, updates and first pages, which have limits of their own."""

    transport: str
    channel: Channel
    critical: bool
    update: bool
    """Whether they follow others of their incidents at the same targets."""
    first: bool = False
    """Whether they are the first critical ones of their incidents at their targets."""


class Strand(NamedTuple):
    """What of a stream goes to one target."""

    stream: Stream
    target: str


def strand_of(row: Row, *, update: bool, paged: bool) -> Strand:
    """Return the strand of a row whose target has heard of its incident (`update`), and by a critical message (`paged`)."""
    critical = row.priority == 0
    stream = Stream(row.transport, row.target.channel, critical, update, first=critical and not paged)
    return Strand(stream, row.target.key)


class Gate(Protocol):
    """Says what may leave now. A `Held` with `until_ms` 0 holds until something that is under way ends."""

    def stream(self, stream: Stream, at_ms: int) -> Held | None:
        """Say why nothing of a stream may leave, or None."""
        ...

    def strand(self, strand: Strand, at_ms: int) -> Held | None:
        """Say why nothing of a strand may leave, or None."""
        ...

    def together(self, strand: Strand, waiting: int, at_ms: int) -> int:
        """Say how many of the rows that wait leave as one message now."""
        ...


class _Offer(NamedTuple):
    """A row as it stands in the heaps; one that was replaced or taken back is no longer in `Queue._offers`."""

    priority: int
    order: int
    number: int
    row: Row
    strand: Strand


class Queue:
    """The rows that may be sent next, at most one for each group and target: the outbox offers it the oldest."""

    def __init__(self) -> None:
        self._offers: dict[str, _Offer] = {}
        self._alarms: list[tuple[int, int, _Offer | Strand | Stream]] = []
        self._ready: dict[Strand, list[_Offer]] = {}
        self._fronts: dict[Stream, list[tuple[int, int, Strand]]] = {}
        self._listed: dict[Strand, tuple[int, int]] = {}
        """By which row a strand stands in `_fronts`; other entries of it there are void."""
        self._parked: dict[Strand, Held] = {}
        self._asleep: dict[Stream, Held] = {}
        self._blocked: set[Stream] = set()
        """Streams that wait for something that is under way."""
        self._fresh: dict[Strand, list[_Offer]] = {}
        self._number = count()
        self.held: Callable[[Row, Held], object] = lambda _row, _held: None
        """What is called once for a row that is held back for long."""

    def __len__(self) -> int:
        return len(self._offers)

    def offer(self, row: Row, strand: Strand) -> None:
        """Take in a row, or a newer version of it; it is due at its `next_at_ms`."""
        known = self._offers.get(row.id)
        if known and known.row is row and known.strand == strand:
            return
        made = _Offer(row.priority, row.order, next(self._number), row, strand)
        self._offers[row.id] = made
        self._alarm(row.next_at_ms, made)

    def withdraw(self, row_id: str) -> None:
        """Forget a row: it is under way, or needs no sending any more."""
        self._offers.pop(row_id, None)

    def next_alarm(self) -> int | None:
        """Return when something has to be looked at next (0: now), or None. What waits for something under way is not counted."""
        if self._streams():
            return 0
        while self._alarms:
            at_ms, _, what = self._alarms[0]
            if self._matters(what):
                return at_ms
            heappop(self._alarms)
        return None

    def wake(self, at_ms: int) -> list[Row]:
        """Move what has become due to where it leaves from; return the rows among it."""
        woken = []
        while self._alarms and self._alarms[0][0] <= at_ms:
            what = heappop(self._alarms)[2]
            if isinstance(what, Stream):
                if what in self._asleep and self._asleep[what].until_ms <= at_ms:
                    del self._asleep[what]
            elif isinstance(what, Strand):
                if what in self._parked and self._parked[what].until_ms <= at_ms:
                    del self._parked[what]
                    self._to_front(what)
            elif self._alive(what):
                self._make_ready(what)
                woken.append(what.row)
        return woken

    def take(self, at_ms: int, gate: Gate) -> tuple[Strand, list[Row]] | None:
        """Return what leaves next: the rows of one message. None where nothing may leave now."""
        while stream := next(iter(self._streams()), None):
            if held := gate.stream(stream, at_ms):
                if held.until_ms > at_ms:
                    self._sleep(stream, held)
                else:
                    self._blocked.add(stream)
            elif strand := self._open_strand(stream, at_ms, gate):
                together = gate.together(strand, len(self._ready[strand]), at_ms)
                return strand, list(self._pop(strand, max(1, together)))
        return None

    def rouse(self) -> None:
        """Look at everything again: limits or receivers were replaced, or the clock was set."""
        self._asleep.clear()
        self._blocked.clear()
        parked, self._parked = self._parked, {}
        for strand in parked:
            self._to_front(strand)

    def stir(self, stream: Stream) -> None:
        """Ask again about what waited for something under way, as a message of this stream has ended."""
        self._blocked.clear()
        for kin in product((False, True), repeat=2):
            self._asleep.pop(stream._replace(update=kin[0], first=kin[1]), None)

    def why(self, row_id: str) -> Held | None:
        """Say what holds a row back that is due, or None."""
        offer = self._offers.get(row_id)
        if offer is None:
            return None
        return self._parked.get(offer.strand) or self._asleep.get(offer.strand.stream)

    def _alarm(self, at_ms: int, what: _Offer | Strand | Stream) -> None:
        heappush(self._alarms, (at_ms, next(self._number), what))

    def _alive(self, offer: _Offer) -> bool:
        return self._offers.get(offer.row.id) is offer

    def _matters(self, what: _Offer | Strand | Stream) -> bool:
        if isinstance(what, Stream):
            return what in self._asleep and self._front(what) is not None
        if isinstance(what, Strand):
            return what in self._parked and self._first(what) is not None
        return self._alive(what)

    def _make_ready(self, offer: _Offer) -> None:
        heap = self._ready.setdefault(offer.strand, [])
        heappush(heap, offer)
        self._fresh.setdefault(offer.strand, []).append(offer)
        if held := self._parked.get(offer.strand):
            self._note(offer.strand, held)
        elif heap[0] is offer:
            self._to_front(offer.strand)

    def _to_front(self, strand: Strand) -> None:
        """Let the stream know of the strand's first row."""
        first = self._first(strand)
        if first and self._listed.get(strand) != first[:2]:
            self._listed[strand] = first[:2]
            heappush(self._fronts.setdefault(strand.stream, []), (first.priority, first.order, strand))

    def _first(self, strand: Strand) -> _Offer | None:
        heap = self._ready.get(strand)
        while heap:
            if self._alive(heap[0]):
                return heap[0]
            heappop(heap)
        if heap is not None:
            del self._ready[strand]
            self._fresh.pop(strand, None)
        return None

    def _front(self, stream: Stream) -> Strand | None:
        """Return the strand whose first row is the most critical and oldest; those that are parked are not there."""
        heap = self._fronts.get(stream)
        while heap:
            strand = heap[0][2]
            first = None if strand in self._parked else self._first(strand)
            valid = self._listed.get(strand) == heap[0][:2]
            if valid and first and first[:2] == heap[0][:2]:
                return strand
            heappop(heap)
            if valid:
                del self._listed[strand]
                if first:
                    self._to_front(strand)
        self._fronts.pop(stream, None)
        return None

    def _streams(self) -> list[Stream]:
        """Return the streams that have something to send and are not asleep, the most critical first."""
        still = self._asleep.keys() | self._blocked
        awake = [stream for stream in list(self._fronts) if stream not in still and self._front(stream)]
        return sorted(awake, key=lambda stream: self._fronts[stream][0][:2])

    def _pop(self, strand: Strand, number: int) -> Iterator[Row]:
        for _ in range(number):
            if (first := self._first(strand)) is None:
                break
            heappop(self._ready[strand])
            del self._offers[first.row.id]
            yield first.row
        self._to_front(strand)

    def _open_strand(self, stream: Stream, at_ms: int, gate: Gate) -> Strand | None:
        """Return the first strand of a stream where it may send; else park it, and another stream may be first then."""
        strand = self._front(stream)
        if strand and (held := gate.strand(strand, at_ms)):
            self._park(strand, held)
            return None
        return strand

    def _sleep(self, stream: Stream, held: Held) -> None:
        self._asleep[stream] = held
        self._alarm(held.until_ms, stream)
        for strand in [each for each in self._fresh if each.stream == stream]:
            self._note(strand, held)

    def _park(self, strand: Strand, held: Held) -> None:
        self._parked[strand] = held
        self._alarm(held.until_ms, strand)
        self._note(strand, held)

    def _note(self, strand: Strand, held: Held) -> None:
        """Tell of the rows that are held back for long and were not told of before."""
        left = []
        for offer in self._fresh.pop(strand, ()):
            if not self._alive(offer):
                continue
            if held.until_ms - offer.row.next_at_ms >= NOTED_FROM_MS:
                self.held(offer.row, held)
            else:
                left.append(offer)
        if left:
            self._fresh[strand] = left
