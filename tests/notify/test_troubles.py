"""Alerts that tell of one trouble: whoever has one has the others, nobody is called twice, and different troubles stay apart."""

from __future__ import annotations

import re

import pytest

from agent.errors import Rejected, SchemaError
from tests.notify.story import ESCALATION, alert, between

ROUTES = """
route:
  receiver: team
  group_by: [alertname, job]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 4h
  routes:
    - {receiver: objective, matchers: [tier="page"]}
    - {receiver: mail, matchers: [severity="critical", quiet="yes"]}
    - {receiver: oncall, matchers: [severity="critical"]}
receivers: [{name: team}, {name: oncall}, {name: objective}, {name: mail}]
inhibit_rules:
  - {source_matchers: [tier="page"], target_matchers: [alertname=~"Errors|FewErrors"], equal: [job]}
"""
TROUBLES = """
troubles:
  errors: {matchers: ['alertname=~"Errors|FewErrors|Burn"'], equal: [job]}
"""
PLAN = """
receivers:
  team: {notify: [{slack: '#rag'}]}
  mail:
    notify: [{person: ana, by: [email]}]
    escalate: [{after: 5m, notify: [{team: search, on_call: next, by: [sms]}]}]
  oncall: &plan
    notify: [{team: search, by: [slack, sms]}, {slack: '#rag'}]
    escalate:
      - {after: 5m, notify: [{team: search, on_call: next, by: [sms]}]}
      - {after: 15m, notify: [{person: chris, by: [sms]}]}
  objective: *plan
"""
ROOM, ANA, ANA_SMS, ANA_MAIL, BOB_SMS, CHRIS_SMS = (
    "slack:#rag",
    "slack:U0ANA",
    "sms:+33600000001",
    "email:ana@example.org",
    "sms:+33600000002",
    "sms:+33600000003",
)
MINUTE, HOUR, DAY = 60, 3600, 86_400
ERRORS = alert("Errors", job="rag", severity="critical", i="errors", ends=9 * DAY)
FEW = alert("FewErrors", job="rag", severity="critical", quiet="yes", i="few", ends=9 * DAY)
BURN = alert("Burn", job="rag", tier="page", severity="critical", i="burn", ends=9 * DAY)


@pytest.fixture
def tale(story):
    return story(ROUTES, PLAN + TROUBLES)


def steps(tale):
    """Return when each step called whom, in minutes."""
    return [(each.at / MINUTE, each.target) for each in tale.sent if each.message.escalation_step]


def said(tale, which, what):
    """Return the reasons in the history of an alert, of one kind of decision."""
    return [each["reason"] for each in tale.history(which.fingerprint) if each["what"] == what]


def test_whoever_has_the_first_alert_of_a_trouble_has_the_second_and_no_phone_rings_for_it(tale):
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    for target in (ANA, ROOM):
        told = tale.want(between(120, 120), target, firing={"burn"}, reason="first notification; ana has it")
        assert told.message.acknowledged_by == "ana"
    assert [each.at for each in tale.messages("sms:")] == [0]
    assert said(tale, BURN, "acknowledged") == ["by ana, who has what tells of the same trouble"]
    assert any("no phone of theirs rings" in each for each in said(tale, BURN, "deduplicated"))


