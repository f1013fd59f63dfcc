"""When a group speaks: its timers, in both modes, told as stories."""

from __future__ import annotations

from hashlib import sha256

from tests.notify.story import alert, between

HOOK = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: %s
receivers:
  - name: hook
    webhook_configs: [{url: 'http://hook.example.org/x'}]
"""
STRICT = "settings: {alertmanager_compat: strict}"
W = "webhook:hook.example.org-" + sha256(b"http://hook.example.org/x").hexdigest()[:8]


def hook(story, repeat="1h", mode=""):
    return story(HOOK % repeat, mode)


def test_alerts_that_come_within_group_wait_share_a_message(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(1.5).push(alert(i="2"))
    tale.at(4)
    tale.want(between(2, 2), W, firing={"1", "2"}, reason="first notification")
    tale.done()


def test_an_alert_that_joins_later_waits_for_the_groups_next_beat(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(3).push(alert(i="2"))
    tale.at(20)
    tale.want(between(2, 2), W, firing={"1"})
    tale.want(between(7, 7), W, firing={"1", "2"}, reason="new alerts added")
    tale.done()


def test_a_new_critical_alert_in_an_old_group_waits_only_group_wait(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(3).push(alert(i="2", severity="critical"))
    tale.at(20)
    tale.want(between(2, 2), W, firing={"1"})
    tale.want(between(4, 4), W, firing={"1", "2"}, reason="new alerts added")
    tale.done()


def test_in_strict_mode_a_new_critical_alert_waits_for_the_beat_as_in_alertmanager(story):
    tale = hook(story, mode=STRICT)
    tale.at(1).push(alert(i="1"))
    tale.at(3).push(alert(i="2", severity="critical"))
    tale.at(20)
    tale.want(between(2, 2), W, firing={"1"})
    tale.want(between(7, 7), W, firing={"1", "2"})
    tale.done()


def test_an_alert_that_has_burnt_longer_than_group_wait_is_told_at_once(story):
    tale = hook(story)
    tale.at(10).push(alert(i="1", starts=2))
    tale.at(12)
    tale.want(between(10, 10), W, firing={"1"})
    tale.done()


def test_the_end_is_told_at_the_next_beat_and_the_group_is_gone(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(3).resolve(alert(i="1"))
    tale.at(30)
    tale.want(between(2, 2), W, firing={"1"})
    tale.want(between(7, 7), W, resolved={"1"}, reason="all alerts resolved")
    tale.done()
    assert tale.dispatcher.view(tale.now_ms).groups() == []
    assert tale.dispatcher.next_due() is None


def test_an_alert_that_fires_anew_after_its_group_ended_waits_group_wait_again_and_is_a_new_incident(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(3).resolve(alert(i="1"))
    tale.at(10).push(alert(i="1"))
    tale.at(12)
    first = tale.want(between(2, 2), W, firing={"1"})
    tale.want(between(7, 7), W, resolved={"1"})
    second = tale.want(between(11, 11), W, firing={"1"}, reason="first notification")
    assert first.message.incident != second.message.incident
    tale.done()


def test_an_alert_that_nobody_repeats_is_over_after_resolve_timeout(story):
    tale = story(HOOK.replace("route:", "global: {resolve_timeout: 10s}\nroute:") % "1h")
    tale.at(1).push(alert(i="1"))
    tale.at(30)
    tale.want(between(2, 2), W, firing={"1"})
    ended = tale.want(between(12, 12), W, resolved={"1"})
    assert ended.message.resolved[0].ends_at_ms - tale.now_ms == -19_000
    tale.done()


def test_a_repeat_comes_exactly_when_it_is_due_even_where_it_equals_group_interval(story):
    tale = hook(story, repeat="5s")
    tale.at(0).push(alert(i="1", ends=1000))
    tale.at(13)
    assert [each.at for each in tale.sent] == [1, 6, 11]


def test_in_strict_mode_a_repeat_that_equals_group_interval_comes_at_every_second_beat(story):
    tale = hook(story, repeat="5s", mode=STRICT)
    tale.at(0).push(alert(i="1", ends=1000))
    tale.at(22)
    assert [each.at for each in tale.sent] == [1, 11, 21]


def test_a_repeat_between_two_beats_does_not_wait_for_the_next_one(story):
    tale = hook(story, repeat="7s")
    tale.at(0).push(alert(i="1", ends=1000))
    tale.at(16)
    assert [each.at for each in tale.sent] == [1, 8, 15]


def test_a_repeat_interval_of_almost_nothing_repeats_at_every_beat_and_not_more_often(story):
    tale = hook(story, repeat="1ms")
    tale.at(0).push(alert(i="1", ends=1000))
    tale.at(12)
    assert [each.at for each in tale.sent] == [1, 6, 11]


def test_repeating_an_alert_keeps_its_earliest_start_and_its_latest_annotations(story):
    tale = hook(story)
    first = alert(i="1", starts=0)
    tale.at(0.2).push(first)
    late = alert(i="1", starts=0.1)
    tale.at(0.4).push(type(late)(late.labels, late.labels, late.starts_at_ms))
    tale.at(2)
    told = tale.want(between(1.2, 1.2), W, firing={"1"}).message.alerts[0]
    assert told.starts_at_ms == first.starts_at_ms
    assert told.annotations == late.labels


def test_an_alert_that_was_over_before_anybody_was_told_is_told_to_nobody(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1"))
    tale.at(1.5).resolve(alert(i="1"))
    tale.at(20)
    tale.done()
    assert tale.dispatcher.view(tale.now_ms).groups() == []


def test_one_of_two_ends_and_both_states_are_told(story):
    tale = hook(story)
    tale.at(1).push(alert(i="1", ends=500), alert(i="2", ends=500))
    tale.at(3).resolve(alert(i="1"))
    tale.at(20)
    tale.want(between(2, 2), W, firing={"1", "2"})
    tale.want(between(7, 7), W, firing={"2"}, resolved={"1"}, reason="some alerts resolved")
    tale.done()


def test_alerts_are_sorted_by_job_then_instance_and_whoever_lacks_one_comes_last(story):
    tale = hook(story)
    tale.at(1).push(alert(i="3", job="b", instance="1"), alert(i="2", job="a", instance="2"), alert(i="1", job="a"))
    tale.at(3)
    told = tale.want(between(2, 2), W, firing={"1", "2", "3"})
    assert [each.labels["i"] for each in told.message.alerts] == ["2", "1", "3"]


def test_a_clock_that_is_set_back_by_an_hour_holds_no_message_up(story):
    """The group's beat, its repeats and what waits to be sent go back with the clock."""
    tale = hook(story, repeat="1m")
    tale.at(1).push(alert(i="1", ends=9999))
    tale.at(4)
    tale.dispatcher.follow(tale.now_ms)
    tale.now -= 3600
    tale.dispatcher.follow(tale.now_ms)
    tale.push(alert(i="1", ends=9999), alert(i="2", ends=9999))
    tale.at(4 - 3600 + 70)
    tale.want(between(2, 2), W, firing={"1"}, reason="first notification")
    tale.want(between(7 - 3600, 7 - 3600), W, firing={"1", "2"}, reason="new alerts added")
    tale.want(between(60 - 3600, 70 - 3600), W, firing={"1", "2"}, reason="repeat interval elapsed")
    tale.done()


