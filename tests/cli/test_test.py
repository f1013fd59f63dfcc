"""`burnline test`: a line per test, reports for CI, a choice of tests, what nobody tests, and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

RULES = """
groups:
  - name: g
    rules:
      - {alert: High, expr: m > 5, for: 1m}
      - {alert: Low, expr: m < 0}
"""
TESTS = """
rule_files: [rules.yml]
tests:
  - name: it rises
    input_series: [{series: m, values: 0+2x9}]
    alert_rule_test: [{alertname: High, eval_time: 4m, exp_alerts: [{}]}]
  - name: it stays
    input_series: [{series: m, values: 6x9}]
    alert_rule_test: [{alertname: High, eval_time: 4m, exp_alerts: []}]
"""


def verb(*words):
    result = CliRunner().invoke(burnline, ["test", *map(str, words)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.fixture
def file(tmp_path):
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests" / "high.yml"
    path.write_text(TESTS.replace("rules.yml", "../rules.yml"))
    return path


def test_a_failure_is_shown_with_its_place_and_exits_1(file):
    code, output = verb(file)
    assert code == 1
    assert "✓ it rises" in output
    assert "✗ it stays" in output
    assert f"{file}:9:23: High at 4m: expected none firing, got 1" in output
    assert "1 file, 2 tests: 1 passed, 1 failed" in output
    assert "\x1b" not in output, "colour is for terminals"


def test_a_name_chooses_tests_and_leaves_the_others_out(file):
    code, output = verb(file, "--run", "rises", "--run", "falls")
    assert code == 0
    assert "it stays" not in output
    assert "1 passed, 1 left out by --run" in output
    assert "fire in no test" not in output, "what was left out may cover it"


def test_a_choice_that_is_no_regular_expression_is_refused(file):
    code, output = verb(file, "--run", "(")
    assert code == 1
    assert "--run: not a regular expression" in output


def test_alerts_that_no_test_makes_fire_are_named(file):
    assert "1 of 2 alerts fire in no test: Low" in verb(file)[1]
    lines = verb(file, "--coverage")[1].splitlines()
    assert [line.split() for line in lines if line.startswith(("High ", "Low "))] == [
        ["High", "2", "1", "1"],
        ["Low", "0", "0", "0"],
    ]


def test_a_trace_draws_what_each_alert_did(file):
    output = verb(file, "--trace", "--run", "rises")[1]
    assert "High: pending at 3m, firing at 4m" in output
    assert "0s ···○● 4m" in output


def test_a_folder_means_the_files_in_it_and_an_empty_one_is_an_error(file, tmp_path):
    assert "1 file, 2 tests" in verb(file.parent)[1]
    (tmp_path / "none").mkdir()
    code, output = verb(tmp_path / "none")
    assert code == 1
    assert "no test file is in" in output


def test_what_cannot_be_run_is_said_and_the_other_files_run(file, tmp_path):
    (tmp_path / "tests" / "broken.yml").write_text("tests: [{nam: x}]\n")
    code, output = verb(tmp_path / "tests", tmp_path / "rules.yml", tmp_path / "gone.yml")
    assert code == 1
    assert 'broken.yml:1:10: test: unknown key "nam"; did you mean "name"?' in output
    assert "rules.yml:1:1: this is a file of rules, not of tests" in output
    assert "gone.yml:1:1: cannot read it" in output
    assert "4 files, 2 tests: 1 passed, 1 failed (- expected, + got), 3 files could not be run" in output


def test_a_file_in_which_nothing_stands_fails_nothing_as_in_promtool(file, tmp_path):
    (tmp_path / "later.yml").write_text("# later\n")
    code, output = verb(tmp_path / "later.yml")
    assert code == 0
    assert "later.yml:1:1: nothing stands in this file" in output


def test_junit_has_a_suite_per_file_and_a_case_per_test(file, tmp_path):
    (tmp_path / "tests" / "broken.yml").write_text("tests: [{nam: x}]\n")
    report = tmp_path / "junit.xml"
    verb(tmp_path / "tests", "--junit", report)
    broken, high = ET.parse(report).getroot()
    assert [broken.get(each) for each in ("tests", "failures", "errors")] == ["1", "0", "1"]
    assert [high.get(each) for each in ("tests", "failures", "errors")] == ["2", "1", "0"]
    assert [case.get("name") for case in high] == ["it rises", "it stays"]
    (failure,) = high[1]
    assert "unexpected: {" in failure.text


def test_junit_leaves_out_what_xml_cannot_write(file, tmp_path):
    file.write_text(file.read_text().replace("it stays", '"it \\x01 <stays>"'))
    report = tmp_path / "junit.xml"
    verb(file, "--junit", report)
    assert ET.parse(report).getroot()[0][1].get("name") == "it � <stays>"


def test_json_says_the_same_for_programs(file):
    code, output = verb(file, "--json")
    document = json.loads(output)
    assert (code, document["passed"]) == (1, False)
    rises, stays = document["files"][0]["tests"]
    assert (rises["name"], rises["passed"], rises["line"]) == ("it rises", True, 4)
    assert rises["alerts"][0]["changes"] == [
        {"at_ms": 180_000, "state": "pending"},
        {"at_ms": 240_000, "state": "firing"},
    ]
    assert stays["failures"][0]["title"] == "High at 4m: expected none firing, got 1"


def test_unknown_keys_of_rule_files_are_refused_unless_they_are_to_be_passed_over(file, tmp_path):
    (tmp_path / "rules.yml").write_text(RULES.replace("name: g", "name: g\n    owner: me"))
    code, output = verb(file, "--run", "rises")
    assert code == 1
    assert 'unknown key "owner"' in output
    assert verb(file, "--run", "rises", "--ignore-unknown-fields")[0] == 0


def test_the_shipped_unit_tests_and_routing_tests_pass(root):
    code, output = verb(root / "rules" / "tests", root / "alertmanager" / "tests")
    assert code == 0, output
    assert "fire in no test" not in output, "every shipped alert fires in a test"


def test_running_unit_tests_loads_neither_the_network_nor_the_terminal_library(file):
    script = (
        "import sys, contextlib\nfrom agent.cli.main import burnline\n"
        f"with contextlib.suppress(SystemExit): burnline(['test', {str(file)!r}, '--run', 'rises'])\n"
        "print(sorted({'aiohttp', 'rich', 'slack_sdk', 'jinja2', 'aiosmtplib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "1 passed" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
