"""What an absent series means for an alert: its condition ceased, or nothing is known of it.

Asked only for alerts that are active and absent, and only where the rule says `burnline_no_data` or the agent was just
restarted. The decision is one function, `judge`; what it needs is asked through the rules' own query, once per evaluation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

import structlog

from agent.errors import BurnlineError
from agent.model import METRIC_NAME, Labels, format_rfc3339
from agent.query import ast
from agent.rules.answers import Query, pairs_of
from agent.rules.concern import scopes_of
from agent.rules.falsity import EVERYTHING, Key, Scope
from agent.rules.reading import Selector, reads
from agent.rules.running import RunningRule, Settings
from agent.rules.spec import NoData
from agent.rules.states import NO_DATA_LABEL, Absence, ActiveAlert, Observation

_OF_THE_SCRAPE: Final = ("up", "scrape_")
"""Series with these names are written of a target that fails as well."""
_BY_ANY: Final = frozenset({EVERYTHING})
_CARRIED_MS: Final = 3_600_000
_SHOWN_TARGETS: Final = 5
_log = structlog.get_logger()


class Knowledge:
    """What can be known at one evaluation of a group, whose queries look at `at_ms`. Each question is asked once."""

    def __init__(self, query: Query, at_ms: int) -> None:
        self._query, self._at_ms = query, at_ms
        self._answers: dict[str, list[tuple[Labels, float]] | None] = {}

    def ask(self, expression: str) -> list[tuple[Labels, float]] | None:
        """Return what an expression gives, None (and a line in the log) where it has no answer."""
        if expression not in self._answers:
            try:
                self._answers[expression] = pairs_of(self._query(expression, self._at_ms))
            except BurnlineError as error:
                _log.info("it cannot be asked what is known of an alert", expression=expression, error=str(error))
                self._answers[expression] = None
        return self._answers[expression]

    def failing(self, rule: RunningRule, at_ms: int) -> list[Labels]:
        """Return the targets (the labels of their `up`) that fail now and carry series that the rule reads.

        A target carries what it was seen to carry in the last hour; where nobody carried it, whoever its labels allow.
        """
        down = {labels.without(METRIC_NAME) for labels, _ in self.ask("up == 0") or ()}
        known = {target: since for target, since in rule.failing_since.items() if target in down}
        fresh = down - known.keys() - rule.unconcerned
        read = (
            [each for each in reads(rule.expression).selectors if not each.name.startswith(_OF_THE_SCRAPE)]
            if fresh
            else []
        )
        carrying: dict[Labels, frozenset[Scope]] = {}
        for each in read:
            for target in fresh:
                if not each.refuses(target) and self._carries(target, each):
                    by = scopes_of(rule.expression).get(each.matchers, _BY_ANY)
                    carrying[target] = carrying.get(target, frozenset()) | by
        rule.failing_since = known | dict.fromkeys(carrying, at_ms)
        rule.failing_by = {target: by for target, by in rule.failing_by.items() if target in known} | carrying
        rule.unconcerned = (rule.unconcerned & down) | (fresh - carrying.keys())
        return sorted(rule.failing_since)

    def _carries(self, target: Labels, selector: Selector) -> bool:
        series = ast.MatrixSelector(ast.VectorSelector(selector.name, selector.matchers), _CARRIED_MS)
        carriers = self.ask(f"group by (job, instance) (last_over_time({series}))")
        return not carriers or any(_within(each, target) for each, _ in carriers)


def judge(
    rule: RunningRule,
    absent: Collection[ActiveAlert],
    present: Iterable[Labels],
    knowledge: Knowledge,
    at_ms: int,
    grace_ms: int,
) -> dict[Labels, Absence]:
    """Return what is to be done with absent alerts that are not known to be over, by `burnline_no_data`.

    An alert whose target fails stays while nothing is known of it. One that only may be touched by a failing target (it is
    known to be over as far as the others say), or whose series are gone although no target fails, stays for `grace_ms`.
    """
    failing, over = knowledge.failing(rule, at_ms), _KnownOver(rule, present, knowledge)
    found = {}
    for alert in absent:
        mine = [
            *(each for each in failing if _may_concern(each, alert.labels, rule.overwritten, rule.failing_by[each])),
            *(each for each in sorted(rule.unconcerned) if _surely_concerns(each, alert.labels, rule.overwritten)),
        ]
        known = over.says(alert.labels) or (rule.falsity.by_presence and not mine)
        if known and not mine:
            continue
        why = _fails(mine) if mine else "its series are gone"
        if rule.no_data is NoData.RESOLVE:
            if not known:
                found[alert.labels] = Absence(why, keeps=False)
            continue
        waited_ms = 0 if alert.no_data_since_ms is None else at_ms - alert.no_data_since_ms
        if (mine and not known) or waited_ms < grace_ms:
            found[alert.labels] = Absence(why)
        elif not known:
            found[alert.labels] = Absence(why, keeps=False)
    return found


def since_restart(
    rule: RunningRule, present: Collection[Labels], knowledge: Knowledge, at_ms: int, settings: Settings
) -> dict[Labels, Absence]:
    """Return the restored alerts of which nothing is known yet: for the grace they stay, whatever the rule says."""
    if not rule.unseen or rule.held_since_ms is None:
        return {}
    rule.unseen -= set(present)
    if at_ms - rule.held_since_ms >= settings.restore_grace_ms:
        rule.unseen = set()
    if rule.unseen:
        over = _KnownOver(rule, present, knowledge)
        rule.unseen = {labels for labels in rule.unseen if labels in rule.active and not over.says(labels)}
    return {labels: Absence("nothing is known of its series since the restart") for labels in rule.unseen}


class _KnownOver:
    """Which alerts of a rule are known to be over: witnesses say so, or the series goes on under another templated label."""

    def __init__(self, rule: RunningRule, present: Iterable[Labels], knowledge: Knowledge) -> None:
        self._but = rule.overwritten
        self._keys = self._found(rule, present, knowledge)
        self._known: list[tuple[Scope, set[Key]]] = []

    def says(self, labels: Labels) -> bool:
        """Say whether the alert is known to be over; witnesses are asked one after the other until one says so."""
        if any(scope.key(labels, self._but) in keys for scope, keys in self._known):
            return True
        for scope, keys in self._keys:
            self._known.append((scope, keys))
            if scope.key(labels, self._but) in keys:
                return True
        return False

    def _found(
        self, rule: RunningRule, present: Iterable[Labels], knowledge: Knowledge
    ) -> Iterator[tuple[Scope, set[Key]]]:
        yield EVERYTHING, {EVERYTHING.key(each, self._but) for each in present}
        for expression, scope in rule.falsity.witnesses:
            yield scope, {scope.key(labels, self._but) for labels, _ in knowledge.ask(expression) or ()}


def no_data_alert(rule: RunningRule, *, present: bool, knowledge: Knowledge, at_ms: int) -> Observation | None:
    """Return the alert of a rule with `burnline_no_data: alert` about its own missing data, None where it has some.

    It has none where a target that it reads fails, or where neither the condition nor its contrary gives a series.
    """
    failing = knowledge.failing(rule, at_ms)
    if not failing:
        asked = rule.falsity.witnesses
        if present or not asked or any(knowledge.ask(expression) != [] for expression, _ in asked):
            return None
    assert rule.expander is not None
    labels, annotations = rule.expander.plain()
    said = {
        "summary": f"{rule.spec.name} has no data: {_fails(failing) if failing else 'none of its series is there'}",
        "description": "\n".join(
            f"{_target(each)} has failed since {format_rfc3339(since_ms).replace('.000Z', 'Z')}"
            for each, since_ms in list(rule.failing_since.items())[:_SHOWN_TARGETS]
        ),
    }
    return Observation(labels.merged({NO_DATA_LABEL: "true"}), float(len(failing)), annotations.merged(said))


def _within(labels: Labels, target: Labels) -> bool:
    return all(target.get(name) == value for name, value in labels.pairs)


def _may_concern(target: Labels, alert: Labels, but: frozenset[str], by: frozenset[Scope] = _BY_ANY) -> bool:
    """Say whether no label of the alert, but those that its rule writes, contradicts that the target feeds it.

    The target's series speak of the alert in one of the ways `by`; labels that a join or a sum drops say nothing.
    """
    return any(
        all(name in but or not scope.counts(name) or alert.get(name, value) == value for name, value in target.pairs)
        for scope in by
    )


def _surely_concerns(target: Labels, alert: Labels, but: frozenset[str]) -> bool:
    """Say whether the alert names the target's instance, and nothing contradicts.

    It is asked of targets that are not known to carry what is read; one that has failed since before a restart may be
    among them.
    """
    return "instance" in alert and "instance" not in but and _may_concern(target, alert, but)


def _fails(targets: list[Labels]) -> str:
    """Name the failing targets. Equal for equal targets, so that what is kept of an alert does not change each time."""
    if len(targets) == 1:
        return f"its target {_target(targets[0])} fails"
    more = len(targets) - _SHOWN_TARGETS
    shown = ", ".join(_target(each) for each in targets[:_SHOWN_TARGETS])
    return f"its targets {shown}{f' and {more} more' if more > 0 else ''} fail"


def _target(labels: Labels) -> str:
    return " ".join(filter(None, (labels.get("job"), labels.get("instance")))) or str(labels)
