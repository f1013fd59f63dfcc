"""Heartbeats that others owe: when each came last, and `look(at_ms)`, which says whose is missing.

All of it is in the journal, so a restart forgets none. While the agent was not there (a restart, a machine that slept, a clock
that was set forward) no heartbeat can have come: whoever was to come then is given time to come again before it is missing.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Protocol

import structlog

from agent.journal import Delete, Put, Write
from agent.model import Alert, Labels, Matcher, Secret, format_duration, match_all
from agent.telemetry import Telemetry

KIND: Final = "pulse.owed"
CLOCK: Final = "pulse.clock"
MISSING: Final = "HeartbeatMissing"
FAILED: Final = "HeartbeatFailed"
RUNBOOK: Final = "/runbooks/heartbeat"
LEAP_MS: Final = 60_000
"""Nobody is late by so much in looking, unless the machine slept or the clock was set; and an absence so long is excused."""
NOTED_EVERY_MS: Final = 60_000
LONGEST_WORDS: Final = 1_000

_log = structlog.get_logger("burnline.heartbeat")


class Word(StrEnum):
    """What a heartbeat says."""

    OK = "ok"
    START = "start"
    """The work began; the time until `ok` is how long it took."""
    FAIL = "fail"


class Kind(StrEnum):
    """How a heartbeat stands."""

    NEW = "new"
    """It never came, and is not late yet."""
    OK = "ok"
    LATE = "late"
    """It is past its time, and within its grace."""
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Owed:
    """One heartbeat that somebody owes. `match` says which alerts that others hand over stand for it; none: no alert does."""

    name: str
    every_ms: int
    grace_ms: int
    token: Secret = field(default_factory=lambda: Secret(""))
    labels: Labels = field(default_factory=Labels)
    annotations: Labels = field(default_factory=Labels)
    match: tuple[Matcher, ...] = ()

    def admits(self, token: str) -> bool:
        """Say whether a token is the right one, in a time that does not depend on where it differs."""
        return not self.token or hmac.compare_digest(self.token.reveal().encode(), token.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a heartbeat, as it is written down; instants in ms, 0 where something never was."""

    first_ms: int
    """Since when it is expected."""
    last_ms: int = 0
    """When it came last, whatever it said but `start`."""
    ok_ms: int = 0
    begun_ms: int = 0
    """When the work began that is not finished."""
    took_ms: int = 0
    """How long the last work took of which the beginning was told."""
    failed_ms: int = 0
    missing_ms: int = 0
    excused_ms: int = 0
    """Until when it is not missing, because the agent was away when it was to come."""
    away: str = ""
    message: str = ""
    count: int = 0

    def due_ms(self, owed: Owed) -> int:
        """Return when it is to come next at the latest, without grace."""
        return (self.last_ms or self.first_ms) + owed.every_ms

    def deadline_ms(self, owed: Owed) -> int:
        """Return from when on it is missing."""
        return max(self.due_ms(owed) + owed.grace_ms, self.excused_ms)

    def kind(self, owed: Owed, at_ms: int) -> Kind:
        """Return how it stands at an instant."""
        if self.missing_ms:
            return Kind.MISSING
        if self.failed_ms:
            return Kind.FAILED
        if at_ms > self.due_ms(owed):
            return Kind.LATE
        return Kind.OK if self.last_ms else Kind.NEW


class Alarms(Protocol):
    """Raises and ends alerts of the agent about others; `since_ms` continues one that was raised before a restart."""

    def fire(self, labels: Labels, annotations: Labels, at_ms: int, why: str, *, since_ms: int = 0) -> None:
        """Raise one."""
        ...

    def end(self, labels: Labels, at_ms: int, why: str) -> None:
        """End one, if it fires."""
        ...


class Book(Protocol):
    """What is needed of the journal."""

    def write(self, *writes: Write) -> Future[None]:
        """Queue writes as one transaction."""
        ...

    def records(self, kind: str) -> dict[str, Any]:
        """Return all records of a kind, by key."""
        ...


