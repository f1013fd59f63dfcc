"""Who is told by which channel for which severity, in which hours, who is next, and how often the chain starts over."""

from __future__ import annotations

import pytest

from tests.notify.story import ESCALATION, alert, between

ROUTES = """
route: {receiver: oncall, group_by: [job], group_wait: 0s, group_interval: 10s, repeat_interval: 24h}
receivers: [{name: oncall}]
"""
PEOPLE = (
    ESCALATION.replace('starts: "2026-01-05T00:00"', 'starts: "2026-01-05T00:00"')
    + """
policies:
  critical: {by: [slack, sms]}
  warning: {by: [slack], in_hours: [email], hours: {times: "08:30-18:00", weekdays: ["monday:friday"]}}
  info: {by: [log]}
"""
)
ONCALL = "\nreceivers: {oncall: {notify: [{team: search}]}}"
ANA_SMS, ANA_SLACK, ANA_MAIL = "sms:+33600000001", "slack:U0ANA", "email:ana@example.org"
BOB_SMS = "sms:+33600000002"
HALF_PAST_EIGHT = 1800


def fire(severity: str, i: str = "1"):
    return alert("Fire", severity=severity, job="rag", i=i, ends=999_999)


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        ("critical", {ANA_SLACK: 0, ANA_SMS: 0}),
        ("warning", {ANA_SLACK: 0, ANA_MAIL: HALF_PAST_EIGHT}),
        ("info", {"log:log": 0}),
        ("page", {ANA_SLACK: 0, ANA_MAIL: HALF_PAST_EIGHT}),
    ],
)
def test_the_severity_chooses_the_channels_and_the_hours(story, severity, told):
    if severity == "page":
        people = PEOPLE.replace(
            "  info:", "  other: " + PEOPLE.partition("warning: ")[2].partition("\n")[0] + "\n  info:"
        )
    else:
        people = PEOPLE
    tale = story(ROUTES, ONCALL, base=people)
    tale.at(0).push(fire(severity))
    tale.at(7200)
    assert {each.target: each.at for each in tale.sent} == told


def test_without_policies_of_its_own_the_file_has_those_of_the_manual(story):
    tale = story(ROUTES, ONCALL, base=ESCALATION)
    tale.at(0).push(fire("critical"))
    assert {each.target for each in tale.sent} == {ANA_SLACK, ANA_SMS}


def test_a_persons_own_policy_wins(story):
    people = PEOPLE.replace('phone: "+33600000001"', 'phone: "+33600000001", policies: {critical: {by: [email]}}')
    tale = story(ROUTES, ONCALL, base=people)
    tale.at(0).push(fire("critical"))
    assert [each.target for each in tale.sent] == [ANA_MAIL]


def test_when_the_severity_rises_the_louder_channels_join_and_all_hear_of_the_end(story):
    tale = story(ROUTES, ONCALL, base=PEOPLE)
    tale.at(0).push(fire("warning"))
    tale.at(60).push(fire("critical", "2"))
    tale.at(100).resolve(fire("critical", "2"))
    tale.at(120)
    tale.want(between(0, 0), ANA_SLACK, firing={"1"})
    tale.want(between(60, 60), ANA_SLACK, firing={"1", "2"})
    tale.want(between(60, 60), ANA_SMS, firing={"1", "2"})
    tale.want(between(100, 110), ANA_SLACK, firing={"1"}, resolved={"2"})
    tale.want(between(100, 110), ANA_SMS, firing={"1"}, resolved={"2"})
    tale.done()
    tale.at(HALF_PAST_EIGHT)
    tale.want(between(HALF_PAST_EIGHT, HALF_PAST_EIGHT), ANA_MAIL, firing={"1"}, resolved={"2"})


def test_why_a_channel_was_not_used_is_written_down(story):
    tale = story(ROUTES, ONCALL, base=PEOPLE)
    tale.at(0).push(fire("warning"))
    said = [each.value for each in tale.written().dispatcher.history(fire("warning").fingerprint)]
    (told,) = [
        each
        for each in said
        if each["reason"] == "alerts of this severity are told by other ways" and "sms" in each["detail"]
    ]
    assert told["detail"] == "team:search/sms"
    (mail,) = [each for each in said if each.get("target") == ANA_MAIL and each["what"] == "written"]
    assert mail["detail"] == "waits until 08:30 UTC: email goes out within monday-friday 08:30-18:00"


def test_a_line_of_notify_may_hold_for_some_severities_and_hours(story):
    plan = """
receivers:
  oncall:
    notify:
      - {slack: '#rag'}
      - {email: list@example.org, hours: {times: "11:00-19:00", timezone: Asia/Tokyo}}
      - {email: list@example.org, hours: {times: "10:00-11:00"}, severities: [info]}
      - {slack: '#loud', severities: [critical]}
settings: {timezone: Europe/Paris}
"""
    tale = story(ROUTES, plan)
    tale.at(0).push(fire("warning"))
    tale.at(7200)
    assert {each.target: each.at for each in tale.sent} == {"slack:#rag": 0, "email:list@example.org": 0}
    tale.at(7300).push(fire("critical", "2"))
    assert [each.at for each in tale.messages("slack:#loud")] == [7300]


