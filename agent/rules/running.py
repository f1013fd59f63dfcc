"""Rules and groups as they run: what the file says, plus state. Building them does nothing; `adopt` takes state over."""

from __future__ import annotations

import functools
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.model import METRIC_NAME, Labels
from agent.rules.evaluations import Evaluations, kept_each
from agent.rules.expansion import ALERT_NAME, Expander
from agent.rules.expressions import recovery_of
from agent.rules.falsity import EVERYTHING, Falsity, Key, Scope, falsity_of
from agent.rules.outputs import Output
from agent.rules.records import RuleKey, rule_keys
from agent.rules.spec import Group, GroupKey, NoData, Rule, RuleSet, static_labels
from agent.rules.states import ActiveAlert, State, is_no_data
from agent.rules.status import GroupStatus, Health, RuleStatus


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for all rules. Durations are milliseconds; the defaults are Prometheus'.

    `on_scrape`: a group without an interval of its own is evaluated when what it reads has been scraped; where that is
    nothing, every `interval_ms`.
    `restore`: "full" takes the whole state of alerts from the journal; "prometheus" reads ALERTS_FOR_STATE, for rules whose
    `for` is at least `for_grace_period_ms`. An outage longer than `outage_tolerance_ms` makes pending alerts begin again.
    For `restore_grace_ms` after a restart an alert about whose series nothing is known stays as it was (0: as in Prometheus,
    it ends). `no_data_grace_ms` bounds how long an alert of a rule with `burnline_no_data: keep` stays where no target fails.
    `removed`: the alerts of a rule that is gone are resolved, or forgotten as in Prometheus. `recovered_value`: a resolved
    alert is told with the value it recovered to. `external_labels` are added to an alert when it is handed over, where it
    has not got them.
    """

    interval_ms: int = 60_000
    on_scrape: bool = False
    query_offset_ms: int = 0
    resend_delay_ms: int = 60_000
    outage_tolerance_ms: int = 3_600_000
    restore_grace_ms: int = 300_000
    restore: Literal["full", "prometheus"] = "full"
    for_grace_period_ms: int = 600_000
    no_data_grace_ms: int = 300_000
    removed: Literal["resolve", "forget"] = "resolve"
    recovered_value: bool = True
    external_labels: Labels = field(default_factory=Labels)
    external_url: str = ""


class RunningRule:
    """One rule with its alerts, its output and how its last evaluation went."""

    def __init__(self, group: Group, spec: Rule, key: RuleKey, settings: Settings) -> None:
        self.spec = spec
        self.key = key
        self.expression = str(spec.expr)
        self.static = static_labels(group, spec)
        self.labels = group.labels_of(spec)
        self.expander = (
            Expander(group, spec, external_labels=settings.external_labels, external_url=settings.external_url)
            if spec.is_alert
            else None
        )
        self.overwritten = frozenset({METRIC_NAME, ALERT_NAME, *self.labels})
        """The labels of an alert that do not come from its series."""
        self.no_data = spec.no_data
        self.active: dict[Labels, ActiveAlert] = {}
        self.unseen: set[Labels] = set()
        """Restored alerts whose series was not seen since the restart."""
        self.held_since_ms: int | None = None
        self.restored = True
        """Whether the series of the rule's alerts are written: not before they were restored from those."""
        self.inherited: dict[Key, int] = {}
        """Since when the conditions held that a rule with other labels watched, by the labels of the series."""
        self.inherited_but: frozenset[str] = frozenset()
        self.failing_since: dict[Labels, int] = {}
        """Since when targets fail that carry what the rule reads, as far as it was asked."""
        self.failing_by: dict[Labels, frozenset[Scope]] = {}
        """By which labels the series of these targets speak of the rule's alerts."""
        self.unconcerned: set[Labels] = set()
        """Targets that fail and carry nothing of it."""
        self.output = Output()
        self.health = Health.UNKNOWN
        self.last_error = ""
        self.last_evaluation_ms = 0
        self.seconds = 0.0
        self.evaluations = Evaluations()

    @functools.cached_property
    def annotations(self) -> Labels:
        """The annotations as written."""
        return Labels({name: str(text) for name, text in self.spec.annotations.items()})

    @property
    def recovery(self) -> str:
        """What gives the value that an alert recovered to, "" where nothing does."""
        return recovery_of(self.expression)

    @property
    def falsity(self) -> Falsity:
        """Where the rule's expression is known to be false."""
        return falsity_of(self.expression)

    @property
    def is_idle(self) -> bool:
        """Say whether an answer without series would change nothing."""
        return not (self.active or self.unseen or self.output.live or self.inherited or self.no_data is NoData.ALERT)

    def adopt(self, before: RunningRule) -> None:
        """Take over the state of the rule that this one replaces."""
        self.active = before.active
        self.unseen, self.held_since_ms = before.unseen, before.held_since_ms
        self.restored, self.inherited = before.restored, before.inherited
        if before.expression == self.expression:
            self.failing_since, self.failing_by = before.failing_since, before.failing_by
            self.unconcerned = before.unconcerned
        self.output = before.output
        if before.expression == self.expression:
            self.health, self.last_error = before.health, before.last_error
            self.last_evaluation_ms, self.seconds = before.last_evaluation_ms, before.seconds
            self.evaluations = before.evaluations

    def inherit(self, before: RunningRule) -> None:
        """Let the conditions that a rule watched under other labels go on counting towards `for`."""
        but = self.overwritten | before.overwritten
        self.inherited = {
            EVERYTHING.key(alert.labels, but): alert.active_at_ms
            for alert in before.active.values()
            if alert.state is not State.INACTIVE and not is_no_data(alert.labels)
        }
        self.inherited_but = but

    def status(self) -> RuleStatus:
        """Return what can be seen of the rule."""
        active = tuple(alert for alert in self.active.values() if alert.state is not State.INACTIVE)
        return RuleStatus(
            name=self.spec.name,
            expression=self.expression,
            is_alert=self.spec.is_alert,
            labels=self.static,
            annotations=self.annotations,
            for_ms=self.spec.for_ms or 0,
            keep_firing_for_ms=self.spec.keep_firing_for_ms or 0,
            health=self.health,
            last_error=self.last_error,
            last_evaluation_ms=self.last_evaluation_ms,
            evaluation_seconds=self.seconds,
            alerts=active,
            evaluations=self.evaluations,
        )


