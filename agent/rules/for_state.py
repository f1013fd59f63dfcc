"""Restore alerts as Prometheus does: `for` alone, from ALERTS_FOR_STATE, after the second evaluation since the start.

The arithmetic is a pure function of when the alert became active, when it was last seen, and now. Source: Prometheus
rules/group.go, `RestoreForState`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import structlog

from agent.errors import BurnlineError
from agent.model import METRIC_NAME, Labels, Matcher, MatchOp
from agent.query import ast
from agent.rules.answers import Query, pairs_of
from agent.rules.outputs import ALERTS_FOR_STATE
from agent.rules.running import RunningGroup, RunningRule, Settings
from agent.rules.states import State

EVALUATIONS_BEFORE: Final = 2
"""Restored after this many evaluations: during the first one recording rules may not have written what alerts read."""
_LOOKBACK_MS: Final = 299_000

_log = structlog.get_logger()


def restored_since(active_at_ms: int, seen_ms: int, at_ms: int, for_ms: int, grace_ms: int) -> int:
    """Return since when an alert counts as active that was active since `active_at_ms` and last seen at `seen_ms`.

    It keeps its beginning where it had fired; waits for the grace where less than that was left; else the outage does not
    count.
    """
    left_ms = for_ms - (seen_ms - active_at_ms)
    if left_ms <= 0:
        return active_at_ms
    if left_ms < grace_ms:
        return at_ms + grace_ms - for_ms
    return active_at_ms + at_ms - seen_ms


def restore(group: RunningGroup, query: Query, at_ms: int, settings: Settings) -> None:
    """Give the alerts of a group the beginnings that their series tell of; from now on these series are written."""
    for rule in group.rules:
        if rule.spec.is_alert and not rule.restored:
            rule.restored = True
            if (rule.spec.for_ms or 0) >= settings.for_grace_period_ms:
                try:
                    _restore(rule, group.interval_ms, query, at_ms, settings)
                except BurnlineError as error:
                    _log.error("`for` could not be restored", rule=rule.spec.name, error=str(error))


def _restore(rule: RunningRule, interval_ms: int, query: Query, at_ms: int, settings: Settings) -> None:
    selector = _selector(rule)
    answer: Any = query(str(ast.MatrixSelector(selector, settings.outage_tolerance_ms)), at_ms)
    for series in answer:
        labels = series.labels.without(METRIC_NAME)
        alert = rule.active.get(labels)
        if alert is None or alert.state is State.INACTIVE:
            continue
        seen_ms = int(series.timestamps[-1])
        if _ended(selector, series.labels, seen_ms, interval_ms, query, at_ms):
            continue
        # Prometheus counts the instant of the sample in whole seconds, as its value is.
        since_ms = restored_since(
            int(series.values[-1]) * 1000,
            seen_ms // 1000 * 1000,
            at_ms,
            rule.spec.for_ms or 0,
            settings.for_grace_period_ms,
        )
        rule.active[labels] = replace(alert, active_at_ms=since_ms)


def _ended(
    selector: ast.VectorSelector, labels: Labels, seen_ms: int, interval_ms: int, query: Query, at_ms: int
) -> bool:
    """Say whether a marker ended the series after its last sample: then it is gone while the sample is still fresh."""
    looked_at_ms = min(seen_ms + min(interval_ms, _LOOKBACK_MS), at_ms)
    return all(each != labels for each, _ in pairs_of(query(str(selector), looked_at_ms)))


def _selector(rule: RunningRule) -> ast.VectorSelector:
    """Return the selector of the rule's series by those of its labels that are the same for every alert."""
    assert rule.expander is not None
    plain, _ = rule.expander.plain()
    matchers = [Matcher(name, MatchOp.EQUAL, value) for name, value in plain.pairs]
    matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, ALERTS_FOR_STATE))
    return ast.VectorSelector(ALERTS_FOR_STATE, tuple(matchers))
