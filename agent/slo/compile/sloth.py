"""Sloth's rules, to the digit: for files, dashboards and tests that expect them.

Their known weakness comes with them: the period is a mean of ratios, so a quiet night weighs as much as a busy day.
Source: the rules that sloth 0.16 makes of its own test files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.errors import InvalidInput
from agent.model import format_duration
from agent.slo import conventions as names
from agent.slo.compile.emitted import AlertRule, Compiled, Record, RuleGroup, in_window, selector
from agent.slo.compile.setting import DAY_MS, Setting
from agent.slo.model import Alert, Calendar, Events, Good, Raw, Severity, Slo, Source
from agent.slo.queries import closed
from agent.slo.windows import Tier, Windows

_MODES: Final = {Source.SLOTH: "cli-gen-prom", Source.KUBERNETES: "cli-gen-k8s", Source.OPENSLO: "cli-gen-openslo"}


def compile_as_sloth(slo: Slo, windows: Windows, setting: Setting) -> Compiled:
    """Return the rules that sloth makes of an SLO; raise InvalidInput where sloth has none."""
    if isinstance(slo.window, Calendar):
        message = f"cannot compile {slo.id} as sloth does: it has a calendar window, and sloth knows rolling ones"
        raise InvalidInput(message)
    if not slo.alerting.name and not (slo.alerting.page.disabled and slo.alerting.ticket.disabled):
        message = f"cannot compile {slo.id} as sloth does: its alerts have no name; give alerting.name, or disable both"
        raise InvalidInput(message)
    labels = setting.labels_of(slo)
    name = slo.id
    recordings = (
        RuleGroup(f"sloth-slo-sli-recordings-{name}", _indicator(slo, windows, labels)),
        RuleGroup(f"sloth-slo-meta-recordings-{name}", _metadata(slo, windows, labels, setting)),
    )
    return Compiled(slo, recordings, (RuleGroup(f"sloth-slo-alerts-{name}", _alerts(slo, windows)),))


def go_number(value: float) -> str:
    """Return a float as Go prints it: the fewest digits that read back the same, without a trailing `.0`."""
    return repr(float(value)).removesuffix(".0")


def _indicator(slo: Slo, windows: Windows, labels: Mapping[str, str]) -> tuple[Record, ...]:
    shortest, period = windows.durations_ms[0], windows.period_ms
    source = names.windowed(names.ERROR_RATIO, shortest) + selector(slo) + f"[{format_duration(period)}]"
    mean = f"sum_over_time({source})\n/ ignoring ({names.WINDOW})\ncount_over_time({source})"
    expressions = {window: in_window(_ratio(slo), window) for window in windows.durations_ms} | {period: mean}
    return tuple(
        Record(names.windowed(names.ERROR_RATIO, window), expr, {**labels, names.WINDOW: format_duration(window)})
        for window, expr in expressions.items()
    )


def _ratio(slo: Slo) -> str:
    match slo.indicator:
        case Events(error_query=bad, total_query=total):
            return f"({closed(bad)})\n/\n({closed(total)})"
        case Raw(error_ratio_query=ratio):
            return f"({closed(ratio)})"
        case Good(good_query=good, total_query=total):
            return f"(\n  1 - (\n    (\n      {good}\n    )\n    /\n    (\n      {total}\n    )\n  )\n)"
        case _:
            message = f"cannot compile {slo.id}: its indicator has no query"
            raise InvalidInput(message)


def _metadata(slo: Slo, windows: Windows, labels: Mapping[str, str], setting: Setting) -> tuple[Record, ...]:
    objective = go_number(slo.objective / 100)
    found = selector(slo)
    per_budget = f"{found}\n/ on({names.ID}, {names.SLO}, {names.SERVICE}) group_left\n{names.ERROR_BUDGET}{found}"
    now = names.windowed(names.ERROR_RATIO, windows.durations_ms[0])
    whole = names.windowed(names.ERROR_RATIO, windows.period_ms)
    expressions = {
        names.OBJECTIVE: f"vector({objective})",
        names.ERROR_BUDGET: f"vector(1-{objective})",
        names.TIME_PERIOD_DAYS: f"vector({go_number(windows.period_ms / DAY_MS)})",
        names.CURRENT_BURN_RATE: now + per_budget,
        names.PERIOD_BURN_RATE: whole + per_budget,
        names.BUDGET_REMAINING: f"1 - {names.PERIOD_BURN_RATE}{found}",
    }
    info = {
        names.MODE: _MODES[slo.source],
        names.INFO_OBJECTIVE: go_number(slo.objective),
        names.SPEC: slo.written.version,
        names.VERSION: setting.version,
    }
    known = tuple(Record(name, expr, labels) for name, expr in expressions.items())
    return (*known, Record(names.INFO, "vector(1)", {**labels, **info}))


def _alerts(slo: Slo, windows: Windows) -> tuple[AlertRule, ...]:
    pairs = ((Severity.PAGE, slo.alerting.page), (Severity.TICKET, slo.alerting.ticket))
    return tuple(_alert(slo, windows, severity, alert) for severity, alert in pairs if not alert.disabled)


def _alert(slo: Slo, windows: Windows, severity: Severity, alert: Alert) -> AlertRule:
    about = f"{{{{$labels.{names.SERVICE}}}}} {{{{$labels.{names.SLO}}}}} SLO error budget burn rate"
    said = {"summary": f"{about} is over expected.", "title": f"({severity}) {about} is too fast."}
    return AlertRule(
        slo.alerting.name,
        "\nor\n".join(_tier(slo, windows, tier) for tier in windows.of(severity)),
        {names.SEVERITY: str(severity), **slo.alerting.labels, **alert.labels},
        {**said, **slo.alerting.annotations, **alert.annotations},
    )


def _tier(slo: Slo, windows: Windows, tier: Tier) -> str:
    threshold = f"({go_number(windows.factor(tier))} * {go_number(slo.budget)})"
    sides = (
        f"    max({names.windowed(names.ERROR_RATIO, window)}{selector(slo)} > {threshold}) without ({names.WINDOW})"
        for window in (tier.short_ms, tier.long_ms)
    )
    return "(\n" + "\n    and\n".join(sides) + "\n)"
