"""The order in which Alertmanager lists the alerts of a message. A pure function of labels.

Source: its types.AlertSlice and the LabelSet.Before of Prometheus' common library.
"""

from __future__ import annotations

from functools import lru_cache

from agent.model import Alert, Labels


class _Later(str):
    """A label name that sorts before smaller ones: of two equally large sets, the one that lacks a name comes first."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


Place = tuple[bool, str, bool, str, int, tuple[tuple[_Later, str], ...]]


def alert_order(alert: Alert) -> Place:
    """Return the key to sort alerts by: job, instance (whoever lacks one comes last), fewer labels first, then labels."""
    return _place(alert.labels)


@lru_cache(maxsize=2**15)
def _place(labels: Labels) -> Place:
    job, instance = labels.get("job"), labels.get("instance")
    rest = tuple((_Later(name), value) for name, value in labels.pairs)
    return not job, job, not instance, instance, len(labels), rest
