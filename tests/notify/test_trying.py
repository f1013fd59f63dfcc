"""A receiver can be tried before it is needed: sent and marked, or shown to the byte; no secret is ever shown."""

from __future__ import annotations

import json

import pytest

from agent.errors import InvalidInput
from agent.notify import (
    Tried,
    load_routing,
    probe_receivers,
    receivers_for,
    repeated_message,
    sample_message,
    try_receiver,
)
from agent.notify.inbox import Inbox
from agent.notify.inbox.inbox import PAGERDUTY_KEY
from agent.notify.messages import Renderer, named_samples
from tests.notify.messages.stories import AT_MS, alert, notification

ROUTES = """
route: {receiver: all}
receivers:
- name: all
  webhook_configs: [{url: 'WEBHOOK?token=planted', http_config: {bearer_token: planted}}]
- name: page
- name: policy
- name: own
  slack_configs: [{channel: '#own', title: '{{ .CommonLabels.alertname }}', app_token: 'TOKEN', app_url: 'SLACKchat.postMessage'}]
"""
PEOPLE = """
people: {ana: {email: ana@example.org, slack: U1, phone: "+33612345678", timezone: Europe/Paris}}
channels:
CHANNELS
receivers:
  page:
    notify: [{person: ana, by: [slack, sms, email]}, {pagerduty: true}, {log: true}]
    escalate: [{after: 5m, notify: [{slack: "#later"}]}]
  policy:
    notify: [{person: ana}, {slack: "#quiet", severities: [warning]}]
"""


@pytest.fixture
async def inbox():
    async with Inbox(now_ms=lambda: AT_MS) as made:
        yield made


@pytest.fixture
def routing(inbox, tmp_path):
    channels = inbox.settings().removeprefix("channels:\n")
    routes = ROUTES.replace("WEBHOOK", inbox.webhook_url).replace("TOKEN", inbox.slack_token)
    (tmp_path / "alertmanager.yml").write_text(routes.replace("SLACK", inbox.slack_base_url))
    (tmp_path / "escalation.yml").write_text(PEOPLE.replace("CHANNELS", channels))
    return load_routing(tmp_path / "alertmanager.yml", tmp_path / "escalation.yml", {})


def attempt(routing, receiver, **more):
    return try_receiver(routing, receiver, Renderer(go=routing.go), sample_message("firing", AT_MS), **more)


async def test_a_marked_message_goes_to_all_whom_the_receiver_tells_and_each_answer_is_told(inbox, routing):
    tried = await attempt(routing, "page")
    assert [(each.channel, each.target, each.person, each.ok) for each in tried] == [
        ("slack", "U1", "ana", True),
        ("sms", "+33612345678", "ana", True),
        ("email", "ana@example.org", "ana", True),
        ("pagerduty", "pagerduty", "", True),
        ("log", "log", "", True),
    ]
    assert [each.said.partition(":")[0] for each in tried] == [
        "delivered",
        "accepted",
        "accepted",
        "delivered",
        "delivered",
    ]
    assert all("TEST" in f"{each.subject} {each.text}" for each in inbox.messages())
    assert set(inbox.counts()) == {"slack", "sms", "email", "pagerduty"}


async def test_a_text_of_alertmanager_yml_is_marked_too(inbox, routing):
    await attempt(routing, "own")
    assert inbox.slack.channels()["#own"][0].text == "[TEST] HighErrorRate"
    await attempt(routing, "all")
    assert json.loads(inbox.messages("webhook")[0].text)["commonAnnotations"]["summary"].startswith("[TEST] ")


async def test_steps_of_the_escalation_are_tried_where_asked(inbox, routing):
    tried = await attempt(routing, "page", steps=True)
    assert [(each.when, each.target) for each in tried if each.when != "at once"] == [("after 5m", "#later")]


async def test_a_critical_test_goes_by_the_ways_of_critical_messages_so_that_the_phone_is_tried(inbox, routing):
    assert [each.channel for each in await attempt(routing, "policy")] == ["slack", "sms"]
    warned = notification(alert(severity="warning"))
    tried = await try_receiver(routing, "policy", Renderer(go=routing.go), warned, dry_run=True)
    assert [(each.channel, each.target) for each in tried] == [
        ("email", "ana@example.org"),
        ("slack", "U1"),
        ("slack", "#quiet"),
    ]


