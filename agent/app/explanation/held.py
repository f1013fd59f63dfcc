"""What holds an alert back, in words: who silenced it and why, which alert inhibits it, which time interval mutes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.app.explanation.evidence import Evidence
from agent.app.explanation.facts import Facts
from agent.app.explanation.words import label_names, named
from agent.model import Labels
from agent.notify import Suppression, Verdict
from agent.web.explaining import Cause, Mood

_FOR_RELEASED: Final = "no longer held back by "


def holding(facts: Facts) -> Iterator[tuple[str, Cause]]:
    """Give what holds an alert back as of the facts' instant, with the receiver: one cause for each thing that does."""
    if not facts.past:
        for place in facts.places:
            if place.held:
                for cause in held_causes(facts.evidence, *place.held, opens_ms=place.opens_ms or 0):
                    yield place.receiver, cause
        return
    last: dict[str, tuple[str, str]] = {}
    for each in facts.decisions:
        if each.what == Verdict.SUPPRESSED and each.at_ms >= facts.began_ms and ": " in each.reason:
            last[each.receiver] = (each.reason, each.who)
        elif each.what in (Verdict.RELEASED, Verdict.ENDED):
            last.pop(each.receiver, None)
    for receiver, (reason, who) in last.items():
        for cause in told_causes(facts.evidence, reason, who):
            yield receiver, cause


def told_causes(evidence: Evidence, reason: str, detail: str = "") -> list[Cause]:
    """Return what a reason of the history (`silence: ID`) says, in words."""
    kind, separator, name = reason.removeprefix(_FOR_RELEASED).partition(": ")
    if not separator or kind not in list(Suppression):
        return []
    return held_causes(evidence, Suppression(kind), name, detail=detail)


def held_causes(
    evidence: Evidence, kind: Suppression, name: str, *, opens_ms: int = 0, detail: str = ""
) -> list[Cause]:
    """Return a sentence for each thing that holds back; `detail` is what the history says of it."""
    match kind:
        case Suppression.SILENCE:
            return [_silence(evidence, each, detail) for each in name.split(", ")]
        case Suppression.INHIBITION:
            labels = _labels_of(evidence, name) or label_names(detail)
            source = named(labels) if labels else f"the alert {name}"
            return [Cause("inhibited", f"inhibited: {source} fires and speaks for it", Mood.BAD)]
        case Suppression.MUTE_INTERVAL:
            return [Cause("muted", f"muted by the time interval {name}", Mood.BAD, opens_ms)]
        case Suppression.ACTIVE_INTERVAL:
            return [Cause("muted", f"muted: it is told only within the time interval {name}", Mood.BAD, opens_ms)]


def _silence(evidence: Evidence, silence_id: str, detail: str) -> Cause:
    found = evidence.silences.get(silence_id)
    if found is None:
        return Cause("silenced", f"silenced by {detail or silence_id}", Mood.BAD)
    why = f": “{found.comment}”" if found.comment else ""
    return Cause("silenced", f"silenced by {found.created_by or 'somebody'}{why}", Mood.BAD, found.ends_at_ms)


def _labels_of(evidence: Evidence, fingerprint: str) -> Labels | None:
    known = evidence.view.find(fingerprint)
    return known.alert.labels if known else None
