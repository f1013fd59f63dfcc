"""What happens next with an alert, and when, if nothing changes: read off the timers that are set. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent import notify
from agent.app.explanation.facts import Facts
from agent.app.explanation.held import held_causes, told_causes
from agent.app.explanation.messages import NEEDLESS
from agent.app.explanation.words import by_key, listed, shown, whom
from agent.notify import Suppression
from agent.web.explaining import Coming, Message

MOST: Final = 12
_STOPS: Final = {"ack": "somebody acknowledges", "resolve": "it ends"}


def coming_of(facts: Facts, fires_ms: int = 0) -> tuple[Coming, ...]:
    """Return what comes, the soonest first; for an instant that is past, what came. `fires_ms`: when a pending one fires."""
    if facts.past:
        return tuple(_came(facts))[:MOST]
    found = list(_coming(facts, fires_ms))
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.at_ms or 2**62)[:MOST])


def _coming(facts: Facts, fires_ms: int) -> Iterator[Coming]:
    if facts.state == "pending":
        yield Coming(fires_ms, "it fires and is handed to the routing", "the condition ceases")
    for message in facts.messages:
        if message.state == "pending":
            yield _leaving(message, facts.at_ms)
    for row in facts.evidence.view.messages(fingerprint=facts.found.sent.fingerprint()):
        if row.ask_at_ms:
            target = whom(row.target)
            yield Coming(row.ask_at_ms[0], f"the provider is asked whether the message to {target} arrived")
    for place in facts.places:
        yield from _of_place(facts, place)
    lasts = facts.firing and facts.seen is None and not facts.evidence.kept
    if lasts and facts.alert and facts.alert.ends_at_ms:
        yield Coming(facts.alert.ends_at_ms, "it counts as over", "whoever sent it says it again")


def _leaving(message: Message, at_ms: int) -> Coming:
    next_ms = message.next_at_ms if message.next_at_ms > at_ms else 0
    words = {
        "retry": f"the message to {message.whom} is tried again",
        "hours": f"the message to {message.whom} leaves",
        "limit": f"the message to {message.whom} leaves",
        "circuit": f"the message to {message.whom} leaves when its provider works again",
    }
    if message.holds == NEEDLESS:
        return Coming(next_ms, f"the message to {message.whom} is withdrawn: {message.detail}")
    unless = "it is over by then and nobody was told" if message.holds == "hours" else ""
    return Coming(next_ms, words.get(message.holds, f"the message to {message.whom} leaves"), unless)


def _of_place(facts: Facts, place: notify.Place) -> Iterator[Coming]:
    if place.held:
        yield from _when_released(facts, place, *place.held)
    elif facts.firing and not place.flushed:
        yield Coming(place.next_look_ms, f"{_receiver(facts, place)} is told for the first time", "it is over by then")
    elif facts.firing and facts.found.sent.fingerprint() not in _believed(facts, place) and not place.under_way:
        yield Coming(place.next_look_ms, f"the group of {place.receiver} is looked at again, with this alert")
    ack = place.ack
    taken = ack is not None and facts.found.sent.fingerprint() in ack.fingerprints
    if ack and taken and ack.remind_ms:
        yield Coming(ack.remind_ms, f"{ack.by} is asked whether they still have it", "it is over by then")
    if ack and taken and place.call_ms:
        yield Coming(place.call_ms, f"{ack.by} is called again: it is as severe as before", "it is less severe by then")
    for step in place.steps:
        if step.state == "waiting":
            unless = _STOPS.get(step.until, "")
            unless = f"it is still held back, or {unless}" if place.held else unless
            yield Coming(step.due_ms, f"step {step.number} of the escalation: {_whom(step)}", unless)
    if place.repeat_ms and place.repeats and not place.held:
        names = listed([whom(each) for each in place.repeats])
        words = f"{names} {'is' if len(place.repeats) == 1 else 'are'} told again (repeat_interval)"
        yield Coming(place.repeat_ms, words, "it is over by then")


def _believed(facts: Facts, place: notify.Place) -> set[str]:
    """Return this alert's fingerprint if anybody of the place was told of it."""
    return {facts.found.sent.fingerprint()} if any(told for _, told in place.told) else set()


def _when_released(facts: Facts, place: notify.Place, kind: Suppression, name: str) -> Iterator[Coming]:
    strict = facts.evidence.routing.settings.strict
    told = "it is told if it still fires" if not strict else "it is told at the group's next look if that is due"
    causes = held_causes(facts.evidence, kind, name, opens_ms=place.opens_ms or 0)
    if kind is Suppression.INHIBITION:
        yield Coming(0, f"when it is no longer {causes[0].text.removesuffix(' and speaks for it')}, {told}")
    elif kind is Suppression.SILENCE:
        yield Coming(max(each.until_ms for each in causes), f"the silence ends, and {told}", "it is over by then")
    else:
        yield Coming(place.opens_ms or 0, f"the time interval {name} lets it through, and {told}", "it is over by then")


def _receiver(facts: Facts, place: notify.Place) -> str:
    plan = facts.evidence.routing.receiver(place.receiver)
    ways = listed([by_way(each.key, str(each.channel)) for each in plan.destinations])
    return f"{place.receiver} ({ways})" if ways else place.receiver


def by_way(key: str, channel: str) -> str:
    """Return a line of a receiver in words, from its key: `team search by sms`, `#alerts by slack`."""
    if channel == "log":
        return "the log"
    name = key.removesuffix(f"/{channel}").removeprefix(f"{channel}:")
    kind, separator, rest = name.partition(":")
    if separator and kind in ("person", "team"):
        return f"{rest if kind == 'person' else f'team {rest}'} by {channel}"
    return by_key(f"{channel}:{name}")


def _whom(step: notify.TellsNext) -> str:
    return listed([f"{shown(name)} by {channel}" for name, channel in step.whom]) or "nobody"


def _came(facts: Facts) -> Iterator[Coming]:
    """Give what happened after an instant that is past."""
    for each in facts.later:
        value = each.value
        if "message" in value:
            yield Coming(each.at_ms, f"the message to {by_key(value['target'])}: {value['what']}")
            continue
        reason = str(value.get("reason", ""))
        causes = told_causes(facts.evidence, reason, str(value.get("who", "")))
        yield Coming(each.at_ms, f"{value['what']}: {listed([cause.text for cause in causes]) or shown(reason)}")
