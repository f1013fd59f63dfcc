"""Which alert is meant: by the fingerprint of the rules or of a message, by a message's or an incident's id, or by labels.

What runs is asked first, then the messages that are kept, then the history; each alert is found once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent import notify, rules
from agent.app.explanation.evidence import Evidence, Seen
from agent.app.explanation.facts import Found
from agent.journal import Event
from agent.model import Labels, Matcher, match_all
from agent.web.explaining import Question

REMEMBERED_MS: Final = 30 * 24 * 3_600_000
"""How long the history is kept, and so how far back alerts are found."""
FINGERPRINT: Final = 16
MOST: Final = 200
_MOST_LINES: Final = 20_000


def find(evidence: Evidence, question: Question) -> list[Found]:
    """Return the alerts that are meant, those of now before those of the past; at most `MOST`."""
    found = _by_id(evidence, question.id) if question.id else _by_labels(evidence, question)
    kept: dict[str, Found] = {}
    for each in found:
        kept.setdefault(each.sent.fingerprint(), each)
        if len(kept) == MOST:
            break
    return list(kept.values())


def _by_id(evidence: Evidence, name: str) -> Iterator[Found]:
    if len(name) == FINGERPRINT:
        yield from _by_fingerprint(evidence, name)
        return
    rows = [row for row in evidence.view.messages() if name in (row.id, row.incident)]
    message = name if "-" in name else ""
    for row in rows:
        for alert in row.alerts:
            yield found_of(evidence, alert.labels, message)
    if rows:
        return
    for event in _history(evidence, 0):
        if name in (event.value.get("message"), event.value.get("incident")):
            for each in _by_fingerprint(evidence, event.subject):
                yield Found(each.labels, each.sent, message)


def _by_fingerprint(evidence: Evidence, fingerprint: str) -> Iterator[Found]:
    """Give the alert that has this fingerprint, in the rules or as it is sent."""
    for seen in evidence.seen():
        sent = evidence.as_sent(seen.alert.labels)
        if fingerprint in (seen.alert.labels.fingerprint(), sent.fingerprint()):
            yield Found(seen.alert.labels, sent)
            return
    known = evidence.view.find(fingerprint)
    if known is not None:
        yield found_of(evidence, known.alert.labels)
        return
    for row in reversed(evidence.view.messages(fingerprint=fingerprint)):
        for alert in row.alerts:
            if alert.fingerprint == fingerprint:
                yield found_of(evidence, alert.labels)
                return
    for line in rules.past(evidence.newest, rules.Wanted(fingerprint=fingerprint, limit=1)).lines:
        yield Found(line.labels, evidence.as_sent(line.labels))
        return
    for event in reversed(notify.history_lines(evidence.events, fingerprint)):
        if labels := event.value.get("labels"):
            yield found_of(evidence, Labels(labels))
            return


def _by_labels(evidence: Evidence, question: Question) -> Iterator[Found]:
    matchers = list(question.matchers)
    if question.at_ms is None:
        yield from _of_now(evidence, matchers)
    since_ms = (question.since_ms or evidence.at_ms - REMEMBERED_MS) if question.at_ms is None else 0
    until_ms = question.at_ms or 2**62
    for row in reversed(evidence.view.messages()):
        if since_ms <= row.at_ms <= until_ms:
            for alert in row.alerts:
                if _matches(matchers, alert.labels):
                    yield found_of(evidence, alert.labels)
    yield from _of_the_past(evidence, matchers, since_ms, until_ms)


def _of_now(evidence: Evidence, matchers: Sequence[Matcher]) -> Iterator[Found]:
    seen = sorted(evidence.seen(), key=_urgency)
    for each in seen:
        sent = evidence.as_sent(each.alert.labels)
        if _matches(matchers, sent):
            yield Found(each.alert.labels, sent)
    known = sorted(
        evidence.view.known(), key=lambda each: (each.resolved_at(evidence.at_ms), -each.starts_at_ms, each.labels)
    )
    for alert in known:
        if _matches(matchers, alert.labels):
            yield found_of(evidence, alert.labels)


def _of_the_past(evidence: Evidence, matchers: Sequence[Matcher], since_ms: int, until_ms: int) -> Iterator[Found]:
    own = [each for each in matchers if each.name not in evidence.external]
    wanted = rules.Wanted(selectors=[own] if own else (), since_ms=since_ms, until_ms=until_ms, limit=1_000)
    for line in rules.past(evidence.newest, wanted).lines:
        sent = evidence.as_sent(line.labels)
        if _matches(matchers, sent):
            yield Found(line.labels, sent)
    for event in reversed(_history(evidence, since_ms)):
        labels = event.value.get("labels")
        if labels and event.at_ms <= until_ms and match_all(list(matchers), labels):
            yield found_of(evidence, Labels(labels))


def _history(evidence: Evidence, since_ms: int) -> list[Event]:
    return notify.history_lines(evidence.events, since_ms=since_ms, limit=_MOST_LINES)


def _matches(matchers: Sequence[Matcher], labels: Labels) -> bool:
    return match_all(list(matchers), dict(labels.pairs))


def found_of(evidence: Evidence, sent: Labels, message: str = "") -> Found:
    """Return an alert by the labels it was sent with; which of them are its own, its changes say."""
    candidates = list(evidence.before_sending(sent))
    if len(candidates) > 1:
        for labels in candidates:
            if rules.past(evidence.newest, rules.Wanted(fingerprint=labels.fingerprint(), limit=1)).lines:
                return Found(labels, sent, message)
    return Found(candidates[0], sent, message)


def _urgency(seen: Seen) -> tuple[bool, int, Labels]:
    return seen.alert.state is not rules.State.FIRING, -seen.alert.active_at_ms, seen.alert.labels
