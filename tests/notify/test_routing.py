"""Which routes an alert takes, what nodes inherit, and the keys of their groups: tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Labels
from agent.notify import Routing, load_routing

TREE = """
route:
  receiver: default
  group_by: [alertname, job]
  group_wait: 11s
  routes:
    - matchers: ['owner="team-A"']
      receiver: team-A
      group_by: []
      repeat_interval: 1h
      mute_time_intervals: [night]
      routes:
        - matchers: ['env="testing"']
          receiver: testing
          continue: true
        - match: {env: production}
          match_re: {region: "eu|us"}
          receiver: production
          group_by: ['...']
          routes:
            - matchers: [deep=yes]
              group_by: [env]
    - matchers: ['owner=~"team-(B|C)"', 'silent!="yes"']
      receiver: team-BC
      continue: true
    - matchers: ['channels=~"(^|.*,)sms(,.*|$)"']
      receiver: sms
      continue: true
    - matchers: ['channels=~"(^|.*,)email(,.*|$)"']
      receiver: mail
      continue: true
    - matchers: ['severity=critical', 'channels!~"(^|.*,)(email|sms)(,.*|$)"']
      receiver: pager
receivers:
  [{name: default}, {name: team-A}, {name: testing}, {name: production}, {name: team-BC}, {name: sms}, {name: mail},
   {name: pager}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Routing:
    path = tmp_path_factory.mktemp("routes") / "alertmanager.yml"
    path.write_text(TREE)
    return load_routing(path)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({}, ["default"]),
        ({"owner": "team-A"}, ["team-A"]),
        ({"owner": "team-A", "env": "testing"}, ["testing"]),
        ({"owner": "team-A", "env": "production", "region": "eu"}, ["production"]),
        ({"owner": "team-A", "env": "production", "region": "eux"}, ["team-A"]),
        ({"owner": "team-B"}, ["team-BC"]),
        ({"owner": "team-BB"}, ["default"]),
        ({"owner": "team-B\n"}, ["default"]),
        ({"owner": "team-B", "silent": "yes"}, ["default"]),
        ({"owner": "team-C", "channels": "sms"}, ["team-BC", "sms"]),
        ({"severity": "critical"}, ["pager"]),
        ({"severity": "critical", "channels": "email,slack,sms"}, ["sms", "mail"]),
        ({"severity": "critical", "channels": "smsx"}, ["pager"]),
        ({"channels": "slack,sms"}, ["sms"]),
    ],
)
def test_an_alert_takes_the_deepest_matching_routes_from_left_to_right(tree, labels, receivers):
    assert [route.receiver for route in tree.match(labels)] == receivers


def only(tree: Routing, **labels: str):
    (route,) = tree.match(labels)
    return route


def test_a_node_inherits_everything_but_matchers_continue_and_time_intervals(tree):
    route = only(tree, owner="team-A", env="testing")
    assert (route.group_wait_ms, route.group_interval_ms, route.repeat_interval_ms) == (11_000, 300_000, 3_600_000)
    assert route.group_by == frozenset()
    assert route.mute_time_intervals == ()
    assert only(tree, owner="team-A").mute_time_intervals == ("night",)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, {"alertname": "X", "job": "j"}),
        ({"owner": "team-A"}, {}),
        ({"owner": "team-A", "env": "production", "region": "eu"}, "all"),
        ({"owner": "team-A", "env": "production", "region": "us", "deep": "yes"}, {"env": "production"}),
    ],
)
def test_group_labels_are_those_of_group_by_that_the_alert_has(tree, where, expected):
    labels = Labels({"alertname": "X", "job": "j", **where})
    (route,) = tree.match(labels)
    assert dict(route.group_labels(labels)) == (dict(labels) if expected == "all" else expected)


def test_group_keys_are_alertmanagers(tree):
    route = only(tree, owner="team-A", env="production", region="eu")
    expected = '{}/{owner="team-A"}/{env="production",region=~"^(?:eu|us)$"}'
    assert route.key == expected
    assert route.group_key(Labels.of(alertname="X", b='q"')) == expected + r':{alertname="X", b="q\""}'
    assert tree.root.group_key(Labels()) == "{}:{}"


def test_the_defaults_of_the_root_are_alertmanagers(tmp_path: Path):
    path = tmp_path / "alertmanager.yml"
    path.write_text("route: {receiver: a}\nreceivers: [{name: a}]\n")
    root = load_routing(path).root
    assert (root.group_wait_ms, root.group_interval_ms, root.repeat_interval_ms) == (30_000, 300_000, 14_400_000)
    assert (root.group_by, root.group_by_all) == (frozenset(), False)


def test_without_a_file_everything_goes_to_the_log():
    routing = load_routing(None)
    (route,) = routing.match({"severity": "critical"})
    (destination,) = routing.receiver(route.receiver).destinations
    assert destination.transport == "log"
    assert routing.disabled == {}
