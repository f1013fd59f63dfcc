"""One path to a page: the compiled alerts, asked of the series that the engine records, fire when its own tiers are open."""

from __future__ import annotations

import pytest

from agent.query import Engine as Promql
from agent.query import MemoryQueryable, parse
from agent.slo import Alerting, Severity
from agent.slo.budget.engine import Engine
from agent.slo.budget.series import series_of
from agent.slo.compile import AlertRule, compile_slo
from tests.slo.budget.service import MINUTE, Service, objective, slo

SEVERITIES = {"critical": Severity.PAGE, "warning": Severity.TICKET}


@pytest.mark.parametrize(("requests", "every"), [(1500, 1), (3, 1), (1, 24)], ids=["busy", "12 a minute", "10 an hour"])
def test_compiled_alerts_fire_from_the_recorded_series_when_the_tiers_are_open(requests, every):
    of = slo(alerting=Alerting("Burn"), labels={"team": "search"})
    service = Service(Engine([objective(of)], interval_ms=5 * MINUTE), requests_total=0.0, errors_total=0.0)
    rules = [rule for group in compile_slo(of).alerts for rule in group.rules if isinstance(rule, AlertRule)]
    compared = set()
    for step in range(360):
        failing = 120 <= step < 240
        if step % every == 0:
            service.rise("requests_total", requests)
            service.rise("errors_total", requests * failing)
        service.scraped()
        if step % 7:
            continue
        readings = service.engine.read(service.at_ms)
        queryable = MemoryQueryable()
        for labels, value in series_of(readings, "test"):
            queryable.add(labels, [service.at_ms], [value])
        for rule in rules:
            severity = SEVERITIES[rule.labels["severity"]]
            found = Promql(queryable).instant(parse(rule.expr), service.at_ms).value
            open_ = any(tier.open for tier in readings.of(0).tiers if tier.burn.severity is severity)
            assert bool(len(found.labels)) is open_
            compared.add((severity, open_))

    assert compared >= {(Severity.PAGE, True), (Severity.PAGE, False)}
