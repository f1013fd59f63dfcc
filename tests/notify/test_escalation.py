"""Paging until somebody answers: steps, acknowledgement, rotation, quiet hours, and who hears of the end."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.notify import parse_matchers
from agent.notify.messages import Renderer
from agent.notify.notification import Channel
from agent.notify.receivers.slack_changes import change, remember
from agent.notify.rotations import Rotation, Team
from agent.schema import read
from tests.notify.story import ESCALATION, START_MS, alert, between

ROUTES = """
route:
  receiver: oncall
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  repeat_interval: 1h
receivers: [{name: oncall}]
"""
ONCALL = """
receivers:
  oncall:
    notify: [{team: search, by: [sms]}]
    escalate:
      - {after: 60s, notify: [{person: bob, by: [sms]}], until: ack}
      - {after: 120s, notify: [{person: chris, by: [sms]}], until: resolve}
settings: {ack_timeout: 30m}
"""
ANA, BOB, CHRIS = "sms:+33600000001", "sms:+33600000002", "sms:+33600000003"
STRICT = "settings: {alertmanager_compat: strict}"
FIRE = alert("Fire", ends=99_999, severity="critical")


def test_the_next_person_is_paged_until_somebody_acknowledges_and_all_hear_of_the_end(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(70).resolve(FIRE)
    tale.at(300)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    page = tale.want(between(60, 60), BOB, firing={"Fire"}, reason="escalation step")
    assert page.message.escalation_step == 1
    tale.want(between(70, 80), ANA, resolved={"Fire"})
    tale.want(between(70, 80), BOB, resolved={"Fire"})
    tale.done()


def test_an_acknowledgement_stops_the_steps_that_wait_for_one_and_no_others(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(30)
    (acked,) = tale.ack("ana", fingerprint=FIRE.fingerprint)
    assert (acked.by, acked.until_ms - acked.at_ms) == ("ana", 30 * 60_000)
    tale.at(300)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    told = tale.want(between(120, 120), CHRIS, firing={"Fire"})
    assert told.message.acknowledged_by == "ana"
    tale.done()
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert incident.acknowledged == acked
    assert [step.state for step in incident.steps] == ["stopped", "done"]


def test_it_can_be_acknowledged_by_incident_or_by_labels_and_not_by_anything_else(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(1)
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    assert tale.ack(fingerprint="0000000000000000") == ()
    assert tale.ack(incident="nonsense") == ()
    assert tale.ack(matchers=parse_matchers("alertname=Other").matchers) == ()
    assert tale.ack() == ()
    assert len(tale.ack(matchers=parse_matchers("alertname=Fire").matchers)) == 1
    assert len(tale.ack(incident=incident.id)) == 1


def test_an_alert_that_joins_ends_the_acknowledgement_and_the_chain_starts_over(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(30)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(40).push(alert("Fire", ends=99_999, severity="critical", i="2"))
    tale.at(99)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(40, 40), ANA, firing={"Fire", "2"}, reason="new alerts added")
    tale.done()
    tale.at(100)
    tale.want(between(100, 100), BOB, firing={"Fire", "2"})


def test_an_acknowledgement_ends_with_the_incident(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(30)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(40).resolve(FIRE)
    tale.at(60).push(FIRE)
    tale.at(125)
    assert [each.at for each in tale.messages(BOB)] == [120]


def test_repeats_are_held_back_while_somebody_takes_care_and_come_when_that_has_passed(story):
    tale = story(
        ROUTES.replace("1h", "10m"), ONCALL.replace("escalate:", "escalate: []\n    #").replace("\n      -", "\n    #")
    )
    tale.at(0).push(FIRE)
    tale.at(100)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(1890)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.done()
    tale.at(1920)
    tale.want(between(1900, 1900), ANA, firing={"Fire"}, reason="ana acknowledged this 30m ago, and it still fires")
    tale.done()
    tale.at(2400)
    tale.want(between(2200, 2210), ANA, firing={"Fire"}, reason="repeat")


def test_a_step_waits_while_the_alert_is_silenced_and_runs_when_it_is_seen_again(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(50)
    matchers = parse_matchers("alertname=Fire").matchers
    tale.dispatcher.silences.create(matchers, tale.now_ms, tale.now_ms + 25_000, "ana", "", tale.now_ms)
    tale.at(100)
    assert [each.at for each in tale.messages(BOB)] == [80]


ESCALATION_ONLY = """
route:
  receiver: none
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  routes:
    - {receiver: later, matchers: ['channels=~"(^|.*,)(email|sms)(,.*|$)"'], continue: true}
    - {receiver: mail, matchers: ['channels=~"(^|.*,)email(,.*|$)"'], continue: true}
    - {receiver: texts, matchers: ['channels=~"(^|.*,)sms(,.*|$)"'], continue: true}
