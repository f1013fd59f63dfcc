"""A rehearsal is the agent's own dispatcher on a clock that is moved by hand: what it says is what would have been sent."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from agent.errors import InvalidInput
from agent.model import Matcher
from agent.notify import Routing
from agent.replay import Rehearsal, rehearsed_routing
from tests.notify.story import ESCALATION, START_MS, Story, alert

ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 1h}
receivers: [{name: team}, {name: spare}]
inhibit_rules: [{source_matchers: [alertname="Down"], target_matchers: [alertname="Slow"]}]
"""
PLAN = """
receivers:
  team:
    notify: [{team: search, by: [slack]}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]
    on_failure: spare
  spare: {notify: [{email: list@example.org}]}
"""


@pytest.fixture
def routing(tmp_path) -> Routing:
    return routing_of(tmp_path, ROUTES, ESCALATION + PLAN)


def routing_of(folder, routes: str, escalation: str, **options) -> Routing:
    (folder / "a.yml").write_text(routes)
    (folder / "e.yml").write_text(escalation)
    return rehearsed_routing(folder / "a.yml", folder / "e.yml", **options)


@pytest.fixture
def rehearsal(routing):
    with Rehearsal(routing, START_MS) as made:
        yield made


def lines(rehearsal: Rehearsal) -> list[tuple[float, str, str, str, str]]:
    """Write down what was told: seconds, channel, whom, status, reason."""
    return [((t.at_ms - START_MS) / 1000, t.by, t.to, t.status, t.reason) for t in rehearsal.told]


def test_each_message_comes_at_its_instant_with_its_reason(rehearsal):
    rehearsal.put([alert(ends=1000)], START_MS)
    rehearsal.advance(START_MS + 2_000_000)
    assert lines(rehearsal) == [
        (10, "slack", "ana", "firing", "first notification"),
        (310, "sms", "bob", "firing", "escalation step"),
        (1030, "slack", "ana", "resolved", "all alerts resolved"),
        (1030, "sms", "bob", "resolved", "all alerts resolved"),
    ]
    assert [each.step for each in rehearsal.told] == [0, 1, 0, 0]


def test_advance_returns_what_was_told_on_the_way(rehearsal):
    rehearsal.put([alert(ends=1000)], START_MS)
    assert rehearsal.advance(START_MS + 9_999) == []
    assert [each.by for each in rehearsal.advance(START_MS + 10_000)] == ["slack"]
    assert rehearsal.now_ms == START_MS + 10_000


def test_an_acknowledgement_stops_the_steps(rehearsal):
    rehearsal.put([alert(ends=1000)], START_MS)
    (taken,) = rehearsal.acknowledge("bob", START_MS + 60_000, matchers=(Matcher("alertname", "=", "A"),))
    rehearsal.advance(START_MS + 900_000)
    assert taken.by == "bob"
    assert [line[1] for line in lines(rehearsal)] == ["slack", "slack"]
    assert lines(rehearsal)[1] == (60, "slack", "ana", "firing", "acknowledged by bob")


def test_what_a_silence_holds_back_is_withheld_with_its_id(rehearsal):
    silence = rehearsal.silence([Matcher("alertname", "=", "A")], START_MS, START_MS + 600_000, "ana", START_MS)
    rehearsal.put([alert(ends=5000)], START_MS)
    rehearsal.advance(START_MS + 500_000)
    assert rehearsal.told == []
    (held,) = rehearsal.withheld
    assert (held.what, held.why) == ("suppressed", "silence: ana's")
    assert [labels["alertname"] for labels in held.alerts] == ["A"]
    rehearsal.expire(silence.id, START_MS + 500_000)
    assert [each.by for each in rehearsal.advance(START_MS + 560_000)] == ["slack"]


def test_what_another_alert_explains_is_withheld_and_names_it(rehearsal):
    rehearsal.put([alert("Down", ends=5000), alert("Slow", ends=5000)], START_MS)
    rehearsal.advance(START_MS + 60_000)
    assert [each.firing[0].name for each in rehearsal.told] == ["Down"]
    assert rehearsal.withheld[0].why == "inhibition: Down"


def test_a_message_that_waits_for_the_morning_is_withheld_until_then(tmp_path):
    quiet = ESCALATION.replace(
        'phone: "+33600000001"}', 'phone: "+33600000001", quiet_hours: {severities: [warning], times: "07:00-09:00"}}'
    )
    with Rehearsal(routing_of(tmp_path, ROUTES, quiet + PLAN), START_MS) as rehearsal:
        rehearsal.put([alert(ends=9000, severity="warning")], START_MS)
        rehearsal.advance(START_MS + 3_599_999)
        assert {each.by for each in rehearsal.told} == {"sms"}
        assert [(each.what, each.target) for each in rehearsal.withheld[:1]] == [("waits", "slack:U0ANA")]
        assert [each.by for each in rehearsal.advance(START_MS + 3_600_000)] == ["slack"]


