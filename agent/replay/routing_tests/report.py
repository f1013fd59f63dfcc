"""What came of a file of routing tests, and how a failure reads: expected, got, and the whole story with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.model import Alert, Labels
from agent.notify import Reason
from agent.replay.routing_tests.spec import MessageSpec, RoutingTest
from agent.replay.routing_tests.story import Played
from agent.replay.routing_tests.verdict import Judge, Verdict, picked
from agent.replay.routing_tests.when import since
from agent.replay.told import Told, Withheld
from agent.schema import Place


@dataclass(frozen=True, slots=True)
class RoutingResult:
    """One test: `problems` is empty where it passed, `timeline` is its whole story, a line an event."""

    name: str
    place: Place
    seconds: float
    problems: tuple[str, ...] = ()
    timeline: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Say whether all was as expected."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class RoutingReport:
    """One file: its tests, and `errors` where it (or a file it names) cannot be used."""

    path: str
    results: tuple[RoutingResult, ...] = ()
    errors: tuple[str, ...] = ()
    all_ways: frozenset[str] = frozenset()
    """Every route and every step of escalation of its routing, as `coverage` names them."""
    reached: frozenset[str] = frozenset()
    """Those that a test of this file reaches."""
    left_out: int = 0
    """Tests that were not chosen."""

    @property
    def passed(self) -> bool:
        """Say whether every test passed."""
        return not self.errors and all(each.passed for each in self.results)


def untested(reports: Iterable[RoutingReport]) -> list[str]:
    """Return the routes and steps that none of these files reaches."""
    found = list(reports)
    ways = frozenset[str]().union(*(each.all_ways for each in found))
    return sorted(ways.difference(*(each.reached for each in found)))


def problems_of(test: RoutingTest, played: Played, verdict: Verdict, judge: Judge) -> Iterator[str]:
    """Give what is wrong, a line or a few each, the place in the file last."""
    start_ms = played.start_ms
    yield from verdict.undone
    for spec in verdict.missing:
        yield f"not told: {expectation(spec)} ({spec.place})"
        if near := _nearest(spec, verdict.spare, judge):
            yield f"    nearest: {message(near[0], start_ms)}; it differs in {', '.join(near[1])}"
        for each in _held_back(spec, played):
            yield f"    {since(each.at_ms, start_ms)}: {withheld(each)}"
    for told in verdict.unexpected:
        yield f"told, and not expected: {message(told, start_ms)} ({test.place})"
    for spec, told in verdict.forbidden:
        yield f"told, and never to be: {message(told, start_ms)} ({spec.place})"
    for held in verdict.not_held:
        why = f' by "{held.why}"' if held.why else ""
        yield f"not held back{why}: {', '.join(map(_name, held.alerts))} ({held.place})"


def timeline(played: Played) -> Iterator[str]:
    """Give all that happened, in order: what came from outside, what was told (→) and what was not (·)."""
    lines = [(at_ms, 0, f"  {words}") for at_ms, words in played.acts]
    lines += [(each.at_ms, 1, f"· {withheld(each)}") for each in played.withheld if each.why != Reason.NOTHING_NEW]
    lines += [(each.at_ms, 2, f"→ {_sent(each)}") for each in played.told]
    width = max((len(since(at_ms, played.start_ms)) for at_ms, _, _ in lines), default=0)
    for at_ms, _, words in sorted(lines, key=lambda line: line[:2]):
        yield f"{since(at_ms, played.start_ms):>{width}} {words}"


def expectation(spec: MessageSpec) -> str:
    """Write down what one line of `expect` asks for."""
    when = f"at {spec.at.text}" if spec.at else "at any time"
    if spec.between:
        when = f"between {spec.between[0].text} and {spec.between[1].text}"
    parts = [f"to {spec.to[0]}" if spec.to else "", f"by {spec.by[0]}" if spec.by else "", when, spec.status]
    for name in ("alerts", "firing", "resolved"):
        picks = getattr(spec, name)
        if picks is not None:
            parts.append(f"{name} {', '.join(map(_name, picks)) or 'none'}")
    parts.append(f"from {spec.receiver}" if spec.receiver else "")
    parts.append(f"step {spec.step}" if spec.step is not None else "")
    parts += [f'"{each}"' for each in (spec.reason, spec.text) if each]
    return " ".join(part for part in parts if part)


def message(told: Told, start_ms: int) -> str:
    """Write down one message that was told."""
    return f"at {since(told.at_ms, start_ms)} {_sent(told)}"


def withheld(each: Withheld) -> str:
    """Write down what somebody was not told, and why."""
    whom = f" {each.target}" if each.target else ""
    return f"{each.receiver}{whom} not told of {', '.join(map(_name, each.alerts))}: {each.what}: {each.why}"


def _sent(told: Told) -> str:
    address = told.notification.target.address
    whom = f"{told.to} ({address})" if told.to != address else address
    what = [
        f"{status} {_names(alerts)}"
        for status, alerts in (("firing", told.firing), ("resolved", told.resolved))
        if alerts
    ]
    why = f"{told.reason} {told.step}" if told.step else told.reason
    return f"{told.by} to {whom} from {told.receiver}: {', '.join(what)} ({why})"


def _names(alerts: tuple[Alert, ...]) -> str:
    return ", ".join(dict.fromkeys(alert.name for alert in alerts))


def _name(labels: Labels) -> str:
    rest = labels.without("alertname")
    name = labels.get("alertname")
    return name or str(rest)


def _nearest(spec: MessageSpec, told: tuple[Told, ...], judge: Judge) -> tuple[Told, list[str]] | None:
    """Return the message that differs least, where it differs in at most two things."""
    found = [(each, judge.differences(spec, each)) for each in told]
    best = min(found, key=lambda pair: len(pair[1]), default=None)
    return best if best and len(best[1]) <= 2 else None


def _held_back(spec: MessageSpec, played: Played) -> list[Withheld]:
    """Return why the alerts that an expectation names were not told, each reason once."""
    picks = spec.alerts or spec.firing or ()
    seen: dict[tuple[str, str], Withheld] = {}
    for each in played.withheld:
        meant = not picks or any(picked(pick, labels) for pick in picks for labels in each.alerts)
        if meant and each.why != Reason.NOTHING_NEW and spec.receiver in ("", each.receiver):
            seen.setdefault((each.what, each.why), each)
    return list(seen.values())[:3]
