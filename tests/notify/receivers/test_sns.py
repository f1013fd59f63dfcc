"""SMS and topics by Amazon SNS: what is published, to whom, and which refusals are final."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.aws import region_of
from agent.notify.channels import SnsChannel
from agent.notify.inbox.sns import ACCESS_KEY, OPTED_OUT, SECRET_KEY
from agent.notify.messages import Renderer
from agent.notify.notification import Channel
from agent.notify.receivers.sns import ERRORS, SnsReceiver, cut, endpoint, plain_subject
from tests.notify.messages.stories import AT_MS, NASTY, alert, notification

PHONE = "+33612345678"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:pages"


def to_phone(*alerts, to=PHONE, **more):
    return notification(*(alerts or (alert(),)), to=to, channel=Channel.SMS, **more)


def to_topic(*alerts, to=TOPIC, **more):
    return notification(*(alerts or (alert(),)), to=to, channel=Channel.SNS, **more)


@pytest.fixture
def make(inbox, renderer, closing):
    def receiver(words=renderer, at_s=AT_MS / 1000, **more):
        known = {
            "region": "eu-west-1",
            "access_key": ACCESS_KEY,
            "secret_key": Secret(SECRET_KEY),
            "url": inbox.sns_url,
        }
        return closing(SnsReceiver(SnsChannel(**(known | more)), words, clock=lambda: at_s))

    return receiver


async def test_a_page_is_one_transactional_text(inbox, make):
    receipt = await make(sender_id="Burnline", max_price="0.50").send(to_phone())
    (message,) = inbox.messages("sms")
    assert (message.to, message.provider_id) == (PHONE, receipt.provider_id)
    assert message.text.startswith("CRIT rag VeryHighErrorRate: more than one query in ten fails")
    assert not receipt.delivered
    fields = inbox.cloud.published[0]
    shown = {
        fields[f"MessageAttributes.entry.{n}.Name"]: (
            fields[f"MessageAttributes.entry.{n}.Value.DataType"],
            fields[f"MessageAttributes.entry.{n}.Value.StringValue"],
        )
        for n in (1, 2, 3)
    }
    assert shown == {
        "AWS.SNS.SMS.SMSType": ("String", "Transactional"),
        "AWS.SNS.SMS.SenderID": ("String", "Burnline"),
        "AWS.SNS.SMS.MaxPrice": ("Number", "0.50"),
    }


async def test_a_text_has_no_code_since_replies_reach_nobody(inbox, make):
    await make().send(to_phone(ack_code="482193"))
    assert "482193" not in inbox.messages("sms")[0].text


async def test_several_incidents_share_a_text(inbox, make):
    receiver = make()
    await receiver.send_together([to_phone(), to_phone(alert(alertname="Slow"))])
    assert inbox.messages("sms")[0].text == "CRIT 2 alerts: rag VeryHighErrorRate, rag Slow"
    await receiver.send_together([to_topic(), to_topic(alert(alertname="Slow"))])
    assert inbox.messages("sns")[0].text == "CRIT 2 alerts: rag VeryHighErrorRate, rag Slow"


async def test_a_topic_gets_subject_and_everything(inbox, make):
    await make().send(to_topic())
    (message,) = inbox.messages("sns")
    assert (message.to, message.subject) == (TOPIC, "[CRITICAL] VeryHighErrorRate on rag")
    assert "13.4% of the queries to rag failed" in message.text


async def test_what_alertmanager_yml_says_is_sent(inbox, make):
    options = {
        "subject": "{{ .CommonLabels.alertname }}",
        "message": "{{ len .Alerts }} here",
        "attributes": {"severity": "{{ .CommonLabels.severity }}", "gone": "{{ .CommonLabels.gone }}", "bad name": "x"},
    }
    await make().send(to_topic(to="arn:aws:sns:eu-west-1:123456789012:{{ .CommonLabels.service }}", options=options))
    (message,) = inbox.messages("sns")
    assert (message.to, message.subject, message.text) == (
        "arn:aws:sns:eu-west-1:123456789012:rag",
        "VeryHighErrorRate",
        "1 here",
    )
    fields = inbox.cloud.published[0]
    assert fields["MessageAttributes.entry.1.Name"] == "severity"
    assert fields["MessageAttributes.entry.1.Value.StringValue"] == "critical"
    assert "MessageAttributes.entry.2.Name" not in fields


async def test_a_text_that_fails_is_replaced_and_in_strict_mode_final(inbox, make):
    broken = to_topic(options={"message": '{{ template "gone" . }}'})
    await make().send(broken)
    assert "13.4% of the queries" in inbox.messages("sns")[0].text
    with pytest.raises(Rejected, match="rendering message of sns_configs for SNS"):
        await make(Renderer(strict=True)).send(broken)


async def test_strict_mode_sends_alertmanagers_own_words(inbox, make):
    await make(Renderer(strict=True)).send(to_topic())
    (message,) = inbox.messages("sns")
    assert message.subject.startswith("[FIRING:1] VeryHighErrorRate")
    assert message.text.startswith("Firing:\nVeryHighErrorRate on a:8000")


async def test_a_queue_in_order_tells_groups_apart_and_takes_every_change(inbox, make):
    """A deduplication id per group, as in Alertmanager, would let SNS drop what follows within five minutes."""
    receiver = make()
    await receiver.send(to_topic(to=f"{TOPIC}.fifo"))
    await receiver.send(to_topic(alert(end=-1), to=f"{TOPIC}.fifo", seq=1))
    first, second = inbox.cloud.published
    assert first["MessageGroupId"] == second["MessageGroupId"]
    assert len(first["MessageGroupId"]) == 64
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]


@pytest.mark.parametrize(
    ("address", "parameter"),
    [(TOPIC, "TopicArn"), ("arn:aws:sns:eu-west-1:1:endpoint/GCM/app/5e3e9847", "TargetArn")],
)
async def test_the_address_says_what_it_is(inbox, make, address, parameter):
    await make().send(to_topic(to=address))
    assert inbox.cloud.published[0][parameter] == address


async def test_a_long_message_is_cut_and_says_so(inbox, make):
    await make().send(to_phone(options={"message": "ü" * 2_000}))
    (fields,) = inbox.cloud.published
    assert fields["Message"] == "ü" * 800
    assert fields["MessageAttributes.entry.2.Name"] == "truncated"


@given(st.text(), st.integers(min_value=0, max_value=60))
def test_a_cut_is_a_beginning_of_whole_characters(text, longest):
    kept = cut(text, longest)
    whole = text.encode("utf-8", "ignore").decode()
    assert len(kept.encode()) <= longest
    assert whole.startswith(kept)
    assert kept == whole or len(whole[: len(kept) + 1].encode()) > longest


@given(st.text())
def test_any_subject_is_one_that_sns_takes(text):
    subject = plain_subject(text)
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100
    assert subject == subject.strip()


@pytest.mark.parametrize("code", sorted(ERRORS))
async def test_every_known_code_has_its_verdict(inbox, make, code):
    inbox.fail("sns", "error", error=code)
    again, reason, advice = ERRORS[code]
    with pytest.raises(RetryLater if again else Rejected) as caught:
        await make().send(to_phone())
    assert caught.value.reason == reason
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rate_limited"}, RetryLater, "rateLimited"),
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "drop_after"}, RetryLater, "other"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
        ({"kind": "error", "error": "SomethingNew"}, Rejected, "clientError"),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, make, fault, kind, reason):
    inbox.fail("sns", **fault)
    with pytest.raises(kind) as caught:
        await make().send(to_phone())
    assert caught.value.reason == reason


async def test_a_number_that_opted_out_is_final_and_says_what_to_do(make):
    with pytest.raises(Rejected, match="opt the number in again"):
        await make().send(to_phone(to=OPTED_OUT))


async def test_a_wrong_key_is_final_and_stays_secret(make):
    with pytest.raises(Rejected, match="SignatureDoesNotMatch; check secret_key") as caught:
        await make(secret_key=Secret("planted")).send(to_phone())
    assert "planted" not in f"{caught.value!r}"
    assert caught.value.reason == "authError"


async def test_a_clock_that_is_off_is_refused_by_name(make):
    with pytest.raises(Rejected, match="this machine's clock"):
        await make(at_s=AT_MS / 1000 + 3_600).send(to_phone())


async def test_a_probe_signs_and_sends_nothing(inbox, make):
    assert await make().probe() == "SNS knows these keys"
    inbox.fail("sns", "error", error="AuthorizationError")
    assert "may not read" in await make().probe()
    with pytest.raises(Rejected):
        await make(secret_key=Secret("wrong")).probe()
    assert not inbox.messages()


@pytest.mark.parametrize("kind", NASTY)
async def test_any_label_can_be_published(inbox, make, kind):
    text = NASTY[kind]
    told = alert(text, alertname=text, service=text, a_summary=text, a_value=text)
    await make().send(to_phone(told))
    await make().send(to_topic(told))
    assert len(inbox.messages("sms")) == len(inbox.messages("sns")) == 1


async def test_what_is_not_set_is_named(make):
    with pytest.raises(Rejected, match="no access_key, secret_key for SNS"):
        await make(access_key="", secret_key=None).send(to_phone())


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("https://sns.us-east-2.amazonaws.com", "us-east-2"),
        ("https://sns.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        (TOPIC, "eu-west-1"),
        ("http://127.0.0.1:4566/", ""),
        ("", ""),
    ],
)
def test_a_region_is_found_in_addresses(text, region):
    assert region_of(text) == region


def test_a_region_has_its_endpoint():
    assert endpoint(SnsChannel(region="eu-west-1")) == "https://sns.eu-west-1.amazonaws.com/"
    assert endpoint(SnsChannel(region="cn-north-1")) == "https://sns.cn-north-1.amazonaws.com.cn/"
    assert endpoint(SnsChannel(url="http://127.0.0.1:4566")) == "http://127.0.0.1:4566/"