receivers: [{name: none}, {name: later}, {name: mail}, {name: texts}]
"""
ESCALATION_ONLY_PLAN = """
receivers:
  later: {escalate: [{after: 60s, notify: [{person: bob, by: [sms]}]}]}
  mail: {notify: [{person: ana, by: [email]}]}
  texts: {notify: [{person: ana, by: [sms]}]}
"""


def test_named_channels_decide_the_first_message_and_never_the_escalation(story):
    tale = story(ESCALATION_ONLY, ESCALATION_ONLY_PLAN)
    tale.at(0).push(alert("Mail", channels="email", ends=9999), alert("Both", channels="email,sms", ends=9999))
    tale.at(70)
    tale.want(between(0, 0), "email:ana@example.org", firing={"Mail"})
    tale.want(between(0, 0), "email:ana@example.org", firing={"Both"})
    tale.want(between(0, 0), ANA, firing={"Both"})
    tale.want(between(60, 60), BOB, firing={"Mail"})
    tale.want(between(60, 60), BOB, firing={"Both"})
    tale.done()
    tale.ack("bob", fingerprint=alert("Both", channels="email,sms").fingerprint)
    views = {each.receiver: each for each in tale.dispatcher.view(tale.now_ms).incidents() if "Both" in str(each)}
    assert {name for name, each in views.items() if each.acknowledged} == {"later", "mail", "texts"}


TWICE = """
route:
  receiver: one
  group_by: [alertname]
  group_wait: 0s
  group_interval: 10s
  routes:
    - {receiver: one, matchers: [a=b], continue: true}
    - {receiver: two, matchers: [a=b], group_wait: 20s}
receivers: [{name: one}, {name: two}]
"""
TWICE_PLAN = """
receivers:
  one:
    notify: [{person: ana, by: [sms]}, {team: search, by: [sms]}]
    escalate: [{after: 90s, notify: [{person: bob, by: [sms]}]}]
  two:
    notify: [{person: ana, by: [sms, email]}]
    escalate: [{after: 90s, notify: [{person: bob, by: [sms]}]}]
