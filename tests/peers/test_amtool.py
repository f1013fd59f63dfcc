"""The real amtool 0.25 against a real Alertmanager and against ours: what it prints is the same, and it ends alike.

The commands are those of Alertmanager's own acceptance tests of its CLI (alerts added and asked for; silences added, asked for,
changed, expired and imported; routes shown and tested), and what else reads the server.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.peers.alertmanagers import our_alertmanager, real_alertmanager

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?")


class Tool:
    """amtool on one server; what it prints is kept without ids and instants."""

    def __init__(self, program, server):
        self.program = program
        self.server = server
        self.ids = []

    def __call__(self, *arguments, stdin=None):
        """Run a command, in which `ID` is the silence that was made or changed last; return (exit code, what it printed)."""
        words = [self.ids[-1] if each == "ID" else each for each in arguments]
        command = [self.program, "--alertmanager.url", self.server.url, *words]
        done = subprocess.run(
            command, check=False, input=stdin, capture_output=True, text=True, timeout=30, env={"HOME": "/nonexistent"}
        )
        if "add" in words or "update" in words:
            self.ids += [found[0] for found in UUID.finditer(done.stdout)]
        words = UUID.sub("ID", done.stdout + done.stderr)
        lines = [line for line in words.splitlines() if "alertmanager version" not in line and "http://" not in line]
        return done.returncode, sorted(MOMENT.sub("WHEN", re.sub(r" +", " ", line)).rstrip() for line in lines)


@pytest.fixture(scope="module")
def tools(peer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("amtool")
    amtool = peer("amtool", "prometheus-alertmanager")
    program = peer("prometheus-alertmanager", "prometheus-alertmanager")
    with (
        real_alertmanager(program, folder / "real") as real,
        our_alertmanager(folder / "ours", compat="default") as ours,
    ):
        yield Tool(amtool, real), Tool(amtool, ours)


def same(tools, *arguments, stdin=None, code=0):
    """Run a command on both; they must end as expected and print the same, which is returned."""
    expected, got = (tool(*arguments, stdin=stdin) for tool in tools)
    assert expected[0] == code, expected
    assert got == expected
    return got[1]


def test_alerts_are_added_and_found(tools):
    same(tools, "alert", "add", "alertname=One", "team=a", "severity=page", "--annotation=summary=it burns")
    same(
        tools, "alert", "add", "Two", "job=rag", "--end=2040-01-01T00:00:00Z", "--generator-url=http://x.example.org/g"
    )

    assert any("One" in line for line in same(tools, "alert", "query", "One"))
    assert any("Two" in line for line in same(tools, "alert"))
    for arguments in (
        ("alert", "query", "alertname=~One|Two"),
        ("alert", "query", "job!=rag"),
        ("alert", "query", "--receiver=team.a"),
        ("alert", "query", "--silenced", "--inhibited", "--unprocessed", "--active"),
        ("--output", "extended", "alert", "query"),
        ("--output", "simple", "alert", "query", "Nobody"),
    ):
        same(tools, *arguments)
    same(tools, "alert", "add", "a=b=c", "=x", code=1)
    same(tools, "alert", "query", "alertname=~(")


def test_a_silence_lives_from_add_to_expire(tools):
    same(tools, "alert", "add", "alertname=Held", "--annotation=summary=x")
    same(tools, "silence", "add", "alertname=Held", "--comment=deploy", "--author=ana", "--duration=2h")
    assert any("deploy" in line for line in same(tools, "silence", "query", "alertname=Held"))
    same(tools, "--output", "extended", "silence", "query")
    hidden = same(tools, "alert", "query", "alertname=Held")
    assert not any("Held" in line for line in hidden)
    assert any("Held" in line for line in same(tools, "alert", "query", "--silenced", "alertname=Held"))

    same(tools, "silence", "update", "ID", "--duration=3h", "--comment=longer")
    assert any("longer" in line for line in same(tools, "silence"))
    same(tools, "silence", "expire", "ID")
    same(tools, "silence", "query", "--expired")
    same(tools, "silence", "query", "--expired", "--quiet")
    assert any("Held" in line for line in same(tools, "alert", "query", "alertname=Held"))


def test_what_makes_no_silence_is_refused_alike(tools):
    for arguments in (
        ("silence", "add", "alertname=~.*", "--comment=x"),
        ("silence", "add", "alertname=A", "--comment=x", "--end=2020-01-01T00:00:00Z"),
        ("silence", "expire", "00000000-0000-4000-8000-000000000000"),
        ("silence", "update", "00000000-0000-4000-8000-000000000000", "--duration=1h"),
    ):
        expected, got = (tool(*arguments) for tool in tools)
        assert expected[0] == got[0] == 1, (arguments, expected, got)
        assert got[1], "a refusal has words"


def test_negative_and_regex_matchers_arrive_as_they_were_meant(tools):
    same(tools, "silence", "add", "alertname=~Some|Other", "env!=dev", "zone!~a|b", "--comment=x", "--author=ana")
    lines = same(tools, "--output", "json", "silence", "query", "env!=dev")
    assert any('"isEqual":false' in line for line in lines)
    same(tools, "silence", "expire", "ID")


def test_silences_are_imported_in_one_go(tools):
    def one(number):
        matcher = {"name": "import", "value": str(number), "isRegex": False, "isEqual": True}
        times = {"startsAt": "2035-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z"}
        return {"matchers": [matcher], "createdBy": "ana", "comment": f"import {number}", **times}

    batch = json.dumps([one(number) for number in range(20)])

    same(tools, "silence", "import", stdin=batch)
    found = same(tools, "silence", "query", "import=7")
    assert any("import 7" in line for line in found)
    for tool in tools:
        shown = [each for each in tool.server.get("silences") if each["comment"].startswith("import")]
        assert len(shown) == 20


def test_routes_are_shown_and_tested_from_the_running_server(tools):
    assert any("team.a" in line for line in same(tools, "config", "routes", "show"))
    assert same(tools, "config", "routes", "test", "team=a") == ["team.a,team-b"]
    assert same(tools, "config", "routes", "test", "severity=page") == ["hook"]
    same(tools, "config", "routes", "test", "--verify.receivers=hook", "alertname=X")
    same(tools, "config", "routes", "test", "--verify.receivers=team-b", "alertname=X", code=1)
    same(tools, "config", "routes", "test", "--tree", "team=b")


def test_the_configuration_is_shown_and_is_one_without_a_secret_in_it(tools, tmp_path):
    _, ours = tools
    command = [ours.program, "--alertmanager.url", ours.server.url, "config", "show"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout

    assert "hunter2" not in shown
    assert "secret-path" not in shown
    (tmp_path / "shown.yml").write_text(shown)
    subprocess.run([ours.program, "check-config", tmp_path / "shown.yml"], check=True, timeout=30, capture_output=True)


def test_there_is_no_cluster_to_show(tools):
    same(tools, "cluster", "show")
