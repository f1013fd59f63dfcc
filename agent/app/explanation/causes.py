"""Why an alert is told or not, each cause with a word for programs; and the one sentence that answers the question.

Pure functions of the facts. The first cause that fits is the headline: what ended the way of the message before what only
made it wait, and that before what is as it should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.app.explanation.facts import Facts, Happening
from agent.app.explanation.held import holding, told_causes
from agent.app.explanation.messages import NEEDLESS
from agent.app.explanation.words import by_key, listed, shown
from agent.notify import Reason, Verdict
from agent.web.explaining import Cause, Message, Mood

_WAITS: Final = {
    "hours": ("quiet-hours", "{whom} {detail}"),
    "limit": ("limited", "the message to {whom} waits: {detail}"),
    "pause": ("paused", "the message to {whom} waits: {detail}"),
    "circuit": ("circuit-open", "the message to {whom} waits: {detail}"),
    "retry": ("retrying", "the message to {whom} did not get out yet, and is tried again: {detail}"),
    "": ("leaving", "the message to {whom} is about to leave"),
}
_DEDUPLICATED: Final = {
    Reason.ALREADY_TOLD: "already-told",
    Reason.KNOWN: "already-told",
    Reason.ACKNOWLEDGED: "acknowledged",
    Reason.HAS_IT: "acknowledged",
    Reason.SAME_TROUBLE: "already-told",
    Reason.OTHER_SEVERITY: "other-severity",
    Reason.NO_TARGET: "no-target",
    Reason.OVER_UNHEARD: "over-unheard",
    Reason.RINGS_NOBODY: "rings-nobody",
    Reason.RESOLVED_NOT_WANTED: "resolved-not-wanted",
    Reason.NOTHING_NEW: "nothing-new",
}
_MOODS: Final = {"acknowledged": Mood.GOOD, "other-severity": Mood.PLAIN, "already-told": Mood.PLAIN}


def causes_of(facts: Facts, fires_ms: int = 0) -> tuple[Cause, ...]:
    """Return all that has a part in whether somebody is told, what matters most first; `fires_ms`: when a pending one fires."""
    found = list(dict.fromkeys(_causes(facts, fires_ms)))
    return tuple(found or [Cause("never-fired", "it never fired: there was nothing to tell", Mood.PLAIN)])


def headline(facts: Facts, causes: tuple[Cause, ...]) -> Cause:
    """Return the answer in one sentence."""
    told = [each for each in facts.current() if each.arrived]
    names = _were_told(told)
    worst = next((each for each in causes if each.code != "told"), causes[0])
    if told and facts.firing:
        if worst.code in ("silenced", "inhibited", "muted"):
            return Cause(worst.code, f"{names}; now it is {worst.text}", worst.mood, worst.until_ms)
        if worst.code == "acknowledged":
            return Cause("acknowledged", f"{names}, and {worst.text}", Mood.GOOD, worst.until_ms)
        if worst.mood in (Mood.BAD, Mood.WAITS):
            return Cause(worst.code, f"{names}, but {worst.text}", Mood.WAITS, worst.until_ms)
        return Cause("told", names, Mood.GOOD)
    if told:
        return Cause("told", f"{names}; it is over", Mood.GOOD)
    return _nobody(facts, worst)


def _were_told(messages: Sequence[Message]) -> str:
    names = list(dict.fromkeys(each.whom for each in messages))
    return f"{listed(names)} {'was' if len(names) == 1 else 'were'} told"


def _nobody(facts: Facts, worst: Cause) -> Cause:
    """Say why nobody heard of it."""
    if worst.code in ("pending", "never-fired", "condition-ceased"):
        return Cause(worst.code, f"nobody is told: {worst.text}", worst.mood, worst.until_ms)
    verb = "nobody has been told yet" if worst.mood is Mood.WAITS and facts.firing else "nobody was told"
    return Cause(worst.code, f"{verb}: {worst.text}", worst.mood, worst.until_ms)


def _causes(facts: Facts, fires_ms: int) -> Iterator[Cause]:
    told = [each for each in facts.current() if each.arrived]
    if facts.firing:
        yield from (cause for _, cause in holding(facts))
    elif not told:
        yield from _held_to_the_end(facts)
    messages = list(of_messages(facts.current()))
    yield from (each for each in messages if each.mood is Mood.BAD)
    yield from (each for each in messages if each.mood is Mood.WAITS)
    yield from _of_acks(facts)
    if told:
        yield Cause("told", _were_told(told), Mood.GOOD)
    if not facts.current():
        yield from _before_messages(facts, fires_ms)
    yield from _deduplicated(facts)
    if not told:
        yield from _of_receivers(facts)
    yield from (each for each in messages if each.mood is Mood.PLAIN)


def _held_to_the_end(facts: Facts) -> Iterator[Cause]:
    """Give what held an alert back that is over."""
    for each in facts.decided(Verdict.SUPPRESSED):
        for cause in told_causes(facts.evidence, each.reason, each.who):
            yield Cause(cause.code, f"it was {cause.text}", cause.mood)


def of_messages(messages: Sequence[Message]) -> Iterator[Cause]:
    """Give what keeps the newest message to each target from arriving."""
    newest = {(each.channel, each.person or each.target): each for each in messages}
    instead = {each.instead_of for each in messages if each.arrived}
    for each in newest.values():
        if each.channel == "log":
            continue
        detail = each.detail or (each.attempts[-1].said if each.attempts else "")
        if each.holds == NEEDLESS:
            yield Cause("superseded", f"the message to {each.whom} is withdrawn: {detail}", Mood.PLAIN)
        elif each.state == "pending":
            code, words = _WAITS.get(each.holds, _WAITS[""])
            yield Cause(code, words.format(whom=each.whom, detail=detail), Mood.WAITS, each.next_at_ms)
        elif each.state == "failed":
            code = "disabled" if each.holds == "disabled" else "failed"
            mood = Mood.WAITS if f"{each.channel}:{each.target}" in instead else Mood.BAD
            yield Cause(code, f"the message to {each.whom} failed: {detail}", mood)
        elif each.state == "superseded":
            yield Cause("superseded", f"the message to {each.whom} was withdrawn: {detail}", Mood.BAD)


def _of_acks(facts: Facts) -> Iterator[Cause]:
    for place in facts.places:
        ack = place.ack
        if ack and facts.found.sent.fingerprint() in ack.fingerprints and facts.firing:
            how = f", by {ack.via}" if ack.via else ""
            why = f": “{ack.comment}”" if ack.comment else ""
            yield Cause("acknowledged", f"{ack.by} has it{how}{why}", Mood.GOOD, ack.until_ms)


def _before_messages(facts: Facts, fires_ms: int) -> Iterator[Cause]:
    """Give why no message was written yet."""
    if facts.state == "pending":
        yield Cause("pending", "the condition holds, but not yet long enough to fire", Mood.WAITS, fires_ms)
        return
    fired = [each for each in facts.changes if each.after == "firing" and each.position.at_ms >= facts.began_ms]
    if facts.changes and not fired and facts.state in ("inactive", "resolved"):
        yield Cause("condition-ceased", f"it never fired: {facts.changes[-1].why}", Mood.PLAIN)
        return
    if not facts.firing:
        if facts.decided(Verdict.ROUTED) or fired:
            yield Cause("over-unheard", "it was over before anybody was told", Mood.BAD)
        return
    waiting = [each for each in facts.places if not each.flushed]
    for each in waiting:
        words = f"the group of {each.receiver} still waits for others to join (group_wait)"
        yield Cause("waiting-for-group", words, Mood.WAITS, each.next_look_ms)
    joined = [each for each in facts.places if each.flushed and not each.held and not each.under_way]
    for each in joined if not waiting else ():
        if not facts.decided(Verdict.DEDUPLICATED):
            words = f"it joined a group of {each.receiver} that is looked at again (group_interval)"
            yield Cause("waiting-for-group", words, Mood.WAITS, each.next_look_ms)
    if not facts.places and not facts.past and not facts.decided(Verdict.ROUTED):
        yield Cause("not-handed-over", "it was not handed to the routing yet", Mood.WAITS)


def _deduplicated(facts: Facts) -> Iterator[Cause]:
    last: dict[str, Happening] = {each.detail: each for each in facts.decided(Verdict.DEDUPLICATED)}
    for each in last.values():
        code = next((code for reason, code in _DEDUPLICATED.items() if reason in each.reason), "")
        if code in ("", "nothing-new", "resolved-not-wanted"):
            continue
        whom = f"not to {by_key(each.detail)}: " if each.detail else ""
        mood = _MOODS.get(code, Mood.BAD)
        yield Cause(code, f"{whom}{shown(each.reason)}", mood)


def _of_receivers(facts: Facts) -> Iterator[Cause]:
    """Give the receivers that tell nobody, and those whose integrations are not sent here."""
    routing = facts.evidence.routing
    for name in dict.fromkeys(each.receiver for each in facts.decided(Verdict.ROUTED)):
        plan = routing.receiver(name)
        if plan.unsent and plan.silent:
            kinds = ", ".join(plan.unsent)
            words = f"receiver {name} has only integrations that Burnline does not send ({kinds}); it went to the log"
            yield Cause("not-sent-here", words, Mood.BAD)
        elif plan.silent:
            yield Cause(
                "tells-nobody", f"its route leads to receiver {name}, which tells nobody: it went to the log", Mood.BAD
            )
