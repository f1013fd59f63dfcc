"""How a routing test that failed reads: expected, got, what held a message back, and the whole story with its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.model import Alert, Labels
from agent.notify import Reason
from agent.replay.outcome import Failure, Line, Mark
from agent.replay.routing_tests.spec import MessageSpec, RoutingTest
from agent.replay.routing_tests.story import Played
from agent.replay.routing_tests.verdict import Judge, Verdict, picked
from agent.replay.routing_tests.when import since
from agent.replay.told import Told, Withheld
from agent.schema import Place


def failures_of(test: RoutingTest, played: Played, verdict: Verdict, judge: Judge) -> Iterator[Failure]:
    """Give what is wrong, one failure for each line of the file that does not hold, and one for all that is too much."""
    start_ms = played.start_ms
    yield from (Failure(place, words) for place, words in played.problems)
    missing: dict[Place, list[MessageSpec]] = {}
    for spec in verdict.missing:
        missing.setdefault(spec.place, []).append(spec)
    for place, specs in missing.items():
        lines = [line for spec in specs for line in _missing(spec, verdict, judge, start_ms)]
        lines += [
            Line(Mark.REMARK, f"{since(each.at_ms, start_ms)}: {withheld(each)}")
            for each in _held_back(specs[0], played)
        ]
        more = f", and {len(specs) - 1} more" if specs[1:] else ""
        yield Failure(place, f"not told: {expectation(specs[0])}{more}", tuple(lines))
    banned: dict[Place, list[Told]] = {}
    for spec, told in verdict.forbidden:
        banned.setdefault(spec.place, []).append(told)
    for place, found in banned.items():
        yield Failure(place, "told, which must never be", _got(found, start_ms))
    if verdict.unexpected:
        yield Failure(test.place, "told, and not expected", _got(verdict.unexpected, start_ms))
    for held in verdict.not_held:
        why = f' by "{held.why}"' if held.why else ""
        yield Failure(held.place, f"not held back{why}: {', '.join(map(_name, held.alerts))}")


def _missing(spec: MessageSpec, verdict: Verdict, judge: Judge, start_ms: int) -> Iterator[Line]:
    yield Line(Mark.EXPECTED, expectation(spec))
    if near := _nearest(spec, verdict.spare, judge):
        yield Line(Mark.GOT, f"{message(near[0], start_ms)}; it differs in {', '.join(near[1])}")


def _got(told: Sequence[Told], start_ms: int) -> tuple[Line, ...]:
    return tuple(Line(Mark.GOT, message(each, start_ms)) for each in told)


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
    for name, words in (("alerts", "with just"), ("firing", "firing just"), ("resolved", "resolved just")):
        picks = getattr(spec, name)
        if picks is not None:
            parts.append(f"{words} {', '.join(map(_name, picks)) or 'no alert'}")
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
