"""SMS by a plain gateway: the configured fields are filled, and a text cannot fill another field."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Labels, Secret
from agent.notify.channels import GatewayChannel
from agent.notify.inbox import Inbox
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.gateway import _fill
from tests.notify.messages.stories import alert, notification


def text_to(to="+33612345678"):
    return notification(alert(), to=to, channel=Channel.SMS)


@pytest.mark.parametrize("body", ["json", "form"])
async def test_a_text_is_sent_as_json_or_as_a_form(inbox, renderer, closing, body):
    receiver = closing(make_receiver(GatewayChannel(url=Secret(inbox.gateway_url), body=body), renderer))
    receipt = await receiver.send(text_to())
    (message,) = inbox.messages("sms")
    assert message.to == "+33612345678"
    assert message.text.startswith("CRIT rag VeryHighErrorRate")
    assert receipt.provider_id == message.provider_id == "gw-1"


async def test_a_bearer_token_is_sent_and_a_wrong_one_is_final(renderer, closing):
    async with Inbox(gateway_token="right") as inbox:

        def receiver(token):
            return closing(
                make_receiver(GatewayChannel(url=Secret(inbox.gateway_url), bearer_token=Secret(token)), renderer)
            )

        await receiver("right").send(text_to())
        with pytest.raises(Rejected, match="HTTP 401") as caught:
            await receiver("planted").send(text_to())
        assert caught.value.reason == "authError"
        assert "planted" not in str(caught.value)


def test_fields_are_filled_once():
    """A text that holds {key} stays as it is."""
    values = {"{to}": "+1", "{text}": "say {key} and {to}", "{key}": "k"}
    assert _fill("to={to}&text={text}&key={key}{other}", values) == "to=+1&text=say {key} and {to}&key=k{other}"


async def test_constant_fields_and_headers_are_sent(inbox, renderer, closing):
    fields = Labels({"to": "{to}", "text": "[{key}] {text}"})
    channel = GatewayChannel(url=Secret(inbox.gateway_url), fields=fields, headers=Labels({"X-App": "burnline"}))
    await closing(make_receiver(channel, renderer)).send(text_to())
    assert inbox.messages("sms")[0].text.startswith("[key-0] CRIT")


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rate_limited"}, RetryLater, "rateLimited"),
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "drop_after"}, RetryLater, "other"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason):
    inbox.fail("gateway", **fault)
    receiver = closing(make_receiver(GatewayChannel(url=Secret(f"{inbox.gateway_url}?apikey=planted")), renderer))
    with pytest.raises(kind) as caught:
        await receiver.send(text_to())
    assert caught.value.reason == reason
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["not a url planted", "ftp://planted", "http://[planted", "http://127.0.0.1:99999/planted"]
)
async def test_a_url_that_cannot_be_used_is_final_and_stays_secret(renderer, closing, url):
    receiver = closing(make_receiver(GatewayChannel(url=Secret(url)), renderer))
    with pytest.raises(Rejected) as caught:
        await receiver.send(text_to())
    assert "planted" not in str(caught.value).replace("an SMS", "")


async def test_a_number_that_is_not_e164_and_a_missing_url_are_final(renderer):
    with pytest.raises(Rejected, match="no url is set"):
        await make_receiver(GatewayChannel(), renderer).send(text_to())
    with pytest.raises(Rejected, match=r"E\.164"):
        await make_receiver(GatewayChannel(url=Secret("http://127.0.0.1:1")), renderer).send(text_to("12"))
