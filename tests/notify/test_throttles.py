"""Limits in force: what leaves when, what leaves together, what a provider asked for, and what a restart remembers."""

from __future__ import annotations

import pytest

from agent.errors import RetryLater
from agent.notify import RowState
from agent.notify.fake import FakeBundler
from tests.notify.story import ESCALATION, Provider, Sent, Story, alert, between

ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 4h
  repeat_interval: 4h
receivers: [{name: team}, {name: bob}, {name: mail}]
"""
TEAM = """
receivers:
  team: {notify: [{person: ana, by: [sms]}], on_failure: mail}
  bob: {notify: [{person: bob, by: [sms]}]}
  mail: {notify: [{person: bob, by: [email]}]}
"""
LIMITED = ESCALATION.replace("limits: {per_target: []}", "limits: {per_target: [1/1m, 3/10m]}")
ANA = "sms:+33600000001"


class BundlingProvider(Provider, FakeBundler):
    """The story's fake, which can tell of several messages at once."""

    async def send_together(self, notifications):
        receipt = await super().send_together(notifications)
        self.story.sent.extend(Sent(self.story.now, self.transport, each) for each in notifications)
        return receipt


def warnings(*names: str, severity: str = "warning"):
    return [alert(name, ends=99_999, severity=severity) for name in names]


@pytest.fixture
def tale(story) -> Story:
    """Begin a story on a real file, with one SMS a minute and three in ten."""
    return story(ROUTES, TEAM, base=LIMITED, durable=True)


def bundling(tale: Story) -> BundlingProvider:
    made = tale.providers["sms"] = BundlingProvider("sms", tale)
    made.most_together = 5
    return made


def test_a_phone_gets_no_more_than_its_limit_and_nothing_is_dropped(tale):
    tale.at(0).push(*warnings("A", "B", "C", "D"))
    tale.at(1_000)
    assert [each.at for each in tale.messages(ANA)] == [0, 60, 120, 600]
    assert {next(iter(each.firing)) for each in tale.messages(ANA)} == {"A", "B", "C", "D"}


def test_a_critical_message_never_waits_behind_others(tale):
    tale.at(0).push(*warnings("A", "B"))
    tale.at(1).push(*warnings("Page", severity="critical"))
    tale.want(between(1, 1), ANA, firing={"Page"})
    tale.at(60)
    assert [each.at for each in tale.messages(ANA)] == [0, 1]
    tale.at(62)
    tale.want(between(61, 61), ANA, firing={"B"})


def test_what_waits_for_one_phone_leaves_as_one_message(tale):
    sms = bundling(tale)
    tale.at(0).push(*warnings("A"))
    tale.at(1).push(*warnings("B", "C", "D"))
    tale.at(100)
    assert [[each.alerts[0].name for each in bundle] for bundle in sms.bundles] == [["B", "C", "D"]]
    assert [each.at for each in tale.messages(ANA)] == [0, 60, 60, 60]
    rows = tale.dispatcher.outbox.rows()
    assert {row.provider_id for row in rows[1:]} == {"fake-2"}
    assert {row.state for row in rows} == {RowState.SENT}


def test_what_becomes_due_together_and_does_not_fit_leaves_as_one_message_at_once(tale):
    sms = bundling(tale)
    tale.at(0)
    tale.dispatcher.put(warnings("A", "B", "C", "D", "E", "F", "G"), tale.now_ms)
    tale.run_due()
    assert [len(bundle) for bundle in sms.bundles] == [5]
    tale.at(61)
    assert [len(bundle) for bundle in sms.bundles] == [5, 2]


def test_where_there_is_room_each_message_leaves_on_its_own(tale):
    sms = bundling(tale)
    tale.at(0).push(*warnings("A"))
    tale.at(100).push(*warnings("B"))
    assert sms.bundles == []
    assert len(tale.messages(ANA)) == 2


def test_the_history_says_what_left_together(story):
    tale = story(ROUTES, TEAM, base=LIMITED)
    bundling(tale)
    tale.dispatcher.put(warnings("A", "B", "C"), tale.now_ms)
    tale.run_due()
    details = [each["detail"] for each in tale.history(warnings("B")[0].fingerprint)]
    assert "3 messages left as one" in details


def test_a_bundle_that_fails_is_tried_again_and_given_up_row_by_row(tale):
    sms = bundling(tale)
    sms.fail(RetryLater("busy", reason="serverError"))
    tale.at(0)
    tale.dispatcher.put(warnings("A", "B"), tale.now_ms)
    tale.run_due()
    assert [row.attempts for row in tale.dispatcher.outbox.pending()] == [1, 1]
    tale.at(120)
    assert sorted(each.message.alerts[0].name for each in tale.messages(ANA)) == ["A", "B"]


