"""What a report counts: spells, flaps, time within the stretch, occasions of telling; and what a comparison pairs."""

from __future__ import annotations

import html
import re
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Labels
from agent.replay import (
    FLAP_MS,
    Failing,
    Report,
    RuleAccount,
    RuleId,
    Spell,
    compared,
    differences,
    duration,
    failures,
    headline,
    report_page,
)
from agent.replay.account import spells_of
from agent.rules import GroupKey, State, Transition

A, B = Labels.of(alertname="A", i="1"), Labels.of(alertname="A", i="2")
MINUTE = 60_000
OFF, P, F = State.INACTIVE, State.PENDING, State.FIRING


def account(*spells, until_ms=100 * MINUTE, name="A", told=()):
    key = RuleId(GroupKey("f", "g"), 0)
    return RuleAccount(key, name, "x > 1", 0, 0, "critical", 0, until_ms, tuple(spells), told)


def spell(began, fired=None, ended=None, labels=A):
    """Make a spell from minutes."""
    at = [None if minute is None else round(minute * MINUTE) for minute in (began, fired, ended)]
    return Spell(labels, *at, value=2.0, why="the condition ceased")


def report(*accounts, until_ms=100 * MINUTE):
    return Report(0, until_ms, accounts)


def test_a_spell_is_from_pending_to_its_end():
    """Two alerts of a rule are two spells; what was over before the stretch is left out."""
    changes = [
        (0, A, OFF, P),
        (1, A, P, OFF),
        (2, A, OFF, P),
        (3, B, OFF, F),
        (4, A, P, F),
        (6, B, F, OFF),
        (9, A, F, OFF),
    ]
    transitions = [Transition(old, new, labels, 1.0, minute * MINUTE, "") for minute, labels, old, new in changes]
    found = [
        (each.labels, *(None if at is None else at // MINUTE for at in (each.began_ms, each.fired_ms, each.ended_ms)))
        for each in spells_of(transitions, 2 * MINUTE)
    ]
    assert found == [(A, 2, 4, 9), (B, 3, 3, 6)]


def test_what_is_outside_of_the_stretch_does_not_count():
    """An alert that fired before it and fires on after it fires for the whole of it, and no longer."""
    assert spell(-50, -40, None).firing_ms(0, 100 * MINUTE) == 100 * MINUTE
    assert spell(-50, -40, 10).firing_ms(0, 100 * MINUTE) == 10 * MINUTE
    assert account(spell(-50, -40, 10), spell(90, 95)).longest_ms == 10 * MINUTE


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.sampled_from([A, B])), max_size=12))
def test_a_flap_is_a_firing_soon_after_an_end_of_the_same_alert(lengths):
    """Counted by hand, for each alert by itself."""
    at, ends, spells, flaps = 0, {}, [], 0
    for pause, length, labels in lengths:
        begin, end = at + pause, at + pause + length
        if labels in ends and (begin - ends[labels]) * MINUTE <= FLAP_MS:
            flaps += 1
        spells.append(spell(begin, begin, end, labels))
        ends[labels], at = end, end
    assert account(*spells).flaps == flaps


def test_outages_are_paired_by_alert_and_time():
    """Later, earlier end, gone and new are each said of the outage that it is."""
    before = report(account(spell(0, 1, 20), spell(50, 51, 53), spell(60, 60, 70, B)))
    after = report(account(spell(0, 5, 18), spell(60, 60, 70, B), spell(80, 80, None)))
    found = compared(before, after)
    assert [
        (pair.at_ms // MINUTE, pair.later_ms // MINUTE, pair.before is None, pair.after is None)
        for pair in found.changes[0].pairs
    ] == [(1, 4, False, False), (51, 0, False, True), (60, 0, False, False), (80, 0, True, False)]
    words = list(differences(found, UTC))
    assert words == [
        "Alerts would have fired 3 times, as before.",
        "Together they would have fired for 12m longer.",
        "A (i=1) of Thu 1 Jan 00:01:00 would have fired 4m later and ended 2m earlier.",
        "A (i=1) of Thu 1 Jan 00:51:00 would not have fired (2m before).",
        "A (i=1) of Thu 1 Jan 01:20:00 would have fired, for 20m, and did not before.",
    ]


def test_nobody_is_a_person_of_few_words():
    """Where nobody is told, that is said so, of one replay and of two."""
    routed = [Report(0, 100 * MINUTE, (account(spell(0, end, 20)),), told=()) for end in (1, 5)]
    assert headline(routed[0]) == "In 1h 40m 1 alert would have fired once. Nobody would have been told."
    assert next(differences(compared(*routed))) == "Nobody would have been told, as before."


def test_a_changed_rule_that_fails_is_named():
    """Otherwise the change would seem to have silenced it; what fails on both sides is said once."""
    both, own = ("rule A", Failing(2, "why", 0)), ("rule B", Failing(1, "many-to-many", MINUTE))
    before, after = (Report(0, MINUTE, (), failing=each) for each in ((both,), (both, own)))
    assert list(failures(before, compared(before, after), UTC)) == [
        "rule A failed twice, at last Thu 1 Jan 00:00: why",
        "Changed, rule B failed once, at last Thu 1 Jan 00:01: many-to-many",
    ]
    assert "many-to-many" in report_page(before, compared(before, after), UTC)


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0s"), (15, "15 ms"), (61_000, "1m 1s"), (3_600_000, "1h"), (93_784_000, "1d 2h")],
)
def test_lengths_are_said_in_two_units(length_ms, text):
    """The third unit is noise."""
    assert duration(length_ms) == text


def test_the_page_needs_nothing_else():
    """No address, no script; what a label says is escaped; every spell can be hovered."""
    wild = Labels.of(alertname="A", i='<script>alert("1")</script>')
    found = report_page(report(account(spell(0, 1, 20, wild), spell(30, None, 40, wild), spell(50, 55))), zone=UTC)
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", found)
    titles = [html.unescape(each) for each in re.findall(r"<title>([^<]*)</title></rect>", found)]
    assert [title.split(" Thu")[0] for title in titles] == ["pending", "fired", "pending", "pending", "fired"]
    assert 'i=<script>alert("1")</script>' in titles[0]


def test_the_page_of_a_comparison_has_both_sides():
    """What is now and what is changed are one above the other."""
    before, after = report(account(spell(0, 1, 20))), report(account(spell(0, 5, 20)))
    found = report_page(before, compared(before, after), UTC)
    assert found.index(">now<") < found.index(">changed<")
    assert "would have fired 4m later" in found
