"""Which collectors the rules read: of each selector, those who write a series that it matches.

Of a selector that nothing matches yet, such as that of `absent(up{job="x"})`, those whose own labels fit, where it names a
job or an instance; else none, since waiting for every target would help nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from agent.app.collection import Feed
from agent.rules import Group, GroupKey, Selector, feeders, in_order, targets_read
from agent.store import Store

_IDENTIFYING: Final = frozenset({"job", "instance"})


class Collectors(Protocol):
    """Those who collect: `Collection`, seen from here."""

    @property
    def version(self) -> int:
        """A number that moves whenever there are others, or one has landed for the first time."""

    def feeds(self) -> dict[str, Feed]:
        """Return them by their keys."""


class Feeding:
    """Answers which collectors groups read, from the store's series as they are now."""

    def __init__(self, store: Store, collection: Collectors) -> None:
        self._store, self._collection = store, collection
        self._groups: tuple[Group, ...] = ()
        self._fed_by: Mapping[GroupKey, Sequence[GroupKey]] = {}
        self._order: tuple[GroupKey, ...] = ()

    @property
    def version(self) -> tuple[int, int]:
        """What moves when the answer may be another one: the store's series, the collectors."""
        return self._store.epoch, self._collection.version

    def feeds(self) -> dict[str, Feed]:
        """Return all collectors, by key; call it where they are started and ended."""
        return self._collection.feeds()

    def targets(self, groups: tuple[Group, ...], feeds: Mapping[str, Feed]) -> dict[GroupKey, frozenset[str]]:
        """Return the collectors that each group reads, those of the groups that feed it included.

        The groups come in the order in which they are evaluated at one instant. It takes a while after the groups or the
        series have changed: call it in a thread.
        """
        if groups != self._groups:
            fed_by = feeders(groups)
            self._groups, self._fed_by, self._order = groups, fed_by, in_order(groups, fed_by)
        found = targets_read(groups, self._fed_by, asking(self._store, feeds))
        return {key: found[key] for key in self._order}


def asking(store: Store, feeds: Mapping[str, Feed]) -> Callable[[Selector], frozenset[str]]:
    """Return what says which collectors a selector reads; who reads one that is made of others waits for those too."""
    writers = {feed.columns: key for key, feed in feeds.items()}

    def ask(selector: Selector) -> frozenset[str]:
        found = store.writers(selector.matchers)
        if not found:
            return _expected(selector, feeds)
        read = frozenset(writers[each] for each in found if each in writers)
        return read.union(*(feeds[key].made_of for key in read))

    return ask


def _expected(selector: Selector, feeds: Mapping[str, Feed]) -> frozenset[str]:
    """Return the collectors whose series a selector without any would match, by what it says of job and instance."""
    if not any(each.name in _IDENTIFYING and not each.matches("") for each in selector.matchers):
        return frozenset()
    return frozenset(key for key, feed in feeds.items() if not selector.refuses(feed.labels))
