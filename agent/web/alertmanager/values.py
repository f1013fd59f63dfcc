"""What the routes of API v2 and the agent say to each other: frozen values, and the Protocol that `app` fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.model import Alert, Labels, Matcher


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are asked for. `receiver` is a regular expression for a receiver's whole name, "" for any.

    `receiver_matchers` are on a receiver's labels, of which `name` is one. A False leaves out what is in that state.
    """

    matchers: tuple[Matcher, ...] = ()
    receiver: Matcher | None = None
    receiver_matchers: tuple[Matcher, ...] = ()
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """A receiver's name, and the labels that alertmanager.yml gives it."""

    name: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert, whom it goes to, and what holds it back: ids of silences, fingerprints, names of time intervals."""

    alert: Alert
    receivers: tuple[ReceiverView, ...]
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()

    @property
    def suppressed(self) -> bool:
        """Say whether anything holds it back."""
        return bool(self.silenced_by or self.inhibited_by or self.muted_by)


@dataclass(frozen=True, slots=True)
class GroupView:
    """One group of alerts that are told together."""

    labels: Labels
    receiver: ReceiverView
    alerts: tuple[AlertView, ...]


@dataclass(frozen=True, slots=True)
class SilenceView:
    """One silence. `id` is "" for one that is to be made; `state` is `active`, `pending` or `expired`."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at_ms: int
    ends_at_ms: int
    created_by: str
    comment: str
    annotations: Labels
    state: str = ""
    updated_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class StatusView:
    """The agent as an Alertmanager: since when it runs, its versions, and its routing file without secrets."""

    started_ms: int
    versions: Mapping[str, str]
    config: str


class Alertmanager(Protocol):
    """The agent, as the routes of API v2 see it."""

    def now_ms(self) -> int:
        """Return the agent's clock."""
        ...

    def parse_filter(self, text: str) -> Sequence[Matcher]:
        """Read matchers in either of Alertmanager's grammars; raise ValueError."""
        ...

    def status(self) -> StatusView:
        """Return the state of the agent."""
        ...

    def receivers(self, matchers: Sequence[Matcher]) -> Sequence[ReceiverView]:
        """Return the receivers in the order of their file."""
        ...

    def alerts(self, wanted: Wanted) -> Sequence[AlertView]:
        """Return the alerts that are not over, by fingerprint."""
        ...

    def groups(self, wanted: Wanted) -> Sequence[GroupView]:
        """Return the groups that have such alerts, in Alertmanager's order."""
        ...

    async def put(self, alerts: Sequence[Alert]) -> Sequence[tuple[int, str]]:
        """Take alerts in, and return when they are on the disk. 0 is a time that was not given.

        What is wrong with those that are not taken comes back, by their number.
        """
        ...

    def silences(self, matchers: Sequence[Matcher]) -> Sequence[SilenceView]:
        """Return the silences that have these very matchers, in Alertmanager's order."""
        ...

    def silence(self, silence_id: str) -> SilenceView | None:
        """Return one silence, None where there is none of that id."""
        ...

    async def put_silence(self, wanted: SilenceView) -> str | None:
        """Make or change a silence and return its id, None where its id is unknown; raise InvalidInput."""
        ...

    async def expire_silence(self, silence_id: str) -> bool:
        """End a silence; False where there is none of that id."""
        ...
