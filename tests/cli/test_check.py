"""`burnline check` says file:line:column, what is wrong and a suggestion; its exit code is for pipelines."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

RULES = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up == 0\n"


def check(*files):
    result = CliRunner().invoke(burnline, ["check", *map(str, files)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write_file


def test_the_shipped_files_are_good(root, monkeypatch):
    monkeypatch.chdir(root)

    for files in ([], ["rules"], ["alertmanager/alertmanager.yml"], ["alertmanager/escalation.yml"], ["burnline.yml"]):
        code, output = check(*files)
        assert code == 0, output
        assert "good" in output


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("r.yml", RULES.replace("expr", "exp"), ':5:5: group "a", rule "A": unknown key "exp"; did you mean "expr"?'),
        ("r.yml", RULES.replace("up == 0", "rate(up[5m)"), ":5:"),
        ("r.yml", RULES.replace("up == 0", "raet(up[5m])"), 'did you mean "rate"?'),
        ("r.yml", RULES + RULES.removeprefix("groups:\n"), '"a"'),
        ("burnline.yml", "scrape_configs: []\nrule_file: []\n", ':2:1: unknown key "rule_file"'),
        ("alertmanager.yml", "route: {receiver: tam}\nreceivers: [{name: team}]\n", 'did you mean "team"?'),
        ("x.yml", "something: else\n", "neither a configuration, rules, routes nor escalation: it has something"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_code_is_1(write, name, text, expected):
    path = write(name, text)

    code, output = check(path)

    assert code == 1
    assert str(path) in output
    assert expected in output


def test_a_file_that_is_not_there_is_named(tmp_path):
    code, output = check(tmp_path / "nope.yml")

    assert code == 1
    assert "nope.yml: cannot read it: No such file" in output


def test_a_configuration_is_checked_with_all_that_it_names(write, tmp_path):
    write("r.yml", RULES.replace("up ==", "up =="))
    write("bad.yml", RULES.replace("up == 0", "up =="))
    write("am.yml", "route: {receiver: x}\nreceivers: [{name: team}]\n")
    path = write("burnline.yml", "rule_files: ['*r.yml', bad.yml]\nnotify: {config_file: am.yml}\n")

    code, output = check(path)

    assert code == 1
    assert "bad.yml:5:" in output
    assert "am.yml:1:" in output


def test_a_secret_file_that_is_missing_is_named_with_its_place(write):
    path = write(
        "alertmanager.yml",
        "route: {receiver: team}\nreceivers:\n- name: team\n  slack_configs:\n"
        "  - {channel: '#a', api_url_file: /nonexistent/secret}\n",
    )

    code, output = check(path)

    assert code == 1
    assert f"{path}:5:" in output
    assert "/nonexistent/secret" in output


def test_warnings_are_said_and_do_not_fail(write):
    code, output = check(write("r.yml", RULES))

    assert code == 0
    assert "warning: " in output
    assert "severity" in output


def test_rule_unit_tests_are_checked_without_being_run(root, write):
    code, output = check(root / "rules" / "tests" / "rag.yml")
    assert (code, output.splitlines()[-1].endswith("rag.yml: good")) == (0, True)

    write("rules.yml", "groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]\n")
    broken = write(
        "broken.yml",
        "rule_files: [rules.yml]\ntests:\n"
        "  - input_series: [{series: 'up{', values: '1 1,2'}]\n"
        "    alert_rule_test: [{alertname: Dwn, eval_time: 1m, exp_alerts: []}]\n"
        "    promql_expr_test: [{expr: 'sum(', eval_time: 1m}]\n",
    )
    code, output = check(broken)
    assert code == 1
    assert "broken.yml:3:33: series up{: 1:4: parse error" in output
    assert "broken.yml:5:36: expr sum(: " in output
    assert 'broken.yml:4:23: no rule of the rule_files is called "Dwn"; did you mean "Down"?' in output


def test_a_secret_file_of_a_scrape_job_stands_beside_the_configuration_and_must_be_there(write, tmp_path):
    job = (
        "- job_name: rag\n  static_configs: [{targets: ['h:1']}]\n  basic_auth: {username: x, password_file: the-pw}\n"
    )
    path = write("burnline.yml", f"scrape_configs:\n{job}")

    code, output = check(path)

    assert code == 1
    assert f'{path}:4:44: job "rag": no such file: {tmp_path / "the-pw"}' in output
    write("the-pw", "secret")
    assert check(path)[0] == 0


def test_rule_files_that_hold_nothing_are_warned_of(write, tmp_path):
    write("empty.yml", "# nothing\n")
    path = write("burnline.yml", "rule_files: ['rulez/*.yml', empty.yml]\n")

    code, output = check(path)

    assert code == 0
    assert "rulez/*.yml matches no file" in output
    assert "empty.yml: no rule group is in it" in output
