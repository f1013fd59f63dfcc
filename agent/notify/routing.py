"""The routing tree that runs: which routes an alert takes, how it is grouped, and whom a receiver tells. Frozen values.

Built by `loading` from the two files; nothing here reads a file or a clock. Semantics: Alertmanager's dispatch/route.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from agent.gotemplate import quote
from agent.model import Labels, Matcher, MatchOp, Secret, match_all
from agent.notify.channels import ChannelSettings
from agent.notify.drill import LABEL as DRILL
from agent.notify.drill import is_drill
from agent.notify.drill_schedule import Schedule
from agent.notify.hours import Hours
from agent.notify.inhibition import InhibitRule
from agent.notify.intervals import UTC, IntervalSpec, boundaries, contains
from agent.notify.limits import ChannelLimits
from agent.notify.matching import render_matchers
from agent.notify.messages.go_texts import GoTexts
from agent.notify.notification import Channel, Target
from agent.notify.people import Directory, NotifyEntry
from agent.notify.reasons import Suppression
from agent.notify.semantics import ALERTMANAGER, DEFAULT, Semantics
from agent.notify.troubles import Trouble
from agent.schema import Place

_WORD: Final = re.compile(r"[\w-]+")
LOG_TARGET: Final = Target(Channel.LOG, "log")
SILENT_NAMES: Final = frozenset({"log", "null", "none", "blackhole", "watchdog"})
"""Receivers of these names may be just a name: what they get is written to the log, and nobody expects more."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the room's word for what is said at load; nobody here means the built-in
    """Something in a file that is accepted and should be looked at."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree with all that it inherited. `index` is its number in the tree, root 0, depth first."""

    receiver: str
    matchers: tuple[Matcher, ...]
    continue_: bool
    group_by: frozenset[str]
    group_by_all: bool
    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    labels: Labels
    parent_key: str
    index: int
    place: Place
    routes: tuple[Route, ...] = ()
    key: str = field(init=False, default="")
    """Alertmanager's route key: the matchers from the root down, `{}/{severity="critical"}`."""

    def __post_init__(self) -> None:
        own = render_matchers(self.matchers)
        object.__setattr__(self, "key", f"{self.parent_key}/{own}" if self.parent_key else own)

    def match(self, labels: Mapping[str, str]) -> list[Route]:
        """Return the routes an alert takes: depth first, the node itself where no child matches, none where it does not."""
        if not match_all(self.matchers, labels):
            return []
        found: list[Route] = []
        for child in self.routes:
            matched = child.match(labels)
            found.extend(matched)
            if matched and not child.continue_:
                break
        return found or [self]

    def walk(self) -> Iterator[Route]:
        """Give this node and all below it, depth first."""
        yield self
        for child in self.routes:
            yield from child.walk()

    def group_labels(self, labels: Labels) -> Labels:
        """Return the labels by which an alert is grouped here: those of group_by that it has; a drill has its own group."""
        if self.group_by_all:
            return labels
        return labels.only(*self.group_by, "alertname", DRILL) if is_drill(labels) else labels.only(*self.group_by)

    def group_key(self, group_labels: Labels) -> str:
        """Return Alertmanager's group key: `{}/{severity="critical"}:{alertname="X"}`."""
        inner = ", ".join(sorted(f"{name}={quote(value)}" for name, value in group_labels.pairs))
        return f"{self.key}:{{{inner}}}"


@dataclass(frozen=True, slots=True)
class Destination:
    """One way in which a receiver tells somebody: an integration, or a line of `notify:` by one channel.

    `key` names it within the receiver, independent of its position; `transport` names the settings in Routing.channels.
    """

    key: str
    channel: Channel
    transport: str
    fixed: tuple[Target, ...] = ()
    entry: NotifyEntry | None = None
    send_resolved: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def targets(self, directory: Directory, at_ms: int, severity: str = "") -> tuple[Target, ...]:
        """Return the places that are told of a severity at an instant."""
        return self.fixed if self.entry is None else self.entry.targets(self.channel, directory, at_ms, severity)

    def chosen(self, severity: str, directory: Directory, at_ms: int) -> bool:
        """Say whether a message of this severity goes by this way at all."""
        return self.entry is None or self.entry.chooses(self.channel, severity, directory, at_ms)

    def is_louder(self, severity: str, directory: Directory, at_ms: int) -> bool:
        """Say whether it is a way for critical alerts, and not for those of this severity."""
        return self.chosen("critical", directory, at_ms) and not self.chosen(severity, directory, at_ms)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of escalation: `after_ms` from the incident's first message, stopped by an ack or only by the end."""

    after_ms: int
    destinations: tuple[Destination, ...]
    until: str
    hours: Hours | None = None
    """When it may run; what is due outside of them waits for them."""


