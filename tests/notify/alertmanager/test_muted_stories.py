"""What inhibition, silences and time intervals hold back and let go, as in Alertmanager's acceptance tests; and our way.

By default what still fires when it is let go is told without delay, in strict mode at the group's next beat, if at all.
"""

from __future__ import annotations

import pytest

from tests.notify.alertmanager.play import (
    MODES,
    DelSilence,
    Push,
    Reload,
    SetSilence,
    Want,
    between,
    hooks,
    perform,
    route,
    said,
)

BOTH = pytest.mark.parametrize("mode", MODES)
DOWN = """inhibit_rules:
- source_match: {alertname: JobDown}
  target_match: {alertname: InstanceDown}
  equal: [job, zone]
"""
OTHER = said("Other", job="j", zone="a")
JOB = said("JobDown", job="j", zone="a")
HERE, THERE = said("InstanceDown", job="j", zone="a"), said("InstanceDown", job="j", zone="b")
INHIBITED = route(repeat="1s", by="[]") + hooks("hook") + DOWN


def test_what_is_inhibited_in_mid_group_is_told_again_when_its_source_is_over(story):
    """A repeat of one beat comes at every second one, but for what is new; so the beats at 3 and 4 tell all the same."""
    perform(
        story,
        INHIBITED,
        Push(1, OTHER, HERE, THERE),
        Want(between(2, 2), OTHER.active(1), HERE.active(1), THERE.active(1)),
        Push(2.2, JOB),
        Want(between(3, 3), OTHER.active(1), THERE.active(1), JOB.active(2.2), reason="new alerts added"),
        Push(3.6, JOB.active(2.2, 3.6)),
        Want(between(4, 4), OTHER.active(1), HERE.active(1), THERE.active(1), JOB.active(2.2, 3.6)),
        mode="strict",
    )


def test_by_default_it_is_told_group_wait_after_its_source_is_over_and_not_at_the_next_beat(story):
    """What a source held back is often over itself a moment later; so it waits as something new would."""
    perform(
        story,
        route(interval="10s", repeat="1h", by="[]") + hooks("hook") + DOWN,
        Push(1, OTHER, HERE, THERE),
        Want(between(2, 2), OTHER.active(1), HERE.active(1), THERE.active(1)),
        Push(2.2, JOB),
        Want(between(12, 12), OTHER.active(1), THERE.active(1), JOB.active(2.2)),
        Push(13, JOB.active(2.2, 13)),
        Want(
            between(14, 14),
            *(OTHER.active(1), HERE.active(1), THERE.active(1), JOB.active(2.2, 13)),
            reason="what inhibited it is over, still firing",
        ),
        mode="default",
    )


def test_source_and_target_that_end_together_are_told_together(story):
    """In strict mode the target's end is told though nobody knew of the target."""
    perform(
        story,
        INHIBITED,
        Push(1, HERE, JOB),
        Want(between(2, 2), JOB.active(1)),
        Push(2.6, JOB.active(1, 2.6), HERE.active(1, 2.6)),
        Want(between(3, 3), HERE.active(1, 2.6), JOB.active(1, 2.6)),
        mode="strict",
    )


def test_by_default_nobody_hears_of_the_end_of_what_nobody_heard_of(story):
    perform(
        story,
        INHIBITED,
        Push(1, HERE, JOB),
        Want(between(2, 2), JOB.active(1)),
        Push(2.6, JOB.active(1, 2.6), HERE.active(1, 2.6)),
        Want(between(3, 3), JOB.active(1, 2.6)),
        mode="default",
    )


@BOTH
@pytest.mark.parametrize("rules", ["inhibit_rules: [null]\n", "inhibit_rules: [{}]\n", "inhibit_rules:\n-\n"])
def test_an_empty_inhibition_rule_holds_nothing_back(story, mode, rules):
    perform(
        story,
        route(repeat="1h") + hooks("hook") + rules,
        Push(1, HERE),
        Want(between(2, 2), HERE.active(1)),
        mode=mode,
    )


