"""The second half of the chain: what held an alert back, what was decided, who was told, who was woken, who took it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final, TypeVar

from agent import notify
from agent.app.explanation.coming import by_way
from agent.app.explanation.facts import Facts, Happening
from agent.app.explanation.held import held_causes, told_causes
from agent.app.explanation.words import by_key, listed, shown
from agent.notify import Reason, Verdict
from agent.web.explaining import Line, Link, Message, Mood

T = TypeVar("T")
_MOST: Final = 12
_MOODS: Final = {
    "pending": Mood.WAITS,
    "sent": Mood.GOOD,
    "delivered": Mood.GOOD,
    "failed": Mood.BAD,
    "superseded": Mood.PLAIN,
}
_FAILS: Final = ("attempt failed", "failed", "not delivered")


def held_link(facts: Facts) -> Link | None:
    """Say what holds the alert back, and what did."""
    now = [
        cause
        for place in (facts.places if facts.firing else ())
        if place.held
        for cause in held_causes(facts.evidence, *place.held, opens_ms=place.opens_ms or 0)
    ]
    lines = []
    for each in facts.decisions:
        if each.what in (Verdict.SUPPRESSED, Verdict.RELEASED) and each.at_ms >= facts.from_ms:
            causes = told_causes(facts.evidence, each.reason, each.who)
            text = listed([cause.text for cause in causes]) or f"{by_key(each.detail)}: {shown(each.reason)}"
            free = each.what == Verdict.RELEASED
            lines.append(Line(f"no longer {text}" if free else text, each.at_ms, Mood.GOOD if free else Mood.BAD))
    if now:
        return Link("held back", now[0].text, Mood.BAD, _some(lines, _between), now[0].until_ms)
    if lines:
        return Link(
            "held back", "by nothing now" if facts.firing else "for a while", Mood.PLAIN, _some(lines, _between)
        )
    if facts.places and facts.firing:
        return Link("held back", "by nothing: no silence, no other alert, no time interval", Mood.GOOD)
    return None


def decided_link(facts: Facts) -> Link | None:
    """Say which row of the truth table held, and for whom, each time that the answer changed."""
    kinds = (Verdict.NOTIFIED, Verdict.DEDUPLICATED)
    found = [each for each in facts.decisions if each.what in kinds and each.at_ms >= facts.from_ms]
    if not found:
        return None
    together: dict[tuple[int, str, str], list[Happening]] = {}
    for each in found:
        together.setdefault((each.at_ms, each.what, each.reason), []).append(each)
    lines = []
    for (at_ms, what, reason), group in together.items():
        told = what == Verdict.NOTIFIED
        names = listed(list(dict.fromkeys(_line_of(each) for each in group)))
        bad = not told and reason in (Reason.NO_TARGET, Reason.OVER_UNHEARD, Reason.RINGS_NOBODY)
        text = f"{'tell' if told else 'do not tell'} {names}: {shown(reason)}"
        lines.append(Line(text, at_ms, Mood.GOOD if told else Mood.BAD if bad else Mood.PLAIN))
    return Link("decided", shown(found[-1].reason), lines[-1].mood, _some(lines, _between))


def _some(lines: Sequence[T], left_out: Callable[[int], T]) -> tuple[T, ...]:
    """Return the first and the newest of very many lines, and between them how many are left out."""
    left = len(lines) - _MOST
    return (lines[0], left_out(left), *lines[1 - _MOST :]) if left > 0 else tuple(lines)


def _between(left: int) -> Line:
    return Line(f"{left} more in between {'is' if left == 1 else 'are'} left out")


def _line_of(each: Happening) -> str:
    """Name whom a decision is about: a target, or a line of a receiver."""
    name, separator, channel = each.detail.rpartition("/")
    return (
        by_way(each.detail, channel) if separator and name and channel in list(notify.Channel) else by_key(each.detail)
    )


def told_link(facts: Facts) -> Link | None:
    """Say who heard of it: each message, and each attempt that needs saying."""
    messages = [each for each in facts.messages if each.at_ms >= facts.from_ms]
    if not messages:
        return Link("told", "no message was written", Mood.PLAIN) if facts.decisions else None
    arrived = [each for each in messages if each.arrived]
    names = listed(list(dict.fromkeys(each.whom for each in arrived)))
    each_told = _some([tuple(_of_message(each)) for each in messages], lambda left: (_between(left),))
    lines = chain.from_iterable(each_told)
    waits = any(each.state == "pending" for each in messages)
    text = names or ("nobody yet" if waits else "nobody")
    return Link("told", text, Mood.GOOD if arrived else Mood.WAITS if waits else Mood.BAD, tuple(lines))


def _of_message(message: Message) -> Iterator[Line]:
    """Give a message's line, and one for each attempt that needs saying."""
    instead = f", instead of {by_key(message.instead_of)}" if message.instead_of else ""
    state = (
        "written to the log" if message.channel == "log" and message.state in ("sent", "delivered") else message.state
    )
    provider = f" ({message.provider_id})" if message.provider_id and message.channel != "log" else ""
    waits = f": {message.detail}" if message.detail and message.state != "sent" and not message.attempts else ""
    step = f"step {message.step}: " if message.step else ""
    text = f"{message.whom}: {state}{provider}{waits} · {step}{message.reason}{instead} · {message.id}"
    yield Line(text, message.at_ms, _MOODS.get(message.state, Mood.PLAIN))
    troubled = any(each.what in (*_FAILS, "held back", "superseded", "delivery unknown") for each in message.attempts)
    for each in message.attempts if troubled else ():
        said = f": {each.said}" if each.said else ""
        yield Line(f"  {each.what}{said}", each.at_ms, Mood.BAD if each.what in _FAILS else Mood.PLAIN)


