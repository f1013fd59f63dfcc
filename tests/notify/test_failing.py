"""Stories of messages that do not get out at once: tried again, told by another way, replaced by what is true later, counted."""

from __future__ import annotations

import random

from agent.errors import Rejected, RetryLater
from agent.notify import Dispatcher, Row, RowState
from agent.telemetry import Telemetry
from tests.notify.story import ESCALATION, START_MS, alert, between

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 1h
receivers: [{name: team}, {name: mail}, {name: log}]
"""
TEAM = """
receivers:
  team: {notify: [{slack: '#alerts'}, {person: ana, by: [sms]}], on_failure: mail}
  mail: {notify: [{person: bob, by: [email]}], on_failure: log}
"""
SLACK, SMS, MAIL = "slack:#alerts", "sms:+33600000001", "email:bob@example.org"
BUSY = RetryLater("the provider is busy", reason="rateLimited", after_ms=30_000)


def rows(tale, state: RowState) -> list[Row]:
    return [row for row in tale.dispatcher.view(tale.now_ms).messages() if row.state is state]


def test_a_message_that_may_get_out_later_is_tried_after_a_growing_time_with_the_same_key(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(*(RetryLater("no route") for _ in range(3)))
    tale.at(0).push(alert("A", ends=9999))
    tale.at(60)
    tried = tale.providers["slack"].tried
    assert len(tried) == 4
    assert len({each.idempotency_key for each in tried}) == 1
    sent = tale.want(between(3.5, 10.5), SLACK, firing={"A"})  # 1 + 2 + 4 seconds, each ± 50 %
    assert sent.at > 0
    tale.want(between(0, 0), SMS, firing={"A"})
    tale.done()
    (row,) = [each for each in rows(tale, RowState.SENT) if each.target.key == SLACK]
    assert (row.attempts, row.error, row.provider_id) == (4, "", "fake-1")


def test_the_provider_says_when_to_come_back_and_that_is_honoured(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(BUSY)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(60)
    tale.want(between(30, 30.3), SLACK, firing={"A"})


def test_a_message_that_is_rejected_goes_to_on_failure_once_and_everybody_hears_of_the_end(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail_always(Rejected("invalid_auth", reason="authError"))
    tale.providers["sms"].fail_always(Rejected("blocked", reason="clientError"))
    tale.at(0).push(alert("A", ends=9999))
    tale.at(5).resolve(alert("A"))
    tale.at(60)
    first = tale.want(between(0, 0), MAIL, firing={"A"}, reason="its channel failed")
    assert first.message.options["instead_of"] in (SLACK, SMS)
    tale.want(between(10, 10), MAIL, resolved={"A"})
    tale.done()
    assert {row.error for row in rows(tale, RowState.FAILED)} == {"invalid_auth", "blocked"}


def test_where_everything_fails_the_log_has_it(story):
    tale = story(ROUTES, TEAM)
    for name in ("slack", "sms", "email"):
        tale.providers[name].fail_always(Rejected("no"))
    tale.at(0).push(alert("A", ends=9999))
    tale.at(5)
    tale.want(between(0, 0), "log:log", firing={"A"})
    tale.done()


def test_a_channel_without_credentials_is_disabled_and_its_messages_go_to_on_failure_or_the_log(story):
    base = ESCALATION.replace("bot_token: xoxb-test", "bot_token: ''").replace(
        'smarthost: "127.0.0.1:25"', "smarthost: ''"
    )
    base = base.replace("AC1", "")
    tale = story(ROUTES, TEAM, base=base)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(5).resolve(alert("A"))
    tale.at(30)
    tale.want(between(0, 0), "log:log", firing={"A"}, reason="its channel is disabled")
    tale.want(between(10, 10), "log:log", resolved={"A"})
    tale.done()
    view = tale.dispatcher.view(tale.now_ms)
    assert set(view.disabled) == {"slack", "sms", "email"}
    assert all("is disabled" in row.error for row in rows(tale, RowState.FAILED))


def test_a_message_that_fails_again_and_again_is_told_to_on_failure_while_it_is_still_tried(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail_always(RetryLater("down"))
    tale.at(0).push(alert("A", ends=99999))
    tale.at(120)
    tale.want(between(5, 60), MAIL, firing={"A"}, reason="its channel failed")
    tale.providers["slack"].fail_always(None)
    tale.at(240)
    tale.want(between(120, 240), SLACK, firing={"A"})
    tale.want(between(0, 0), SMS, firing={"A"})
    tale.done()


def test_on_failure_hears_also_where_each_message_gives_way_to_a_newer_one_before_it_failed_often(story):
    tale = story(
        ROUTES,
        "receivers: {team: {notify: [{slack: '#alerts'}], on_failure: mail}, mail: {notify: [{person: bob, by: [email]}]}}",
    )
    tale.providers["slack"].fail_always(RetryLater("the provider is broken", reason="serverError"))
    for seconds in range(0, 180, 9):
        tale.at(seconds).push(alert("A", i=str(seconds), ends=9999))
    assert tale.messages(MAIL), "Slack fails for three minutes, and nobody hears of it by another way"
    assert tale.messages(MAIL)[-1].firing > tale.messages(MAIL)[0].firing


def test_of_messages_that_have_left_nothing_is_kept_to_wait_for_the_disk(story):
    tale = story(ROUTES, TEAM)
    for number in range(10):
        tale.push(alert(f"A{number}", ends=9999))
    assert len(rows(tale, RowState.SENT)) == 20
    assert not tale.dispatcher.outbox._durable


def test_after_its_deadline_a_message_is_given_up(story):
    tale = story(ROUTES.replace("1h", "100h").replace("10s", "1h"), TEAM)
    tale.providers["slack"].fail_always(RetryLater("down", after_ms=3 * 3_600_000))
    tale.at(0).push(alert("A", ends=999_999))
    tale.at(30 * 3600)
    first = next(row for row in rows(tale, RowState.FAILED) if row.target.key == SLACK)
    assert "its deadline has passed" in first.error
    assert first.finished_at_ms - START_MS < 24 * 3_600_000


def test_a_newer_message_replaces_one_that_never_got_out(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(BUSY)
    tale.at(0).push(alert("A", i="1", ends=9999))
    tale.at(5).push(alert("A", i="2", ends=9999))
    tale.at(60)
    assert [each.firing for each in tale.messages(SLACK)] == [{"1", "2"}]
    (row,) = rows(tale, RowState.SUPERSEDED)
    assert row.attempts == 1


def test_what_fired_and_was_over_before_it_could_be_sent_is_one_message_that_says_so(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(BUSY)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(5).resolve(alert("A"))
    tale.at(60)
    tale.want(between(10, 10), SLACK, resolved={"A"}, reason="fired and resolved before it could be sent")
    assert len(tale.messages(SLACK)) == 1


STEPPED = """
receivers:
  team:
    notify: [{slack: '#alerts'}, {person: ana, by: [sms]}]
    escalate: [{after: 20s, notify: [{person: bob, by: [sms]}]}]
