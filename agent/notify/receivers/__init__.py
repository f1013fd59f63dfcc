"""The ways to send, one page each. They fulfil `Receiver`, know nothing of routing, and never wait for a second try.

`make_receiver` gives the one for a channel's settings; a new integration is a page and a line there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.notify.channels import (
    ChannelSettings,
    EmailChannel,
    GatewayChannel,
    PagerDutyChannel,
    SlackChannel,
    SnsChannel,
    TwilioChannel,
    WebhookChannel,
)
from agent.notify.notification import Channel, Receiver

if TYPE_CHECKING:
    from agent.notify.messages import Renderer
    from agent.notify.receivers.http import SessionFactory

__all__ = ["make_receiver", "make_receivers"]


def make_receiver(
    settings: ChannelSettings, renderer: Renderer, session_factory: SessionFactory | None = None
) -> Receiver:
    """Return the receiver that sends by `settings`; each opens its own connections on first use and closes them.

    The providers' libraries are imported here and not before.
    """
    from agent.notify.receivers.http import new_session

    session = session_factory or new_session
    match settings:
        case EmailChannel():
            from agent.notify.receivers.email import EmailReceiver

            return EmailReceiver(settings, renderer, session)
        case SlackChannel():
            from agent.notify.receivers.slack import SlackReceiver

            return SlackReceiver(settings, renderer, session)
        case TwilioChannel():
            from agent.notify.receivers.twilio import TwilioReceiver

            return TwilioReceiver(settings, renderer, session)
        case GatewayChannel():
            from agent.notify.receivers.gateway import GatewayReceiver

            return GatewayReceiver(settings, renderer, session)
        case SnsChannel():
            from agent.notify.receivers.sns import SnsReceiver

            return SnsReceiver(settings, renderer, session)
        case PagerDutyChannel():
            from agent.notify.receivers.pagerduty import PagerDutyReceiver

            return PagerDutyReceiver(settings, renderer, session)
        case WebhookChannel():
            from agent.notify.receivers.webhook import WebhookReceiver

            return WebhookReceiver(settings, renderer, session)
        case _:
            from agent.notify.receivers.log import LogReceiver

            return LogReceiver(renderer)


def make_receivers(
    channels: Mapping[Channel, ChannelSettings], renderer: Renderer, session_factory: SessionFactory | None = None
) -> dict[Channel, Receiver]:
    """Return a receiver for each channel that has what it needs, and always the log."""
    from agent.notify.receivers.log import LogReceiver

    made = {
        channel: make_receiver(settings, renderer, session_factory)
        for channel, settings in channels.items()
        if not settings.missing()
    }
    made.setdefault(Channel.LOG, LogReceiver(renderer))
    return made
