"""Rules over recorded samples on a virtual clock: the agent's own evaluator, fed from range evaluations of whole stretches.

An evaluation at which an expression gives nothing and a rule has nothing is skipped, since it changes nothing. Everything else
is the code that runs live, at the same instants and in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from agent.model import Alert, Labels, Row
from agent.query import ast, parse
from agent.replay.account import Failing, RuleId
from agent.replay.ahead import Answers, Asking, Patterns, look_ahead
from agent.replay.order import Unit, units
from agent.rules import Evaluator, Group, GroupKey, Rule, RuleSet, Settings, Transition

if TYPE_CHECKING:
    from agent.replay.overlay import Overlay

STRETCH_MS: Final = 86_400_000
"""How much is replayed at a time. What comes after a stretch does not change what was in it."""

Instants = Callable[[Group, int, int], Sequence[int]]
"""Return when a group is evaluated, from the first instant to the last, both inclusive (ms)."""


@dataclass(frozen=True, slots=True)
class Happened:
    """A transition, of which rule. `order` is the place of its group among those of one instant."""

    rule: RuleId
    order: int
    transition: Transition


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Alerts that a rule handed over to the routing at an instant."""

    at_ms: int
    order: int
    rule: RuleId
    alerts: tuple[Alert, ...]


@dataclass(slots=True)
class Stretch:
    """What happened in a stretch of time, in the order in which it happened."""

    until_ms: int
    transitions: list[Happened] = field(default_factory=list)
    handed_over: list[HandedOver] = field(default_factory=list)


@dataclass(slots=True)
class Counted:
    """What a replay did: evaluations that were due and those that were made, and the rules that failed."""

    due: int = 0
    made: int = 0
    failing: dict[RuleId, Failing] = field(default_factory=dict)
    kept: dict[tuple[RuleId, Labels, int], int] = field(default_factory=dict)
    """Until when alerts fired on without their condition, by rule, labels and since when."""