class Expected:
    """All heartbeats that are owed; call it from one thread (the event loop's)."""

    def __init__(
        self, owed: Sequence[Owed], journal: Book, *, alarms: Alarms, telemetry: Telemetry, at_ms: int
    ) -> None:
        self._journal, self._alarms, self._telemetry = journal, alarms, telemetry
        self._owed: dict[str, Owed] = {}
        self._standings = {name: Standing(**data) for name, data in journal.records(KIND).items()}
        self._told_ms = self._noted_ms = int(journal.records(CLOCK).get("", at_ms))
        self.apply(owed, at_ms)
        for name, standing in self._standings.items():
            self._resume(self._owed[name], standing, at_ms)
        self.look(at_ms, why="the agent was not running")

    def apply(self, owed: Sequence[Owed], at_ms: int) -> None:
        """Take over what the files say now. Of what is expected no longer nothing is kept, and its alerts end."""
        before, self._owed = self._owed, {each.name: each for each in owed}
        for name, each in before.items():
            now = self._owed.get(name)
            if now is None or now.labels != each.labels:
                self._silence(each, at_ms, "what the configuration says of the heartbeat has changed")
                if now is not None:
                    self._resume(now, self._standings[name], at_ms)
        for name in self._standings.keys() - self._owed.keys():
            del self._standings[name]
            self._journal.write(Delete(KIND, name))
            self._uncount(name)
        for name in self._owed.keys() - self._standings.keys():
            self._keep(name, Standing(first_ms=at_ms))
        for name, each in self._owed.items():
            was = self._standings[name]
            if 0 < was.missing_ms <= at_ms <= was.deadline_ms(each):
                self._keep(name, replace(was, missing_ms=0))
                self._alarms.end(_labels(MISSING, each), at_ms, "by what the configuration says now it is not due yet")
        self._count()

    def find(self, name: str) -> Owed | None:
        """Return what is said of a heartbeat, or None."""
        return self._owed.get(name)

    def standings(self) -> Mapping[str, tuple[Owed, Standing]]:
        """Return how all stand, by name."""
        return {name: (owed, self._standings[name]) for name, owed in self._owed.items()}

    def beat(self, name: str, word: Word, at_ms: int, message: str = "") -> Future[None]:
        """Take note of a heartbeat; the future is done when it is on the disk. The name must be known."""
        owed, was = self._owed[name], self._standings[name]
        self._telemetry.heartbeats_received.labels(name, str(word)).inc()
        message = " ".join(message[: 2 * LONGEST_WORDS].split())[:LONGEST_WORDS]
        if word is Word.START:
            return self._keep(name, replace(was, begun_ms=at_ms, count=was.count + 1))
        took_ms = max(0, at_ms - was.begun_ms) if was.begun_ms else was.took_ms
        now = replace(
            was,
            last_ms=at_ms,
            begun_ms=0,
            took_ms=took_ms,
            missing_ms=0,
            excused_ms=0,
            away="",
            message=message,
            count=was.count + 1,
        )
        well = word is Word.OK
        now = replace(now, ok_ms=at_ms if well else was.ok_ms, failed_ms=0 if well else was.failed_ms or at_ms)
        kept = self._keep(name, now)
        self._tell(owed, was, now, at_ms)
        self._count()
        return kept

    def heard(self, alerts: Iterable[Alert], at_ms: int) -> list[str]:
        """Take alerts that others handed over as heartbeats, where one fires that stands for one; return their names."""
        wanted = [each for each in self._owed.values() if each.match]
        if not wanted:
            return []
        firing = [alert for alert in alerts if not alert.resolved_at(at_ms)]
        found = [each.name for each in wanted if any(match_all(list(each.match), alert.labels) for alert in firing)]
        for name in found:
            self.beat(name, Word.OK, at_ms, "an alert that stands for it was received")
        return found

    def look(self, at_ms: int, *, why: str = "the agent was held up") -> None:
        """Say what is missing at an instant; call it every few seconds. A gap since the last look is an absence."""
        from_ms, self._told_ms = self._told_ms, at_ms
        if at_ms < from_ms:
            self._set_back(from_ms - at_ms)
        elif at_ms - from_ms > LEAP_MS:
            self._excuse(from_ms, at_ms, why)
        for name, owed in self._owed.items():
            was = self._standings[name]
            if not was.missing_ms and at_ms > was.deadline_ms(owed):
                now = replace(was, missing_ms=at_ms)
                self._keep(name, now)
                self._tell(owed, was, now, at_ms)
        if abs(at_ms - self._noted_ms) >= NOTED_EVERY_MS and self._owed:
            self._noted_ms = at_ms
            self._journal.write(Put(CLOCK, "", at_ms))
        self._count()

    def _excuse(self, from_ms: int, to_ms: int, why: str) -> None:
        """Give time to what was to come while nobody was there to take it."""
        for name, owed in self._owed.items():
            was = self._standings[name]
            due_ms = was.due_ms(owed)
            away = f"{why} for {format_duration((to_ms - from_ms) // 1000 * 1000)} when it was to come"
            if not was.missing_ms and from_ms <= was.deadline_ms(owed) and to_ms >= due_ms - owed.grace_ms:
                excused_ms = to_ms + owed.every_ms + owed.grace_ms
                self._keep(name, replace(was, excused_ms=max(was.excused_ms, excused_ms), away=away))

    def _set_back(self, by_ms: int) -> None:
        """Follow a clock that was set back: nothing that was is in the future."""
        for name, was in self._standings.items():
            moved = {
                field: value - by_ms
                for field in ("first_ms", "last_ms", "ok_ms", "begun_ms", "failed_ms", "missing_ms", "excused_ms")
                if (value := getattr(was, field))
            }
            self._keep(name, replace(was, **moved))
        self._noted_ms = 0

    def _resume(self, owed: Owed, standing: Standing, at_ms: int) -> None:
        """Raise again what was raised before the restart."""
        if standing.missing_ms:
            self._alarms.fire(
                _labels(MISSING, owed), _missing_words(owed, standing), at_ms, "", since_ms=standing.missing_ms
            )
        if standing.failed_ms:
            self._alarms.fire(
                _labels(FAILED, owed), _failed_words(owed, standing), at_ms, "", since_ms=standing.failed_ms
            )

    def _tell(self, owed: Owed, was: Standing, now: Standing, at_ms: int) -> None:
        """Raise and end the alerts between two standings."""
        if now.missing_ms and not was.missing_ms:
            words = _missing_words(owed, now)
            _log.warning("a heartbeat is missing", heartbeat=owed.name, why=words.get("description"))
            self._alarms.fire(_labels(MISSING, owed), words, at_ms, words.get("description"))
        if was.missing_ms and not now.missing_ms:
            _log.info("a heartbeat came again", heartbeat=owed.name)
            self._alarms.end(_labels(MISSING, owed), at_ms, "the heartbeat came again")
        if now.failed_ms and (not was.failed_ms or now.message != was.message):
            words = _failed_words(owed, now)
            self._alarms.fire(_labels(FAILED, owed), words, at_ms, words.get("description"))
        if was.failed_ms and not now.failed_ms:
            self._alarms.end(_labels(FAILED, owed), at_ms, "the heartbeat says that all is well")

    def _silence(self, owed: Owed, at_ms: int, why: str) -> None:
        for alertname in (MISSING, FAILED):
            self._alarms.end(_labels(alertname, owed), at_ms, why)

    def _keep(self, name: str, standing: Standing) -> Future[None]:
        self._standings[name] = standing
        return self._journal.write(Put(KIND, name, standing))

    def _count(self) -> None:
        metrics = self._telemetry
        for name, standing in self._standings.items():
            metrics.heartbeat_missing.labels(name).set(bool(standing.missing_ms))
            metrics.heartbeat_failed.labels(name).set(bool(standing.failed_ms))
            if standing.last_ms:
                metrics.heartbeat_received_at.labels(name).set(standing.last_ms / 1000)
            if standing.took_ms:
                metrics.heartbeat_took.labels(name).set(standing.took_ms / 1000)

    def _uncount(self, name: str) -> None:
        metrics = self._telemetry
        gauges = (metrics.heartbeat_missing, metrics.heartbeat_failed, metrics.heartbeat_received_at)
        for each in (*gauges, metrics.heartbeat_took):
            with contextlib.suppress(KeyError):
                each.remove(name)


