"""A relay's answer says whether to come again, and when."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.notify.receivers.smtp_answers import answered, greylisted, too_big


@pytest.mark.parametrize(
    ("code", "text", "after_ms"),
    [
        (450, "4.2.0 <ana@example.org>: Recipient address rejected: Greylisted", 300_000),
        (451, "4.7.1 Greylisting in action, please come back later", 300_000),
        (450, "4.2.0 Greylisted, see http://postgrey.example/help; try again in 180 seconds", 180_000),
        (451, "4.7.1 Please try again later", 300_000),
        (451, "4.3.0 Local error in processing", None),
        (452, "4.2.2 The mailbox is full", None),
        (454, "4.7.0 Temporary authentication failure", None),
        (421, "4.7.0 Too many messages", 30_000),
        (421, "4.7.0 [TS01] Messages temporarily deferred, retry after 10 minutes", 600_000),
        (450, "4.7.1 slow down, wait 1 s", 10_000),
        (450, "4.7.1 slow down, come back in 99999 seconds", 900_000),
    ],
)
def test_a_refusal_for_now_says_when_to_come_again(code, text, after_ms):
    error = answered(code, text, "sending")
    assert isinstance(error, RetryLater)
    assert error.after_ms == after_ms


@pytest.mark.parametrize(
    ("code", "text", "login", "reason"),
    [
        (550, "5.1.1 No such user", False, "clientError"),
        (554, "5.7.1 Spam", False, "clientError"),
        (535, "5.7.8 Bad credentials", False, "authError"),
        (530, "5.7.0 Authentication required", False, "authError"),
        (501, "5.5.2 Cannot decode", True, "authError"),
    ],
)
def test_a_refusal_for_good_says_whether_the_login_is_to_blame(code, text, login, reason):
    error = answered(code, text, "sending", login=login)
    assert isinstance(error, Rejected)
    assert error.reason == reason
    assert str(error).startswith(f"sending: {code} {text}")


@pytest.mark.parametrize(
    ("code", "text", "big"),
    [
        (552, "5.3.4 Message size exceeds fixed limit", True),
        (552, "Message exceeds maximum size", True),
        (554, "5.2.3 Message too long", True),
        (552, "5.2.2 Mailbox full", False),
        (552, "Quota exceeded for this mailbox", False),
        (554, "5.7.1 Refused", False),
        (452, "4.3.4 Message too big", False),
    ],
)
def test_a_mail_is_too_big_where_a_shorter_one_might_be_taken(code, text, big):
    assert too_big(code, text) is big


def test_only_a_refusal_for_now_is_greylisting():
    assert not greylisted(550, "5.7.1 You are greylisted for ever")
