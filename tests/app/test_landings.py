"""From a scrape that has landed to the evaluation of those who read it: who waits for whom, and at which instant."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from agent.app import Agent, wall_clock
from agent.config import Flags, load_config
from agent.model import Columns, Row, Sample
from agent.rules import (
    Cadence,
    GroupKey,
    newest_of_rounds,
    period_of,
)
from agent.store import Store
from tests.app.landing_world import SECOND, START, World, alert, record, until
from tests.rules.world import series


@pytest.fixture
async def worlds():
    made = []

    def make(rules, **more):
        made.append(World(rules, **more))
        return made[-1]

    yield make
    for world in made:
        await world.evaluation.stop()


async def test_an_alert_is_handed_over_at_the_instant_of_the_scrape_that_makes_it_true(worlds):
    world = worlds({"a": alert("x > 1")})
    world.target("rag", offset=7)
    await world.start()
    assert await world.land("rag", 7, x=1) == [("a", 7)]
    assert world.alerts == []
    assert await world.land("rag", 22, x=2) == [("a", 22)]
    assert world.alerts == [(22, ["A"])]
    assert world.metric("burnline_rule_scrape_to_evaluation_seconds_count") == 2
    assert world.metric("burnline_rule_rounds_overdue_total") == 0


async def test_a_group_waits_for_the_last_target_that_it_reads_and_for_no_other(worlds):
    world = worlds({"both": record("sum(x)"), "one": record("y", "s"), "all": record("sum(up)", "u")})
    for number, name in enumerate(("p", "q", "r")):
        world.target(name, offset=number * 5)
    await world.start()
    await world.land("p", 0, x=1, y=1)
    await world.land("q", 5, x=1)
    await world.land("r", 10)
    assert await world.land("p", 15, x=1, y=1) == [("one", 15)]
    assert await world.land("q", 20, x=1) == [("both", 20)]
    assert await world.land("r", 25) == [("all", 25)]


async def test_a_group_that_reads_what_another_records_is_evaluated_after_it_at_the_same_instant(worlds):
    world = worlds({"late": alert("r > 3"), "early": record("x + 1")})
    world.target("rag", offset=7)
    await world.start()
    await world.land("rag", 7, x=1)
    assert await world.land("rag", 22, x=3) == [("early", 22), ("late", 22)]
    assert world.alerts == [(22, ["A"])]


async def test_a_group_with_an_interval_keeps_to_the_clock_and_so_do_all_with_an_evaluation_interval(worlds):
    world = worlds({"own": "interval: 30s, " + record("x"), "driven": record("x", "s")})
    world.target("rag")
    await world.start()
    assert await world.land("rag", 0, x=1) == [("driven", 0)]
    assert world.clocked() == ["own"]
    assert world.intervals() == {"own": "clock", "driven": 15}

    world = worlds({"own": "interval: 30s, " + record("x"), "other": record("x", "s")}, on_scrape=False)
    world.target("rag")
    await world.start()
    assert await world.land("rag", 0, x=1) == []
    assert world.clocked() == ["other", "own"]


async def test_a_group_that_reads_no_target_is_the_clocks_once_every_target_was_heard(worlds):
    world = worlds({"none": alert("vector(1)"), "absent": alert("absent(never)")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    assert world.clocked() == [], "what it reads may be about to land"
    await world.land("q", 5, x=1)
    assert world.clocked() == ["absent", "none"]
    assert world.intervals() == {"none": "clock", "absent": "clock"}


async def test_a_collector_that_is_never_heard_keeps_nobody_from_the_clock(worlds):
    world = worlds({"none": alert("vector(1)")})
    world.target("p")
    await world.start()
    assert await world.pass_time(14.9) == []
    assert world.clocked() == []
    await world.pass_time(15)
    assert world.clocked() == ["none"]


async def test_a_selector_that_matches_nothing_yet_reads_the_targets_that_its_job_names(worlds):
    """The alert that a job's metric is missing is evaluated with the job's scrapes, from the first one on."""
    world = worlds({"a": alert('absent(x{job="q"})'), "b": alert('absent(x{job=~".*"})', "B")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    assert await world.land("p", 0) == []
    assert await world.land("q", 5) == [("a", 5)]
    assert world.alerts == [(5, ["A"])]
    assert world.clocked() == ["b"], "any job may be none, so nothing says whose it would be"


async def test_series_that_begin_are_waited_for_from_then_on(worlds):
    world = worlds({"a": record("sum(x)")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    assert await world.land("q", 5) == [("a", 0)], "nothing is evaluated until every target was heard"
    assert await world.land("p", 15, x=1) == [("a", 15)]
    assert await world.land("q", 20, x=1) == [("a", 20)], "in the very round in which they begin"
    assert await world.land("p", 30, x=1) == []
    assert await world.land("q", 35, x=1) == [("a", 35)]


async def test_a_target_that_goes_is_not_waited_for_any_longer(worlds):
    world = worlds({"a": record("sum(x)")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    await world.land("q", 5, x=1)
    del world.targets["q"]
    world.version += 1
    world.evaluation.apply()
    await world.quiet()
    assert await world.land("p", 15, x=1) == [("a", 15)]


async def test_a_scrape_that_never_lands_holds_nobody_beyond_the_next_instant(worlds):
    world = worlds({"a": record("sum(x)"), "p": record('x{job="p"}', "s")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    await world.land("q", 5, x=1)
    assert await world.land("p", 15, x=1) == [("p", 15)]
    assert await world.pass_time(34.9) == []
    assert await world.pass_time(35) == [("a", 15)]
    assert world.metric("burnline_rule_rounds_overdue_total") == 1
    assert await world.land("q", 20, x=1) == [], "too late for its round"
    await world.land("p", 30, x=1)
    assert await world.land("q", 35, x=1) == [("a", 35)]


async def test_rounds_that_pass_while_a_group_is_evaluated_are_missed_and_counted(worlds):
    import threading

    world = worlds({"a": record("x")})
    world.target("p")
    await world.start()
    await world.land("p", 0, x=1)
    world.slow = threading.Event()
    for slot in (15, 30, 45, 60):
        row = Row(world.targets["p"].columns, START + slot * SECOND, np.array([1.0, 1.0]))
        world.store.append(row)
        world.evaluation.landed("p", START + slot * SECOND)
        await asyncio.sleep(0)
        if slot == 15:
            await until(lambda: not world.evaluation._landings._waiting)
    world.slow.set()
    await world.quiet()
    assert world.evaluated == [("a", 0), ("a", 15), ("a", 60)]
    assert world.metric("prometheus_rule_group_iterations_missed_total", rule_group="rules.yml;a") == 2


async def test_more_slices_than_one_evaluate_every_group_once_and_in_order(worlds, monkeypatch):
    """A slice of no time: each group is a turn of the thread, and what is left goes on."""
    monkeypatch.setattr("agent.app.landings._SLICE_SECONDS", -1.0)
    world = worlds({f"g{n}": record("x", f"r{n}") for n in range(7)})
    world.target("p")
    await world.start()
    await world.land("p", 0, x=1)
    assert await world.land("p", 15, x=1) == [(f"g{n}", 15) for n in range(7)]
    assert not world.metric("prometheus_rule_group_iterations_missed_total", rule_group="rules.yml;g3")


async def test_a_group_that_takes_long_misses_its_rounds_and_the_others_miss_none(worlds):
    import threading

    world = worlds({"slow": record("sum(x)"), "a": record("x", "ra"), "b": record("x", "rb")}, patience_seconds=0.2)
    world.target("p")
    await world.start()
    await world.land("p", 0, x=1)
    world.slow, world.slow_key = threading.Event(), "slow"
    for slot in (15, 30, 45):
        world.evaluated.clear()
        row = Row(world.targets["p"].columns, START + slot * SECOND, np.array([1.0, 1.0]))
        world.store.append(row)
        world.evaluation.landed("p", START + slot * SECOND)
        await until(lambda: len(world.evaluated) == 2)
        assert world.evaluated == [("a", slot), ("b", slot)]
    world.slow.set()
    await world.quiet()
    assert world.evaluated[2:] == [("slow", 15)]
    assert world.metric("prometheus_rule_group_iterations_missed_total", rule_group="rules.yml;slow") == 2
    assert not world.metric("prometheus_rule_group_iterations_missed_total", rule_group="rules.yml;a")
    assert ("slow", 60) in await world.land("p", 60, x=1)


async def test_a_reload_waits_for_a_group_that_takes_long_and_the_others_do_not(worlds):
    import threading

    world = worlds({"slow": record("sum(x)"), "a": record("x", "ra")}, patience_seconds=0.2)
    world.target("p")
    await world.start()
    await world.land("p", 0, x=1)
    world.slow, world.slow_key = threading.Event(), "slow"
    world.evaluated.clear()
    row = Row(world.targets["p"].columns, START + 15 * SECOND, np.array([1.0, 1.0]))
    world.store.append(row)
    world.evaluation.landed("p", START + 15 * SECOND)
    await until(lambda: world.evaluated == [("a", 15)])
    reload = asyncio.create_task(world.reload({"a": record("x", "ra")}))
    world.store.append(Row(world.targets["p"].columns, START + 30 * SECOND, np.array([1.0, 1.0])))
    world.evaluation.landed("p", START + 30 * SECOND)
    await until(lambda: ("a", 30) in world.evaluated)
    assert not reload.done()
    world.slow.set()
    await reload
    assert [key.name for key in world.evaluator.keys] == ["a"]


async def test_reading_another_target_neither_repeats_an_evaluation_nor_counts_as_a_missed_round(worlds):
    world = worlds({"a": record("sum(x)")})
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    await world.land("q", 5)
    await world.land("p", 15, x=1)
    await world.land("q", 20, x=1)
    await world.land("p", 30)
    await world.land("q", 35, x=1)
    assert world.evaluated == [("a", 0), ("a", 15), ("a", 20), ("a", 35)]
    assert not world.metric("prometheus_rule_group_iterations_missed_total", rule_group="rules.yml;a")


async def test_a_group_that_fails_in_an_unforeseen_way_stops_no_other(worlds):
    world = worlds({"a": record("x"), "b": record("x", "s")})
    world.target("p")
    verb = world.evaluator.evaluate

    def evaluate(key, at_ms):
        if key.name == "a":
            raise RuntimeError("a bug")
        return verb(key, at_ms)

    world.evaluator.evaluate = evaluate
    await world.start()
    assert await world.land("p", 0, x=1) == [("b", 0)]
    assert await world.land("p", 15, x=1) == [("b", 15)]


async def test_the_interval_of_a_group_is_the_shortest_among_its_targets(worlds):
    world = worlds({"fast": record("x"), "slow": record("y", "s")}, interval=15)
    world.target("p", interval=5, offset=1)
    world.target("q", interval=60, offset=3)
    await world.start()
    await world.land("p", 1, x=1)
    assert await world.land("q", 3, x=1, y=1) == [("fast", 3), ("slow", 3)]
    assert await world.land("p", 6, x=1) == [("fast", 6)]
    assert world.intervals() == {"fast": 5, "slow": 60}


async def test_a_reload_that_changes_nothing_keeps_round_and_interval(worlds):
    rules = {"a": record("sum(x)")}
    world = worlds(rules)
    world.target("p")
    world.target("q", offset=5)
    await world.start()
    await world.land("p", 0, x=1)
    await world.land("q", 5, x=1)
    await world.land("p", 15, x=1)
    await world.reload(rules)
    assert world.intervals() == {"a": 15}
    assert await world.land("q", 20, x=1) == [("a", 20)]


async def test_a_reload_moves_groups_between_scrapes_and_the_clock(worlds):
    world = worlds({"a": record("x")})
    world.target("p")
    await world.start()
    assert await world.land("p", 0, x=1) == [("a", 0)]
    await world.reload({"a": "interval: 1m, " + record("x")})
    assert (world.clocked(), world.intervals()) == (["a"], {"a": "clock"})
    assert await world.land("p", 15, x=1) == []
    await world.reload({"a": record("x")})
    assert (world.clocked(), world.intervals()) == ([], {"a": 15})
    assert await world.land("p", 30, x=1) == [("a", 30)]
    await world.reload({"a": record("x")}, on_scrape=False)
    assert (world.clocked(), world.intervals()) == (["a"], {"a": "clock"})


async def test_a_group_that_a_reload_brings_is_evaluated_over_the_last_scrape_at_once(worlds):
    world = worlds({"a": record("x")})
    world.target("p")
    await world.start()
    await world.land("p", 0, x=1)
    await world.reload({"a": record("x"), "b": record("x", "s")})
    assert world.evaluated == [("a", 0), ("b", 0)]


async def test_samples_with_timestamps_of_their_own_are_read_from_the_target_that_brought_them():
    store = Store(retention_ms=86_400_000, max_memory_bytes=2**26)
    columns = Columns([series("up")])
    stamped = [Sample(series("x"), START - 5 * SECOND, 1.0)]
    store.append(Row(columns, START, np.array([1.0]), stamped))
    assert store.writers(series_matchers("x")) == {columns}
    assert store.writers(series_matchers("y")) == set()


def series_matchers(text):
    from agent.rules import reads

    return reads(text).selectors[0].matchers


def test_each_of_a_thousand_groups_over_fifty_targets_is_due_once_a_round_by_its_last_target():
    """The bookkeeping alone, every group with targets of its own. What a landing costs is in `benchmarks/`."""
    from agent.rules import Rounds

    rounds = Rounds()
    cadences = {f"t{n}": Cadence(15 * SECOND, n * 250) for n in range(50)}
    reads = {
        GroupKey("f", str(n)): {f"t{(n * 7 + k * (1 + n % 13)) % 50}" for k in range(1 + n % 50)} for n in range(1000)
    }
    rounds.assign(reads, cadences, START)
    for turn in range(1, 3):
        due = {}
        for number in range(50):
            for each in rounds.landed(f"t{number}", START + turn * 15 * SECOND + number * 250):
                for key in each.keys:
                    assert key not in due
                    due[key] = f"t{number}"
        assert due == {key: max(targets, key=lambda name: int(name[1:])) for key, targets in reads.items()}


async def test_no_look_is_begun_after_the_end(worlds):
    world = worlds({"a": record("x")})
    world.target("p")
    await world.start()
    await world.evaluation.stop()
    world.evaluation.landed("p", START)
    assert world.evaluation._landings._looking is None


async def test_a_real_scrape_leads_to_the_alert_in_the_same_round_with_the_instant_of_the_sample(world):
    """Over loopback, each second. What is proved is the order: the alert's own time is that of the sample that made it."""
    world.page["broken"] = 0
    path = world.configure()
    text = path.read_text().replace(
        "scrape_interval: 1d, evaluation_interval: 1d, scrape_timeout: 5s", "scrape_interval: 1s"
    )
    path.write_text(text)
    agent = Agent(load_config(Flags(config_file=path), world.environment, world.folder), environment=world.environment)
    world.started.append(agent)
    handed = []
    await agent.start()
    put = agent.dispatcher.put

    def told(alerts, at_ms):
        handed.extend(alerts)
        return put(alerts, at_ms)

    agent.dispatcher.put = told
    (group,) = agent.evaluator.status()
    async with asyncio.timeout(60):
        await until(lambda: agent.evaluator.status()[0].on_scrape and agent.evaluator.status()[0].last_evaluation_ms)
        world.page["broken"] = 1
        await until(lambda: any(each.name == "Broken" for each in handed))
    (alert,) = agent.alerts()
    stored = agent.store.select(series_matchers("broken"), 0, wall_clock())[0]
    broken = [
        at for at, value in zip(stored.timestamps.tolist(), stored.values[:, 0].tolist(), strict=True) if value == 1
    ]
    assert alert.active_at_ms == broken[0]
    recorded = agent.store.select(series_matchers("ALERTS"), 0, wall_clock())[0].timestamps.tolist()
    scraped = agent.store.select(series_matchers('up{job="rag"}'), 0, wall_clock())[0].timestamps.tolist()
    instants = newest_of_rounds(scraped, period_of([scraped]))
    assert recorded[0] == broken[0]
    assert set(recorded) <= set(instants), "a replay finds the instants in what is recorded"
    assert group.interval_ms == SECOND
    seen = agent.telemetry.registry.get_sample_value
    name = "burnline_rule_scrape_to_evaluation_seconds"
    assert seen(f"{name}_count") >= 1
    assert seen("burnline_rule_rounds_overdue_total") == 0
