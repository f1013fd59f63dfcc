"""A mail server at its worst: who is told all the same, when, and what is written down."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify import RowState
from agent.notify.channels import EmailChannel
from agent.notify.inbox import Inbox
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from agent.notify.tls import TlsSettings
from tests.notify.messages.stories import alert, notification
from tests.notify.receivers.mail_world import START_MS, MailWorld, page


def channel_to(inbox, **more) -> EmailChannel:
    more = {"starttls": "opportunistic", "sender": "Burnline <burnline@example.org>", **more}
    return EmailChannel(smarthost=inbox.smarthost, **more)


def mail_to(to="ana@example.org", **more):
    return notification(alert(), to=to, channel=Channel.EMAIL, **more)


def told(inbox) -> list[str]:
    return [each.to for each in inbox.messages("email")]


@pytest_asyncio.fixture
async def world(tmp_path, renderer):
    """The dispatcher over an inbox that has the world's clock."""
    clock = {"ms": START_MS}
    async with Inbox(now_ms=lambda: clock["ms"]) as inbox:
        made = MailWorld(tmp_path, channel_to(inbox, timeout_ms=2_000), renderer)
        move = made.at

        async def at(seconds, *alerts):
            clock["ms"] = START_MS + int(seconds * 1000)
            await move(seconds, *alerts)

        made.at = at
        yield made, inbox
        await made.close()


async def test_greylisting_is_waited_out_for_five_minutes_and_not_hammered(world):
    tale, inbox = world
    inbox.fail("smtp", "greylisted", times=None, delay_ms=240_000)
    await tale.at(0, page())
    row = tale.row("ana")
    assert (row.state, row.attempts) == (RowState.PENDING, 1)
    assert "451 4.7.1" in row.error
    assert "greylisted, tried again in 300 s" in row.error
    await tale.at(299)
    assert tale.row("ana").attempts == 1
    assert told(inbox) == []
    await tale.at(301)
    assert sorted(told(inbox)) == ["ana@example.org", "bob@example.org"]
    assert tale.row("ana").attempts == 2


async def test_one_bad_mailbox_fails_alone_and_its_message_goes_to_on_failure(world):
    tale, inbox = world
    inbox.fail("smtp", "refused_recipient", times=None, error="ana@example.org")
    await tale.at(0, page())
    assert sorted(told(inbox)) == ["bob@example.org", "chris@example.org"]
    failed = tale.row("ana")
    assert failed.state is RowState.FAILED
    assert "ana@example.org" in failed.error
    assert "550 5.1.1" in failed.error
    assert tale.row("chris").options["instead_of"] == "email:ana@example.org"


async def test_a_mail_that_is_too_big_is_sent_short_at_once(world):
    tale, inbox = world
    inbox.fail("smtp", "too_big", times=None)
    await tale.at(0, page())
    assert sorted(told(inbox)) == ["ana@example.org", "bob@example.org"]
    (mail, *_) = inbox.messages("email")
    assert mail.html == ""
    assert "CRITICAL: HighErrorRate" in mail.text
    assert "The relay refused the whole mail: 552 5.3.4" in mail.text
    assert mail.subject == "[CRITICAL] HighErrorRate on rag"
    assert tale.row("ana").attempts == 1


async def test_a_mail_above_the_size_that_the_relay_names_is_sent_short_without_asking(renderer, monkeypatch):
    monkeypatch.setattr("agent.notify.inbox.smtp._LARGEST_MAIL", 5_000)
    async with Inbox() as inbox:
        receipt = await make_receiver(channel_to(inbox), renderer).send(mail_to())
        (mail,) = inbox.messages("email")
    assert mail.html == ""
    assert "the short version, because the relay takes 5000 bytes, the mail has" in receipt.detail


async def test_a_relay_that_is_too_busy_to_greet_is_asked_again_after_half_a_minute(world):
    tale, inbox = world
    inbox.fail("smtp", "busy", times=2)
    await tale.at(0, page())
    assert told(inbox) == []
    assert "421 4.3.2" in tale.row("ana").error
    await tale.at(29)
    assert told(inbox) == []
    await tale.at(31)
    assert sorted(told(inbox)) == ["ana@example.org", "bob@example.org"]


async def test_an_answer_that_is_lost_after_the_mail_is_repeated_under_the_same_id(world):
    tale, inbox = world
    inbox.fail("smtp", "drop_after", times=2)
    await tale.at(0, page())
    assert "may have arrived, and is tried again under the same Message-ID" in tale.row("ana").error
    await tale.at(10)
    assert tale.states() == {"ana": RowState.SENT, "bob": RowState.SENT}
    to_ana = [each for each in inbox.messages("email") if each.to == "ana@example.org"]
    assert len(to_ana) == 2
    assert len({each.key for each in to_ana}) == 1


