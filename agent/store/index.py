"""Which series exist and where their columns are: label pairs → sorted integer arrays of series numbers.

Writing needs the store's lock. Matching takes the lock for the moments in which it copies a list or an array; regular
expressions run outside it, over the distinct values of a label.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.model import Labels, Matcher, MatchOp
from agent.store.histograms import is_part, series_of
from agent.store.table import Table

Ids = NDArray[np.int32]
_NONE: Final[Ids] = np.empty(0, dtype=np.int32)
_LITERALS: Final = re.compile(r"[^\\.+*?()\[\]{}^$|]+(?:\|[^\\.+*?()\[\]{}^$|]+)*")
_ENTRY_BYTES: Final = 264
"""A series' share of the dictionaries, its Entry, its Labels and its number (measured on CPython 3.11 to 3.13)."""
_PAIR_BYTES: Final = 80
"""A label pair of a series: the tuple, its place in `pairs`, its number in the posting."""
SPARE_NUMBERS: Final = 2**18
"""The numbers of series that have ended which are never worth giving out anew."""
_POSTING_BYTES: Final = 160


class Placement(NamedTuple):
    """Where samples of a series are."""

    table: Table
    column: int


class Entry:
    """One series: its number, its labels and its placements, oldest table first."""

    __slots__ = ("labels", "number", "placements")

    def __init__(self, number: int, labels: Labels, placement: Placement) -> None:
        self.number = number
        self.labels = labels
        self.placements: tuple[Placement, ...] = (placement,)


