"""What the file says becomes what runs, or a problem with its place."""

from __future__ import annotations

import pytest

from agent.config import ConfigFile
from agent.errors import SchemaError
from agent.notify import parse_matchers, read_secret
from agent.pulse import load_heartbeats
from agent.schema import read


def load(tmp_path, text):
    section = read(ConfigFile, f"heartbeats:\n{text}", "burnline.yml", environment={}).heartbeats
    return load_heartbeats(section, tmp_path, read_secret, lambda each: parse_matchers(each).matchers)


def test_secrets_come_from_files_and_names_from_hosts(tmp_path):
    (tmp_path / "url").write_text("https://hc.example/abc\n")
    (tmp_path / "token").write_text("0123456789abcdef\n")
    found = load(
        tmp_path,
        """
  send: [{url_file: url, every: 30s, headers: {X-Key: k}}, {url: "http://hc.example/two", method: HEAD}]
  receive: [{name: backup, every: 1d, grace: 1h, token_file: token, match: ['alertname="Watchdog"', 'job=~"p.*"']}]
""",
    )
    assert [each.name for each in found.sent] == ["hc.example", "heartbeat-2"]
    assert found.sent[0].url.reveal() == "https://hc.example/abc"
    assert found.owed[0].admits("0123456789abcdef")
    assert [str(each) for each in found.owed[0].match] == ['alertname="Watchdog"', 'job=~"p.*"']
    assert found.owed[0].labels.get("severity") == "warning"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  send: [{every: 1m}]", "burnline.yml:2:10: a heartbeat that is sent needs a url or a url_file"),
        ("  send: [{url: a, url_file: b}]", "needs a url or a url_file, and not both"),
        ("  send: [{url: 'ftp://x'}]", "burnline.yml:2:10: this is no address to ping; it begins with https://"),
        ("  send: [{url: 'https://x', every: 1s}]", "burnline.yml:2:36: a heartbeat is sent every 5s at most"),
        ("  send: [{url: 'https://x', timeout: 1m}]", "a ping may take up to 30s"),
        ("  send: [{url_file: nowhere}]", "burnline.yml:2:21: cannot read the secret file"),
        ("  receive: [{name: 'a/b', every: 1m}]", "a name is letters, digits, dots, dashes and underscores"),
        ("  receive: [{name: a, every: 1m, token: short}]", "a token needs 16 characters or more"),
        ("  receive: [{name: a, every: 1m, match: ['a=~\"(\"']}]", "burnline.yml:2:43: cannot read the matcher"),
        ("  receive: [{name: a, every: 1m}, {name: a, every: 1m}]", 'the name "a" is given twice'),
        ("  receive: [{name: a, every: 1m, labels: {heartbeat: b}}]", "the label heartbeat is the agent's own here"),
        ("  recieve: []", 'unknown key "recieve"'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, problem):
    with pytest.raises(SchemaError) as caught:
        load(tmp_path, text)
    assert problem in str(caught.value)


def test_a_secret_is_in_no_problem(tmp_path):
    with pytest.raises(SchemaError) as caught:
        load(tmp_path, "  send: [{url: 'htps://planted-secret'}]\n  receive: [{name: a, every: 1m, token: planted}]")
    assert "planted" not in str(caught.value)
