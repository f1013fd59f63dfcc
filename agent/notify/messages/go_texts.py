"""The text fields of alertmanager.yml: Go templates over Alertmanager's data, rendered by the room gotemplate.

Source: Alertmanager's notification template reference. What `templates:` defines is not read yet, so `{{ template "…" . }}`
fails, and our own words stand in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

import msgspec

from agent.errors import TemplateError
from agent.gotemplate import PROMETHEUS, Function, Struct, Value, parse
from agent.model import Alert, Labels
from agent.notify.notification import Notification

_ZERO_TIME_S: Final = -62_135_596_800.0
"""Go's zero time, 1 January of the year 1, which is the end of an alert that has none."""


class KV(dict[str, Value]):
    """A label set as templates see it: a map with methods."""

    @property
    def go_methods(self) -> Mapping[str, Callable[..., Value]]:
        """SortedPairs (alertname first), Names, Values, Remove."""
        return {
            "SortedPairs": lambda: Pairs(self),
            "Names": lambda: [pair.fields["Name"] for pair in Pairs(self)],
            "Values": lambda: [pair.fields["Value"] for pair in Pairs(self)],
            "Remove": lambda names: KV({name: value for name, value in self.items() if name not in names}),
        }


class Pairs(list[Struct]):
    """The pairs of a label set, sorted, alertname first."""

    def __init__(self, labels: Mapping[str, Value]) -> None:
        order = sorted(labels, key=lambda name: (name != "alertname", name))
        super().__init__(Struct("template.Pair", {"Name": name, "Value": labels[name]}) for name in order)

    @property
    def go_methods(self) -> Mapping[str, Callable[..., Value]]:
        """Names and Values."""
        return {
            "Names": lambda: [pair.fields["Name"] for pair in self],
            "Values": lambda: [pair.fields["Value"] for pair in self],
        }


class Alerts(list[Struct]):
    """A message's alerts."""

    @property
    def go_methods(self) -> Mapping[str, Callable[..., Value]]:
        """Firing and Resolved."""
        return {
            "Firing": lambda: Alerts(each for each in self if each.fields["Status"] == "firing"),
            "Resolved": lambda: Alerts(each for each in self if each.fields["Status"] == "resolved"),
        }


def _join(separator: str, texts: Any) -> str:
    if isinstance(texts, str):
        message = "join wants a list of strings"
        raise ValueError(message)
    return separator.join(str(each) for each in texts)


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=lambda other: dict(other.fields)).decode()


def _title(text: str) -> str:
    return re.sub(r"\b\w", lambda found: found[0].upper(), text)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "toUpper": Function(lambda text: text.upper(), ("string",)),
    "toLower": Function(lambda text: text.lower(), ("string",)),
    "title": Function(_title, ("string",)),
    "trimSpace": Function(lambda text: text.strip(), ("string",)),
    "join": Function(_join, ("string", "any")),
    "match": PROMETHEUS["match"],
    "reReplaceAll": PROMETHEUS["reReplaceAll"],
    "safeHtml": Function(lambda text: text, ("string",)),
    "safeUrl": Function(lambda text: text, ("string",)),
    "stringSlice": Function(lambda *texts: list(texts), (), "string"),
    "toJson": Function(_to_json, ("any",)),
    "humanizeDuration": PROMETHEUS["humanizeDuration"],
}


def render_go(text: str, notification: Notification, html: bool = False) -> str:
    """Return the text rendered with the notification's data; raise TemplateError saying where it fails.

    Where the text is `html`, what comes from labels and annotations is escaped for it.
    """
    return parse(text, "alertmanager.yml", FUNCTIONS).render(data(notification, escape if html else str))


def data(notification: Notification, safe: Callable[[str], str] = str) -> Struct:
    """Return what `.` is in a text of alertmanager.yml, every text in it passed through `safe`."""
    return Struct(
        "*template.Data",
        {
            "Receiver": safe(notification.receiver),
            "Status": notification.status,
            "Alerts": Alerts(_alert(alert, notification.at_ms, safe) for alert in notification.alerts),
            "GroupLabels": _kv(notification.group_labels, safe),
            "CommonLabels": _kv(notification.common_labels, safe),
            "CommonAnnotations": _kv(notification.common_annotations, safe),
            "ExternalURL": safe(notification.external_url),
            "NotificationReason": safe(notification.reason),
        },
    )


def _alert(alert: Alert, at_ms: int, safe: Callable[[str], str]) -> Struct:
    over = alert.resolved_at(at_ms)
    return Struct(
        "template.Alert",
        {
            "Status": "resolved" if over else "firing",
            "Labels": _kv(alert.labels, safe),
            "Annotations": _kv(alert.annotations, safe),
            "StartsAt": _time(alert.starts_at_ms / 1000),
            "EndsAt": _time(alert.ends_at_ms / 1000 if over else _ZERO_TIME_S),
            "GeneratorURL": safe(alert.generator_url),
            "Fingerprint": alert.fingerprint,
        },
    )


def _kv(labels: Labels, safe: Callable[[str], str]) -> KV:
    return KV({name: safe(value) for name, value in labels.items()})


def _time(seconds: float) -> Value:
    try:
        return PROMETHEUS["toTime"].call(seconds)
    except (ValueError, TemplateError):
        return ""
