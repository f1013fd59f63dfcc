"""`burnline slo compile`: rules to standard output or a file, problems with their places, nothing written where there are any."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from agent.cli.main import burnline

SPEC = """\
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.5
    sli:
      events:
        error_query: sum(rate(answers_total{outcome="error"}[{{.window}}]))
        total_query: sum(rate(answers_total[{{.window}}]))
    alerting:
      name: AnswersBurn
      annotations: {runbook_url: "https://example.org/answers"}
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "slos.yml"
    path.write_text(SPEC)
    return path


def run(*words):
    return CliRunner().invoke(burnline, ["slo", "compile", *map(str, words)], catch_exceptions=False)


def groups(text):
    return [group["name"] for group in yaml.safe_load(text)["groups"]]


def test_the_rules_go_to_standard_output(spec):
    done = run(spec)

    assert done.exit_code == 0
    assert groups(done.stdout) == [f"burnline-slo-{part}rag-answers" for part in ("", "period-", "meta-")]


def test_what_is_compiled_passes_check_without_a_finding(spec, tmp_path):
    rules = tmp_path / "rules.yml"
    assert run(spec, "--out", rules, "--extra-label", "team=search").exit_code == 0
    recorded = [rule for rule in yaml.safe_load(rules.read_text())["groups"][0]["rules"] if "record" in rule]
    assert {rule["labels"].get("team") for rule in recorded} == {"search"}

    checked = CliRunner().invoke(burnline, ["check", str(rules)], catch_exceptions=False)

    assert checked.exit_code == 0, checked.output


def test_the_dialect_the_period_and_the_parts_are_chosen(spec):
    done = run(spec, "--compat", "sloth", "--default-period", "28d", "--disable-alerts")

    assert groups(done.stdout) == [f"sloth-slo-{part}-recordings-rag-answers" for part in ("sli", "meta")]
    assert "ratio_rate4w" in done.stdout
    assert groups(run(spec, "--disable-recordings").stdout) == ["burnline-slo-rag-answers"]


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_written(spec, tmp_path):
    spec.write_text(SPEC.replace("99.5", "90"))

    done = run(spec, "--out", tmp_path / "rules.yml")

    assert done.exit_code == 1
    assert done.stderr.startswith(f'{spec}:4:5: SLO "rag-answers": with an objective of 90 %')
    assert not (tmp_path / "rules.yml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--default-period", "1x"), "--default-period: not a valid duration"),
        (("--default-period", "1h"), "a period has at least one day"),
        (("--extra-label", "team"), "--extra-label is written name=value"),
        (("--extra-label", "9=x"), "--extra-label is written name=value"),
        (("--extra-label", "__name__=x"), '--extra-label: label "__name__" is set by the compiler'),
        (("--extra-label", "sloth_id=x"), '--extra-label: label "sloth_id" is set by the compiler'),
        (("--windows", "nowhere"), "nowhere:1:1: cannot read windows of alerts: it is no folder"),
        (("--out", "nowhere/rules.yml"), "cannot write the rules to nowhere/rules.yml: No such file or directory"),
    ],
)
def test_wrong_options_are_said_in_words(spec, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    done = run(spec, *words)

    assert (done.exit_code, said in done.stderr) == (1, True), done.stderr
