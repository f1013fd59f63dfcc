"""The two alerts of an SLO by our rules: one name, one group, and a severity that rises while it is one incident."""

from __future__ import annotations

from typing import Final

from agent.slo import conventions as names
from agent.slo.compile.emitted import AlertRule, RuleGroup, number, selector
from agent.slo.compile.recordings import group_name
from agent.slo.compile.wording import words
from agent.slo.model import Alert, Severity, Slo
from agent.slo.windows import Tier, Windows

DEFAULT_NAME: Final = "ErrorBudgetBurn"
_SEVERITIES: Final = {Severity.PAGE: "critical", Severity.TICKET: "warning"}


def alert_group(slo: Slo, windows: Windows, *, certain: bool, counted: bool) -> RuleGroup:
    """Return the alerting rules.

    `certain`: ratios that are certain are recorded beside those that were seen; `counted`: so are counts that people
    understand (events or slices, not milliseconds), and the message says them.
    """
    pairs = ((Severity.PAGE, slo.alerting.page), (Severity.TICKET, slo.alerting.ticket))
    rules = (
        _alert(slo, windows, severity, alert, certain=certain, counted=counted)
        for severity, alert in pairs
        if not alert.disabled
    )
    return RuleGroup(group_name(slo), tuple(rules))


def _alert(slo: Slo, windows: Windows, severity: Severity, alert: Alert, *, certain: bool, counted: bool) -> AlertRule:
    marks = {
        names.ALERT_SEVERITY: _SEVERITIES[severity],
        names.SEVERITY: str(severity),
        names.INCIDENT: slo.id,
    }
    return AlertRule(
        slo.alerting.name or DEFAULT_NAME,
        "\nor\n".join(_tier(slo, windows, tier, certain) for tier in windows.of(severity)),
        {**marks, **slo.alerting.labels, **alert.labels},
        {**words(slo, windows, severity, counted=counted), **slo.alerting.annotations, **alert.annotations},
    )


def _tier(slo: Slo, windows: Windows, tier: Tier, certain: bool) -> str:
    """Return a tier: too bad over its long window, still too bad over the short one, and no chance where events are few.

    The long window comes first, since the first side of `and` gives the alert its value.
    """
    looked_at = [(names.ERROR_RATIO, tier.long_ms), (names.ERROR_RATIO, tier.short_ms)]
    if certain:
        looked_at.append((names.CERTAIN_RATIO, tier.long_ms))
    threshold = f"{number(windows.factor(tier))} * {number(slo.budget)}"
    sides = (
        f"  max without ({names.WINDOW}) ({names.windowed(metric, window)}{selector(slo)} > {threshold})"
        for metric, window in looked_at
    )
    return "(\n" + "\nand\n".join(sides) + "\n)"
