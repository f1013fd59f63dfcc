"""The inbox for people: mails as they look, Slack's channels with their threads, the phone's text messages. It shows, only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.notify.inbox.arrivals import Arrivals
from agent.notify.inbox.mrkdwn import to_html
from agent.notify.inbox.pagerduty import PagerDutyDesk
from agent.notify.inbox.slack import SlackWorkspace
from agent.notify.messages.segments import Alphabet, alphabet_of, segments, units

_SHOWN = 12


class Page:
    """Renders the page at `/` from what has arrived."""

    def __init__(self, arrivals: Arrivals, slack: SlackWorkspace, pagerduty: PagerDutyDesk) -> None:
        self._arrivals = arrivals
        self._slack = slack
        self._pagerduty = pagerduty
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        environment.filters.update(mrkdwn=to_html, clock=_clock, parts=_parts)
        self._template = environment.get_template("page.html.j2")

    def html(self, settings: str) -> str:
        """Return the page; `settings` is what to paste into escalation.yml."""
        mails = self._arrivals.kept("email")
        texts = [each for each in self._arrivals.kept() if each.kind in ("sms", "reply")]
        phones: dict[str, list[object]] = {}
        for text in texts[-40:]:
            phones.setdefault(text.to, []).append(text)
        channels = {name: messages[-_SHOWN:] for name, messages in self._slack.channels().items()}
        return self._template.render(
            version=self._arrivals.last_id,
            counts=self._arrivals.counts(),
            mails=mails[: -_SHOWN - 1 : -1],
            phones=phones,
            topics=self._arrivals.kept("sns")[-_SHOWN:],
            channels=channels,
            webhooks=self._arrivals.kept("webhook")[-_SHOWN:],
            incidents=list(self._pagerduty.incidents.values())[: -_SHOWN - 1 : -1],
            settings=settings,
        )


def _parts(text: str) -> str:
    """Say how long a text message is, as it is billed."""
    alphabet = alphabet_of(text)
    parts, size = segments(text), units(text, alphabet)
    unit = {Alphabet.GSM7: "of 160", Alphabet.UCS2: "of 70, in another script"}[alphabet]
    return f"{size} {unit}" if parts == 1 else f"{size} characters, {parts} parts"


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}"
