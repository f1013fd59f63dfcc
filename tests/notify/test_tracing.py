"""What the tree was asked about an alert agrees with the routes that the alert takes, live and as the journal keeps them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agent.journal.journal import plain
from agent.model import Labels, Matcher, MatchOp
from agent.notify import Answer, load_routing, trace
from agent.notify.kept_routing import read_routing, record
from agent.notify.routing import Route
from agent.schema import Place

NAMES, VALUES = ("a", "b"), ("", "x", "y")
matchers = st.builds(
    Matcher, st.sampled_from(NAMES), st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), st.sampled_from(VALUES)
)


def route(own: list[Matcher], continue_: bool, below: list[Route]) -> Route:
    return Route(
        "r", tuple(own), continue_, frozenset(), False, 0, 1, 1, (), (), Labels(), "", 0, Place("f", 1, 1), tuple(below)
    )


trees = st.recursive(
    st.builds(route, st.lists(matchers, max_size=2), st.booleans(), st.just([])),
    lambda below: st.builds(route, st.lists(matchers, max_size=2), st.booleans(), st.lists(below, max_size=3)),
    max_leaves=10,
)


@given(trees, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)))
def test_the_nodes_that_took_an_alert_are_the_routes_that_it_takes(tree: Route, labels: dict[str, str]):
    asked = trace(tree, labels)
    assert [id(each.route) for each in asked if each.answer is Answer.TAKEN] == [
        id(each) for each in tree.match(labels)
    ]


def test_a_node_that_was_not_taken_says_the_first_matcher_that_did_not_match():
    critical = Matcher("severity", MatchOp.EQUAL, "critical")
    team = Matcher("team", MatchOp.EQUAL, "search")
    tree = route(
        [], False, [route([team, critical], False, []), route([team], False, []), route([critical], False, [])]
    )
    asked = trace(tree, {"team": "search", "severity": "warning"})
    assert [(each.answer, each.missed) for each in asked] == [
        (Answer.PASSED, None),
        (Answer.MISSED, critical),
        (Answer.TAKEN, None),
        (Answer.NOT_ASKED, None),
    ]


ROUTES = """
route:
  receiver: everybody
  group_by: [alertname]
  routes:
    - {receiver: night, matchers: ['severity=~"warn.*"', 'job!="x"'], mute_time_intervals: [night], continue: true}
    - {receiver: bare, matchers: [team=search], group_by: ['...'], group_wait: 1s, group_interval: 2s}
receivers:
  - {name: everybody}
  - {name: night, opsgenie_configs: [{api_key: k}]}
  - {name: bare}
inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [job]}]
time_intervals:
  - name: night
    time_intervals: [{times: [{start_time: "20:00", end_time: "24:00"}], weekdays: ["monday:friday"], location: Europe/Paris}]
"""
PEOPLE = """
people: {ana: {phone: "+33600000001", email: ana@example.org}}
channels: {sms: {provider: twilio, account_sid: AC1, auth_token: hidden-token, from: "+15550001111"}}
receivers: {everybody: {notify: [{person: ana, by: [sms]}], escalate: [{after: 5m, notify: [{person: ana, by: [sms]}]}]}}
"""


def test_the_routes_that_the_journal_keeps_are_those_that_were_in_force_and_hold_no_secret(tmp_path: Path):
    (tmp_path / "a.yml").write_text(ROUTES)
    (tmp_path / "e.yml").write_text(PEOPLE)
    routing = load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {})
    text = msgspec.json.encode(record(routing).value, enc_hook=plain).decode()
    assert "hidden-token" not in text
    assert "+336" not in text
    kept = read_routing(json.loads(text))
    for before, after in zip(routing.root.walk(), kept.root.walk(), strict=True):
        left = {"routes", "labels"}
        assert all(getattr(before, f.name) == getattr(after, f.name) for f in fields(Route) if f.name not in left)
    assert [replace(each) for each in kept.inhibit_rules] == [*routing.inhibit_rules]
    assert kept.time_intervals == routing.time_intervals
    assert [kept.tells_nobody(name) for name in kept.receivers] == [
        routing.tells_nobody(name) for name in routing.receivers
    ]
    assert kept.receiver("night").unsent == routing.receiver("night").unsent == ("opsgenie",)
    monday_evening = 1_767_646_800_000  # 2026-01-05 21:00 UTC
    night = routing.root.routes[0]
    assert kept.muted_by(kept.root.routes[0], monday_evening) == routing.muted_by(night, monday_evening) is not None
