"""A drill: a page on purpose, to see whether it arrives. What it is, how it is recognised, and how it went. Values only.

It is an alert like any other, with a label of its own, so it shares no group, mutes nothing and is no part of what is real. How
it is to be treated stands in its annotations, which a restart keeps with the alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from agent.model import RESOLVED_REASON, Alert, Labels, format_duration

NAME: Final = "BurnlineDrill"
FAILED: Final = "DrillFailed"
LABEL: Final = "drill"
RECEIVER: Final = "drill_receiver"
"""The annotation that names the receiver a drill, or the alert about one, goes to past the routes' matchers."""
ESCALATES: Final = "drill_escalates"
MARK: Final = "[TEST]"
RUNBOOK: Final = "/runbooks/heartbeat"

Expect = Literal["delivery", "ack"]


@dataclass(frozen=True, slots=True)
class DrillOrder:
    """What a drill is to try. Without a receiver the routes decide by `labels`; it is to be over within `within_ms`."""

    name: str = LABEL
    labels: Labels = Labels()  # noqa: RUF009 - an immutable value
    receiver: str = ""
    expect: Expect = "delivery"
    within_ms: int = 600_000
    escalate: bool = False
    by: str = ""
    """Who asked for it; "" where it was its time."""
    tell: str = ""
    """The receiver that hears of a failure; "" for on_failure of the one that failed, else the routes decide."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a drill came with one target. `state` is a message's; `verdict` is ok, waiting or failed."""

    channel: str
    target: str
    """What of its address may be shown."""
    person: str
    receiver: str
    state: str
    verdict: Literal["ok", "waiting", "failed"]
    attempts: int
    written_ms: int
    sent_ms: int = 0
    delivered_ms: int = 0
    why: str = ""
    step: int = 0
    instead_of: str = ""

    @property
    def whom(self) -> str:
        """Name it in a sentence: `ana by sms`."""
        return f"{self.person or self.target} by {self.channel}"


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill: what was ordered, whom it reached, who acknowledged it, how it ended (`passed`, `failed`; "" while it runs)."""

    id: str
    asked: DrillOrder
    started_ms: int
    settles_ms: int
    """When every group that it is in has been told for the first time."""
    result: str = ""
    why: str = ""
    ended_ms: int = 0
    sent: Labels | None = None
    """The labels that its alert was sent with; a reload may give others to what is sent from then on."""
    acknowledged_by: str = ""
    acknowledged_ms: int = 0
    reached: tuple[Reached, ...] = ()

    @property
    def labels(self) -> Labels:
        """The labels of its alert."""
        return Labels({"severity": "critical", **dict(self.asked.labels.pairs), "alertname": NAME, LABEL: self.id})

    @property
    def deadline_ms(self) -> int:
        """When it fails unless it has passed."""
        return self.started_ms + self.asked.within_ms

    def alert(self, at_ms: int) -> Alert:
        """Return its alert as it is at an instant: firing until its deadline, over once it has ended."""
        within = format_duration(self.asked.within_ms)
        wanted = (
            f"Please acknowledge it within {within}: whether somebody does is what is tested."
            if self.asked.expect == "ack"
            else "There is nothing to do."
        )
        annotations = {
            "summary": "This is a test: nothing is wrong",
            "description": f"A drill of Burnline tries whether pages arrive. {wanted}",
        }
        if self.ended_ms:
            over = {"summary": "The test is over: nothing was wrong", "description": f"The drill {self.words}."}
            annotations |= {**over, RESOLVED_REASON: "test over"}
        if self.asked.receiver:
            annotations[RECEIVER] = self.asked.receiver
        if self.asked.escalate:
            annotations[ESCALATES] = "yes"
        ends_ms = self.ended_ms or self.deadline_ms + 60_000
        return Alert(self.labels, Labels(annotations), self.started_ms, ends_ms, updated_at_ms=at_ms)

    @property
    def words(self) -> str:
        """How it ended, in words."""
        return f"{self.result}: {self.why}" if self.why else self.result


def is_drill(labels: Labels) -> bool:
    """Say whether an alert is a drill's."""
    return labels.get("alertname") == NAME and LABEL in labels


def receiver_of(alert: Alert) -> str:
    """Return the receiver that a drill, or the alert about one, names; "" for any other alert: nobody else chooses one."""
    return alert.annotations.get(RECEIVER) if is_drill(alert.labels) or alert.name == FAILED else ""


def marked(alert: Alert) -> Alert:
    """Return the alert saying in its summary that it is a test: what listens to webhooks reads no subject."""
    said = dict(alert.annotations.pairs)
    said["summary"] = f"{MARK} {said.get('summary', '')}".strip()
    return replace(alert, annotations=Labels(said))


def drill_from_json(data: Mapping[str, Any]) -> Drill:
    """Read a drill back from what the journal made of it."""
    asked = DrillOrder(**{**data["asked"], "labels": Labels(data["asked"]["labels"])})
    sent = Labels(data["sent"]) if data.get("sent") else None
    return Drill(
        **{**data, "asked": asked, "sent": sent, "reached": tuple(Reached(**each) for each in data["reached"])}
    )
