"""PagerDuty in both files: by pagerduty_configs, and by `{pagerduty: true}` for whoever has no alertmanager.yml of theirs."""

from __future__ import annotations

from agent.notify.notification import Channel
from tests.notify.test_loading import load, problems

HEAD = "global: {pagerduty_url: 'https://events.eu.example.org/v2/enqueue'}\nroute: {receiver: a}\n"


def test_pagerduty_configs_become_a_destination_with_the_key_read_from_its_file(tmp_path):
    (tmp_path / "key").write_text("planted\n")
    config = "{routing_key_file: key, severity: '{{ .CommonLabels.severity }}', details: {x: '{{ .Status }}'}}"
    routing = load(tmp_path, f"{HEAD}receivers: [{{name: a, pagerduty_configs: [{config}]}}]\n")
    (destination,) = routing.receiver("a").destinations
    channel = routing.channels["a/pagerduty/0"]
    assert (channel.routing_key.reveal(), channel.url) == ("planted", "https://events.eu.example.org/v2/enqueue")
    assert destination.channel is Channel.PAGERDUTY
    assert destination.options == {"severity": "{{ .CommonLabels.severity }}", "details": {"x": "{{ .Status }}"}}
    assert not routing.warnings
    assert "planted" not in repr(routing)


def test_a_service_key_is_accepted_and_warned_of_and_such_a_receiver_reaches_nobody(tmp_path):
    """The Events API v1 is not spoken."""
    routing = load(tmp_path, f"{HEAD}receivers: [{{name: a, pagerduty_configs: [{{service_key: k}}]}}]\n")
    assert "Events API v1, which Burnline does not speak" in str(routing.warnings[0])
    assert "pagerduty by service_key" in str(routing.unreachable[0])


def test_what_alertmanager_refuses_is_refused(tmp_path):
    for config, said in (
        ("{}", "missing routing_key"),
        ("{routing_key: a, routing_key_file: b}", "at most one of routing_key and routing_key_file"),
        ("{routing_key: a, details: {x: '{{ .Nope }}'}}", "pagerduty config: details.x:"),
        ("{routing_key: a, descripton: x}", 'did you mean "description"?'),
    ):
        (problem,) = problems(tmp_path, f"{HEAD}receivers: [{{name: a, pagerduty_configs: [{config}]}}]\n")
        assert said in problem


def test_an_entry_of_escalation_yml_tells_the_service_of_channels_pagerduty(tmp_path):
    people = "channels: {pagerduty: {routing_key: k}}\nreceivers: {a: {notify: [{pagerduty: true}]}}\n"
    routing = load(tmp_path, f"{HEAD}receivers: [{{name: a}}]\n", people)
    (destination,) = routing.receiver("a").destinations
    assert [each.key for each in destination.targets(routing.directory, 0)] == ["pagerduty:pagerduty"]
    assert routing.channels["pagerduty"].routing_key.reveal() == "k"


def test_without_a_key_that_channel_is_disabled_and_says_why(tmp_path):
    routing = load(tmp_path, f"{HEAD}receivers: [{{name: a}}]\n", "receivers: {a: {notify: [{pagerduty: true}]}}\n")
    assert routing.disabled["pagerduty"] == "no routing key is set for PagerDuty"
