"""SMS by Twilio: what is sent, which refusals are final, and what became of a message."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import TwilioChannel
from agent.notify.messages.segments import segments
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.twilio import ERRORS
from tests.notify.messages.stories import NASTY, alert, notification


def text_to(to="+33612345678", *alerts, **more):
    return notification(*(alerts or (alert(),)), to=to, channel=Channel.SMS, **more)


def channel(inbox, **more):
    settings = {
        "account_sid": inbox.twilio_account,
        "auth_token": Secret(inbox.twilio_token),
        "sender": "+15550001111",
        "base_url": inbox.twilio_base_url,
    }
    return TwilioChannel(**(settings | more))


@pytest.fixture
def receiver(inbox, renderer, closing):
    return closing(make_receiver(channel(inbox), renderer))


async def test_a_page_is_one_short_text(inbox, receiver):
    receipt = await receiver.send(text_to())
    (message,) = inbox.messages("sms")
    assert message.text == (
        "CRIT rag VeryHighErrorRate: more than one query in ten fails, 13.4% (limit 10%), since 13:58 UTC "
        "https://burnline.example.org/alerts/caaaffbd9ccf039f"
    )
    assert (message.to, message.sender, message.status) == ("+33612345678", "+15550001111", "firing")
    assert receipt.provider_id == message.provider_id
    assert receipt.detail == "queued, 1 segment"


async def test_a_number_may_be_written_for_people(inbox, receiver):
    await receiver.send(text_to("+33 6 12-34.56 (78)"))
    assert inbox.messages("sms")[0].to == "+33612345678"


@pytest.mark.parametrize(
    "number", ["0612345678", "33612345678", "+0612345678", "+12345", "+1234567890123456", "ana", ""]
)
async def test_a_number_that_is_not_e164_is_refused_before_anything_is_sent(inbox, receiver, number):
    with pytest.raises(Rejected, match=r"E\.164"):
        await receiver.send(text_to(number))
    assert not inbox.messages()


async def test_a_messaging_service_may_send(inbox, renderer, closing):
    receiver = closing(make_receiver(channel(inbox, sender="MG0123456789"), renderer))
    await receiver.send(text_to())
    assert inbox.messages("sms")[0].sender == "MG0123456789"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+15005550001", 21211),
        ("+15005550002", 21612),
        ("+15005550003", 21408),
        ("+15005550004", 21610),
        ("+15005550009", 21614),
    ],
)
async def test_recipients_that_always_fail_are_final(receiver, number, code):
    with pytest.raises(Rejected, match=rf"\{number} by Twilio: error {code}; ") as caught:
        await receiver.send(text_to(number))
    assert caught.value.reason == "clientError"


@pytest.mark.parametrize(("sender", "kind"), [("+15005550007", Rejected), ("+15005550008", RetryLater)])
async def test_senders_that_always_fail(inbox, renderer, closing, sender, kind):
    receiver = closing(make_receiver(channel(inbox, sender=sender), renderer))
    with pytest.raises(kind):
        await receiver.send(text_to())


@pytest.mark.parametrize("code", sorted(ERRORS))
async def test_every_known_code_has_its_verdict(inbox, receiver, code):
    inbox.fail("twilio", "error", error=str(code))
    again, reason, advice = ERRORS[code]
    with pytest.raises(RetryLater if again else Rejected) as caught:
        await receiver.send(text_to())
    assert caught.value.reason == reason
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "after_ms"),
    [
        ({"kind": "rate_limited", "retry_after_s": 9}, RetryLater, "rateLimited", 9_000),
        ({"kind": "server_error"}, RetryLater, "serverError", None),
        ({"kind": "drop"}, RetryLater, "other", None),
        ({"kind": "invalid_token"}, Rejected, "authError", None),
        ({"kind": "error", "error": "99999"}, Rejected, "clientError", None),
        ({"kind": "slow", "delay_ms": 60_000}, RetryLater, "contextDeadlineExceeded", None),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason, after_ms):
    inbox.fail("twilio", **fault)
    receiver = closing(make_receiver(channel(inbox, timeout_ms=200 if fault["kind"] == "slow" else 9_000), renderer))
    with pytest.raises(kind) as caught:
        await receiver.send(text_to())
    assert caught.value.reason == reason
    assert getattr(caught.value, "after_ms", None) == after_ms


async def test_a_wrong_token_is_final_and_stays_secret(inbox, renderer, closing):
    receiver = closing(make_receiver(channel(inbox, auth_token=Secret("planted-token")), renderer))
    with pytest.raises(Rejected, match="error 20003; check account_sid and auth_token") as caught:
        await receiver.send(text_to())
    assert "planted" not in f"{caught.value!r} {caught.value.__context__!r}"


async def test_what_became_of_a_message_can_be_asked(inbox, receiver):
    sid = (await receiver.send(text_to())).provider_id
    assert await receiver.status(sid) == "delivered"
    inbox.phone.statuses[sid] = "undelivered"
    assert await receiver.status(sid) == "undelivered"
    with pytest.raises(Rejected):
        await receiver.status("SM404")


async def test_what_is_not_set_is_named(renderer):
    with pytest.raises(Rejected, match="no account_sid, auth_token, from for Twilio"):
        await make_receiver(TwilioChannel(), renderer).send(text_to())


@pytest.mark.parametrize("kind", NASTY)
async def test_any_label_fits_one_segment(inbox, receiver, kind):
    text = NASTY[kind]
    await receiver.send(
        text_to("+33612345678", alert(text, alertname=text, service=text, a_summary=text, a_value=text))
    )
    assert segments(inbox.messages("sms")[0].text) == 1
