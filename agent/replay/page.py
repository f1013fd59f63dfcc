"""A report as one page that needs nothing else: a timeline per alert in SVG, and the figures beside it.

Here is what is drawn where; how it looks is in pages/replay.html.j2. Times are local to who makes the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.model import Labels
from agent.replay.account import Report, RuleAccount, Spell, telling_of
from agent.replay.comparing import Comparison
from agent.replay.told import Told
from agent.replay.words import (
    NIGHT,
    differences,
    duration,
    failures,
    headline,
    is_short,
    moment,
    rule_timing,
    telling_labels,
    times,
)

LANES: Final = 12
"""An alert with more label sets has its last lane for all the others together."""
_MOST_TICKS: Final = 7
_STEPS_MS: Final = tuple(
    minutes * 60_000 for minutes in (1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200)
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a lane: its place in per cent, what it means (pending, firing, kept), and the words for it."""

    left: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An occasion on which somebody was told."""

    left: float
    title: str
    at_night: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One label set of an alert, over time."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """One rule's lanes, with its marks above them; `side` tells the two sides of a comparison apart."""

    side: str
    conditions: tuple[str, ...]
    """What the rule says, as far as the sides differ in it or it is about time."""
    facts: tuple[str, ...]
    marks: tuple[Mark, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One alert: its name and its strips."""

    name: str
    severity: str
    expression: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the timelines, and its words."""

    left: float
    text: str


class _Scale:
    """From instants to per cent of the width."""

    def __init__(self, from_ms: int, until_ms: int, zone: tzinfo | None, *, exact: bool) -> None:
        self.exact = exact
        self.from_ms, self.until_ms, self.zone = from_ms, until_ms, zone
        self._length = max(1, until_ms - from_ms)

    def at(self, at_ms: int) -> float:
        return round(100 * (min(max(at_ms, self.from_ms), self.until_ms) - self.from_ms) / self._length, 4)

    def local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, self.zone)

    def ticks(self) -> list[Tick]:
        """Return whole hours or days, at most `_MOST_TICKS`."""
        step = next((each for each in _STEPS_MS if self._length / each <= _MOST_TICKS), _STEPS_MS[-1])
        first = self.local(self.from_ms).replace(hour=0, minute=0, second=0, microsecond=0)
        at_ms = round(first.timestamp() * 1000)
        found = []
        while at_ms <= self.until_ms:
            if at_ms >= self.from_ms:
                here = self.local(at_ms)
                midnight = here.hour == here.minute == 0
                found.append(Tick(self.at(at_ms), f"{here:%a} {here.day} {here:%b}" if midnight else f"{here:%H:%M}"))
            at_ms += step
        return found

    def nights(self) -> Iterator[tuple[float, float]]:
        """Give (left, width) of the nights, where they can be seen."""
        if self._length > 21 * 86_400_000:
            return
        day = self.local(self.from_ms).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        while day.timestamp() * 1000 < self.until_ms:
            begin = round(day.replace(hour=NIGHT[0]).timestamp() * 1000)
            end = round((day + timedelta(days=1)).replace(hour=NIGHT[1]).timestamp() * 1000)
            if end > self.from_ms and begin < self.until_ms:
                yield self.at(begin), round(self.at(end) - self.at(begin), 4)
            day += timedelta(days=1)


def report_page(report: Report, comparison: Comparison | None = None, zone: tzinfo | None = None) -> str:
    """Return the page of a report, or of two that are compared, as HTML."""
    scale = _Scale(report.from_ms, report.until_ms, zone, exact=is_short(report))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("pages")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    if comparison is None:
        words = [headline(report, zone)]
        cards = [
            _card([("", account)], scale, routed=report.told is not None) for account in report.rules if account.spells
        ]
        quiet = [account.name for account in report.rules if not account.spells]
    else:
        words = list(differences(comparison, zone))
        cards = [
            _card(
                [("now", each) for each in change.before] + [("changed", each) for each in change.after],
                scale,
                routed=report.told is not None,
            )
            for change in sorted(comparison.changes, key=lambda each: each.is_same)
            if any(account.spells for account in (*change.before, *change.after))
        ]
        shown = {card.name for card in cards}
        quiet = [change.name for change in comparison.changes if change.name not in shown]
    return environment.get_template("replay.html.j2").render(
        span=f"{moment(report.from_ms, zone)} – {moment(report.until_ms, zone)}",
        length=duration(report.until_ms - report.from_ms),
        words=words,
        cards=cards,
        quiet=list(dict.fromkeys(quiet)),
        ticks=scale.ticks(),
        nights=list(scale.nights()),
        failing=list(failures(report, comparison, zone)),
        notes=report.notes if comparison is None else dict.fromkeys((*report.notes, *comparison.after.notes)),
        interrupted=report.interrupted or (comparison is not None and comparison.after.interrupted),
    )