async def test_a_relay_that_lost_its_encryption_gets_no_mail_and_the_row_says_what_to_set(
    renderer, server_tls, authority
):
    async with Inbox(smtp_tls=server_tls) as inbox:
        channel = channel_to(inbox, starttls="required", tls=TlsSettings(ca_file=authority[1]))
        inbox.fail("smtp", "no_tls")
        with pytest.raises(Rejected, match=r"does not offer STARTTLS; .* require_tls: false"):
            await make_receiver(channel, renderer).send(mail_to())
        assert told(inbox) == []
        await make_receiver(channel, renderer).send(mail_to())
        assert told(inbox) == ["ana@example.org"]


@pytest.mark.parametrize("pause_ms", [20, 5_000], ids=["dribbles", "says one line"])
async def test_a_tarpit_holds_a_connection_no_longer_than_the_bound(inbox, renderer, pause_ms):
    """A relay may speak all the time and never finish; the time of the whole attempt is what counts."""
    inbox.fail("smtp", "tarpit", times=None, delay_ms=pause_ms)
    began = asyncio.get_running_loop().time()
    with pytest.raises(RetryLater) as caught:
        await make_receiver(channel_to(inbox, timeout_ms=200), renderer).send(mail_to())
    assert caught.value.reason == "contextDeadlineExceeded"
    assert (
        asyncio.get_running_loop().time() - began < 3
    )  # 0.2 s here; a wait without a bound ends by the test's timeout


async def test_a_failed_mail_leaves_the_slot_to_the_next(inbox, renderer):
    receiver = make_receiver(channel_to(inbox, timeout_ms=300), renderer)
    inbox.fail("smtp", "tarpit", times=2)
    sent = [receiver.send(mail_to(f"p{n}@example.org", seq=n)) for n in range(6)]
    outcomes = await asyncio.gather(*sent, return_exceptions=True)
    assert sum(isinstance(each, RetryLater) for each in outcomes) == 2
    assert len(told(inbox)) == 4


async def test_mails_that_wait_share_connections_and_none_stays_open(renderer, server_tls, authority, monkeypatch):
    """A handshake and a login for each mail of a storm would make the storm the relay's problem."""
    opened = []
    async with Inbox(smtp_tls=server_tls, smtp_login=("ana", "right")) as inbox:
        make = inbox._mail._protocol
        monkeypatch.setattr(inbox._mail, "_protocol", lambda: opened.append(1) or make())
        login = {"auth_username": "ana", "auth_password": Secret("right")}
        receiver = make_receiver(channel_to(inbox, tls=TlsSettings(ca_file=authority[1]), **login), renderer)
        await asyncio.gather(*(receiver.send(mail_to(f"p{n}@example.org", seq=n)) for n in range(12)))
        assert len(told(inbox)) == 12
        assert receiver._kept == []
    assert len(opened) <= 2


async def test_a_connection_that_died_between_two_mails_costs_nothing(inbox, renderer):
    receiver = make_receiver(channel_to(inbox), renderer)
    inbox.fail("smtp", "rate_limited")  # 421 closes the connection that the next in line would have taken over
    sent = [receiver.send(mail_to(f"p{n}@example.org", seq=n)) for n in range(5)]
    outcomes = await asyncio.gather(*sent, return_exceptions=True)
    assert sum(isinstance(each, RetryLater) for each in outcomes) == 1
    assert len(told(inbox)) == 4


async def test_several_recipients_of_one_mail_get_it_without_the_one_that_is_refused(inbox, renderer):
    inbox.fail("smtp", "refused_recipient", error="b@example.org")
    receipt = await make_receiver(channel_to(inbox), renderer).send(
        mail_to("a@example.org, B <b@example.org>, c@example.org")
    )
    assert told(inbox) == ["a@example.org", "c@example.org"]
    assert "not to b@example.org: 550" in receipt.detail


async def test_in_strict_mode_one_refused_recipient_refuses_the_mail_and_it_is_tried_again(inbox, renderer):
    """As Alertmanager does: one mail to all, nothing to anybody, until the next try."""
    inbox.fail("smtp", "refused_recipient", error="b@example.org")
    receiver = make_receiver(channel_to(inbox, together=True), renderer)
    with pytest.raises(RetryLater, match="550"):
        await receiver.send(mail_to("a@example.org, b@example.org"))
    assert told(inbox) == []
    await receiver.send(mail_to("a@example.org, b@example.org"))
    assert told(inbox) == ["a@example.org", "b@example.org"]
    assert len({each.key for each in inbox.messages("email")}) == 1


async def test_an_address_beyond_ascii_is_taken_where_the_relay_can_and_refused_in_words_where_not(renderer):
    async with Inbox() as inbox:
        await make_receiver(channel_to(inbox), renderer).send(mail_to("jürgen@müller.example"))
        assert told(inbox) == ["jürgen@xn--mller-kva.example"]
    async with Inbox(smtp_utf8=False) as inbox:
        with pytest.raises(Rejected, match=r"jürgen@.* needs a relay with SMTPUTF8, and this one has none"):
            await make_receiver(channel_to(inbox), renderer).send(mail_to("jürgen@müller.example"))
        assert told(inbox) == []
