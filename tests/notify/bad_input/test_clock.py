"""A clock that jumps while everything is under way: nothing is lost, nothing is told twice, and nothing waits for ever."""

from __future__ import annotations

import pytest

from agent.errors import RetryLater
from agent.model import Matcher, MatchOp
from agent.notify import Silence
from tests.notify.story import START_MS, alert

ROUTES = """
global: {resolve_timeout: 5m}
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 4d
  routes: [{receiver: mail, matchers: [alertname=Mail]}]
receivers: [{name: team}, {name: mail}]
"""
TEAM = """
receivers:
  team:
    notify: [{slack: "#a"}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}], until: ack}]
  mail: {notify: [{person: ana, by: [email]}]}
"""
SLACK, BOB, ANA = "slack:#a", "sms:+33600000002", "email:ana@example.org"
HOUR, DAY = 3600, 86_400
JUMPS = {"an hour back": -HOUR, "an hour ahead": HOUR, "a day back": -DAY, "a day ahead": DAY}
LONG = 9 * DAY


def told(tale, target: str, name: str) -> list[float]:
    """Return when one target was told of a problem, without its end, and without who else is called for it."""
    news = [each for each in tale.messages(target) if "being called" not in each.message.reason]
    return [each.at for each in news if name in {one.name for one in each.message.firing}]


@pytest.fixture(params=JUMPS)
def jumped(request, story):
    """Give a story whose clock has just jumped at 200 s, with a page, a step, a retry, a silence and an end under way."""
    tale, by = story(ROUTES, TEAM), JUMPS[request.param]
    tale.providers["email"].fail_always(RetryLater("the relay is away", reason="other"))
    hushed = (Matcher("alertname", MatchOp.EQUAL, "Hushed"),)
    ends_ms = tale.now_ms + 2 * DAY * 1000
    tale.dispatcher.silences.put(Silence("", hushed, tale.now_ms, ends_ms, "ana", "known", 0), tale.now_ms)
    tale.at(100).push(
        alert("Page", ends=LONG, severity="critical"), alert("Mail", ends=LONG), alert("Hushed", ends=LONG)
    )
    tale.at(150).push(alert("Forgotten", severity="critical"))
    tale.at(200)
    tale.dispatcher.follow(tale.now_ms)
    tale.by, tale.jump = by, 200.0 + by
    tale.now = tale.jump
    tale.dispatcher.follow(tale.now_ms)
    tale.providers["email"].fail_always(None)
    tale.run_due()
    return tale


def test_what_was_told_is_not_told_again(jumped):
    jumped.at(jumped.jump + 2 * HOUR)
    assert told(jumped, SLACK, "Page") == [110]


def test_a_step_of_escalation_comes_once_and_no_later_than_it_would_have(jumped):
    jumped.at(jumped.jump + 2 * HOUR)
    (at,) = told(jumped, BOB, "Page")
    assert jumped.jump <= at <= jumped.jump + 211


def test_a_message_that_is_tried_again_gets_out_within_a_minute_and_a_half(jumped):
    jumped.at(jumped.jump + 2 * HOUR)
    (at,) = told(jumped, ANA, "Mail")
    assert jumped.jump <= at <= jumped.jump + 91


def test_a_new_alert_waits_for_its_group_and_no_longer(jumped):
    jumped.at(jumped.jump + 30).push(alert("New", ends=LONG + jumped.by, severity="critical"))
    jumped.at(jumped.jump + 2 * HOUR)
    assert told(jumped, SLACK, "New") == [pytest.approx(jumped.jump + 40, abs=1)]


def test_the_end_is_told_at_the_groups_next_beat(jumped):
    jumped.at(jumped.jump + 30).resolve(alert("Page", severity="critical"))
    jumped.at(jumped.jump + 2 * HOUR)
    (ended,) = [each for each in jumped.sent if each.target == SLACK and "Page" in each.resolved]
    assert jumped.jump + 30 <= ended.at <= jumped.jump + 30 + 61


def test_an_alert_that_nobody_repeats_ends_after_the_resolve_timeout_by_the_new_clock(jumped):
    """Not at the leap, when nobody had a chance to repeat it, and not a day later."""
    jumped.at(jumped.jump + 2 * HOUR)
    ends = [each.at for each in jumped.sent if each.target == SLACK and "Forgotten" in each.resolved]
    assert len(ends) == 1
    assert jumped.jump + 200 <= ends[0] <= jumped.jump + 300 + 61


def test_a_silence_holds_until_the_instant_that_it_names(jumped):
    """Its times are those of the wall, as whoever made it meant them, so before its beginning it holds nothing."""
    within = 0 <= jumped.jump < 2 * DAY
    jumped.at(jumped.jump + 300)
    assert bool(told(jumped, SLACK, "Hushed")) == (not within)


def test_in_the_end_nothing_is_left_to_do_that_is_overdue(jumped):
    jumped.at(jumped.jump + 2 * HOUR)
    due_ms = jumped.dispatcher.next_due()
    assert due_ms is None or START_MS + jumped.now * 1000 < due_ms <= START_MS + (jumped.now + HOUR) * 1000
    assert not jumped.dispatcher.outbox.pending()


@pytest.mark.parametrize("jump", JUMPS)
def test_an_alert_outlives_a_restart_over_which_the_clock_jumped_and_ends_in_time(story, jump):
    """It is given time to be said again, by the new clock, and no more than that."""
    tale = story(ROUTES, TEAM, durable=True)
    tale.at(0).push(alert("Page", severity="critical")).at(290)
    tale.restart(after=JUMPS[jump])
    began = tale.now
    tale.at(began + 290)
    assert not [each for each in tale.sent if each.resolved]
    tale.at(began + HOUR)
    (ended,) = [each.at for each in tale.sent if each.target == SLACK and each.resolved]
    assert began + 290 <= ended <= began + 300 + 61
