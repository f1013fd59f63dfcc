"""The replay over HTTP: what it is asked for, what is refused with what would do, and one at a time."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from agent.app import slo_replays
from agent.model import Columns, Labels, Row
from agent.slo import Events, SloSet
from agent.web import FakeHandles
from tests.app import slo_world
from tests.app.slo_world import World, healthy
from tests.slo.budget.service import HOUR, MINUTE, slo

PATH = "/api/v1/slos/replay"


def recorded(world: World, hours: int = 24) -> World:
    """Keep samples of a service with 600 requests a minute up to now; all fail in the ten minutes that began an hour ago."""
    own = {"job": "rag", "instance": "h:1"}
    columns = Columns([Labels({"__name__": name, **own}) for name in ("up", "requests_total", "errors_total")])
    bad = 0.0
    for number in range(hours * 60 + 1):
        at_ms = world.now_ms - (hours * 60 - number) * MINUTE
        bad += 600.0 * (world.now_ms - HOUR < at_ms <= world.now_ms - 50 * MINUTE)
        world.store.append(Row(columns, at_ms, np.array([1.0, 600.0 * number, bad])))
    return world


@pytest.fixture
async def at(serve):
    """Give a function that serves a world and returns what asks it: (status, data or error, Retry-After)."""

    async def start(world: World):
        client = await serve(FakeHandles(), slo_handles=world.desk)

        async def ask(query: str = ""):
            answer = await client.get(f"{PATH}?{query}")
            body = await answer.json()
            return answer.status, body.get("data", body.get("error")), answer.headers.get("Retry-After")

        return ask

    return start


async def test_it_tells_what_would_have_been_told_and_what_another_objective_would_change(at):
    ask = await at(recorded(healthy()))
    status, found, _ = await ask("from=6h&name=rag&objective=answers=50%25&min_events=0&false_below=100")

    assert status == 200
    given, changed = found["versions"]
    assert [each["objective"] for each in (given["slos"][0], changed["slos"][0])] == [99.9, 50.0]
    assert [each["slos"][0]["pages"] for each in (given, changed)] == [1, 0]
    assert (changed["slos"][0]["min_events"], found["false_below"]) == (0, 1.0)
    assert found["differences"][0].startswith("rag-answers: 50 instead of 99.9 %")
    assert given["slos"][0]["bad"] == 6_000


async def test_what_is_longer_than_the_samples_begins_with_them(at):
    status, found, _ = await (await at(recorded(healthy(), hours=2)))("from=30d")

    assert status == 200
    assert found["from"] == "2025-12-31T22:06:00.000Z"
    assert "The samples begin at 2025-12-31T22:06:00.000Z, and so does the replay." in found["caveats"]


async def test_as_many_rows_are_played_as_an_agent_can_spare_and_what_is_said_to_work_does(at, monkeypatch):
    monkeypatch.setattr(slo_replays, "MOST_ROWS", 50)
    ask = await at(recorded(healthy()))
    _, found, _ = await ask("from=2h")
    status, why, _ = await ask("from=2h&step=1m")

    assert found["step_seconds"] == 180
    assert status == 400
    assert "step: 2h has 120 rows 1m apart, and a running agent plays 50 at most; step=2m24s works, or a shorter" in why
    assert (await ask("from=2h&step=2m24s"))[1]["step_seconds"] == 144


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("objective=answer=99", 'objective: there is no SLO "answer" among these; did you mean "answers"?'),
        ("objective=answers", 'objective is written NAME=PERCENT, such as answers=99.5; found "answers"'),
        ("objective=answers=100", "objective: 100 % for answers leaves no budget"),
        ("objective=answers=nan", "it lies between 0 and 100"),
        ("name=rag-answer", 'no SLO or service is called "rag-answer"; did you mean "rag-answers"?'),
        ("from=soon", 'from: not a time: "soon"; write a duration such as 7d'),
        ("from=" + "9" * 400, "from: not a time"),
        ("from=1h&to=2000-01-01T00:00:00Z", "no samples before to=2000-01-01T00:00:00.000Z; they begin at 2025-12-31"),
        ("from=now", "is not before to="),
        ("step=0s", "step: 0s is no length of time"),
        ("step=often", "step: not a valid duration"),
        (
            "from=24h&step=5s",
            "step: 1d has 17,280 rows 5s apart, and a running agent plays 5,000 at most; step=18s works",
        ),
        ("step=1d", "step: rows 1d apart do not show what opens and closes in between; step=6h works"),
        ("min_events=few", 'invalid parameter "min_events": cannot parse "few" to a number'),
        ("min_events=-1", "min_events must be non-negative"),
        ("min_events=1" + "0" * 400, "least number of events: 1e+15 is the most"),
        ("false_below=most", 'a percentage of the budget from 0 to 100, like 1 or 0.5%, not "most"'),
        ("false_below=101", "a percentage of the budget from 0 to 100"),
        ("objektive=answers=99", 'there is no such parameter; did you mean "objective"?'),
    ],
)
async def test_what_cannot_be_played_is_refused_with_what_would_do(at, query, words):
    status, why, _ = await (await at(recorded(healthy())))(query)

    assert status == 400
    assert words in why


async def test_more_budgets_than_an_agent_can_spare_are_refused(at, monkeypatch):
    monkeypatch.setattr(slo_replays, "MOST_BUDGETS", 3)
    ask = await at(recorded(World(slo(), slo("others"))))
    status, why, _ = await ask("from=1h&min_events=0")

    assert status == 400
    assert "these 2 SLOs are 4 budgets to play, and a running agent plays 3 at most; choose fewer with name=" in why
    assert (await ask("from=1h&min_events=0&name=rag-others"))[0] == 200


async def test_without_objectives_or_samples_it_says_so(at):
    none = World(slo())
    status, why, _ = await (await at(none))()
    assert (status, why) == (400, "there are no samples to replay yet; let the agent run for a while")
    none.budgets.slos = SloSet()
    status, why, _ = await (await at(none))()
    assert status == 400
    assert "slo_files in burnline.yml names no objectives" in why


async def test_samples_of_others_are_no_samples_of_the_indicator(at):
    other = Events("sum(rate(misses_total[{{.window}}]))", "sum(rate(lookups_total[{{.window}}]))")
    status, found, _ = await (await at(recorded(World(slo(indicator=other)))))("from=1h")

    assert status == 200
    assert "no samples were found of the events that are counted" in found["versions"][0]["summary"]
    assert any(each.startswith("The agent has samples from 2025-12-31T") for each in found["caveats"])


async def test_what_is_made_of_others_is_said_to_be_left_out(at):
    status, found, _ = await (await at(recorded(World(*slo_world.chain()))))("from=1h&name=rag-answers&name=rag-chain")

    assert status == 200
    assert any("rag-chain is made of other SLOs and has no alerts of its own" in each for each in found["caveats"])
    assert [each["slo"] for each in found["versions"][0]["slos"]] == ["rag-answers"]


async def test_one_is_played_at_a_time_and_a_second_is_told_when_to_ask_again(at, monkeypatch):
    world = recorded(healthy())
    began, may, select = threading.Event(), threading.Event(), world.store.select

    def waiting(*words):
        began.set()
        assert may.wait(60)
        return select(*words)

    monkeypatch.setattr(world.store, "select", waiting)
    ask = await at(world)
    first = asyncio.create_task(ask("from=1h"))
    await asyncio.to_thread(began.wait, 60)
    status, why, after = await ask("from=1h")
    refused, _, _ = await ask("from=soon")
    may.set()

    assert (status, after, refused) == (503, "10", 400)
    assert "a replay is under way (0 % done), and one at a time is played" in why
    assert (await first)[0] == 200
    assert (await ask("from=1h"))[0] == 200
