"""The chain from the samples to the person, link by link, in words. Pure functions of the facts, and of what a rule gives now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent import notify
from agent.app.explanation.coming import by_way
from agent.app.explanation.facts import Facts
from agent.app.explanation.telling import ack_link, decided_link, escalation_link, held_link, told_link
from agent.app.explanation.words import listed
from agent.model import format_duration, format_float
from agent.notify import Answer, Verdict
from agent.web.explaining import Line, Link, Mood

_MOST: Final = 12


@dataclass(frozen=True, slots=True)
class RuleNow:
    """What a running agent says of an alert's rule: its expression, what that gives now, whose samples it reads."""

    expression: str
    condition: str = ""
    for_ms: int = 0
    value: float | None = None
    error: str = ""
    targets: tuple[tuple[str, str], ...] = ()


def chain_of(facts: Facts, rule: RuleNow | None) -> tuple[Link, ...]:
    """Return the links in the order in which a sample becomes a message."""
    links = (
        _value(facts, rule),
        _changes(facts),
        _handed(facts),
        *_routes(facts),
        *_groups(facts),
        held_link(facts),
        decided_link(facts),
        told_link(facts),
        escalation_link(facts),
        ack_link(facts),
    )
    return tuple(each for each in links if each is not None)


def _number(value: float | None) -> str:
    return "nothing" if value is None else format_float(float(f"{value:.6g}"))


def _value(facts: Facts, rule: RuleNow | None) -> Link | None:
    """Say what the rule looks at: the value now beside its threshold, and the targets behind it."""
    last = facts.changes[-1] if facts.changes else None
    if rule is None and last is None:
        source = facts.alert.generator_url if facts.alert else ""
        if notify.is_drill(facts.labels):
            return Link("rule", "a drill of this agent: a test, and nothing is wrong")
        return Link("rule", f"no rule of this agent: another program sent it{f', see {source}' if source else ''}")
    places = (f"rule {last.rule}", f"group {last.group}", last.file) if last and last.group else ()
    lines = [Line(", ".join(filter(None, places)))] if places else []
    if rule is None:
        text = (
            f"{_number(last.value)} at its last change"
            if last and last.value is not None
            else "its value is not known here"
        )
        return Link("value", text, lines=tuple(lines))
    if rule.expression:
        lines.append(Line(rule.expression))
    lines += [
        Line(f"{name}: {health}", mood=Mood.PLAIN if health == "up" else Mood.BAD) for name, health in rule.targets
    ]
    condition = f"; fires when {rule.condition}" if rule.condition else ""
    held = f" for {format_duration(rule.for_ms)}" if rule.condition and rule.for_ms else ""
    if rule.error:
        return Link("value", f"its rule cannot be evaluated: {rule.error}", Mood.BAD, tuple(lines))
    return Link("value", f"{_number(rule.value)} now{condition}{held}", lines=tuple(lines))


def _changes(facts: Facts) -> Link | None:
    if not facts.changes:
        return None
    lines = []
    for each in [change for change in facts.changes if change.position.at_ms >= facts.from_ms][-_MOST:]:
        after = "resolved" if each.resolved else each.after
        lines.append(Line(f"{each.before} → {after} at {_number(each.value)}: {each.why}", each.position.at_ms))
    mood = {"firing": Mood.GOOD, "pending": Mood.WAITS}.get(facts.state, Mood.PLAIN)
    return Link("state", facts.state, mood, tuple(lines))


def _handed(facts: Facts) -> Link | None:
    routed = facts.decided(Verdict.ROUTED)
    if not routed:
        if facts.firing or facts.state == "resolved":
            return Link(
                "handed over", "the history has no line that says that it was handed to the routing", Mood.WAITS
            )
        return Link(
            "handed over", "not yet: only what fires is", Mood.WAITS if facts.state == "pending" else Mood.PLAIN
        )
    added = [f"{name}={value}" for name, value in facts.found.sent.pairs if name not in dict(facts.labels.pairs)]
    text = f"with the external labels {', '.join(added)}" if added else "with its own labels"
    return Link("handed over", text, Mood.GOOD, (Line("to the routing", routed[0].at_ms),))


def _routes(facts: Facts) -> Iterator[Link]:
    """Give a link for each route that was taken, and what the routes beside them said."""
    routing = facts.evidence.routing
    asked = notify.trace(routing.root, dict(facts.found.sent.pairs))
    ended = False
    for number, each in enumerate(asked):
        if each.answer is not Answer.TAKEN:
            continue
        path = " ▸ ".join(_node(node.route) for node in _path(asked, number))
        nobody = routing.receiver(each.route.receiver).silent
        text = f"{path} → {each.route.receiver}" + (" (tells nobody)" if nobody else "")
        lines = [Line(_receiver(routing, each.route.receiver))]
        if not ended:
            lines += [Line(_missed(other)) for other in asked if other.answer in (Answer.MISSED, Answer.NOT_ASKED)][
                :_MOST
            ]
            ended = True
        yield Link("route", text, Mood.BAD if nobody else Mood.GOOD, tuple(lines))


def _path(asked: Sequence[notify.Asked], number: int) -> list[notify.Asked]:
    """Return the nodes from the root to one of those that were asked."""
    path, depth = [asked[number]], asked[number].depth
    for each in reversed(asked[:number]):
        if each.depth < depth and each.answer is Answer.PASSED:
            path.append(each)
            depth = each.depth
    return path[::-1]


def _node(route: notify.Route) -> str:
    words = notify.render_matchers(route.matchers)[1:-1]
    return words or ("every alert" if route.index == 0 else "the rest")


def _missed(asked: notify.Asked) -> str:
    route = asked.route
    if asked.missed is None:
        return f"not asked, a route before it took it: {_node(route)} → {route.receiver}"
    return f"not taken: {_node(route)} → {route.receiver}, as {asked.missed} does not match"


def _receiver(routing: notify.Routing, name: str) -> str:
    plan = routing.receiver(name)
    if plan.unsent and plan.silent:
        return f"{name} has only integrations that Burnline does not send: {', '.join(plan.unsent)}"
    told = listed([by_way(each.key, str(each.channel)) for each in plan.destinations]) or "nobody at once"
    disabled = [each.transport for each in plan.destinations if each.transport in routing.disabled]
    words = "".join(f"; {each} is disabled: {routing.disabled[each]}" for each in dict.fromkeys(disabled))
    steps = (
        f", then {len(plan.steps)} {'step' if len(plan.steps) == 1 else 'steps'} of escalation" if plan.steps else ""
    )
    return f"{name} tells {told}{steps}{words}"


def _groups(facts: Facts) -> Iterator[Link]:
    for place in facts.places:
        labels = ", ".join(f"{name}={value}" for name, value in place.labels.pairs) or "all alerts of the route"
        others = f"with {place.members - 1} more" if place.members > 1 else "alone"
        route = place.route
        timers = (
            f"waits {format_duration(route.group_wait_ms)} at first, then {format_duration(route.group_interval_ms)}, "
            f"repeats after {format_duration(facts.evidence.routing.repeat_ms(route))}"
            if route
            else "its route is gone; it only tells how things end"
        )
        lines = [Line(timers)]
        if not place.flushed:
            lines.append(Line("its first look is to come", place.next_look_ms, Mood.WAITS))
        yield Link("group", f"{labels}, {others}", Mood.GOOD if place.flushed else Mood.WAITS, tuple(lines))
