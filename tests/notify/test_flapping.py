"""A page that falls to its ticket and is back: who has it still, whose phone rings again and when, and when all are called."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.notify.story import alert, between
from tests.notify.test_severity import (
    ANA,
    ANA_SMS,
    BOB_SMS,
    CHRIS_SMS,
    DAY,
    HOUR,
    PAGE,
    PLAN,
    ROOM,
    ROUTES,
    TICKET,
    said,
)

MINUTE = 60


def flaps(tale, *instants):
    """Let the page fall and rise by turns; the ticket burns on."""
    for number, at in enumerate(instants):
        tale.at(at * MINUTE)
        tale.push(PAGE) if number % 2 else tale.resolve(PAGE)
    return tale


def rang(tale, phone, since=0.0):
    """Return the minutes at which a phone rang for what fires."""
    return [each.at / MINUTE for each in tale.messages(phone) if each.firing and each.at >= since * MINUTE]


@pytest.fixture
def acked(story):
    """A page with its ticket, told at 0, that ana has since the first minute."""
    tale = story(ROUTES, PLAN, durable=True)
    tale.at(0).push(PAGE, TICKET)
    tale.at(MINUTE).ack("ana", fingerprint=PAGE.fingerprint)
    return tale


def test_whoever_has_the_page_has_it_still_when_it_is_back_and_hears_of_it_by_phone(acked):
    tale = flaps(acked, 4, 8)
    tale.at(HOUR - MINUTE)
    rise = tale.want(between(8 * MINUTE, 8 * MINUTE), ANA_SMS, firing={"page"}, reason="more severe now; ana has it")
    assert rise.message.acknowledged_by == "ana"
    tale.want(between(8 * MINUTE, 8 * MINUTE), ROOM, firing={"page"}, reason="more severe now; ana has it")
    tale.want(between(8 * MINUTE, 8 * MINUTE), ANA, firing={"page"}, reason="more severe now; ana has it")
    assert tale.messages(BOB_SMS) == tale.messages(CHRIS_SMS) == []
    assert said(tale, PAGE, "acknowledgement kept") == [
        "warning → critical, 4m after it had been as severe: ana has it still"
    ]
    assert not said(tale, PAGE, "acknowledgement ended")


@pytest.mark.parametrize(("minutes", "all_are_called"), [(15, False), (16, True)])
def test_a_page_that_is_back_long_after_calls_everybody(acked, minutes, all_are_called):
    tale = flaps(acked, 4, 4 + minutes)
    tale.at(HOUR - MINUTE)
    assert rang(tale, BOB_SMS) == ([4 + minutes + 5] if all_are_called else [])
    assert rang(tale, ANA_SMS, 5)[0] == 4 + minutes


def test_a_page_that_flaps_rings_whoever_has_it_each_quarter_of_an_hour_at_most(acked):
    tale = flaps(acked, *range(2, 52, 2))
    tale.at(HOUR - MINUTE)
    rises = [each.at / MINUTE for each in tale.messages(ANA_SMS) if each.firing == {"page"}]
    assert rises == [0, 4, 20, 36]
    assert tale.messages(BOB_SMS) == tale.messages(CHRIS_SMS) == []
    assert len([each for each in tale.messages(ROOM) if each.firing == {"page"} and each.at > MINUTE]) == 12


def test_a_page_that_stays_after_a_flap_that_rang_nobody_calls_whoever_has_it_all_the_same(acked):
    """They were told that it is less severe and may have gone back to bed: the quarter of an hour is a pause, no end."""
    tale = flaps(acked, 2, 4, 6, 8)
    tale.at(HOUR - MINUTE)
    assert rang(tale, ANA_SMS, 3) == [4, 6, 19]
    (late,) = [each for each in tale.messages(ANA_SMS) if each.at == 19 * MINUTE]
    assert (late.firing, late.message.reason) == ({"page"}, "more severe now; it is yours")
    assert tale.messages(BOB_SMS) == []


def test_a_page_that_falls_again_before_that_call_calls_nobody(acked):
    tale = flaps(acked, 2, 4, 6, 8, 18)
    tale.at(HOUR - MINUTE)
    assert rang(tale, ANA_SMS, 3) == [4, 6]


def test_a_restart_forgets_neither_who_has_it_nor_the_call_that_waits(acked):
    tale = flaps(acked, 2, 4, 6)
    tale.restart()
    tale.at(8 * MINUTE).push(PAGE)
    tale.at(10 * MINUTE).restart()
    tale.at(HOUR - MINUTE)
    assert rang(tale, ANA_SMS, 7) == [19]
    assert tale.messages(BOB_SMS) == []


def test_an_acknowledgement_whose_time_is_over_does_not_outlast_a_flap(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(MINUTE).ack("ana", fingerprint=PAGE.fingerprint, for_ms=10 * MINUTE * 1000)
    flaps(tale, 8, 12)
    tale.at(30 * MINUTE)
    assert rang(tale, BOB_SMS) == [17]


@pytest.mark.parametrize("by", ["somebody", "the night shift"])
def test_a_page_that_is_back_calls_everybody_where_nobody_knows_how_to_reach_who_has_it(story, by):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(MINUTE).ack(by, fingerprint=PAGE.fingerprint)
    flaps(tale, 4, 8)
    tale.at(HOUR - MINUTE)
    assert rang(tale, ANA_SMS, 5) == [8]
    assert rang(tale, BOB_SMS) == [13]


def test_whoever_took_it_after_a_step_had_called_them_is_the_one_who_is_called(story):
    """Bob is not on call; the page calls ana first. When he has it, his phone rings for the rise, and hers does not."""
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(6 * MINUTE).ack("bob", fingerprint=PAGE.fingerprint)
    flaps(tale, 8, 10)
    tale.at(HOUR)
    assert [each.at / MINUTE for each in tale.messages(BOB_SMS) if each.firing == {"page"}] == [5, 10]
    assert [each.at / MINUTE for each in tale.messages(ANA_SMS) if each.firing == {"page"}] == [0]


def test_a_new_alert_ends_the_acknowledgement_though_the_page_is_only_back(acked):
    other = alert("Burn", slo="a", severity="critical", i="another", ends=9 * DAY)
    tale = flaps(acked, 4)
    tale.at(8 * MINUTE).push(PAGE, other)
    tale.at(HOUR - MINUTE)
    assert rang(tale, BOB_SMS) == [13]


def test_a_ticket_that_the_page_hid_does_not_end_the_acknowledgement_of_the_page(acked):
    tale = flaps(acked, 4)
    tale.at(HOUR - MINUTE)
    assert not said(tale, TICKET, "acknowledgement ended")
    assert tale.dispatcher.view(tale.now_ms).acknowledged(TICKET.fingerprint).by == "ana"


def test_the_next_person_is_called_of_a_page_that_flaps_once_it_was_open_for_as_long_as_the_step_waits(story):
    """Two minutes up, two down: five minutes of page are over at the ninth, and fifteen at the twenty-ninth. Whoever was called
    a quarter of an hour ago is called again: nobody has it yet.
    """
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    flaps(tale, *range(2, 40, 2))
    tale.at(40 * MINUTE)
    steps = [(each.at / MINUTE, each.target) for each in tale.sent if each.message.escalation_step]
    assert steps == [(9, BOB_SMS), (29, CHRIS_SMS), (33, BOB_SMS)]
    assert "warning → critical: escalation goes on" in said(tale, PAGE, "roused")


def test_strict_mode_calls_everybody_each_time_as_ever(story):
    tale = story(ROUTES, PLAN + "\nsettings: {alertmanager_compat: strict}\n")
    tale.at(0).push(PAGE, TICKET)
    tale.at(MINUTE).ack("ana", fingerprint=PAGE.fingerprint)
    flaps(tale, 4, 8)
    tale.at(HOUR - MINUTE)
    (step,) = [each for each in tale.messages(BOB_SMS) if each.message.escalation_step]
    assert 13 <= step.at / MINUTE < 13.5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.sampled_from([1, 2, 3, 5, 8, 14, 17, 30]), min_size=5, max_size=9),
    taken=st.tuples(st.integers(1, 10), st.sampled_from(["ana", "bob", "somebody"]), st.integers(5, 180)),
)
@example(lengths=[2, 2, 2, 2, 30], taken=(1, "ana", 60))
def test_whatever_a_page_does_some_phone_rings_within_a_quarter_of_an_hour_of_each_time_that_it_is_back(
    story, lengths, taken
):
    """Up and down by turns, acknowledged once at any time, by whomever, for however long: no page is missed."""
    tale = story(ROUTES, PLAN)
    at_ack, by, holds = taken
    ups, now = [], 0
    tale.at(0).push(TICKET)
    for number, length in enumerate(lengths):
        tale.push(PAGE) if number % 2 == 0 else tale.resolve(PAGE)
        if number % 2 == 0:
            ups.append((now, now + length))
        if now <= at_ack < now + length:
            tale.at(at_ack * MINUTE).ack(by, fingerprint=TICKET.fingerprint, for_ms=holds * MINUTE * 1000)
        now += length
        tale.at(now * MINUTE)
    for begins, ends in ups:
        if ends - begins > 16:
            rung = [each for each in tale.messages("sms:") if each.firing == {"page"}]
            assert any(begins * MINUTE <= each.at <= (begins + 15) * MINUTE + 10 for each in rung), (begins, ends)
