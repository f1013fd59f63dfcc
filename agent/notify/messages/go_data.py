"""What `.` is in a text of alertmanager.yml: Alertmanager's data model over one notification. Values only.

Source: Alertmanager's notification template reference. Texts are as they came; escaping is where they are printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urljoin

from agent.gotemplate import Struct, Value, time_value
from agent.model import Alert, Labels
from agent.notify.notification import Notification

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time, which is the end of an alert that has none."""
_QUOTED: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


class KV(dict[str, Value]):
    """A label set as templates see it: a map with methods, printed as `name=value, name=value`."""

    @property
    def go_methods(self) -> Mapping[str, Callable[..., Value]]:
        """SortedPairs (alertname first), Names, Values, Remove."""
        return {
            "SortedPairs": lambda: Pairs(self),
            "Names": lambda: [pair.fields["Name"] for pair in Pairs(self)],
            "Values": lambda: [pair.fields["Value"] for pair in Pairs(self)],
            "Remove": lambda names: KV({name: value for name, value in self.items() if name not in names}),
        }

    def go_text(self) -> str:
        """Return what printing it shows."""
        return Pairs(self).go_text()


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

    def go_text(self) -> str:
        """Return what printing it shows."""
        return ", ".join(f"{pair.fields['Name']}={pair.fields['Value']}" for pair in self)


class Alerts(list[Struct]):
    """A message's alerts."""

    @property
    def go_methods(self) -> Mapping[str, Callable[..., Value]]:
        """Firing and Resolved."""
        return {
            "Firing": lambda: Alerts(each for each in self if each.fields["Status"] == "firing"),
            "Resolved": lambda: Alerts(each for each in self if each.fields["Status"] == "resolved"),
        }


def go_data(notification: Notification) -> Struct:
    """Return Alertmanager's template.Data of a notification."""
    return Struct(
        "*template.Data",
        {
            "Receiver": quote_meta(notification.receiver),
            "Status": notification.status,
            "Alerts": Alerts(_alerts(notification)),
            "GroupLabels": _kv(notification.group_labels),
            "CommonLabels": _kv(notification.common_labels),
            "CommonAnnotations": _kv(notification.common_annotations),
            "RouteLabels": KV(),
            "ExternalURL": notification.external_url,
            "NotificationReason": notification.reason,
        },
    )


def quote_meta(text: str) -> str:
    """Escape what regular expressions read as more than itself, as Go's regexp.QuoteMeta; Alertmanager does so to .Receiver."""
    return _QUOTED.sub(r"\\\g<0>", text)


def go_time(at_ms: int) -> Struct:
    """Return an instant as Go's time.Time in UTC; what does not fit a date is the zero time."""
    try:
        return time_value(_EPOCH + timedelta(milliseconds=at_ms))
    except OverflowError:
        return time_value(_ZERO_TIME)


def generator_url(alert: Alert, external_url: str) -> str:
    """Return where the alert comes from, absolute: our own are written relative to the agent's address."""
    return urljoin(external_url.rstrip("/") + "/", alert.generator_url) if alert.generator_url else ""


def _alerts(notification: Notification) -> Iterable[Struct]:
    for alert in notification.alerts:
        over = alert.resolved_at(notification.at_ms)
        yield Struct(
            "template.Alert",
            {
                "Status": "resolved" if over else "firing",
                "Labels": _kv(alert.labels),
                "Annotations": _kv(alert.annotations),
                "StartsAt": go_time(alert.starts_at_ms),
                "EndsAt": go_time(alert.ends_at_ms) if over else time_value(_ZERO_TIME),
                "GeneratorURL": generator_url(alert, notification.external_url),
                "Fingerprint": alert.fingerprint,
            },
        )


def _kv(labels: Labels) -> KV:
    return KV(labels)
