"""From what alerts did to incidents: a time in which an SLO's alerts fired without a break, and the highest it rose to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.model import Labels
from agent.rules import Past, State
from agent.slo.budget import Key
from agent.slo.conventions import INCIDENT, SEVERITY
from agent.slo.model import Severity


@dataclass(frozen=True, slots=True)
class Turn:
    """An alert of an SLO that began to fire, or ceased to."""

    at_ms: int
    slo: str
    labels: Labels
    severity: Severity
    fires: bool
    fingerprint: str


@dataclass(slots=True)
class Spell:
    """A time in which something fired; `ended_ms` None where it does still."""

    began_ms: int
    ended_ms: int | None = None
    severity: Severity = Severity.TICKET
    open: set[str] = field(default_factory=set)


def turns_of(lines: Iterable[Past]) -> list[Turn]:
    """Return what the history of alerts says of burn-rate alerts, oldest first; others are left out."""
    found = []
    for line in lines:
        slo, severity = line.labels.get(INCIDENT), line.labels.get(SEVERITY)
        fires = line.after is State.FIRING
        if slo and severity in tuple(Severity) and (fires or line.before is State.FIRING):
            found.append(Turn(line.position.at_ms, slo, line.labels, Severity(severity), fires, line.fingerprint))
    return sorted(found, key=lambda each: each.at_ms)


def spells(turns: Iterable[Turn], group_by: Mapping[str, Sequence[str]]) -> Mapping[Key, list[Spell]]:
    """Return the incidents of each budget, oldest first: page and ticket of one are one. `group_by` has labels by SLO."""
    found: dict[Key, list[Spell]] = {}
    for turn in turns:
        key = Key(turn.slo, Labels((name, turn.labels.get(name, "")) for name in group_by.get(turn.slo, ())))
        own = found.setdefault(key, [])
        spell = own[-1] if own and own[-1].ended_ms is None else None
        if turn.fires:
            if spell is None:
                own.append(spell := Spell(turn.at_ms))
            spell.open.add(turn.fingerprint)
            if turn.severity is Severity.PAGE:
                spell.severity = Severity.PAGE
        elif spell is not None:
            spell.open.discard(turn.fingerprint)
            if not spell.open:
                spell.ended_ms = turn.at_ms
    return found