@BOTH
def test_a_source_that_a_route_keeps_silent_inhibits_all_the_same(story, mode):
    perform(
        story,
        route(repeat="1h", more="routes: [{matchers: [alertname=JobDown], mute_time_intervals: [always]}]")
        + hooks("hook")
        + DOWN
        + "time_intervals: [{name: always, time_intervals: [{}]}]\n",
        Push(1, JOB, HERE, THERE),
        Want(between(2, 2), THERE.active(1)),
        Want(between(2.1, 30)),
        mode=mode,
    )


@BOTH
def test_after_a_reload_no_target_slips_through_before_its_source_is_known(story, mode):
    perform(
        story,
        INHIBITED.replace("repeat_interval: 1s", "repeat_interval: 1h"),
        Push(1, JOB.active(1, 900), HERE.active(1, 900)),
        Want(between(2, 2), JOB.active(1)),
        Reload(5),
        Want(between(5, 30)),
        mode=mode,
    )


EACH_SECOND = route(by="[]") + hooks("hook")
ONE, TWO = said("One"), said("Two")


@BOTH
def test_a_silence_takes_its_alerts_out_of_the_group_for_its_time_and_they_come_back(story, mode):
    """It is made before it begins. By default it ends with a message of its own, half a beat before the next."""
    at_end = (
        [Want(between(4.5, 4.5), ONE.active(1), TWO.active(1), reason="silence ended")] if mode == "default" else []
    )
    after = [Want(between(5, 5), ONE.active(1), TWO.active(1))] if mode == "strict" else []
    perform(
        story,
        EACH_SECOND,
        Push(1, ONE.active(1), TWO.active(1)),
        Want(between(2, 2), ONE.active(1), TWO.active(1)),
        SetSilence(2.3, "alertname=One", 2.5, 4.5),
        Want(between(3, 3), TWO.active(1)),
        Want(between(4, 4), TWO.active(1)),
        *at_end,
        *after,
        mode=mode,
    )


@pytest.mark.parametrize(("mode", "told"), [("strict", 4), ("default", 3.5)])
def test_a_silence_of_everything_that_is_deleted_lets_everything_go(story, mode, told):
    perform(
        story,
        EACH_SECOND,
        Push(1, ONE.active(1), TWO.active(1)),
        SetSilence(1.3, 'alertname=~".+"', 1.5, 100),
        DelSilence(3.5),
        Want(between(1, 3.4)),
        Want(between(told, told), ONE.active(1), TWO.active(1), reason="first notification"),
        mode=mode,
    )


@BOTH
def test_a_silence_that_is_deleted_before_it_begins_never_was(story, mode):
    perform(
        story,
        route(interval="2s", repeat="1h") + hooks("hook"),
        SetSilence(0, "alertname=One", 1.5, 100),
        DelSilence(0.5),
        Push(1, ONE.active(1, 900)),
        Want(between(2, 2), ONE.active(1)),
        Want(between(3, 120)),
        mode=mode,
    )


FIVE = route(interval="5s", repeat="1h") + hooks("hook")


def test_alertmanager_never_tells_of_an_alert_that_ended_silenced_and_fires_again(story):
    """The trap: its log says that everybody knows, and only the repeat interval heals that."""
    perform(story, FIVE, *FIRED_AGAIN, Want(between(10, 3590)), mode="strict")


def test_by_default_who_was_told_hears_quietly_of_the_end_and_at_once_when_it_fires_again(story):
    perform(
        story,
        FIVE,
        *FIRED_AGAIN,
        Want(between(7, 7), ONE.active(1, 4), reason="resolved"),
        Want(between(31, 31), ONE.active(30), reason="first notification"),
        Want(between(32, 3590)),
        mode="default",
    )


FIRED_AGAIN = (
    Push(1, ONE.active(1, 9999)),
    Want(between(2, 2), ONE.active(1)),
    SetSilence(3, "alertname=One", 3, 20),
    Push(4, ONE.active(1, 4)),
    Push(30, ONE.active(30, 9999)),
)