def test_whoever_has_the_trouble_reads_of_the_second_alert_though_it_is_not_for_them(tale):
    """Bob is not on call: the page tells ana and the channel, and him since it is his."""
    tale.at(0).push(ERRORS)
    tale.at(6 * MINUTE).ack("bob", fingerprint=ERRORS.fingerprint)
    tale.at(7 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    tale.want(between(420, 420), "slack:U0BOB", firing={"burn"}, reason="; bob has it")
    assert [each.at / MINUTE for each in tale.messages("sms:")] == [0, 5]


def test_where_nobody_has_it_the_second_alert_goes_on_with_the_chain_of_the_first(tale):
    """No second text to the same phone, and the next person is called as if there had been one alert all the time."""
    tale.at(0).push(ERRORS)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert [each.at for each in tale.messages(ANA_SMS)] == [0]
    assert steps(tale) == [(5, BOB_SMS), (15, CHRIS_SMS)]
    tale.want(between(120, 120), ROOM, firing={"burn"}, reason="first notification")
    assert any("called for the same trouble already" in each for each in said(tale, BURN, "deduplicated"))


@pytest.mark.parametrize(("minutes", "rings"), [(15, False), (16, True)])
def test_a_second_alert_calls_anew_where_nobody_has_answered_the_first_for_a_quarter_of_an_hour(tale, minutes, rings):
    tale.at(0).push(ERRORS)
    tale.at(minutes * MINUTE).push(BURN)
    tale.at(HOUR)
    assert [each.at / MINUTE for each in tale.messages(ANA_SMS)] == ([0, minutes] if rings else [0])
    assert steps(tale)[2:] == ([(minutes + 5, BOB_SMS), (minutes + 15, CHRIS_SMS)] if rings else [])


def test_a_step_that_the_first_alert_ran_is_not_run_again_by_the_second(tale):
    tale.at(0).push(ERRORS)
    tale.at(7 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert steps(tale) == [(5, BOB_SMS), (15, CHRIS_SMS)]


def test_a_second_alert_that_is_louder_than_the_first_rings_the_phone_that_has_not_rung(tale):
    tale.at(0).push(FEW)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert [each.at for each in tale.messages(ANA_SMS)] == [120]
    assert steps(tale) == [(5, BOB_SMS), (17, CHRIS_SMS)], "the first has one step alone"


def test_phones_that_rang_for_the_first_hear_when_the_second_is_over(tale):
    tale.at(0).push(ERRORS)
    tale.at(7 * MINUTE).push(BURN)
    tale.at(8 * MINUTE).resolve(ERRORS)
    tale.at(10 * MINUTE - 10).resolve(BURN)
    tale.at(HOUR)
    for phone in (ANA_SMS, BOB_SMS):
        (over,) = [each for each in tale.messages(phone) if not each.firing]
        assert (over.at, over.resolved) == (10 * MINUTE, {"burn"})


@pytest.mark.parametrize("first", [ERRORS, FEW, BURN], ids=["the threshold", "the mild one", "the page"])
def test_who_takes_one_of_them_takes_all_that_are_open(tale, first):
    tale.at(0).push(FEW)
    tale.at(30).push(ERRORS)
    tale.at(60).push(BURN)
    tale.at(90).ack("bob", fingerprint=first.fingerprint)
    tale.at(HOUR - MINUTE)
    assert steps(tale) == []
    tale.resolve(BURN)
    tale.at(HOUR)
    assert steps(tale) == [], "those behind it are had as well"


def test_who_gives_one_of_them_back_gives_all_of_them_back(tale):
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(3 * MINUTE).dispatcher.unacknowledge("ana", tale.now_ms, fingerprint=BURN.fingerprint)
    tale.at(10 * MINUTE)
    assert steps(tale) == [(8, BOB_SMS)]
    assert tale.dispatcher.view(tale.now_ms).acknowledged(ERRORS.fingerprint) is None


OTHER_JOB = alert("Burn", job="search", tier="page", severity="critical", i="other", ends=9 * DAY)
NO_JOB = alert("Burn", tier="page", severity="critical", i="other", ends=9 * DAY)
OTHER_NAME = alert("Down", job="rag", severity="critical", i="other", ends=9 * DAY)


@pytest.mark.parametrize("other", [OTHER_JOB, NO_JOB, OTHER_NAME], ids=["another job", "no job", "another name"])
def test_another_trouble_calls_as_ever(tale, other):
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).push(other)
    tale.at(HOUR - MINUTE)
    assert [each.at for each in tale.messages(ANA_SMS)] == [0, 120]
    assert steps(tale) == [(7, BOB_SMS), (17, CHRIS_SMS)]


def test_a_worse_alert_of_the_trouble_calls_as_ever(tale):
    mild = alert("Errors", job="rag", severity="warning", i="mild", ends=9 * DAY)
    tale.at(0).push(mild)
    tale.at(MINUTE).ack("ana", fingerprint=mild.fingerprint)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert [each.at for each in tale.messages(ANA_SMS)] == [120]
    assert steps(tale) == [(7, BOB_SMS), (17, CHRIS_SMS)]


def test_a_trouble_that_is_over_says_nothing_of_the_next(tale):
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).resolve(ERRORS)
    tale.at(3 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert [each.at for each in tale.messages(ANA_SMS) if each.firing] == [0, 180]
    assert steps(tale) == [(8, BOB_SMS), (18, CHRIS_SMS)]


def test_an_acknowledgement_whose_time_is_over_is_not_handed_on(tale):
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint, for_ms=5 * MINUTE * 1000)
    tale.at(7 * MINUTE).push(BURN)
    tale.at(HOUR)
    assert steps(tale) == [(12, BOB_SMS), (22, CHRIS_SMS)]


def test_a_phone_that_no_message_got_to_is_called_by_the_second_alert(tale):
    tale.at(0).providers["sms"].fail(Rejected("no such number", reason="clientError"))
    tale.push(ERRORS)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(3 * MINUTE)
    assert 120 in [each.at for each in tale.messages(ANA_SMS) if each.firing == {"burn"}]


def test_without_troubles_each_alert_calls_by_itself(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    assert steps(tale) == [(7, BOB_SMS), (17, CHRIS_SMS)]


def test_strict_mode_knows_no_troubles(story):
    tale = story(ROUTES, PLAN + TROUBLES + "settings: {alertmanager_compat: strict}\n")
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    assert [target for _, target in steps(tale)] == [BOB_SMS, CHRIS_SMS]
    assert len([each for each in tale.messages(ANA_SMS) if each.firing]) == 2


def test_a_restart_forgets_no_trouble(story):
    tale = story(ROUTES, PLAN + TROUBLES, durable=True)
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(90).restart()
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    assert steps(tale) == []


def test_a_reload_may_bring_troubles_for_alerts_that_are_there(story):
    tale = story(ROUTES, PLAN)
    tale.at(0).push(ERRORS)
    tale.at(MINUTE).ack("ana", fingerprint=ERRORS.fingerprint)
    tale.at(90).reload(ROUTES, ESCALATION + PLAN + TROUBLES)
    tale.at(2 * MINUTE).push(BURN)
    tale.at(HOUR - MINUTE)
    assert steps(tale) == []


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{matchers: [], equal: [job]}", "which alerts tell of it"),
        ("{matchers: ['a=\"b\"'], equal: []}", "without a label such as job, all services would have one trouble"),
        ("{matchers: ['a=\"b\"']}", "equal"),
        ("{matchers: ['a=~\"(\"'], equal: [job]}", "cannot read the matcher"),
        ("{matcher: ['a=\"b\"'], equal: [job]}", 'did you mean "matchers"'),
    ],
)
def test_a_trouble_that_cannot_be_meant_is_refused_with_its_line(story, written, problem):
    with pytest.raises(SchemaError, match=re.escape(problem)) as refused:
        story(ROUTES, PLAN + f"troubles:\n  errors: {written}\n")
    assert re.search(r"escalation\.yml:\d+:\d+: ", str(refused.value))