"""


def test_one_alert_by_two_receivers_pages_one_phone_once_and_closes_it_once(story):
    tale = story(TWICE, TWICE_PLAN)
    fire = alert("Fire", a="b", ends=9999)
    tale.at(0).push(fire)
    tale.at(115).resolve(fire)
    tale.at(200)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(20, 20), "email:ana@example.org", firing={"Fire"})
    tale.want(between(90, 90), BOB, firing={"Fire"})
    tale.want(between(115, 130), ANA, resolved={"Fire"})
    tale.want(between(115, 130), "email:ana@example.org", resolved={"Fire"})
    tale.want(between(115, 130), BOB, resolved={"Fire"})
    tale.done()


def test_the_chain_is_the_one_that_stood_when_the_incident_began(story):
    tale = story(ROUTES, ONCALL)
    tale.at(0).push(FIRE)
    tale.at(10)
    changed = ESCALATION.replace("+33600000002", "+33600000009")
    tale.reload(ROUTES, changed + "receivers: {oncall: {notify: [{person: ana, by: [sms]}]}}")
    tale.at(70)
    tale.want(between(0, 0), ANA, firing={"Fire"})
    tale.want(between(60, 60), "sms:+33600000009", firing={"Fire"})
    tale.done()


def test_a_team_takes_turns_by_the_week_on_the_wall_clock():
    text = "members: [ana, bob]\nrotation: {every: 1w, starts: '2026-03-23T09:00', timezone: Europe/Paris}"
    team = read(Team, text, "team.yml")

    def at(moment: str) -> tuple[str, ...]:
        return team.on_call(
            int(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)
        )

    # Summer time begins on 2026-03-29.
    moments = ["2026-03-23T09:00", "2026-03-30T08:59", "2026-03-30T09:00", "2026-04-06T09:00", "2026-03-23T08:59"]
    assert [at(each)[0] for each in moments] == ["ana", "ana", "bob", "ana", "bob"]


def test_somebody_who_covers_is_on_call_for_as_long_as_the_override_says():
    text = "members: [ana]\noverrides: [{person: eve, from: '2026-01-05T08:00', until: '2026-01-05T09:00'}]"
    team = read(Team, text, "team.yml")
    hour = 3_600_000
    assert [team.on_call(START_MS + each) for each in (-1, 0, hour - 1, hour)] == [
        ("ana",),
        ("eve",),
        ("eve",),
        ("ana",),
    ]


def test_a_turn_may_be_a_part_of_a_day():
    rotation = read(Rotation, "{starts: '2026-01-05T08:00', every: 8h}", "r.yml")
    assert [rotation.turn(START_MS + hours * 3_600_000) for hours in (-1, 0, 7, 8, 16)] == [-1, 0, 0, 1, 2]


QUIET = """
receivers: {oncall: {notify: [{person: eve, by: [slack]}]}}
"""


@pytest.fixture
def quiet(story):
    people = ESCALATION.replace(
        "  chris:", "  eve: {slack: UEVE, timezone: Europe/Paris, quiet_hours: {times: '08:30-09:05'}}\n  chris:"
    )
    return story(ROUTES, QUIET, base=people)


def test_a_warning_waits_for_the_end_of_the_quiet_hours_and_a_critical_alert_does_not(quiet):
    # 08:00 UTC is 09:00 in Paris.
    quiet.at(0).push(alert("W", severity="warning", ends=9999), alert("C", severity="critical", ends=9999))
    quiet.at(400)
    quiet.want(between(0, 0), "slack:UEVE", firing={"C"})
    quiet.want(between(300, 300), "slack:UEVE", firing={"W"})
    quiet.done()


def test_what_began_and_ended_in_the_quiet_hours_and_nobody_heard_of_is_told_to_nobody(quiet):
    quiet.at(0).push(alert("W", severity="warning", ends=9999))
    quiet.at(60).resolve(alert("W", severity="warning"))
    quiet.at(400)
    quiet.done()
    told = quiet.written().dispatcher.history(alert("W", severity="warning").fingerprint)
    assert any("nobody had been told" in str(each.value.get("detail")) for each in told)


def test_what_began_and_ended_in_the_quiet_hours_while_others_heard_is_one_message_in_the_morning(story):
    people = ESCALATION.replace(
        "  chris:", "  eve: {slack: UEVE, timezone: Europe/Paris, quiet_hours: {times: '08:30-09:05'}}\n  chris:"
    )
    tale = story(ROUTES, QUIET.replace("[{person", "[{slack: '#team'}, {person"), base=people)
    tale.at(0).push(alert("W", severity="warning", ends=9999))
    tale.at(60).resolve(alert("W", severity="warning"))
    tale.at(400)
    tale.want(between(0, 0), "slack:#team", firing={"W"})
    tale.want(between(60, 70), "slack:#team", resolved={"W"})
    tale.want(between(300, 300), "slack:UEVE", resolved={"W"}, reason="fired and resolved before it could be sent")
    tale.done()


def test_what_changed_overnight_is_one_message_in_the_morning_with_the_latest_state(quiet):
    quiet.at(0).push(alert("W", severity="warning", ends=9999), alert("W", severity="warning", i="2", ends=9999))
    quiet.at(60).resolve(alert("W", severity="warning"))
    quiet.at(400)
    quiet.want(between(300, 300), "slack:UEVE", firing={"2"}, resolved={"W"})
    quiet.done()


def test_whoever_was_told_before_the_night_hears_of_the_end_in_the_morning(story):
    people = ESCALATION.replace(
        "  chris:", "  eve: {slack: UEVE, timezone: Europe/Paris, quiet_hours: {times: '09:01-09:10'}}\n  chris:"
    )
    tale = story(ROUTES, QUIET, base=people)
    tale.at(0).push(alert("W", severity="warning", ends=9999))
    tale.at(120).resolve(alert("W", severity="warning"))
    tale.at(900)
    tale.want(between(0, 0), "slack:UEVE", firing={"W"})
    tale.want(between(600, 600), "slack:UEVE", resolved={"W"}, reason="all alerts resolved")
    tale.done()


def test_a_repeat_counts_from_the_end_of_the_quiet_hours_in_which_the_first_message_waited(quiet):
    quiet.at(0).push(alert("W", severity="warning", ends=99_999))
    quiet.at(8000)
    assert [each.at for each in quiet.messages("slack:UEVE")] == [300, 300 + 3600, 300 + 7200]


def test_everybody_has_an_address_only_for_the_channels_that_reach_people(story):
    tale = story(ROUTES, ONCALL)
    ana = tale.routing.directory.people["ana"]
    addresses = {channel: ana.address(channel) for channel in Channel if ana.address(channel)}
    assert addresses == {Channel.EMAIL: "ana@example.org", Channel.SLACK: "U0ANA", Channel.SMS: "+33600000001"}


CHAIN = """
receivers:
  oncall:
    notify: [{person: ana, by: [sms]}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}, {after: 15m, notify: [{person: chris, by: [sms]}]}]
