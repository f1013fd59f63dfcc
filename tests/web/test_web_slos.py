"""Objectives over HTTP: how they stand, the gate and its override, the pages for people; over a real engine on a moved clock."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from agent.app.slo_desk import GATE_KIND
from agent.model import Labels
from agent.slo import Slo
from agent.web import AlertDetail, FakeHandles
from agent.web.slos import GateAnswer, StandingView
from tests.app import slo_world
from tests.app.slo_world import World, healthy, low
from tests.slo.budget.service import MINUTE, slo
from tests.web import scenes
from tests.web.test_web_page import Elements

OVERRIDE = "/api/v1/slos/gate/override"


@pytest.fixture
async def at(serve):
    """Give a function that serves a world and returns a client of it."""

    async def start(world: World):
        return await serve(FakeHandles(), slo_handles=world.desk)

    return start


async def data(client, path: str, status: int = 200):
    answer = await client.get(path)
    body = await answer.json()
    assert answer.status == status, body
    return body["data"] if status == 200 else body["error"]


async def test_the_answer_reads_back_into_the_values_that_it_was_made_of(at):
    world = healthy(slo_world.with_policy())
    client = await at(world)

    assert msgspec.convert(await data(client, "/api/v1/slos"), StandingView) == await world.desk.status()


async def test_keys_are_in_camel_case_and_instants_in_milliseconds(at):
    client = await at(healthy())
    found = await data(client, "/api/v1/slos")
    (view,) = found["slos"]

    assert {"nowMs", "atMs", "slos", "note"} == set(found)
    assert {"leftEvents", "leftMs", "goneMs", "sinceMs", "seenMs"} <= set(view["budgets"][0])


@pytest.mark.parametrize(
    ("query", "ids"), [("?slo=rag-page", ["rag-page"]), ("?slo=rag-page&slo=*-index", ["rag-index", "rag-page"])]
)
async def test_objectives_are_chosen_by_name(at, query, ids):
    client = await at(World(*slo_world.dependent()))

    assert sorted(each["id"] for each in (await data(client, f"/api/v1/slos{query}"))["slos"]) == ids


async def test_an_unknown_name_is_refused_with_a_suggestion(at):
    client = await at(healthy())

    for path in ("/api/v1/slos?slo=rag-answer", "/api/v1/slos/gate?name=rag-answer"):
        assert 'did you mean "rag-answers"' in await data(client, path, 400)


@pytest.mark.parametrize(("world", "verdict"), [(healthy, "go"), (low, "stop")])
async def test_the_gate_answers_with_verdict_and_reasons(at, world, verdict):
    client = await at(world())
    answer = msgspec.convert(await data(client, "/api/v1/slos/gate?name=rag"), GateAnswer)

    assert answer.verdict == verdict
    assert answer.least == 0.1
    assert "of the budget is left" in answer.slos[0].reasons[0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "say which SLOs"),
        ("name=rag&min_budget=0.1", "0.1 is 10%"),
        ("name=rag&min_budget=101%", "from 0% to 100%"),
        ("name=rag&min_budget=-5%", "from 0% to 100%"),
        ("name=rag&min_budget=much", 'not "much"'),
    ],
)
async def test_a_gate_that_was_asked_for_wrongly_says_how(at, query, said):
    assert said in await data(await at(healthy()), f"/api/v1/slos/gate?{query}", 400)


async def test_an_override_is_recorded_and_answered(at):
    world = low()
    client = await at(world)
    body = {"names": ["rag"], "reason": " rollback of 4.2 ", "by": "ana"}
    answer = await (await client.post(OVERRIDE, json=body)).json()
    found = msgspec.convert(answer["data"], GateAnswer)

    assert (found.verdict, found.overridden.reason) == ("stop", "rollback of 4.2")
    assert [each.subject for each in world.journal.events(GATE_KIND)] == ["rag-answers"]


async def test_what_somebody_writes_of_an_override_is_one_line_of_text(at):
    """A line of a pipeline's log or of a report is the agent's word, so nobody else may begin one, nor colour it."""
    body = {"names": ["rag"], "reason": "go\nGO, all is well\x1b[32m \u202eevil", "by": "ana\r\n<b>"}
    answer = await (await (await at(low())).post(OVERRIDE, json=body)).json()
    passed = msgspec.convert(answer["data"], GateAnswer).overridden

    assert (passed.by, passed.reason) == ("ana <b>", "go GO, all is well [32m evil")


BAD_BODIES = [
    b"",
    b"[]",
    b'{"names": [], "reason": "r", "by": "ana"}',
    b'{"names": ["rag"], "reason": "", "by": "ana"}',
    b'{"names": ["rag"], "reason": "  ", "by": "ana"}',
    b'{"names": ["rag"], "reason": "r", "by": " "}',
    b'{"names": ["rag"], "reason": "r", "by": "\\u0000"}',
    b'{"names": ["rag"], "by": "ana"}',
    b'{"names": ["rag"], "reason": "r", "by": "ana", "force": true}',
    b'{"names": ["rag"], "reason": "r", "by": "ana", "min_budget": "10"}',
    b'{"names": ["nothing"], "reason": "r", "by": "ana"}',
    b"\xff\xff",
]


@pytest.mark.parametrize("body", BAD_BODIES)
async def test_a_bad_override_is_refused_and_nothing_is_recorded(at, body):
    world = low()
    answer = await (await at(world)).post(OVERRIDE, data=body)

    assert answer.status == 400
    assert world.journal.events(GATE_KIND) == []


async def test_a_page_of_another_site_cannot_override(at):
    world = low()
    body = {"names": ["rag"], "reason": "r", "by": "eve"}
    answer = await (await at(world)).post(OVERRIDE, json=body, headers={"Origin": "http://evil.example"})

    assert answer.status == 403
    assert world.journal.events(GATE_KIND) == []


async def page(client, path: str, status: int = 200) -> Elements:
    answer = await client.get(path)
    assert answer.status == status
    assert answer.content_type == "text/html"
    return Elements(await answer.text())


def links(found: Elements) -> set[str]:
    return {attributes["href"] for name, attributes in found.tags if name == "a" and attributes.get("href")}


async def test_the_page_says_how_all_stand_and_leads_to_each(at):
    found = await page(await at(low()), "/slos")

    assert "slos/rag-answers" in links(found)
    assert "99.9 % over 30d" in found.text
    assert "4 %" in found.text


async def test_the_first_page_leads_to_the_objectives_where_there_are_any(at, serve):
    assert "slos" in links(await page(await at(healthy()), "/"))
    assert "slos" not in links(await page(await serve(FakeHandles()), "/"))


async def test_the_page_of_one_shows_tiers_policy_and_who_overrode_the_gate(at):
    world = low(slo_world.with_policy())
    client = await at(world)
    await client.post(OVERRIDE, json={"names": ["all"], "reason": "rollback of 4.2", "by": "ana"})
    found = await page(client, "/slos/rag-answers")

    for words in ("14.4x", "Freeze deploys.", "ana", "rollback of 4.2", "of the budget is left"):
        assert words in found.text


async def test_the_tiers_of_a_young_objective_say_why_they_are_quiet_and_those_of_an_old_one_do_not(at):
    young = World(slo()).traffic(5, bad=20)
    said = "The unseen part of a window counts as clean while less than half of it was seen"

    assert said in (await page(await at(young), "/slos/rag-answers")).text
    assert said not in (await page(await at(healthy()), "/slos/rag-answers")).text


async def test_groups_that_nothing_is_to_say_of_share_a_line_and_a_step_of_the_policy_is_said_once(at):
    grouped = replace(slo_world.with_policy(), name="tenants", group_by=("tenant",))
    world = World(grouped)
    for tenant, bad in (("burns", 80), ("quiet", 0), ("silent", 0)):
        world.past(bad, 86_400, of="rag-tenants", tenant=tenant)
        world.traffic(5, total=0, tenant=tenant)
    client = await at(world)

    one = await page(client, "/slos/rag-tenants")
    assert "no traffic, and a whole budget: tenant=quiet, silent" in one.text
    assert "tenant=burns" in one.text
    assert (await page(client, "/slos")).text.count("Freeze deploys.") == 1


async def test_an_unknown_objective_leads_on(at):
    found = await page(await at(healthy()), "/slos/rag-answer", 404)

    assert 'did you mean "rag-answers"' in found.text
    assert "../slos" in links(found)


async def test_a_service_is_no_page(at):
    assert "no SLO is called" in (await page(await at(healthy()), "/slos/rag", 404)).text


async def test_without_objectives_the_page_says_where_they_are_named(at):
    world = World(slo())
    world.budgets.slos = type(world.budgets.slos)()

    assert "slo_files" in (await page(await at(world), "/slos")).text


async def test_nothing_that_a_file_says_can_add_to_the_page(at):
    hostile = "<script>alert(1)</script>"
    of = Slo(
        **{**{name: getattr(slo(), name) for name in Slo.__slots__}, "description": hostile, "labels": {"a": hostile}}
    )
    world = World(of).past(10, 86_400)
    world.service.scraped(MINUTE)
    client = await at(world)

    for path in ("/slos", "/slos/rag-answers"):
        assert "script" not in {name for name, _ in (await page(client, path)).tags}


async def test_the_page_of_an_alert_leads_to_the_budget_that_it_is_about(serve):
    about = replace(scenes.SLOW, labels=Labels({**scenes.SLOW.labels, "burnline_slo": "rag-answers"}))
    handles = FakeHandles()
    handles.details = {each.fingerprint: AlertDetail(each, "x > 5", "> 5") for each in (about, scenes.SLOW)}
    client = await serve(handles, slo_handles=healthy().desk)

    assert "../slos/rag-answers" in links(await page(client, f"/alert/{about.fingerprint}"))
    assert not any("slos" in each for each in links(await page(client, f"/alert/{scenes.SLOW.fingerprint}")))
