"""A clock that the test moves, alarms that are written down, and a pinger that answers as it is told."""

from __future__ import annotations

from agent.errors import RetryLater

START_MS = 1_767_600_000_000  # Monday 2026-01-05, 08:00 UTC
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


class Alarms:
    """Keeps what fires, by alertname and what it is about; `told` has every change."""

    def __init__(self):
        self.firing = {}
        self.told = []

    def fire(self, labels, annotations, at_ms, why, *, since_ms=0):
        self.firing[_name(labels)] = annotations
        self.told.append(("fire", _name(labels), since_ms or at_ms))

    def end(self, labels, at_ms, why):
        if self.firing.pop(_name(labels), None) is not None:
            self.told.append(("end", _name(labels), at_ms))


def _name(labels):
    return f"{labels.get('alertname')}:{labels.get('heartbeat') or labels.get('part') or labels.get('drill_name')}"


class Pings:
    """Answers pings; those of addresses in `broken` fail."""

    def __init__(self):
        self.sent = []
        self.reports = []
        self.broken = set()

    async def __call__(self, sent, trouble):
        if sent.name in self.broken:
            raise RetryLater(f"sending the heartbeat {sent.name}: it answered 503")
        (self.reports if trouble else self.sent).append((sent.name, trouble) if trouble else sent.name)
        return "it answered 200"
