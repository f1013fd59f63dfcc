"""The last evaluations of each rule are served with what they really read."""

from __future__ import annotations

import asyncio
import json

from click.testing import CliRunner

from agent.cli.main import burnline
from agent.model import Labels
from agent.query import Engine, MemoryQueryable

RULES = """
groups:
- name: service
  rules:
  - {record: one, expr: broken}
  - {record: all, expr: 'sum(broken) + sum({job="rag"}) * 0'}
  - {record: failing, expr: 'broken * on() group_left() {job="rag"}'}
"""


def test_a_result_says_how_many_series_and_samples_were_read():
    memory = MemoryQueryable()
    for number in range(7):
        memory.add(Labels.of(__name__="x", n=str(number)), [0, 10_000, 20_000], [1.0, 2.0, 3.0])
    engine = Engine(memory)
    for query, series, samples in (
        ("x", 7, 7),
        ('x{n="1"}', 1, 1),
        ("nothing", 0, 0),
        ("sum(x) + sum(x)", 7, 7),
        ('x{n="1"} + on() x{n="2"}', 2, 2),
        ("1 + 1", 0, 0),
    ):
        found = engine.instant(query, 20_000)
        assert (found.series, found.samples >= samples) == (series, True), query
    assert engine.instant("sum_over_time(x[1m])", 20_000).samples >= 21


async def test_the_last_evaluations_are_served_where_they_are_asked_for(world):
    world.write("rules.yml", RULES)
    agent = await world.start()
    world.page |= {"broken": 1, "slow": 2}
    for _ in range(3):
        await world.round()
    status, text = await world.get("/api/v1/rules?evaluations=2")
    assert status == 200
    one, whole, failing = json.loads(text)["data"]["groups"][0]["rules"]
    assert [(each["series"], each["results"]) for each in one["evaluations"]] == [(1, 1), (1, 1)]
    assert one["evaluations"][0]["at"] > one["evaluations"][1]["at"]
    assert whole["evaluations"][0]["series"] > 7, "the target's own series are read as well"
    assert "many" in failing["evaluations"][0]["error"]
    assert "evaluations" not in json.loads((await world.get("/api/v1/rules"))[1])["data"]["groups"][0]["rules"][0]
    assert (await world.get("/api/v1/rules?evaluations=x"))[0] == 400
    page = (await world.get("/"))[1]
    assert "read 1 series" in page

    done = await asyncio.to_thread(CliRunner().invoke, burnline, ["rules", "--url", agent.url], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "failing" in done.output
