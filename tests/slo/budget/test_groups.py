"""Budgets of groups: which have one, what becomes of those without events, and that what is remembered of others stays."""

from __future__ import annotations

from agent.model import Labels
from agent.slo import Events, Rolling
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Key, Objective, burns_of
from agent.slo.budget.readings import State
from agent.slo.windows import Catalog
from tests.slo.budget.service import DAY, Service, objective, slo

BY_VERSION = Events(
    "sum by (version) (rate(failed_total[{{.window}}]))", "sum by (version) (rate(asked_total[{{.window}}]))"
)


def test_the_first_group_of_an_objective_with_other_windows_ends_no_page_of_others():
    other = slo("other", indicator=BY_VERSION, group_by=("version",), window=Rolling(14 * DAY))
    fortnight = Objective.of(other, burns_of(Catalog().windows(14 * DAY)), 14 * DAY)
    service = Service(Engine([objective(), fortnight]), requests_total=0.0, errors_total=0.0)
    for number in range(260):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100 if number >= 240 else 0)
        service.scraped()
    for _ in range(60):
        service.down()
    before = service.engine.read(service.at_ms).find(Key("rag-answers"))
    assert before.state is State.NO_DATA
    assert before.tiers[0].open

    service.engine.backfill(Key("rag-other", Labels({"version": "1"})), [])
    service.down()

    after = service.engine.read(service.at_ms).find(Key("rag-answers"))
    assert (after.state, after.since_ms, after.tiers) == (before.state, before.since_ms, before.tiers)
