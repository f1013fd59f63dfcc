"""When hooks are told, as in Alertmanager's acceptance tests of sending; beside it the default, where it does better."""

from __future__ import annotations

import pytest

from tests.notify.alertmanager.play import (
    MODES,
    Broken,
    Push,
    Reload,
    Restart,
    Want,
    between,
    hooks,
    perform,
    route,
    said,
)

FIRE = said("Fire")
BOTH = pytest.mark.parametrize("mode", MODES)
EACH_SECOND = route() + hooks("hook")


@BOTH
def test_one_alert_said_by_two_has_the_earliest_start_the_latest_note_and_the_latest_end(story, mode):
    perform(
        story,
        EACH_SECOND,
        Push(1, FIRE.active(1.1)),
        Push(1.2, FIRE.active(1)),
        Want(between(2, 2.2), FIRE.active(1), reason="first notification"),
        Push(2.1, FIRE.active(2).noted("v1")),
        Want(between(3, 3.2), FIRE.active(1).noted("v1")),
        Push(3.6, FIRE.active(1.5).noted("v2")),
        Want(between(4, 4.2), FIRE.active(1).noted("v2")),
        Push(4.6, FIRE.active(3, 4.5).noted("v2")),
        Push(4.8, FIRE.active(2.9, 4.8).noted("v3")),
        Push(4.8, FIRE.active(2.9, 4.1).noted("v3")),
        Want(between(5, 5.2), FIRE.active(1, 4.8).noted("v3"), reason="all alerts resolved"),
        mode=mode,
    )


@pytest.mark.parametrize(("mode", "told"), [("strict", 6), ("default", 6.3)])
def test_what_fires_anew_without_overlap_is_no_part_of_what_is_over(story, mode, told):
    """Alertmanager's group lives on until it is swept, so its beat counts; ours is over, and a new one waits group_wait."""
    perform(
        story,
        EACH_SECOND,
        Push(1, FIRE.active(1)),
        Want(between(2, 2), FIRE.active(1)),
        Want(between(3, 3), FIRE.active(1)),
        Want(between(4, 4), FIRE.active(1)),
        Push(4.6, FIRE.active(1, 4.5)),
        Want(between(5, 5), FIRE.active(1, 4.5)),
        Push(5.3, FIRE),
        Want(between(told, told), FIRE.active(5.3)),
        mode=mode,
    )


@BOTH
def test_one_alert_that_is_pushed_with_explicit_ends_merges_only_while_it_overlaps(story, mode):
    """An end that is told ahead outlasts one that is only guessed; after it, the same labels are another alert."""
    perform(
        story,
        route(interval="2s", repeat="1h") + hooks("hook"),
        Push(1, FIRE.active(1, 20)),
        Push(1.5, FIRE.active(1.2, 6)),
        Want(between(2, 2), FIRE.active(1)),
        Want(between(4, 19.9)),
        Want(between(20, 22), FIRE.active(1, 20)),
        mode=mode,
    )


@BOTH
def test_a_repeat_interval_of_nothing_repeats_at_each_beat_and_the_end_is_told_once(story, mode):
    perform(
        story,
        EACH_SECOND,
        Push(1, FIRE.active(1)),
        Want(between(2, 2), FIRE.active(1)),
        Want(between(3, 3), FIRE.active(1), reason="repeat interval elapsed"),
        Push(3.5, FIRE.active(1, 3)),
        Want(between(4, 4), FIRE.active(1, 3)),
        Want(between(4.1, 20)),
        mode=mode,
    )


@BOTH
def test_a_hook_that_fails_is_tried_until_it_takes_it_and_the_other_is_not_told_twice(story, mode):
    perform(
        story,
        route(repeat="3s") + hooks("good", "bad"),
        Broken("bad", 0, 4.5),
        Push(1, FIRE),
        Want(between(2, 2.1), FIRE.active(1), hook="good"),
        Want(between(4.5, 5.4), FIRE.active(1), hook="bad"),
        Want(between(5, 5.5), FIRE.active(1), hook="good"),
        mode=mode,
    )


