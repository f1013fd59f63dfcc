"""A whole agent stops, or is killed, and another one takes over its folder: nothing is forgotten, nothing said twice."""

from __future__ import annotations

import asyncio

import pytest


async def told(world, count: int = 1) -> None:
    """Let Broken fire, and everybody be told."""
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    assert len(world.slack()) == count


async def test_a_firing_alert_is_restored_and_nothing_is_sent_again(world):
    first = await world.start()
    await told(world)
    (before,) = first.alerts()
    await world.stop()

    world.clock.now_ms += 30_000
    second = await world.start()

    (restored,) = second.alerts()
    assert (restored.labels, restored.state, restored.fired_at_ms) == (before.labels, before.state, before.fired_at_ms)
    for _ in range(4):
        await world.round()
        await world.tell()
    assert world.slack() == ["firing Broken"]
    world.page["broken"] = 0
    await world.round()
    await world.tell(20)
    assert world.slack() == ["firing Broken", "resolved Broken"]


async def test_an_alert_is_not_over_because_the_agent_has_no_samples_yet(world):
    """After a start the store is empty; an empty answer is no good news."""
    await world.start()
    await told(world)
    await world.stop()
    second = await world.start()
    world.clock.now_ms += 1000
    for key in second.evaluator.keys:
        second.evaluator.evaluate(key, world.clock.now_ms)
    await world.tell(30)
    assert [each.name for each in second.alerts()] == ["Broken"]
    assert world.slack() == ["firing Broken"]


async def test_an_acknowledgement_outlives_a_restart(world):
    first = await world.start()
    await told(world)
    (alert,) = first.alerts()
    assert first.dispatcher.acknowledge("ana", world.clock.now_ms, fingerprint=alert.fingerprint)
    await world.stop()
    second = await world.start()
    await world.round()
    (alert,) = second.alerts()
    assert alert.acknowledgement is not None
    assert alert.acknowledgement.by == "ana"
    await world.tell(900)
    assert world.inbox.messages("sms") == []


async def test_a_message_that_could_not_be_sent_is_sent_by_the_next_process_once(world):
    await world.start()
    world.inbox.fail("slack", "server_error", times=None)
    world.page["broken"] = 1
    await world.round()
    await world.tell()
    assert world.slack() == []
    (row,) = world.agent.dispatcher.outbox.pending()
    await world.stop()
    world.inbox.heal()

    await world.start()
    assert [each.id for each in world.agent.dispatcher.outbox.pending()] == [row.id]
    await world.round()
    await world.tell(90)

    assert world.slack() == ["firing Broken"]
    assert world.agent.dispatcher.outbox.pending() == []


async def test_a_stop_sends_what_is_due(world):
    """The group's wait is over just as SIGTERM comes: the page goes out before the end, and once."""
    await world.start()
    world.page["broken"] = 1
    await world.round()
    world.clock.now_ms += 5_000
    await world.stop()
    assert world.slack() == ["firing Broken"]
    await world.start()
    await world.round()
    await world.tell()
    assert world.slack() == ["firing Broken"]


async def test_a_stop_takes_what_waits_along_and_the_next_start_says_it(world):
    """Its wait is not over: it is in the journal, not in a hurry."""
    await world.start()
    world.page["broken"] = 1
    await world.round()
    await world.stop()
    assert world.slack() == []
    await world.start()
    await world.tell()
    assert world.slack() == ["firing Broken"]


@pytest.mark.parametrize("count", [20])
async def test_a_stop_with_many_messages_due_sends_them_all(world, count):
    """More than may be under way at once by one channel."""
    rules = "".join(
        f"  - {{alert: Broken{number}, expr: broken > 0.5, labels: {{severity: warning}}}}\n" for number in range(count)
    )
    world.write("rules.yml", f"groups:\n- name: many\n  rules:\n{rules}")
    await world.start()
    world.page["broken"] = 1
    await world.round()
    world.clock.now_ms += 5_000
    await world.stop()
    assert len(world.slack()) == count


async def test_a_stop_does_not_wait_for_a_provider_that_hangs(world):
    await world.start()
    world.inbox.fail("slack", "slow", times=None, delay_ms=60_000)
    world.page["broken"] = 1
    await world.round()
    world.clock.now_ms += 5_000
    async with asyncio.timeout(15):
        await world.stop()
    world.inbox.heal()
    await world.start()
    (row,) = world.agent.dispatcher.view(world.clock.now_ms).messages()
    assert str(row.state) in ("pending", "sent", "delivered"), "it waits in the journal, or has left since"


async def test_an_alert_whose_rule_went_while_the_agent_was_away_is_over(world):
    await world.start()
    await told(world)
    await world.stop()
    world.write("rules.yml", "groups: []\n")
    await world.start()
    await world.tell(30)
    assert world.slack() == ["firing Broken", "resolved Broken"]