class Player:
    """Replays rules over an overlay. `play` once."""

    def __init__(
        self,
        rules: RuleSet,
        settings: Settings,
        overlay: Overlay,
        engine: Asking,
        instants: Instants,
        *,
        step_by_step: bool = False,
        stretch_ms: int = STRETCH_MS,
    ) -> None:
        self.counted = Counted()
        self._stretch_ms = stretch_ms
        self._overlay, self._engine, self._instants = overlay, engine, instants
        self.evaluator = Evaluator(
            rules, query=self._query, sink=self._sink, notify=self._notify, settings=settings, stopwatch=lambda: 0.0
        )
        offsets = {group.key: self.evaluator.query_offset_ms(group.key) for group in rules.groups}
        self._units = units(rules.groups, offsets, step_by_step=step_by_step)
        self._order = {group.key: place for place, group in enumerate(self._groups())}
        self._patterns: dict[RuleId, Patterns] = {}
        self._keeping = {
            RuleId(group.key, number)
            for group in rules.groups
            for number, rule in enumerate(group.rules)
            if rule.keep_firing_for_ms
        }
        self._stretch = Stretch(0)
        self._rule = RuleId(GroupKey("", ""), 0)
        self._expression = ""
        self._answers: Answers | None = None
        self._answered_ms = 0

    def _groups(self) -> Iterator[Group]:
        for unit in self._units:
            yield from unit.groups

    def play(self, from_ms: int, until_ms: int, progress: Callable[[int], None] = lambda _: None) -> Iterator[Stretch]:
        """Replay from one instant to another, both inclusive; give each stretch when it is done.

        `progress` is told of virtual milliseconds that are done since it was told last.
        """
        after_ms = from_ms - 1
        while after_ms < until_ms:
            last_ms = min(until_ms, after_ms + self._stretch_ms)
            self._stretch = Stretch(last_ms)
            told = 0
            for place, unit in enumerate(self._units, 1):
                if unit.ahead:
                    self._play_ahead(unit.groups[0], after_ms + 1, last_ms)
                else:
                    self._play_together(unit, after_ms + 1, last_ms)
                done = (last_ms - after_ms) * place // len(self._units)
                progress(done - told)
                told = done
            yield _sorted(self._stretch)
            after_ms = last_ms

    def _play_together(self, unit: Unit, first_ms: int, last_ms: int) -> None:
        """Evaluate every rule at every instant, groups of one instant in their order."""
        due = sorted(
            (at_ms, place)
            for place, group in enumerate(unit.groups)
            for at_ms in self._instants(group, first_ms, last_ms)
        )
        self._answers = None
        for at_ms, place in due:
            group = unit.groups[place]
            self.counted.due += len(group.rules)
            for number in range(len(group.rules)):
                self._evaluate(RuleId(group.key, number), at_ms)

    def _play_ahead(self, group: Group, first_ms: int, last_ms: int) -> None:
        """Evaluate a group whose expressions read nothing that it has yet to write: first what it records, then its alerts."""
        instants = list(self._instants(group, first_ms, last_ms))
        if not instants:
            return
        self.counted.due += len(instants) * len(group.rules)
        offset_ms = self.evaluator.query_offset_ms(group.key)
        times = [at_ms - offset_ms for at_ms in instants]
        alerting: dict[RuleId, tuple[Rule, Answers]] = {}
        for number, rule in enumerate(group.rules):
            self._overlay.now_ms = last_ms
            rule_id = RuleId(group.key, number)
            answers = self._look_ahead(rule_id, rule, times)
            if rule.is_alert:
                alerting[rule_id] = rule, answers
            else:
                self._record(rule_id, rule, instants, answers)
        self._alert(alerting, instants)
        self._answers = None

    def _look_ahead(self, rule_id: RuleId, rule: Rule, times: Sequence[int]) -> Answers:
        expression = str(rule.expr)
        patterns = self._patterns.setdefault(rule_id, Patterns())
        is_scalar = parse(expression).type is ast.ValueType.SCALAR
        return look_ahead(self._engine, expression, times, patterns, is_scalar=is_scalar)

    def _record(self, rule_id: RuleId, rule: Rule, instants: Sequence[int], answers: Answers) -> None:
        self._expression, self._answers = str(rule.expr), answers
        idle = self.evaluator.is_idle(*rule_id)
        for at_ms, busy in zip(instants, answers.busy.tolist(), strict=True):
            if busy or not idle:
                self._evaluate(rule_id, at_ms)
                idle = not busy and self.evaluator.is_idle(*rule_id)

    def _alert(self, alerting: dict[RuleId, tuple[Rule, Answers]], instants: Sequence[int]) -> None:
        """Evaluate the alerting rules of a group, instant by instant where one of them has anything to do."""
        if not alerting:
            return
        awake = {rule_id for rule_id in alerting if not self.evaluator.is_idle(*rule_id)}
        busy = np.logical_or.reduce([answers.busy for _, answers in alerting.values()], axis=0).tolist()
        for place, (at_ms, somebody) in enumerate(zip(instants, busy, strict=True)):
            if not somebody and not awake:
                continue
            for rule_id, (rule, answers) in alerting.items():
                if rule_id in awake or answers.busy[place]:
                    self._expression, self._answers = str(rule.expr), answers
                    self._evaluate(rule_id, at_ms)
                    if self.evaluator.is_idle(*rule_id):
                        awake.discard(rule_id)
                    else:
                        awake.add(rule_id)

    def _evaluate(self, rule_id: RuleId, at_ms: int) -> None:
        self._overlay.now_ms = at_ms
        self._rule = rule_id
        self._answered_ms = at_ms - self.evaluator.query_offset_ms(rule_id.group)
        done = self.evaluator.evaluate_rule(rule_id.group, rule_id.number, at_ms)
        self.counted.made += 1
        order = self._order[rule_id.group]
        self._stretch.transitions += [Happened(rule_id, order, each) for each in done.transitions]
        for _, message in done.failures:
            before = self.counted.failing.get(rule_id)
            self.counted.failing[rule_id] = Failing(before.times + 1 if before else 1, message, at_ms)
        if rule_id in self._keeping:
            self._note_kept(rule_id, at_ms)

    def _note_kept(self, rule_id: RuleId, at_ms: int) -> None:
        kept = self.counted.kept
        for labels, alert in self.evaluator.alerts(*rule_id).items():
            since_ms = alert.keep_firing_since_ms
            if since_ms is not None and (alert.resolved_at_ms is None or alert.resolved_at_ms == at_ms):
                kept[rule_id, labels, since_ms] = at_ms

    def _query(self, expression: str, at_ms: int) -> Any:
        if self._answers is not None and at_ms == self._answered_ms and expression == self._expression:
            found = self._answers.at(at_ms)
            if found is not None:
                return found
        return self._engine.instant(expression, at_ms).value

    def _sink(self, row: Row) -> None:
        self._overlay.append(row)

    def _notify(self, alerts: list[Alert], at_ms: int) -> None:
        order = self._order[self._rule.group]
        self._stretch.handed_over.append(HandedOver(at_ms, order, self._rule, tuple(alerts)))


def _sorted(stretch: Stretch) -> Stretch:
    stretch.transitions.sort(key=lambda each: (each.transition.at_ms, each.order, each.rule.number))
    stretch.handed_over.sort(key=lambda each: (each.at_ms, each.order, each.rule.number))
    return stretch
