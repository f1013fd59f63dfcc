"""The rooms' doors: what they show, that they load lazily, and that nothing shows a secret."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback

import pytest

import agent.notify.inbox
import agent.notify.messages
import agent.notify.receivers
from agent.errors import DeliveryError
from agent.model import Secret
from agent.notify.channels import (
    EmailChannel,
    GatewayChannel,
    HttpSettings,
    LogChannel,
    SlackChannel,
    TwilioChannel,
    WebhookChannel,
)
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver, make_receivers
from tests.notify.messages.stories import alert, notification

PLANTED = "planted-secret-value"
CHANNELS = [
    EmailChannel(smarthost="relay.example:25", auth_username="a", auth_password=Secret(PLANTED)),
    SlackChannel(bot_token=Secret(PLANTED)),
    SlackChannel(webhook_url=Secret(f"https://hooks.example/{PLANTED}")),
    TwilioChannel("AC1", Secret(PLANTED), "+15550001111"),
    GatewayChannel(url=Secret(f"https://sms.example/{PLANTED}"), bearer_token=Secret(PLANTED)),
    WebhookChannel(url=Secret(f"https://hook.example/{PLANTED}"), http=HttpSettings(password=Secret(PLANTED))),
    LogChannel(),
]


@pytest.mark.parametrize("room", [agent.notify.inbox, agent.notify.messages, agent.notify.receivers])
def test_all_is_sorted_and_everything_in_it_can_be_had(room):
    assert list(room.__all__) == sorted(room.__all__)
    assert all(getattr(room, name) is not None for name in room.__all__)
    with pytest.raises(AttributeError):
        room.nothing  # noqa: B018


def test_the_doors_import_no_provider_library():
    """`burnline check` must stay fast."""
    program = (
        "import sys, agent.notify.receivers, agent.notify.messages, agent.notify.inbox;"
        "print([n for n in ('aiohttp', 'slack_sdk', 'jinja2', 'aiosmtplib', 'aiosmtpd') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("settings", CHANNELS, ids=lambda each: type(each).__name__)
async def test_every_channel_has_a_receiver_that_shows_no_secret(renderer, settings):
    receiver = make_receiver(settings, renderer)
    assert PLANTED not in f"{receiver!r} {vars(receiver)} {settings!r} {settings}"
    await receiver.close()


async def test_no_log_line_and_no_error_holds_a_secret(inbox, renderer, closing, caplog):
    """At DEBUG, over every channel, whether it is taken, refused or cut off. (What the inbox's own servers log is left out.)"""
    caplog.set_level(logging.DEBUG)
    channels = {
        "smtp": EmailChannel(
            smarthost=inbox.smarthost, sender="b@example.org", starttls="opportunistic", auth_username="a",
            auth_password=Secret(PLANTED),
        ),
        "slack": SlackChannel(bot_token=Secret(f"xoxb-{PLANTED}"), base_url=inbox.slack_base_url),
        "slack_webhook": SlackChannel(webhook_url=Secret(f"{inbox.url}/services/{PLANTED}")),
        "twilio": TwilioChannel("AC1", Secret(PLANTED), "+15550001111", inbox.twilio_base_url),
        "gateway": GatewayChannel(url=Secret(f"{inbox.gateway_url}?key={PLANTED}"), bearer_token=Secret(PLANTED)),
        "webhook": WebhookChannel(
                url=Secret(f"{inbox.webhook_url}?key={PLANTED}"),
                http=HttpSettings(username="a", password=Secret(PLANTED), headers=(("X-Key", Secret(PLANTED)),)),
            ),
    }  # fmt: skip
    addresses = {"smtp": "ana@example.org", "twilio": "+33612345678", "gateway": "+33612345678"}
    said = []
    for service, settings in channels.items():
        receiver = closing(make_receiver(settings, renderer))
        for fault in (None, "server_error", "drop"):
            inbox.heal()
            if fault:
                inbox.fail(service, fault)
            try:
                said.append(repr(await receiver.send(notification(alert(), to=addresses.get(service, "#alerts")))))
            except DeliveryError as error:
                said.append("".join(traceback.format_exception(error)))
    lines = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("mail.", "aiohttp.", "asyncio"))
    ]
    assert len(said) == 18
    assert PLANTED not in "\n".join(said + lines)


def test_channels_without_credentials_have_no_receiver_and_the_log_always_has(renderer):
    made = make_receivers(
        {Channel.EMAIL: EmailChannel(), Channel.SLACK: CHANNELS[1], Channel.SMS: TwilioChannel()}, renderer
    )
    assert set(made) == {Channel.SLACK, Channel.LOG}
