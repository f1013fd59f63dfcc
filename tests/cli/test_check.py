"""`burnline check` says file:line:column, what is wrong and a suggestion; its exit code is for pipelines."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline

RECORD = "  - record: error_rate\n    expr: sum(rate(q_total{s='e'}[5m])) / sum(rate(q_total[5m]))\n"
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
        ("crd.yml", "apiVersion: v1\nkind: PrometheusRule\n", ":1:1: this is a Kubernetes object; a rule file is what"),
        ("x.yml", "something: else\n", "neither a configuration, rules, SLOs, routes nor escalation: it has something"),
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
    assert "nope.yml:1:1: cannot read it: No such file" in output


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + RULES,
        RULES.replace("\n", "\r\n"),
        RULES.replace("groups", '"groups"'),
        '{"groups": [{"name": "a", "rules": [{"alert": "A", "expr": "up == 0"}]}]}',
        "---\n{groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]}\n...\n",
    ],
)
def test_rules_are_known_however_the_file_is_written(tmp_path, text):
    path = tmp_path / "r.yml"
    path.write_bytes(text.encode())

    assert check(path, "--lint=none") == (0, "1 file, 1 rule: good\n")


@pytest.mark.parametrize("text", ["", "# later\n\n  # more\n", "\ufeff"])
def test_an_empty_file_or_folder_is_warned_of(write, tmp_path, text):
    (tmp_path / "folder").mkdir()

    code, output = check(write("later.yml", text), tmp_path / "folder")

    assert code == 3
    assert "later.yml:1:1: nothing stands in this file (nothing)" in output
    assert "folder:1:1: no .yml file is in this folder (nothing)" in output


def test_what_cannot_be_read_as_text_says_why(tmp_path):
    (tmp_path / "bytes.yml").write_bytes(b"groups:\n- name: \xff\n")
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "folder.yml").mkdir()

    code, output = check(tmp_path)

    assert code == 1
    assert "bytes.yml:2:1: it is not UTF-8 text: invalid start byte at byte 16 (error)" in output
    assert "pipe.yml:1:1: cannot read it: it is no regular file" in output
    assert "folder.yml:1:1: cannot read it: it is a folder" in output


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


def test_lints_are_said_in_promtools_shape_and_the_code_is_3(write):
    path = write("r.yml", RULES)

    code, output = check(path)

    assert code == 3
    about = f'{path}:4:5: group "a", rule "A": the alert has no'
    assert output.splitlines() == [
        f'{about} label "severity", so no route can go by it (no-severity)',
        f'{about} annotation "summary", so its message has no first line (no-summary)',
        f'{about} annotation "runbook_url", so whoever is woken is not told what to do (no-runbook)',
        "1 file, 1 rule: 3 warnings",
    ]


def test_errors_and_lints_come_together_in_the_order_of_files_and_lines(write):
    """A file that is broken hides nothing of the others."""
    good = write("b.yml", RULES)
    bad = write("a.yml", RULES.replace("up == 0", "up ==") + "  - alert: B\n    exprr: up\n")

    code, output = check(good, bad)

    assert code == 1
    places = [line.split(" ")[0] for line in output.splitlines()]
    assert places == [f"{bad}:5:16:", f"{bad}:7:5:", f"{good}:4:5:", f"{good}:4:5:", f"{good}:4:5:", "2"]
    assert output.splitlines()[-1] == "2 files, 1 rule: 2 errors, 3 warnings"


@pytest.mark.parametrize(
    ("lint", "code", "warnings"),
    [
        ("all", 3, 3),
        ("none", 0, 0),
        ("no-summary", 3, 1),
        ("no-summary,duplicate", 3, 1),
        ("duplicate", 0, 0),
        ("-no-summary", 3, 2),
        ("-no-summary,-no-severity,-no-runbook", 0, 0),
    ],
)
def test_lints_are_chosen_by_code(write, lint, code, warnings):
    found, output = check(write("r.yml", RULES), "--lint", lint)

    assert found == code
    assert output.count("the alert has no") == warnings


def test_a_code_that_there_is_not_is_refused_with_the_nearest(write):
    code, output = check(write("r.yml", RULES), "--lint", "no-sumary")

    assert code == 1
    assert 'there is no code "no-sumary"; did you mean "no-summary"?' in output


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("- alert: A", "- alert: A # burnline:ignore no-summary", {"no-severity", "no-runbook"}),
        ("- alert: A", "- alert: A # burnline:ignore no-summary, no-runbook", {"no-severity"}),
        (
            "  - alert",
            "  # first\n  # burnline:ignore no-severity why it is right\n  - alert",
            {"no-summary", "no-runbook"},
        ),
        ("groups:", "# burnline:ignore-file no-severity, no-summary,no-runbook\ngroups:", set()),
        ("up == 0", "up == 0 # burnline:ignore no-severity", {"no-severity", "no-summary", "no-runbook"}),
        ("up == 0", "up == 2 # burnline:ignore never-matches", {"no-severity", "no-summary", "no-runbook"}),
        ("- alert: A", "- alert: A # burnline:ignore", {"no-severity", "no-summary", "no-runbook"}),
        (
            "- alert: A",
            "- alert: A # burnline:ignore no-sumary",
            {"no-severity", "no-summary", "no-runbook", "unknown-code"},
        ),
    ],
)
def test_a_comment_accepts_the_codes_that_it_names(write, before, after, left):
    code, output = check(write("r.yml", RULES.replace(before, after)), "--json")

    assert {each["code"] for each in json.loads(output)["findings"]} == left
    assert code == (3 if left else 0)


def test_json_is_one_object_with_every_finding(write):
    path = write("r.yml", RULES.replace("expr: up == 0", "expr: error_rate > 5") + RECORD)

    code, output = check(path, "--json", "--lint", "never-matches")

    assert json.loads(output) == {
        "files": [str(path)],
        "rules": 2,
        "slos": 0,
        "errors": 0,
        "warnings": 1,
        "notes": 0,
        "exit_code": 3,
        "findings": [
            {
                "file": str(path),
                "line": 5,
                "column": 11,
                "group": "a",
                "rule": "A",
                "code": "never-matches",
                "severity": "warning",
                "message": "this comparison can never match: the left side is between 0 and 1, the right side 5; "
                "a share is a fraction of 1",
                "suggestion": "0.05",
            }
        ],
    }
    assert code == 3


def test_files_are_named_from_where_one_stands(write, tmp_path, monkeypatch):
    write("burnline.yml", "rule_files: [r.yml]\n")
    write("r.yml", RULES)
    monkeypatch.chdir(tmp_path)

    report = json.loads(check("--json")[1])

    assert report["files"] == ["burnline.yml", "r.yml"]
    assert {each["file"] for each in report["findings"]} == {"r.yml"}


def test_an_error_in_json_has_its_parts(write):
    path = write("r.yml", RULES.replace("expr", "exp").replace("name: a", "name: 'a: b, rule \"c'"))

    found = json.loads(check(path, "--json")[1])["findings"][0]

    assert (found["line"], found["column"], found["code"], found["severity"]) == (5, 5, "error", "error")
    assert (found["rule"], found["message"], found["suggestion"]) == ("A", 'unknown key "exp"', "expr")


def test_sarif_names_each_code_once_and_points_at_the_places(write, tmp_path, monkeypatch):
    """The parts of SARIF 2.1.0 that code hosts read: §3.13 to §3.30 of the standard."""
    monkeypatch.chdir(tmp_path)
    write("r 1.yml", RULES.replace("up == 0", "up > 1 # ü"))
    write("bad.yml", RULES.replace("up == 0", "up =="))

    code, output = check("r 1.yml", "bad.yml", "--sarif")

    assert code == 1
    log = json.loads(output)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["error", "never-matches", "no-runbook", "no-severity", "no-summary"]
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
    first, *_, last = run["results"]
    where = last["locations"][0]["physicalLocation"]
    assert where == {"artifactLocation": {"uri": "r%201.yml"}, "region": {"startLine": 5, "startColumn": 11}}
    assert last["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "a/A"
    assert (first["ruleId"], first["level"]) == ("error", "error")
    assert first["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "bad.yml"}


ROUTES = """
route:
  receiver: team
  routes:
  - {receiver: nobody, matchers: ['severity="page"', 'job!="other"']}
  - {receiver: log, matchers: ['severity="info"']}
