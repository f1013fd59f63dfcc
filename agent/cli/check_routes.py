"""Where the alerts of a rule can go, as far as it is certain from the labels that the rule and its expression give."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.notify import Route, Routing


class RuleRoutes:
    """The routing as the lints of rules ask it. `external_labels` are put on every alert that is sent."""

    def __init__(self, routing: Routing, external_labels: Mapping[str, str]) -> None:
        self._routing = routing
        self._external = dict(external_labels)
        self.severities = routing.severities()

    def nowhere(self, known: Mapping[str, str], lacks: Callable[[str], bool]) -> str:
        """Return the receivers of alerts with these labels where none of them can send, "" where one can."""
        known = {**self._external, **known}

        def value_of(name: str) -> str | None:
            if name in known:
                return known[name]
            return "" if lacks(name) else None

        receivers, _ = _reached(self._routing.root, value_of)
        if not all(self._routing.tells_nobody(name) for name in receivers):
            return ""
        return ", ".join(f'"{name}"' for name in sorted(receivers))


def _reached(route: Route, value_of: Callable[[str], str | None]) -> tuple[set[str], bool]:
    """Return the receivers that an alert may reach by way of `route`, and whether it surely takes it.

    `value_of` gives a label's value, "" where it surely is not there, None where it is not known.
    """
    sure = True
    for matcher in route.matchers:
        value = value_of(matcher.name)
        if value is None:
            sure = False
        elif not matcher.matches(value):
            return set(), False
    receivers: set[str] = set()
    taken = False
    for child in route.routes:
        below, certain = _reached(child, value_of)
        receivers |= below
        taken = taken or certain
        if certain and not child.continue_:
            break
    return (receivers if taken else receivers | {route.receiver}), sure
