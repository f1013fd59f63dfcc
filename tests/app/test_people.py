"""What people do over HTTP, with the real dispatcher behind it: links on a phone, taking over, giving back, who is on call."""

from __future__ import annotations

import json
import re

import pytest
from structlog.testing import capture_logs

from agent.model import Secret
from agent.notify import Action, Grant, Links
from tests.app.phone import BASE, Phone
from tests.notify.story import ESCALATION, START_MS, Story, alert

ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s, repeat_interval: 10h}
receivers: [{name: oncall}]
"""
PLAN = """
receivers:
  oncall:
    notify: [{person: ana, by: [sms, email]}, {slack: '#alerts'}]
    escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]
settings: {ack_timeout: 1h}
"""
FIRE = alert("Fire", starts=0, ends=99_999, severity="critical", job="rag")


@pytest.fixture
def tale(tmp_path):
    made = Story(tmp_path, ROUTES, ESCALATION + PLAN, external_url=BASE)
    made.at(0).push(FIRE)
    yield made
    made.close()


@pytest.fixture
def phone(tale):
    made = Phone(tale)
    yield made
    made.close()


def path_of(url: str) -> str:
    assert url.startswith(f"{BASE}/a/")
    return url.removeprefix(BASE)


def mail(tale: Story):
    return next(each.message for each in tale.sent if each.target.startswith("email:"))


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", answer.said, flags=re.DOTALL))


def taken_by(tale: Story) -> str:
    (incident,) = tale.dispatcher.view(tale.now_ms).incidents()
    return incident.acknowledged.by if incident.acknowledged else ""


def test_opening_the_link_shows_what_it_is_about_and_changes_nothing(tale, phone):
    tale.at(90)
    for _ in range(3):
        answer = phone.open(path_of(mail(tale).ack_url))
        assert answer.status == 200
    said = words(answer)
    assert "Fire" in said
    assert "on rag" in said
    assert "Firing for 1m, since 08:00 UTC" in said
    assert "You are ana" in said
    assert "I have it" in said
    assert "bob by sms would be next" in said
    assert "ana by email sent" in said or "ana by email delivered" in said
    assert taken_by(tale) == ""
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in answer.headers


def test_pressing_the_button_takes_it_and_the_page_says_so(tale, phone):
    tale.at(90)
    path = path_of(mail(tale).ack_url)
    answer = phone.press(path, comment="restarting it")
    assert answer.status == 303
    assert answer.headers["Location"] == path.rpartition("/")[2]
    assert taken_by(tale) == "ana"
    said = words(phone.open(path))
    assert "You have it since 08:01 UTC" in said
    assert "asked again at 09:01 UTC" in said
    assert "restarting it" in said
    assert "I still have it: ask me again in 1h" in said
    tale.at(1000)
    assert tale.messages("sms:+33600000002") == []


def test_who_opens_it_second_sees_who_has_it_and_may_take_it_over(tale, phone):
    tale.ack("bob", incident=mail(tale).incident, comment="on my way")
    path = path_of(mail(tale).ack_url)
    said = words(phone.open(path))
    assert "bob has it since 08:00 UTC" in said
    assert "on my way" in said
    assert "Take it over from bob" in said
    assert phone.press(path).status == 303
    assert taken_by(tale) == "ana"


def test_from_a_place_that_many_read_one_has_to_say_who_one_is(tale, phone):
    (slack,) = tale.messages("slack")
    path = path_of(slack.message.ack_url)
    assert 'name="by" required' in phone.open(path).said
    refused = phone.press(path, by="  ")
    assert refused.status == 400
    assert "Say who takes it" in refused.said
    assert taken_by(tale) == ""
    phone.press(path, by="the <b>night</b> shift")
    assert taken_by(tale) == "the <b>night</b> shift"
    assert "the &lt;b&gt;night&lt;/b&gt; shift" in phone.open(path).said


def test_nobody_can_put_another_name_than_the_links_own(tale, phone):
    phone.press(path_of(mail(tale).ack_url), by="somebody else")
    assert taken_by(tale) == "ana"


def test_a_changed_link_is_refused_and_many_of_them_are_turned_away_but_no_genuine_one(tale, phone):
    """Behind a proxy all clients have one address: whoever guesses must not lock out who is on call."""
    path = path_of(mail(tale).ack_url)
    wrong = path[:-8] + ("A" if path[-8] != "A" else "B") + path[-7:]
    answer = phone.open(wrong)
    assert answer.status == 404
    assert "This link does not work" in answer.said
    assert phone.press(wrong).status == 404
    statuses = [phone.open(wrong).status for _ in range(25)]
    assert statuses == [404] * 18 + [429] * 7
    assert phone.press(wrong).status == 429
    assert phone.open(path).status == 200
    assert phone.press(path).status == 303
    tale.at(700)
    assert phone.open(wrong).status == 404


def test_a_button_pressed_again_and_again_is_slowed_down_and_other_links_are_not(tale, phone):
    path = path_of(mail(tale).ack_url)
    statuses = [phone.press(path).status for _ in range(31)]
    assert statuses[:30] == [303] * 30
    assert statuses[-1] == 429
    (slack,) = [each for each in tale.messages("slack") if each.message.ack_url]
    assert phone.press(path_of(slack.message.ack_url), by="bob").status == 303
    tale.at(61)
    assert phone.press(path).status == 303


def test_whoever_was_told_stays_told_on_the_page_while_an_update_waits(tale, phone):
    tale.ack("bob", incident=mail(tale).incident)
    waiting = [each for each in tale.dispatcher.view(tale.now_ms).messages() if each.state == "pending"]
    assert waiting
    said = words(phone.open(path_of(mail(tale).ack_url)))
    assert "#alerts by slack sent" in said
    assert "pending" not in said


def test_who_was_told_says_when_on_the_reader_s_clock_alone_and_leaves_the_log_out(tmp_path):
    zoned = ESCALATION.replace("ana: {", "ana: {timezone: Europe/Paris, ")
    told = Story(tmp_path, ROUTES, zoned + PLAN.replace("{slack: '#alerts'}", "{log: true}"), external_url=BASE)
    told.at(0).push(FIRE)
    page = Phone(told)
    said = words(page.open(path_of(mail(told).ack_url))).partition("Who was told ")[2]
    page.close()
    told.close()
    assert said.startswith("09:00 CET ana by sms sent 09:00 CET ana by email ")
    assert "log" not in said


def test_an_expired_link_says_so_and_does_nothing(tale, phone):
    path = path_of(mail(tale).ack_url)
    tale.at(86_401)
    answer = phone.open(path)
    assert answer.status == 410
    assert "This link has expired" in words(answer)
    assert "<button" not in answer.said
    refused = phone.press(path)
    assert refused.status == 409
    assert taken_by(tale) == ""


def test_a_link_of_what_is_over_says_since_when(tale, phone):
    path = path_of(mail(tale).ack_url)
    tale.at(600).resolve(FIRE)
    tale.at(900)
    answer = phone.open(path)
    assert answer.status == 200
    assert "It is over since 08:10 UTC, after 10m" in words(answer)
    assert "<button" not in answer.said
    assert phone.press(path).status == 409


def test_a_link_of_what_nobody_remembers_says_so(tale, phone):
    token = tale.dispatcher.links.token(Grant(Action.ACKNOWLEDGE, "ffffffffff", "ana", START_MS + 1_000_000))
    answer = phone.open(f"/a/{token}")
    assert answer.status == 410
    assert "Nothing is known of this any more" in words(answer)


def test_a_link_of_another_agent_is_none_here(tale, phone):
    foreign = Links(Secret("the key of another agent"), BASE)
    grant = Grant(Action.ACKNOWLEDGE, mail(tale).incident, "ana", START_MS + 1_000_000)
    assert phone.open(f"/a/{foreign.token(grant)}").status == 404


def test_the_other_link_silences_these_alerts_for_a_while_and_no_others(tale, phone):
    path = path_of(mail(tale).silence_url)
    said = words(phone.open(path))
    assert "Hold back every message about alertname=" in said
    assert tale.dispatcher.silences.list(tale.now_ms) == []
    assert phone.press(path, **{"for": "4h", "comment": "known"}).status == 303
    (silence,) = tale.dispatcher.silences.list(tale.now_ms)
    assert (silence.created_by, silence.comment) == ("ana", "known")
    assert silence.ends_at_ms - tale.now_ms == 4 * 3_600_000
    assert [str(each) for each in silence.matchers] == ['alertname="Fire"']
    assert "Silenced until 12:00 UTC by ana" in words(phone.open(path))
    assert phone.press(path, **{"for": "4h"}).status == 303
    assert len(tale.dispatcher.silences.list(tale.now_ms)) == 1
    assert taken_by(tale) == ""
    assert phone.press(path, **{"for": "60d"}).status == 409


def test_no_link_gets_into_the_log(tale, phone):
    path = path_of(mail(tale).ack_url)
    with capture_logs() as lines:
        phone.open(path)
        phone.press(path)
        phone.open("/a/something-else")
    assert lines
    assert path.rpartition("/")[2] not in str(lines)
    assert "/a/{token}" in str(lines)


def test_text_of_an_alert_cannot_become_markup(tmp_path):
    tale = Story(tmp_path, ROUTES, ESCALATION + PLAN, external_url=BASE)
    tale.at(0).push(alert("<script>alert(1)</script>\n" + "x" * 5000, ends=9999, severity='"><img src=x>'))
    phone = Phone(tale)
    said = phone.open(path_of(mail(tale).ack_url)).said
    assert "<script" not in said
    assert "<img" not in said
    assert len(said) < 30_000
    phone.close()
    tale.close()


def test_it_can_be_taken_over_and_given_back_over_the_api(tale, phone):
    incident = mail(tale).incident
    status, answer = phone.deed("/api/v1/incidents/ack", by="ana", incident=incident, comment="c", **{"for": "2h"})
    assert status == 200
    (taken,) = answer["data"]["acknowledged"]
    assert (taken["by"], taken["comment"], taken["until"]) == ("ana", "c", "2026-01-05T10:00:00.000Z")
    (listed,) = json.loads(phone.open("/api/v1/incidents").said)["data"]["incidents"]
    assert listed["acknowledgement"]["by"] == "ana"
    assert listed["next"] is None
    status, answer = phone.deed("/api/v1/incidents/unack", by="bob", matchers=['alertname="Fire"'])
    assert status == 200
    assert answer["data"]["givenBack"][0]["by"] == "ana"
    (listed,) = json.loads(phone.open("/api/v1/incidents").said)["data"]["incidents"]
    assert (listed["acknowledgement"], listed["next"]["whom"]) == (None, "bob by sms")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"by": "ana"}, 400, "by one of fingerprint, incident and matchers"),
        ({"by": "ana", "incident": "a", "fingerprint": "b"}, 400, "by one of fingerprint, incident and matchers"),
        ({"by": " ", "incident": "a"}, 400, "`by` is empty"),
        ({"incident": "a"}, 400, "cannot read what is to be done"),
        ({"by": "ana", "incident": "ffffffffff"}, 404, "no open incident has the id ffffffffff"),
        ({"by": "ana", "matchers": ["job=nowhere"]}, 404, "no open incident has an alert that matches"),
        ({"by": "ana", "fingerprint": "0" * 16}, 404, "no alert with fingerprint 0000000000000000 is known"),
        ({"by": "ana", "matchers": ["a=~("]}, 400, "cannot read the matcher"),
        ({"by": "ana", "matchers": ["alertname=~.*"]}, 400, "at least one matcher must not match the empty string"),
        ({"by": "ana", "fingerprint": "a", "for": "1year"}, 400, "duration"),
        ({"by": "ana", "fingerprint": "a", "for": "8d"}, 400, "a week at most"),
    ],
)
def test_what_cannot_be_done_is_said(phone, body, status, said):
    got, answer = phone.deed("/api/v1/incidents/ack", **body)
    assert (got, said in answer["error"]) == (status, True), answer


def test_who_is_on_call_is_told_as_json_and_as_a_calendar(phone):
    (team,) = json.loads(phone.open("/api/v1/oncall?weeks=3").said)["data"]["teams"]
    assert (team["team"], team["onCall"], team["next"]) == ("search", ["ana"], ["bob"])
    assert team["until"] == "2026-01-12T00:00:00.000Z"
    assert [each["people"] for each in team["shifts"]] == [["ana"], ["bob"], ["ana"], ["bob"]]
    later = json.loads(phone.open("/api/v1/oncall?time=2026-01-13T00:00:00Z").said)["data"]["teams"][0]
    assert later["onCall"] == ["bob"]
    shown = []
    for path in ("/oncall/search.ics?weeks=1", "/oncall.ics?team=search&weeks=1", "/oncall.ics?person=bob&weeks=1"):
        answer = phone.open(f"/api/v1{path}")
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.said.startswith("BEGIN:VCALENDAR\r\n")
        shown.append(re.findall("SUMMARY:(.*)\r", answer.said)[-2:])
    both = ["ana on call for search", "bob on call for search"]
    assert shown == [both, both, ["bob on call for search"] * 2]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("team=serach", 'there is no team "serach"; did you mean "search"?'),
        ("weeks=0", "cannot look 0 weeks ahead"),
        ("weeks=x", 'not a number of weeks: "x"'),
        ("time=never", "time"),
    ],
)
def test_a_question_about_nobody_is_refused(phone, query, said):
    answer = phone.open(f"/api/v1/oncall?{query}")
    assert answer.status == 400
    assert said in json.loads(answer.said)["error"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("oncall/serach.ics", 'there is no team "serach"; did you mean "search"?'),
        ("oncall.ics?person=anna", 'there is nobody called "anna"; did you mean "ana"?'),
        ("oncall.ics?weeks=105", "cannot look 105 weeks ahead"),
    ],
)
def test_a_calendar_of_nobody_is_refused(phone, path, said):
    answer = phone.open(f"/api/v1/{path}")
    assert answer.status == 400
    assert said in json.loads(answer.said)["error"]