"""


def test_no_phone_rings_after_an_outage_for_what_was_over_meanwhile_and_others_were_told(story):
    tale = story(ROUTES, STEPPED)
    tale.providers["sms"].fail_always(RetryLater("down"))
    tale.at(0).push(alert("A", ends=9999))
    tale.at(40).resolve(alert("A"))
    tale.at(600)
    tale.providers["sms"].fail_always(None)
    tale.at(3600)
    assert tale.messages("sms:") == []
    assert tale.dispatcher.outbox.pending() == []
    ends = [row for row in rows(tale, RowState.SUPERSEDED) if all(row.states.values())]
    why = "it was over before it could be sent; others were told of that, and no phone rings for it"
    assert {(row.target.person, row.error) for row in ends} == {("ana", why), ("bob", why)}


def test_a_phone_tells_what_is_over_after_an_outage_where_nobody_else_could_be_told(story):
    tale = story(ROUTES, STEPPED)
    for each in ("sms", "slack"):
        tale.providers[each].fail_always(RetryLater("down"))
    tale.at(0).push(alert("A", ends=9999))
    tale.at(40).resolve(alert("A"))
    tale.at(600)
    tale.providers["sms"].fail_always(None)
    tale.at(3600)
    assert {(each.target, *each.resolved) for each in tale.messages("sms:")} == {(SMS, "A"), ("sms:+33600000002", "A")}


def test_a_phone_that_was_paged_hears_of_the_end_after_an_outage_although_others_were_told(story):
    tale = story(ROUTES, STEPPED)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(10)
    tale.providers["sms"].fail_always(RetryLater("down"))
    tale.at(40).resolve(alert("A"))
    tale.at(600)
    tale.providers["sms"].fail_always(None)
    tale.at(3600)
    assert [(each.target, each.firing, each.resolved) for each in tale.messages("sms:")] == [
        (SMS, {"A"}, set()),
        (SMS, set(), {"A"}),
    ]


def test_what_burns_again_before_anything_could_be_sent_is_not_said_to_be_over(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail_always(BUSY)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(20).resolve(alert("A", starts=0))
    tale.at(40).push(alert("A", starts=40, ends=9999))
    tale.providers["slack"].fail_always(None)
    tale.at(200)
    (only,) = tale.messages(SLACK)
    assert (only.firing, only.message.reason) == ({"A"}, "first notification")


def test_an_end_that_only_the_replaced_message_told_of_is_not_lost(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("A", i="1", ends=9999), alert("A", i="2", ends=9999))
    tale.at(1).resolve(alert("A", i="1"))
    tale.at(9)
    tale.providers["slack"].fail(BUSY)
    tale.at(11).push(alert("A", i="3", ends=9999))
    tale.at(60)
    assert [each.resolved for each in tale.messages(SLACK)] == [set(), {"1"}]
    assert tale.messages(SLACK)[-1].firing == {"2", "3"}


def test_the_next_message_is_given_what_the_last_receipt_left_and_its_number(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("A", ends=9999))
    tale.at(5).resolve(alert("A"))
    tale.at(20)
    first, second = (each.message for each in tale.messages(SLACK))
    assert (first.sequence, dict(first.previous)) == (0, {})
    assert second.sequence == 1
    assert second.previous == {"transport": "slack", "last": first.idempotency_key}


def test_a_receivers_own_fault_costs_a_retry_and_not_the_page(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(KeyError("token xoxb-planted"))
    tale.at(0).push(alert("A", ends=9999))
    assert [row.error for row in rows(tale, RowState.PENDING)] == [f"sending to {SLACK}: unexpected KeyError"]
    tale.at(10)
    assert len(tale.messages(SLACK)) == 1


def test_what_is_sent_fails_and_waits_is_counted(story):
    tale = story(ROUTES, TEAM)
    telemetry = Telemetry()
    tale.dispatcher = Dispatcher(
        tale.routing, tale.journal, tale.providers, tale.now_ms, telemetry=telemetry, random=random.Random(3)
    )
    tale.providers["slack"].fail(*(RetryLater("x", reason="serverError"),) * 3)
    tale.at(0).push(alert("A", ends=9999))

    def value(name: str, **labels: str) -> float | None:
        return telemetry.registry.get_sample_value(name, labels)

    failed = ("alertmanager_notifications_failed_total", {"integration": "slack", "reason": "serverError"})
    assert value(failed[0], **failed[1]) == 1
    tale.at(9)
    assert value("burnline_outbox_pending", integration="slack") == 1
    tale.at(30)
    assert value(failed[0], **failed[1]) == 3
    assert value("burnline_outbox_pending", integration="slack") == 0
    assert value("alertmanager_notifications_total", integration="sms") == 1
    assert value("burnline_channel_disabled", channel="slack") == 0
    assert value("alertmanager_notification_latency_seconds_count", integration="sms") == 1


def test_a_channel_that_keeps_failing_is_marked_until_it_works_again(story):
    tale = story(ROUTES, TEAM)
    telemetry = Telemetry()
    tale.dispatcher = Dispatcher(tale.routing, tale.journal, tale.providers, tale.now_ms, telemetry=telemetry)
    tale.providers["slack"].fail_always(Rejected("x", reason="authError"))
    tale.at(0).push(alert("A", ends=9999))

    def failing() -> float | None:
        return telemetry.registry.get_sample_value("burnline_channel_failing", {"channel": "slack"})

    assert failing() == 1
    tale.providers["slack"].fail_always(None)
    tale.at(1).push(alert("B", ends=9999))
    assert failing() == 0
