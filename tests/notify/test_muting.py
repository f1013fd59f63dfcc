"""What holds alerts back: inhibition, silences, time intervals; and that nobody is left believing in a fire that is out."""

from __future__ import annotations

import pytest

from agent.errors import InvalidInput
from agent.model import Alert, Labels
from agent.notify import SilenceState, Suppression, parse_matchers
from agent.notify.inhibition import Inhibitor, InhibitRule, Sources
from tests.notify.story import START_MS, alert, between

SLACK = "slack:#alerts"
ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 1h
receivers: [{name: team}]
inhibit_rules:
  - source_matchers: [alertname=VeryHigh]
    target_matchers: [alertname=High]
    equal: [job]
"""
TEAM = "receivers: {team: {notify: [{slack: '#alerts'}]}}\n"
STRICT = TEAM + "settings: {alertmanager_compat: strict, send_resolved: 'true'}\n"


def rule(sources: str, targets: str, *equal: str) -> InhibitRule:
    return InhibitRule(parse_matchers(sources).matchers, parse_matchers(targets).matchers, equal)


def firing(**labels: str) -> Alert:
    return Alert(Labels(labels), Labels(), 1, 0)


def muted_by(rules: list[InhibitRule], alerts: list[Alert], target: Alert, at_ms: int = 100) -> str:
    known = {each.fingerprint: each for each in [*alerts, target]}
    sources = Sources(rules, ((key, each.labels) for key, each in known.items()))
    return Inhibitor(sources, lambda key: not known[key].resolved_at(at_ms)).inhibited_by(target.fingerprint)


S1 = {"s": "1"}
INHIBITION = [
    # rule, sources, target, muted
    ("equal labels", rule("s=1", "t=1", "e"), [{**S1, "e": "x"}], {"t": "1", "e": "x"}, True),
    ("other labels", rule("s=1", "t=1", "e"), [{**S1, "e": "x"}], {"t": "1", "e": "y"}, False),
    ("missing on both sides", rule("s=1", "t=1", "e"), [S1], {"t": "1"}, True),
    ("missing on one side", rule("s=1", "t=1", "e"), [{**S1, "e": "x"}], {"t": "1"}, False),
    ("no equal: any source", rule("s=1", "t=1"), [{**S1, "a": "1"}], {"t": "1", "a": "2"}, True),
    ("no source", rule("s=1", "t=1"), [{"s": "2"}], {"t": "1"}, False),
    ("no target", rule("s=1", "t=1"), [S1], {"t": "2"}, False),
    ("itself", rule("s=1", "t=1"), [{**S1, "t": "1"}], {**S1, "t": "1"}, False),
    ("two-sided source, two-sided target", rule("s=1", "t=1"), [{**S1, "t": "1", "n": "1"}], {**S1, "t": "1"}, False),
    ("two-sided source, plain target", rule("s=1", "t=1"), [{**S1, "t": "1"}], {"t": "1"}, True),
    ("plain source, two-sided target", rule("s=1", "t=1"), [S1], {**S1, "t": "1"}, True),
    (
        "a two-sided source does not hide a plain one",
        rule("s=1", "t=1", "e"),
        [{**S1, "t": "1", "e": "x", "n": "1"}, {**S1, "e": "x"}],
        {**S1, "t": "1", "e": "x", "n": "2"},
        True,
    ),
    ("an empty rule mutes nothing", rule("{}", "{}"), [S1, {"t": "1"}], {"t": "1"}, False),
]


@pytest.mark.parametrize(
    ("name", "made", "sources", "target", "muted"), INHIBITION, ids=[each[0] for each in INHIBITION]
)
def test_inhibition(name, made, sources, target, muted):
    assert bool(muted_by([made], [firing(**each) for each in sources], firing(**target))) is muted


def test_only_a_firing_source_inhibits_and_any_of_several_will_do():
    over, target = Alert(Labels.of(s="1", n="1"), Labels(), 1, 50), firing(t="1")
    assert muted_by([rule("s=1", "t=1")], [over], target) == ""
    other = firing(s="1", n="2")
    assert muted_by([rule("s=1", "t=1")], [over, other], target) == other.fingerprint


def test_the_weaker_alert_is_not_told_while_the_stronger_one_fires(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", job="j"), alert("VeryHigh", job="j"), alert("High", job="other"))
    tale.at(4)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()
    (view,) = [each for each in tale.dispatcher.view(tale.now_ms).alerts() if each.inhibited_by]
    assert (view.state, view.alert.labels["job"]) == ("suppressed", "j")


def test_a_muted_source_still_inhibits(story):
    tale = story(ROUTES, TEAM)
    silence(tale, "alertname=VeryHigh", 100)
    tale.at(0).push(alert("High", job="j"), alert("VeryHigh", job="j"))
    tale.at(10)
    tale.done()


def silence(tale, matchers: str, seconds: float):
    made, written = tale.dispatcher.silences.create(
        parse_matchers(matchers).matchers, tale.now_ms, tale.now_ms + int(seconds * 1000), "ana", "test", tale.now_ms
    )
    written.result()
    return made


def test_the_weaker_alert_is_told_when_the_stronger_one_is_over_and_it_still_fires(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("VeryHigh", job="j", ends=999), alert("High", job="j", ends=999))
    tale.at(3).resolve(alert("VeryHigh", job="j"))
    tale.at(20)
    tale.want(between(1, 1), SLACK, firing={"VeryHigh"})
    tale.want(between(6, 6), SLACK, resolved={"VeryHigh"})
    tale.want(between(4, 4), SLACK, firing={"High"}, reason="first notification")
    tale.done()


def test_an_alert_that_was_told_and_then_muted_is_told_again_when_it_comes_back(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", job="j", ends=999))
    tale.at(3).push(alert("VeryHigh", job="j", ends=999))
    tale.at(8).resolve(alert("VeryHigh", job="j"))
    tale.at(30)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.want(between(4, 4), SLACK, firing={"VeryHigh"})
    tale.want(between(9, 9), SLACK, resolved={"VeryHigh"})
    tale.want(between(9, 9), SLACK, firing={"High"}, reason="what inhibited it is over, still firing")
    tale.done()


def test_an_alert_that_ends_while_silenced_is_closed_for_whoever_was_told(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", ends=999))
    tale.at(2)
    silence(tale, "alertname=High", 60)
    tale.at(3).resolve(alert("High"))
    tale.at(30)
    tale.push(alert("High", ends=999))
    tale.at(90)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.want(between(6, 6), SLACK, resolved={"High"})
    tale.want(between(62, 62), SLACK, firing={"High"}, reason="first notification")
    tale.done()


def test_in_strict_mode_an_alert_that_ended_while_silenced_is_not_told_when_it_fires_again(story):
    tale = story(ROUTES, STRICT)
    tale.at(0).push(alert("High", ends=9999))
    tale.at(2)
    silence(tale, "alertname=High", 10)
    tale.at(3).resolve(alert("High"))
    tale.at(30).push(alert("High", ends=9999))
    tale.at(100)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()


def test_in_strict_mode_nothing_is_told_when_a_silence_ends(story):
    tale = story(ROUTES, STRICT)
    tale.at(0).push(alert("High", ends=9999))
    tale.at(2)
    silence(tale, "alertname=High", 10)
    tale.at(100)
    tale.want(between(1, 1), SLACK, firing={"High"})
    tale.done()


def test_a_silence_hides_part_of_a_group_until_it_is_expired(story):
    tale = story(ROUTES, TEAM)
    made = silence(tale, "i=2", 1000)
    tale.at(0).push(alert(i="1", ends=999), alert(i="2", ends=999))
    tale.at(4)
    assert tale.dispatcher.view(tale.now_ms).alerts()[1].silenced_by == (made.id,)
    tale.dispatcher.silences.expire(made.id, tale.now_ms).result()
    tale.at(20)
    tale.want(between(1, 1), SLACK, firing={"1"})
    tale.want(between(4, 4), SLACK, firing={"1", "2"}, reason="new alerts added")
    tale.done()


def test_a_silence_is_pending_then_active_then_expired_and_outlives_a_restart(story):
    tale = story(ROUTES, TEAM, durable=True)
    silences = tale.dispatcher.silences
    made, _ = silences.create(
        parse_matchers("a=b").matchers, START_MS + 10_000, START_MS + 20_000, "ana", "c", START_MS
    )
    tale.restart()
    (kept,) = tale.dispatcher.silences.list(START_MS)
    assert kept == made
    states = [kept.state(START_MS + at) for at in (9_999, 10_000, 19_999, 20_000)]
    assert states == [SilenceState.PENDING, SilenceState.ACTIVE, SilenceState.ACTIVE, SilenceState.EXPIRED]


NONSENSE = [("a=b", 5, 5), ("a=b", 5, 4), ("a=b", -9, -5), ('a=~".*"', 0, 9), ("{}", 0, 9)]


@pytest.mark.parametrize(("matchers", "start", "end"), NONSENSE)
def test_a_silence_that_makes_no_sense_is_refused(story, matchers, start, end):
    tale = story(ROUTES, TEAM)
    with pytest.raises(InvalidInput, match="cannot create the silence"):
        tale.dispatcher.silences.create(
            parse_matchers(matchers).matchers, START_MS + start, START_MS + end, "ana", "", START_MS
        )
    with pytest.raises(InvalidInput, match="none of this id"):
        tale.dispatcher.silences.expire("no-such-id", START_MS)


NIGHT = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 5s
  routes:
    - matchers: [alertname=Muted]
      mute_time_intervals: [now]
    - matchers: [alertname=Asleep]
      active_time_intervals: [later]
    - matchers: [alertname=Awake]
      active_time_intervals: [now]
receivers: [{name: team}]
time_intervals:
  - {name: now, time_intervals: [{times: [{start_time: '08:00', end_time: '08:01'}]}]}
  - {name: later, time_intervals: [{times: [{start_time: '08:01', end_time: '24:00'}]}]}
"""


