"""The outbox and the sender: what leaves first, how many at once, nothing before it is on the disk, and no place forgotten."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from agent.errors import StorageError
from agent.journal import Journal, MemoryJournal
from agent.model import Alert, Labels
from agent.notify import Channel, Dispatcher, FakeReceiver, Outbox, Row, Sender, Target, dispatcher, load_routing
from agent.notify.gate import AT_ONCE, PATIENCE_MS
from tests.notify.story import ESCALATION, START_MS, alert
from tests.notify.test_queue import OpenGate


def row(number: int, severity: str = "", target: str = "#a", group: str = "g", at_ms: int = START_MS) -> Row:
    made = Alert(Labels.of(alertname=f"A{number}", severity=severity), Labels(), at_ms)
    place = Target(Channel.SLACK, target)
    return Row(
        id=f"{group}-{number}", incident=group, group_id=group, group_key="{}", receiver="r", transport="slack",
        target=place, alerts=(made,), group_labels=Labels(), at_ms=at_ms, reason="test",
    )  # fmt: skip


def leaving(outbox: Outbox) -> list[Row]:
    """Take from the queue what may leave now, in its order."""
    outbox.queue.wake(START_MS)
    rows: list[Row] = []
    while taken := outbox.queue.take(START_MS, OpenGate()):
        rows += taken[1]
    return rows


def test_critical_leaves_first_and_the_rest_as_it_was_written():
    outbox = Outbox(Journal.open(":memory:"))
    for number, severity in enumerate(("info", "warning", "critical", "", "critical")):
        outbox.add(row(number, severity, group=f"g{number}"))
    assert [each.id for each in leaving(outbox)] == ["g2-2", "g4-4", "g1-1", "g0-0", "g3-3"]


def test_messages_of_one_group_to_one_target_leave_one_after_another():
    outbox = Outbox(Journal.open(":memory:"))
    outbox.add(row(1))
    first = leaving(outbox)
    outbox.begin(first)
    outbox.add(row(2))
    assert leaving(outbox) == []
    outbox.end(first)
    assert [each.id for each in leaving(outbox)] == ["g-1"]


def test_an_older_message_that_fails_while_a_newer_waits_gives_way_to_it():
    outbox = Outbox(Journal.open(":memory:"))
    outbox.add(row(1))
    first = leaving(outbox)
    outbox.begin(first)
    outbox.add(row(2))
    outbox.end(first)
    outbox.postponed("g-1", "down", START_MS + 9, START_MS)
    assert [each.id for each in outbox.pending()] == ["g-2"]


class Slow(FakeReceiver):
    """Takes messages only when let go, and counts how many wait at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.begun, self.full = asyncio.Event(), asyncio.Event()
        self.waiting = 0

    async def send(self, notification):
        self.waiting += 1
        self.begun.set()
        if self.waiting == AT_ONCE:
            self.full.set()
        await self.gate.wait()
        return await super().send(notification)


async def test_a_slow_provider_is_given_a_few_messages_at_once_and_holds_nobody_else_back():
    outbox = Outbox(Journal.open(":memory:"))
    slow, quick = Slow(), FakeReceiver()
    sender = Sender(outbox, {"slack": slow, "sms": quick})
    for number in range(20):
        outbox.add(row(number, target=f"#{number}"))
    outbox.add(replace(row(99, group="h"), transport="sms", target=Target(Channel.SMS, "+1")))
    outbox.flush()
    tasks = sender.start_due(START_MS)
    assert len(tasks) == 2
    await tasks[-1]
    assert len(quick.accepted) == 1
    for number in range(1, AT_ONCE + 5):
        tasks += sender.start_due(START_MS + number * PATIENCE_MS)
    await asyncio.wait_for(slow.full.wait(), 30)
    assert len(tasks) == AT_ONCE + 1
    assert sender.next_due() is None
    slow.gate.set()
    await asyncio.gather(*tasks)
    assert sender.next_due() == 0, "what waited for these may leave now"
    await sender.run_due(START_MS)
    assert len(slow.accepted) == 20


async def test_a_message_leaves_when_the_one_before_it_is_on_record_so_that_a_power_cut_repeats_no_more_than_one():
    journal = MemoryJournal()
    outbox, recorded = Outbox(journal), []

    class Watching(FakeReceiver):
        async def send(self, notification):
            states = [each["state"] for each in journal.records("notify.outbox").values()]
            recorded.append(states.count("sent"))
            return await super().send(notification)

    for number in range(5):
        outbox.add(row(number, target=f"#{number}"))
    outbox.flush()
    await Sender(outbox, {"slack": Watching()}).run_due(START_MS)
    assert recorded == [0, 1, 2, 3, 4]