def _labels(alertname: str, owed: Owed) -> Labels:
    return Labels({**dict(owed.labels.pairs), "alertname": alertname, "heartbeat": owed.name})


def _missing_words(owed: Owed, standing: Standing) -> Labels:
    every, grace = format_duration(owed.every_ms), format_duration(owed.grace_ms)
    last = f"It came last at {_utc(standing.last_ms)}" if standing.last_ms else "It has never come"
    said = f' and said "{standing.message}"' if standing.message and standing.last_ms else ""
    begun = f" Its work began at {_utc(standing.begun_ms)} and was not finished." if standing.begun_ms else ""
    away = f" Once before, {standing.away}." if standing.away else ""
    words = {
        "summary": f"The heartbeat {owed.name} is missing",
        "description": f"{last}{said}; it is due every {every}, and {grace} of grace have passed.{begun}{away}",
        "runbook_url": RUNBOOK,
    }
    return Labels(words | dict(owed.annotations.pairs))


def _failed_words(owed: Owed, standing: Standing) -> Labels:
    said = f": {standing.message}" if standing.message else ", without saying why"
    words = {
        "summary": f"{owed.name} reports that it failed",
        "description": f"It said so at {_utc(standing.last_ms)}{said}",
        "runbook_url": RUNBOOK,
    }
    return Labels(words | dict(owed.annotations.pairs))


def _utc(at_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
