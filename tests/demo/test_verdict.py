"""The demo's verdict is read from what arrived, not from what was sent."""

from __future__ import annotations

import pytest

from agent.demo.story import judge, line_of
from agent.notify.inbox import Arrival

WATCHED = frozenset({"VeryHighErrorRate"})


def arrival(number, kind, status, **more):
    return Arrival(number, kind, 1_000 + number, "to", more.pop("text", ""), status=status, **more)


def both(kind, **more):
    return [arrival(1, kind, "firing", **more), arrival(2, kind, "resolved", **more)]


EVERYBODY = [
    *both("email", alert="VeryHighErrorRate"),
    *both("slack", alert="VeryHighErrorRate"),
    *both("sms", text="CRIT rag VeryHighErrorRate: x"),
]


def test_everybody_told_of_beginning_and_end_is_good():
    verdict = judge(EVERYBODY, 1_000, WATCHED, 1834)

    assert verdict.good
    assert str(verdict) == "demo: 1834 queries, people told of 1 alert, 1 of them resolved, email 2, slack 2, sms 2"


@pytest.mark.parametrize("lost", range(6))
def test_one_lost_message_is_not_good(lost):
    assert not judge([each for number, each in enumerate(EVERYBODY) if number != lost], 1_000, WATCHED, 1).good


def test_what_came_before_the_fault_does_not_count():
    assert not judge(EVERYBODY, 5_000, WATCHED, 1).good


def test_another_alert_does_not_count_even_where_its_name_contains_the_watched_one():
    other = frozenset({"HighErrorRate"})

    assert not judge(EVERYBODY, 1_000, other, 1).good
    assert not judge([*both("sms", text="CRIT rag VeryHighErrorRate: x")], 1_000, other, 1).fired


def test_a_slack_message_updated_in_place_counts_once():
    updated = [*EVERYBODY, arrival(9, "slack", "resolved", alert="VeryHighErrorRate", method="chat.update")]

    assert judge(updated, 1_000, WATCHED, 1).arrived["slack"] == 2


def test_a_line_of_the_terminal_is_how_a_message_begins_and_says_what_became_of_the_one_before():
    posted = arrival(1, "slack", "firing", text=":red_circle: *Critical: Fire*\n*Now*\n<!date^0^{time}|13:58>")
    assert line_of(posted) == f"slack → {'to':<24} Critical: Fire"
    assert line_of(arrival(2, "slack", "resolved", text="Resolved", thread="1.0")).endswith(" ↳ Resolved")
    assert line_of(arrival(3, "slack", "resolved", text="Resolved", method="chat.update")).endswith(
        " Resolved (edited)"
    )
    assert line_of(arrival(4, "email", "resolved", subject="Re: Fire", text="much")).endswith(" Re: Fire (over)")
    assert line_of(arrival(5, "sms", "", text="CRIT Fire\nack 482193")).endswith(" CRIT Fire ack 482193")
