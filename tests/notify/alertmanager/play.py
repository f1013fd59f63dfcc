"""Plays: what is pushed, silenced and reloaded when, and what each hook then wants to have heard; nothing else may be heard.

A play is written in the order in which it reads best and run in the order of its instants, by the real dispatcher on the
story's clock. Seconds count from the play's start; an alert without an end still fires.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from agent.errors import RetryLater
from agent.model import Alert, Labels
from agent.notify import Notification, Silence, parse_matchers
from tests.notify.story import START_MS, Provider, Story

STRICT = "settings: {alertmanager_compat: strict}\n"
MODES = ("strict", "default")


@dataclass(frozen=True)
class Said:
    """An alert as it is pushed, or as a hook is told of it."""

    labels: Labels
    starts: float | None = None
    ends: float | None = None
    note: str = ""

    def active(self, starts: float, ends: float | None = None) -> Said:
        """Say since when it fires, and until when it did."""
        return replace(self, starts=starts, ends=ends)

    def noted(self, note: str) -> Said:
        """Give it an annotation."""
        return replace(self, note=note)

    def pushed(self) -> Alert:
        """Return what is handed to the dispatcher: no start is now, no end is open."""
        annotations = Labels({"note": self.note} if self.note else {})
        return Alert(self.labels, annotations, _ms(self.starts), _ms(self.ends))

    @staticmethod
    def heard(alert: Alert, at_ms: int) -> Said:
        """Return an alert as a message shows it."""
        ends = _seconds(alert.ends_at_ms) if alert.resolved_at(at_ms) else None
        return Said(alert.labels, _seconds(alert.starts_at_ms), ends, alert.annotations.get("note", ""))

    def __repr__(self) -> str:
        name = ",".join(f"{key}={value}" for key, value in self.labels.pairs)
        starts, ends = ("" if each is None else f"{each:g}" for each in (self.starts, self.ends))
        return f"{name}[{starts}..{ends}]{self.note}"


def said(name: str = "", **labels: str) -> Said:
    """Name an alert."""
    return Said(Labels({**({"alertname": name} if name else {}), **labels}))


@dataclass(frozen=True)
class Push:
    """Alerts arrive."""

    at: float
    alerts: tuple[Said, ...]

    def __init__(self, at: float, *alerts: Said) -> None:
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "alerts", alerts)

    def do(self, play: Play) -> None:
        play.story.push(*(each.pushed() for each in self.alerts))


@dataclass(frozen=True)
class SetSilence:
    """Somebody makes a silence, named `name` in the play."""

    at: float
    matchers: str
    starts: float
    ends: float
    name: str = "the silence"

    def do(self, play: Play) -> None:
        wanted = Silence("", parse_matchers(self.matchers).matchers, _ms(self.starts), _ms(self.ends), "ana", "test", 0)
        made, written = play.story.dispatcher.silences.put(wanted, play.story.now_ms)
        written.result()
        play.silences[self.name] = made.id
        play.story.run_due()


@dataclass(frozen=True)
class DelSilence:
    """Somebody ends a silence."""

    at: float
    name: str = "the silence"

    def do(self, play: Play) -> None:
        play.story.dispatcher.silences.expire(play.silences[self.name], play.story.now_ms).result()
        play.story.run_due()


@dataclass(frozen=True)
class Reload:
    """The files are read again; `routes` replaces alertmanager.yml."""

    at: float
    routes: str = ""

    def do(self, play: Play) -> None:
        play.story.reload(self.routes or play.routes, play.escalation)
        play.story.run_due()


@dataclass(frozen=True)
class Restart:
    """The process is killed, and another one begins on the same journal `after` seconds later."""

    at: float
    after: float = 0

    def do(self, play: Play) -> None:
        play.story.restart(self.after)
        play.story.run_due()


@dataclass(frozen=True)
class Broken:
    """A hook answers 503, or nothing in time, over a span."""

    hook: str
    at: float
    until: float

    def do(self, play: Play) -> None:
        """Do nothing: hooks look at the clock."""


@dataclass(frozen=True)
class Want:
    """A hook is told of these alerts, in one message and no others, once within the span. Without alerts: of nothing."""

    span: tuple[float, float]
    alerts: tuple[Said, ...]
    hook: str = "hook"
    reason: str = ""

    def __init__(self, span: tuple[float, float], *alerts: Said, hook: str = "hook", reason: str = "") -> None:
        for name, value in (("span", span), ("alerts", alerts), ("hook", hook), ("reason", reason)):
            object.__setattr__(self, name, value)

    def fits(self, heard: Heard) -> bool:
        same = len(self.alerts) == len(heard.alerts) and set(self.alerts) == set(heard.alerts)
        return self.hook == heard.hook and self._in_span(heard) and same and self.reason in heard.reason

    def spoiled_by(self, heard: Heard) -> bool:
        return not self.alerts and self.hook == heard.hook and self._in_span(heard)

    def _in_span(self, heard: Heard) -> bool:
        return self.span[0] <= heard.at <= self.span[1]


Step = Push | SetSilence | DelSilence | Reload | Restart | Broken
Line = Step | Want


@dataclass(frozen=True)
class Heard:
    """One message that a hook took."""

    at: float
    hook: str
    alerts: tuple[Said, ...]
    reason: str

    def __repr__(self) -> str:
        return f"{self.at:g}s {self.hook}: {list(self.alerts)} ({self.reason})"


class Hook(Provider):
    """The room's fake behind every webhook of a play."""

    def __init__(self, story: Story, broken: Sequence[Broken]) -> None:
        super().__init__("webhook", story)
        self.broken = broken

    async def send(self, notification: Notification) -> object:
        name = hook_of(notification)
        if any(each.hook == name and each.at <= self.story.now < each.until for each in self.broken):
            raise RetryLater("503 from the hook", reason="serverError")
        return await super().send(notification)


