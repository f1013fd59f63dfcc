"""Sent is not delivered: what a provider says after it accepted a message, and what follows where it never arrived."""

from __future__ import annotations

import pytest

from agent.errors import Rejected
from agent.notify import Delivery, FakeReceiver, RowState
from tests.notify.story import ESCALATION, Provider, alert, between

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 4h
receivers: [{name: team}, {name: mail}]
"""
TEAM = """
receivers:
  team:
    notify: [{person: ana, by: [sms]}]
    escalate: [{after: 10m, notify: [{person: bob, by: [sms]}]}]
    on_failure: mail
  mail: {notify: [{person: bob, by: [email]}]}
"""
ANA, BOB, MAIL = "sms:+33600000001", "sms:+33600000002", "email:bob@example.org"
PAGE = alert("Fire", ends=99_999, severity="critical")
WARNING = alert("Fire", ends=99_999, severity="warning")


@pytest.fixture
def tale(story, request):
    made = story(ROUTES, TEAM, durable=getattr(request, "param", False))
    ask_later(made)
    return made


def ask_later(tale) -> None:
    sms = Provider("sms", tale)
    sms._ask_after_ms = (5_000, 15_000, 60_000)
    tale.providers["sms"] = sms


def states(tale, target: str) -> list[RowState]:
    return [row.state for row in tale.dispatcher.outbox.rows() if row.target.key == target]


def test_what_a_provider_delivers_by_accepting_is_delivered_at_once(story):
    tale = story(ROUTES, TEAM)
    tale.providers["sms"]._delivered = True
    tale.at(0).push(PAGE)
    (row,) = tale.dispatcher.outbox.rows()
    assert (row.state, row.delivered_at_ms) == (RowState.DELIVERED, tale.now_ms)


def test_a_provider_is_asked_at_the_times_that_its_receipt_names_until_it_knows(tale):
    tale.providers["sms"].fates.extend([Delivery("sent"), Delivery("delivered")])
    tale.at(0).push(PAGE)
    tale.at(4)
    assert tale.providers["sms"].asked == []
    tale.at(14)
    assert states(tale, ANA) == [RowState.SENT]
    tale.at(300)
    assert tale.providers["sms"].asked == ["fake-1", "fake-1"]
    assert states(tale, ANA) == [RowState.DELIVERED]


@pytest.mark.parametrize("tale", [True], indirect=True)
def test_the_asking_outlives_the_process(tale):
    tale.at(0).push(PAGE)
    tale.at(6).restart(after=60)
    tale.providers["sms"].fates.append(Delivery("delivered"))
    tale.at(70)
    assert states(tale, ANA) == [RowState.DELIVERED]


def test_where_a_provider_never_says_it_stays_sent_and_the_history_says_so(tale):
    tale.at(0).push(WARNING)
    tale.at(300)
    assert states(tale, ANA) == [RowState.SENT]
    assert tale.dispatcher.next_due() is None or tale.dispatcher.next_due() > tale.now_ms
    whats = [each["what"] for each in tale.history(WARNING.fingerprint)]
    assert whats.count("delivery unknown") == 1


def test_a_page_that_did_not_arrive_goes_to_on_failure_and_hurries_the_next_step(tale):
    tale.providers["sms"].fates.append(Delivery("failed", "30006: landline"))
    tale.at(0).push(PAGE)
    tale.at(20)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(5, 5), MAIL, firing={"Fire"}, reason="its channel failed")
    tale.want(between(5, 5), BOB, firing={"Fire"}, reason="escalation")
    tale.done()
    assert states(tale, ANA) == [RowState.FAILED]
    whys = tale.history(PAGE.fingerprint)
    (hurried,) = [each for each in whys if each["what"] == "escalation hurried"]
    assert "30006: landline" in hurried["reason"]
    (ran,) = [each["reason"] for each in whys if each["what"] == "escalated"]
    assert ran == "step 1: before its time, because a page did not arrive"


def test_a_warning_that_did_not_arrive_goes_to_on_failure_and_escalates_as_it_would_have(tale):
    tale.providers["sms"].fates.append(Delivery("failed", "30006"))
    tale.at(0).push(WARNING)
    tale.at(599)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(5, 5), MAIL, firing={"Fire"})
    tale.done()


def test_what_may_arrive_yet_is_sent_again_a_few_times_and_told_to_others_once(tale):
    off = Delivery("failed", "30003: the handset is off", permanent=False)
    tale.providers["sms"].fates.extend([off, off, off])
    tale.at(0).push(WARNING)
    tale.at(599)
    assert [each.at for each in tale.messages(ANA)] == [0, 65, 190]
    assert len({each.message.idempotency_key for each in tale.messages(ANA)}) == 1
    assert len(tale.messages(MAIL)) == 1
    assert states(tale, ANA) == [RowState.FAILED]


def test_what_is_out_of_date_is_not_sent_again(tale):
    tale.providers["sms"].fates.append(Delivery("failed", "30003", permanent=False))
    tale.at(0).push(WARNING)
    tale.at(1).push(alert("Fire", ends=99_999, i="2", severity="warning"))
    tale.at(599)
    assert [each.firing for each in tale.messages(ANA)] == [{"Fire"}, {"Fire", "2"}]


def test_a_callback_settles_it_before_anybody_asks(tale):
    tale.at(0).push(PAGE)
    assert tale.dispatcher.delivery("fake-1", Delivery("delivered"), tale.now_ms)
    tale.at(300)
    assert tale.providers["sms"].asked == []
    assert states(tale, ANA) == [RowState.DELIVERED]


def test_a_callback_that_overtakes_the_answer_is_remembered(tale):
    assert not tale.dispatcher.delivery("fake-1", Delivery("delivered"), tale.now_ms)
    tale.at(0).push(PAGE)
    assert states(tale, ANA) == [RowState.DELIVERED]


def test_a_provider_that_cannot_be_asked_is_asked_again(tale):
    class Silent(FakeReceiver):
        async def status(self, provider_id: str) -> Delivery:
            self.asked.append(provider_id)
            raise KeyError("planted-secret")

    tale.providers["sms"] = silent = Silent(ask_after_ms=(5_000, 15_000))
    tale.dispatcher = tale.start()
    tale.at(0).push(PAGE)
    tale.at(60)
    assert silent.asked == ["fake-1", "fake-1"]
    assert "planted-secret" not in str(tale.history(PAGE.fingerprint))


def test_a_channel_that_is_gone_wakes_nobody_where_the_page_rang_somebody_s_phone(story):
    tale = story(ROUTES, TEAM.replace("by: [sms]}]\n    escalate", "by: [sms]}, {slack: '#alerts'}]\n    escalate"))
    tale.providers["slack"].fail_always(Rejected("is_archived", reason="clientError"))
    tale.at(0).push(PAGE)
    tale.at(599)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(0, 0), MAIL, firing={"Fire"}, reason="its channel failed")
    tale.done()
    tale.at(600)
    tale.want(between(600, 600), BOB, firing={"Fire"}, reason="escalation")


def test_a_phone_that_is_gone_hurries_the_next_step_although_a_channel_has_the_page(story):
    tale = story(ROUTES, TEAM.replace("by: [sms]}]\n    escalate", "by: [sms]}, {slack: '#alerts'}]\n    escalate"))
    tale.providers["sms"].fail(Rejected("21610: opted out", reason="clientError"))
    tale.at(0).push(PAGE)
    tale.at(10)
    tale.want(between(0, 0), BOB, firing={"Fire"}, reason="escalation")


NO_SMS = ESCALATION.replace("auth_token: t", "auth_token_file: /nowhere/token")
CHAIN = """
receivers:
  mail: {notify: [{person: bob, by: [email]}]}
  team:
    notify: [{person: ana, by: [sms]}]
    on_failure: mail
    escalate:
      - {after: 5m, notify: [{person: chris, by: [sms]}]}
      - {after: 10m, notify: [{person: ana, by: [slack]}]}
      - {after: 15m, notify: [{person: bob, by: [slack]}]}
