"""At load it is said where the alert about a failing channel would leave by that channel alone."""

from __future__ import annotations

import pytest

from agent.notify import load_routing
from tests.notify.story import ESCALATION

ROUTES = """
route:
  receiver: team
  routes:
  - {receiver: pages, matchers: [severity="critical"]}
receivers: [{name: team}, {name: pages}, {name: mail}]
"""
MAILED = "mail: {notify: [{email: all@example.org}]}"


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ("{notify: [{slack: '#p'}]}", ["when slack fails"]),
        ("{notify: [{slack: '#p'}], on_failure: mail}", []),
        ("{notify: [{slack: '#p'}, {sms: '+33600000001'}]}", []),
        ("{notify: [{slack: '#p'}], escalate: [{after: 5m, notify: [{person: ana, by: [sms]}]}]}", []),
    ],
    ids=["one way", "another on failure", "two ways", "another later"],
)
def test_a_channel_whose_failing_only_it_would_tell_is_warned_of(tmp_path, pages, said):
    (tmp_path / "a.yml").write_text(ROUTES)
    people = f"{ESCALATION}receivers: {{team: {{notify: [{{email: t@example.org}}]}}, {MAILED}, pages: {pages}}}\n"
    (tmp_path / "e.yml").write_text(people)
    warnings = [str(each) for each in load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {}).warnings]
    found = [each for each in warnings if "DeliveryFailing" in each]
    assert len(found) == len(said)
    assert all(wanted in each and 'give receiver "pages"' in each for wanted, each in zip(said, found, strict=True))


def test_where_there_is_but_one_channel_nothing_is_said(tmp_path):
    (tmp_path / "a.yml").write_text(ROUTES)
    people = "receivers: {team: {notify: [{slack: '#t'}]}, pages: {notify: [{slack: '#p'}]}}"
    (tmp_path / "e.yml").write_text(f"{ESCALATION}{people}\n")
    warnings = load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {}).warnings
    assert not [each for each in warnings if "fails" in str(each)]


def test_the_shipped_routes_have_no_blind_spot(root):
    folder = root / "alertmanager"
    assert load_routing(folder / "alertmanager.yml", folder / "escalation.yml", {}).warnings == ()
