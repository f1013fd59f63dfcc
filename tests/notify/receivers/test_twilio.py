"""SMS by Twilio: what is sent, which refusals are final, and what became of a message."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import TwilioChannel
from agent.notify.messages.segments import segments
from agent.notify.notification import Channel, Delivery
from agent.notify.receivers import make_receiver
from agent.notify.receivers.twilio import ASK_AFTER_MS
from agent.notify.receivers.twilio_codes import ERRORS, UNDELIVERED, delivery_of
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
    receipt = await receiver.send(text_to())
    assert (receipt.delivered, receipt.ask_after_ms) == (False, ASK_AFTER_MS)
    assert (await receiver.status(receipt.provider_id)).state == "sent"
    assert (await receiver.status(receipt.provider_id)) == Delivery("delivered", "Twilio says delivered")
    with pytest.raises(Rejected):
        await receiver.status("SM404")


@pytest.mark.parametrize(
    ("number", "code", "permanent"),
    [
        ("+15005550020", 30003, False),
        ("+15005550021", 30005, True),
        ("+15005550022", 30007, True),
        ("+15005550023", 30008, False),
    ],
)
async def test_a_message_that_does_not_arrive_says_why(receiver, number, code, permanent):
    sid = (await receiver.send(text_to(number))).provider_id
    await receiver.status(sid)
    said = await receiver.status(sid)
    assert (said.state, said.permanent) == ("failed", permanent)
    assert f"error {code}: {UNDELIVERED[code][1]}" in said.detail


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("queued", 0, "sent"),
        ("", 0, "sent"),
        ("read", 0, "delivered"),
        ("canceled", 0, "failed"),
        ("failed", 1, "failed"),
    ],
)
def test_every_status_means_something(status, code, state):
    assert delivery_of(status, code).state == state


async def test_a_lost_answer_is_asked_after_before_the_text_is_sent_again(inbox, renderer, closing):
    """Nobody gets two: what Twilio took without our learning of it is found by number and text."""
    receiver = closing(make_receiver(channel(inbox), renderer))
    inbox.fail("twilio", "drop_after")
    with pytest.raises(RetryLater):
        await receiver.send(text_to())
    receipt = await receiver.send(text_to())
    (message,) = inbox.messages("sms")
    assert receipt.provider_id == message.provider_id
    assert receipt.detail.startswith("found at Twilio after an attempt without an answer")


@pytest.mark.parametrize("kind", ["drop", "server_error"])
async def test_a_text_that_twilio_never_took_is_sent_again(inbox, receiver, kind):
    await receiver.send(text_to("+33600000009"))
    inbox.fail("twilio", kind)
    with pytest.raises(RetryLater):
        await receiver.send(text_to())
    await receiver.send(text_to())
    assert [each.to for each in inbox.messages("sms")] == ["+33600000009", "+33612345678"]


async def test_an_older_text_of_the_same_words_is_not_taken_for_it(inbox, receiver):
    await receiver.send(text_to())
    inbox.fail("twilio", "drop")
    with pytest.raises(RetryLater):
        await receiver.send(text_to(minute=10))
    await receiver.send(text_to(minute=10))
    assert len(inbox.messages("sms")) == 2


async def test_several_incidents_share_a_text(inbox, receiver):
    one, other = text_to(ack_code="111111"), text_to("+33612345678", alert(alertname="Slow"), ack_code="222222")
    receipt = await receiver.send_together([one, other])
    (message,) = inbox.messages("sms")
    assert message.text == "CRIT 2 alerts: rag VeryHighErrorRate, rag Slow. Ack: reply 111111 all"
    assert receipt.provider_id == message.provider_id


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, True),
        ({"replies": False}, False),
        ({"api_key": "SK1", "api_secret": Secret("s"), "auth_token": None}, False),
    ],
)
async def test_a_reply_is_asked_for_only_where_it_would_be_understood(inbox, renderer, closing, more, asked):
    """What Twilio sends us is signed with the account's token; without it nothing can be believed."""
    inbox.phone.keys["SK1"] = "s"
    await closing(make_receiver(channel(inbox, **more), renderer)).send(text_to(ack_code="482193"))
    assert ("482193" in inbox.messages("sms")[0].text) is asked


async def test_more_parts_hold_more_words(inbox, renderer, closing):
    long = alert(a_summary="every " * 40 + "query fails")
    await closing(make_receiver(channel(inbox, max_segments=2), renderer)).send(text_to("+33612345678", long))
    assert segments(inbox.messages("sms")[0].text) == 2


async def test_twilio_is_told_where_to_call_back_and_a_refused_address_is_done_without(inbox, receiver):
    inbox.fail("twilio", "error", error="21609")
    await receiver.send(text_to())
    assert inbox.phone.public_base == ""
    inbox.heal()
    await receiver.send(text_to())
    assert inbox.phone.public_base == ""


@pytest.mark.parametrize(
    ("external_url", "base"),
    [
        ("https://burnline.example.org", "https://burnline.example.org"),
        ("https://example.org/burnline/", "https://example.org/burnline"),
        ("http://127.0.0.1:9477", ""),
        ("", ""),
    ],
)
async def test_callbacks_are_asked_for_only_where_they_can_come(inbox, receiver, external_url, base):
    await receiver.send(text_to(external_url=external_url))
    assert inbox.phone.public_base == base


async def test_a_probe_asks_for_the_account_and_sends_nothing(inbox, receiver):
    inbox.phone.reply_url = "https://burnline.example.org/api/v1/twilio/reply?key=planted"
    said = await receiver.probe()
    assert said == "the full account is active; replies go to burnline.example.org/api/v1/twilio/reply"
    inbox.phone.reply_url = ""
    assert (await receiver.probe()).endswith("; replies go nowhere")
    inbox.phone.account_status = "suspended"
    with pytest.raises(Rejected, match="it is suspended, not active"):
        await receiver.probe()
    assert not inbox.messages()


async def test_a_phone_that_said_stop_is_refused_until_it_says_start(inbox, receiver):
    """Twilio is asked each time, so that START is all it takes."""
    inbox.phone.opted_out.add("+33612345678")
    with pytest.raises(Rejected, match="they must text START"):
        await receiver.send(text_to())
    inbox.phone.opted_out.clear()
    await receiver.send(text_to())


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
