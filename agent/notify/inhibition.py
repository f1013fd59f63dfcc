"""Inhibition: one firing alert mutes others. All sources are looked at, whatever mutes them themselves.

Semantics: Alertmanager's inhibit.go, without the shortcuts of its 0.34 index (research §1.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.model import Alert, Labels, Matcher, match_all


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While an alert fires that matches `sources`, those that match `targets` and share the labels `equal` are muted."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""

    def values(self, labels: Labels) -> tuple[str, ...]:
        """Return the values of the `equal` labels; a label that is missing is ""."""
        return tuple(labels.get(name) for name in self.equal)


class Inhibitor:
    """The firing sources of all rules at one instant, ready to be asked about many targets."""

    def __init__(self, rules: Iterable[InhibitRule], alerts: Iterable[Alert], at_ms: int) -> None:
        firing = [alert for alert in alerts if not alert.resolved_at(at_ms)]
        self._indexed: list[tuple[InhibitRule, Mapping[tuple[str, ...], list[tuple[str, bool]]]]] = []
        for rule in rules:
            sources: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
            for alert in firing:
                if match_all(rule.sources, alert.labels):
                    both = match_all(rule.targets, alert.labels)
                    sources.setdefault(rule.values(alert.labels), []).append((alert.fingerprint, both))
            if sources:
                self._indexed.append((rule, sources))

    def inhibited_by(self, labels: Labels) -> str:
        """Return the fingerprint of an alert that mutes one with these labels, or nothing.

        A target that is also a source is not muted by sources that are also targets: two such would mute each other.
        """
        for rule, sources in self._indexed:
            candidates = sources.get(rule.values(labels))
            if not candidates or not match_all(rule.targets, labels):
                continue
            two_sided = match_all(rule.sources, labels)
            for fingerprint, both in candidates:
                if not (two_sided and both):
                    return fingerprint
        return ""
