"""From what the rooms say of themselves to what the page shows: one function per view. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from agent import collect, notify, rules, web
from agent.journal import Event, Position
from agent.model import Labels, Matcher, parse_float

T = TypeVar("T")


def target_view(status: collect.TargetStatus) -> web.TargetView:
    """Return a target as the page shows it."""
    return web.TargetView(
        job=status.scrape_pool,
        url=status.scrape_url,
        labels=status.labels,
        health=web.TargetHealth(status.health.value),
        discovered=status.discovered_labels,
        last_error=status.last_error,
        last_scrape_ms=status.last_scrape_ms,
        last_scrape_seconds=status.last_scrape_duration_seconds,
        interval_ms=status.scrape_interval_ms,
        timeout_ms=status.scrape_timeout_ms,
    )


Ask = Callable[[Sequence[Matcher]], Iterable[T]]
"""Asks the store about the series that fulfil all matchers."""
Told = Callable[[Labels], tuple[web.Acknowledgement | None, str]]
"""Says of an alert's labels who acknowledged it and what holds its messages back."""


def alert_view(alert: rules.ActiveAlert, told: Told) -> web.AlertView:
    """Return an alert as the page shows it."""
    acknowledgement, suppressed = told(alert.labels)
    return web.AlertView(
        labels=alert.labels,
        annotations=alert.annotations,
        state=web.AlertState.RESOLVED if alert.resolved_at_ms else web.AlertState(alert.state.value),
        active_at_ms=alert.active_at_ms,
        value=alert.value,
        fired_at_ms=alert.fired_at_ms or 0,
        resolved_at_ms=alert.resolved_at_ms or 0,
        keep_firing_since_ms=alert.keep_firing_since_ms or 0,
        no_data_since_ms=alert.no_data_since_ms or 0,
        no_data_why=alert.no_data_why,
        acknowledgement=acknowledgement,
        suppressed=suppressed,
    )


def alert_views(alerts: Callable[[], Iterable[rules.ActiveAlert]], told: Told) -> list[web.AlertView]:
    """Return alerts as the page shows them, firing ones first, the worst and the oldest before the others."""
    order = {"critical": 0, "warning": 1, "info": 2}
    return sorted(
        (alert_view(each, told) for each in alerts()),
        key=lambda each: (each.state is not web.AlertState.FIRING, order.get(each.severity, 3), each.active_at_ms),
    )


def group_view(group: rules.GroupStatus, told: Told) -> web.RuleGroupView:
    """Return a rule group as the page shows it."""
    return web.RuleGroupView(
        name=group.key.name,
        file=group.key.file,
        interval_ms=group.interval_ms,
        rules=[_rule_view(each, told) for each in group.rules],
        limit=group.limit,
        last_evaluation_ms=group.last_evaluation_ms,
        evaluation_seconds=group.evaluation_seconds,
        on_scrape=group.on_scrape,
    )


def _rule_view(rule: rules.RuleStatus, told: Told) -> web.RuleView:
    return web.RuleView(
        name=rule.name,
        query=rule.expression,
        alerting=rule.is_alert,
        labels=rule.labels,
        annotations=rule.annotations,
        for_ms=rule.for_ms,
        keep_firing_for_ms=rule.keep_firing_for_ms,
        health=web.RuleHealth(rule.health.value),
        last_error=rule.last_error,
        last_evaluation_ms=rule.last_evaluation_ms,
        evaluation_seconds=rule.evaluation_seconds,
        alerts=[alert_view(each, told) for each in rule.alerts],
        evaluations=rule.evaluations,
    )