def _card(sides: Sequence[tuple[str, RuleAccount]], scale: _Scale, *, routed: bool) -> Card:
    first = sides[0][1]
    differs = len({account.expression for _, account in sides}) > 1
    return Card(
        first.name,
        first.severity,
        "" if differs else " ".join(first.expression.split()),
        tuple(_strip(side, account, scale, routed=routed, differs=differs) for side, account in sides),
    )


def _strip(side: str, account: RuleAccount, scale: _Scale, *, routed: bool, differs: bool) -> Strip:
    facts = [f"fired {times(len(account.fired))}" if account.fired else "never fired"]
    if account.fired:
        facts.append(f"{duration(account.firing_ms)} in all")
        facts += [f"{duration(account.longest_ms)} the longest"] if len(account.fired) > 1 else []
    if account.never_fired:
        facts.append(f"only pending {times(len(account.never_fired))}")
    if account.flaps:
        facts.append(times(account.flaps, "flap"))
    if routed:
        told = ", ".join(f"{name} {times(count)}" for name, count in account.tellings.items())
        facts.append(f"told: {told or 'nobody'}")
    said = rule_timing(account.for_ms, account.keep_firing_for_ms)
    conditions = (*([" ".join(account.expression.split())] if differs else []), *([said] if said else []))
    return Strip(
        side, conditions, tuple(facts), tuple(_marks(account.told, scale)), tuple(_lanes(account.spells, scale))
    )


def _lanes(spells: Iterable[Spell], scale: _Scale) -> Iterator[Lane]:
    by_labels: dict[Labels, list[Spell]] = {}
    for spell in spells:
        by_labels.setdefault(spell.labels, []).append(spell)
    sets = list(by_labels.items())
    alone = sets if len(sets) <= LANES else sets[: LANES - 1]
    shared = set(sets[0][0].pairs).intersection(*(labels.pairs for labels, _ in sets)) if len(sets) > 1 else set()
    for labels, own in alone:
        told_by = Labels(pair for pair in labels.pairs if pair not in shared)
        yield Lane(telling_labels(told_by), tuple(bar for spell in own for bar in _bars(spell, scale)))
    if len(alone) < len(sets):
        rest = [spell for _, own in sets[len(alone) :] for spell in own]
        yield Lane(
            f"{len(sets) - len(alone)} more, together", tuple(bar for spell in rest for bar in _bars(spell, scale))
        )


def _bars(spell: Spell, scale: _Scale) -> Iterator[Bar]:
    ended_ms = scale.until_ms if spell.ended_ms is None else spell.ended_ms
    labels = telling_labels(spell.labels)
    value = "" if spell.value is None else f", value {spell.value:.4g}"
    if spell.fired_ms is None or spell.fired_ms > spell.began_ms:
        until_ms = ended_ms if spell.fired_ms is None else spell.fired_ms
        yield _bar(
            spell.began_ms, until_ms, "pending", f"pending {_span(spell.began_ms, until_ms, scale)}\n{labels}", scale
        )
    if spell.fired_ms is None:
        return
    goes_on = "" if spell.ended_ms is not None else ", and fires on"
    title = f"fired {_span(spell.fired_ms, ended_ms, scale)}{value}{goes_on}\n{labels}\n{spell.why}"
    yield _bar(spell.fired_ms, ended_ms, "firing", title, scale)
    for since_ms, until_ms in spell.kept:
        title = f"kept firing {_span(since_ms, until_ms, scale)}: keep_firing_for\n{labels}"
        yield _bar(since_ms, until_ms, "kept", title, scale)


def _bar(begin_ms: int, end_ms: int, kind: str, title: str, scale: _Scale) -> Bar:
    left = scale.at(begin_ms)
    return Bar(left, round(scale.at(end_ms) - left, 4), kind, title.strip())


def _span(begin_ms: int, end_ms: int, scale: _Scale) -> str:
    end = scale.local(end_ms)
    until = f"{end:%H:%M:%S}" if scale.exact else f"{end:%H:%M}"
    return f"{moment(begin_ms, scale.zone, exact=scale.exact)} – {until} ({duration(end_ms - begin_ms)})"


def _marks(told: Iterable[Told], scale: _Scale) -> Iterator[Mark]:
    by_telling: dict[tuple[int, str], list[Told]] = {}
    for each in told:
        telling = telling_of(each)
        by_telling.setdefault((telling.at_ms, telling.receiver), []).append(each)
    for (at_ms, receiver), messages in sorted(by_telling.items()):
        hour = scale.local(at_ms).hour
        ways = ", ".join(dict.fromkeys(f"{each.by} to {each.to}" for each in messages))
        why = "; ".join(dict.fromkeys(each.reason for each in messages))
        title = f"{moment(at_ms, scale.zone, exact=scale.exact)}: {receiver} told by {ways}\n{why}"
        yield Mark(scale.at(at_ms), title, hour >= NIGHT[0] or hour < NIGHT[1])
