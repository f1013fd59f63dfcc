"""What an explanation is made of: values that `app` puts together.

An account is a chain of links, each a sentence with lines below it, so that the terminal and the page tell the same story;
causes, messages and what comes next stand beside it for programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.model import Labels


class Mood(StrEnum):
    """What a link does to the message: it lets it through, makes it wait, ends it, or is only said."""

    GOOD = "good"
    WAITS = "waits"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened or holds. Instants that are not known are 0."""

    text: str
    at_ms: int = 0
    mood: Mood = Mood.PLAIN
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: its name (`route`), a sentence, and what stands below it."""

    name: str
    text: str
    mood: Mood = Mood.PLAIN
    lines: tuple[Line, ...] = ()
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Cause:
    """Why somebody is, or is not, told: a word for programs (`silenced`), and a sentence."""

    code: str
    text: str
    mood: Mood
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that became of a message: what, and what the provider said."""

    at_ms: int
    what: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one target. `state` is pending, sent, delivered, failed or superseded; `holds` is what holds it up."""

    id: str
    at_ms: int
    receiver: str
    channel: str
    target: str
    person: str
    state: str
    reason: str
    step: int = 0
    attempts: tuple[Attempt, ...] = ()
    provider_id: str = ""
    detail: str = ""
    holds: str = ""
    next_at_ms: int = 0
    instead_of: str = ""
    incident: str = ""

    @property
    def whom(self) -> str:
        """Name the target: `ana by sms`, `#alerts by slack`, `the log`."""
        return "the log" if self.channel == "log" else f"{self.person or self.target} by {self.channel}"

    @property
    def arrived(self) -> bool:
        """Whether somebody got it: a provider took it, and it is more than a line in the log."""
        return self.state in ("sent", "delivered") and self.channel != "log"


@dataclass(frozen=True, slots=True)
class Coming:
    """What happens next, at an instant (0: not known when), unless something else does."""

    at_ms: int
    what: str
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """All that is known of why one alert was told or not."""

    fingerprint: str
    sent_as: str
    """The fingerprint of the labels it is sent with; the same where there are no external labels."""
    labels: Labels
    sent_labels: Labels
    state: str
    since_ms: int
    """Since when it is in this state."""
    headline: Cause
    causes: tuple[Cause, ...]
    chain: tuple[Link, ...]
    messages: tuple[Message, ...]
    coming: tuple[Coming, ...]
    message: str = ""
    """The message that was asked about, by its id."""


@dataclass(frozen=True, slots=True)
class Brief:
    """One of several alerts that were meant."""

    fingerprint: str
    labels: Labels
    state: str
    since_ms: int
    headline: Cause


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that could give an alert that never was, and how near it is."""

    name: str
    group: str
    file: str
    text: str
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why nothing is known of what was asked for."""

    text: str
    suggestions: tuple[str, ...] = ()
    rules: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer: one account, or several alerts that were meant, or why there is none."""

    at_ms: int
    account: Account | None = None
    several: tuple[Brief, ...] = ()
    unknown: Unknown | None = None
    notes: tuple[str, ...] = ()
    past: bool = False
    """Whether an earlier instant is explained: what comes next is what came."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One alert as it concerns a person: what became of it for them, or why it was not for them."""

    fingerprint: str
    labels: Labels
    at_ms: int
    headline: Cause
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonAccount:
    """Everything of some hours that was for somebody, and what was not."""

    name: str
    at_ms: int
    since_ms: int
    standing: tuple[str, ...]
    """Where the person stands now: on call for whom, quiet hours."""
    told: tuple[Matter, ...]
    others: tuple[Matter, ...]
    """Alerts of these hours of which nothing was for this person."""
    suggestions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