@dataclass(frozen=True, slots=True)
class ReceiverPlan:
    """What stands behind a receiver's name."""

    name: str
    destinations: tuple[Destination, ...]
    steps: tuple[Step, ...] = ()
    on_failure: str = ""
    labels: Labels = field(default_factory=Labels)
    """What alertmanager.yml says of the receiver beside how it is told; API v2 shows them and filters by them."""
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    """Beside those of its routes."""
    repeat_interval_ms: int | None = None
    """In place of that of its routes."""
    unsent: tuple[str, ...] = ()
    """Kinds of integrations that alertmanager.yml gives it and that we do not send."""

    @property
    def by_severity(self) -> bool:
        """Whether who is told depends on the severity."""
        return any(each.entry and (each.entry.by_policy or each.entry.severities) for each in self.destinations)

    @property
    def silent(self) -> bool:
        """Say whether nobody is told: all goes to the log, without anybody having asked for that."""
        return not self.steps and all(each.transport == "log" and each.entry is None for each in self.destinations)


@dataclass(frozen=True, slots=True)
class Settings:
    """Switches for all of the room. `send_resolved` is None for our default: whoever was told hears of the end."""

    strict: bool = False
    renotify_on_unmute: bool = True
    """Tell of an alert again that still fires when its silence, its time interval or what inhibits it ends."""
    critical_bypass: bool = True
    """Let a critical alert that joins a group wait for group_wait only, not for the group's next beat."""
    ack_timeout_ms: int = 3_600_000
    send_resolved: bool | None = None
    resolve_timeout_ms: int = 300_000
    timezone: ZoneInfo = UTC
    """Of hours that name none and belong to no person."""
    links: Literal["auto", "always", "never"] = "auto"
    """Whether messages carry signed links: always, never, or where people can reach the agent from outside."""
    link_lifetime_ms: int = 24 * 3_600_000
    link_key: Secret | None = None

    @property
    def semantics(self) -> Semantics:
        """How groups live and how messages are tried."""
        return ALERTMANAGER if self.strict else DEFAULT


