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
    """A time in which something fired, and in it the times in which a page did; `ended_ms` None where it does still."""

    began_ms: int
    ended_ms: int | None = None
    pages: list[Spell] = field(default_factory=list)
    open: set[str] = field(default_factory=set)

    def touches(self, from_ms: int, until_ms: int) -> bool:
        """Say whether it was under way in a stretch of time."""
        return self.began_ms < until_ms and (self.ended_ms is None or self.ended_ms > from_ms)


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
        _turned(own, turn)
        if own and turn.severity is Severity.PAGE:
            _turned(own[-1].pages, turn)
    return found


def _turned(known: list[Spell], turn: Turn) -> None:
    """Begin a spell, go on with the one under way, or end it."""
    spell = known[-1] if known and known[-1].ended_ms is None else None
    if turn.fires:
        if spell is None:
            known.append(spell := Spell(turn.at_ms))
        spell.open.add(turn.fingerprint)
    elif spell is not None:
        spell.open.discard(turn.fingerprint)
        if not spell.open:
            spell.ended_ms = turn.at_ms
