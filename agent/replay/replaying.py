"""A whole replay: rules over recorded samples, what fires through the routing, and the report of it.

The joints are given: where samples are, a store for what the rules write, and a way to make an engine. Interrupted, it tells
what is known so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import InvalidInput
from agent.model import format_rfc3339
from agent.replay.account import Report, RuleAccount, RuleId, spells_of, with_kept
from agent.replay.ahead import Asking
from agent.replay.choosing import reach_ms, run_in_ms
from agent.replay.instants import Recorded, Timetable
from agent.replay.overlay import Keeping, Overlay
from agent.replay.player import Happened, Player, Stretch
from agent.replay.rehearsal import Rehearsal
from agent.replay.told import Told
from agent.rules import RuleSet, Settings

if TYPE_CHECKING:
    from agent.notify import Routing

Progress = Callable[[int], None]
"""Told of virtual milliseconds that are done since it was told last."""


class Engines(Protocol):
    """Makes an engine over a queryable."""

    def __call__(self, queryable: Any) -> Asking:
        """Return the engine."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be replayed: rules by `settings`, from one instant to another (ms), through `routing` where there is one."""

    rules: RuleSet
    settings: Settings
    from_ms: int
    until_ms: int
    routing: Routing | None = None
    step_by_step: bool = False


def begins_ms(asked: Asked, oldest_ms: int) -> int:
    """Return where a replay starts, so that it is in full swing at `from_ms`: never before the oldest sample."""
    return min(asked.from_ms, max(oldest_ms, asked.from_ms - run_in_ms(asked.rules)))


def replay(
    asked: Asked,
    recorded: Recorded,
    own: Keeping,
    engines: Engines,
    *,
    oldest_ms: int,
    progress: Progress = lambda _: None,
) -> Report:
    """Replay and report. `oldest_ms` is when the recorded samples begin. Raises InvalidInput where there is nothing to replay."""
    if asked.until_ms <= asked.from_ms:
        message = f"nothing lies between {format_rfc3339(asked.from_ms)} and {format_rfc3339(asked.until_ms)}"
        raise InvalidInput(message)
    start_ms = begins_ms(asked, oldest_ms)
    overlay = Overlay(recorded, own, asked.rules.groups, query_offset_ms=asked.settings.query_offset_ms)
    overlay.take_history(start_ms, reach_ms(asked.rules))
    timetable = Timetable(asked.rules, asked.settings, recorded, start_ms, asked.until_ms, is_ruled=overlay.hides)
    player = Player(asked.rules, asked.settings, overlay, engines(overlay), timetable, step_by_step=asked.step_by_step)
    for key, period_ms in timetable.periods_ms.items():
        player.evaluator.pace(key, period_ms)
    routed = None if asked.routing is None else _Routed(asked.routing, start_ms, asked.settings.external_url)
    done: list[Happened] = []
    reached_ms, interrupted = start_ms, False
    try:
        for stretch in player.play(start_ms, asked.until_ms, progress):
            done += stretch.transitions
            if routed is not None:
                routed.take(stretch)
            reached_ms = stretch.until_ms
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if routed is not None:
            routed.close()
    return _report(asked, player, done, routed, min(reached_ms, asked.until_ms), interrupted=interrupted)


class _Routed:
    """The routing of a replay: what rules hand over goes in, in the order of time; who was told comes out by rule."""

    def __init__(self, routing: Routing, at_ms: int, external_url: str) -> None:
        self.rehearsal = Rehearsal(routing, at_ms, external_url=external_url)
        self._rules: dict[str, set[RuleId]] = {}

    def take(self, stretch: Stretch) -> None:
        """Route what a stretch handed over."""
        for each in stretch.handed_over:
            for alert in each.alerts:
                self._rules.setdefault(alert.fingerprint, set()).add(each.rule)
            self.rehearsal.put(each.alerts, each.at_ms)
        self.rehearsal.advance(stretch.until_ms)

    def close(self) -> None:
        """Let go of the dispatcher."""
        self.rehearsal.close()

    def by_rule(self, from_ms: int) -> dict[RuleId, list[Told]]:
        """Return the messages about something that fires, by the rule of each of their firing alerts."""
        found: dict[RuleId, list[Told]] = {}
        for told in self.rehearsal.told:
            if told.at_ms >= from_ms:
                rules = {rule for alert in told.firing for rule in self._rules.get(alert.fingerprint, ())}
                for rule in rules:
                    found.setdefault(rule, []).append(told)
        return found


def _report(
    asked: Asked,
    player: Player,
    happened: Sequence[Happened],
    routed: _Routed | None,
    until_ms: int,
    *,
    interrupted: bool,
) -> Report:
    by_rule: dict[RuleId, list[Happened]] = {}
    for each in happened:
        by_rule.setdefault(each.rule, []).append(each)
    told = {} if routed is None else routed.by_rule(asked.from_ms)
    accounts = []
    for group in asked.rules.groups:
        for number, rule in enumerate(group.rules):
            if not rule.is_alert:
                continue
            rule_id = RuleId(group.key, number)
            transitions = [each.transition for each in by_rule.get(rule_id, ())]
            spells = list(spells_of(transitions, asked.from_ms))
            kept = player.counted.kept.items()
            with_kept(spells, ((labels, since, until) for (of, labels, since), until in kept if of == rule_id))
            accounts.append(
                RuleAccount(
                    rule=rule_id,
                    name=rule.name,
                    expression=str(rule.expr),
                    for_ms=rule.for_ms or 0,
                    keep_firing_for_ms=rule.keep_firing_for_ms or 0,
                    severity=group.labels_of(rule).get("severity", ""),
                    from_ms=asked.from_ms,
                    until_ms=until_ms,
                    spells=tuple(spells),
                    told=tuple(told.get(rule_id, ())),
                    transitions=tuple(each for each in transitions if each.at_ms >= asked.from_ms),
                )
            )
    names = {
        RuleId(group.key, number): f'group "{group.name}", rule "{rule.name}"'
        for group in asked.rules.groups
        for number, rule in enumerate(group.rules)
    }
    rehearsal = None if routed is None else routed.rehearsal
    return Report(
        from_ms=asked.from_ms,
        until_ms=until_ms,
        rules=tuple(accounts),
        failing=tuple((names[rule], each) for rule, each in player.counted.failing.items()),
        told=None if rehearsal is None else tuple(each for each in rehearsal.told if each.at_ms >= asked.from_ms),
        withheld=None if rehearsal is None else tuple(e for e in rehearsal.withheld if e.at_ms >= asked.from_ms),
        due=player.counted.due,
        made=player.counted.made,
        interrupted=interrupted,
    )