def escalation_link(facts: Facts) -> Link | None:
    """Say which steps of escalation ran, were stopped, or are to come."""
    steps = [step for place in facts.places for step in place.steps]
    kinds = (Verdict.ESCALATED, Verdict.HELD, Verdict.HURRIED, Verdict.ROUSED)
    lines = [
        Line(_step_words(each), each.at_ms, Mood.GOOD if each.what == Verdict.ESCALATED else Mood.WAITS)
        for each in facts.decisions
        if each.what in kinds and each.at_ms >= facts.from_ms
    ]
    if not steps and not lines:
        return None
    for step in steps:
        names = listed([f"{shown(name)} by {channel}" for name, channel in step.whom]) or "nobody"
        if step.state == "waiting":
            lines.append(Line(f"step {step.number} is to come: {names}", step.due_ms, Mood.WAITS))
        elif step.state == "stopped":
            lines.append(Line(f"step {step.number} was stopped by the acknowledgement: {names}"))
        elif step.state == "resting":
            lines.append(Line(f"step {step.number} rests, since it is for another severity: {names}"))
    waiting = [step for step in steps if step.state == "waiting"]
    done = sum(each.what == Verdict.ESCALATED for each in facts.decisions if each.at_ms >= facts.began_ms)
    rests = "rests" if any(step.state == "resting" for step in steps) else "stopped"
    text = f"{done} done, {len(waiting)} to come" if waiting or done else rests
    return Link("escalation", text, Mood.WAITS if waiting else Mood.PLAIN, _some(lines, _between))


def _step_words(each: Happening) -> str:
    whom = listed([by_key(part) for part in each.detail.split(", ") if part])
    return f"{shown(each.reason)}{f' → {whom}' if whom and each.what == Verdict.ESCALATED else ''}"


def ack_link(facts: Facts) -> Link | None:
    """Say who took it over, by which means, and until when."""
    kinds = (Verdict.ACKNOWLEDGED, Verdict.ACK_KEPT, Verdict.ACK_ENDED, Verdict.ACK_REFUSED, Verdict.REMINDED)
    found = [each for each in facts.decisions if each.what in kinds and each.at_ms >= facts.from_ms]
    if not found:
        return (
            Link("acknowledged", "by nobody") if facts.firing and any(each.incident for each in facts.places) else None
        )
    lines = [Line(_ack_words(each), each.at_ms, until_ms=int(each.value.get("until_ms", 0))) for each in found]
    now = next((place.ack for place in facts.places if place.ack), None)
    text = f"by {now.by}" if now else "not any more" if facts.firing else "while it fired"
    return Link(
        "acknowledged", text, Mood.GOOD if now else Mood.PLAIN, _some(lines, _between), now.until_ms if now else 0
    )


def _ack_words(each: Happening) -> str:
    comment = f" “{each.detail}”" if each.detail and each.what == Verdict.ACKNOWLEDGED else ""
    return (
        f"{each.what} {shown(each.reason)}{comment}"
        if each.what == Verdict.ACKNOWLEDGED
        else f"{each.what}: {shown(each.reason)}"
    )
