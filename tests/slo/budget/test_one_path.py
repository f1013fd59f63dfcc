"""One path to a page: the compiled alerts, asked of the series that the engine records, fire when its own tiers are open."""

from __future__ import annotations

import pytest

from agent.model import Labels
from agent.query import Engine as Promql
from agent.query import MemoryQueryable, parse
from agent.slo import Alerting, Raw, Setting, Severity, Slo, Timeslices
from agent.slo.budget.engine import Engine
from agent.slo.budget.series import series_of
from agent.slo.compile import AlertRule, compile_slo
from tests.slo.budget.service import MINUTE, Service, Told, objective, slo

SEVERITIES = {"critical": Severity.PAGE, "warning": Severity.TICKET}
ENGINE = Setting(recordings=False, engine=True)


def watched(of: Slo) -> tuple[Service, list[AlertRule]]:
    service = Service(Engine([objective(of)], interval_ms=5 * MINUTE), requests_total=0.0, errors_total=0.0)
    groups = compile_slo(of, ENGINE).alerts
    return service, [rule for group in groups for rule in group.rules if isinstance(rule, AlertRule)]


def agree(service: Service, rules: list[AlertRule]) -> set[tuple[Severity, bool]]:
    """Ask every rule now, and return what the rules and the tiers both say."""
    readings = service.engine.read(service.at_ms)
    queryable = MemoryQueryable()
    for labels, value in series_of(readings, "test"):
        queryable.add(labels, [service.at_ms], [value])
    said = set()
    for rule in rules:
        severity = SEVERITIES[rule.labels["severity"]]
        found = Promql(queryable).instant(parse(rule.expr), service.at_ms).value
        open_ = any(tier.open for tier in readings.of(0).tiers if tier.burn.severity is severity)
        assert bool(len(found.labels)) is open_
        said.add((severity, open_))
    return said


@pytest.mark.parametrize(("requests", "every"), [(1500, 1), (3, 1), (1, 24)], ids=["busy", "12 a minute", "10 an hour"])
def test_compiled_alerts_fire_from_the_recorded_series_when_the_tiers_are_open(requests, every):
    service, rules = watched(slo(alerting=Alerting("Burn"), labels={"team": "search"}))
    compared = set()
    for step in range(360):
        failing = 120 <= step < 240
        if step % every == 0:
            service.rise("requests_total", requests)
            service.rise("errors_total", requests * failing)
        service.scraped()
        if step % 7 == 0:
            compared |= agree(service, rules)

    assert compared >= {(Severity.PAGE, True), (Severity.PAGE, False)}


def test_alerts_of_slices_fire_when_the_tiers_are_open_however_young_the_agent_is():
    of = slo(objective=99.0, alerting=Alerting("Burn"), budgeting=Timeslices(5 * MINUTE, 0.95))
    service, rules = watched(of)
    compared = set()
    for step in range(480):
        service.rise("requests_total", 10)
        service.rise("errors_total", 10 * (step >= 240))
        service.scraped()
        if step % 7 == 0:
            compared |= agree(service, rules)

    assert compared >= {(Severity.PAGE, True), (Severity.PAGE, False)}


def test_alerts_of_a_sampled_ratio_fire_when_the_tiers_are_open_however_young_the_agent_is():
    of = slo(objective=99.0, alerting=Alerting("Burn"), indicator=Raw("avg_over_time(failed[{{.window}}])"))
    service, rules = watched(of)
    compared = set()
    for step in range(480):
        service.at_ms += 15_000
        service.engine.row(service.at_ms, Told(rag_answers=[(Labels(), float(step >= 240))]))
        if step % 7 == 0:
            compared |= agree(service, rules)

    assert compared >= {(Severity.PAGE, True), (Severity.PAGE, False)}
