"""`burnline test` runs routing tests: a line a test, the story of one that failed, and exit code 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

TESTS = """
alertmanager: {routes}
routing_tests:
  - {{name: nobody hears, alerts: [{{labels: {{alertname: X}}, until: 5s}}]}}
  - {{name: somebody does, alerts: [{{labels: {{alertname: X}}, until: 5m}}], expect: [{{at: 10s, by: slack}}], others: allow}}
  - {{name: somebody else, alerts: [{{labels: {{alertname: X}}, until: 5m}}], expect: [{{at: 10s, by: sms}}], others: allow}}
"""


@pytest.fixture
def file(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "tests.yml"
    path.write_text(TESTS.format(routes=root / "alertmanager" / "alertmanager.yml"))
    return path


def test_a_failure_shows_expected_got_and_the_story_and_exits_1(file, tmp_path):
    report = tmp_path / "junit.xml"
    done = CliRunner().invoke(burnline, ["test", str(file), "--junit", str(report)])
    assert done.exit_code == 1
    assert "✓ nobody hears" in done.output
    assert "✗ somebody else" in done.output
    assert f"{file}:6:" in done.output
    assert "- by sms at 10s" in done.output
    assert "→ slack to #rag-alerts from team: firing X (first notification)" in done.output
    assert "3 tests: 2 passed, 1 failed" in done.output
    assert 'failures="1"' in report.read_text()


def test_run_chooses_and_what_passes_exits_0(file):
    done = CliRunner().invoke(burnline, ["test", str(file), "--run", "^(nobody|somebody does)"])
    assert done.exit_code == 0
    assert "2 passed, 1 left out by --run" in done.output
    assert "→" not in done.output


def test_a_trace_tells_the_story_of_what_passes(file):
    done = CliRunner().invoke(burnline, ["test", str(file), "--run", "somebody does", "--trace"])
    assert "→ email to search-team@example.org from team: firing X" in done.output


def test_routes_that_no_test_reaches_are_named(file):
    done = CliRunner().invoke(burnline, ["test", str(file), "--coverage"])
    assert "no test reaches 16 of 17 routes and steps of escalation" in done.output
    assert "escalation step 2 of oncall" in done.output


def test_check_finds_what_is_wrong_without_playing(file):
    file.write_text(file.read_text().replace("by: sms", "by: pigeon"))
    done = CliRunner().invoke(burnline, ["check", str(file)])
    assert done.exit_code == 1
    assert 'unknown channel "pigeon"' in done.output
