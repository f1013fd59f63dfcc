"""`burnline slo convert`, and what `burnline check` says of SLO files."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agent.cli.main import burnline
from agent.slo import read_slos

SLOTH = """\
version: prometheus/v1
service: rag-api
slos:
  - name: answers
    objective: 99.5
    sli: {raw: {error_ratio_query: "sum(rate(x[{{.window}}]))"}}
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
"""
OPENSLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: answers}
spec:
  service: rag-api
  indicatorRef: answered
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"""
SLI = """\
apiVersion: openslo/v1
kind: SLI
metadata: {name: answered}
spec: {ratioMetric: {rawType: failure, raw: {metricSource: {type: Prometheus, spec: {query: "avg_over_time(x[window])"}}}}}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a verb in an empty folder; return its exit code, and what it printed to standard output and error."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        result = CliRunner().invoke(burnline, words)
        return result.exit_code, result.stdout, result.stderr

    return invoke


def test_what_loses_nothing_is_printed(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH)

    code, out, err = run("slo", "convert", "a.yml", "--to", "openslo")

    assert (code, err) == (0, "")
    assert read_slos(out, "out").slos[0].objective == 99.5


def test_what_loses_nothing_is_written_where_wanted(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH)

    code, out, _ = run("slo", "convert", "a.yml", "--to", "kubernetes", "--out", "b.yml")

    assert (code, out) == (0, "")
    assert "kind: PrometheusServiceLevel" in (tmp_path / "b.yml").read_text()


def test_what_would_be_lost_is_listed_and_nothing_written(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH.replace("objective:", "tier: 1\n    objective:"))

    code, out, err = run("slo", "convert", "a.yml", "--to", "openslo", "--out", "b.yml")

    assert (code, out) == (1, "")
    assert 'a.yml:5:5: lost: slo "answers": unknown key "tier"' in err
    assert "nothing was written" in err
    assert not (tmp_path / "b.yml").exists()


def test_what_is_lost_may_be_lost_knowingly(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH.replace("objective:", "tier: 1\n    objective:"))

    code, out, err = run("slo", "convert", "a.yml", "--to", "sloth", "--lossy")

    assert code == 0
    assert "lost: " in err
    assert len(read_slos(out, "out").slos) == 1


def test_a_file_that_is_wrong_is_not_converted(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH.replace("99.5", "100"))

    code, out, err = run("slo", "convert", "a.yml", "--to", "openslo")

    assert (code, out) == (1, "")
    assert "a.yml:5:16: " in err


def test_check_knows_slo_files_and_says_what_is_wrong_where(run, tmp_path):
    (tmp_path / "a.yml").write_text(SLOTH.replace("99.5", "100"))
    (tmp_path / "b.yml").write_text(SLOTH.replace("rag-api", "other").replace("objective:", "tier: 1\n    objective:"))

    code, out, _ = run("check", "a.yml", "b.yml")

    assert code == 1
    assert 'a.yml:5:16: slo "answers": an objective of 100 leaves no budget' in out
    assert 'b.yml:5:5: slo "answers": unknown key "tier"' in out
    assert "2 files, 0 rules, 1 SLO: 1 error, 1 warning" in out


@pytest.mark.parametrize(
    "text",
    [SLOTH, OPENSLO + "---\n" + SLI, '{"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "a"}}'],
)
def test_check_finds_nothing_in_a_good_file_of_each_kind(run, tmp_path, text):
    (tmp_path / "a.yml").write_text(text)

    code, out, _ = run("check", "a.yml")

    assert (code, out.endswith(": good\n")) == (0, True), out


def test_objects_of_openslo_name_each_other_across_the_files_that_are_checked(run, tmp_path):
    (tmp_path / "a.yml").write_text(OPENSLO)
    (tmp_path / "b.yml").write_text(SLI)

    assert run("check", "a.yml", "b.yml")[0] == 0
    code, out, _ = run("check", "a.yml")
    assert code == 1
    assert 'a.yml:6:17: slo "answers": no SLI is named "answered"' in out


def test_check_reads_the_slo_files_of_a_configuration(run, tmp_path):
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "a.yml").write_text(SLOTH.replace("99.5", "0"))
    (tmp_path / "burnline.yml").write_text('slo_files: ["slos/*.yml"]\n')

    code, out, _ = run("check")

    assert code == 1
    assert "slos/a.yml:5:16: " in out
