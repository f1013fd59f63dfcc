"""Why somebody was told, or not: everything of some hours that was for one person, and what fired and was not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from agent import notify, rules
from agent.app.explanation.causes import causes_of, headline, of_messages
from agent.app.explanation.evidence import Evidence
from agent.app.explanation.facts import Facts, Found, gather
from agent.app.explanation.finding import found_of
from agent.app.explanation.messages import messages_of
from agent.app.explanation.words import listed, shown
from agent.journal import Event
from agent.model import Labels
from agent.notify import Verdict
from agent.schema import suggest
from agent.web.explaining import Cause, Matter, Message, Mood, PersonAccount

_MOST_LINES: Final = 20_000
_MOST: Final = 50


def explain_person(evidence: Evidence, name: str, since_ms: int, at_ms: int | None = None) -> PersonAccount:
    """Return what was for a person between two instants. It reads the journal: call it in a thread."""
    until_ms = evidence.at_ms if at_ms is None else min(at_ms, evidence.at_ms)
    lines = notify.history_lines(evidence.events, since_ms=since_ms, limit=_MOST_LINES)
    events = lines if at_ms is None else [each for each in lines if each.at_ms <= until_ms]
    labels = _labels(evidence, events)
    told = list(_told(evidence, name, events, labels, past=at_ms is not None))
    about = {each.fingerprint for each in told}
    others = _others(evidence, name, events, labels, about, since_ms, at_ms)
    known = set(evidence.routing.directory.people)
    known |= {str(each.value["person"]) for each in lines if each.value.get("person")}
    notes = (*evidence.notes, *(() if len(lines) < _MOST_LINES else ("older lines of the history are left out",)))
    if name not in known:
        near = suggest(name, sorted(known))
        notes = (f'nobody is named "{name}" in escalation.yml{near}', *notes)
    return PersonAccount(
        name=name,
        at_ms=until_ms,
        since_ms=since_ms,
        standing=tuple(_standing(evidence, name, until_ms)) if at_ms is None else (),
        told=tuple(told[:_MOST]),
        others=tuple(others[:_MOST]),
        suggestions=() if name in known else tuple(sorted(known)),
        notes=notes,
    )


def _labels(evidence: Evidence, events: Iterable[Event]) -> dict[str, Labels]:
    """Return the labels of the alerts that events are about, by fingerprint."""
    found = {row.fingerprint: row.labels for each in evidence.view.messages() for row in each.alerts}
    found |= {alert.fingerprint: alert.labels for alert in evidence.view.known()}
    for event in events:
        if event.subject not in found and (labels := event.value.get("labels")):
            found[event.subject] = Labels(labels)
    return found


def _told(
    evidence: Evidence, name: str, events: Sequence[Event], labels: dict[str, Labels], *, past: bool
) -> Iterator[Matter]:
    """Give each incident of which something was for the person, the newest first."""
    own = {str(each.value["target"]) for each in events if each.value.get("person") == name}
    person = evidence.routing.directory.people.get(name)
    if person:
        addresses = ((channel, person.address(channel)) for channel in notify.Channel)
        own |= {notify.Target(channel, address).key for channel, address in addresses if address}
    incidents: dict[str, list[Event]] = {}
    for each in events:
        if each.value.get("person") == name or _names(each, name, own):
            incidents.setdefault(str(each.value.get("incident")), []).append(each)
    rows = {} if past else {row.id: row for row in evidence.view.messages()}
    needless = evidence.view.needless
    for lines in reversed(incidents.values()):
        subjects = list(dict.fromkeys(each.subject for each in lines))
        first = subjects[0]
        messages = tuple(
            messages_of((each for each in lines if each.subject == first and "message" in each.value), rows, needless)
        )
        about = labels.get(first, Labels())
        yield Matter(first, about, lines[0].at_ms, _became(messages, lines, len(subjects)), messages)


def _names(event: Event, name: str, own: set[str]) -> bool:
    """Say whether a decision names the person: a line of a receiver, or an address."""
    value = event.value
    if value["what"] not in (Verdict.DEDUPLICATED, Verdict.SUPPRESSED, Verdict.ACKNOWLEDGED):
        return False
    detail = str(value.get("detail", ""))
    return (
        detail in own
        or detail.split("/", maxsplit=1)[0].split("[", maxsplit=1)[0] == f"person:{name}"
        or (value["what"] == Verdict.ACKNOWLEDGED and str(value["reason"]).startswith(f"by {name}"))
    )


def _became(messages: tuple[Message, ...], lines: Sequence[Event], alerts: int) -> Cause:
    """Say in a sentence what became of what was for a person."""
    more = f" (with {alerts - 1} more)" if alerts > 1 else ""
    arrived = [each for each in messages if each.arrived]
    troubles = list(of_messages(messages))
    if arrived:
        ways = listed(list(dict.fromkeys(each.channel for each in arrived)))
        known = all(each.state == "delivered" for each in arrived)
        text = f"told by {ways}{more}, {'delivered' if known else 'accepted by the provider'}"
        if troubles:
            return Cause(troubles[0].code, f"{text}; but {troubles[0].text}", Mood.WAITS, troubles[0].until_ms)
        return Cause("told", text, Mood.GOOD)
    if troubles:
        return Cause(troubles[0].code, f"not told: {troubles[0].text}{more}", troubles[0].mood, troubles[0].until_ms)
    last = lines[-1].value
    if last["what"] == Verdict.ACKNOWLEDGED:
        return Cause("acknowledged", f"acknowledged {shown(str(last['reason']))}{more}", Mood.GOOD)
    return Cause(str(last["what"]), f"not told: {shown(str(last.get('reason', '')))}{more}", Mood.BAD)


def _others(
    evidence: Evidence,
    name: str,
    events: Sequence[Event],
    labels: dict[str, Labels],
    about: set[str],
    since_ms: int,
    at_ms: int | None,
) -> list[Matter]:
    """Return the alerts that fired in these hours and of which nothing was for the person, the newest first."""
    fired: dict[str, tuple[Found, int]] = {}
    until_ms = 2**62 if at_ms is None else at_ms
    wanted = rules.Wanted(states=frozenset({"firing"}), since_ms=since_ms, until_ms=until_ms, limit=1_000)
    for line in rules.past(evidence.newest, wanted).lines:
        sent = evidence.as_sent(line.labels)
        fired.setdefault(sent.fingerprint(), (Found(line.labels, sent), line.position.at_ms))
    for each in events:
        if each.value["what"] == Verdict.ROUTED and each.subject in labels and each.subject not in fired:
            fired[each.subject] = found_of(evidence, labels[each.subject]), each.at_ms
    matters = []
    for fingerprint, (found, fired_ms) in sorted(fired.items(), key=lambda each: -each[1][1]):
        if fingerprint in about:
            continue
        facts = gather(evidence, found, at_ms=at_ms)
        answer = _step_for(name, facts) or headline(facts, causes_of(facts))
        matters.append(Matter(found.labels.fingerprint(), found.labels, fired_ms, answer))
        if len(matters) == _MOST:
            break
    return matters


def _step_for(name: str, facts: Facts) -> Cause | None:
    """Return that a step of escalation that is to come is for the person."""
    for place in facts.places:
        for step in place.steps:
            for whom, channel in step.whom:
                if step.state == "waiting" and name in re.findall(r"[\w.@-]+", whom):
                    unless = " unless somebody acknowledges" if step.until == "ack" else ""
                    text = f"step {step.number} of the escalation tells {name} by {channel}{unless}; it waits"
                    return Cause("to-come", text, Mood.WAITS, step.due_ms)
    return None


def _standing(evidence: Evidence, name: str, at_ms: int) -> Iterator[str]:
    """Give where the person stands: on call for whom, next for whom, and which channels cannot reach anybody."""
    directory = evidence.routing.directory
    for each in notify.on_call(directory, at_ms) if directory.teams else ():
        if name in each.people:
            yield f"on call for {each.team}"
        elif name in each.next_people:
            yield f"next on call for {each.team}"
    person = directory.people.get(name)
    for channel in notify.Channel if person else ():
        if person and person.address(channel) and str(channel) in evidence.routing.disabled:
            yield f"{channel} is disabled: {evidence.routing.disabled[str(channel)]}"
