"""A heartbeat is sent while everything works, and what stops it is said."""

from __future__ import annotations

import pytest

from agent.model import Secret
from agent.pulse import Pulse, Sent, Vital
from agent.telemetry import Telemetry

from .scenes import HOUR, MINUTE, SECOND, START_MS, Alarms, Pings


class Story:
    """One pulse on a moved clock; `vitals` is what the parts say, `judged` at which instants they were asked."""

    def __init__(self, *sent):
        self.pings, self.alarms, self.telemetry = Pings(), Alarms(), Telemetry()
        self.vitals = [Vital("collection"), Vital("evaluation"), Vital("delivery")]
        self.judged = []
        self.now_ms = START_MS
        self.pulse = Pulse(
            sent or (Sent("outside", Secret("https://hc.example/secret-path"), MINUTE),),
            vitals=self._ask,
            ping=self.pings,
            alarms=self.alarms,
            telemetry=self.telemetry,
            at_ms=START_MS,
        )

    def _ask(self, at_ms):
        self.judged.append(at_ms)
        return self.vitals

    async def at(self, seconds):
        """Let everything happen that is due until then, at its instant."""
        end_ms = START_MS + int(seconds * SECOND)
        while (due_ms := self.pulse.next_due()) is not None and due_ms <= end_ms:
            self.now_ms = max(self.now_ms, due_ms)
            await self.once(self.now_ms)
        self.now_ms = end_ms

    async def once(self, at_ms):
        self.pulse.follow(at_ms)
        await self.pulse.beat(at_ms)
        await self.pulse.idle()

    def counted(self, result):
        return self.telemetry.registry.get_sample_value(
            "burnline_heartbeats_sent_total", {"heartbeat": "outside", "result": result}
        )


async def test_it_is_sent_once_in_each_interval():
    story = Story()
    await story.at(300)
    assert len(story.pings.sent) == 6
    assert story.counted("sent") == 6


@pytest.mark.parametrize("part", ["collection", "evaluation", "delivery"])
async def test_a_part_that_does_not_work_stops_it_and_an_alert_says_why_until_it_works_again(part):
    story = Story()
    await story.at(60)
    story.vitals = [Vital(part, "rag was last scraped 5m ago")]
    await story.at(180)
    assert len(story.pings.sent) == 2
    assert story.alarms.firing[f"HeartbeatStopped:{part}"].get("description") == "rag was last scraped 5m ago"
    assert story.pulse.views()[0].why == f"{part}: rag was last scraped 5m ago"
    assert story.counted("withheld") == 2
    story.vitals = [Vital(part)]
    await story.at(240)
    assert story.alarms.firing == {}
    assert len(story.pings.sent) == 3


async def test_after_a_start_nothing_is_claimed_before_each_part_has_done_something():
    story = Story()
    story.vitals = [Vital("collection", waits="rag has not been scraped yet")]
    await story.at(20)
    assert story.pings.sent == []
    assert story.alarms.told == []
    story.vitals = [Vital("collection")]
    await story.at(22)
    assert story.pings.sent == ["outside"]


async def test_a_process_that_slept_is_judged_as_of_the_instant_at_which_its_ping_was_due():
    """Else a laptop that wakes would say that nothing was scraped for hours."""
    story = Story()
    await story.at(0)
    await story.once(START_MS + 5 * HOUR)
    assert story.judged[-1] == START_MS + MINUTE
    assert len(story.pings.sent) == 2
    assert story.pulse.next_due() == START_MS + 5 * HOUR + MINUTE


async def test_a_clock_that_is_set_back_holds_no_ping_up():
    story = Story()
    await story.at(0)
    story.pulse.follow(START_MS - HOUR)
    assert story.pulse.next_due() == START_MS - HOUR + MINUTE


async def test_a_ping_that_fails_is_tried_again_within_its_turn():
    story = Story()
    story.pings.broken.add("outside")
    await story.at(0)
    assert story.pulse.next_due() == START_MS + 3 * SECOND
    story.pings.broken.clear()
    await story.at(3)
    assert story.pings.sent == ["outside"]
    assert story.pulse.next_due() == START_MS + MINUTE


async def test_pings_that_do_not_get_through_for_three_turns_are_an_alert_that_ends():
    story = Story()
    story.pings.broken.add("outside")
    await story.at(110)
    assert story.alarms.firing == {}
    await story.at(150)
    assert "it answered 503" in story.alarms.firing["HeartbeatNotSent:outside"].get("description")
    assert story.counted("failed") == 9
    story.pings.broken.clear()
    await story.at(180)
    assert story.alarms.firing == {}


async def test_one_address_that_fails_holds_no_other_up():
    story = Story(Sent("bad", Secret("https://b.example"), MINUTE), Sent("good", Secret("https://g.example"), MINUTE))
    story.pings.broken.add("bad")
    await story.at(120)
    assert story.pings.sent == ["good"] * 3


async def test_a_service_that_takes_reports_is_told_what_does_not_work():
    story = Story(Sent("outside", Secret("https://hc.example/x"), MINUTE, reports=True))
    story.vitals = [Vital("delivery", "a critical message has waited for 6m")]
    await story.at(60)
    assert story.pings.sent == []
    assert story.pings.reports == [("outside", "delivery: a critical message has waited for 6m")] * 2


async def test_a_heartbeat_that_a_reload_keeps_keeps_its_turn_and_one_that_goes_takes_its_alert_along():
    story = Story()
    story.pings.broken.add("outside")
    await story.at(150)
    due_ms = story.pulse.next_due()
    story.pulse.apply((Sent("outside", Secret("https://other.example"), MINUTE),), story.now_ms)
    assert story.pulse.next_due() == due_ms
    story.pulse.apply((), story.now_ms)
    assert story.alarms.firing == {}
    assert story.pulse.next_due() is None


def test_the_address_is_in_no_repr():
    assert "secret-path" not in repr(Sent("outside", Secret("https://hc.example/secret-path"), MINUTE))
