"""Putting a message into PagerDuty's event: what is wrong in a line, how bad, where, links, and details to read.

Source: PagerDuty's Events API v2, and Alertmanager's defaults for the dedup key, the truncation and `details`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from agent.notify.messages.content import Content
from agent.notify.messages.escape import clip, one_line, web_link
from agent.notify.notification import Notification

Say = Callable[[Any, str], str]

LONGEST_SUMMARY: Final = 1_024
LARGEST_EVENT: Final = 512_000
_SEVERITIES: Final = ("critical", "error", "warning", "info")
_SYNONYMS: Final = {
    "page": "critical",
    "fatal": "critical",
    "emergency": "critical",
    "major": "error",
    "minor": "warning",
}
_LONGEST_FIELD: Final = 4_000
_MOST_LINKS: Final = 20


def dedup_key(group_key: str) -> str:
    """Return what makes one incident of one group: the key that Alertmanager uses, so that a change of sender opens none anew."""
    return sha256(group_key.encode()).hexdigest()


def action(notification: Notification) -> str:
    """Say what the event does: trigger, acknowledge or resolve."""
    if notification.status == "resolved":
        return "resolve"
    return "acknowledge" if notification.acknowledged_by else "trigger"


def severity_of(text: str) -> str:
    """Return PagerDuty's severity for a label's value; what it does not know is an error, as Alertmanager has it."""
    found = text.strip().lower()
    found = _SYNONYMS.get(found, found)
    return found if found in _SEVERITIES else "error"


def event(
    notification: Notification, content: Content, say: Say, errors: Callable[[], tuple[str, ...]]
) -> dict[str, Any]:
    """Return the event without its routing key, within PagerDuty's limits.

    `say` renders a text of pagerduty_configs ("" where there is none or it fails), `errors` names those that failed.
    """
    options = notification.options
    told = {
        name: say(options.get(name), name) for name in ("client", "client_url", "description", "severity", "source")
    }
    told |= {name: say(options.get(name), name) for name in ("class", "component", "group")}
    details = _said_details(options["details"], say) if options.get("details") else _details(content)
    if errors():
        details["template errors"] = "\n".join(errors())
    payload: dict[str, Any] = {
        "summary": clip(_described(content, told["description"]) or _summary(content), LONGEST_SUMMARY),
        "source": one_line(told["source"] or content.where or told["client"] or "Burnline", 500),
        "severity": severity_of(told["severity"] or content.severity),
        "custom_details": details,
    }
    optional = {"class": told["class"] or content.title, "component": told["component"], "group": told["group"]}
    payload |= {name: one_line(text, 500) for name, text in optional.items() if text}
    made: dict[str, Any] = {
        "event_action": action(notification),
        "dedup_key": dedup_key(notification.group_key),
        "client": one_line(told["client"], 200) or "Burnline",
        "client_url": web_link(
            told["client_url"] or content.page or notification.external_url, notification.external_url
        ),
        "payload": payload,
        "links": _links(options.get("links"), content, say),
        "images": _images(options.get("images"), say),
    }
    return _bounded({name: value for name, value in made.items() if value not in ("", [])})


def _described(content: Content, text: str) -> str:
    shown = one_line(text, LONGEST_SUMMARY)
    return f"[TEST] {shown}" if shown and content.test and "[TEST]" not in shown else shown


def _summary(content: Content) -> str:
    where = f" on {content.where}" if content.where else ""
    return f"{'[TEST] ' if content.test else ''}{content.title}{where}{': ' if content.brief else ''}{content.brief}"


def _details(content: Content) -> dict[str, Any]:
    """Return what somebody who was woken wants to read first, in words."""
    made: dict[str, Any] = {
        "what": content.description or content.summary,
        "value": f"{content.value} (limit {content.threshold})"
        if content.value and content.threshold
        else content.value,
        "since": content.since,
        "lasted": content.lasted if content.status == "resolved" else "",
        "firing": content.firing_count,
        "over": content.resolved_count,
        "instances": ", ".join(content.instances),
        "alerts": "\n".join(_line(each) for each in content.alerts) if len(content.alerts) > 1 else "",
        "more": f"and {content.more} more" if content.more else "",
        "runbook": content.runbook or content.runbook_hint,
        "acknowledge": content.ack_link or content.ack,
        "reason": content.reason,
        **dict(content.labels),
    }
    return {name: value for name, value in made.items() if value not in ("", 0)}


def _line(alert: Any) -> str:
    value = f": {alert.value}" if alert.value else ""
    return f"{alert.status} {alert.name} {alert.where}{value}, {alert.lasted}"


def _said_details(written: Mapping[str, Any], say: Say) -> dict[str, Any]:
    def filled(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {str(name): filled(each, f"{path}.{name}") for name, each in value.items()}
        if isinstance(value, list):
            return [filled(each, f"{path}.{number}") for number, each in enumerate(value)]
        return say(value, path) if isinstance(value, str) else value

    return {str(name): filled(value, f"details.{name}") for name, value in written.items()}


def _links(written: Any, content: Content, say: Say) -> list[dict[str, str]]:
    made = [
        {
            "href": web_link(say(each.get("href"), "href of a link"), ""),
            "text": one_line(say(each.get("text"), "text of a link")),
        }
        for each in written or ()
    ]
    own = (("Runbook", content.runbook), ("Details", content.page), ("Dashboard", content.dashboard))
    made += [{"href": url, "text": text} for text, url in own]
    return [each for each in made if each["href"]][:_MOST_LINKS]


def _images(written: Any, say: Say) -> list[dict[str, str]]:
    found = []
    for each in list(written or ())[:_MOST_LINKS]:
        said = {name: say(each.get(name), f"{name} of an image") for name in ("src", "alt", "href")}
        made = {"src": web_link(said["src"], ""), "alt": one_line(said["alt"]), "href": web_link(said["href"], "")}
        if made["src"]:
            found.append({name: text for name, text in made.items() if text})
    return found


def _bounded(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event within 512 kB: long details are cut, and where that is not enough only a note of them stays."""
    if len(msgspec.json.encode(event)) <= LARGEST_EVENT:
        return event
    payload = event["payload"]
    payload["custom_details"] = {
        one_line(str(name), 100): clip(value, _LONGEST_FIELD) if isinstance(value, str) else value
        for name, value in payload["custom_details"].items()
    }
    if len(msgspec.json.encode(event)) > LARGEST_EVENT:
        payload["custom_details"] = {"note": "the details were larger than PagerDuty takes (512 kB) and are left out"}
    return event