def test_routes_are_silent_in_their_mute_intervals_and_outside_their_active_ones(story):
    tale = story(NIGHT, TEAM)
    tale.at(0).push(*(alert(name, ends=999) for name in ("Muted", "Asleep", "Awake")))
    tale.at(50)
    tale.want(between(1, 1), SLACK, firing={"Awake"})
    tale.done()
    muted = {each.alert.name: each.muted_by for each in tale.dispatcher.view(tale.now_ms).alerts()}
    assert muted == {"Muted": ("now",), "Asleep": ("later",), "Awake": ()}
    tale.at(70)
    tale.want(between(60, 66), SLACK, firing={"Muted"})
    tale.want(between(60, 66), SLACK, firing={"Asleep"})
    tale.done()


def test_what_held_an_alert_back_is_in_its_history_once(story):
    tale = story(ROUTES, TEAM)
    tale.at(0).push(alert("High", job="j", ends=99), alert("VeryHigh", job="j", ends=99))
    tale.at(30)
    tale.written()
    source = alert("VeryHigh", job="j").fingerprint
    events = tale.dispatcher.history(alert("High", job="j").fingerprint)
    said = [(each.value["what"], each.value["reason"]) for each in events]
    assert said == [("routed", "route {}"), ("suppressed", f"{Suppression.INHIBITION}: {source}")]