class RunningGroup:
    """One group with its rules. `lock` is held while it is evaluated and while a reload takes its state."""

    def __init__(self, spec: Group, settings: Settings) -> None:
        self.spec = spec
        self.key: GroupKey = spec.key
        self.interval_ms = spec.interval_ms or settings.interval_ms
        self.waits_for_scrapes = settings.on_scrape and not spec.interval_ms
        self.on_scrape = False
        """Whether scrapes begin its evaluations now: it waits for them, and there are targets that it reads."""
        self.offset_ms = settings.query_offset_ms if spec.query_offset_ms is None else spec.query_offset_ms
        self.rules = [
            RunningRule(spec, rule, key, settings) for rule, key in zip(spec.rules, rule_keys(spec), strict=True)
        ]
        self.lock = threading.Lock()
        self.retired = False
        self.is_slow = False
        """Whether its last evaluation took longer than its interval."""
        self.last_evaluation_ms: int | None = None
        self.resumed_from_ms: int | None = None
        """When the group was last evaluated before the agent restarted, until its first evaluation after that."""
        self.recorded = False
        """Whether the journal knows when the group was last evaluated."""
        self.until_restored = 0
        """How many more evaluations pass before alerts are restored from their series."""
        self.seconds = 0.0

    def adopt(self, before: RunningGroup) -> None:
        """Take over when the group was evaluated; its rules' state is taken over rule by rule."""
        self.last_evaluation_ms, self.seconds, self.is_slow = before.last_evaluation_ms, before.seconds, before.is_slow
        self.resumed_from_ms, self.recorded = before.resumed_from_ms, before.recorded
        self.until_restored = before.until_restored
        if self.waits_for_scrapes and before.on_scrape:
            self.interval_ms, self.on_scrape = before.interval_ms, True

    def says(self, spec: Group) -> bool:
        """Say whether the group runs exactly what `spec` says, at the same lines, which errors name."""
        return self.spec == spec and [each.place for each in self.spec.rules] == [each.place for each in spec.rules]

    def has_pending(self) -> bool:
        """Say whether an alert of the group waits for its `for`."""
        return any(alert.state is State.PENDING for rule in self.rules for alert in rule.active.values())

    def status(self) -> GroupStatus:
        """Return what can be seen of the group."""
        return GroupStatus(
            key=self.key,
            interval_ms=self.interval_ms,
            limit=self.spec.limit,
            last_evaluation_ms=self.last_evaluation_ms or 0,
            evaluation_seconds=self.seconds,
            rules=tuple(rule.status() for rule in self.rules),
            on_scrape=self.on_scrape,
        )


