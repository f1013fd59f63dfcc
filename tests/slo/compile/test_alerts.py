"""The two alerts of an objective: when few events are enough, what the messages say, what refuses to compile."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from agent.errors import SchemaError
from agent.slo import (
    Alert,
    Alerting,
    BudgetStep,
    Calendar,
    Events,
    Exclusion,
    Limits,
    Plugin,
    Rolling,
    Setting,
    Slo,
    Timeslices,
    compile_slo,
    compile_slos,
    rule_file,
)
from agent.slo.budget.readings import ENOUGH
from agent.slo.compile.wording import _ENOUGH
from agent.slo.windows import Catalog, Windows
from tests.rules.world import World

DAY = 86_400_000

BAD, ALL = "sum(rate(bad_total[{{.window}}]))", "sum(rate(all_total[{{.window}}]))"
NAMED = Alerting("Burns", annotations={"runbook_url": "https://example.org/burns"})


PAGE_TEXT = (
    "Questions are answered. 99.9 % have to be good over 30d. In the last 1h 3 of 7 were bad: the budget burned 428.6 times as "
    "fast as it may. In the last 6h the budget burned 0.1 times as fast as it may. 62% of the budget is left and at this pace "
    "it is gone in 1h 2m."
)


def slo(objective=99.9, **more):
    return Slo("rag", "answers", objective, **{"indicator": Events(BAD, ALL), "alerting": NAMED} | more)


def alerts_of(objective):
    return rule_file([compile_slo(objective, Setting(recordings=False))])


def series(name, window="", more=""):
    window = f', sloth_window="{window}"' if window else ""
    return f'{name}{{sloth_id="rag-answers", sloth_service="rag", sloth_slo="answers"{window}{more}}}'


def told(world):
    """Return (severity, summary, description, value, threshold) of what fires after a minute."""
    world.evaluate(0)
    return [
        (
            alert.labels["severity"],
            *(alert.annotations[name] for name in ("summary", "description", "value", "threshold")),
        )
        for group in world.evaluator.status()
        for rule in group.rules
        for alert in rule.alerts
    ]


def burning(world, *, bad=3, total=7, left=0.62, certain=0.186):
    """Write what is recorded while `bad` of `total` events of the last hour were bad, and all before were good."""
    before = total * 5
    for window in ("5m", "1h"):
        world.set(0, series(f"slo:sli_error:ratio_rate{window}", window), bad / total)
    for window in ("30m", "6h", "2h", "1d", "3d"):
        world.set(0, series(f"slo:sli_error:ratio_rate{window}", window), bad / (total + before) / 1000)
    for name, value in (("bad", bad), ("total", total)):
        world.set(0, series(f"slo:{name}_events:increase1h", "1h"), value)
    world.set(0, series("slo:sli_error:ratio_atleast1h", "1h"), certain)
    if left is not None:
        world.set(0, series("slo:period_error_budget_remaining:ratio", "30d"), left)


def test_a_page_says_how_fast_by_which_counts_what_is_left_and_when_it_is_gone():
    """3 of 7 is 428.6 times one in a thousand; 62 % of 30 days at that pace are 62.5 minutes."""
    world = World(alerts_of(slo(description="Questions are answered.")))
    burning(world)

    assert told(world) == [
        (
            "critical",
            "rag answers: 3 of 7 bad in 1h, budget gone in 1h 2m (62% left)",
            PAGE_TEXT,
            "42.86% bad",
            "1.44% in 1h",
        )
    ]


def test_a_budget_that_is_used_up_and_one_that_nobody_knows_are_said_so():
    spent, unknown = World(alerts_of(slo())), World(alerts_of(slo()))
    burning(spent, left=-0.2)
    burning(unknown, left=None)

    assert told(spent)[0][1:3] == (
        "rag answers: 3 of 7 bad in 1h, the budget is used up",
        told(spent)[0][2].partition(" The budget")[0] + " The budget is used up.",
    )
    assert told(unknown)[0][1] == "rag answers: 3 of 7 bad in 1h"
    assert told(unknown)[0][2].endswith("In the last 6h the budget burned 0.1 times as fast as it may.")


def test_a_young_budget_is_not_said_to_be_used_up():
    """A seventh of a day is seen: 30 days at 428.6 times the pace are 1 hour and 41 minutes."""
    world = World(alerts_of(slo()))
    burning(world, left=-400)
    world.set(0, series("slo:period_coverage:ratio"), 1 / 7 / 30)

    _, summary, description, *_ = told(world)[0]
    assert summary == "rag answers: 3 of 7 bad in 1h, a whole budget lasts 1h 41m"
    assert description.endswith(
        " Only 3h 26m of 30d were seen so far, so nobody knows what is left of the budget; a whole one lasts 1h 41m at this pace."
    )


def test_a_budget_is_young_here_as_long_as_in_the_engine():
    assert _ENOUGH == ENOUGH


def test_the_summary_speaks_of_the_window_that_is_over_its_threshold():
    """An outage that is slow enough for the hour and too much for six of them: nobody wants to read of the hour then."""
    world = World(alerts_of(slo()))
    burning(world, bad=0, total=1000)
    for window, ratio in (("5m", 0.01), ("1h", 0.01), ("30m", 0.01), ("6h", 0.01)):
        world.set(0, series(f"slo:sli_error:ratio_rate{window}", window), ratio)
    for name, value in (("bad", 60), ("total", 6000)):
        world.set(0, series(f"slo:{name}_events:increase6h", "6h"), value)
    world.set(0, series("slo:sli_error:ratio_atleast6h", "6h"), 0.008)

    _, summary, _, value, threshold = told(world)[0]
    assert summary == "rag answers: 60 of 6000 bad in 6h, budget gone in 1d 20h (62% left)"
    assert (value, threshold) == ("1% bad", "0.6% in 6h")


def test_too_few_events_are_no_page():
    """What is recorded as certain is below the threshold, or absent where fewer than three were bad."""
    world = World(alerts_of(slo()))
    burning(world, bad=1, total=10, certain=0.0144)

    assert told(world) == []


def test_page_and_ticket_have_one_name_and_one_incident():
    page, ticket = yaml.safe_load(alerts_of(slo()))["groups"][0]["rules"]

    assert page["alert"] == ticket["alert"] == "Burns"
    assert page["labels"] == {"burnline_slo": "rag-answers", "severity": "critical", "sloth_severity": "page"}
    assert ticket["labels"] == {"burnline_slo": "rag-answers", "severity": "warning", "sloth_severity": "ticket"}
    assert "14.4 * 0.001" in page["expr"]
    assert "for" not in page


def test_what_an_author_writes_wins():
    own = Alerting("Burns", {"severity": "info"}, {"summary": "mine"}, ticket=Alert(disabled=True))

    (rule,) = yaml.safe_load(alerts_of(slo(alerting=own)))["groups"][0]["rules"]

    assert (rule["labels"]["severity"], rule["annotations"]["summary"]) == ("info", "mine")


def test_a_grouped_page_names_its_group_and_asks_for_that_one():
    """Whoever is woken has to know which tenant it is before anything else."""
    by = Events(BAD.replace("sum(", "sum by (route) ("), ALL.replace("sum(", "sum by (route) ("))
    world = World(alerts_of(slo(indicator=by, group_by=("route",))))
    for route, ratio in (("/ask", 0.5), ("/list", 0.9)):
        own = f', route="{route}"'
        for name, window in (("ratio_rate5m", "5m"), ("ratio_rate1h", "1h"), ("ratio_atleast1h", "1h")):
            world.set(0, series(f"slo:sli_error:{name}", window, own), ratio)

    pages = sorted(told(world))
    assert [summary for _, summary, *_ in pages] == [
        "rag answers (route=/ask): 50% bad in 1h",
        "rag answers (route=/list): 90% bad in 1h",
    ]
    assert pages[0][2].startswith("99.9 % have to be good over 30d for route=/ask. ")


def test_braces_in_a_description_are_no_template():
    world = World(alerts_of(slo(description="Fill in {{ .name }}")))
    burning(world)

    assert told(world)[0][2].startswith("Fill in {{ .name }} 99.9 %")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"objective": 90}, "page.quick (waits for 14.4 times) can never fire"),
        ({"indicator": Plugin("x")}, "rules need queries"),
        ({"window": Rolling(3_600_000)}, "at least one day"),
        ({"group_by": ("route", "code")}, "write sum by (route, code) (…)"),
        (
            {"budgeting": Timeslices(600_000, 0.9)},
            "slices of 10m are longer than the shortest window of its alerts, 5m",
        ),
    ],
)
def test_what_cannot_work_is_refused(more, said):
    with pytest.raises(SchemaError) as caught:
        compile_slo(slo(**more))

    assert said in str(caught.value)
    assert 'SLO "rag-answers": ' in str(caught.value)


def test_the_problems_of_all_are_said_at_once():
    with pytest.raises(SchemaError) as caught:
        compile_slos([slo(90), slo(), slo(80)])

    assert len(caught.value.problems) == 2


def test_windows_that_a_server_cannot_see_are_refused():
    with pytest.raises(SchemaError, match="holds fewer than 4 scrapes"):
        compile_slo(slo(), Setting(limits=Limits(scrape_interval_ms=120_000)))


def test_what_rules_cannot_say_is_a_warning():
    """A month begins anew and an exclusion leaves time out: the agent counts both, the rules neither."""
    odd = slo(
        window=Calendar("month"), exclusions=(Exclusion("moved", 0, 1),), budget_policy=(BudgetStep(0.1, "stop"),)
    )

    compiled = compile_slo(odd)

    assert ["begins with a month" in compiled.warnings[0], "leave time out" in compiled.warnings[1]] == [True, True]
    names = {rule.name for group in compiled.groups for rule in group.rules}
    assert "slo:period_error_budget_remaining:ratio" not in names
    assert "slo:sli_error:ratio_rate3d" in names


def test_a_period_that_is_a_window_too_is_recorded_once():
    tiers = Catalog().windows(30 * DAY).tiers
    short = Windows(3 * DAY, tuple(replace(tier, budget_percent=tier.budget_percent * 5) for tier in tiers))

    compiled = compile_slo(slo(window=Rolling(3 * DAY)), Setting(catalog=Catalog({3 * DAY: short})))

    records = [rule.name for group in compiled.recordings for rule in group.rules]
    assert len(records) == len(set(records))
    assert "slo:sli_error:ratio_rate3d" in records


def test_numbers_have_no_noise():
    """Sloth writes 0.0009999999999999432; people read these files."""
    text = rule_file([compile_slo(slo())])

    assert "0.00099" not in text
    assert "vector(0.999)" in text


def by_tenant(label="tenant", **more):
    queries = (each.replace("sum(", f"sum by ({label}) (") for each in (BAD, ALL))
    return slo(indicator=Events(*queries), group_by=(label,), **more)


@pytest.mark.parametrize(
    ("clashing", "setting"),
    [
        (by_tenant("severity"), Setting(engine=True)),
        (by_tenant("alertname"), Setting(engine=True)),
        (by_tenant(alerting=Alerting("Burns", labels={"tenant": "all"})), Setting(engine=True)),
        (by_tenant(alerting=Alerting("Burns", page=Alert(labels={"tenant": "all"}))), Setting()),
        (by_tenant(labels={"tenant": "all"}), Setting()),
        (by_tenant(), Setting(extra_labels={"tenant": "all"})),
    ],
    ids=["severity", "alertname", "an alert's label", "a page's label", "a label of the SLO", "a label of all"],
)
def test_a_label_that_makes_all_groups_one_is_refused(clashing, setting):
    """Two groups that burn would be two alerts with the same labels: the rule fails, and nobody is told of either."""
    with pytest.raises(SchemaError) as caught:
        compile_slo(clashing, setting)

    (label,) = clashing.group_by
    assert f"it is grouped by {label}, and its rules give that label one value" in str(caught.value)


def test_a_label_whose_text_tells_groups_apart_is_fine():
    by_name = Alerting("Burns", labels={"tenant": "{{ $labels.tenant }}"})

    assert compile_slo(by_tenant(alerting=by_name), Setting()).alerts
    assert compile_slo(by_tenant(labels={"tenant": "all"}), Setting(engine=True)).alerts
