"""Mail reaches a real SMTP server: threaded, encrypted, safe from label text, and its refusals are told apart."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import EmailChannel
from agent.notify.inbox import Inbox
from agent.notify.inbox.smtp import MailHandler
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.mail import address, compose, envelope, message_id, state
from agent.notify.tls import TlsSettings
from tests.notify.messages.stories import NASTY, alert, notification


def mail_to(to="ana@example.org", *alerts, **more):
    return notification(*(alerts or (alert(),)), to=to, channel=Channel.EMAIL, **more)


def plain(inbox, **more):
    """The channel to an inbox without TLS."""
    return EmailChannel(
        smarthost=inbox.smarthost, sender="Burnline <burnline@example.org>", starttls="opportunistic", **more
    )


@pytest.fixture
def raw(monkeypatch):
    """Every mail as it came over the wire."""
    seen = []
    take = MailHandler.handle_DATA

    async def tap(self, server, session, envelope):
        seen.append(bytes(envelope.content))
        return await take(self, server, session, envelope)

    monkeypatch.setattr(MailHandler, "handle_DATA", tap)
    return seen


async def test_a_mail_has_a_text_and_an_html_part_and_seven_bits(inbox, renderer, raw):
    receipt = await make_receiver(plain(inbox), renderer).send(mail_to())
    (wire,) = raw
    mail = message_from_bytes(wire, policy=default)
    assert max(wire) < 128
    assert max(len(line) for line in wire.splitlines()) <= 998
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail["Subject"] == "[CRITICAL] VeryHighErrorRate on rag"
    assert mail["From"] == "Burnline <burnline@example.org>"
    assert mail["Date"] == "Mon, 05 Jan 2026 14:02:00 +0000"
    assert "more than one query in ten fails" in mail.get_body(("plain",)).get_content()
    assert receipt.provider_id == mail["Message-ID"]
    assert "queued as 1" in receipt.detail


async def test_the_headers_keep_robots_quiet_and_filters_happy(inbox, renderer, raw):
    await make_receiver(plain(inbox), renderer).send(mail_to())
    mail = message_from_bytes(raw[0], policy=default)
    assert {name: mail[name] for name in ("Auto-Submitted", "X-Auto-Response-Suppress", "List-Id", "Importance")} == {
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": "<oncall.burnline.example.org>",
        "Importance": "high",
    }
    assert mail["X-Alert-Severity"] == "critical"
    assert mail["X-Alert-Status"] == "firing"
    assert mail["X-Alert-Fingerprint"] == alert().fingerprint


async def test_later_mails_of_an_incident_are_one_thread(inbox, renderer, raw):
    receiver = make_receiver(plain(inbox), renderer)
    first = await receiver.send(mail_to())
    second = await receiver.send(mail_to("ana@example.org", alert(), alert("b"), seq=1, previous=first.state))
    await receiver.send(mail_to("ana@example.org", alert(end=1), seq=2, minute=2, previous=second.state))
    one, two, three = (message_from_bytes(each, policy=default) for each in raw)
    assert one["References"] is None
    assert two["In-Reply-To"] == three["In-Reply-To"] == one["Message-ID"]
    assert two["References"] == one["Message-ID"]
    assert three["References"].split() == [one["Message-ID"], two["Message-ID"]]
    assert two["Subject"] == three["Subject"] == f"Re: {one['Subject']}"
    assert three["X-Alert-Status"] == "resolved"


async def test_a_second_try_has_the_same_message_id(inbox, renderer, raw):
    """So that a mail store can drop the copy where the answer to the first try was lost."""
    receiver = make_receiver(plain(inbox), renderer)
    inbox.fail("smtp", "drop_after")
    with pytest.raises(RetryLater):
        await receiver.send(mail_to())
    await receiver.send(mail_to())
    first, second = (message_from_bytes(each, policy=default)["Message-ID"] for each in raw)
    assert first == second


@pytest.mark.parametrize("kind", NASTY)
async def test_no_label_adds_a_header_or_a_recipient(inbox, renderer, raw, kind):
    text = NASTY[kind]
    told = mail_to(
        "ana@example.org", alert(text, alertname=text, service=text, a_summary=text),
        receiver=text, incident=text, group_key=text,
        options={"headers": {"X-Team": text, "Bcc": "x@example.org", "Bad\nName": "y", "X-Alert-Status": "z"}},
        previous={"root": f"<a@b>\r\nBcc: x@example.org {text}", "subject": text},
    )  # fmt: skip
    await make_receiver(plain(inbox), renderer).send(told)
    mail = message_from_bytes(raw[0], policy=default)
    allowed = {
        "Subject", "From", "To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "List-Id",
        "X-Auto-Response-Suppress", "X-Alert-Status", "X-Alert-Severity", "X-Alert-Name", "X-Alert-Group",
        "X-Alert-Incident", "X-Alert-Fingerprint", "Importance", "X-Priority", "X-Team", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert set(mail.keys()) <= allowed | {"X-Peer", "X-MailFrom", "X-RcptTo"}
    assert mail["X-Alert-Status"] == "firing"
    assert [each.to for each in inbox.messages("email")] == ["ana@example.org"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "a@b@c",
        "ana@example.org\nBcc: x@y",
        "a b@c",
        "<a@b>; c@d",
        "a@" + "x" * 300,
    ],
)
async def test_a_bad_address_is_refused_before_anything_is_sent(inbox, renderer, text):
    with pytest.raises(Rejected, match="is not a mail address"):
        await make_receiver(plain(inbox), renderer).send(mail_to(text))
    assert not inbox.messages()


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ana@example.org", "ana@example.org"),
        ("Ana B <a@b.example>", "a@b.example"),
        ("a@müller.example", "a@xn--mller-kva.example"),
    ],
)
def test_good_addresses_are_taken(text, spec):
    assert address(text, "to").addr_spec == spec


def test_a_message_id_comes_from_the_key_alone():
    assert message_id("a", "x.example") == message_id("a", "x.example")
    assert message_id("a", "x.example") != message_id("b", "x.example")


def test_a_thread_s_state_is_plain(renderer):
    told = mail_to()
    channel = EmailChannel(sender="b@example.org")
    kept = state(told, compose(told, renderer.email(told), envelope("ana@example.org", channel), channel))
    assert kept["root"] == kept["message_id"]
    assert kept["subject"] == "[CRITICAL] VeryHighErrorRate on rag"


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ({"kind": "rate_limited"}, RetryLater, "rateLimited"),
        ({"kind": "server_error"}, RetryLater, "serverError"),
        ({"kind": "refused_recipient"}, Rejected, "clientError"),
        ({"kind": "invalid_token"}, Rejected, "authError"),
        ({"kind": "drop"}, RetryLater, "other"),
        ({"kind": "error", "error": "552 5.3.4 Message too big", "times": None}, Rejected, "clientError"),
        ({"kind": "error", "error": "452 4.3.1 Mailbox full"}, RetryLater, "serverError"),
        ({"kind": "slow", "delay_ms": 60_000}, RetryLater, "contextDeadlineExceeded"),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, fault, kind, reason):
    inbox.fail("smtp", **fault)
    channel = plain(inbox, timeout_ms=300 if fault["kind"] == "slow" else 5_000)
    with pytest.raises(kind) as caught:
        await make_receiver(channel, renderer).send(mail_to())
    assert caught.value.reason == reason
    assert "ana@example.org" in str(caught.value)


async def test_a_relay_that_is_not_there_is_tried_again(renderer, inbox):
    channel = plain(inbox)
    await inbox.stop()
    with pytest.raises(RetryLater, match="could not connect"):
        await make_receiver(channel, renderer).send(mail_to())


async def test_without_starttls_the_mail_is_refused_with_words_on_what_to_set(inbox, renderer):
    channel = EmailChannel(smarthost=inbox.smarthost, sender="b@example.org")
    with pytest.raises(Rejected, match=r"does not offer STARTTLS; .* require_tls: false"):
        await make_receiver(channel, renderer).send(mail_to())
    assert not inbox.messages()


async def test_starttls_is_used_and_its_certificate_checked(renderer, server_tls, authority):
    async with Inbox(smtp_tls=server_tls) as inbox:
        trusting = EmailChannel(
            smarthost=inbox.smarthost, sender="b@example.org", tls=TlsSettings(ca_file=authority[1])
        )
        await make_receiver(trusting, renderer).send(mail_to())
        assert len(inbox.messages("email")) == 1
        with pytest.raises(Rejected, match=r"certificate was refused: .*; set ca_file"):
            await make_receiver(EmailChannel(smarthost=inbox.smarthost, sender="b@example.org"), renderer).send(
                mail_to()
            )


async def test_without_require_tls_an_offered_starttls_is_still_used(renderer, server_tls):
    """Encrypted by an unknown certificate is better than in the clear."""
    async with Inbox(smtp_tls=server_tls, smtp_login=("ana", "right")) as inbox:
        channel = plain(inbox, auth_username="ana", auth_password=Secret("right"))
        await make_receiver(channel, renderer).send(mail_to())
        assert len(inbox.messages("email")) == 1


async def test_port_465_speaks_tls_at_once(renderer, server_tls, authority, monkeypatch):
    """The inbox cannot have port 465 without root, so the port that means it is moved."""
    async with Inbox(smtp_tls=server_tls, smtp_implicit_tls=True) as inbox:
        monkeypatch.setattr("agent.notify.receivers.smtp_relay.IMPLICIT_TLS_PORT", inbox.smtp_port)
        channel = EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", tls=TlsSettings(ca_file=authority[1]))
        await make_receiver(channel, renderer).send(mail_to())
        assert len(inbox.messages("email")) == 1


@pytest.mark.parametrize("identity", ["", "ana"])
async def test_the_login_is_used_and_a_wrong_one_is_final(renderer, server_tls, authority, identity):
    async with Inbox(smtp_tls=server_tls, smtp_login=("ana", "right")) as inbox:

        def channel(password):
            return EmailChannel(
                smarthost=inbox.smarthost, sender="b@example.org", tls=TlsSettings(ca_file=authority[1]),
                auth_username="ana", auth_password=Secret(password), auth_identity=identity,
            )  # fmt: skip

        await make_receiver(channel("right"), renderer).send(mail_to())
        with pytest.raises(Rejected, match=r"535 .*; check auth_username") as caught:
            await make_receiver(channel("planted-wrong-password"), renderer).send(mail_to())
        assert caught.value.reason == "authError"
        assert "planted" not in str(caught.value)


async def test_a_missing_login_is_an_auth_error(renderer, server_tls, authority):
    async with Inbox(smtp_tls=server_tls, smtp_login=("ana", "right")) as inbox:
        channel = EmailChannel(smarthost=inbox.smarthost, sender="b@example.org", tls=TlsSettings(ca_file=authority[1]))
        with pytest.raises(Rejected, match="530") as caught:
            await make_receiver(channel, renderer).send(mail_to())
        assert caught.value.reason == "authError"


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (EmailChannel(), "no smarthost is set"),
        (EmailChannel(smarthost="relay:smtp"), "not host:port"),
        (EmailChannel(smarthost="relay:25", tls=TlsSettings(ca_file="absent.pem")), "absent.pem"),
        (EmailChannel(smarthost="relay:25", sender="nobody"), "from"),
    ],
)
async def test_a_channel_that_cannot_work_says_what_to_set(renderer, channel, words):
    with pytest.raises(Rejected, match=words):
        await make_receiver(channel, renderer).send(mail_to())


async def test_many_mails_at_once_all_arrive_over_two_connections(inbox, renderer):
    receiver = make_receiver(plain(inbox), renderer)
    await asyncio.gather(*(receiver.send(mail_to(f"p{n}@example.org", seq=n)) for n in range(8)))
    assert {each.to for each in inbox.messages("email")} == {f"p{n}@example.org" for n in range(8)}
