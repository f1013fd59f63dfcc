"""The desk for objectives: readings become views, verdicts become answers, an override is on the disk before it counts."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import msgspec
import pytest

from agent.app.slo_desk import GATE_KIND
from agent.errors import InvalidInput, StorageError
from agent.slo import Calendar, Plugin, read_slos
from agent.slo.budget import Key
from agent.web.slos import GateAnswer, GateAsked, StandingView, allowance, left_of, notes, outage
from tests.app import slo_world
from tests.app.slo_world import World, healthy, low
from tests.slo.budget.service import HOUR, MINUTE, slo


async def the_only(world: World):
    (found,) = (await world.desk.status()).slos
    return found


async def test_a_view_says_what_the_reading_says():
    world = healthy()
    reading = world.budgets.latest.find(Key("rag-answers"))
    view = await the_only(world)
    (budget,) = view.budgets

    assert (view.id, view.service, view.objective, view.unit, view.period) == (
        "rag-answers",
        "rag",
        99.9,
        "events",
        "30d",
    )
    assert budget.left == reading.left == pytest.approx(0.6, abs=1e-3)
    assert budget.left_events == reading.left_events
    assert budget.left_ms == reading.left_ms
    assert (budget.state, budget.earned) == ("value", True)
    assert [each.window_ms for each in budget.windows] == [each.window_ms for each in reading.windows]
    assert {each.severity for each in budget.tiers} == {"page", "ticket"}


async def test_objectives_come_worst_first_and_so_do_groups():
    grouped = slo("tenants", group_by=("tenant",))
    world = World(slo(), grouped).past(30, 86_400)
    for tenant, bad in (("a", 10), ("b", 200), ("c", 50)):
        world.past(bad, 86_400, of="rag-tenants", tenant=tenant)
    world.service.scraped(MINUTE)
    standing = await world.desk.status()

    assert [each.id for each in standing.slos] == ["rag-tenants", "rag-answers"]
    assert [each.group for each in standing.slos[0].budgets] == [{"tenant": "b"}, {"tenant": "c"}, {"tenant": "a"}]


async def test_what_the_agent_cannot_count_is_invalid_and_not_left_out():
    world = World(slo())
    world.budgets.slos = type(world.budgets.slos)((slo(), slo("plugged", indicator=Plugin("some/plugin"))))
    views = {each.id: each for each in (await world.desk.status()).slos}

    assert views["rag-plugged"].budgets[0].state == "SLOInvalid"
    assert "burnline check" in views["rag-plugged"].budgets[0].why


async def test_an_slo_whose_groups_nobody_saw_says_which_label_it_waits_for():
    view = await the_only(World(slo(group_by=("tenant",))))

    assert view.budgets[0].state == "SLONoData"
    assert "tenant" in view.budgets[0].why


async def test_without_files_the_note_says_where_they_are_named():
    world = World(slo())
    world.budgets.slos = type(world.budgets.slos)()

    assert "slo_files" in (await world.desk.status()).note


async def test_a_composite_has_its_parts_blame_and_burn_rates():
    world = World(*slo_world.chain())
    world.service.rise("misses_total", 0)
    world.traffic(30, total=100, bad=1)
    view = next(each for each in (await world.desk.status()).slos if each.id == "rag-chain")
    (budget,) = view.budgets

    assert view.unit == "composite"
    assert [(each.slo, each.share) for each in view.blame] == [("rag-answers", 1.0), ("rag-rerank", 0.0)]
    assert budget.period.ratio == pytest.approx(0.01 / 4)
    assert [each.window_ms for each in budget.windows] == [HOUR, 6 * HOUR]
    assert budget.windows[0].burn == pytest.approx(0.25)
    assert not budget.earned


async def test_a_month_that_has_just_begun_is_shown_as_young_however_badly_it_began():
    world = World(slo(window=Calendar("month"), budget_policy=slo_world.POLICY)).traffic(5, total=1000, bad=20)
    view = await the_only(world)
    (budget,) = view.budgets
    (verdict,) = (await world.desk.gate(GateAsked(("all",)))).slos

    assert (budget.earned, budget.left, left_of(budget)) == (False, pytest.approx(-19), "–")
    assert allowance(view, budget) == outage(budget) == ""
    assert "young: 5 min of 31 days seen; at their pace a whole budget lasts 1d13h" in [
        each.text for each in notes(view, budget, world.now_ms)
    ]
    assert not any(each.in_force for each in view.policy)
    assert verdict.verdict == "unknown"


async def test_a_composite_is_as_young_as_the_months_of_its_parts():
    month = [replace(each, window=Calendar("month")) for each in slo_world.chain()]
    month[-1] = replace(month[-1], budget_policy=slo_world.POLICY)
    world = World(*month)
    world.service.rise("misses_total", 0)
    world.traffic(30, total=1000, bad=200)
    view = next(each for each in (await world.desk.status()).slos if each.id == "rag-chain")
    (budget,) = view.budgets
    (answer,) = (await world.desk.gate(GateAsked(("rag-chain",)))).slos

    assert (budget.earned, left_of(budget)) == (False, "–")
    assert budget.period.coverage > 0.9
    assert any("min of 31 days seen; at their pace" in each.text for each in notes(view, budget, world.now_ms))
    assert not any(each.in_force for each in view.policy)
    assert not any("overspent" in each for each in answer.reasons)


async def test_the_policys_step_in_force_is_marked():
    assert [each.in_force for each in (await the_only(low(slo_world.with_policy()))).policy] == [False, True]
    assert [each.in_force for each in (await the_only(healthy(slo_world.with_policy()))).policy] == [False, False]


NAMES = [
    (("rag-answers",), ["rag-answers"]),
    (("rag",), ["rag-page", "rag-answers", "rag-index"]),
    (("all",), ["rag-page", "rag-answers", "rag-index"]),
    (("*-in*", "rag-page"), ["rag-page", "rag-index"]),
    (("r?g",), ["rag-page", "rag-answers", "rag-index"]),
]


@pytest.mark.parametrize(("names", "ids"), NAMES)
async def test_a_name_is_an_id_a_service_all_or_a_glob(names, ids):
    standing = await World(*slo_world.dependent()).desk.status(names)

    assert sorted(each.id for each in standing.slos) == sorted(ids)


@pytest.mark.parametrize(
    ("name", "said"),
    [("rag-answer", 'did you mean "rag-answers"'), ("zzz", "there are rag, rag-answers"), ("x*", "there are")],
)
async def test_a_name_that_nothing_has_is_refused_with_advice(name, said):
    world = World(*slo_world.dependent())

    for ask in (world.desk.status((name,)), world.desk.gate(GateAsked((name,)))):
        with pytest.raises(InvalidInput, match=said):
            await ask


@pytest.mark.parametrize(
    ("world", "least", "expected"), [(healthy, 0.1, "go"), (low, 0.1, "stop"), (healthy, 0.7, "stop")]
)
async def test_the_gate_goes_by_what_is_left(world, least, expected):
    answer = await world().desk.gate(GateAsked(("all",), least))

    assert answer.verdict == expected
    assert [each.verdict for each in answer.slos] == [expected]


async def test_the_policy_in_force_stands_beside_the_reasons():
    (found,) = (await low(slo_world.with_policy()).desk.gate(GateAsked(("rag",)))).slos

    assert found.policy == "below 25 %: Freeze deploys."
    assert found.reasons[0].startswith("4.02 % of the budget is left")


async def test_what_an_slo_rests_on_is_looked_at_too_and_says_who_needs_it():
    world = World(*slo_world.dependent()).past(90, 86_400, of="rag-index").traffic()
    answer = await world.desk.gate(GateAsked(("rag-page",)))
    found = {each.slo: each for each in answer.slos}

    assert answer.verdict == "stop"
    assert found["rag-index"].verdict == "stop"
    assert found["rag-index"].needed_by == ("rag-answers",)
    assert found["rag-answers"].needed_by == ("rag-page",)
    assert found["rag-page"].needed_by == ()


async def test_a_dependency_that_no_file_has_leaves_the_gate_unknown():
    answer = await healthy(slo(depends_on=("billing-invoices",))).desk.gate(GateAsked(("all",)))

    assert answer.verdict == "unknown"
    assert answer.slos[0].slo == "billing-invoices"


async def test_silence_is_unknown_with_its_reason():
    answer = await healthy().down().desk.gate(GateAsked(("all",)))

    assert answer.verdict == "unknown"
    assert "connection refused" in answer.slos[0].reasons[0]


async def test_an_override_is_an_event_of_each_slo_that_said_no_and_is_shown():
    world = low()
    answer = await world.desk.override(GateAsked(("all",)), "ana", "rollback of 4.2")
    (event,) = world.journal.events(GATE_KIND)
    (shown,) = (await the_only(world)).overrides

    assert answer.verdict == "stop"
    assert (answer.overridden.by, answer.overridden.reason) == ("ana", "rollback of 4.2")
    assert event.subject == "rag-answers"
    assert {"by", "reason", "verdict", "left"} <= set(event.value)
    assert event.value["left"] == pytest.approx(0.04, abs=1e-3)
    assert (shown.by, shown.reason, shown.verdict, shown.at_ms) == ("ana", "rollback of 4.2", "stop", world.now_ms)
    assert "of the budget is left" in shown.why[0]


async def test_of_an_open_gate_no_override_is_recorded():
    world = healthy()
    answer = await world.desk.override(GateAsked(("all",)), "ana", "to be sure")

    assert (answer.verdict, answer.overridden) == ("go", None)
    assert world.journal.events(GATE_KIND) == []


async def test_an_override_that_is_not_on_the_disk_is_none():
    world = low()
    broken: Future[None] = Future()
    broken.set_exception(StorageError("the disk is full"))
    world.journal.write = lambda *_: broken

    with pytest.raises(StorageError, match="disk is full"):
        await world.desk.override(GateAsked(("all",)), "ana", "rollback")
    assert (await the_only(world)).overrides == ()


async def test_overrides_of_the_period_before_are_not_shown():
    world = low()
    await world.desk.override(GateAsked(("all",)), "ana", "rollback")
    world.service.scraped(31 * 24 * HOUR)

    assert (await the_only(world)).overrides == ()


FILE = """\
version: prometheus/v1
service: rag
labels: {team: search}
slos:
  - name: answers
    objective: 99.9
    description: Answers come without an error.
    labels: {tier: "1"}
    sli:
      events:
        error_query: sum(rate(errors_total[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: AnswersBurn}
    burnline:
      depends_on: [rag-index, other-thing]
      budget_policy: [{below: 25%, action: Freeze deploys.}]
      calendar: {unit: month, time_zone: Europe/Paris}
"""


async def test_whatever_a_file_says_can_be_answered_as_json():
    """Texts of files carry their place; an encoder knows only plain ones."""
    world = World(*read_slos(FILE, "slos.yml").slos).traffic()
    standing = await world.desk.status()
    (view,) = standing.slos

    assert msgspec.json.decode(msgspec.json.encode(standing), type=StandingView) == standing
    assert (view.period, view.labels) == ("month in Europe/Paris", {"team": "search", "tier": "1"})
    assert view.file.startswith("slos.yml:")
    answer = await world.desk.override(GateAsked(("all",)), "ana", "first deploy")
    assert msgspec.json.decode(msgspec.json.encode(answer), type=GateAnswer) == answer
    assert {each.subject for each in world.journal.events(GATE_KIND)} >= {"rag-index", "other-thing"}