@dataclass
class Play:
    """One telling of a play in one of the two modes."""

    story: Story
    routes: str
    escalation: str
    silences: dict[str, str] = field(default_factory=dict)

    def run(self, lines: Sequence[Line]) -> list[Heard]:
        """Do the steps in the order of their instants, wait for the last that is wanted, and say all that was heard."""
        steps = [each for each in lines if not isinstance(each, Want)]
        for step in sorted(steps, key=lambda each: each.at):
            self.story.at(step.at)
            step.do(self)
        last = max([each.at for each in steps] + [each.span[1] for each in lines if isinstance(each, Want)])
        self.story.at(last)
        return [self._heard(each.at, each.message) for each in self.story.sent]

    def _heard(self, at: float, message: Notification) -> Heard:
        at_ms = START_MS + round(at * 1000)
        return Heard(at, hook_of(message), tuple(Said.heard(each, at_ms) for each in message.alerts), message.reason)


def perform(begin: Callable[..., Story], routes: str, *lines: Line, mode: str = "strict") -> None:
    """Play the lines; fail where a hook was told of what it did not want, or was not told of what it wanted."""
    escalation = STRICT if mode == "strict" else "settings: {alertmanager_compat: default}\n"
    durable = any(isinstance(each, Restart) for each in lines)
    story = begin(routes, escalation, base="", durable=durable)
    story.providers["webhook"] = Hook(story, [each for each in lines if isinstance(each, Broken)])
    story.dispatcher = story.start()
    heard = Play(story, routes, escalation).run(lines)
    left = list(heard)
    for want in (each for each in lines if isinstance(each, Want)):
        spoiling = [each for each in heard if want.spoiled_by(each)]
        assert not spoiling, f"{mode}: heard in {want.span}, where nothing was wanted: {spoiling}"
        if want.alerts:
            found = next((each for each in left if want.fits(each)), None)
            assert found, f"{mode}: {want} was not heard; heard was {heard}"
            left.remove(found)
    assert not left, f"{mode}: heard, and not wanted: {left}; heard was {heard}"


def hook_of(notification: Notification) -> str:
    """Return the name of the webhook that is told: the host of its URL."""
    return notification.target.key.partition(":")[2].partition(".")[0]


def between(start: float, end: float) -> tuple[float, float]:
    """Name a span of the play, both ends included."""
    return start, end


def hooks(*names: str, **options: str) -> str:
    """Write a receiver `default` with a webhook for each name; `options` has keys of some of them, as YAML."""
    written = (f"{{url: 'http://{name}.example.org/x', {options.get(name, '')}}}" for name in names)
    return f"receivers: [{{name: default, webhook_configs: [{', '.join(written)}]}}]\n"


def route(wait: str = "1s", interval: str = "1s", repeat: str = "1ms", by: str = "[alertname]", more: str = "") -> str:
    """Write the root route."""
    timers = f"group_wait: {wait}, group_interval: {interval}, repeat_interval: {repeat}"
    return f"route: {{receiver: default, group_by: {by}, {timers}{', ' if more else ''}{more}}}\n"


def _ms(seconds: float | None) -> int:
    return 0 if seconds is None else START_MS + round(seconds * 1000)


def _seconds(at_ms: int) -> float:
    return (at_ms - START_MS) / 1000
