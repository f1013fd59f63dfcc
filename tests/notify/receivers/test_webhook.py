"""The webhook speaks Alertmanager's JSON, version 4."""

from __future__ import annotations

import json

import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import WebhookChannel
from agent.notify.receivers import make_receiver
from agent.notify.receivers.webhook import payload
from tests.notify.messages.stories import alert, notification


def test_the_object_is_alertmanager_s():
    """The keys are those that Alertmanager's documentation lists for webhook_config."""
    a, b = alert("a:1"), alert("b:1", end=-1)
    assert payload(notification(a, b)) == {
        "version": "4",
        "groupKey": '{}:{alertname="VeryHighErrorRate"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "oncall",
        "notification_reason": "first notification",
        "groupLabels": {"alertname": "VeryHighErrorRate"},
        "commonLabels": {"alertname": "VeryHighErrorRate", "service": "rag", "severity": "critical"},
        "commonAnnotations": dict(a.annotations),
        "externalURL": "https://burnline.example.org",
        "alerts": [
            {
                "status": "firing",
                "labels": dict(a.labels),
                "annotations": dict(a.annotations),
                "startsAt": "2026-01-05T13:58:00.000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://burnline.example.org/alerts/caaaffbd9ccf039f",
                "fingerprint": a.fingerprint,
            },
            {
                "status": "resolved",
                "labels": dict(b.labels),
                "annotations": dict(b.annotations),
                "startsAt": "2026-01-05T13:58:00.000Z",
                "endsAt": "2026-01-05T14:01:00.000Z",
                "generatorURL": "https://burnline.example.org/alerts/caaaffbd9ccf039f",
                "fingerprint": b.fingerprint,
            },
        ],
    }


def test_alerts_beyond_the_limit_are_counted():
    made = payload(notification(*[alert(f"n{n}") for n in range(5)]), max_alerts=2)
    assert (len(made["alerts"]), made["truncatedAlerts"]) == (2, 3)


async def test_it_is_posted_with_its_idempotency_key(inbox, renderer, closing):
    receiver = closing(make_receiver(WebhookChannel(url=Secret(inbox.webhook_url), max_alerts=1), renderer))
    await receiver.send(notification(alert("a"), alert("b")))
    (message,) = inbox.messages("webhook")
    assert message.key == "key-0"
    assert json.loads(message.text)["truncatedAlerts"] == 1


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "after_ms"),
    [
        ({"kind": "rate_limited", "retry_after_s": 4}, RetryLater, "rateLimited", 4_000),
        ({"kind": "server_error"}, RetryLater, "serverError", None),
        ({"kind": "drop"}, RetryLater, "other", None),
        ({"kind": "error", "error": "bad planted-token"}, Rejected, "clientError", None),
        ({"kind": "invalid_token"}, Rejected, "authError", None),
    ],
)
async def test_each_refusal_says_whether_to_come_again(inbox, renderer, closing, fault, kind, reason, after_ms):
    """And an answer that echoes the token does not put it into the error."""
    inbox.fail("webhook", **fault)
    channel = WebhookChannel(url=Secret(f"{inbox.webhook_url}?key=planted-key"), bearer_token=Secret("planted-token"))
    with pytest.raises(kind) as caught:
        await closing(make_receiver(channel, renderer)).send(notification(alert()))
    assert caught.value.reason == reason
    assert getattr(caught.value, "after_ms", None) == after_ms
    assert "planted" not in str(caught.value)


async def test_a_redirect_is_not_followed(renderer, closing, canned_server):
    """It would carry the credentials elsewhere."""
    url = await canned_server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Rejected, match="HTTP 302"):
        await closing(make_receiver(WebhookChannel(url=Secret(url)), renderer)).send(notification(alert()))


async def test_an_endless_answer_is_read_no_further_than_needed(renderer, closing, canned_server):
    url = await canned_server(b"HTTP/1.1 400 Bad\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 200_000)
    with pytest.raises((Rejected, RetryLater)) as caught:
        await closing(make_receiver(WebhookChannel(url=Secret(url)), renderer)).send(notification(alert()))
    assert len(str(caught.value)) < 400


async def test_an_untrusted_certificate_is_final(renderer, closing, server_tls):
    from agent.notify.inbox import Inbox

    async with Inbox(smtp_tls=server_tls, smtp_implicit_tls=True) as inbox:
        url = Secret(f"https://127.0.0.1:{inbox.smtp_port}/")
        with pytest.raises(Rejected, match="certificate is not trusted"):
            await closing(make_receiver(WebhookChannel(url=url), renderer)).send(notification(alert()))
