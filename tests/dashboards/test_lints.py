"""The rules that good dashboards keep: those of Grafana's dashboard-linter, and what users of generated ones suffer from."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from agent.query import parse
from agent.telemetry import Telemetry
from sample_rag_app.metrics import Metrics
from sample_rag_app.topqueries import TopQueries, TopQueriesCollector
from tests.dashboards.conftest import VARIABLES, targets

# Alerts carry a job and at times no instance, and those of the machine another job: these panels show all.
OF_ALL_JOBS = ("Alerts Firing", "Firing Alerts")
UNITS = {"reqps", "s", "percentunit", "short", "none"}


def test_the_identity_never_changes(overview):
    assert overview["uid"] == "rag-overview"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", overview["uid"])
    assert overview["editable"] is False
    assert overview["schemaVersion"] == 42
    assert not {"id", "version", "iteration", "__inputs", "__requires"} & set(overview)


def test_the_panels_that_were_asked_for_are_there(overview):
    kinds = {panel["title"]: panel["type"] for panel in overview["panels"]}
    wanted = {
        "Query Rate": "stat",
        "Error Rate": "stat",
        "Latency p50, p95, p99": "timeseries",
        "Cache Hit Rate": "gauge",
        "Active Sessions": "stat",
        "Top Queries": "table",
        "Firing Alerts": "table",
    }
    assert wanted.items() <= kinds.items()


def test_there_is_one_data_source_and_it_can_be_chosen(overview):
    first = overview["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == ("datasource", "datasource", "prometheus")
    sources = [panel["datasource"] for panel in overview["panels"]]
    sources += [each["datasource"] for each in overview["annotations"]["list"]]
    assert {each["uid"] for each in sources} == {"${datasource}"}


@pytest.mark.parametrize(("name", "label"), [("job", "Job"), ("instance", "Instance")])
def test_job_and_instance_can_be_chosen(overview, name, label):
    variable = next(each for each in overview["templating"]["list"] if each["name"] == name)
    assert variable["label"] == label
    assert variable["datasource"]["uid"] == "${datasource}"
    assert variable["multi"] and variable["includeAll"]
    assert variable["allValue"] == ".+"
    assert variable["refresh"] == 2, "asked anew when the time range changes"


def test_variables_carry_none_of_the_librarys_junk(overview):
    for variable in overview["templating"]["list"]:
        assert not [key for key in variable if key.startswith("auto")]


def test_annotations_and_links_stand_above_the_panels_not_in_a_menu(overview):
    assert [each for each in (*overview["annotations"]["list"], *overview["links"]) if "placement" in each] == []


def test_panels_have_ids_in_order(overview):
    assert [panel["id"] for panel in overview["panels"]] == list(range(1, len(overview["panels"]) + 1))


def test_panels_lie_inside_the_grid_and_on_no_other(overview):
    cells = set()
    for panel in overview["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] and place["x"] + place["w"] <= 24 and place["w"] > 0 and place["h"] > 0
        own = set(
            itertools.product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"]))
        )
        assert not own & cells, panel["title"]
        cells |= own


def test_every_panel_has_a_title_of_its_own_a_unit_and_says_what_it_means(overview):
    titles = [panel["title"] for panel in overview["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in overview["panels"]:
        assert len(panel["description"]) >= 40, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]


def test_a_runbook_that_a_description_names_exists(root: Path, overview):
    named = {
        name for panel in overview["panels"] for name in re.findall(r"see the runbook ([a-z-]+)", panel["description"])
    }
    assert len(named) >= 4
    for name in named:
        assert (root / "sample_rag_app" / "documents" / f"{name}.md").is_file(), name


def test_thresholds_ascend_from_minus_infinity(overview):
    for panel in overview["panels"]:
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [{"value": None}])
        values = [step["value"] for step in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])


def test_limits_on_panels_are_the_alerts_limits(root: Path, overview):
    rules = yaml.safe_load((root / "rules" / "rag.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    limits: dict[str, set[float]] = {}
    for rule in rules:
        match = re.fullmatch(r"(\w+) [<>] ([\d.]+)", rule["expr"].strip())
        if match:
            limits.setdefault(match[1], set()).add(float(match[2]))
    steps = {
        panel["title"]: {step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}
        for panel in overview["panels"]
        if "thresholds" in panel["fieldConfig"]["defaults"]
    }
    assert steps["Error Rate"] == steps["Error Ratio"] == {None, *limits["error_rate"]}
    assert steps["Latency p95"] == steps["Latency p50, p95, p99"] == {None, *limits["p95_response_time"]}
    assert {None, *limits["cache_hit_rate"]} <= steps["Cache Hit Rate"]


def test_every_selector_follows_the_chosen_job_and_instance(overview):
    for panel, target in targets(overview):
        if panel["title"] in OF_ALL_JOBS:
            continue
        for selector in re.findall(r"[a-z_]+\{[^}]*\}", target["expr"]):
            assert 'job=~"$job",instance=~"$instance"' in selector, panel["title"]


def test_rates_are_taken_over_grafanas_own_interval(overview):
    for panel, target in targets(overview):
        assert set(re.findall(r"\[(.*?)\]", target["expr"])) <= {"$__rate_interval"}, panel["title"]


def test_a_counter_is_never_shown_without_a_rate(overview):
    for panel, target in targets(overview):
        for match in re.finditer(r"(\w+\()?(\w+_total)\{", target["expr"]):
            assert match[1] in ("rate(", "increase("), panel["title"]


def test_tables_ask_for_now_and_graphs_for_a_range(overview):
    for panel, target in targets(overview):
        assert target["instant"] is (panel["type"] == "table"), panel["title"]
        assert target["range"] is (panel["type"] != "table"), panel["title"]
        assert (target["format"] == "heatmap") is (panel["type"] == "heatmap")


def test_a_label_in_a_legend_survives_the_aggregation(overview):
    for panel, target in targets(overview):
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            groups = re.findall(r"by \(([^)]*)\)", target["expr"])
            assert any(label in group.split(", ") for group in groups), panel["title"]


def test_a_panel_asks_for_exemplars_once_and_on_its_first_query(overview):
    for panel in overview["panels"]:
        asking = [target["refId"] for target in panel["targets"] if target.get("exemplar")]
        assert asking in ([], ["A"])


def test_every_variable_used_is_defined(overview):
    defined = {f"${each['name']}" for each in overview["templating"]["list"]} | {"$__rate_interval"}
    used = {name for _, target in targets(overview) for name in re.findall(r"\$\w+", target["expr"])}
    assert used <= defined <= set(VARIABLES) | {"$datasource"}


def test_every_query_is_read_by_our_own_parser(expressions):
    for name, expr in expressions.items():
        assert parse(expr), name


def test_every_query_is_read_by_another_parser(expressions):
    script = "import sys, promql_parser\nfor line in sys.stdin: promql_parser.parse(line.strip())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(expressions.values()),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.peers
def test_every_query_is_read_by_prometheus(expressions, peer, tmp_path: Path):
    promtool = peer("promtool", "prometheus")
    rules = [{"record": f"panel:number:{number}", "expr": expr} for number, expr in enumerate(expressions.values())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


def test_every_metric_exists_in_the_service_or_the_agent(expressions):
    app = Metrics()
    app.registry.register(TopQueriesCollector(TopQueries(readable=True)))
    known = _names(app.registry) | _names(Telemetry().registry) | {"ALERTS"}
    for name, expr in expressions.items():
        used = set(re.findall(r"\b(rag_\w+|process_\w+|ALERTS)\b", expr))
        assert used, name
        assert used <= known, f"{name}: {sorted(used - known)}"


def _names(registry: CollectorRegistry) -> set[str]:
    found = set()
    for family in registry.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        found |= {family.name + end for end in ends}
    return found
