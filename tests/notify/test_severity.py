"""One incident whose severity rises and falls: who joins, whose steps count from when, whose phone rings no more, and why."""

from __future__ import annotations

import pytest

from tests.notify.story import ESCALATION, alert, between

ROUTES = """
route:
  receiver: objective
  group_by: [slo]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 4h
receivers: [{name: objective}]
inhibit_rules:
  - {source_matchers: [tier="page"], target_matchers: [tier="ticket"], equal: [slo]}
"""
PLAN = """
policies:
  critical: {by: [slack, sms]}
  warning: {by: [slack]}
receivers:
  objective:
    notify: [{team: search, severities: [critical]}, {slack: '#rag'}]
    escalate:
      - {after: 5m, notify: [{team: search, on_call: next, by: [sms], severities: [critical]}]}
      - {after: 15m, notify: [{person: chris, by: [sms], severities: [critical]}]}
"""
ROOM, ANA, ANA_SMS, BOB_SMS, CHRIS_SMS = (
    "slack:#rag",
    "slack:U0ANA",
    "sms:+33600000001",
    "sms:+33600000002",
    "sms:+33600000003",
)
HOUR, DAY = 3600, 86_400
PAGE = alert("Burn", slo="a", tier="page", severity="critical", i="page", ends=9 * DAY)
TICKET = alert("Burn", slo="a", tier="ticket", severity="warning", i="ticket", ends=9 * DAY)


def said(tale, which, what=""):
    """Return the reasons in the history of an alert, of one kind of decision."""
    return [each["reason"] for each in tale.history(which.fingerprint) if what in each["what"]]


