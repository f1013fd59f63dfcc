"""The end of what holds an alert back: whoever may hear it hears it then, once, with the reason; and ends come quietly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.notify import parse_matchers
from tests.notify.story import ESCALATION, START_MS, Story, alert, between

SLACK, BOB = "slack:#alerts", "sms:+33600000002"
ROUTES = """
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: team}]
inhibit_rules: [{source_matchers: [alertname=VeryHigh], target_matchers: [alertname=High], equal: [job]}]
"""
TEAM = "receivers: {team: {notify: [{slack: '#alerts'}]}}\n"
BOTH = "receivers: {team: {notify: [{slack: '#alerts'}, {person: bob, by: [sms]}]}}\n"
LONG = 99_999


def silence(tale: Story, until: float, matchers: str = "alertname=High") -> str:
    made, _ = tale.dispatcher.silences.create(
        parse_matchers(matchers).matchers, tale.now_ms, START_MS + int(until * 1000), "ana", "deploy", tale.now_ms
    )
    return made.id


def test_an_alert_that_still_fires_when_its_silence_ends_is_told_again_at_that_moment(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(10), 400)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"High"}, reason="first notification")
    tale.want(between(400, 400), SLACK, firing={"High"}, reason="silence ended, still firing")
    tale.done()


def test_a_silence_that_covered_no_flush_of_the_group_is_no_reason_to_say_anything(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(310), 320)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()


def test_a_silence_that_somebody_ends_early_is_over_at_once(story):
    tale = story(ROUTES, TEAM)
    made = silence(tale.at(0), 9000)
    tale.push(alert("High", ends=LONG))
    tale.at(50).dispatcher.silences.expire(made, tale.now_ms)
    tale.at(3000)
    tale.want(between(50, 50), SLACK, firing={"High"}, reason="first notification")
    tale.done()


def test_a_reload_does_not_forget_whom_the_end_of_a_silence_is_to_be_told(story):
    tale = story(ROUTES, TEAM)
    made = silence(tale.at(0), 9000)
    tale.push(alert("High", ends=LONG))
    tale.at(20).reload(ROUTES, ESCALATION + TEAM)
    tale.at(350).dispatcher.silences.expire(made, tale.now_ms)
    tale.at(3000)
    tale.want(between(350, 350), SLACK, firing={"High"})
    tale.done()


@pytest.mark.parametrize(("until", "told"), [(9000, 50), (22, 25)], ids=["ended-after", "ended-meanwhile"])
def test_a_silence_that_ends_about_a_restart_is_over_at_once_for_whoever_did_not_hear(story, until, told):
    tale = story(ROUTES, TEAM, durable=True)
    made = silence(tale.at(0), until)
    tale.push(alert("High", ends=LONG))
    tale.at(20).restart(5)
    tale.at(50).dispatcher.silences.expire(made, tale.now_ms)
    tale.at(3000)
    tale.want(between(told, told), SLACK, firing={"High"})
    tale.done()


def test_what_a_reload_holds_back_no_longer_is_told_at_once(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("VeryHigh", job="j", ends=LONG), alert("High", job="j", ends=LONG))
    tale.at(20).reload(ROUTES.partition("inhibit_rules")[0], ESCALATION + TEAM)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(20, 20), SLACK, firing={"High"})
    tale.done()


def test_where_it_is_not_wished_the_end_of_a_silence_is_told_to_nobody(story):
    tale = story(ROUTES, TEAM + "settings: {renotify_on_unmute: false}\n")
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(10), 400)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()


@pytest.mark.parametrize(("wished", "at"), [("true", 101), ("false", 301)])
def test_a_critical_alert_that_joins_waits_group_wait_where_that_is_wished_else_for_the_beat(story, wished, at):
    tale = story(ROUTES, TEAM + f"settings: {{critical_bypass: {wished}}}\n")
    tale.at(0).push(alert("High", i="1", ends=LONG))
    tale.at(100).push(alert("High", i="2", severity="critical", ends=LONG))
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"1"})
    tale.want(between(at, at), SLACK, firing={"1", "2"}, reason="new alerts added")
    tale.done()


def test_a_source_that_nobody_repeats_lets_go_of_what_it_held_back_when_its_time_is_over(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("VeryHigh", job="j", ends=50), alert("High", job="j", ends=LONG))
    tale.at(200)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(50, 50), SLACK, firing={"High"}, reason="first notification")
    tale.done()


NIGHTS = """
time_intervals:
  mornings: [{times: ["22:00-08:02"], location: UTC}]
