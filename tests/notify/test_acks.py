"""Taking an incident over: what it stops, who learns of it, how it ends, who is reminded, and the code by SMS."""

from __future__ import annotations

import pytest

from agent.errors import InvalidInput, RetryLater
from agent.model import Matcher
from agent.notify import RowState
from tests.notify.story import START_MS, alert, between

ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s, repeat_interval: 10h}
receivers: [{name: oncall}, {name: quiet}]
"""
PLAN = """
receivers:
  oncall:
    notify: [{person: ana, by: [sms]}, {slack: '#alerts'}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]
settings: {ack_timeout: 1h}
"""
ANA, BOB, SLACK = "sms:+33600000001", "sms:+33600000002", "slack:#alerts"
FIRE = alert("Fire", ends=99_999, severity="critical")
SECOND = alert("Fire", ends=99_999, severity="critical", i="2")


@pytest.fixture
def tale(story):
    made = story(ROUTES, PLAN, external_url="https://alerts.example.org")
    made.at(0).push(FIRE)
    made.want(between(0, 0), ANA, firing={"Fire"})
    made.want(between(0, 0), SLACK, firing={"Fire"})
    return made


def code_of(tale, incident: str = "", phone: str = "+33600000001") -> str:
    (first, *_) = [
        each.message for each in tale.messages(f"sms:{phone}") if not incident or each.message.incident == incident
    ]
    return first.ack_code


def said(tale, what: str) -> list[str]:
    return [
        each.value["reason"]
        for each in tale.written().dispatcher.history(FIRE.fingerprint)
        if each.value["what"] == what
    ]


def test_who_takes_it_is_said_where_many_read_and_rings_no_phone(tale):
    tale.at(60)
    tale.ack("ana", fingerprint=FIRE.fingerprint, comment="on it")
    tale.at(1000)
    told = tale.want(between(60, 60), SLACK, firing={"Fire"}, reason="acknowledged by ana")
    assert told.message.acknowledged_by == "ana"
    tale.done()
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert (incident.acknowledged.comment, incident.acknowledged.by) == ("on it", "ana")


def test_an_alert_that_joins_brings_a_page_which_says_who_had_acknowledged_the_others(tale):
    tale.at(60)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(61)
    tale.want(between(60, 60), SLACK, firing={"Fire"}, reason="acknowledged by ana")
    tale.at(100).push(SECOND)
    tale.at(120)
    words = "new alerts added; ana had acknowledged the others"
    tale.want(between(100, 110), ANA, firing={"Fire", "2"}, reason=words)
    page = tale.want(between(100, 110), SLACK, firing={"Fire", "2"}, reason=words)
    assert page.message.acknowledged_by == ""
    assert page.message.ack_url
    tale.done()
    tale.at(500)
    tale.want(between(400, 410), BOB, firing={"Fire", "2"})


def test_whoever_took_it_is_reminded_once_and_can_keep_it(tale):
    tale.at(60)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(3659)
    tale.want(between(60, 60), SLACK, firing={"Fire"})
    tale.done()
    tale.at(7000)
    page = tale.want(between(3660, 3660), ANA, firing={"Fire"}, reason="ana acknowledged this 1h 00m ago, and it still")
    assert page.message.ack_url, "with the reminder she can keep it for another hour"
    tale.done()
    assert said(tale, "reminded") == ["ana acknowledged it, and it still fires"]


def test_somebody_whose_address_is_unknown_is_reminded_through_whoever_was_told(tale):
    tale.ack("the night shift", fingerprint=FIRE.fingerprint, for_ms=600_000)
    tale.at(700)
    words = "the night shift acknowledged this 10m ago"
    tale.want(between(0, 0), SLACK, firing={"Fire"}, reason="acknowledged by the night shift")
    tale.want(between(600, 600), SLACK, firing={"Fire"}, reason=words)
    tale.want(between(600, 600), ANA, firing={"Fire"}, reason=words)
    tale.done()


def test_somebody_who_was_not_told_is_reminded_by_the_gentlest_way_there_is(tale):
    tale.ack("bob", fingerprint=FIRE.fingerprint, for_ms=600_000)
    tale.at(700)
    tale.want(between(600, 600), "slack:U0BOB", firing={"Fire"}, reason="bob acknowledged this 10m ago")


def test_nobody_is_reminded_of_what_is_silenced_until_it_is_seen_again(tale):
    tale.ack("ana", fingerprint=FIRE.fingerprint, for_ms=600_000)
    matchers = (Matcher("alertname", "=", "Fire"),)
    tale.dispatcher.silences.create(matchers, tale.now_ms, tale.now_ms + 1_000_000, "ana", "", tale.now_ms)
    tale.at(999)
    assert len(tale.messages(ANA)) == 1
    tale.at(1020)
    assert [each.at for each in tale.messages(ANA)][1:] == [pytest.approx(1000, abs=11)]


def test_what_is_over_reminds_nobody(tale):
    tale.ack("ana", fingerprint=FIRE.fingerprint, for_ms=600_000)
    tale.at(300).resolve(FIRE)
    tale.at(700)
    assert [each.resolved for each in tale.messages(ANA)] == [set(), {"Fire"}]


def test_what_is_given_back_escalates_from_the_start(tale):
    tale.at(60)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(120)
    (before,) = tale.dispatcher.unacknowledge("ana", tale.now_ms, fingerprint=FIRE.fingerprint)
    assert before.by == "ana"
    assert tale.dispatcher.unacknowledge("ana", tale.now_ms, fingerprint=FIRE.fingerprint) == ()
    tale.at(419)
    tale.want(between(60, 60), SLACK, firing={"Fire"}, reason="acknowledged by ana")
    tale.want(between(120, 120), SLACK, firing={"Fire"}, reason="given back by ana")
    tale.done()
    tale.at(420)
    tale.want(between(420, 420), BOB, firing={"Fire"}, reason="escalation")


def test_a_second_person_takes_it_over_and_both_are_on_record(tale):
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    (taken,) = tale.ack("bob", fingerprint=FIRE.fingerprint)
    assert (taken.by, taken.before) == ("bob", "ana")
    assert said(tale, "acknowledged") == ["by ana", "by bob; ana had it before"]


def test_a_matcher_that_matches_anything_is_refused(tale):
    with pytest.raises(InvalidInput, match="at least one matcher must not match the empty string"):
        tale.ack(matchers=(Matcher("nothing", "=", ""),))


def test_an_acknowledgement_with_its_comment_and_its_reminder_outlives_a_restart(story):
    tale = story(ROUTES, PLAN, durable=True)
    tale.at(0).push(FIRE)
    tale.ack("ana", fingerprint=FIRE.fingerprint, comment="looking", via="a link", for_ms=600_000)
    tale.restart(after=1)
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert (incident.acknowledged.comment, incident.acknowledged.via) == ("looking", "a link")
    tale.at(700)
    assert [each.at for each in tale.messages(ANA)] == [0, 600]
    tale.restart(after=1).at(2000)
    assert [each.at for each in tale.messages(ANA)] == [0, 600], "reminded once, also after a restart"


def test_a_code_from_the_phone_that_got_it_acknowledges(tale):
    reply = tale.dispatcher.acknowledge_by_code(f" {code_of(tale)}\n", "+33600000001", tale.now_ms)
    assert [each.by for each in reply.acknowledged] == ["ana"]
    assert "yours" in reply.text
    tale.at(1000)
    assert tale.messages(BOB) == []
    assert said(tale, "acknowledged") == ["by ana, by a reply by SMS"]


def test_the_same_code_from_another_phone_changes_nothing(tale):
    for phone in ("+33600000002", "+4915100000000"):
        assert tale.dispatcher.acknowledge_by_code(code_of(tale), phone, tale.now_ms).acknowledged == ()


def test_after_five_wrong_codes_a_phone_is_not_listened_to_for_a_quarter_of_an_hour(tale):
    wrong = "000000" if code_of(tale) != "000000" else "000001"
    for _ in range(5):
        assert "Nothing was changed" in tale.dispatcher.acknowledge_by_code(wrong, "+33600000001", tale.now_ms).text
    right = code_of(tale)
    assert "Too many wrong codes" in tale.dispatcher.acknowledge_by_code(right, "+33600000001", tale.now_ms).text
    assert len(said(tale, "acknowledgement refused")) == 5
    later = START_MS + 15 * 60_000
    assert tale.dispatcher.acknowledge_by_code(right, "+33600000001", later).acknowledged


def test_a_code_of_what_is_over_or_taken_by_somebody_else_says_so(tale):
    code = code_of(tale)
    tale.ack("bob", fingerprint=FIRE.fingerprint)
    reply = tale.dispatcher.acknowledge_by_code(code, "+33600000001", tale.now_ms)
    assert (reply.acknowledged, reply.text) == ((), "bob has it already. Nothing was changed.")
    tale.at(10).resolve(FIRE)
    tale.at(30)
    assert tale.dispatcher.acknowledge_by_code(code, "+33600000001", tale.now_ms).text == OVER


OVER = "That is over already. Nothing was changed."


def test_codes_that_come_late_lock_no_phone_out_and_are_on_record_nowhere_as_wrong(tale):
    late = code_of(tale)
    tale.at(10).resolve(FIRE)
    tale.at(100).push(FIRE).at(110)
    for _ in range(7):
        assert tale.dispatcher.acknowledge_by_code(late, "+33600000001", tale.now_ms).text == OVER
    assert said(tale, "acknowledgement refused") == []
    assert "may be over" in tale.dispatcher.acknowledge_by_code(late, "+4915100000000", tale.now_ms).text
    (open_now,) = tale.dispatcher.view(tale.now_ms).incidents()
    now = code_of(tale, open_now.id)
    assert tale.dispatcher.acknowledge_by_code(now, "+33600000001", tale.now_ms).acknowledged


def test_a_clock_that_is_set_back_takes_the_reminder_with_it(tale):
    tale.ack("ana", fingerprint=FIRE.fingerprint, for_ms=600_000)
    tale.dispatcher.follow(START_MS)
    tale.dispatcher.follow(START_MS - 3_600_000)
    assert tale.dispatcher.next_due() <= START_MS - 3_600_000 + 600_000


def test_strict_mode_tells_nobody_more_than_an_alertmanager_would(story):
    tale = story(ROUTES, PLAN.replace("{ack_timeout: 1h}", "{ack_timeout: 1h, alertmanager_compat: strict}"))
    tale.at(0).push(FIRE)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(4000)
    assert [each.at for each in tale.messages()] == [0, 0]


def test_a_page_that_waits_for_its_provider_wakes_nobody_once_somebody_has_it(tale):
    """Whoever acknowledges is told that nobody else will be woken for it."""
    tale.at(299)
    tale.providers["sms"].fail(*[RetryLater("503", reason="serverError")] * 2)
    tale.at(301)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(900)
    assert tale.messages(BOB) == []
    (row,) = [each for each in tale.dispatcher.outbox.rows() if each.target.key == BOB]
    assert (row.state, row.error) == (RowState.SUPERSEDED, "ana acknowledged it before this could be sent")
    tale.resolve(FIRE).at(1000)
    assert tale.messages(BOB) == [], "nor is he told of the end of what he never heard of"


def test_an_end_that_waits_for_its_provider_is_told_although_somebody_has_it(tale):
    tale.at(60)
    tale.ack("chris", fingerprint=FIRE.fingerprint)
    tale.providers["sms"].fail(*[RetryLater("503", reason="serverError")] * 2)
    tale.resolve(FIRE).at(200)
    tale.want(between(60, 90), ANA, resolved={"Fire"})


@pytest.mark.parametrize("restarted", [False, True])
def test_an_alert_that_nobody_was_told_of_yet_is_not_acknowledged_with_the_others(story, restarted):
    slow = ROUTES.replace("group_interval: 10s", "group_interval: 60s")
    tale = story(slow, PLAN, durable=True)
    tale.at(0).push(FIRE)
    tale.at(10).push(alert("Fire", ends=99_999, severity="warning", i="2"))
    tale.at(20)
    if restarted:
        tale.restart()
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(400)
    tale.want(between(60, 60), ANA, firing={"Fire", "2"}, reason="new alerts added; ana had acknowledged the others")
    tale.want(between(360, 360), BOB, firing={"Fire", "2"})


@pytest.mark.parametrize("restarted", [False, True])
def test_where_only_steps_tell_somebody_an_acknowledgement_covers_what_has_been_looked_at(story, restarted):
    steps_only = PLAN.replace("    notify: [{person: ana, by: [sms]}, {slack: '#alerts'}]\n", "")
    tale = story(ROUTES, steps_only, durable=True)
    tale.at(0).push(FIRE)
    tale.at(20).push(SECOND)
    tale.at(60)
    if restarted:
        tale.restart()
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(1000)
    tale.done()


@pytest.mark.parametrize("mode", ["default", "strict"])
def test_the_code_of_a_text_acknowledges_in_both_modes(story, mode):
    settings = f"settings: {{alertmanager_compat: {mode}}}\n"
    tale = story(ROUTES, PLAN.partition("settings:")[0] + settings, external_url="https://alerts.example.org")
    tale.at(0).push(FIRE)
    tale.at(30)
    reply = tale.dispatcher.acknowledge_by_code(code_of(tale), "+33600000001", tale.now_ms)
    assert [each.by for each in reply.acknowledged] == ["ana"]
    tale.at(900)
    assert tale.messages(BOB) == []


def test_a_button_that_is_pressed_twice_is_told_to_the_others_once_and_a_comment_whenever_there_is_one(tale):
    for seconds, comment in ((60, ""), (61, ""), (62, "rolling back"), (63, "")):
        tale.at(seconds)
        tale.ack("ana", fingerprint=FIRE.fingerprint, comment=comment)
    tale.at(100)
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert incident.acknowledged.comment == "rolling back"
    reasons = [each.message.reason for each in tale.messages(SLACK)[1:]]
    assert reasons == ["acknowledged by ana", "acknowledged by ana: rolling back"]


TWO_ROUTES = """
route:
  receiver: quiet
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 10h
  routes: [{receiver: chain, continue: true}, {receiver: first, continue: true}, {receiver: wide, group_by: [severity]}]