def test_a_ticket_that_becomes_a_page_is_one_incident_until_both_are_over(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(TICKET)
    tale.want(between(0, 0), ROOM, firing={"ticket"}, reason="first notification")
    tale.at(HOUR).push(PAGE)
    tale.at(HOUR + 60)
    tale.want(between(HOUR, HOUR + 10), ROOM, firing={"page"}, reason="more severe now")
    for target in (ANA, ANA_SMS):
        tale.want(between(HOUR, HOUR + 10), target, firing={"page"}, reason="first notification")
    tale.at(HOUR + 200).resolve(PAGE)
    tale.at(HOUR + 260)
    for target in (ROOM, ANA, ANA_SMS):
        tale.want(
            between(HOUR + 200, HOUR + 210), target, firing={"ticket"}, resolved={"page"}, reason="less severe now"
        )
    tale.at(2 * HOUR).resolve(TICKET)
    tale.at(2 * HOUR + 60)
    for target in (ROOM, ANA):
        tale.want(between(2 * HOUR, 2 * HOUR + 10), target, resolved={"ticket"}, reason="all alerts resolved")
    tale.done()
    assert len({each.message.incident for each in tale.sent}) == 1


def test_a_page_that_comes_first_is_the_only_message_until_its_end(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE)
    tale.at(60).push(TICKET)
    tale.at(240).resolve(PAGE, TICKET)
    tale.at(300)
    for target in (ROOM, ANA, ANA_SMS):
        tale.want(between(0, 0), target, firing={"page"})
        tale.want(between(240, 250), target, resolved={"page"})
    tale.done()


def test_a_ticket_that_was_never_told_is_told_when_the_page_that_hid_it_is_over(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE)
    tale.at(60).push(TICKET)
    tale.at(240).resolve(PAGE)
    tale.at(300)
    for target in (ROOM, ANA, ANA_SMS):
        tale.want(between(0, 0), target, firing={"page"})
        tale.want(
            between(240, 250), target, firing={"ticket"}, resolved={"page"}, reason="less severe now, still firing"
        )
    tale.done()


def test_a_phone_that_rang_for_the_page_rings_neither_for_repeats_nor_for_the_end_of_the_ticket(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(120).resolve(PAGE)
    tale.at(DAY).resolve(TICKET)
    tale.at(DAY + 60)
    assert [each.at for each in tale.messages(ANA_SMS)] == [0, 120]
    assert [each.at for each in tale.messages(ANA)] == [0, 120, DAY + 10]
    assert len(tale.messages(ROOM)) == 3 + DAY // (4 * HOUR) - 1
    assert any("no phone rings for its end" in each for each in said(tale, TICKET, "suppressed"))


def test_steps_for_critical_alerts_count_from_the_page_and_not_from_the_ticket(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(TICKET)
    tale.at(HOUR).push(PAGE)
    tale.at(2 * HOUR)
    assert [each.at for each in tale.messages(BOB_SMS)] == [HOUR + 300]
    assert [each.at for each in tale.messages(CHRIS_SMS)] == [HOUR + 900]
    assert "warning → critical: escalation counts from now" in said(tale, PAGE, "roused")


def test_steps_stop_when_the_page_is_over_and_begin_anew_when_it_is_back(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(600).resolve(PAGE)
    tale.at(2 * HOUR).push(PAGE)
    tale.at(3 * HOUR)
    called = [each.at for each in tale.messages(BOB_SMS) if each.message.escalation_step]
    assert called == [300, 2 * HOUR + 300]
    assert [each.at for each in tale.messages(CHRIS_SMS)] == [2 * HOUR + 900]


@pytest.mark.parametrize("taken", [TICKET, PAGE], ids=["the ticket", "an earlier page"])
def test_a_page_ends_the_acknowledgement_of_what_was_milder_or_over(story, taken):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(TICKET)
    if taken is PAGE:
        tale.at(10).push(PAGE)
    tale.at(60).ack("ana", fingerprint=taken.fingerprint)
    tale.at(120).resolve(PAGE)
    tale.at(HOUR).push(PAGE)
    tale.at(2 * HOUR)
    assert [each.at for each in tale.messages(BOB_SMS) if each.message.escalation_step] == [HOUR + 300]
    assert any(each["what"] == "acknowledgement ended" for each in tale.history(PAGE.fingerprint))


def test_an_acknowledged_page_that_becomes_a_ticket_stays_acknowledged(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(PAGE, TICKET)
    tale.at(60).ack("ana", fingerprint=PAGE.fingerprint)
    tale.at(120).resolve(PAGE)
    tale.at(HOUR)
    assert tale.messages(BOB_SMS) == tale.messages(CHRIS_SMS) == []


@pytest.mark.parametrize("when", [1, HOUR - 1, HOUR + 1, HOUR + 299, HOUR + 301])
def test_a_restart_forgets_neither_the_severity_nor_the_steps_that_rest(story, when):
    tale = story(ROUTES, PLAN, durable=True)
    tale.at(0).push(TICKET)
    if when > HOUR:
        tale.at(HOUR).push(PAGE)
    tale.at(when).restart()
    if when < HOUR:
        tale.at(HOUR).push(PAGE)
    tale.at(2 * HOUR)
    assert [each.at for each in tale.messages(BOB_SMS)] == [HOUR + 300]
    assert [each.at for each in tale.messages(CHRIS_SMS)] == [HOUR + 900]


def test_the_end_of_a_page_is_told_at_night_although_the_ticket_would_wait_for_the_morning(story):
    """Whoever was woken is told at once that they may sleep; the story begins at eight, which is night here."""
    people = ESCALATION.replace(
        'phone: "+33600000001"}', 'phone: "+33600000001", quiet_hours: {severities: [warning], times: "22:00-12:00"}}'
    )
    tale = story(ROUTES, PLAN, base=people)
    tale.at(0).push(PAGE, TICKET)
    tale.at(120).resolve(PAGE)
    tale.at(HOUR)
    assert [each.at for each in tale.messages(ANA_SMS)] == [0, 120]


def test_a_receiver_that_does_not_ask_for_the_severity_is_told_as_ever(story):
    """Only the words change: each target hears of each change, phones of the end, too."""
    plan = """
receivers:
  objective: {notify: [{person: ana, by: [sms]}], escalate: [{after: 5m, notify: [{person: chris, by: [sms]}]}]}
"""
    tale = story(ROUTES, plan)
    tale.at(0).push(TICKET)
    tale.at(HOUR).push(PAGE)
    tale.at(HOUR + 60).resolve(PAGE)
    tale.at(HOUR + 120).resolve(TICKET)
    tale.at(2 * HOUR)
    assert [(each.at, each.firing, each.resolved) for each in tale.messages(ANA_SMS)] == [
        (0, {"ticket"}, set()),
        (HOUR, {"page"}, set()),
        (HOUR + 60, {"ticket"}, {"page"}),
        (HOUR + 130, set(), {"ticket"}),
    ]
    assert [each.at for each in tale.messages(CHRIS_SMS) if each.message.escalation_step] == [300]


def test_who_took_the_page_is_said_of_the_page_and_not_of_the_ticket_that_it_hides(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(TICKET)
    tale.at(HOUR).push(PAGE)
    tale.at(HOUR + 60).ack("ana", fingerprint=PAGE.fingerprint)
    tale.at(HOUR + 100)
    (taken,) = [each for each in tale.messages(ROOM) if each.message.reason == "acknowledged by ana"]
    assert taken.firing == {"page"}
