"""Trying a receiver through the agent: earlier messages by their id, and the providers asked at the start."""

from __future__ import annotations

import pytest

from agent.app.trying import earlier, probe_at_start
from agent.errors import InvalidInput, Rejected
from agent.telemetry import Telemetry


def test_an_earlier_message_is_found_by_its_id_or_by_how_it_begins():
    rows = {"abc1": "first", "abd2": "second", "abd2-x": "third"}
    assert earlier(rows, "abc") == "first"
    assert earlier(rows, "abd2") == "second"
    with pytest.raises(InvalidInput, match='2 messages begin with "abd"'):
        earlier(rows, "abd")
    with pytest.raises(InvalidInput, match='no message is called "x"'):
        earlier(rows, "x")


class Answers:
    """A receiver whose provider answers a probe, or raises."""

    def __init__(self, error=None):
        self.error = error

    async def send(self, notification):
        raise AssertionError("a probe sends nothing")

    async def close(self):
        """Do nothing."""

    async def probe(self):
        if self.error:
            raise self.error
        return "fine"


async def test_what_does_not_answer_at_the_start_is_a_metric_and_stops_nothing():
    telemetry = Telemetry()
    await probe_at_start({"slack": Answers(), "email": Answers(Rejected("the login was refused"))}, telemetry)
    read = telemetry.registry.get_sample_value
    assert read("burnline_channel_probe_success", {"channel": "slack"}) == 1
    assert read("burnline_channel_probe_success", {"channel": "email"}) == 0
