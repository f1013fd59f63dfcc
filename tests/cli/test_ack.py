"""What `burnline ack`, `unack` and `oncall` do and say, over the real API and the real dispatcher on a story's clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from agent.cli.ack import _in, meant_by
from agent.errors import InvalidInput
from tests.app.phone import BASE, Phone
from tests.notify.story import ESCALATION, Story, alert

ROUTES = """
route: {receiver: oncall, group_by: [alertname], group_wait: 0s, group_interval: 10s, repeat_interval: 10h}
receivers: [{name: oncall}]
"""
PLAN = """
receivers: {oncall: {notify: [{person: ana, by: [sms]}], escalate: [{after: 5m, notify: [{person: bob, by: [sms]}]}]}}
settings: {ack_timeout: 1h}
"""
FIRE = alert("Fire", starts=0, ends=99_999, job="rag")
FLOOD = alert("Flood", starts=0, ends=99_999, job="db")


@pytest.fixture
def tale(tmp_path):
    made = Story(tmp_path, ROUTES, ESCALATION + PLAN, external_url=BASE)
    made.at(0).push(FIRE, FLOOD)
    yield made
    made.close()


@pytest.fixture
def terminal(tale, in_utc):
    """Give a terminal whose times are UTC, wherever the test runs."""
    made = Phone(tale)
    yield made
    made.close()


def open_incidents(tale):
    return {each.group_labels["alertname"]: each for each in tale.dispatcher.view(tale.now_ms).incidents()}


def holders(tale):
    return {name: each.acknowledged.by for name, each in open_incidents(tale).items() if each.acknowledged}


def test_without_anything_it_lists_what_is_open_and_who_has_it(tale, terminal):
    tale.ack("bob", fingerprint=FLOOD.fingerprint, comment="pumping")
    said = terminal.command("ack")
    fire, flood = open_incidents(tale)["Fire"], open_incidents(tale)["Flood"]
    assert (
        f"{fire.id} Fire (1 alert of oncall) since 2026-01-05 08:00 nobody has it told: sms:+33600000001 next: bob by sms"
        in said
    )
    assert f"{flood.id} Flood (1 alert of oncall) since 2026-01-05 08:00" in said
    assert "bob has it until 2026-01-05 09:00: pumping" in said
    listed = json.loads(terminal.command("ack", "--json"))["incidents"]
    assert {each["incident"] for each in listed} == {fire.id, flood.id}


def test_where_nothing_is_open_it_says_so(tale, terminal):
    tale.at(1).resolve(FIRE, FLOOD)
    tale.at(30)
    assert "nothing is open" in terminal.command("ack")


@pytest.mark.parametrize("how", ["fingerprint", "incident", "name", "matchers", "twice"])
def test_what_is_meant_is_found_by_how_it_is_written(tale, terminal, how):
    incident = open_incidents(tale)["Fire"].id
    what = {
        "fingerprint": [FIRE.fingerprint],
        "incident": [incident],
        "name": ["Fire"],
        "matchers": ["job=~r.*", 'alertname!="Flood"'],
        "twice": [incident, FIRE.fingerprint],
    }[how]
    said = terminal.command("ack", *what, "--comment", "on it", "--for", "2h")
    assert "acknowledged by ana; nobody else will be woken for it" in said
    assert said.count(f"{incident} (1 alert of oncall) until 2026-01-05 10:00") == 1
    assert holders(tale) == {"Fire": "ana"}
    tale.at(400)
    told_bob = {name for each in tale.messages("sms:+33600000002") for name in each.firing}
    assert told_bob == {"Flood"}


def test_who_had_it_before_is_said_and_it_can_be_given_back(tale, terminal):
    terminal.command("ack", "job=~.+", "--by", "bob")
    assert "bob had it before" in terminal.command("ack", "Fire")
    assert holders(tale) == {"Fire": "ana", "Flood": "bob"}
    said = terminal.command("unack", "Flood", "--comment", "wrong one")
    assert "given back: the escalation starts over" in said
    assert f"{open_incidents(tale)['Flood'].id} (1 alert of oncall), which bob had" in said
    assert holders(tale) == {"Fire": "ana"}
    tale.at(301)
    assert [each.firing for each in tale.messages("sms:+33600000002")] == [{"Flood"}]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ack", "0" * 16], 1, "no alert with fingerprint 0000000000000000 is known"),
        (["ack", "f" * 10], 1, "no open incident has the id ffffffffff"),
        (["ack", "job=nowhere"], 1, "no open incident has an alert that matches; `burnline ack` alone lists them"),
        (["ack", "Fire", "--for", "8d"], 1, "cannot acknowledge for 8d: a week at most"),
        (["ack", "job=~("], 1, "not a matcher"),
        (["ack", "Fire", "--by", ""], 2, "say who has it: --by NAME"),
        (["unack", "Fire"], 1, "nobody has an open incident that is meant"),
        (["unack"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(terminal, arguments, code, said):
    assert said in terminal.command(*arguments, code=code)


def test_matchers_go_together_and_ids_one_by_one():
    assert meant_by(["0a1b2c3d4e", "0011223344556677", "Fire", "job=rag"]) == [
        {"incident": "0a1b2c3d4e"},
        {"fingerprint": "0011223344556677"},
        {"matchers": ['alertname="Fire"', 'job="rag"']},
    ]
    with pytest.raises(InvalidInput, match="not a matcher"):
        meant_by(["a=~["])


def test_it_says_who_is_on_call_and_who_is_next(terminal):
    said = terminal.command("oncall", "--at", "2026-01-13T12:00Z")
    assert "search bob 2026-01-19 00:00 ana" in said
    assert "2026-01-12" not in said
    said = terminal.command("oncall", "search", "--at", "2026-01-13T12:00Z", "--weeks", "1")
    assert "2026-01-12 00:00 2026-01-19 00:00 search bob 2026-01-19 00:00 2026-01-26 00:00 search ana" in said
    only = terminal.command("oncall", "--person", "ana", "--at", "2026-01-13T12:00Z", "--weeks", "1")
    assert only.endswith("who 2026-01-19 00:00 2026-01-26 00:00 search ana")
    assert "chris has no shift in these weeks" in terminal.command("oncall", "--person", "chris")


def test_files_say_the_same_as_the_agent_and_need_no_secret(terminal, tale):
    (tale.folder / "burnline.yml").write_text(
        "notify: {config_file: alertmanager.yml, escalation_file: escalation.yml}\n"
    )
    file = tale.folder / "escalation.yml"
    file.write_text(file.read_text().replace("auth_token: t", 'auth_token: "${NOT_SET_ANYWHERE}"'))
    asked = ("oncall", "search", "--at", "2026-01-13T12:00Z", "--json")
    online = terminal.command(*asked)
    assert json.loads(online)["teams"][0]["onCall"] == ["bob"]
    for name in ("escalation.yml", "alertmanager.yml", "burnline.yml"):
        assert terminal.command(*asked, "--config.file", str(tale.folder / name)) == online


def test_the_calendar_is_printed_as_the_agent_serves_it(terminal, tale):
    served = terminal.command("oncall", "--ical", "--person", "bob", "--weeks", "2")
    assert served.startswith("BEGIN:VCALENDAR\r\n")
    assert served.endswith("END:VCALENDAR\r\n")
    assert "SUMMARY:bob on call for search" in served
    assert "ana" not in served
    said = terminal.command("oncall", "--ical", "--person", "bbo", code=1)
    assert 'there is nobody called "bbo"; did you mean "bob"?' in said
    assert "leave out --at" in terminal.command("oncall", "--ical", "--at", "18:30", code=2)
    written = terminal.command("oncall", "--ical", "--config.file", str(tale.folder / "escalation.yml"))
    assert written.startswith("BEGIN:VCALENDAR\r\n")


def test_what_went_to_the_log_alone_is_counted_and_not_listed(tmp_path):
    """Nobody can have a Watchdog: it would stand above what somebody has to look at."""
    told = Story(tmp_path, ROUTES, ESCALATION + "receivers: {oncall: {notify: [{log: true}]}}\n", external_url=BASE)
    told.at(0).push(FIRE)
    phone = Phone(told)
    said = phone.command("ack")
    listed = json.loads(phone.command("ack", "--json"))["incidents"]
    phone.close()
    told.close()
    assert "nothing is open" in said
    assert "1 more went to the log alone" in said
    assert [each["told"] for each in listed] == [["log:log"]]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "now"), (0, "now"), (4, "in 4s"), (59, "in 59s"), (90, "in 2m"), (3_600, "in 1h")]
)
def test_the_next_step_is_now_only_when_it_is(seconds, said):
    now = datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert _in((now + timedelta(seconds=seconds)).isoformat(), now) == said
