"""What concerns one alert, of all that is known: its changes, its history, its messages, its places in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent import notify, rules
from agent.app.explanation.evidence import Evidence, Seen
from agent.app.explanation.messages import messages_of
from agent.journal import Event
from agent.model import Alert, Labels
from agent.web.explaining import Message

_MOST_EVENTS: Final = 2_000
_MOST_CHANGES: Final = 200
_ALL_TIME_MS: Final = 2**62
_JOINS: Final = notify.Verdict.ROUTED
_LEAVES: Final = (notify.Verdict.OVER, notify.Verdict.ENDED)


@dataclass(frozen=True, slots=True)
class Found:
    """An alert that is meant, by the labels that it has in the rules and those it is sent with; perhaps by a message's id."""

    labels: Labels
    sent: Labels
    message: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of an alert's history that is a decision: what, why, and for whom."""

    at_ms: int
    what: str
    value: Mapping[str, Any]

    @property
    def reason(self) -> str:
        """Why."""
        return str(self.value.get("reason", ""))

    @property
    def detail(self) -> str:
        """The target, the silence, the labels… that it is about."""
        return str(self.value.get("detail", ""))

    @property
    def who(self) -> str:
        """Who holds it back, as it was written down then."""
        return str(self.value.get("who", ""))

    @property
    def receiver(self) -> str:
        """For which receiver."""
        return str(self.value.get("receiver", ""))


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything about one alert as of `at_ms`. Where that is past, `seen`, `alert` and `places` are not known.

    `began_ms` is when its last life began: what was decided and sent since then explains how things stand.
    """

    evidence: Evidence
    at_ms: int
    past: bool
    found: Found
    seen: Seen | None
    alert: Alert | None
    state: str
    since_ms: int
    began_ms: int
    from_ms: int
    """From when on it is told: `began_ms`, or what was asked for."""
    changes: tuple[rules.Past, ...]
    decisions: tuple[Happening, ...]
    later: tuple[Event, ...]
    """What happened after an instant that is past."""
    messages: tuple[Message, ...]
    places: tuple[notify.Place, ...]

    @property
    def labels(self) -> Labels:
        """The labels that it has in the rules."""
        return self.found.labels

    @property
    def firing(self) -> bool:
        """Whether it fires."""
        return self.state == "firing"

    def current(self) -> tuple[Message, ...]:
        """Return the messages of its last life."""
        return tuple(each for each in self.messages if each.at_ms >= self.began_ms)

    def decided(self, what: notify.Verdict) -> list[Happening]:
        """Return the decisions of one kind in its last life."""
        return [each for each in self.decisions if each.what == what and each.at_ms >= self.began_ms]


def gather(evidence: Evidence, found: Found, *, at_ms: int | None = None, since_ms: int | None = None) -> Facts:
    """Return what concerns an alert, as of now or of an earlier instant. Reads the journal: call it in a thread."""
    past, then_ms = at_ms is not None, evidence.at_ms if at_ms is None else at_ms
    own, sent = found.labels.fingerprint(), found.sent.fingerprint()
    until_ms = then_ms if past else _ALL_TIME_MS
    changes = _changes(evidence, own, until_ms)
    events = notify.history_lines(evidence.events, sent, limit=_MOST_EVENTS)
    before = [each for each in events if each.at_ms <= until_ms]
    seen = None if past else next((each for each in evidence.seen() if each.alert.labels == found.labels), None)
    alert = None if past else _alert(evidence, sent)
    state, changed_ms = _state(changes, seen, alert, before, then_ms, past=past)
    began_ms = _began(changes, alert, before)
    rows = {row.id: row for row in evidence.view.messages(fingerprint=sent)}
    places = () if past else tuple(evidence.view.places(sent))
    return Facts(
        evidence=evidence,
        at_ms=then_ms,
        past=past,
        found=found,
        seen=seen,
        alert=alert,
        state=state,
        since_ms=changed_ms,
        began_ms=began_ms,
        from_ms=began_ms if since_ms is None else since_ms,
        changes=changes,
        decisions=tuple(
            Happening(each.at_ms, str(each.value["what"]), each.value) for each in before if "message" not in each.value
        ),
        later=tuple(each for each in events if each.at_ms > until_ms),
        messages=tuple(messages_of(before, {} if past else rows, evidence.view.needless)),
        places=places,
    )


def _changes(evidence: Evidence, fingerprint: str, until_ms: int) -> tuple[rules.Past, ...]:
    wanted = rules.Wanted(fingerprint=fingerprint, until_ms=until_ms, limit=_MOST_CHANGES)
    return rules.past(evidence.newest, wanted).lines[::-1]


def _alert(evidence: Evidence, fingerprint: str) -> Alert | None:
    known = evidence.view.find(fingerprint)
    return known.alert if known else None


def _state(
    changes: Sequence[rules.Past],
    seen: Seen | None,
    alert: Alert | None,
    events: Sequence[Event],
    at_ms: int,
    *,
    past: bool,
) -> tuple[str, int]:
    """Return the alert's state and since when: the rules know best, then the router, then the history."""
    if changes:
        last = changes[-1]
        return "resolved" if last.resolved else str(last.after), last.position.at_ms
    if seen is not None:
        fired_ms = seen.alert.fired_at_ms or seen.alert.active_at_ms
        return (
            ("resolved", seen.alert.resolved_at_ms) if seen.alert.resolved_at_ms else (str(seen.alert.state), fired_ms)
        )
    if alert is not None:
        over = alert.resolved_at(at_ms)
        return ("resolved", alert.ends_at_ms) if over else ("firing", alert.starts_at_ms)
    joined = [each for each in events if each.value["what"] in (_JOINS, *_LEAVES)]
    if joined and joined[-1].value["what"] in _LEAVES:
        return "resolved", joined[-1].at_ms
    return ("firing" if past else "resolved", 0) if events else ("inactive", 0)


def _began(changes: Sequence[rules.Past], alert: Alert | None, events: Sequence[Event]) -> int:
    """Return when its last life began: when it became active, or joined a group while it was in none."""
    begun = [each.position.at_ms for each in changes if each.before is rules.State.INACTIVE]
    if begun:
        return begun[-1]
    inside: set[str] = set()
    began_ms = 0
    for each in events:
        group = str(each.value.get("group", ""))
        if each.value["what"] == _JOINS:
            began_ms = began_ms if inside else each.at_ms
            inside.add(group)
        elif each.value["what"] in _LEAVES:
            inside.discard(group)
    return began_ms or (alert.starts_at_ms if alert else events[0].at_ms if events else 0)
