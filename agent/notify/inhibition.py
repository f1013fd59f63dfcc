"""Inhibition: one firing alert mutes others. All sources are looked at, whatever mutes them themselves.

Semantics: Alertmanager's inhibit.go, without the shortcuts of its 0.34 index (research §1.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


Part = tuple[int, tuple[str, ...], bool]
"""That an alert is a source of a rule (its number): the values of the rule's `equal` labels, and whether it is a target too."""


class Parts:
    """The parts that alerts play in some rules, asked again at every flush: found once for a set of labels."""

    def __init__(self, rules: Sequence[InhibitRule]) -> None:
        self.rules = rules
        self._known: dict[Labels, tuple[Part, ...]] = {}

    def of(self, labels: Labels) -> tuple[Part, ...]:
        """Return the rules that an alert with these labels is a source of."""
        found = self._known.get(labels)
        if found is None:
            found = self._known[labels] = tuple(
                (number, rule.values(labels), match_all(rule.targets, labels))
                for number, rule in enumerate(self.rules)
                if match_all(rule.sources, labels)
            )
        return found

    def forget(self, labels: Labels) -> None:
        """Forget an alert's part."""
        self._known.pop(labels, None)


class Inhibitor:
    """The firing sources of all rules at one instant, ready to be asked about many targets."""

    def __init__(self, parts: Parts, alerts: Iterable[Alert], at_ms: int) -> None:
        found: dict[int, dict[tuple[str, ...], list[tuple[str, bool]]]] = {}
        for alert in alerts:
            if not alert.resolved_at(at_ms):
                for number, values, both in parts.of(alert.labels):
                    found.setdefault(number, {}).setdefault(values, []).append((alert.fingerprint, both))
        self._indexed = [(parts.rules[number], found[number]) for number in sorted(found)]

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