@BOTH
def test_a_hook_that_answers_too_late_is_asked_again(story, mode):
    """How long it may take is each receiver's own, tested with it; here an attempt that took too long is one that failed."""
    perform(
        story,
        route(repeat="1m") + hooks("hook", hook="timeout: 500ms"),
        Broken("hook", 2, 3),
        Push(1, FIRE),
        Want(between(3, 4.7), FIRE.active(1)),
        mode=mode,
    )


@BOTH
def test_a_failing_hook_is_told_of_the_end_if_it_knew_of_the_fire(story, mode):
    perform(
        story,
        route(interval="5s", repeat="1h") + hooks("hook"),
        Broken("hook", 4, 11),
        Push(1, FIRE.active(1, 900)),
        Want(between(2, 2), FIRE.active(1)),
        Push(3, FIRE.active(1, 3)),
        Want(between(11, 20), FIRE.active(1, 3)),
        mode=mode,
    )


@pytest.mark.parametrize(("mode", "repeated"), [("strict", 9), ("default", 8.9)])
def test_alerts_are_batched_by_group_wait_then_by_group_interval_then_only_repeated(story, mode, repeated):
    early = (said("Fire1").active(1), said("Fire5").active(1))
    late = (said("Fire2").active(1.5), said("Fire3").active(1.5), said("Fire4").active(1.6))
    perform(
        story,
        route(repeat="4900ms", by="[]") + hooks("hook"),
        Push(1.1, early[0]),
        Push(1.7, early[1]),
        Want(between(2.1, 2.2), *early),
        Push(3.3, *late),
        Want(between(4, 4.2), *early, *late),
        Want(between(repeated, repeated + 0.2), *early, *late),
        Want(between(9.3, 13)),
        mode=mode,
    )


@BOTH
def test_what_is_not_said_again_within_resolve_timeout_is_over(story, mode):
    alerts = [said("Fire", part=part) for part in ("a", "b", "c")]
    perform(
        story,
        "global: {resolve_timeout: 10s}\n" + route(interval="5s", repeat="4h") + hooks("hook"),
        Push(1, *alerts),
        Want(between(2, 2), *(each.active(1) for each in alerts)),
        Want(between(12, 12), *(each.active(1, 11) for each in alerts)),
        mode=mode,
    )


@BOTH
def test_who_does_not_want_ends_gets_no_resolved_alert_and_is_told_of_new_ones_all_the_same(story, mode):
    first, second, third = (said("Fire", part=part) for part in ("a", "b", "c"))
    perform(
        story,
        "global: {resolve_timeout: 10s}\n"
        + route(interval="5s", repeat="4h")
        + hooks("ends", "fires", ends="send_resolved: true", fires="send_resolved: false"),
        Push(1, first, second),
        Push(3, first.active(1, 4), third),
        Push(8, third.active(3)),
        Want(between(2, 2), first.active(1), second.active(1), hook="ends"),
        Want(between(7, 7), first.active(1, 4), second.active(1), third.active(3), hook="ends"),
        Want(between(12, 12), second.active(1, 11), third.active(3), hook="ends"),
        Want(between(2, 2), first.active(1), second.active(1), hook="fires"),
        Want(between(7, 7), second.active(1), third.active(3), hook="fires"),
        Want(between(8, 13), hook="fires"),
        mode=mode,
    )


@BOTH
def test_an_end_that_is_not_wanted_is_remembered_so_that_the_next_fire_is_told(story, mode):
    perform(
        story,
        route(interval="2s", repeat="4h") + hooks("fires", fires="send_resolved: false"),
        Push(1, FIRE.active(1, 900)),
        Want(between(2, 2), FIRE.active(1), hook="fires"),
        Push(3, FIRE.active(1, 3)),
        Push(9, FIRE.active(9, 900)),
        Want(between(9, 11), FIRE.active(9), hook="fires", reason="first notification"),
        mode=mode,
    )


SLOW = route(interval="6s", repeat="10m", by="[]") + hooks("hook")


@pytest.mark.parametrize(("mode", "told"), [("strict", 9), ("default", 8)])
def test_a_reload_tells_nothing_twice(story, mode, told):
    """Alertmanager's beat begins anew with the reload; ours goes on as it was."""
    perform(
        story,
        SLOW,
        Push(1, said("One")),
        Want(between(2, 2), said("One").active(1)),
        Reload(3),
        Push(4, said("Two")),
        Want(between(told, told), said("One").active(1), said("Two").active(4)),
        mode=mode,
    )