receivers: {team: {notify: [{slack: '#alerts'}], mute_time_intervals: [mornings]}}
"""


def test_a_receivers_time_interval_may_pass_midnight_and_what_fires_at_its_end_is_told_then(story):
    tale = story(ROUTES, NIGHTS)  # the story begins at 08:00
    tale.at(0).push(alert("High", ends=LONG))
    tale.at(3000)
    tale.want(between(120, 120), SLACK, firing={"High"})
    tale.done()
    said = [(each["what"], each["reason"]) for each in tale.history(alert("High").fingerprint)]
    assert ("suppressed", "mute_time_interval: mornings") in said


def test_a_receiver_is_told_only_in_its_active_interval_and_never_twice(story):
    routes = ROUTES.replace("4h", "1h")
    own = "time_intervals: {office: [{times: ['08:30-09:00']}]}\n" + TEAM.replace(
        "#alerts'}]", "#alerts'}], active_time_intervals: [office], repeat_interval: never"
    )
    tale = story(routes, own)
    tale.at(0).push(alert("High", ends=9 * 86_400))
    tale.at(80_000)
    tale.want(between(1800, 1800), SLACK, firing={"High"}, reason="first notification")
    tale.done()
    tale.at(86_400 + 1800)
    tale.want(between(86_400 + 1800, 86_400 + 1800), SLACK, firing={"High"}, reason="time interval ended, still firing")
    tale.done()


def test_without_an_interval_a_repeat_that_never_comes_never_comes(story):
    tale = story(ROUTES, TEAM.replace("#alerts'}]", "#alerts'}], repeat_interval: never"))
    tale.at(0).push(alert("High", ends=9 * 86_400))
    tale.at(6 * 86_400)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()


def test_who_was_told_learns_quietly_of_an_end_that_was_held_back_and_no_phone_rings(story):
    tale = story(ROUTES, BOTH)
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(10), 9000)
    tale.at(310).resolve(alert("High"))
    tale.at(20_000)
    for target in (SLACK, BOB):
        tale.want(between(1, 1), target, firing={"High"})
    quiet = tale.want(between(601, 601), SLACK, resolved={"High"}, reason="resolved while it was held back")
    assert quiet.message.options["quiet"] is True
    tale.done()
    said = [each["reason"] for each in tale.history(alert("High").fingerprint)]
    assert "it ended while it was held back: others are told quietly, and no phone rings for that" in said


def test_whoever_has_only_a_phone_learns_of_an_end_that_was_held_back_all_the_same(story):
    tale = story(ROUTES, "receivers: {team: {notify: [{person: bob, by: [sms]}]}}\n")
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(10), 9000)
    tale.at(310).resolve(alert("High"))
    tale.at(20_000)
    tale.want(between(1, 1), BOB, firing={"High"})
    tale.want(between(601, 601), BOB, resolved={"High"}, reason="resolved while it was held back")
    tale.done()


def test_an_end_that_nothing_held_back_rings_as_ever(story):
    tale = story(ROUTES, BOTH)
    tale.at(0).push(alert("High", ends=LONG))
    tale.at(10).resolve(alert("High"))
    tale.at(2000)
    for target in (SLACK, BOB):
        tale.want(between(1, 1), target, firing={"High"})
        tale.want(between(301, 301), target, resolved={"High"}, reason="all alerts resolved")
    tale.done()


def test_the_phone_that_was_spared_the_end_rings_when_it_fires_anew(story):
    tale = story(ROUTES, BOTH)
    tale.at(0).push(alert("High", ends=LONG))
    silence(tale.at(10), 700)
    tale.at(20).resolve(alert("High"))
    tale.at(800).push(alert("High", ends=LONG))
    tale.at(900)
    assert [each.at for each in tale.messages(BOB)] == [1, 801]
    assert [bool(each.firing) for each in tale.messages(SLACK)] == [True, False, True]


HIGH, VERY_HIGH = alert("High", job="rag", ends=LONG), alert("VeryHigh", job="rag", ends=LONG)
KEPT = replace(HIGH, kept=True)
"""Its condition is over; `keep_firing_for` holds it."""


def outage_that_is_over(tale: Story) -> Story:
    """Play a stronger alert that mutes a weaker one, and whose end finds that one only kept firing."""
    tale.at(0).push(VERY_HIGH, HIGH)
    tale.at(290).push(KEPT)
    tale.at(300).resolve(VERY_HIGH)
    return tale


def test_nobody_is_called_for_what_is_only_kept_firing_when_what_muted_it_is_over(story):
    tale = story(ROUTES, TEAM)
    outage_that_is_over(tale).at(700).resolve(KEPT)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(300, 301), SLACK, resolved={"VeryHigh"})
    tale.done()
    assert "keep_firing_for: its condition was over before what held it back" in [
        each["reason"] for each in tale.history(HIGH.fingerprint)
    ]


def test_what_was_only_kept_firing_is_told_once_its_condition_holds_again(story):
    tale = story(ROUTES, TEAM)
    outage_that_is_over(tale).at(500).push(HIGH)
    tale.at(1200)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(300, 301), SLACK, resolved={"VeryHigh"})
    tale.want(between(500, 801), SLACK, firing={"High"})
    tale.done()


def test_whoever_was_told_of_an_alert_hears_of_it_as_before_while_it_is_only_kept_firing(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(HIGH)
    tale.at(100).push(VERY_HIGH)
    tale.at(290).push(KEPT)
    tale.at(400).resolve(VERY_HIGH)
    tale.at(900).resolve(KEPT)
    tale.at(3000)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.want(between(101, 101), SLACK, firing={"VeryHigh"})
    tale.want(between(400, 401), SLACK, resolved={"VeryHigh"})
    tale.want(between(400, 401), SLACK, firing={"High"}, reason="still firing")
    tale.want(between(900, 901), SLACK, resolved={"High"})
    tale.done()