@pytest.mark.parametrize(
    ("mode", "wants"),
    [
        ("strict", (Want(between(3, 3590)),)),
        ("default", (Want(between(20, 20), ONE.active(1), reason="silence ended, still firing"),)),
    ],
)
def test_what_still_fires_when_a_silence_ends_is_told_by_default_and_never_by_alertmanager(story, mode, wants):
    perform(
        story,
        FIVE,
        Push(1, ONE.active(1, 9999)),
        Want(between(2, 2), ONE.active(1)),
        SetSilence(3, "alertname=One", 3, 20),
        *wants,
        Want(between(21, 3590)),
        mode=mode,
    )


# Plays begin on Monday 2026-01-05 at 08:00:00 UTC.
TIMES = """time_intervals:
- {name: first minute, time_intervals: [{times: [{start_time: '08:00', end_time: '08:01'}]}]}
- {name: second minute, time_intervals: [{times: [{start_time: '08:01', end_time: '08:02'}]}]}
- {name: mondays, time_intervals: [{weekdays: [monday]}]}
- {name: sundays, time_intervals: [{weekdays: [sunday]}]}
- {name: nothing, time_intervals: []}
"""
NEVER = ()
WHEN_MUTED = [
    # what a route says, the beats of the first two minutes and a half at which a new alert would be told (30, 90, 150)
    ("", (30, 90, 150)),
    ("mute_time_intervals: [first minute]", (90, 150)),
    ("mute_time_intervals: [sundays, first minute]", (90, 150)),
    ("mute_time_intervals: [first minute, second minute]", (150,)),
    ("mute_time_intervals: [mondays]", NEVER),
    ("mute_time_intervals: [sundays]", (30, 90, 150)),
    ("mute_time_intervals: [nothing]", (30, 90, 150)),
    ("active_time_intervals: [first minute]", (30,)),
    ("active_time_intervals: [sundays, first minute]", (30,)),
    ("active_time_intervals: [mondays]", (30, 90, 150)),
    ("active_time_intervals: [sundays]", NEVER),
    ("active_time_intervals: [nothing]", NEVER),
    ("active_time_intervals: [mondays], mute_time_intervals: [second minute]", (30, 150)),
    ("active_time_intervals: [first minute], mute_time_intervals: [first minute]", NEVER),
    ("active_time_intervals: [first minute], mute_time_intervals: [second minute]", (30,)),
]


@pytest.mark.parametrize(("keys", "told"), WHEN_MUTED, ids=[keys or "nothing" for keys, _ in WHEN_MUTED])
def test_a_route_is_silent_within_any_of_its_mute_intervals_and_outside_all_of_its_active_ones(story, keys, told):
    """Each alert has a group of its own and group_wait is zero, so what is told is told when it comes."""
    routes = f"routes: [{{matchers: ['alertname=~\".+\"'], {keys or 'continue: false'}}}]"
    alerts = {30: said("A"), 90: said("B"), 150: said("C")}
    perform(
        story,
        route(wait="0s", interval="1h", repeat="2h", more=routes) + hooks("hook") + TIMES,
        *(Push(at, alert.active(at, 9999)) for at, alert in alerts.items()),
        *(Want(between(at, at), alerts[at].active(at)) for at in told),
        Want(between(151, 170)),
        mode="strict",
    )


@BOTH
def test_a_child_does_not_inherit_when_its_parent_is_silent(story, mode):
    routes = "routes: [{matchers: [team=a], mute_time_intervals: [mondays], routes: [{matchers: [kind=b]}]}]"
    perform(
        story,
        route(repeat="1h", more=routes) + hooks("hook") + TIMES,
        Push(1, said("Muted", team="a"), said("Told", team="a", kind="b")),
        Want(between(2, 2), said("Told", team="a", kind="b").active(1)),
        Want(between(2.1, 60)),
        mode=mode,
    )


def test_by_default_what_fires_when_a_mute_interval_ends_is_told_then(story):
    perform(
        story,
        route(
            interval="10m",
            repeat="4h",
            more="routes: [{matchers: [alertname=One], mute_time_intervals: [first minute]}]",
        )
        + hooks("hook")
        + TIMES,
        Push(1, ONE.active(1, 9999)),
        Want(between(60, 60), ONE.active(1), reason="first notification"),
        Want(between(61, 3000)),
        mode="default",
    )
