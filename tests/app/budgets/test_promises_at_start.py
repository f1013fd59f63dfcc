"""What an agent warns of at its start in SLO files: samples that are gone, rules that are there twice."""

from __future__ import annotations

import pytest

from agent.app.budgets import read_promises
from agent.app.build import build
from agent.config import Flags, load_config
from agent.errors import SchemaError
from agent.slo import compile_slos, load_slos, rule_file

FILE = """\
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.9
    sli: {{raw: {{error_ratio_query: '{query}'}}}}
    alerting: {{name: AnswersBurn}}
    burnline: {{slo_period: {period}}}
"""


@pytest.fixture
def promises(tmp_path):
    def read(query="avg_over_time(broken[{{.window}}])", period="28d", settings="", windows=None):
        (tmp_path / "a.yml").write_text(FILE.format(query=query, period=period))
        (tmp_path / "windows").mkdir(exist_ok=True)
        if windows is not None:
            (tmp_path / "windows" / "w.yml").write_text(windows)
        (tmp_path / "burnline.yml").write_text(f"slo_files: [a.yml]\n{settings}\n")
        return read_promises(load_config(Flags(config_file=tmp_path / "burnline.yml"), {}, tmp_path))

    return read


@pytest.mark.parametrize(
    ("query", "reach"),
    [
        ("avg_over_time(broken[{{.window}}])", ""),
        ("avg_over_time(broken[{{.window}}] offset 1w)", ""),
        ("avg_over_time(broken[{{.window}}] offset 30d)", "30d"),
        ("avg_over_time(broken[{{.window}}]) / max(max_over_time(load[20d]))", "20d"),
        ("avg_over_time(broken[{{.window}}]) / max(max_over_time(load[20d:1h]))", "20d"),
    ],
)
def test_a_query_that_asks_for_samples_that_are_gone_is_a_warning_with_its_place(promises, query, reach):
    said = [str(each) for each in promises(query).warnings]

    assert [f"a.yml:4:5: SLO \"rag-answers\": its query reaches {reach} back, and samples are kept for 15d" in each
            for each in said] == ([True] if reach else [])  # fmt: skip


def test_a_period_beyond_what_samples_are_kept_for_is_right(promises):
    assert promises(period="90d", settings="storage: {retention: 2d}").warnings == ()


def test_windows_that_are_wrong_are_told_alone_and_not_what_would_follow_from_them(promises):
    with pytest.raises(SchemaError) as refused:
        promises(settings="slo: {windows: windows}", windows="kind: Windows\n", period="2d")

    assert refused.value.problems
    assert all("windows/w.yml:1:" in each for each in refused.value.problems)


def test_rules_that_were_compiled_of_the_same_file_are_a_warning_of_the_agent_too(tmp_path):
    (tmp_path / "a.yml").write_text(FILE.format(query="avg_over_time(broken[{{.window}}])", period="28d"))
    rules = rule_file(compile_slos(load_slos([tmp_path / "a.yml"]).slos))
    (tmp_path / "compiled.rules.yml").write_text(rules)
    (tmp_path / "other.rules.yml").write_text(rules.replace("rag-answers", "rag-others"))
    (tmp_path / "burnline.yml").write_text('slo_files: [a.yml]\nrule_files: ["*.rules.yml"]\n')

    built = build(load_config(Flags(config_file=tmp_path / "burnline.yml"), {}, tmp_path), {})

    (warning,) = map(str, built.promises.warnings)
    assert warning.startswith(f'{tmp_path}/compiled.rules.yml:6:5: the rules of SLO "rag-answers" stand here')