receivers: [{name: chain}, {name: first}, {name: wide}, {name: quiet}]
"""
CHAIN_APART = """
receivers:
  first: {notify: [{person: ana, by: [sms]}]}
  chain: {escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]}
  wide: {notify: [{slack: '#alerts'}]}
"""


@pytest.fixture
def apart(story):
    """One alert by two routes: one tells ana at once, another one's steps are to wake bob; a third has other alerts too."""
    made = story(TWO_ROUTES, CHAIN_APART, external_url="https://alerts.example.org")
    made.at(0).push(FIRE, alert("Flood", ends=99_999, severity="critical"))
    made.at(1)
    return made


def holders(tale):
    view = tale.dispatcher.view(tale.now_ms)
    return {(each.receiver, *each.group_labels.pairs): each.acknowledged for each in view.incidents()}


def test_a_code_stops_the_steps_of_another_route_that_the_same_alert_takes(apart):
    (incident,) = [
        each
        for each in apart.dispatcher.view(apart.now_ms).incidents()
        if each.receiver == "first" and each.group_labels.get("alertname") == "Fire"
    ]
    apart.at(60)
    code = code_of(apart, incident.id)
    assert apart.dispatcher.acknowledge_by_code(code, "+33600000001", apart.now_ms).acknowledged
    taken = {key for key, ack in holders(apart).items() if ack}
    assert taken == {("first", ("alertname", "Fire")), ("chain", ("alertname", "Fire"))}
    apart.at(1000)
    assert [names(each) for each in apart.messages(BOB)] == [{"Flood"}]


def test_what_was_taken_together_is_given_back_together_and_what_others_have_stays_theirs(apart):
    (chain, first) = (
        each
        for receiver in ("chain", "first")
        for each in apart.dispatcher.view(apart.now_ms).incidents()
        if each.receiver == receiver and each.group_labels.get("alertname") == "Fire"
    )
    apart.at(10)
    apart.ack("bob", incident=chain.id)
    assert [ack.by for ack in holders(apart).values() if ack] == ["bob", "bob"]
    apart.at(15)
    apart.dispatcher.unacknowledge("bob", apart.now_ms, incident=chain.id)
    assert not any(holders(apart).values())
    apart.at(20)
    apart.ack("bob", incident=chain.id)
    apart.ack("ana", incident=first.id)
    assert sorted(ack.by for ack in holders(apart).values() if ack) == ["ana", "bob"]
    apart.at(30)
    apart.dispatcher.unacknowledge("ana", apart.now_ms, incident=first.id)
    assert [ack.by for ack in holders(apart).values() if ack] == ["bob"]


def names(told) -> set[str]:
    return {each.name for each in told.message.alerts}