@pytest.mark.parametrize(("mode", "told"), [("strict", 2.9), ("default", 2)])
def test_a_reload_before_the_first_message_does_not_lose_it(story, mode, told):
    """Alertmanager waits group_wait anew, if the alert is not yet so old; ours goes on waiting."""
    perform(
        story,
        SLOW,
        Push(1, said("One")),
        Reload(1.9),
        Want(between(told, told), said("One").active(1)),
        Want(between(3, 7)),
        mode=mode,
    )


@BOTH
def test_an_alert_that_is_older_than_group_wait_is_told_at_once_by_a_new_group_and_by_no_old_one(story, mode):
    perform(
        story,
        SLOW,
        Push(1, said("Old").active(-100)),
        Want(between(1, 1), said("Old").active(-100)),
        Push(3, said("Older").active(-200)),
        Want(between(7, 7), said("Old").active(-100), said("Older").active(-200)),
        mode=mode,
    )


def test_after_a_restart_nothing_is_told_twice_and_what_was_not_told_is(story):
    """Alertmanager starts with an empty table and is told at once of what is old; ours knows what it knew."""
    perform(
        story,
        SLOW,
        Push(1, said("Old").active(-100, 900)),
        Want(between(1, 1), said("Old").active(-100)),
        Push(3, said("New").active(3, 900)),
        Restart(4),
        Push(5, said("Old").active(-100, 900)),
        Want(between(7, 7), said("Old").active(-100), said("New").active(3)),
        Want(between(7.1, 60)),
        mode="default",
    )


@BOTH
def test_a_group_ends_with_its_last_alert_and_the_next_one_makes_a_new_group(story, mode):
    perform(
        story,
        route(interval="2s", repeat="1h") + hooks("hook"),
        Push(1, FIRE.active(1, 900)),
        Want(between(2, 2), FIRE.active(1)),
        Push(2.5, FIRE.active(1, 2.5)),
        Want(between(4, 4), FIRE.active(1, 2.5)),
        Want(between(4.1, 59)),
        Push(60, FIRE.active(60, 900)),
        Want(between(61, 61), FIRE.active(60), reason="first notification"),
        mode=mode,
    )


@BOTH
def test_an_alert_that_fires_again_before_its_end_was_told_is_still_the_same_fire(story, mode):
    perform(
        story,
        route(interval="5s", repeat="1h") + hooks("hook"),
        Push(1, FIRE.active(1, 900)),
        Want(between(2, 2), FIRE.active(1)),
        Push(3, FIRE.active(1, 3)),
        Push(4, FIRE.active(3, 900)),
        Want(between(2.1, 60)),
        mode=mode,
    )


TWICE = (
    "route: {receiver: one, group_by: [alertname], group_wait: 1s, group_interval: 10s, repeat_interval: 1h, routes: ["
    "{receiver: one, matchers: [team=a], continue: true, group_wait: 3s}, {receiver: two, matchers: [kind=b]}]}\n"
    "receivers: [{name: one, webhook_configs: [{url: 'http://one.example.org/x'}]}, "
    "{name: two, webhook_configs: [{url: 'http://%s.example.org/x'}]}]\n"
)


@BOTH
def test_two_routes_that_an_alert_takes_tell_each_in_its_own_time(story, mode):
    alert = said("Fire", team="a", kind="b")
    perform(
        story,
        TWICE % "two",
        Push(1, alert),
        Want(between(2, 2), alert.active(1), hook="two"),
        Want(between(4, 4), alert.active(1), hook="one"),
        mode=mode,
    )


@BOTH
def test_one_hook_behind_two_routes_is_told_twice_by_alertmanager_and_once_by_default(story, mode):
    alert = said("Fire", team="a", kind="b")
    second = [Want(between(4, 4), alert.active(1), hook="one")] if mode == "strict" else []
    perform(
        story,
        TWICE % "one",
        Push(1, alert),
        Want(between(2, 2), alert.active(1), hook="one"),
        *second,
        Want(between(4.1, 30), hook="one"),
        mode=mode,
    )
