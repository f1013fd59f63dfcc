"""What a routing test file says: alerts, what people do, and who is to be told what, when. Values and their own checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from agent.model import Labels, Matcher
from agent.notify import Channel, parse_matchers
from agent.replay.routing_tests.when import Instant, Moment, When, Zone, parse_when
from agent.replay.unit.spec import InputSeries
from agent.schema import Convert, Duration, Place, Text, WrongValue, key, suggest

UTC: Final = ZoneInfo("UTC")
MOST_TIMES: Final = 1_000
ZERO: Final = When("0s", after_ms=0)
_CHANNELS: Final = tuple(str(each) for each in Channel)


def _texts(value: Any) -> tuple[str, ...]:
    """Read one text or a list of them."""
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(each, str) and each for each in found):
        raise ValueError("expected a text or a list of texts")
    return tuple(str(each) for each in found)


def _channels(value: Any) -> tuple[str, ...]:
    for each in _texts(value):
        if each not in _CHANNELS:
            raise ValueError(f'unknown channel "{each}"; there are {", ".join(_CHANNELS)}{suggest(each, _CHANNELS)}')
    return _texts(value)


def _matchers(value: Any) -> tuple[Matcher, ...]:
    return tuple(matcher for text in _texts(value) for matcher in parse_matchers(text).matchers)


def _window(value: Any) -> tuple[When, When]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("expected two instants, like [5m, 6m]")
    return parse_when(str(value[0])), parse_when(str(value[1]))


def _picks(value: Any) -> tuple[Labels, ...]:
    """Read alerts: each a name, or the labels that it must have."""
    found = value if isinstance(value, list) else [value]
    picks = [{"alertname": each} if isinstance(each, str) else each for each in found]
    if not all(isinstance(each, dict) for each in picks):
        raise ValueError("expected names of alerts, or mappings of their labels")
    return tuple(Labels({str(name): str(wanted) for name, wanted in each.items()}) for each in picks)


Texts = Annotated[tuple[str, ...], Convert(_texts, "a text or a list of texts")]
Channels = Annotated[tuple[str, ...], Convert(_channels, "a channel or a list of channels")]
Matchers = Annotated[tuple[Matcher, ...], Convert(_matchers, 'matchers like alertname="X"')]
Window = Annotated[tuple[When, When], Convert(_window, "two instants, like [5m, 6m]")]
Picks = Annotated[tuple[Labels, ...], Convert(_picks, "names of alerts, or mappings of their labels")]


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """An alert that fires at an instant, and is over at another (never, without one).

    With `rule_files`, `alert` names a rule, whose labels and annotations it gets; `labels` are then those of the series.
    """

    __title__ = "alert"
    place: Place
    alert: Text | None = None
    at: Instant = ZERO
    until: Instant | None = None
    labels: Mapping[str, str] = key(factory=dict)
    annotations: Mapping[str, str] = key(factory=dict)
    value: float | None = None

    def __post_init__(self) -> None:
        if not self.alert and not self.labels.get("alertname"):
            raise WrongValue("labels", "an alert needs a name: write `alert: HighErrorRate`, or the label alertname")


@dataclass(frozen=True, slots=True)
class AckSpec:
    """Somebody takes over what fires and matches."""

    __title__ = "acknowledgement"
    place: Place
    at: Instant
    by: str
    matchers: Matchers


@dataclass(frozen=True, slots=True)
class SilenceSpec:
    """Somebody asks not to hear of what matches."""

    __title__ = "silence"
    place: Place
    matchers: Matchers
    until: Instant
    at: Instant = ZERO
    by: str = "somebody"


@dataclass(frozen=True, slots=True)
class OutageSpec:
    """A channel (or one transport) whose provider takes nothing for a while."""

    __title__ = "outage"
    place: Place
    by: str
    until: Instant
    at: Instant = ZERO


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """What a message is like; what is not said may be anything. `to` and `by` with several values mean one message each."""

    __title__ = "message"
    place: Place
    at: Instant | None = None
    between: Window | None = None
    to: Texts = ()
    by: Channels = ()
    receiver: str = ""
    status: Literal["firing", "resolved", ""] = ""
    alerts: Picks | None = None
    firing: Picks | None = None
    resolved: Picks | None = None
    reason: str = ""
    step: int | None = None
    text: str = ""
    times: int = 1

    def __post_init__(self) -> None:
        if self.at is not None and self.between is not None:
            raise WrongValue("between", "`at` says when already; keep one of them")
        if self.times < 1:
            raise WrongValue("times", "a message that is never sent stands under `never`")
        if self.times > MOST_TIMES:
            raise WrongValue("times", f"more than {MOST_TIMES} messages are more than anybody reads")


@dataclass(frozen=True, slots=True)
class HeldSpec:
    """An alert that somebody is not told of, and a word of the reason."""

    __title__ = "held"
    place: Place
    alerts: Picks
    why: str = ""
    receiver: str = ""


@dataclass(frozen=True, slots=True)
class RoutingTest:
    """One test: what happens, and who is told. What happens are alerts, or series that the rules are evaluated over."""

    __title__ = "routing test"
    __named_by__ = ("name",)
    place: Place
    name: str
    alerts: tuple[AlertSpec, ...] = ()
    input_series: tuple[InputSeries, ...] = ()
    interval: Duration = 15_000
    expect: tuple[MessageSpec, ...] = ()
    never: tuple[MessageSpec, ...] = ()
    held: tuple[HeldSpec, ...] = ()
    starts: Moment | None = None
    until: Instant | None = None
    acks: tuple[AckSpec, ...] = ()
    silences: tuple[SilenceSpec, ...] = ()
    outages: tuple[OutageSpec, ...] = ()
    without: Texts = ()
    others: Literal["refuse", "allow"] = "refuse"

    def __post_init__(self) -> None:
        if not self.alerts and not self.input_series:
            raise WrongValue("alerts", "a test without alerts tells nobody anything")
        if self.interval <= 0:
            raise WrongValue("interval", "samples cannot come without any time between them; write it like 15s")


@dataclass(frozen=True, slots=True)
class RoutingTestFile:
    """The whole file. Paths are relative to it; escalation.yml is the one beside alertmanager.yml unless it is named."""

    __title__ = "routing test file"
    alertmanager: Text
    routing_tests: tuple[RoutingTest, ...]
    escalation: Text | None = None
    rule_files: tuple[Text, ...] = ()
    environment: Mapping[str, str] = key(factory=dict)
    external_labels: Mapping[str, str] = key(factory=dict)
    starts: Moment | None = None
    timezone: Zone = UTC
    strict: bool | None = None

    def __post_init__(self) -> None:
        if not self.routing_tests:
            raise WrongValue("routing_tests", "there is no test in it")
        seen: dict[str, Place] = {}
        for test in self.routing_tests:
            if test.name in seen:
                raise ValueError(f'two tests are named "{test.name}"; the first is at {seen[test.name]}')
            seen[test.name] = test.place
