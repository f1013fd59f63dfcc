"""`burnline notify test` from files: what it prints, and its exit code."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

ROUTES = """
route: {receiver: a}
receivers:
- {name: a, webhook_configs: [{url: 'http://127.0.0.1:9/planted'}]}
- {name: nobody}
"""


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "alertmanager.yml"
    path.write_text(ROUTES)

    def invoke(*words):
        return CliRunner().invoke(burnline, ["notify", "test", *words, "--config.file", str(path)])

    return invoke


def test_a_dry_run_prints_the_payload_and_exits_0(run):
    done = run("a", "--dry-run", "--sample", "resolved")
    assert done.exit_code == 0
    assert done.output.startswith("ok   webhook 127.0.0.1-")
    assert '"status": "resolved"' in done.output
    assert "planted" not in done.output


def test_a_message_that_does_not_get_through_exits_1_and_says_why(run):
    done = run("a")
    assert done.exit_code == 1
    assert "FAIL webhook 127.0.0.1-" in done.output
    assert "the connection was refused" in done.output


def test_as_json_it_says_the_same(run):
    found = json.loads(run("a", "--dry-run", "--json").output)
    assert (found["receiver"], found["dry_run"], found["tried"][0]["ok"]) == ("a", True, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("b",), 'no receiver is called "b"'),
        ((), "say which receiver to try"),
        (("a", "--replay", "x"), "leave out --config.file"),
    ],
)
def test_what_cannot_be_tried_is_said(run, words, said):
    done = run(*words)
    assert done.exit_code == 1
    assert said in done.output


def test_probing_says_where_no_provider_can_be_asked(run):
    done = run("--probe")
    assert (done.exit_code, done.output) == (0, "no provider can be asked\n")
