"""What `burnline routes show` says of whom a receiver tells, where the severity decides by which channels."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

ROUTES = "route: {receiver: oncall}\nreceivers: [{name: oncall}]\n"
PEOPLE = """
people: {ana: {email: ana@example.org, slack: U1, phone: "+33612345678"}}
policies:
  critical: {by: [slack, sms]}
  warning: {by: [slack]}
  info: {by: [log]}
  other: {by: [slack]}
receivers:
  oncall:
    notify: [{person: ana}, {email: list@example.org, severities: [critical]}]
    escalate: [{after: 5m, notify: [{person: ana, by: [sms]}]}]
"""


def shown(folder):
    (folder / "alertmanager.yml").write_text(ROUTES)
    (folder / "escalation.yml").write_text(PEOPLE)
    words = ["routes", "show", "--config.file", str(folder / "alertmanager.yml")]
    done = CliRunner().invoke(burnline, words, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0
    return " ".join(done.output.split())


def test_of_each_severity_it_says_by_which_channels_somebody_is_told(tmp_path):
    assert (
        "at once ana critical by slack, sms; else by slack · the log (info) · list@example.org critical by email"
        in shown(tmp_path)
    )


def test_where_the_line_names_the_channels_the_severity_is_not_mentioned(tmp_path):
    assert "after 5m ana by sms" in shown(tmp_path)


@pytest.mark.parametrize(
    "words", [("routes", "show"), ("routes", "test", "Fire"), ("notify", "test", "oncall"), ("oncall",)]
)
def test_where_no_agent_answers_it_says_that_files_will_do(words):
    done = CliRunner().invoke(burnline, [*words, "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 1
    assert "--config.file" in f"{done.output} {done.exception}"