class Index:
    """The label index of a store. `epoch` moves whenever a series or a placement comes or goes, `numbering` when series get
    other numbers.
    """

    def __init__(self, lock: Lock) -> None:
        self.epoch = self.numbering = 0
        self.entries: list[Entry | None] = []
        """By number; None where the series has ended."""
        self.nbytes = 0
        self.parts: dict[Labels, list[Placement]] = {}
        """By series, the columns that hold parts of its native histograms; they are no series themselves. An empty list says
        that all parts are gone, so that the cells that speak of them are known to be empty."""
        self._lock = lock
        self._entries: dict[Labels, Entry] = {}
        self._postings: dict[str, dict[str, array[int]]] = {}
        self._moved = np.zeros(64, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, labels: Labels) -> Entry | None:
        """Return the series, None where it is unknown."""
        return self._entries.get(labels)

    def add(self, labels: Labels, placement: Placement) -> None:
        """Say that the series has samples at `placement`; the caller holds the lock."""
        self.epoch += 1
        if is_part(labels):
            self.parts.setdefault(series_of(labels), []).append(placement)
            self._touch(series_of(labels))
            self.nbytes += _ENTRY_BYTES + _PAIR_BYTES
            return
        entry = self._entries.get(labels)
        if entry is not None:
            self._moved[entry.number] = self.epoch
            entry.placements = tuple(sorted((*entry.placements, placement), key=lambda each: each.table.number))
            return
        number = len(self.entries)
        if number == len(self._moved):
            self._moved = np.concatenate([self._moved, np.zeros(number, dtype=np.int64)])
        entry = self._entries[labels] = Entry(number, labels, placement)
        self.entries.append(entry)
        self.nbytes += _ENTRY_BYTES + _PAIR_BYTES * len(labels.pairs)
        for name, value in labels.pairs:
            values = self._postings.setdefault(name, {})
            posting = values.get(value)
            if posting is None:
                values[value] = array("i", (number,))
                self.nbytes += _POSTING_BYTES + sys.getsizeof(value)
            else:
                posting.append(number)

    def remove(self, placements: Iterable[tuple[Labels, Placement]]) -> int:
        """Take placements out, and the series that have none left; return how many series ended. Holds the lock: caller."""
        ended: list[Entry] = []
        for labels, gone in placements:
            if is_part(labels):
                self._remove_part(series_of(labels), gone)
                continue
            entry = self._entries[labels]
            entry.placements = tuple(each for each in entry.placements if each != gone)
            self.epoch += 1
            self._moved[entry.number] = self.epoch
            if not entry.placements:
                ended.append(entry)
        touched: dict[tuple[str, str], list[int]] = {}
        for entry in ended:
            labels = entry.labels
            del self._entries[labels]
            self.entries[entry.number] = None
            if not self.parts.get(labels, True):
                del self.parts[labels]
            self.nbytes -= _ENTRY_BYTES + _PAIR_BYTES * len(labels.pairs)
            for pair in labels.pairs:
                touched.setdefault(pair, []).append(entry.number)
        for (name, value), numbers in touched.items():
            self._take_out(name, value, numbers)
        if len(self.entries) > SPARE_NUMBERS + 4 * len(self._entries):
            self._renumber()
        return len(ended)

    def _renumber(self) -> None:
        """Close the gaps that series left behind: a page whose labels change at every scrape takes millions of numbers."""
        alive = np.array([entry is not None for entry in self.entries])
        ranks = np.cumsum(alive, dtype=np.int32) - np.int32(1)
        self.numbering += 1
        self.entries = [entry for entry in self.entries if entry is not None]
        for number, entry in enumerate(self._living()):
            entry.number = number
        moved = self._moved[: len(alive)][alive]
        self._moved = np.concatenate([moved, np.zeros(len(moved) + 64, dtype=np.int64)])
        for values in self._postings.values():
            for posting in values.values():
                if len(posting) == 1:
                    posting[0] = int(ranks[posting[0]])
                else:
                    numbers = np.frombuffer(posting, dtype=np.int32)
                    numbers[:] = ranks[numbers]

    def _living(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry is not None)

    def _touch(self, series: Labels) -> None:
        entry = self._entries.get(series)
        if entry is not None:
            self._moved[entry.number] = self.epoch

    def _remove_part(self, series: Labels, gone: Placement) -> None:
        self.epoch += 1
        self._touch(series)
        self.nbytes -= _ENTRY_BYTES + _PAIR_BYTES
        left = [each for each in self.parts[series] if each != gone]
        if left or series in self._entries:
            self.parts[series] = left
        else:
            del self.parts[series]

    def _take_out(self, name: str, value: str, numbers: list[int]) -> None:
        values = self._postings[name]
        if len(numbers) < len(values[value]):
            left = without(_ids(values[value]), np.array(sorted(numbers), dtype=np.int32))
            values[value] = array("i", left.tobytes())
            return
        del values[value]
        self.nbytes -= _POSTING_BYTES + sys.getsizeof(value)
        if not values:
            del self._postings[name]

    def names(self) -> list[str]:
        """Return the names of all labels, sorted."""
        with self._lock:
            return sorted(self._postings)

    def values(self, name: str) -> list[str]:
        """Return the values of a label, unsorted."""
        with self._lock:
            return list(self._postings.get(name, ()))

    def match(self, matchers: Sequence[Matcher], pulse: Callable[[], None] | None = None) -> Ids:
        """Return the numbers of the series that fulfil all matchers, rising. A missing label counts as "".

        `pulse` is called for each value that a matcher is held against; what it raises ends the search.
        """
        wanted, unwanted = [], []
        for matcher in matchers:
            if matcher.matches(""):
                unwanted.append(self._union(matcher.name, self._values_where(matcher, pulse, matches=False)))
            else:
                wanted.append(self._union(matcher.name, self._values_where(matcher, pulse, matches=True)))
        if wanted:
            wanted.sort(key=len)
            found = wanted[0]
            for other in wanted[1:]:
                found = found[member(found, other)]
        else:
            with self._lock:
                found = np.fromiter((each.number for each in self._entries.values()), np.int32, len(self._entries))
        for other in unwanted:
            found = without(found, other)
        return found

    def stayed(self, numbers: Ids, numbering: int, epoch: int) -> bool:
        """Say whether none of these series got or lost a placement, or another number, since `epoch`."""
        with self._lock:
            return numbering == self.numbering and (not len(numbers) or int(self._moved[numbers].max()) <= epoch)

    def _values_where(self, matcher: Matcher, pulse: Callable[[], None] | None, *, matches: bool) -> list[str]:
        """Return the values that do (or do not) fulfil the matcher, by look-up where the matcher names them."""
        named = _named(matcher)
        if named is not None and matches == (matcher.op in (MatchOp.EQUAL, MatchOp.REGEX)):
            return named
        found = []
        for value in self.values(matcher.name):
            if pulse is not None:
                pulse()
            if matcher.matches(value) == matches:
                found.append(value)
        return found

    def _union(self, name: str, values: Sequence[str]) -> Ids:
        with self._lock:
            postings = self._postings.get(name, {})
            parts = [_ids(postings[value]) for value in values if value in postings]
        if len(parts) <= 1:
            return parts[0] if parts else _NONE
        return np.sort(np.concatenate(parts))


def _ids(posting: array[int]) -> Ids:
    """Return a copy: an array that is being looked at cannot grow."""
    return np.frombuffer(posting, dtype=np.int32).copy()


def member(ids: Ids, of: Ids) -> NDArray[np.bool_]:
    """Mark which of `ids` are among `of`; both rising."""
    if not len(of):
        return np.zeros(len(ids), dtype=np.bool_)
    places = np.searchsorted(of, ids)
    places[places == len(of)] = 0
    return np.asarray(of[places] == ids)


def without(ids: Ids, other: Ids) -> Ids:
    """Return `ids` less those in `other`; both rising."""
    return ids[~member(ids, other)] if len(other) else ids


def _named(matcher: Matcher) -> list[str] | None:
    """Return the values that the matcher names literally: `=`, `!=`, and alternations without other signs (`a|b|c`)."""
    if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
        return [matcher.value]
    return list(dict.fromkeys(matcher.value.split("|"))) if _LITERALS.fullmatch(matcher.value) else None
