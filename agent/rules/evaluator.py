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
from agent.journal import Delete, Write
from agent.model import Histogram, Labels, format_duration
from agent.rules import for_state, schedule
from agent.rules.absence import Knowledge
from agent.rules.alerting import Alerting, Notify, Sink
from agent.rules.answers import Query, histograms_of, pairs_of
from agent.rules.evaluations import Tally
from agent.rules.keeping import Keeper, Writer
from agent.rules.outputs import Leaving, Output, recorded
from agent.rules.records import ALERT_KIND, GROUP_KIND, RuleKey
from agent.rules.restoring import resume, set_back, take_back
from agent.rules.running import RunningGroup, RunningRule, Settings, build, hand_over, share_memory
from agent.rules.sending import labels_as_sent, to_send
from agent.rules.spec import Group, GroupKey, RuleSet
from agent.rules.states import ActiveAlert, State, Transition
from agent.rules.status import GroupStatus, Health, RuleStatus
from agent.telemetry import Telemetry

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rules that are built and do not run yet."""

    groups: dict[GroupKey, RunningGroup]
    settings: Settings

    @property
    def specs(self) -> tuple[Group, ...]:
        """What the files say of the groups; of those that go on it is the very object of before."""
        return tuple(group.spec for group in self.groups.values())


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation of a group did. `failures` are (rule, message)."""

    transitions: tuple[Transition, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()


def _slept(gap_ms: int, group: RunningGroup, settings: Settings) -> bool:
    """Say whether nobody looked for so long that `for` has not gone on: the machine slept, or its clock was set forward."""
    longest_ms = max(settings.outage_tolerance_ms, 3 * group.interval_ms)
    return settings.restore == "full" and gap_ms > longest_ms


def _no_writer(*_: Write) -> None:
    return None


class Evaluator:
    """All rule groups, their state, and the verb that evaluates one of them at an instant.

    surely_empty: says of a group and the instant that its expressions would be asked at that all of them are known to give
    nothing; alerting rules with nothing active are then not asked at all. turned: takes firing alerts between two hand-overs
    when only `keep_firing_for` keeps them from now on, or no longer; Prometheus tells nobody of that.
    """

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
        tally: Tally | None = None,
        surely_empty: Callable[[GroupKey, int], bool] = lambda _key, _at_ms: False,
        turned: Notify | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.settings = settings or Settings()
        self._query, self._sink, self._notify = query, sink, notify
        self._keeper = Keeper(write)
        self._telemetry = telemetry or Telemetry()
        self._tally = tally or Tally()
        self._surely_empty = surely_empty
        self._stopwatch = stopwatch
        self._groups = build(rules, self.settings)
        share_memory(self._groups.values())
        self._leaving = Leaving()
        self._alerting = Alerting(query, sink, notify, self._keeper, turned)
        self._latest_ms = 0

    # --- what can be asked ---

    @property
    def keys(self) -> tuple[GroupKey, ...]:
        """The identities of the groups, in the order of the files."""
        return tuple(self._groups)

    def status(self) -> tuple[GroupStatus, ...]:
        """Return how all groups and rules stand."""
        return tuple(group.status() for group in self._groups.values())

    def progress(self) -> dict[GroupKey, tuple[int, int]]:
        """Return of every group when it was last evaluated (0: not yet) and its interval, both in ms."""
        return {key: (group.last_evaluation_ms or 0, group.interval_ms) for key, group in self._groups.items()}

    def active(self) -> list[ActiveAlert]:
        """Return the pending and firing alerts of all rules; any thread may ask."""
        return [
            alert
            for group in self._groups.values()
            for rule in group.rules
            for alert in tuple(rule.active.values())
            if alert.state is not State.INACTIVE
        ]

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

    @property
    def intervals_ms(self) -> dict[GroupKey, int]:
        """The interval of every group, as they are at one moment."""
        return {key: group.interval_ms for key, group in self._groups.items()}

    @property
    def waiting_for_scrapes(self) -> tuple[Group, ...]:
        """The groups that are evaluated when what they read has been scraped, as their files say them."""
        return tuple(group.spec for group in self._groups.values() if group.waits_for_scrapes)

    def pace(self, key: GroupKey, period_ms: int | None) -> None:
        """Say how often scrapes begin the evaluation of a group that waits for them, None: the clock does."""
        group = self._groups.get(key)
        if group is not None and group.waits_for_scrapes:
            group.interval_ms = period_ms or self.settings.interval_ms
            group.on_scrape = period_ms is not None

    def evaluated_ms(self, key: GroupKey) -> int | None:
        """Return the instant of a group's last evaluation, None where there is none."""
        group = self._groups.get(key)
        return group.last_evaluation_ms if group is not None else None

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

        A group that is gone and an instant that is less than an interval before the last one, or the same, do nothing. One
        further back says that the clock was set back: the times of the group's alerts go back with it.
        """
        group = self._groups.get(key)
        if group is None:
            return Evaluated()
        with group.lock:
            if group.retired or not self._follows(group, at_ms):
                return Evaluated()
            began = self._stopwatch()
            transitions = resume(group, at_ms, self.settings, self._keeper)
            knowledge = Knowledge(self._query, at_ms - group.offset_ms)
            failures = []
            for rule in group.rules:
                failure = self._evaluate_rule(group, rule, at_ms, knowledge, transitions)
                if failure:
                    failures.append((rule.spec.name, failure))
            self._end_leaving(group, at_ms)
            self._restore_for_state(group, at_ms)
            group.last_evaluation_ms = at_ms
            group.seconds = self._stopwatch() - began
            _tell_slow(group)
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
            knowledge = Knowledge(self._query, at_ms - group.offset_ms)
            failure = self._evaluate_rule(group, rule, at_ms, knowledge, transitions)
        return Evaluated(tuple(transitions), ((rule.spec.name, failure),) if failure else ())

    def is_idle(self, key: GroupKey, number: int) -> bool:
        """Say whether a rule has no alert and no series that an answer without series would change."""
        return self._groups[key].rules[number].is_idle

    def alerts(self, key: GroupKey, number: int) -> Mapping[Labels, ActiveAlert]:
        """Return a rule's alerts by their labels, those lately resolved included."""
        return self._groups[key].rules[number].active

    def query_offset_ms(self, key: GroupKey) -> int:
        """Return how far before the instant of an evaluation a group's expressions are asked."""
        return self._groups[key].offset_ms

    def _follows(self, group: RunningGroup, at_ms: int) -> bool:
        """Say whether a group is to be evaluated at `at_ms`, once its alerts follow a clock that was set back."""
        last_ms = group.last_evaluation_ms
        if last_ms is not None and at_ms <= last_ms:
            if last_ms - at_ms < group.interval_ms:
                _log.info(
                    "evaluation skipped: the instant is not after the last one", group=str(group.key), at_ms=at_ms
                )
                return False
            by_ms = last_ms - at_ms + group.interval_ms
            set_back(group, by_ms, self._keeper)
            if at_ms < self._latest_ms:
                self._latest_ms = 0
                _log.warning(
                    "the clock was set back; rules go on from there, and the times of their alerts go back with it",
                    by=format_duration(by_ms),
                    group=str(group.key),
                )
        elif last_ms is not None and _slept(at_ms - last_ms, group, self.settings):
            group.resumed_from_ms = last_ms
        self._latest_ms = max(self._latest_ms, at_ms)
        return True

    def _restore_for_state(self, group: RunningGroup, at_ms: int) -> None:
        if group.until_restored:
            group.until_restored -= 1
            if not group.until_restored:
                for_state.restore(group, self._query, at_ms, self.settings)

    def _evaluate_rule(
        self,
        group: RunningGroup,
        rule: RunningRule,
        at_ms: int,
        knowledge: Knowledge,
        transitions: list[Transition],
    ) -> str:
        """Evaluate one rule; return why it failed, or nothing."""
        began = self._stopwatch()
        self._tally.take()
        failure = ""
        try:
            if rule.spec.is_alert and rule.is_idle and self._surely_empty(group.key, at_ms - group.offset_ms):
                pass  # without series nothing would change
            elif rule.spec.is_alert:
                self._alerting.evaluate(group, rule, at_ms, knowledge, self.settings, transitions)
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
        rule.evaluations.add(at_ms, rule.seconds, self._tally.take(), failure)
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

        Firing alerts whose rule is gone are resolved with that reason. With `restore: prometheus` the journal's alerts are
        dropped, and `for` is restored from ALERTS_FOR_STATE after the second evaluation.
        """
        if self.settings.restore == "prometheus":
            for kind in (ALERT_KIND, GROUP_KIND):
                self._keeper.write(*(Delete(kind, key) for key in records(kind)))
            for group in self._groups.values():
                group.until_restored = for_state.EVALUATIONS_BEFORE
                for rule in group.rules:
                    rule.restored = not rule.spec.is_alert
            return
        orphans = take_back(self._groups.values(), records, self._keeper, at_ms)
        for rule_key, alerts in orphans.items():
            self._resolve(rule_key, alerts, at_ms, "the rule was removed or relabelled while the agent did not run")

    # --- rules that go ---

    def reload(self, rules: RuleSet, at_ms: int, *, settings: Settings | None = None) -> None:
        """Replace the rules at `at_ms`: state is kept rule by rule; alerts of removed rules are resolved with a reason.

        Everything new is built before anything is replaced; a group that is the same, under the same settings, just goes on.
        """
        self.take_over(self.prepared(rules, settings), at_ms)

    def prepared(self, rules: RuleSet, settings: Settings | None = None) -> Prepared:
        """Build what `take_over` takes, without touching what runs; it may be done beside evaluations."""
        settings = settings or self.settings
        same = settings == self.settings
        return Prepared(build(rules, settings, self._groups if same else None), settings)

    def take_over(self, prepared: Prepared, at_ms: int) -> None:
        """Replace the rules at `at_ms` by what was prepared since the last time; nothing may be evaluated meanwhile."""
        after, settings = prepared.groups, prepared.settings
        with contextlib.ExitStack() as locks:
            before = self._groups
            for group in before.values():
                locks.enter_context(group.lock)
            handed = hand_over(before.values(), after.values(), relabel=settings.removed == "resolve")
            self._groups, self.settings = after, settings
            share_memory(after.values())
            for key, group in before.items():
                group.retired = after.get(key) is not group
        relabelled = set(map(id, handed.relabelled))
        for rule in handed.removed:
            self._leaving.add(rule.output, rule.key.key, at_ms, before[rule.key.key].interval_ms)
            why = "its labels were changed" if id(rule) in relabelled else "the rule was removed"
            self._resolve(rule.key, rule.active.values(), at_ms, f"{why} by a reload")
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
        """Journal the end of a removed rule's alerts and hand over those that fired as resolved, with the reason.

        With `removed: forget` nothing is handed over: they end when nobody repeats them, as in Prometheus.
        """
        alerts = list(alerts)
        self._keeper.forget(key, alerts, at_ms, why)
        if self.settings.removed == "forget":
            return
        over = [
            replace(alert, state=State.INACTIVE, resolved_at_ms=at_ms)
            for alert in alerts
            if alert.state is State.FIRING
        ]
        if over:
            self._notify([to_send(alert, at_ms, 0, self.settings, reason=why) for alert in over], at_ms)

    def _end_leaving(self, group: RunningGroup, at_ms: int) -> None:
        outputs = (rule.output for group in self._groups.values() for rule in group.rules)
        for row in self._leaving.rows(group.key, at_ms, at_ms - group.offset_ms, outputs):
            try:
                self._sink(row)
            except BurnlineError as error:
                _log.warning("the end of a removed rule's series cannot be marked", error=str(error))


def _tell_slow(group: RunningGroup) -> None:
    """Log that evaluating a group takes longer than its interval, with the rule that takes most, and the end of that."""
    is_slow = group.seconds * 1000 > group.interval_ms
    if is_slow and not group.is_slow:
        slowest = max(group.rules, key=lambda rule: rule.seconds)
        _log.warning(
            "evaluating a rule group takes longer than its interval: it misses rounds; the others do not",
            group=str(group.key),
            seconds=round(group.seconds, 3),
            interval=format_duration(group.interval_ms),
            slowest_rule=slowest.spec.name,
            its_seconds=round(slowest.seconds, 3),
            advice="`burnline query --explain` says what its expression takes; record a part of it, or raise the interval",
        )
    elif group.is_slow and not is_slow:
        _log.info("a rule group is evaluated within its interval again", group=str(group.key))
    group.is_slow = is_slow