def build(
    rules: RuleSet, settings: Settings, running: Mapping[GroupKey, RunningGroup] | None = None
) -> dict[GroupKey, RunningGroup]:
    """Return running groups in the order of the files: the unchanged among those `running`, the others without state."""
    found = {}
    for spec in rules.groups:
        known = running.get(spec.key) if running else None
        found[spec.key] = known if known is not None and known.says(spec) else RunningGroup(spec, settings)
    return found


def share_memory(groups: Collection[RunningGroup]) -> None:
    """Let every rule keep as many of its last evaluations as the number of rules allows."""
    most = kept_each(sum(len(group.rules) for group in groups))
    for group in groups:
        for rule in group.rules:
            rule.evaluations.resize(most)


@dataclass(frozen=True, slots=True)
class HandOver:
    """What became of the rules of before: those that none replaces, and (former key, rule) of those that stand elsewhere now.

    `relabelled` are those among the removed that only got other labels.
    """

    removed: list[RunningRule]
    moved: list[tuple[RuleKey, RunningRule]]
    relabelled: list[RunningRule]


def hand_over(before: Iterable[RunningGroup], after: Iterable[RunningGroup], *, relabel: bool = True) -> HandOver:
    """Let the rules of `after` adopt the state of those of `before`; with `relabel`, inherit from those with other labels.

    A rule is the same rule where kind, name and static labels are, within its group first, then anywhere; of several equal
    ones the first replaces the first.
    """
    old_groups = {group.key: group for group in before}
    left = {(rule.spec.is_alert, rule.key): rule for group in old_groups.values() for rule in group.rules}
    fresh: list[RunningRule] = []
    for group in after:
        if group.key in old_groups:
            group.adopt(old_groups[group.key])
        for rule in group.rules:
            match = left.pop((rule.spec.is_alert, rule.key), None)
            if match is None:
                fresh.append(rule)
            else:
                rule.adopt(match)
    elsewhere: dict[tuple[bool, str, Labels], list[tuple[bool, RuleKey]]] = {}
    for key, rule in left.items():
        elsewhere.setdefault(_likeness(rule), []).append(key)
    moved = []
    for rule in fresh:
        keys = elsewhere.get(_likeness(rule))
        if keys:
            former = left.pop(keys.pop(0))
            rule.adopt(former)
            moved.append((former.key, rule))
    taken = {id(rule) for _, rule in moved}
    relabelled = _relabelled(left.values(), [rule for rule in fresh if relabel and id(rule) not in taken])
    return HandOver(list(left.values()), moved, relabelled)


def _relabelled(left: Iterable[RunningRule], fresh: Iterable[RunningRule]) -> list[RunningRule]:
    """Let new rules inherit from those that differ in labels only; return the latter."""
    waiting: dict[tuple[GroupKey, str, str], list[RunningRule]] = {}
    for rule in fresh:
        if rule.spec.is_alert:
            waiting.setdefault((rule.key.key, rule.spec.name, rule.expression), []).append(rule)
    found = []
    for rule in left:
        heirs = waiting.get((rule.key.key, rule.spec.name, rule.expression)) if rule.spec.is_alert else None
        if heirs:
            heirs.pop(0).inherit(rule)
            found.append(rule)
    return found


def _likeness(rule: RunningRule) -> tuple[bool, str, Labels]:
    return rule.spec.is_alert, rule.spec.name, rule.static