def why_held(
    alert: notify.AlertView, name_of: Callable[[str], str], silence_of: Callable[[str], notify.Silence | None]
) -> str:
    """Say in words what holds an alert's messages back, "" where nothing does.

    `name_of` gives the name of a fingerprint, `silence_of` the silence of an id.
    """
    silences = ", ".join(_silence_words(each, silence_of(each)) for each in alert.silenced_by)
    parts = [
        (f"held back by {name_of(alert.inhibited_by[0])}" if alert.inhibited_by else ""),
        (f"silenced by {silences}" if silences else ""),
        (f"muted by the time interval {', '.join(alert.muted_by)}" if alert.muted_by else ""),
    ]
    return "; ".join(part for part in parts if part) if alert.state == "suppressed" else ""


def _silence_words(silence_id: str, found: notify.Silence | None) -> str:
    if found is None:
        return silence_id
    return f"{found.created_by}: “{found.comment}”" if found.comment else found.created_by


def transition_view(event: Event) -> web.Transition:
    """Return a line of the rules' history as the page shows it."""
    value = event.value
    resolved = value["from"] == "firing" and value["to"] == "inactive"
    return web.Transition(
        at_ms=event.at_ms,
        before=web.AlertState(value["from"]),
        after=web.AlertState.RESOLVED if resolved else web.AlertState(value["to"]),
        value=None if value["value"] is None else parse_float(value["value"]),
        reason=value["why"],
    )


def history_line(line: rules.Past) -> web.HistoryLine:
    """Return a change of an alert's state as the history shows it."""
    return web.HistoryLine(
        at_ms=line.position.at_ms,
        labels=line.labels,
        before=web.AlertState(line.before.value),
        after=web.AlertState.RESOLVED if line.resolved else web.AlertState(line.after.value),
        value=line.value,
        reason=line.why,
        rule=line.rule,
        group=line.group,
        file=line.file,
        fingerprint=line.fingerprint,
    )


def history_wanted(question: web.HistoryQuestion) -> rules.Wanted:
    """Return what a question to the history asks of the rules' events."""
    return rules.Wanted(
        selectors=question.selectors,
        rules=frozenset(question.rules),
        groups=frozenset(question.groups),
        states=frozenset(question.states),
        fingerprint=question.fingerprint or None,
        since_ms=0 if question.start_ms is None else question.start_ms,
        until_ms=2**62 if question.end_ms is None else question.end_ms,
        after=Position(*question.token) if question.token else None,
        limit=question.limit,
    )


def history_page(page: rules.Page) -> web.HistoryPage:
    """Return a page of the history as the web room shows it."""
    token = f"{page.following.at_ms}-{page.following.sequence}" if page.following else ""
    return web.HistoryPage([history_line(each) for each in page.lines], token)


def delivery_view(row: notify.Row) -> web.Delivery:
    """Return a message as the page shows it."""
    return web.Delivery(
        at_ms=row.at_ms,
        channel=str(row.target.channel),
        target=shown_address(row.target),
        state=str(row.state),
        reason=row.reason,
        person=row.target.person,
        attempts=row.attempts,
        provider_id=row.provider_id,
        detail=row.shown_error,
    )


def shown_address(target: notify.Target) -> str:
    """Return what of an address may be shown: a phone number without its middle, of a URL its host alone."""
    return target.shown


def next_steps(incidents: Sequence[notify.IncidentView], fingerprint: str) -> list[web.NextStep]:
    """Return the steps of escalation that come unless somebody acknowledges or the alert ends, the soonest first."""
    steps = [
        web.NextStep(step.due_ms, " and ".join(step.whom) or "nobody")
        for each in incidents
        if fingerprint in each.fingerprints
        for step in each.steps
        if step.state == "waiting"
    ]
    return sorted(steps, key=lambda step: step.at_ms)


def provider_list(providers: Iterable[notify.ProviderView]) -> list[dict[str, object]]:
    """Return how providers do, as /api/v1/providers shows it."""
    return [
        {
            "name": each.name,
            "circuit": str(each.circuit),
            "since_ms": each.since_ms,
            "until_ms": each.until_ms,
            "failures": each.failures,
            "why": each.why,
        }
        for each in providers
    ]
