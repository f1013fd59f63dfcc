"""The words that stand in where a template fails: plain, complete, without jinja2. They must not be able to fail.

One function per field, under the field's name in `BLOCKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

from agent.notify.messages.content import Content
from agent.notify.messages.environment import EMAIL_HTML, EMAIL_TEXT, SLACK, SMS
from agent.notify.messages.escape import slack_escape
from agent.notify.messages.wording import counted


def subject(content: Content) -> str:
    """Say severity, name and place; the same over the life of an incident."""
    where = f" on {content.where}" if content.where else ""
    return f"{'[TEST] ' if content.test else ''}[{content.severity.upper()}] {content.title}{where}"


def text(content: Content) -> str:
    """Say everything in plain lines."""
    over = content.status == "resolved"
    state = f"RESOLVED after {content.lasted}" if over else content.severity.upper()
    known = content.value and content.threshold
    lines = [
        f"{state}: {content.title}",
        content.summary,
        "" if over else content.description,
        f"Since: {content.since}",
        f"{'Recovered to' if over else 'Value'}: {content.value} (limit {content.threshold})" if known else "",
        f"What to do: {content.runbook or content.runbook_hint}" if content.runbook or content.runbook_hint else "",
        f"Details: {content.page}" if content.page else "",
        f"Acknowledge: {content.ack_link or content.ack}" if content.ack else "",
        *(f"- {alert.status}: {alert.name} {alert.where}" for alert in content.alerts),
        f"and {content.more} more" if content.more else "",
    ]
    return "\n".join(line for line in lines if line)


def html(content: Content) -> str:
    """Say the same in a page without any design."""
    return f"<!doctype html><html><body><pre style='white-space:pre-wrap'>{escape(text(content))}</pre></body></html>"


def headline(content: Content) -> str:
    """Say state and name on one line, for Slack."""
    state = f"RESOLVED after {content.lasted}" if content.status == "resolved" else content.severity.upper()
    return f"*{slack_escape(state)}: {slack_escape(content.title)}*"


def body(content: Content) -> str:
    """Say what is wrong, for Slack."""
    return slack_escape(content.description or content.summary or "No description.")


def reply(content: Content) -> str:
    """Say what changed, for a thread."""
    if content.status == "resolved":
        return f"Resolved after {slack_escape(content.lasted)}"
    return f"{counted(content.firing_count, 'alert')} firing: {slack_escape(content.reason)}"


def head(content: Content) -> str:
    """Say severity and name, for an SMS."""
    return f"{content.short_severity} {content.title}"


def _nothing(content: Content) -> str:
    del content
    return ""


FIELDS: Final[Mapping[tuple[str, str], Callable[[Content], str]]] = {
    (EMAIL_TEXT, "subject"): subject,
    (EMAIL_TEXT, "document"): text,
    (EMAIL_HTML, "document"): html,
    (SLACK, "headline"): headline,
    (SLACK, "body"): body,
    (SLACK, "facts"): lambda content: f"Since: {slack_escape(content.since)}",
    (SLACK, "alerts"): _nothing,
    (SLACK, "context"): lambda content: slack_escape(content.ack),
    (SLACK, "reply"): reply,
    (SMS, "head"): head,
    (SMS, "summary"): lambda content: content.brief,
    (SMS, "value"): _nothing,
    (SMS, "since"): lambda content: content.since_local,
    (SMS, "instances"): _nothing,
    (SMS, "link"): lambda content: content.ack_link or content.page,
    (SMS, "ack"): lambda content: f"Ack: reply {content.ack_code}" if content.ack_code else "",
}