@dataclass(frozen=True, slots=True)
class Routing:
    """All that the dispatcher needs to know, built at once and swapped at once."""

    root: Route
    receivers: Mapping[str, ReceiverPlan]
    inhibit_rules: tuple[InhibitRule, ...]
    time_intervals: Mapping[str, tuple[IntervalSpec, ...]]
    directory: Directory
    channels: Mapping[str, ChannelSettings]
    """By transport: `email`, `slack`, `sms`, `log`, or `receiver/slack/0` where an integration has its own settings."""
    disabled: Mapping[str, str]
    """Transports that cannot send, and why."""
    settings: Settings
    limits: Mapping[Channel, ChannelLimits] = field(default_factory=dict)
    """How much may leave by each channel; nothing is held back in strict mode."""
    go: GoTexts = field(default_factory=GoTexts, compare=False)
    """What the texts of alertmanager.yml may call."""
    message_templates: Path | None = None
    """The folder of the templates of our own messages; None for the shipped ones."""
    warnings: tuple[Warning, ...] = ()
    unreachable: tuple[Warning, ...] = ()
    """Routes whose receiver has only integrations that we cannot send: an error in check, a warning in run."""
    original: str = field(default="", repr=False)
    """alertmanager.yml as it was read."""
    troubles: tuple[Trouble, ...] = ()
    """Which alerts tell of one trouble: whoever has one of them has the others."""
    drills: tuple[Schedule, ...] = ()
    """The drills that come by themselves."""
    _ways: Mapping[str, Sequence[str]] = field(init=False, repr=False, compare=False, default_factory=dict)
    """By which transports the integrations of alertmanager.yml reach each target, by its key."""

    def __post_init__(self) -> None:
        ways: dict[str, list[str]] = {}
        for each in (one for plan in self.receivers.values() for one in plan.destinations):
            for target in each.fixed:
                ways.setdefault(target.key, []).append(each.transport)
        object.__setattr__(self, "_ways", ways)

    def way_to(self, target: Target, transport: str) -> str:
        """Return by which transport a target is reached that was reached by `transport`.

        Integrations are numbered in their receiver, so after a reload a number may be another's: whoever is told by it now
        must not get what was meant for somebody else. One that is gone leaves the channel's own name.
        """
        if "/" not in transport:
            return transport
        found = self._ways.get(target.key, ())
        if transport in found:
            return transport
        own = transport.partition("/")[0] + "/"
        return next((each for each in found if each.startswith(own)), found[0] if found else str(target.channel))

    def match(self, labels: Mapping[str, str]) -> list[Route]:
        """Return the routes that an alert with these labels takes."""
        return self.root.match(labels)

    def routes_to(self, receiver: str) -> list[Route]:
        """Return the first route that tells a receiver, past all matchers; the root's timers where none does."""
        found = next((each for each in self.root.walk() if each.receiver == receiver), None)
        return [found or replace(self.root, receiver=receiver, routes=())]

    def receiver(self, name: str) -> ReceiverPlan:
        """Return a receiver's plan; one that is gone writes to the log."""
        return self.receivers.get(name) or ReceiverPlan(name, (log_destination(),))

    def tells_nobody(self, name: str) -> bool:
        """Say whether a receiver sends nothing although nothing in its name says so."""
        return name not in SILENT_NAMES and self.receiver(name).silent

    def severities(self) -> tuple[str, ...]:
        """Return the severities that routes and quiet hours ask for by name."""
        found: dict[str, None] = {}
        for route in self.root.walk():
            for matcher in route.matchers:
                if matcher.name == "severity" and matcher.op in (MatchOp.EQUAL, MatchOp.REGEX):
                    found.update(dict.fromkeys(_WORD.findall(matcher.value)))
        if found:
            for person in self.directory.people.values():
                found.update(dict.fromkeys(name for each in person.quiet for name in each.severities))
        return tuple(found)

    def muted_by(self, route: Route, at_ms: int) -> tuple[Suppression, str] | None:
        """Say which time interval keeps a route silent at an instant, its own or its receiver's, or None."""
        plan = self.receiver(route.receiver)
        for active in (route.active_time_intervals, plan.active_time_intervals):
            if active and not any(contains(self.time_intervals[name], at_ms) for name in active):
                return Suppression.ACTIVE_INTERVAL, ", ".join(active)
        for name in (*route.mute_time_intervals, *plan.mute_time_intervals):
            if contains(self.time_intervals[name], at_ms):
                return Suppression.MUTE_INTERVAL, name
        return None

    def unmuted_ms(self, route: Route, at_ms: int) -> int | None:
        """Return when the time intervals let a route speak again that keep it silent now, None where not within two days."""
        plan = self.receiver(route.receiver)
        names = (*route.active_time_intervals, *plan.active_time_intervals)
        names += (*route.mute_time_intervals, *plan.mute_time_intervals)
        specs = [spec for name in names for spec in self.time_intervals[name]]
        return next((each for each in boundaries(specs, at_ms) if self.muted_by(route, each) is None), None)

    def repeat_ms(self, route: Route) -> int:
        """Return after how long a route's messages are repeated: what its receiver says in escalation.yml wins."""
        own = self.receiver(route.receiver).repeat_interval_ms
        return route.repeat_interval_ms if own is None else own


def log_destination() -> Destination:
    """Return the destination of what reaches nobody else."""
    return Destination("log", Channel.LOG, "log", (LOG_TARGET,))
