"""The engine beside Prometheus' own one on a clock that is moved by hand (promtool test rules), with windows as they are shipped.

What takes hours cannot be watched live: what few events come to, and a ratio that is sampled and weighs time. Both see the same
samples; alerts are compared, and numbers within what docs/slo.md says.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable

import pytest

from agent.app.budgets.sampling import RowDeltas
from agent.model import Labels
from agent.query import Engine as Promql
from agent.query import MemoryQueryable, parse
from agent.slo import (
    Alerting,
    Dialect,
    Events,
    RatioTimeslices,
    Raw,
    Setting,
    Severity,
    Slo,
    Timeslices,
    compile_slo,
    rule_file,
)
from agent.slo.budget import Change, Engine, Key, Objective, Reading, Slot, sampling_window_ms
from tests.slo.budget.service import BURNS, DAY, EVENTS, HOUR, MINUTE, START, Service, metric

pytestmark = pytest.mark.peers

SEVERITIES = {Severity.PAGE: "critical", Severity.TICKET: "warning"}


def promised(
    folder, program, slo: Slo, *, apart_s: int, series: dict[str, list[float]], asked: list[tuple[str, str, list]]
) -> str:
    """Let Prometheus evaluate what is compiled of an SLO every minute; return what of `asked` is not so.

    Values of a series are `apart_s` apart, and a third of that beside full minutes: no scrape comes as rules are evaluated.
    """
    compiled = compile_slo(slo, Setting(Dialect.BURNLINE))
    (folder / "rules.yml").write_text(rule_file([compiled], Dialect.BURNLINE))
    inputs = [{"series": name, "values": " ".join(f"_ {each} _" for each in values)} for name, values in series.items()]
    tests = [{"expr": expr, "eval_time": at, "exp_samples": samples} for expr, at, samples in asked]
    unit = {"interval": f"{apart_s // 3}s", "input_series": inputs, "promql_expr_test": tests}
    (folder / "test.yml").write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [unit]})
    )
    command = [program, "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return "" if done.returncode == 0 else done.stdout + done.stderr


FEW = {
    "3 of 7": [(1, 0), (1, 1), (1, 0), (1, 1), (1, 0), (1, 1), (1, 0)],
    "2 of 7": [(1, 0), (1, 1), (1, 0), (1, 0), (1, 0), (1, 1), (1, 0)],
    "2 of 7 at once": [(1, 0), (4, 2), (1, 0), (1, 0)],
    "1 of 1": [(1, 1)],
    "3 of 400": [(40, 0)] * 3 + [(40, 1)] * 3 + [(40, 0)] * 4,
    "12 of 700": [(70, 2)] * 6 + [(70, 0)] * 4,
    "40 of 2000": [(200, 4)] * 10,
}
"""Minutes of (events, bad ones), by what they are; before and after them nobody asks for anything."""
TOLD = {
    *((case, severity) for case in ("3 of 7", "12 of 700", "40 of 2000") for severity in ("critical", "warning")),
    ("3 of 400", "warning"),
}
QUIET, MINUTES = 15, 45
LOST = {("3 of 7", "warning"), ("3 of 400", "warning")}
"""What rules miss with a scrape a minute: of three failures one falls between two counts of 5 minutes, and two are no three."""


def counters(minutes: list[tuple[int, int]], scrapes: int) -> tuple[list[int], list[int]]:
    """Return the counters of events and of bad ones as they were scraped so often a minute; they rise in its middle."""
    found, total, bad = ([], []), 100_000, 5_000
    for number in range(MINUTES * scrapes):
        minute, scrape = divmod(number, scrapes)
        if 0 <= minute - QUIET < len(minutes) and scrape == scrapes // 2:
            total, bad = total + minutes[minute - QUIET][0], bad + minutes[minute - QUIET][1]
        found[0].append(total)
        found[1].append(bad)
    return found


def told_by_engine(slo: Slo, pages: dict[str, tuple[list[int], list[int]]], apart_ms: int) -> set[tuple[str, str]]:
    """Return which alerts of which cases its tiers opened."""
    service = Service(Engine([Objective.of(slo, BURNS, 30 * DAY)], interval_ms=apart_ms))
    told = set()
    for number in range(len(pages["3 of 7"][0])):
        for case, both in pages.items():
            for name, values in zip(("requests_total", "errors_total"), both, strict=True):
                service.values[metric(name, case=case)] = values[number]
        changes = service.scraped(apart_ms)
        if not number:
            known_and_quiet(service.engine, slo, pages)
        told |= {(each.key.group.get("case"), SEVERITIES[each.burn.severity]) for each in changes if each.opened}
    return told


def known_and_quiet(engine: Engine, slo: Slo, cases: Iterable[str]) -> None:
    """Let days without an event lie before the first row: rules do not know what they did not see."""
    before = engine.first_ms
    past = [Slot(before - 4 * DAY, before, 0, 0)]
    engine.backfill_all({Key(slo.id, Labels({"case": each})): past for each in cases})


@pytest.mark.parametrize("apart_s", [15, 60])
def test_few_events_tell_somebody_in_both_or_in_neither(tmp_path, peer, apart_s):
    """The cases are groups of one objective."""
    by_case = Events(*(each.replace("sum(", "sum by (case) (") for each in (EVENTS.error_query, EVENTS.total_query)))
    slo = Slo("rag", "answers", 99.9, by_case, alerting=Alerting("Burns"), group_by=("case",))
    pages = {case: counters(minutes, 60 // apart_s) for case, minutes in FEW.items()}
    series = {
        f'{name}{{case="{case}"}}': values
        for case, both in pages.items()
        for name, values in zip(("requests_total", "errors_total"), both, strict=True)
    }
    fired = f'count by (case, severity) (count_over_time(ALERTS{{alertstate="firing"}}[{MINUTES}m]))'
    expected = TOLD - LOST if apart_s == 60 else TOLD
    samples = [{"labels": f'{{case="{case}", severity="{severity}"}}', "value": 1} for case, severity in expected]
    asked = [(fired, f"{MINUTES - 1}m", samples)]

    assert told_by_engine(slo, pages, apart_s * 1000) == TOLD
    assert promised(tmp_path, peer("promtool", "prometheus"), slo, apart_s=apart_s, series=series, asked=asked) == ""


SAMPLED = Slo("rag", "sampled", 99, Raw("avg_over_time(broken[{{.window}}])"), alerting=Alerting("Burns"))
SCRAPE_MS = 15_000
OUTAGE, WHOLE = (20, 26), 60
"""Minutes in which everything is broken, and all of them."""


def sampled_by_engine(values: list[int]) -> tuple[list[Reading], list[Change]]:
    """Return how the objective stood at each minute of a sampled gauge, and how its page turned."""
    engine, samples = Engine([Objective.of(SAMPLED, BURNS, 30 * DAY)], interval_ms=SCRAPE_MS), MemoryQueryable()
    stood, turned = [], []

    def ask(expr: str, at_ms: int):
        return Promql(samples).instant(parse(expr), at_ms).value

    for number, value in enumerate(values):
        at_ms = START + SCRAPE_MS // 3 + number * SCRAPE_MS
        samples.add(metric("broken"), [at_ms], [value])
        changes = engine.row(at_ms, RowDeltas(at_ms, (), engine.objectives, ask, SCRAPE_MS))
        turned += [each for each in changes if each.burn.severity is Severity.PAGE]
        if not number:
            known_and_quiet(engine, SAMPLED, [Labels()])
        if number % 4 == 3:
            stood.append(engine.read(at_ms).of(0))
    return stood, turned


def test_a_sampled_ratio_weighs_time_as_its_recordings_do_and_lags_by_half_of_what_it_is_asked_over(tmp_path, peer):
    """An average over the last minute, taken at each scrape, is of a window which lies up to a minute back."""
    values = [int(OUTAGE[0] <= number // 4 < OUTAGE[1]) for number in range(WHOLE * 4)]
    stood, turned = sampled_by_engine(values)
    late_ms = sampling_window_ms(SCRAPE_MS) // 2 + 2 * SCRAPE_MS  # and what lies between scrapes and evaluations
    asked = []
    for minute in range(OUTAGE[0] - 2, WHOLE):
        for window, name in ((5 * MINUTE, "5m"), (30 * MINUTE, "30m"), (HOUR, "1h"), (6 * HOUR, "6h")):
            ours = stood[minute - 1].window(window)
            known = min(minute * MINUTE, window)
            within = f"abs(slo:sli_error:ratio_rate{name} - {ours.ratio!r}) <= bool {late_ms / known!r}"
            asked.append((f"max({within})", f"{minute}m", [{"labels": "{}", "value": 1}]))
    opened, closed = (round((each.at_ms - START) / MINUTE) for each in (turned[0], turned[-1]))
    fires = 'count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)'
    for minute, firing in ((opened - 3, 0), (opened + 1, 1), (closed - 3, 1), (closed + 1, 0)):
        asked.append((fires, f"{minute}m", [{"labels": "{}", "value": firing}]))

    assert [each.opened for each in turned] == [True, True, False, False]
    series = {"broken": values}
    assert promised(tmp_path, peer("promtool", "prometheus"), SAMPLED, apart_s=15, series=series, asked=asked) == ""


@pytest.mark.parametrize("dead", [False, True])
def test_a_page_of_a_service_that_nobody_asks_any_more_ends_by_rules_and_is_held_by_the_engine(tmp_path, peer, dead):
    """All fails for ten minutes, and then nothing comes, or the service does not answer: nobody knows that it is better."""
    slo = Slo("rag", "answers", 99.9, EVENTS, alerting=Alerting("Burns"))
    service = Service(Engine([Objective.of(slo, BURNS, 30 * DAY)], interval_ms=MINUTE))
    told, values, gone = [], {"requests_total": 100_000, "errors_total": 5_000}, 30
    series: dict[str, list] = {name: [] for name in values}
    for minute in range(70):
        values["requests_total"] += 600 * (minute < gone)
        values["errors_total"] += 600 * (20 <= minute < gone)
        for name, value in values.items():
            service.values[metric(name)] = value
            series[name].append("_" if dead and minute >= gone else value)
        told += service.down(MINUTE) if dead and minute >= gone else service.scraped(MINUTE)
        if not minute:
            known_and_quiet(service.engine, slo, [Labels()])
    fires = 'count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)'
    asked = [(fires, f"{minute}m", [{"labels": "{}", "value": firing}]) for minute, firing in ((35, 1), (65, 0))]

    assert {each.opened for each in told if each.burn.severity is Severity.PAGE} == {True}
    assert promised(tmp_path, peer("promtool", "prometheus"), slo, apart_s=60, series=series, asked=asked) == ""


@pytest.mark.parametrize("budgeting", [Timeslices(5 * MINUTE, 0.9), RatioTimeslices(5 * MINUTE)])
def test_slices_of_time_are_the_same_in_both(tmp_path, peer, budgeting):
    """A hundred minutes of which a slice in five has no traffic: those of the last hour, and what is left of the budget."""
    slo = Slo("rag", "answers", 95, EVENTS, budgeting=budgeting, alerting=Alerting("Burns"))
    service = Service(Engine([Objective.of(slo, BURNS, 30 * DAY)]), START - 2 * SCRAPE_MS // 3)
    values = {"requests_total": 100_000, "errors_total": 5_000}
    series, asked = {name: [] for name in values}, []
    for number in range(100 * 4):
        minute, last = (number // 4) + 1, number % 4 == 3
        of_slice = number // 20
        requests = 0 if of_slice % 5 == 2 else (20, 200)[of_slice % 2]
        values["requests_total"] += requests
        values["errors_total"] += requests * (0, 1, 4, 8)[of_slice * 7 % 4] // 20
        for name, value in values.items():
            service.values[metric(name)] = value
            series[name].append(value)
        service.scraped(SCRAPE_MS)
        if last and minute % 5 == 1 and minute > 60:
            hour = service.read().window(HOUR)
            for what, count in (("bad", hour.bad), ("total", hour.total)):
                same = f"abs(max(slo:{what}_events:increase1h) - {count!r}) < bool 0.00001"
                asked.append((same, f"{minute}m", [{"labels": "{}", "value": 1}]))
        if last and minute % 10 == 4 and minute > 10:  # rules add the period up every second minute
            same = f"abs(max(slo:period_error_budget_remaining:ratio) - {service.read().left!r}) < bool 0.00001"
            asked.append((same, f"{minute}m", [{"labels": "{}", "value": 1}]))

    assert 1 < service.read().window(HOUR).bad < 8
    assert promised(tmp_path, peer("promtool", "prometheus"), slo, apart_s=15, series=series, asked=asked) == ""