def test_while_a_channel_is_out_the_fall_back_is_told(rehearsal):
    rehearsal.fail("slack", START_MS, START_MS + 120_000)
    rehearsal.put([alert(ends=1000)], START_MS)
    rehearsal.advance(START_MS + 180_000)
    first, *rest = rehearsal.told
    assert (first.by, first.to, first.reason) == ("email", "list@example.org", "its channel failed")
    assert [each.by for each in rest] == ["slack"]
    assert rest[0].at_ms >= START_MS + 120_000


def test_two_runs_of_the_same_say_the_same(routing):
    told = []
    for _ in range(2):
        with Rehearsal(routing, START_MS) as rehearsal:
            rehearsal.fail("slack", START_MS, START_MS + 120_000)
            rehearsal.put([alert(ends=1000)], START_MS)
            rehearsal.advance(START_MS + 2_000_000)
            told.append([(each.at_ms, each.notification) for each in rehearsal.told])
    assert told[0] == told[1]


def test_a_reload_keeps_what_was_told(rehearsal, tmp_path):
    rehearsal.put([alert(ends=1000)], START_MS)
    rehearsal.advance(START_MS + 60_000)
    rehearsal.reload(
        routing_of(tmp_path, ROUTES.replace("group_wait: 10s", "group_wait: 1s"), ESCALATION + PLAN), START_MS + 60_000
    )
    rehearsal.advance(START_MS + 240_000)
    assert [line[1] for line in lines(rehearsal)] == ["slack"]


def test_the_clock_never_goes_back(rehearsal):
    rehearsal.advance(START_MS + 1)
    with pytest.raises(InvalidInput, match="never goes back"):
        rehearsal.put([alert()], START_MS)


def test_the_history_of_an_alert_is_kept_where_it_is_asked_for(routing):
    with Rehearsal(routing, START_MS, history=True) as rehearsal:
        fire = alert(ends=1000)
        rehearsal.put([fire], START_MS)
        rehearsal.advance(START_MS + 20_000)
        assert [each["what"] for each in rehearsal.events(fire.fingerprint)] == [
            "routed",
            "written",
            "notified",
            "sent",
        ]


def test_nothing_touches_the_network_even_where_secrets_are_set(routing, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a rehearsal opened a connection")

    with Rehearsal(routing, START_MS) as rehearsal:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        rehearsal.put([alert(ends=1000)], START_MS)
        assert len(rehearsal.advance(START_MS + 2_000_000)) == 4


def test_secrets_and_variables_that_are_not_there_are_not_missed(tmp_path):
    routes = """
route: {receiver: team}
receivers:
  - name: team
    slack_configs: [{channel: "#a", api_url_file: /nowhere/slack}]
"""
    plan = """
channels: {sms: {account_sid: '${NOT_SET_ANYWHERE}', auth_token_file: nowhere}}
receivers: {team: {notify: [{sms: '+33600000009'}]}}
"""
    routing = routing_of(tmp_path, routes, plan)
    with Rehearsal(routing, START_MS) as rehearsal:
        rehearsal.put([alert(ends=1000)], START_MS)
        assert [each.by for each in rehearsal.advance(START_MS + 60_000)] == ["slack", "sms"]


def test_a_transport_can_be_rehearsed_as_disabled(tmp_path):
    with Rehearsal(routing_of(tmp_path, ROUTES, ESCALATION + PLAN, without=("slack",)), START_MS) as rehearsal:
        rehearsal.put([alert(ends=1000)], START_MS)
        (told,) = rehearsal.advance(START_MS + 60_000)
        assert (told.by, told.reason) == ("email", "its channel is disabled")


def test_a_rehearsal_says_what_the_agent_sent(tmp_path):
    """The same alerts through a story (real journal, real sender) and through a rehearsal give the same messages.

    Only what a provider's receipt leaves behind differs, because a rehearsal has no provider.
    """
    story = Story(tmp_path, ROUTES, ESCALATION + PLAN)
    try:
        with Rehearsal(story.routing, START_MS) as rehearsal:
            for second in range(0, 900, 60):
                names = [name for number, name in enumerate(("A", "B", "Down", "Slow")) if second // 120 % (number + 2)]
                firing = [alert(name, ends=second + 240, severity="critical") for name in names]
                story.at(second).push(*firing)
                rehearsal.put(firing, START_MS + second * 1000)
            story.at(4000)
            rehearsal.advance(START_MS + 4_000_000)
        sent = [(START_MS + each.at * 1000, each.transport, replace(each.message, previous={})) for each in story.sent]
        assert [(each.at_ms, each.transport, each.notification) for each in rehearsal.told] == sent
        assert len(sent) > 10
    finally:
        story.close()