async def test_what_is_under_way_when_the_agent_stops_stays_pending():
    outbox = Outbox(Journal.open(":memory:"))
    sender = Sender(outbox, {"slack": Slow()})
    outbox.add(row(1))
    outbox.flush()
    tasks = sender.start_due(START_MS)
    await sender.finish(START_MS, seconds=0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [each.id for each in outbox.pending()] == ["g-1"]
    assert [each.id for each in leaving(outbox)] == ["g-1"]


async def test_nothing_is_sent_before_it_is_on_the_disk_and_a_failing_disk_does_not_stop_the_page():
    journal = Journal.open(":memory:")
    outbox, taken = Outbox(journal), FakeReceiver()

    class Checking(FakeReceiver):
        async def send(self, notification):
            assert journal.records("notify.outbox")[notification.idempotency_key]["state"] == "pending"
            return await taken.send(notification)

    outbox.add(row(1))
    outbox.flush()
    await Sender(outbox, {"slack": Checking()}).run_due(START_MS)
    journal.close()
    outbox.add(row(2))
    with pytest.raises(StorageError):
        outbox.flush().result()
    await Sender(outbox, {"slack": taken}).run_due(START_MS)
    assert [each.idempotency_key for each in taken.accepted] == ["g-1", "g-2"]


async def test_a_transport_that_is_gone_is_an_error_that_names_it():
    outbox = Outbox(Journal.open(":memory:"))
    outbox.add(row(1))
    outbox.flush()
    await Sender(outbox, {}).run_due(START_MS)
    assert "there is no receiver for slack" in outbox.rows()[0].error


def test_waits_grow_from_one_second_to_a_minute_and_are_jittered():
    sender = Sender(Outbox(Journal.open(":memory:")), {}, random=random.Random(1))
    for attempts, expected in ((1, 1_000), (2, 2_000), (5, 16_000), (9, 60_000), (500, 60_000)):
        waits = [sender._wait_ms(attempts, None) for _ in range(200)]
        assert expected * 0.5 <= min(waits) < max(waits) <= expected * 1.5
    assert 5_000 <= sender._wait_ms(9, 5_000) <= 5_250


async def test_a_reload_cuts_nothing_off_that_is_under_way_for_it_may_have_arrived(tmp_path, monkeypatch):
    monkeypatch.setattr(dispatcher, "RELOAD_SECONDS", 0.01)
    (tmp_path / "a.yml").write_text("route: {receiver: team, group_wait: 0s}\nreceivers: [{name: team}]\n")
    people = "receivers: {team: {notify: [{slack: '#alerts'}, {person: ana, by: [sms]}]}}\n"
    (tmp_path / "e.yml").write_text(ESCALATION + people)
    routing = load_routing(tmp_path / "a.yml", tmp_path / "e.yml", {})
    slow, mail, newer = Slow(), FakeReceiver(), FakeReceiver()
    made = Dispatcher(routing, MemoryJournal(), {"slack": slow, "sms": FakeReceiver(), "email": mail}, START_MS)
    made.put([alert("A", ends=9999)], START_MS)
    made.tick(START_MS)
    await asyncio.wait_for(slow.begun.wait(), 30)
    await made.reload(routing, {"slack": newer, "sms": newer, "email": newer}, START_MS + 1_000)
    assert not slow.closed, "a broken connection would be tried again, and what had arrived told twice"
    slow.gate.set()
    await made.close(START_MS + 2_000)
    assert slow.closed
    assert (len(slow.accepted), [each.target.channel for each in newer.accepted]) == (1, [])


HOOK = "{channel: '#ops', api_url: 'https://hooks.slack.com/services/%s'}"
RELAYED = "{to: ops@example.org, from: b@example.org, smarthost: '%s:25', require_tls: false, send_resolved: true}"
TIMERS = "group_by: [alertname], group_wait: 0s, group_interval: 10s, repeat_interval: 1h"
WORKSPACES = {
    "one receiver": f"route: {{receiver: a, {TIMERS}}}\n"
    f"receivers: [{{name: a, slack_configs: [{HOOK % 'T1/B/x'}, {HOOK % 'T2/B/y'}]}}]",
    "two routes": f"route: {{receiver: a, {TIMERS}, routes: [{{receiver: a, continue: true}}, {{receiver: b}}]}}\n"
    f"receivers: [{{name: a, slack_configs: [{HOOK % 'T1/B/x'}]}}, {{name: b, slack_configs: [{HOOK % 'T2/B/y'}]}}]",
    "two relays": f"route: {{receiver: a, {TIMERS}}}\n"
    f"receivers: [{{name: a, email_configs: [{RELAYED % 'relay1'}, {RELAYED % 'relay2'}]}}]",
}


@pytest.mark.parametrize("routes", WORKSPACES.values(), ids=list(WORKSPACES))
def test_a_place_of_the_same_name_in_another_workspace_or_by_another_relay_is_told_too(story, routes):
    tale = story(routes, durable=True)
    tale.at(0).push(alert("A", ends=9999)).restart()
    tale.resolve(alert("A", starts=0)).at(60)
    for firing, resolved in ({"A"}, set()), (set(), {"A"}):
        told = {each.target for each in tale.sent if (each.firing, each.resolved) == (firing, resolved)}
        assert len(told) == 2, tale.sent
    assert len(tale.sent) == 4
