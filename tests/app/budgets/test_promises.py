"""What SLO files come to: objectives and alerts with their places, every problem at once, and what is only said."""

from __future__ import annotations

import pytest

from agent.app.budgets import read_promises
from agent.app.budgets.states import labels_of
from agent.app.sources import sources_of
from agent.config import Flags, load_config
from agent.errors import SchemaError
from agent.slo import Alerting, Raw, Slo
from tests.app.budgets.story import SLOS

DAY_MS = 86_400_000
WINDOWS = """
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 9, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 15, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 25, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 50, shortWindow: 6h, longWindow: 3d}
"""


def promised(folder, slos=SLOS, section="", **more):
    """Read a configuration with one SLO file, and other files by their names."""
    (folder / "slos.yml").write_text(slos)
    for name, text in more.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    path = folder / "burnline.yml"
    path.write_text(f"slo_files: [slos.yml]\n{section}\n")
    config = load_config(Flags(config_file=path), {}, folder)
    return config, read_promises(config)


def test_alerts_stand_at_the_place_of_their_slo(tmp_path):
    _, found = promised(tmp_path)
    (group,) = found.groups
    assert [str(each.alert) for each in group.rules] == ["AnswersBurn", "AnswersBurn"]
    assert group.key.file == str(tmp_path / "slos.yml")
    assert {str(each.expr.place) for each in group.rules} == {f"{tmp_path}/slos.yml:5:5"}
    assert found.slo_of == {group.key: "rag-answers"}


def test_the_period_and_the_windows_are_those_of_the_configuration(tmp_path):
    section = "slo: {default_period: 7d, windows: windows}"
    config, found = promised(tmp_path, section=section, windows__7d_yml=WINDOWS)
    (objective,) = found.objectives
    assert objective.period_ms == 7 * DAY_MS
    assert objective.burns[0].factor == pytest.approx(0.09 * 7 * 24)
    watched = sources_of(config)
    assert {tmp_path / "slos.yml", tmp_path / "windows" / "7d.yml"} <= set(watched.paths())


def test_a_file_that_only_moved_its_lines_counts_the_same_and_another_period_does_not(tmp_path):
    _, before = promised(tmp_path)
    assert promised(tmp_path, "# moved\n" + SLOS)[1].counts_like(before)
    assert not promised(tmp_path, section="slo: {default_period: 28d}")[1].counts_like(before)


def test_a_program_is_said_and_not_run(tmp_path):
    plugin = SLOS[: SLOS.index("    sli:")] + "    sli: {plugin: {id: some/plugin}}\n    alerting: {name: A}\n"
    _, found = promised(tmp_path, plugin)
    assert found.objectives == ()
    assert any("plugin" in str(each) and "slos.yml:5:5" in str(each) for each in found.warnings)


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ("objective: 99.9", "objective: 100", r"slos\.yml:6:16: .*100"),
        ("objective: 99.9", "objective: 90", r"slos\.yml:5:5: .*never"),
        ("sum(rate(errors_total", "sum(rate(errors_total{", r"slos\.yml:9:"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(tmp_path, changed, to, said):
    with pytest.raises(SchemaError, match=said):
        promised(tmp_path, SLOS.replace(changed, to))


def test_a_configuration_without_slos_promises_nothing(tmp_path):
    path = tmp_path / "burnline.yml"
    path.write_text("global: {scrape_interval: 14s}\n")
    found = read_promises(load_config(Flags(config_file=path), {}, tmp_path))
    assert (found.objectives, found.groups, found.setting) == ((), (), None)


def test_what_is_said_of_an_objective_has_the_labels_of_its_alerts_but_templates():
    """So a rule that mutes or routes the burn alerts of a job finds what is said of their numbers as well."""
    alerting = Alerting("Burn", labels={"job": "rag", "severity": "page", "route": "{{ $labels.route }}"})
    slo = Slo("rag", "answers", 99.9, Raw("up"), alerting=alerting)
    labels = dict(labels_of("SLONoData", slo).pairs)
    assert (labels["job"], labels["severity"], labels["burnline_slo"]) == ("rag", "warning", "rag-answers")
    assert "route" not in labels