async def test_one_that_fails_says_why_and_the_others_are_told_all_the_same(inbox, routing):
    inbox.fail("slack", "invalid_token")
    inbox.fail("pagerduty", "rate_limited")
    tried = {each.channel: each for each in await attempt(routing, "page")}
    assert (tried["slack"].ok, tried["pagerduty"].ok, tried["sms"].ok) == (False, False, True)
    assert "invalid_auth; the bot token is wrong" in tried["slack"].said
    assert tried["pagerduty"].said.endswith("in life it would be tried again")


async def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(inbox, routing):
    shown = {each.channel: each.payload for each in await attempt(routing, "page", dry_run=True)}
    assert not inbox.messages()
    assert shown["slack"].startswith(f"POST {inbox.slack_base_url}chat.postMessage")
    body = json.loads(shown["slack"].partition("\n\n")[2])
    assert (body["channel"], body["attachments"][0]["color"]) == ("U1", "#d40e0d")
    assert "characters, 1 part)" in shown["sms"]
    assert "Body=TEST CRIT" in shown["sms"]
    assert "Subject: [TEST] [CRITICAL] HighErrorRate on rag" in shown["email"]
    assert '"event_action": "trigger"' in shown["pagerduty"]
    assert shown["log"].startswith("notification status='firing'")


async def test_the_bytes_of_a_dry_run_are_those_that_are_sent(inbox, routing):
    """It is the same code; only the connection is another."""
    (shown,) = await attempt(routing, "all", dry_run=True)
    await attempt(routing, "all")
    assert json.loads(shown.payload.partition("\n\n")[2]) == json.loads(inbox.messages("webhook")[0].text)


async def test_no_secret_is_in_what_is_shown(inbox, routing):
    secrets = (inbox.slack_token, inbox.twilio_token, PAGERDUTY_KEY, "planted")
    for receiver in ("page", "all", "own"):
        for each in await attempt(routing, receiver, dry_run=True, steps=True):
            assert not any(secret in repr(each) for secret in secrets)
            assert "Authorization: <hidden>" in each.payload or each.channel not in ("slack", "webhook", "sms")


async def test_a_dry_run_needs_no_account(tmp_path):
    """What would be said can be seen before there is one; that it could not be sent is said."""
    (tmp_path / "alertmanager.yml").write_text("route: {receiver: page}\nreceivers: [{name: page}, {name: policy}]\n")
    (tmp_path / "escalation.yml").write_text(PEOPLE.replace("channels:\nCHANNELS", ""))
    routing = load_routing(tmp_path / "alertmanager.yml", tmp_path / "escalation.yml", {})
    tried = await attempt(routing, "page", dry_run=True)
    assert all(each.ok and each.payload for each in tried)
    assert "could not be: neither a bot token nor a webhook URL is set" in tried[0].said
    assert [each.ok for each in await attempt(routing, "page")] == [False, False, False, False, True]


async def test_what_was_told_before_can_be_told_again_as_a_test(inbox, routing):
    told = repeated_message(notification(alert(a_summary="disk is full"), alert("b", end=-1)), AT_MS + 60_000)
    await try_receiver(routing, "page", Renderer(), told)
    (mail,) = inbox.messages("email")
    assert mail.subject.startswith("[TEST]")
    assert "disk is full" in mail.text
    assert len(told.firing) == 1


@pytest.mark.parametrize("name", named_samples())
async def test_every_sample_passes_every_channel(inbox, routing, name):
    tried = await try_receiver(routing, "page", Renderer(), sample_message(name, AT_MS))
    assert [each.said for each in tried if not each.ok] == []


def test_what_recovered_in_a_sample_is_below_its_limit():
    assert "now 0.8% (limit 5%)" in Renderer().sms(sample_message("resolved", AT_MS))


def test_the_sample_s_alerts_are_of_now():
    told = sample_message("mixed", AT_MS)
    assert [(AT_MS - each.starts_at_ms) // 60_000 for each in told.alerts] == [12, 12]
    assert (len(told.firing), len(told.resolved)) == (1, 1)


async def test_a_receiver_or_sample_that_is_not_there_is_said_with_a_suggestion(routing):
    with pytest.raises(InvalidInput, match='no receiver is called "pag"; did you mean "page"'):
        await attempt(routing, "pag")
    with pytest.raises(InvalidInput, match="there are firing, resolved"):
        sample_message("fireing", AT_MS)


async def test_probing_asks_those_that_can_be_asked_and_sends_nothing(inbox, routing):
    receivers = receivers_for(routing, Renderer())
    tried = {each.channel: each for each in await probe_receivers(list(receivers.items()))}
    for each in receivers.values():
        await each.close()
    assert tried["slack"] == Tried("", "slack", "", "", ok=True, said="bot burnline of the workspace Burnline inbox")
    assert not inbox.messages()