"""
ONE = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s, repeat_interval: 10h}
receivers: [{name: oncall}]
"""


def test_after_a_long_silence_the_steps_come_one_after_the_other_and_not_at_once(story):
    tale = story(ONE, CHAIN)
    tale.at(0).push(FIRE)
    tale.at(60)
    matchers = parse_matchers("alertname=Fire").matchers
    tale.dispatcher.silences.create(matchers, tale.now_ms, START_MS + 7_200_000, "ana", "", tale.now_ms)
    tale.at(9000)
    (bob,), (chris,) = tale.messages("sms:+33600000002"), tale.messages("sms:+33600000003")
    assert 7200 <= bob.at <= 7220
    assert chris.at - bob.at == 600


def test_after_hours_without_a_process_the_steps_come_one_after_the_other_and_not_at_once(story):
    tale = story(ONE, CHAIN, durable=True)
    tale.at(0).push(FIRE)
    tale.at(30).restart(after=10_000)
    tale.push(FIRE).at(12_000)
    (bob,), (chris,) = tale.messages("sms:+33600000002"), tale.messages("sms:+33600000003")
    assert (bob.at, chris.at) == (10_030, 10_630)


def test_whatever_goes_to_one_person_says_times_in_their_zone_and_a_channel_in_utc(story):
    zoned = ESCALATION.replace('"+33600000002"}', '"+33600000002", timezone: America/New_York}')
    plan = """
receivers:
  oncall:
    notify: [{slack: '#alerts'}]
    escalate:
      - {after: 5m, notify: [{person: bob, by: [sms, email, slack]}]}
      - {after: 10m, notify: [{person: ana, by: [sms]}]}
"""
    tale = story(ONE, plan, base=zoned)
    tale.at(0).push(alert("Fire", starts=0, ends=99_999, severity="critical")).at(700)
    words = Renderer()
    said = {each.target: each.message for each in tale.sent}
    assert "since 03:00 EST" in words.sms(said[BOB])
    assert "Since:     03:00 EST (08:00 UTC)" in words.email(said["email:bob@example.org"]).text
    assert "|03:00 EST>" in str(words.slack(said["slack:U0BOB"]).attachment)
    assert "|08:00 UTC>" in str(words.slack(said["slack:#alerts"]).attachment)
    assert "since 08:00 UTC" in words.sms(said[ANA])
    assert "EST" not in str(words.slack(said["slack:#alerts"]).attachment)