receivers:
- {name: nobody}
- {name: log}
- name: team
  webhook_configs: [{url: "http://127.0.0.1:1/"}]
"""


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("expr: up == 0\n    labels: {severity: page, job: rag}", 'only the receiver "nobody", which sends nothing'),
        ("expr: up{job='rag'} == 0\n    labels: {severity: page}", 'only the receiver "nobody"'),
        ("expr: sum(up) == 0\n    labels: {severity: page}", 'only the receiver "nobody"'),
        ("expr: up == 0\n    labels: {severity: page}", ""),
        ("expr: up{job='other'} == 0\n    labels: {severity: page}", ""),
        ("expr: sum(up) == 0\n    labels: {severity: '{{ $value }}'}", ""),
        ("expr: sum(up) == 0\n    labels: {severity: info}", ""),
    ],
)
def test_an_alert_whose_every_route_tells_nobody_is_found(write, rule, told):
    write("am.yml", ROUTES)
    path = write("r.yml", RULES.replace("expr: up == 0", rule))

    _, output = check(path, path.parent / "am.yml", "--lint", "routed-nowhere")

    assert (told in output) if told else ("which sends nothing" not in output)


@pytest.mark.parametrize(("severity", "near"), [("pag", "page"), ("inf", "info"), ("critical", ""), ("page", "")])
def test_a_severity_is_compared_with_those_that_the_routes_ask_for(write, severity, near):
    write("am.yml", ROUTES)
    path = write("r.yml", RULES + f"    labels: {{severity: {severity}}}\n")

    _, output = check(path, path.parent / "am.yml", "--lint", "severity-unknown")

    said = f'{path}:6:24: group "a", rule "A": no route asks for the severity "{severity}"; did you mean "{near}"?'
    assert (said in output) if near else ("did you mean" not in output)


def test_a_runbook_beside_the_rules_must_be_there(write):
    text = RULES + "    annotations: {runbook_url: books/a.md#first}\n"
    path = write("r.yml", text)

    assert "the runbook books/a.md is no file" in check(path)[1]
    (path.parent / "books").mkdir()
    write("books/a.md", "")
    assert "is no file" not in check(path)[1]
    for elsewhere in ("/runbooks/a", "https://example.org/a", "{{ $labels.job }}.md"):
        write("r.yml", text.replace("books/a.md#first", f"'{elsewhere}'"))
        assert "is no file" not in check(path)[1]


def test_names_from_before_utf8_are_a_setting(write):
    write("r.yml", RULES + "    labels: {a-b: c}\n")
    path = write("burnline.yml", "rule_files: [r.yml]\n")

    assert check(path)[0] == 3
    write("burnline.yml", "global: {metric_name_validation_scheme: legacy}\nrule_files: [r.yml]\n")
    code, output = check(path)
    assert code == 1
    assert 'r.yml:6:19: group "a", rule "A": invalid label name "a-b" (legacy names) (error)' in output


def test_colours_are_for_terminals_only(write):
    path = write("r.yml", RULES)
    runner = CliRunner()

    assert "\x1b[" not in runner.invoke(burnline, ["check", str(path)]).output
    assert "\x1b[" in runner.invoke(burnline, ["check", str(path)], color=True).output
    assert "\x1b[" not in runner.invoke(burnline, ["check", str(path)], color=True, env={"NO_COLOR": "1"}).output


def test_rule_unit_tests_are_checked_without_being_run(root, write):
    code, output = check(root / "rules" / "tests" / "rag.yml")
    assert (code, output) == (0, "1 file, 0 rules: good\n")

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

    assert code == 3
    assert "rulez/*.yml matches no file" in output
    assert "empty.yml:1:1: no rule group is in it (nothing)" in output
