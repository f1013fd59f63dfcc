"""What the compiler makes: groups of rules as values, with every piece of text that will stand in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.model import format_duration, quote
from agent.query import ast, parse
from agent.slo.conventions import ID, SERVICE
from agent.slo.conventions import SLO as NAME
from agent.slo.model import Slo
from agent.slo.queries import closed, with_window


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule; texts of labels and annotations are Go templates."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other; without an interval as often as whoever evaluates them likes."""

    name: str
    rules: tuple[Record | AlertRule, ...]
    interval_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """The rules of one SLO, and what somebody should know who thinks that they say all of it."""

    slo: Slo
    recordings: tuple[RuleGroup, ...]
    """The indicator's windows, the period, and what is known of the SLO; an agent's budget engine stands in for these."""
    alerts: tuple[RuleGroup, ...]
    warnings: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[RuleGroup, ...]:
        """All groups that have rules. Those of one name are one: an alert sees what was recorded at the same instant."""
        found: dict[str, RuleGroup] = {}
        for group in filter(lambda each: each.rules, (*self.recordings, *self.alerts)):
            first = found.get(group.name)
            found[group.name] = group if first is None else replace(first, rules=(*first.rules, *group.rules))
        return tuple(found.values())


def in_window(query: str, window_ms: int) -> str:
    """Return a query with its `{{.window}}` replaced."""
    return with_window(query, format_duration(window_ms))


def operand(query: str, window_ms: int) -> str:
    """Return a query over a window as a vector that other text may stand around."""
    text = closed(in_window(query.strip(), window_ms))
    # A query selects series, so only by scalar() is it none; it is parsed for every window, so it is looked at first.
    scalar = "scalar" in text and parse(text).type is ast.ValueType.SCALAR
    return f"vector({text})" if scalar else f"({text})"


def selector(slo: Slo) -> str:
    """Return the matchers that find the SLO's series, in braces."""
    pairs = ((ID, slo.id), (SERVICE, slo.service), (NAME, slo.name))
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in pairs) + "}"


def number(value: float) -> str:
    """Return a number as it stands in a rule: 12 significant digits, which drop the noise of binary fractions."""
    return f"{value:.12g}"