def test_what_never_reached_the_phone_does_not_count(tale):
    tale.providers["sms"].fail(RetryLater("no route"))
    tale.at(0).push(*warnings("A"))
    tale.at(5)
    assert len(tale.messages(ANA)) == 1


def test_a_restart_resets_no_throttle(tale):
    tale.at(0).push(*warnings("A"))
    tale.at(10).restart()
    tale.at(10).push(*warnings("B"))
    tale.at(59)
    assert len(tale.messages(ANA)) == 1
    tale.at(61)
    tale.want(between(60, 60), ANA, firing={"B"})


def test_the_history_says_what_held_a_message_back(story):
    tale = story(ROUTES, TEAM, base=LIMITED)
    tale.at(0).push(*warnings("A"))
    tale.at(1).push(*warnings("B"))
    tale.at(2)
    lines = tale.history(warnings("B")[0].fingerprint)
    (held,) = [each for each in lines if each["what"] == "held back"]
    assert held["detail"] == "sms:+33600000001 gets at most 1/1m messages"


def test_what_a_target_asked_for_holds_for_all_of_its_messages_and_for_no_other_target(story):
    tale = story(ROUTES, TEAM.replace("sms", "slack"))
    tale.providers["slack"].fail(RetryLater("busy", reason="rateLimited", after_ms=30_000, scope="target"))
    tale.at(0).push(*warnings("A"))
    tale.at(1).push(*warnings("B"))
    tale.at(29)
    assert tale.messages("slack:U0ANA") == []
    assert len(tale.providers["slack"].tried) == 1
    tale.at(31)
    assert len(tale.messages("slack:U0ANA")) == 2


def test_what_a_provider_asked_for_holds_for_critical_messages_too(story):
    tale = story(ROUTES, TEAM)
    tale.providers["sms"].fail(RetryLater("busy", reason="rateLimited", after_ms=30_000, scope="provider"))
    tale.at(0).push(*warnings("A"))
    tale.at(1).push(*warnings("Page", severity="critical"))
    tale.at(29.9)
    assert tale.messages(ANA) == []
    tale.at(31)
    assert [next(iter(each.firing)) for each in tale.messages(ANA)] == ["Page", "A"]


UPDATES = ESCALATION.replace("{per_target: [], updates: []}", "{per_target: [], updates: [2/1m]}")


def test_updates_have_a_limit_of_their_own_which_first_messages_do_not_feel(story):
    tale = story(ROUTES.replace("4h", "1s", 1), "receivers: {team: {notify: [{slack: '#x'}]}}", base=UPDATES)
    tale.at(0).push(*warnings("A"))
    for second in (10, 20, 30):
        tale.at(second).push(alert("A", i=str(second), ends=99_999, severity="warning"))
    tale.at(40).push(*warnings("B"))
    tale.at(50)
    assert [each.at for each in tale.messages("slack:#x")] == [0, 11, 21, 40]
    tale.at(80)
    tale.want(between(71, 71), "slack:#x", firing={"A", "10", "20", "30"})


def test_a_page_that_is_over_is_not_sent_to_somebody_who_never_hears_of_ends(story):
    tale = story(ROUTES.replace("4h", "5s", 1), TEAM + "settings: {send_resolved: 'false'}\n")
    tale.providers["sms"].fail_always(RetryLater("down"))
    tale.at(0).push(*warnings("A"))
    tale.at(2).resolve(*warnings("A"))
    tale.at(9)
    tale.providers["sms"].fail_always(None)
    tale.at(600)
    assert tale.messages(ANA) == []
    (row,) = [row for row in tale.dispatcher.outbox.rows() if row.target.key == ANA]
    assert (row.state, row.error) == (
        RowState.SUPERSEDED,
        "it was over before it could be sent, and this target does not hear of ends",
    )


def test_a_machine_that_slept_gives_up_nothing_because_of_the_time_it_slept(story):
    tale = story(ROUTES.replace("4h", "99h"), TEAM)
    tale.providers["sms"].fail_always(RetryLater("no network yet"))
    tale.at(0).push(*warnings("A"))
    tale.dispatcher.follow(tale.now_ms)
    tale.now = 2 * 86_400
    tale.dispatcher.follow(tale.now_ms)
    tale.run_due()
    assert [row.state for row in tale.dispatcher.outbox.rows() if row.target.key == ANA] == [RowState.PENDING]


def test_the_end_of_one_problem_does_not_hold_back_the_page_about_another(tale):
    (first,) = warnings("First", severity="critical")
    tale.at(0).push(first)
    tale.at(100).resolve(first)
    tale.at(14_400)
    tale.want(between(100, 14_400), ANA, resolved={"First"})
    tale.push(*warnings("Second", severity="critical"))
    tale.want(between(14_400, 14_400), ANA, firing={"Second"})