"""


def test_a_page_by_a_channel_that_is_disabled_runs_the_next_steps_until_one_gets_out(story):
    tale = story(ROUTES, CHAIN, base=NO_SMS)
    tale.at(0).push(PAGE)
    tale.at(200)
    tale.want(between(0, 0), MAIL, firing={"Fire"}, reason="its channel is disabled")
    tale.want(between(0, 0), "slack:U0ANA", firing={"Fire"}, reason="escalation")
    tale.done()
    hurried = [each["reason"] for each in tale.history(PAGE.fingerprint) if each["what"] == "escalation hurried"]
    assert len(hurried) == 2
    assert hurried[0].startswith(f"step 1 runs now: {ANA}: the channel sms is disabled: ")


def test_a_page_by_a_slack_that_is_disabled_hurries_nothing_while_a_phone_rings(story):
    both = CHAIN.replace(
        "notify: [{person: ana, by: [sms]}]\n    on", "notify: [{person: ana, by: [slack, sms]}]\n    on"
    )
    tale = story(ROUTES, both, base=ESCALATION.replace("bot_token: xoxb-test", "bot_token: ''"))
    tale.at(0).push(PAGE)
    tale.at(200)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(0, 0), MAIL, firing={"Fire"}, reason="its channel is disabled")
    tale.done()


def test_a_warning_by_a_channel_that_is_disabled_escalates_as_it_would_have(story):
    tale = story(ROUTES, CHAIN, base=NO_SMS)
    tale.at(0).push(WARNING)
    tale.at(599)
    assert tale.messages("slack:") == []


def test_whom_the_page_never_reached_hears_of_no_end(tale):
    """A text that something unknown is over rings at night, too."""
    tale.providers["sms"].fail(Rejected("21610: opted out", reason="clientError"))
    tale.at(0).push(PAGE)
    tale.at(100)
    tale.resolve(PAGE).at(200)
    assert tale.messages(ANA) == []
    tale.want(between(100, 110), BOB, resolved={"Fire"})
    tale.want(between(100, 110), MAIL, resolved={"Fire"})
    whys = [each["reason"] for each in tale.history(PAGE.fingerprint)]
    assert "it is over, and the page about it never reached this target; there is nothing to take back" in whys


def test_a_page_that_did_not_arrive_hurries_nothing_once_somebody_has_it(story):
    tale = story(ROUTES, TEAM.replace("by: [sms]}]}]", "by: [sms]}], until: resolve}]"))
    ask_later(tale)
    tale.providers["sms"].fates.append(Delivery("failed", "30006: landline"))
    tale.at(0).push(PAGE)
    tale.at(2).ack("chris", fingerprint=PAGE.fingerprint)
    tale.at(599)
    assert tale.messages(BOB) == []
    tale.at(600)
    tale.want(between(600, 600), BOB, firing={"Fire"}, reason="escalation")
