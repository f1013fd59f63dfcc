"""Inhibition: one firing alert mutes others. All sources count, whatever mutes them themselves.

Semantics: Alertmanager's inhibit.go, without the shortcuts of its 0.34 index (research §1.6). What an alert is to the rules
follows from its labels, so it is found once, when the alert becomes known; a question is then a look at a few buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from agent.model import Labels, Matcher, match_all
from agent.notify.drill import is_drill


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While an alert fires that matches `sources`, those that match `targets` and share the labels `equal` are muted."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""

    def values(self, labels: Labels) -> tuple[str, ...]:
        """Return the values of the `equal` labels; a label that is missing is ""."""
        return tuple(labels.get(name) for name in self.equal)


@dataclass(slots=True, eq=False)
class Bucket:
    """The sources of one rule that share the values of its `equal` labels, by fingerprint.

    `both` are targets of the rule too: two such would mute each other, so they mute only what is no source.
    """

    alone: dict[str, None] = field(default_factory=dict)
    both: dict[str, None] = field(default_factory=dict)
    roles: int = 0
    """How many alerts are its sources or its targets; with none it is forgotten."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What an alert is to the rules: the buckets that it is a source in (and whether a target too), and those it asks."""

    source_in: tuple[tuple[Bucket, bool], ...]
    asks: tuple[tuple[Bucket, bool], ...]
    keys: tuple[tuple[int, tuple[str, ...]], ...]


class Sources:
    """All known alerts as sources and targets of some rules."""

    def __init__(self, rules: Sequence[InhibitRule], alerts: Iterable[tuple[str, Labels]] = ()) -> None:
        self._rules = rules
        self._buckets: dict[tuple[int, tuple[str, ...]], Bucket] = {}
        self._roles: dict[str, Roles] = {}
        for fingerprint, labels in alerts:
            self.add(fingerprint, labels)

    def add(self, fingerprint: str, labels: Labels) -> None:
        """Take an alert in; one that is known already stays what it is."""
        if not self._rules or fingerprint in self._roles:
            return
        source_in, asks, keys = [], [], []
        named = dict(labels.pairs)
        for number, rule in enumerate(self._rules):
            source, target = match_all(rule.sources, named), match_all(rule.targets, named)
            source = source and not is_drill(labels)  # what is real is never muted by a test
            if source or target:
                key = (number, rule.values(labels))
                bucket = self._buckets.setdefault(key, Bucket())
                bucket.roles += 1
                keys.append(key)
                if source:
                    source_in.append((bucket, target))
                    (bucket.both if target else bucket.alone)[fingerprint] = None
                if target:
                    asks.append((bucket, source))
        self._roles[fingerprint] = Roles(tuple(source_in), tuple(asks), tuple(keys))

    def forget(self, fingerprint: str) -> None:
        """Let an alert go."""
        roles = self._roles.pop(fingerprint, None)
        if roles is None:
            return
        for bucket, both in roles.source_in:
            del (bucket.both if both else bucket.alone)[fingerprint]
        for key in roles.keys:
            bucket = self._buckets[key]
            bucket.roles -= 1
            if not bucket.roles:
                del self._buckets[key]

    def asks(self, fingerprint: str) -> tuple[tuple[Bucket, bool], ...]:
        """Return the buckets whose sources may mute an alert, and whether it is a source there itself."""
        roles = self._roles.get(fingerprint)
        return roles.asks if roles else ()


class Inhibitor:
    """Which alerts mute others at one instant; `firing` says whether a fingerprint fires then.

    Each bucket is searched once, so ten thousand targets of ten thousand sources cost no more than as many look-ups. Any
    thread may ask, while another one takes alerts in.
    """

    def __init__(self, sources: Sources, firing: Callable[[str], bool]) -> None:
        self._sources = sources
        self._firing = firing
        self._found: dict[tuple[Bucket, bool], str] = {}

    def inhibited_by(self, fingerprint: str) -> str:
        """Return the fingerprint of an alert that mutes a known one, or nothing.

        A target that is also a source is not muted by sources that are also targets: two such would mute each other.
        """
        for bucket, two_sided in self._sources.asks(fingerprint):
            found = self._found.get((bucket, two_sided))
            if found is None:
                found = self._found[bucket, two_sided] = self._search(bucket, two_sided=two_sided)
            if found:
                return found
        return ""

    def _search(self, bucket: Bucket, *, two_sided: bool) -> str:
        candidates = [*bucket.alone] if two_sided else [*bucket.alone, *bucket.both]
        return next((each for each in candidates if self._firing(each)), "")