def test_what_is_new_when_nobody_has_noticed_yet_that_the_clock_was_set_back_is_told(story):
    tale = story(
        "{route: {receiver: team, group_wait: 1s}, receivers: [{name: team}]}",
        "receivers: {team: {notify: [{slack: '#a'}]}}",
    )
    tale.dispatcher.follow(tale.now_ms)
    tale.now = -7200
    tale.dispatcher.put([alert("New")], tale.now_ms)
    tale.dispatcher.follow(tale.now_ms)
    tale.at(-7100)
    assert [each.firing for each in tale.sent] == [{"New"}]


def test_a_step_of_escalation_comes_when_it_would_have_though_the_clock_is_set_back(story):
    tale = story(
        "{route: {receiver: team, group_wait: 1s}, receivers: [{name: team}]}",
        "receivers: {team: {notify: [{slack: '#a'}], escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]}}",
    )
    tale.push(alert("Fire", ends=9999)).at(100)
    tale.dispatcher.follow(tale.now_ms)
    tale.now -= 86_400
    tale.dispatcher.follow(tale.now_ms)
    tale.at(400 - 86_400)
    assert [(each.transport, round(each.at)) for each in tale.sent] == [
        ("slack", 1),
        ("sms", 301 - 86_400),
        ("slack", 301 - 86_400),
    ]


def test_no_alert_is_over_because_the_clock_leapt_over_the_end_that_was_expected(story):
    tale = hook(story)
    tale.push(alert(i="1", ends=240)).at(4)
    tale.dispatcher.follow(tale.now_ms)
    tale.now += 86_400
    tale.dispatcher.follow(tale.now_ms)
    tale.run_due()
    tale.push(alert(i="1", ends=86_400 + 240)).at(86_404 + 10)
    assert not [each for each in tale.sent if each.resolved]
    tale.resolve(alert(i="1")).at(86_404 + 30)
    assert [each.resolved for each in tale.sent if each.resolved] == [{"1"}]
