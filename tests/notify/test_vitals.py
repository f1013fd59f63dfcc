"""What a heartbeat may claim of delivery: nothing while a critical page could not get out."""

from __future__ import annotations

import pytest

from agent.notify import load_routing
from agent.notify.vitals import critical_receivers, delivery_trouble

from .story import START_MS, alert

MINUTE = 60_000
ROUTES = """
route:
  receiver: rest
  group_wait: 0s
  routes:
  - {receiver: pages, matchers: [severity="critical"]}
  - {receiver: notes, matchers: [severity=~"warning|info"]}
receivers: [{name: rest}, {name: pages}, {name: notes}]
"""
PEOPLE = """
channels:
  slack: {bot_token: xoxb-test}
  sms: {provider: twilio, account_sid: AC1, auth_token: t, from: "+15550001111"}
receivers:
  pages: {notify: [{sms: "+33600000001"}]}
  notes: {notify: [{slack: "#notes"}]}
  rest: {notify: [{slack: "#rest"}]}
"""


def load(tmp_path, routes=ROUTES, people=PEOPLE):
    (tmp_path / "a.yml").write_text(routes)
    (tmp_path / "e.yml").write_text(people)
    return load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {})


def trouble(routing, *, broken=(), next_due_ms=None, pending=()):
    return delivery_trouble(routing, next_due_ms, pending, lambda transport, _: transport in broken, START_MS)


def test_nothing_is_wrong_where_nothing_is(tmp_path):
    assert trouble(load(tmp_path)) == ""


@pytest.mark.parametrize(
    ("late_ms", "said"), [(MINUTE, ""), (2 * MINUTE, "what was to be decided 2m ago has not been"), (-MINUTE, "")]
)
def test_what_is_not_decided_in_time_is_a_trouble(tmp_path, late_ms, said):
    assert trouble(load(tmp_path), next_due_ms=START_MS - late_ms) == said


def test_only_the_channels_that_critical_alerts_need_are_asked_about(tmp_path):
    routing = load(tmp_path)
    assert [each.name for each in critical_receivers(routing)] == ["pages"]
    assert trouble(routing, broken={"slack"}) == ""
    assert trouble(routing, broken={"sms"}) == "sms, by which pages is told of critical alerts, does not work"


def test_a_route_that_asks_for_more_than_the_severity_leaves_what_comes_after_it_open(tmp_path):
    routes = ROUTES.replace('[severity="critical"]', '[severity="critical", service="rag"]')
    assert [each.name for each in critical_receivers(load(tmp_path, routes))] == ["pages", "rest"]


def test_a_receiver_without_any_account_is_a_trouble(tmp_path):
    routing = load(tmp_path, people=PEOPLE.replace("auth_token: t", 'auth_token: ""'))
    assert trouble(routing) == "the receiver pages, to which critical alerts go, has no channel that is not disabled"


def test_a_page_that_waits_since_its_phone_was_told_as_often_as_its_limit_allows_is_no_trouble(story):
    told = story(ROUTES, base=PEOPLE.replace("t, from", "t, limits: {per_target: [1/10m]}, from"))
    told.push(alert("A", ends=9_999, severity="critical"))
    told.at(60).push(alert("B", ends=9_999, severity="critical"))
    told.at(500)
    (waits,) = told.dispatcher.outbox.pending()
    assert told.now_ms - waits.at_ms > 5 * MINUTE
    assert told.dispatcher.trouble(told.now_ms) == ""


@pytest.mark.parametrize(
    ("minutes", "severity", "stuck"), [(4, "critical", False), (6, "critical", True), (60, "warning", False)]
)
def test_a_critical_message_that_waits_for_more_than_five_minutes_is_a_trouble(story, minutes, severity, stuck):
    told = story(ROUTES, base=PEOPLE)
    told.dispatcher.put([alert("A", severity=severity)], told.now_ms)
    told.dispatcher.flush(told.now_ms)
    pending = told.dispatcher.outbox.pending()
    assert len(pending) == 1
    said = delivery_trouble(told.routing, None, pending, lambda *_: False, told.now_ms + minutes * MINUTE)
    assert ("has waited for" in said) is stuck
