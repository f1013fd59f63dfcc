"""Why an alert does not fire when a test asks: what it was doing before and after, and what its condition was looking at.

These are remarks for people; no verdict depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from agent.errors import BurnlineError
from agent.model import format_duration, format_float
from agent.replay.lives import Life, Lives
from agent.replay.unit.spec import AlertCase
from agent.rules import GroupKey, Rule, State, recovery_of
from agent.schema import suggest

_SHOWN: Final = 4
"""Alerts, and series of a condition, that are told of."""

Alerting = Mapping[str, Sequence[tuple[GroupKey, int, Rule]]]


class Explainer:
    """Tells of the alerts of one test; instants of `instant` are absolute, what is told counts from the test's start."""

    def __init__(
        self, alerting: Alerting, lives: Lives, instant: Callable[[str, int], Any], start_ms: int, step_ms: int
    ) -> None:
        self._alerting, self._lives, self._instant = alerting, lives, instant
        self._start_ms, self._step_ms = start_ms, step_ms

    def remarks(self, case: AlertCase) -> Iterator[str]:
        """Say what was with the alerts of a case that failed."""
        rules = [rule for _, _, rule in self._alerting.get(case.alertname, ())]
        if not rules:
            near = suggest(case.alertname, list(self._alerting))
            yield f'no rule of the rule_files is called "{case.alertname}"{near}'
            return
        if case.eval_time_ms % self._step_ms:
            seen = format_duration(case.eval_time_ms // self._step_ms * self._step_ms)
            yield f"rules are evaluated every {format_duration(self._step_ms)}: this shows the evaluation at {seen}"
        lives = self._lives.of(case.alertname)
        for life in lives[:_SHOWN]:
            yield self._told(life, case, rules)
        if len(lives) > _SHOWN:
            yield f"and {len(lives) - _SHOWN} more alerts called {case.alertname}"
        if not any(life.state_at(self._asked_ms(case)) is not State.INACTIVE for life in lives):
            for rule in rules:
                yield from self._condition(rule, case)

    def _asked_ms(self, case: AlertCase) -> int:
        return self._start_ms + case.eval_time_ms

    def _told(self, life: Life, case: AlertCase, rules: Sequence[Rule]) -> str:
        asked_ms = self._asked_ms(case)
        fires_ms = next((at_ms for at_ms, state in life.changes if state is State.FIRING and at_ms > asked_ms), None)
        firing = life.state_at(asked_ms) is State.FIRING
        until_ms = asked_ms if firing else fires_ms
        text = f"{life.labels.without('alertname')} was {life.told(self._start_ms, until_ms)}"
        if firing or fires_ms is None:
            return text
        waits = {format_duration(rule.for_ms) for rule in rules if rule.for_ms}
        why = f"; `for` is {' or '.join(sorted(waits))}" if waits else ""
        fires, asked = format_duration(fires_ms - self._start_ms), format_duration(case.eval_time_ms)
        return f"{text}: it fires at {fires}, you asked at {asked}{why}"

    def _condition(self, rule: Rule, case: AlertCase) -> Iterator[str]:
        """Say what the compared side of a condition that does not hold gives."""
        compared = recovery_of(rule.expr)
        if not compared:
            yield f"at {format_duration(case.eval_time_ms)} `{rule.expr}` gives nothing"
            return
        try:
            value = self._instant(compared, self._asked_ms(case))
        except BurnlineError as error:
            yield f"`{compared}` cannot be asked: {error}"
            return
        given = list(zip(value.labels, value.values.tolist(), strict=True)) if hasattr(value, "labels") else []
        shown = ", ".join(f"{labels} {format_float(number)}" for labels, number in given[:_SHOWN])
        more = f" and {len(given) - _SHOWN} more" if len(given) > _SHOWN else ""
        at = format_duration(case.eval_time_ms)
        yield f"`{rule.expr}` does not hold at {at}: `{compared}` gives {shown or 'no series'}{more}"
