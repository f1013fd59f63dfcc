"""What an explanation rests on: of a running agent, or of the journal that one left. Everything may be asked by any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agent import notify, rules
from agent.app.sending import SENDING, before_sending
from agent.journal import Event, Reader
from agent.model import Labels

_NOBODY_RUNS: Final = (
    "no agent runs on this folder: nobody is told anything, and nothing of what is next comes, until one is started"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One alert as the rules have it, with the rule's group, file and name ("" for the agent's own alerts)."""

    alert: rules.ActiveAlert
    rule: str = ""
    group: str = ""
    file: str = ""


class Live(Protocol):
    """What only a running agent can say; each may take a moment, and none raises."""

    def rules(self) -> Sequence[rules.GroupStatus]:
        """Return the rule groups as they run."""
        ...

    def values(self, expression: str) -> Sequence[tuple[Labels, float]]:
        """Return what an expression gives now; nothing where it cannot be evaluated."""
        ...

    def targets(self, expression: str, labels: Labels) -> Sequence[tuple[str, str]]:
        """Return the targets (as `job instance`) whose samples an alert's expression reads, with their health in words."""
        ...


class Events(Protocol):
    """Gives the newest events of a kind (about one subject), oldest first."""

    def __call__(self, kind: str, subject: str | None = None, *, since_ms: int = 0, limit: int = 1000) -> list[Event]:
        """Return them."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that can be known at an instant."""

    at_ms: int
    view: notify.View
    routing: notify.Routing
    silences: notify.Silences
    events: Events
    newest: rules.Events
    seen: Callable[[], Sequence[Seen]]
    """The alerts that the rules have: pending, firing, or over for a short while."""
    external: Mapping[str, str]
    live: Live | None = None
    kept: bool = False
    """Whether it is what a folder says. Until when an alert counts as firing that somebody repeats is not written down."""
    notes: tuple[str, ...] = ()

    def as_sent(self, labels: Labels) -> Labels:
        """Return an alert's labels with the external labels that it is sent with."""
        return Labels({**self.external, **labels})

    def before_sending(self, labels: Labels) -> Iterator[Labels]:
        """Give the labels that an alert may have in the rules, the likeliest first."""
        return before_sending(self.external, labels)


def kept_evidence(reader: Reader, at_ms: int, *, agent_runs: bool | None = None) -> Evidence:
    """Return what a folder says at an instant; `agent_runs` says whether an agent has it now, None where nobody knows."""
    written_ms = notify.written_ms(reader)
    triage = notify.kept_triage(reader, at_ms)
    external: dict[str, Any] = reader.records(SENDING).get("", {}).get("external_labels", {})
    words = "this is what the folder says; values and targets of now are known to a running agent alone"
    notes = (words,) if written_ms or external else (words, "no agent has written anything about alerts here")
    if agent_runs is False:
        notes = (_NOBODY_RUNS, *notes)
    return Evidence(
        at_ms=at_ms,
        view=triage.view(at_ms),
        routing=triage.routing,
        silences=triage.silences,
        events=reader.events,
        newest=reader.newest,
        seen=lambda: kept_alerts(reader.records),
        external=external,
        kept=True,
        notes=notes,
    )


def kept_alerts(records: Callable[[str], Mapping[str, Any]]) -> list[Seen]:
    """Return the alerts that the rules have written down."""
    found = (rules.read_alert(key, record) for key, record in records(rules.ALERT_KIND).items())
    return [Seen(alert, key.name, key.group, key.file) for key, alert in filter(None, found)]
