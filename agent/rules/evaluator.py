"""Run rules at an instant: query, `step`, write the series, journal the transitions, hand over the alerts.

The verb is `evaluate(group, at_ms)`; nothing here reads a clock or sleeps. A rule that fails is marked and said, changes
nothing of its own state and nothing of the others.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from agent.errors import BurnlineError
from agent.journal import Write
from agent.model import Alert, Histogram, Labels, Row
from agent.rules import schedule
from agent.rules.answers import Query, histograms_of, pairs_of
from agent.rules.keeping import Keeper, Writer
from agent.rules.outputs import Leaving, Output, alert_series, recorded
from agent.rules.records import RuleKey
from agent.rules.restoring import hold, resume, take_back
from agent.rules.running import RunningGroup, RunningRule, Settings, build, hand_over
from agent.rules.sending import labels_as_sent, to_send
from agent.rules.spec import GroupKey, RuleSet
from agent.rules.states import ActiveAlert, LimitExceeded, State, Transition, step
from agent.rules.status import GroupStatus, Health, RuleStatus
from agent.telemetry import Telemetry

Sink = Callable[[Row], object]
"""Takes the rows that rules write, at once, so that the next rule of the group sees them."""
Notify = Callable[[list[Alert], int], object]
"""Takes the alerts that are to be routed at an instant (ms)."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation of a group did. `failures` are (rule, message)."""

    transitions: tuple[Transition, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


def _no_writer(*_: Write) -> None:
    return None


class Evaluator:
    """All rule groups, their state, and the verb that evaluates one of them at an instant."""

    def __init__(
        self,
        rules: RuleSet,
        *,
        query: Query,
        sink: Sink,
        notify: Notify,
        write: Writer = _no_writer,
        telemetry: Telemetry | None = None,
        settings: Settings | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.settings = settings or Settings()
        self._query, self._sink, self._notify = query, sink, notify
        self._keeper = Keeper(write)
        self._telemetry = telemetry or Telemetry()
        self._stopwatch = stopwatch
        self._groups = build(rules, self.settings)
        self._leaving = Leaving()

    # --- what can be asked ---

    @property
    def keys(self) -> tuple[GroupKey, ...]:
        """The identities of the groups, in the order of the files."""
        return tuple(self._groups)

    def status(self) -> tuple[GroupStatus, ...]:
        """Return how all groups and rules stand."""
        return tuple(group.status() for group in self._groups.values())

    def find(self, fingerprint: str) -> tuple[GroupStatus, RuleStatus, ActiveAlert] | None:
        """Return the alert (resolved ones of the last 15 minutes included) with its rule and group.

        `fingerprint` may be that of its own labels or of those it is sent with.
        """
        for group in self._groups.values():
            for rule in group.rules:
                for alert in tuple(rule.active.values()):
                    sent = labels_as_sent(alert.labels, self.settings)
                    if fingerprint in (alert.labels.fingerprint(), sent.fingerprint()):
                        return group.status(), rule.status(), alert
        return None

    def interval_ms(self, key: GroupKey) -> int:
        """Return a group's interval."""
        return self._groups[key].interval_ms

    def next_slot(self, key: GroupKey, at_ms: int) -> int:
        """Return the first slot of a group after `at_ms`."""
        return schedule.next_slot(key, self._groups[key].interval_ms, at_ms)

    def due(self, after_ms: int, until_ms: int) -> list[tuple[int, GroupKey]]:
        """Return (slot, group) of all slots after `after_ms` up to `until_ms`, in the order of time."""
        return sorted(
            (
                (slot, key)
                for key, group in self._groups.items()
                for slot in schedule.slots(key, group.interval_ms, after_ms, until_ms)
            ),
            key=lambda each: each[0],
        )

    def missed(self, key: GroupKey, count: int) -> None:
        """Count slots of a group that were skipped because the one before was late."""
        self._telemetry.group_missed.labels(str(key)).inc(count)

    # --- the verb ---

    def evaluate(self, key: GroupKey, at_ms: int) -> Evaluated:
        """Evaluate the rules of a group in their order at `at_ms`.

        A group that is gone and an instant that is not after the last one do nothing.
        """
        group = self._groups.get(key)
        if group is None:
            return Evaluated()
        with group.lock:
            if group.retired or (group.last_evaluation_ms is not None and at_ms <= group.last_evaluation_ms):
                _log.warning("evaluation skipped: the instant is not after the last one", group=str(key), at_ms=at_ms)
                return Evaluated()
            began = self._stopwatch()
            transitions = resume(group, at_ms, self.settings, self._keeper)
            failures = []
            for rule in group.rules:
                failure = self._evaluate_rule(group, rule, at_ms, transitions)
                if failure:
                    failures.append((rule.spec.name, failure))
            self._end_leaving(at_ms)
            group.last_evaluation_ms = at_ms
            group.seconds = self._stopwatch() - began
            self._keeper.evaluated(group, at_ms)
        self._telemetry.group_duration.labels(str(key)).set(group.seconds)
        return Evaluated(tuple(transitions), tuple(failures))

    def evaluate_rule(self, key: GroupKey, number: int, at_ms: int) -> Evaluated:
        """Evaluate one rule of a group, by its place in the file, at `at_ms`; nothing else of the group is touched.

        For a replay, which knows that the other rules have nothing to do then: an answer without series changes nothing of
        a rule that `is_idle`. The instants of one rule must rise.
        """
        group = self._groups[key]
        rule = group.rules[number]
        transitions: list[Transition] = []
        with group.lock:
            failure = self._evaluate_rule(group, rule, at_ms, transitions)
        return Evaluated(tuple(transitions), ((rule.spec.name, failure),) if failure else ())

    def is_idle(self, key: GroupKey, number: int) -> bool:
        """Say whether a rule has no alert and no series that an answer without series would change."""
        rule = self._groups[key].rules[number]
        return not (rule.active or rule.unseen or rule.output.live)

    def alerts(self, key: GroupKey, number: int) -> Mapping[Labels, ActiveAlert]:
        """Return a rule's alerts by their labels, those lately resolved included."""
        return self._groups[key].rules[number].active

    def query_offset_ms(self, key: GroupKey) -> int:
        """Return how far before the instant of an evaluation a group's expressions are asked."""
        return self._groups[key].offset_ms

    def _evaluate_rule(self, group: RunningGroup, rule: RunningRule, at_ms: int, transitions: list[Transition]) -> str:
        """Evaluate one rule; return why it failed, or nothing."""
        began = self._stopwatch()
        failure = ""
        try:
            if rule.spec.is_alert:
                self._alerting(group, rule, at_ms, transitions)
            else:
                self._recording(group, rule, at_ms)
        except BurnlineError as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001  # a bug in one rule's way must not stop the other rules
            failure = f"{type(error).__name__}: {error}"
            _log.exception("evaluating a rule failed unexpectedly", group=str(group.key), rule=rule.spec.name)
        if failure and failure != rule.last_error:
            _log.warning("a rule fails", group=str(group.key), rule=rule.spec.name, error=failure)
        rule.health = Health.ERROR if failure else Health.OK
        rule.last_error = failure
        rule.last_evaluation_ms = at_ms
        rule.seconds = self._stopwatch() - began
        name = str(group.key)
        self._telemetry.rule_evaluations.labels(name).inc()
        if failure:
            self._telemetry.rule_failures.labels(name).inc()
        return failure

    def _recording(self, group: RunningGroup, rule: RunningRule, at_ms: int) -> None:
        written_at_ms = at_ms - group.offset_ms
        answer, limit = self._query(rule.expression, written_at_ms), group.spec.limit
        row = rule.output.repeated(answer, limit, written_at_ms)
        if row is not None:
            self._sink(row)
            return
        samples = recorded(rule.spec.name, rule.labels, pairs_of(answer), limit)
        self._write_row(rule.output, samples, written_at_ms, histograms_of(answer, samples))
        rule.output.remember(answer, samples, limit)

    def _alerting(self, group: RunningGroup, rule: RunningRule, at_ms: int, transitions: list[Transition]) -> None:
        assert rule.expander is not None
        vector = pairs_of(self._query(rule.expression, at_ms - group.offset_ms))
        observed = rule.expander.observe(vector, at_ms, self._query)
        held = hold(
            rule,
            {each.labels for each in observed},
            lambda: self._recovered(group, rule, at_ms),
            at_ms,
            self.settings,
            self._keeper,
        )
        before = {labels: alert for labels, alert in rule.active.items() if labels not in held}
        try:
            after, made = step(rule.spec, before, observed, at_ms, limit=group.spec.limit)
        except LimitExceeded as error:
            transitions += self._keeper.forget(rule.key, before.values(), at_ms, str(error))
            rule.active = held
            raise
        if any(each.before is State.FIRING and each.after is State.INACTIVE for each in made):
            after = self._with_recovered(group, rule, after, at_ms)
        rule.active = {**held, **after}
        self._keeper.stepped(rule.key, before, after, made)
        transitions += made
        try:
            self._write_row(rule.output, alert_series(rule.spec.name, rule.active.values()), at_ms - group.offset_ms)
        finally:
            self._send(group, rule, at_ms)

    def _with_recovered(
        self, group: RunningGroup, rule: RunningRule, after: dict[Labels, ActiveAlert], at_ms: int
    ) -> dict[Labels, ActiveAlert]:
        """Return `after` with the value that each alert resolved now has recovered to, where it can be asked."""
        values = self._recovered(group, rule, at_ms)
        return {
            labels: replace(alert, recovered=values.get(labels)) if alert.resolved_at_ms == at_ms else alert
            for labels, alert in after.items()
        }

    def _recovered(self, group: RunningGroup, rule: RunningRule, at_ms: int) -> dict[Labels, float]:
        """Return what the rule's comparison compares, by the labels of the alert that each series would be."""
        if not rule.recovery or rule.expander is None:
            return {}
        try:
            vector = pairs_of(self._query(rule.recovery, at_ms - group.offset_ms))
        except BurnlineError as error:
            _log.info("the recovered value cannot be told", rule=rule.spec.name, error=str(error))
            return {}
        return {rule.expander.labels(labels, value): value for labels, value in vector}

    def _send(self, group: RunningGroup, rule: RunningRule, at_ms: int) -> None:
        due = [alert for alert in rule.active.values() if alert.needs_sending(at_ms, self.settings.resend_delay_ms)]
        if not due:
            return
        self._notify([to_send(alert, at_ms, group.interval_ms, self.settings) for alert in due], at_ms)
        sent = [replace(alert, last_sent_at_ms=at_ms) for alert in due]
        rule.active.update((alert.labels, alert) for alert in sent)
        self._keeper.put(rule.key, sent)

    def _write_row(
        self,
        output: Output,
        samples: Mapping[Labels, float],
        at_ms: int,
        histograms: Sequence[tuple[Labels, Histogram]] = (),
    ) -> None:
        row = output.row(samples, at_ms, histograms)
        if row is not None:
            self._sink(row)

    def restore(self, records: Callable[[str], Mapping[str, Any]], at_ms: int) -> None:
        """Take over the alerts of the journal (`Journal.records`) before the first evaluation.

        Firing alerts whose rule is gone are resolved with that reason.
        """
        orphans = take_back(self._groups.values(), records, self._keeper)
        for rule_key, alerts in orphans.items():
            self._resolve(rule_key, alerts, at_ms, "the rule was removed or relabelled while the agent did not run")

    # --- rules that go ---

    def reload(self, rules: RuleSet, at_ms: int, *, settings: Settings | None = None) -> None:
        """Replace the rules at `at_ms`: state is kept rule by rule; alerts of removed rules are resolved with a reason.

        Everything new is built before anything is replaced.
        """
        settings = settings or self.settings
        after = build(rules, settings)
        with contextlib.ExitStack() as locks:
            before = self._groups
            for group in before.values():
                locks.enter_context(group.lock)
            handed = hand_over(before.values(), after.values())
            self._groups, self.settings = after, settings
            for group in before.values():
                group.retired = True
        for rule in handed.removed:
            self._leaving.add(rule.output, at_ms, at_ms + 2 * before[rule.key.key].interval_ms)
            self._resolve(rule.key, rule.active.values(), at_ms, "the rule was removed or relabelled by a reload")
        for former, rule in handed.moved:
            self._keeper.moved(former, rule.key, rule.active.values())
        for key in before.keys() - after.keys():
            self._forget_group(before[key])

    def _forget_group(self, group: RunningGroup) -> None:
        self._keeper.forget_group(group)
        telemetry = self._telemetry
        for metric in (
            telemetry.rule_evaluations,
            telemetry.rule_failures,
            telemetry.group_duration,
            telemetry.group_missed,
        ):
            with contextlib.suppress(KeyError):
                metric.remove(str(group.key))

    def _resolve(self, key: RuleKey, alerts: Iterable[ActiveAlert], at_ms: int, why: str) -> None:
        """Journal the end of a removed rule's alerts and hand over those that fired as resolved, with the reason."""
        alerts = list(alerts)
        self._keeper.forget(key, alerts, at_ms, why)
        over = [
            replace(alert, state=State.INACTIVE, resolved_at_ms=at_ms)
            for alert in alerts
            if alert.state is State.FIRING
        ]
        if over:
            self._notify([to_send(alert, at_ms, 0, self.settings, reason=why) for alert in over], at_ms)

    def _end_leaving(self, at_ms: int) -> None:
        outputs = (rule.output for group in self._groups.values() for rule in group.rules)
        for row in self._leaving.rows(at_ms, outputs):
            try:
                self._sink(row)
            except BurnlineError as error:
                _log.warning("the end of a removed rule's series cannot be marked", error=str(error))