IN_TURN = """
receivers:
  oncall:
    notify: [{slack: '#alerts'}, {person: ana, by: [slack]}]
    escalate:
      - {after: 5m, notify: [{person: bob, by: [sms, email]}, {person: chris, by: [sms]}]}
      - {after: 10m, notify: [{slack: '#other'}]}
      - {after: 15m, notify: [{person: chris, by: [sms]}], until: resolve}
"""
CALLED = "Nobody answered for 5m; bob (SMS, email) and chris (SMS) are being called"
PLACE = "slack:#alerts"


def test_the_thread_of_a_slack_channel_says_whom_a_step_calls_and_the_message_who_was_told_so_far(story):
    tale = story(ONE, IN_TURN)
    tale.at(0).push(FIRE).at(800)
    first, line = tale.messages(PLACE)
    assert (first.at, line.at, line.message.reason) == (0, 300, CALLED)
    said = Renderer().slack(line.message, change(line.message, remember(first.message)))
    assert said.reply == CALLED
    assert "Also told: ana, bob, chris" in str(said.attachment)
    tale.ack("ana", fingerprint=FIRE.fingerprint)
    tale.at(950)
    *_, taken, last = tale.messages(PLACE)
    assert "Also told: ana, bob, chris" in str(Renderer().slack(taken.message).attachment)
    assert last.message.reason == "Not over after 15m; chris (SMS) is being called"


def test_a_thread_says_nothing_of_whoever_is_left_to_sleep_or_cannot_be_called_or_in_strict_mode(story):
    quiet = ESCALATION.replace(
        '"+33600000002"}', '"+33600000002", quiet_hours: {severities: [critical], times: "22:00-12:00"}}'
    )
    plan = IN_TURN.replace("sms, email", "sms").replace(", {person: chris, by: [sms]}]}", "]}").replace("15m", "15h")
    for base, more in (
        (quiet, ""),
        (quiet.replace("auth_token: t", "auth_token_file: /nowhere/token"), ""),
        (ESCALATION, STRICT),
    ):
        tale = story(ONE, plan + more, base=base)
        tale.at(0).push(FIRE).at(800)
        assert len(tale.messages(PLACE)) == 1


def test_a_channel_that_posts_each_message_anew_gets_none_for_every_step(story):
    base = ESCALATION.replace("bot_token: xoxb-test", "webhook_url: 'https://hooks.example.org/x'")
    tale = story(ONE, IN_TURN, base=base)
    tale.at(0).push(FIRE).at(800)
    assert len(tale.messages(PLACE)) == 1


def test_somebody_who_was_left_to_sleep_for_a_warning_is_woken_when_a_critical_alert_joins(story):
    quiet = "quiet_hours: {severities: [warning], times: '22:00-09:00'}"  # the story begins at 8:00
    tale = story(ONE, CHAIN, base=ESCALATION.replace('"+33600000002"}', f'"+33600000002", {quiet}}}'))
    tale.at(0).push(alert("Fire", ends=99_999, severity="warning", i="w"))
    tale.at(400)
    assert tale.messages(BOB) == []
    tale.push(alert("Fire", ends=99_999, severity="critical", i="c"))
    tale.at(420)
    (page,) = tale.messages(BOB)
    assert page.firing == {"w", "c"}
    tale.at(7200)
    assert tale.messages(BOB) == [page], "nor is he told again in the morning"