def test_hours_of_a_place_are_of_the_settings_time_zone(story):
    plan = """
receivers: {oncall: {notify: [{email: list@example.org, hours: {times: "09:30-10:00"}}]}}
settings: {timezone: Europe/Paris}
"""
    tale = story(ROUTES, plan)
    tale.at(0).push(fire("warning"))
    tale.at(7200)
    assert [each.at for each in tale.sent] == [HALF_PAST_EIGHT], "half past nine in Paris is half past eight in UTC"


CHAIN = """
receivers:
  oncall:
    notify: [{team: search, by: [sms]}]
    escalate:
      - {after: 60s, notify: [{team: search, on_call: next, by: [sms]}]}
      - {after: 120s, notify: [{person: chris, by: [sms]}, {team: search, by: [slack]}]}
"""


def test_the_next_person_of_the_rotation_is_told_and_then_everybody(story):
    tale = story(ROUTES, CHAIN)
    tale.at(0).push(fire("critical"))
    tale.at(500)
    assert [(each.at, each.target) for each in tale.sent] == [
        (0, ANA_SMS),
        (60, BOB_SMS),
        (120, "sms:+33600000003"),
        (120, ANA_SLACK),
    ]


def test_the_chain_starts_over_as_often_as_it_says_and_no_more(story):
    tale = story(ROUTES, CHAIN.replace("    escalate:", "    repeat: 2\n    escalate:"))
    tale.at(0).push(fire("critical"))
    tale.at(5000)
    assert [each.at for each in tale.messages(BOB_SMS)] == [60, 180, 300]
    assert [each.at for each in tale.messages("sms:+33600000003")] == [120, 240, 360]
    assert [each.at for each in tale.messages(ANA_SMS)] == [0]
    assert [each.message.escalation_step for each in tale.messages(BOB_SMS)] == [1, 3, 5]


def test_a_step_waits_for_its_hours_and_holds_no_other_up(story):
    chain = CHAIN.replace("after: 60s,", 'after: 60s, hours: {times: "10:00-16:00", timezone: Europe/Paris},')
    tale = story(ROUTES, chain)
    tale.at(0).push(fire("critical"))
    tale.at(5000)
    assert [each.at for each in tale.messages("sms:+33600000003")] == [120]
    assert [each.at for each in tale.messages(BOB_SMS)] == [3600], "ten o'clock in Paris"
    said = [each.value["reason"] for each in tale.written().dispatcher.history(fire("critical").fingerprint)]
    assert "step 1 waits for its hours: 10:00-16:00 Europe/Paris" in said


def test_a_step_that_waits_for_its_hours_is_stopped_by_an_acknowledgement(story):
    chain = CHAIN.replace("after: 60s,", 'after: 60s, hours: {times: "10:00-16:00", timezone: Europe/Paris},')
    tale = story(ROUTES, chain)
    tale.at(0).push(fire("critical"))
    tale.at(90)
    tale.ack("ana", fingerprint=fire("critical").fingerprint)
    tale.at(5000)
    assert tale.messages(BOB_SMS) == []


EDITS = {
    "the chain is gone": "\nreceivers: {oncall: {notify: [{team: search, by: [sms]}]}}",
    "bob is gone": CHAIN,
    "the team is gone": "\nreceivers: {oncall: {notify: [{person: ana, by: [sms]}]}}",
    "nothing": CHAIN,
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("when", [1, 59, 61, 119, 121, 179, 181])
def test_the_chain_of_the_beginning_goes_on_over_a_restart_with_an_edited_file(story, edit, when):
    """Whatever the file says after a restart, the steps are those of the page; who stands behind a name is looked up."""
    tale = story(ROUTES, CHAIN.replace("    escalate:", "    repeat: 1\n    escalate:"), durable=True)
    tale.at(0).push(fire("critical"))
    tale.at(when)
    people = ESCALATION
    if edit == "bob is gone":
        people = "\n".join(line for line in ESCALATION.splitlines() if "bob:" not in line).replace(
            "[ana, bob]", "[ana, chris]"
        )
        people = people.replace("chris: {", "chris: {slack: UCHRIS, ")
    if edit == "the team is gone":
        people = ESCALATION.partition("teams:")[0] + "channels:" + ESCALATION.partition("channels:")[2]
    tale.routing = tale.load(ROUTES, people + EDITS[edit])
    tale.restart()
    tale.at(1000)
    chris, nexts = [each.at for each in tale.messages("sms:+33600000003")], [each.at for each in tale.messages(BOB_SMS)]
    if edit == "bob is gone":
        # Whoever is next is chris now, who is told again by the last step of each round.
        assert nexts == [at for at in (60, 180) if at < when]
        assert chris == sorted({120, 240} | {at for at in (60, 180) if at > when})
    else:
        assert (nexts, chris) == ([60, 180], [120, 240])
    assert [each.at for each in tale.messages(ANA_SMS)] == [0]
