"""A page, what became of it and its end go through a real mail server into maildirs. Budget: 60 s of real time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import pytest_asyncio

from agent.errors import Rejected
from agent.model import Secret
from agent.notify import RowState
from agent.notify.channels import EmailChannel
from agent.notify.messages import Renderer
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.tls import TlsSettings
from tests.conftest import missing
from tests.notify.messages.stories import NASTY, alert, notification
from tests.notify.receivers.mail_world import START_MS, MailWorld, page
from tests.peers import postfix

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]
SUBJECT = "[CRITICAL] HighErrorRate on rag"


@pytest.fixture(scope="module")
def installed():
    if lack := postfix.lacking():
        missing("peers", lack)
    server = postfix.Postfix()
    yield server
    server.remove()


@pytest.fixture
def relay(installed):
    """A postfix that runs, with empty mailboxes."""
    if installed.size_limit != postfix.SIZE_LIMIT:
        installed.stop()
        installed.size_limit = postfix.SIZE_LIMIT
    if not installed.running:
        installed.start()
    installed.empty()
    return installed


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


def channel_to(relay, **more) -> EmailChannel:
    """Return a channel with everything on: STARTTLS required, the server's own CA, a login."""
    return EmailChannel(
        smarthost=relay.smarthost,
        sender="Burnline <burnline@example.org>",
        hello="agent.example.org",
        auth_username=f"{postfix.USER}@example.org",
        auth_password=Secret(postfix.PASSWORD),
        tls=TlsSettings(ca_file=relay.ca_file),
        reply_to="Search team <search@example.org>",
        **more,
    )


@pytest_asyncio.fixture
async def world(relay, tmp_path, renderer):
    made = MailWorld(tmp_path, channel_to(relay), renderer, external_url="https://on.example.org")
    yield made
    await made.close()


async def test_a_page_its_update_and_its_end_are_one_thread_in_each_mailbox(relay, world):
    await world.at(0, page())
    await world.at(60, page("b:8000"))
    await world.at(600, page(ends_ms=START_MS + 599_000), page("b:8000", ends_ms=START_MS + 599_000))
    await world.at(700)
    for user in ("ana", "bob"):
        first, second, third = relay.mails(user, 3)
        assert [each["X-Alert-Status"] for each in (first, second, third)] == ["firing", "firing", "resolved"]
        assert [each["Subject"] for each in (first, second, third)] == [SUBJECT, f"Re: {SUBJECT}", f"Re: {SUBJECT}"]
        assert second["References"].split() == [first["Message-ID"]]
        assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]
        assert second["In-Reply-To"] == third["In-Reply-To"] == first["Message-ID"]
    assert world.states() == {"ana": RowState.SENT, "bob": RowState.SENT}


async def test_what_arrives_is_what_was_meant(relay, world):
    await world.at(0, page())
    (mail,) = relay.mails("ana", 1)
    assert mail.defects == []
    assert mail["From"] == "Burnline <burnline@example.org>"
    assert mail["To"] == "ana@example.org"
    assert mail["Reply-To"] == "Search team <search@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert mail["List-Id"] == "<team.burnline.example.org>"
    assert mail["Return-Path"] == "<burnline@example.org>"
    assert "agent.example.org" in mail["Received"]
    assert "with ESMTPSA" in mail["Received"]  # RFC 3848: encrypted and logged in
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for body in (text, html):
        assert "7.3%" in body
        assert "15:02 CET (14:02 UTC)" in body
        assert "https://on.example.org/a/" in body
    (row,) = world.rows("ana")
    assert row.provider_id == mail["Message-ID"]
    assert row.attempts == 1


@pytest.mark.parametrize("kind", NASTY)
async def test_no_label_loses_a_mail_or_bends_it(relay, renderer, kind):
    text = NASTY[kind]
    told = notification(
        alert(text, alertname=text, service=text, a_summary=text, a_description=text),
        to="ana@example.org", channel=Channel.EMAIL, receiver=text, incident=text, group_key=text,
    )  # fmt: skip
    await make_receiver(channel_to(relay), renderer).send(told)
    (mail,) = relay.mails("ana", 1)
    assert mail.defects == []
    assert mail["Bcc"] is None
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert renderer.email(told).text.rstrip() == mail.get_body(("plain",)).get_content().rstrip().replace("\r\n", "\n")


async def test_a_page_made_while_the_server_was_down_arrives_once_when_it_is_back(relay, world):
    relay.stop()
    await world.at(0, page())
    assert world.states() == {"ana": RowState.PENDING, "bob": RowState.PENDING}
    assert "could not connect" in world.row("ana").error
    relay.start()
    await world.at(30)
    assert world.states() == {"ana": RowState.SENT, "bob": RowState.SENT}
    assert world.row("ana").attempts > 1
    assert len(relay.mails("ana", 1)) == len(relay.mails("bob", 1)) == 1


async def test_an_unknown_mailbox_is_refused_alone(relay, renderer):
    receiver = make_receiver(channel_to(relay), renderer)
    told = notification(alert(), to="nobody@example.org", channel=Channel.EMAIL)
    with pytest.raises(Rejected, match=r"nobody@example.org by .*: 550 .*5\.1\.1"):
        await receiver.send(told)
    receipt = await receiver.send(
        notification(alert(), to="nobody@example.org, ana@example.org", channel=Channel.EMAIL)
    )
    assert "not to nobody@example.org: 550" in receipt.detail
    assert len(relay.mails("ana", 1)) == 1


@pytest.mark.parametrize("mechanism", ["", "plain", "login", "cram-md5"])
async def test_every_login_of_the_server_works_and_a_wrong_password_does_not(relay, renderer, mechanism):
    channel = channel_to(relay, auth_mechanism=mechanism)
    used = mechanism or "plain"  # what it offers first
    assert f"TLSv1.3, logged in by {used.upper()}" in await make_receiver(channel, renderer).probe()
    wrong = replace(channel, auth_password=Secret("planted-wrong"))
    with pytest.raises(Rejected, match="535") as caught:
        await make_receiver(wrong, renderer).probe()
    assert caught.value.reason == "authError"
    assert "planted" not in str(caught.value)


async def test_tls_from_the_first_byte_works_and_an_unknown_authority_is_refused(relay, renderer):
    at_once = replace(channel_to(relay), smarthost=f"127.0.0.1:{relay.tls_port}", implicit_tls=True)
    await make_receiver(at_once, renderer).send(notification(alert(), to="bob@example.org", channel=Channel.EMAIL))
    assert len(relay.mails("bob", 1)) == 1
    for trusting in (at_once, channel_to(relay)):
        stranger = replace(trusting, tls=TlsSettings())
        with pytest.raises(Rejected, match="certificate was refused"):
            await make_receiver(stranger, renderer).probe()


async def test_a_server_that_takes_only_small_mails_gets_the_short_one(relay, renderer):
    relay.stop()
    relay.size_limit = 4_000
    relay.start()
    told = notification(alert(), to="ana@example.org", channel=Channel.EMAIL)
    receipt = await make_receiver(channel_to(relay), renderer).send(told)
    assert "the short version, because the relay takes 4000 bytes" in receipt.detail
    (mail,) = relay.mails("ana", 1)
    assert mail.get_content_type() == "text/plain"
    assert "CRITICAL: VeryHighErrorRate" in mail.get_content()
