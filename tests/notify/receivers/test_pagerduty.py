"""A group is one PagerDuty incident: triggered, acknowledged and resolved under one key, within the limits of its API."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest

from agent.errors import Rejected, RetryLater
from agent.model import Secret
from agent.notify.channels import PagerDutyChannel
from agent.notify.inbox.inbox import PAGERDUTY_KEY
from agent.notify.messages import sample_notifications
from agent.notify.messages.pagerduty import LARGEST_EVENT, severity_of
from agent.notify.notification import Channel
from agent.notify.receivers import make_receiver
from tests.notify.messages.stories import NASTY, alert, notification

GROUP = '{}:{alertname="VeryHighErrorRate"}'


@pytest.fixture
def receiver(inbox, renderer, closing):
    return closing(make_receiver(PagerDutyChannel(Secret(PAGERDUTY_KEY), inbox.pagerduty_url), renderer))


def told(*alerts, **more):
    return notification(*alerts, channel=Channel.PAGERDUTY, to="pagerduty", **more)


async def test_an_incident_s_life_is_one_incident_there(inbox, receiver):
    receipt = await receiver.send(told(alert()))
    await receiver.send(told(alert(), acknowledged_by="ana", seq=1))
    await receiver.send(told(alert(end=-1), seq=2))
    (incident,) = inbox.pagerduty.incidents.values()
    assert incident.log == ["trigger", "acknowledge", "resolve"]
    assert (incident.state, receipt.delivered) == ("resolved", True)
    assert incident.dedup_key == sha256(GROUP.encode()).hexdigest()


async def test_it_says_what_is_wrong_how_bad_where_and_what_to_do(inbox, receiver):
    await receiver.send(told(alert("a:1"), alert("b:1")))
    (incident,) = inbox.pagerduty.incidents.values()
    payload = incident.payload
    assert payload["summary"] == "VeryHighErrorRate on rag: more than one query in ten fails"
    assert (payload["severity"], payload["source"], payload["class"]) == ("critical", "rag", "VeryHighErrorRate")
    details = payload["custom_details"]
    assert (details["value"], details["firing"], details["instances"]) == ("13.4% (limit 10%)", 2, "a:1, b:1")
    assert [each["text"] for each in incident.links] == ["Runbook", "Details"]


@pytest.mark.parametrize(
    ("label", "severity"),
    [("critical", "critical"), ("page", "critical"), ("warning", "warning"), ("info", "info"), ("Error", "error"),
     ("strange", "error"), ("", "error")],
)  # fmt: skip
def test_severities_are_those_that_it_knows(label, severity):
    assert severity_of(label) == severity


async def test_what_pagerduty_configs_say_is_sent_rendered(inbox, receiver):
    options = {
        "description": "{{ .CommonLabels.alertname }}!",
        "severity": "{{ if eq .Status \"firing\" }}warning{{ end }}",
        "client": "mine",
        "client_url": "https://x.example.org/{{ .Status }}",
        "source": "s",
        "class": "c",
        "component": "p",
        "group": "{{ .CommonLabels.service }}",
        "details": {"firing": "{{ len .Alerts }}", "deep": {"list": ["{{ .Status }}", 3]}},
        "links": [{"href": "https://l.example.org", "text": "L"}, {"href": "javascript:x", "text": "no"}],
        "images": [{"src": "https://i.example.org/a.png", "alt": "A", "href": ""}],
    }  # fmt: skip
    await receiver.send(told(alert(), options=options))
    event = msgspec.json.decode(inbox.messages("pagerduty")[0].text)
    payload = event["payload"]
    assert (payload["summary"], payload["severity"]) == ("VeryHighErrorRate!", "warning")
    assert (payload["source"], payload["class"], payload["component"], payload["group"]) == ("s", "c", "p", "rag")
    assert payload["custom_details"] == {"firing": "1", "deep": {"list": ["firing", 3]}}
    assert (event["client"], event["client_url"]) == ("mine", "https://x.example.org/firing")
    assert event["links"][0] == {"href": "https://l.example.org", "text": "L"}
    assert all("javascript" not in each["href"] for each in event["links"])
    assert event["images"] == [{"src": "https://i.example.org/a.png", "alt": "A"}]


async def test_a_text_that_fails_leaves_our_words_and_says_so_in_the_details(inbox, receiver):
    await receiver.send(told(alert(), options={"description": "{{ .Nope }}"}))
    payload = msgspec.json.decode(inbox.messages("pagerduty")[0].text)["payload"]
    assert payload["summary"].startswith("VeryHighErrorRate on rag")
    assert "Nope" in payload["custom_details"]["template errors"]


@pytest.mark.parametrize("kind", NASTY)
async def test_no_label_breaks_its_limits(inbox, receiver, kind):
    text = NASTY[kind]
    many = [alert(f"{text}{n}", alertname=text, service=text, a_summary=text, a_description=text) for n in range(20)]
    await receiver.send(told(*many))
    assert len(inbox.pagerduty.incidents) == 1


@pytest.mark.parametrize("number", range(len(sample_notifications())))
async def test_every_shape_of_message_is_taken(inbox, receiver, number):
    await receiver.send(sample_notifications()[number])
    assert len(inbox.messages("pagerduty")) == 1


@pytest.mark.parametrize(
    ("details", "kept"),
    [({"a": "x" * 600_000, "b": "y"}, "…"), ({str(n): "x" * 3_900 for n in range(200)}, "are left out")],
)
async def test_details_that_are_too_large_are_cut_or_left_out(inbox, receiver, details, kept):
    await receiver.send(told(alert(), options={"details": details}))
    text = inbox.messages("pagerduty")[0].text
    event = msgspec.json.encode(inbox.pagerduty.incidents.popitem()[1].payload)
    assert len(event) < LARGEST_EVENT
    assert kept in event.decode() or kept in text


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "said"),
    [
        ({"kind": "rate_limited", "retry_after_s": 9}, RetryLater, "rateLimited", "throttle exceeded"),
        ({"kind": "server_error"}, RetryLater, "serverError", "HTTP 502"),
        ({"kind": "drop"}, RetryLater, "other", "connection broke"),
        ({"kind": "error", "error": "'x' is wrong"}, Rejected, "clientError", "invalid event: Event object is invalid"),
        ({"kind": "invalid_token"}, Rejected, "clientError", "'routing_key' is invalid"),
    ],
)
async def test_each_refusal_says_why_and_whether_to_come_again(inbox, receiver, fault, kind, reason, said):
    inbox.fail("pagerduty", **fault)
    with pytest.raises(kind) as caught:
        await receiver.send(told(alert()))
    assert caught.value.reason == reason
    assert said in str(caught.value)
    assert getattr(caught.value, "after_ms", None) == (9_000 if fault["kind"] == "rate_limited" else None)


async def test_a_wrong_key_is_final_and_stays_secret(inbox, renderer, closing):
    channel = PagerDutyChannel(Secret("planted-routing-key"), inbox.pagerduty_url)
    with pytest.raises(Rejected, match="'routing_key' is invalid") as caught:
        await closing(make_receiver(channel, renderer)).send(told(alert()))
    assert "planted" not in str(caught.value)


async def test_a_redirect_to_another_host_does_not_learn_the_key(renderer, closing, canned_server):
    away = b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    channel = PagerDutyChannel(Secret("planted-routing-key"), await canned_server(away))
    with pytest.raises(Rejected, match="a redirect to another host, which must not learn the key"):
        await closing(make_receiver(channel, renderer)).send(told(alert()))


async def test_without_a_key_it_says_what_is_missing(renderer):
    with pytest.raises(Rejected, match="no routing key is set for PagerDuty"):
        await make_receiver(PagerDutyChannel(), renderer).send(told(alert()))
