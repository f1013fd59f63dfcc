"""Shifts as a calendar that other programs accept: read back by a small reader written from RFC 5545, not by ours."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidInput, SchemaError
from agent.notify import Directory, calendar, load_directory, on_call
from agent.notify.oncall import escape, fold

SEARCH = """
people: {ana: {phone: "+33600000001"}, bob: {email: bob@example.org}, eve: {slack: U0EVE}}
teams:
  search:
    members: [ana, bob]
    rotation: {every: 1w, starts: "2026-01-05T09:00", timezone: Europe/Paris}
    overrides: [{person: eve, from: "2026-03-28T18:00", until: "2026-03-29T09:00"}]
  all: {members: [ana, bob]}
"""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def directory(folder: Path, text: str = SEARCH) -> Directory:
    (folder / "escalation.yml").write_text(text)
    return load_directory(folder / "escalation.yml", {})


def parsed(text: str) -> tuple[list[tuple[str, str]], list[dict[str, str]]]:
    """Read a calendar by RFC 5545, 3.1 and 3.3.11: unfold, split at the first colon outside quotes, unescape."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = re.sub("\r\n[ \t]", "", text).split("\r\n")[:-1]
    pairs = [(name, unescaped(value)) for name, _, value in (line.partition(":") for line in lines)]
    assert (pairs[0], pairs[-1]) == (("BEGIN", "VCALENDAR"), ("END", "VCALENDAR"))
    events: list[dict[str, str]] = []
    for pair in pairs:
        if pair == ("BEGIN", "VEVENT"):
            events.append({})
        elif events and pair[0] not in ("END", "BEGIN"):
            assert pair[0] not in events[-1], "each property stands once"
            events[-1][pair[0]] = pair[1]
    return pairs, events


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def shown(events: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(each["DTSTART"], each["DTEND"], each["SUMMARY"]) for each in events]


def test_shifts_are_events_in_utc_over_a_change_of_summer_time_and_whoever_covers_is_there(tmp_path):
    pairs, events = parsed(calendar(directory(tmp_path), ms("2026-03-25T00:00"), team="search", weeks=1))
    assert ("VERSION", "2.0") in pairs
    assert [name for name, _ in pairs if name == "PRODID"] == ["PRODID"]
    assert shown(events)[-4:] == [
        ("20260323T080000Z", "20260328T170000Z", "bob on call for search"),
        ("20260328T170000Z", "20260329T070000Z", "eve on call for search"),
        ("20260329T070000Z", "20260330T070000Z", "bob on call for search"),
        ("20260330T070000Z", "20260406T070000Z", "ana on call for search"),
    ]
    assert events[-3]["DESCRIPTION"] == "Instead of bob"
    assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"} <= set(events[0])
    assert {each["DTSTAMP"] for each in events} == {"20260325T000000Z"}


def test_a_shift_keeps_its_identity_as_time_goes_on_and_no_two_share_one(tmp_path):
    made = directory(tmp_path)
    found = [parsed(calendar(made, ms(at)))[1] for at in ("2026-03-25T00:00", "2026-03-31T12:34")]
    earlier, later = ({each["UID"]: (each["DTSTART"], each["SUMMARY"]) for each in events} for events in found)
    assert len(earlier) == len(found[0])
    both = earlier.keys() & later.keys()
    assert len(both) >= 10
    assert all(earlier[uid] == later[uid] for uid in both)
    assert {uid for uid in later if later[uid] in earlier.values()} == both


def test_the_last_weeks_stay_in_it(tmp_path):
    _, events = parsed(calendar(directory(tmp_path), ms("2026-03-25T00:00"), team="search", weeks=1))
    assert events[0]["DTSTART"] == "20260223T080000Z"


def test_a_team_without_turns_has_no_shifts_but_those_of_whoever_covers(tmp_path):
    made = directory(tmp_path)
    assert parsed(calendar(made, ms("2026-03-25T00:00"), team="all"))[1] == []
    covered = SEARCH.replace(
        "all: {members: [ana, bob]}",
        'all: {members: [ana, bob], overrides: [{person: eve, from: "2026-03-26T10:00", until: "2026-03-26T12:00"}]}',
    )
    _, events = parsed(calendar(directory(tmp_path, covered), ms("2026-03-25T00:00"), team="all"))
    assert shown(events) == [("20260326T100000Z", "20260326T120000Z", "eve on call for all")]
    assert events[0]["DESCRIPTION"] == "Instead of ana and bob"


def test_one_persons_calendar_has_their_shifts_alone(tmp_path):
    pairs, events = parsed(calendar(directory(tmp_path), ms("2026-03-25T00:00"), person="eve"))
    assert [each["SUMMARY"] for each in events] == ["eve on call for search"]
    assert ("X-WR-CALNAME", "On call: eve") in pairs


def test_a_calendar_has_no_way_to_reach_anybody(tmp_path):
    text = calendar(directory(tmp_path), ms("2026-03-25T00:00"))
    for secret in ("+336", "example.org", "U0EVE"):
        assert secret not in text


def test_names_that_mean_something_to_a_calendar_come_through_whole(tmp_path):
    name = "Zoë; O'Neil, \\the 2nd " + "é" * 90
    text = SEARCH.replace("ana", f'"{name}"'.replace("\\", "\\\\"))
    _, events = parsed(calendar(directory(tmp_path, text), ms("2026-01-06T00:00"), team="search", weeks=1))
    assert f"{name} on call for search" in {each["SUMMARY"] for each in events}


@given(st.text(max_size=200))
def test_any_text_can_stand_in_it(text):
    line = f"SUMMARY:{escape(text)}"
    folded = fold(line)
    assert all(len(each.encode()) <= 75 for each in folded)
    assert folded[0] + "".join(each[1:] for each in folded[1:]) == line
    assert all(each.startswith(" ") for each in folded[1:])
    kept = text.replace("\r\n", "\n").replace("\r", "\n")
    assert unescaped(line[len("SUMMARY:") :]) == "".join(each for each in kept if each == "\n" or each.isprintable())


def test_who_is_on_call_now_next_and_until_when(tmp_path):
    made = directory(tmp_path)
    (everybody, search) = on_call(made, ms("2026-03-28T20:00"))
    assert (everybody.people, everybody.until_ms, everybody.next_people) == (("ana", "bob"), 0, ())
    assert (search.people, search.instead_of, search.until_ms) == (("eve",), ("bob",), ms("2026-03-29T07:00"))
    assert search.next_people == ("ana",)


@pytest.mark.parametrize(("asked", "said"), [({"team": "serach"}, '"search"'), ({"person": "ev"}, '"eve"')])
def test_a_calendar_of_somebody_unknown_is_refused_with_who_may_be_meant(tmp_path, asked, said):
    with pytest.raises(InvalidInput, match=f"did you mean {said}"):
        calendar(directory(tmp_path), ms("2026-03-25T00:00"), **asked)


def test_a_file_with_a_flaw_is_refused_with_its_place(tmp_path):
    with pytest.raises(SchemaError, match=r"escalation\.yml:5:20: .*did you mean \"bob\""):
        directory(tmp_path, SEARCH.replace("members: [ana, bob]\n    rot", "members: [ana, bobb]\n    rot"))
    with pytest.raises(SchemaError, match="cannot read the file"):
        load_directory(tmp_path / "no-such.yml", {})
