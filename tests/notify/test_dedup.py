"""The truth table that says whether somebody is told, row by row as in Alertmanager's notify.go, and where ours differs."""

from __future__ import annotations

import pytest

from agent.notify.dedup import Entry, decide, set_aside, told, untold
from agent.notify.reasons import Reason

NOW = 10_000_000
HOUR = 3_600_000


def fingerprints(text: str) -> frozenset[str]:
    return frozenset(text)


def entry(firing: str, resolved: str = "", age: int = 0, muted: str = "") -> Entry:
    return Entry(fingerprints(firing), fingerprints(resolved), NOW - age, fingerprints(muted))


TABLE = [
    # entry, firing, resolved, send_resolved, reason
    (None, "1234", "", False, Reason.FIRST),
    (None, "", "1", True, Reason.NOTHING_FIRING),
    (None, "", "", True, Reason.NOTHING_FIRING),
    (entry("123"), "1234", "", False, Reason.NEW_ALERTS),
    (entry(""), "12", "", False, Reason.FIRST),
    (entry("123", age=1), "12", "", False, Reason.NOTHING_NEW),
    (entry("123", "", 2 * HOUR), "12", "", False, Reason.REPEAT),
    (entry("12"), "1", "2", True, Reason.SOME_RESOLVED),
    (entry("12"), "1", "2", False, Reason.NOTHING_NEW),
    (entry("1", "2"), "1", "2", True, Reason.NOTHING_NEW),
    (entry("1", "23"), "1", "2", True, Reason.NOTHING_NEW),
    (entry("1", "2"), "1", "23", True, Reason.SOME_RESOLVED),
    (entry("123", "4"), "", "123", False, Reason.ALL_RESOLVED),
    (entry("123"), "", "123", True, Reason.ALL_RESOLVED),
    (entry("", "123"), "", "123", True, Reason.NOTHING_FIRING),
    (entry("", "123"), "", "1234", True, Reason.NOTHING_FIRING),
]


@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
@pytest.mark.parametrize(("before", "firing", "resolved", "send_resolved", "reason"), TABLE)
def test_both_modes_decide_as_alertmanager_does(before, firing, resolved, send_resolved, reason, strict):
    found = decide(
        before,
        fingerprints(firing),
        fingerprints(resolved),
        send_resolved=send_resolved,
        repeat_interval_ms=HOUR,
        at_ms=NOW,
        strict=strict,
    )
    assert found is reason


def test_what_was_told_not_to_be_repeated_never_is():
    before = told(None, fingerprints("1"), frozenset(), NOW - 1000 * HOUR, repeats=False)
    once = untold(set_aside(before, fingerprints("")), fingerprints(""))
    found = decide(once, fingerprints("1"), frozenset(), send_resolved=True, repeat_interval_ms=HOUR, at_ms=NOW)
    assert found is Reason.NOTHING_NEW


@pytest.mark.parametrize(
    ("age", "strict", "reason"),
    [
        (HOUR - 1, False, Reason.NOTHING_NEW),
        (HOUR, False, Reason.REPEAT),
        (HOUR, True, Reason.NOTHING_NEW),
        (HOUR + 1, True, Reason.REPEAT),
    ],
)
def test_a_repeat_is_due_when_its_time_has_come_in_strict_mode_only_after_it(age, strict, reason):
    found = decide(
        entry("1", age=age),
        fingerprints("1"),
        frozenset(),
        send_resolved=True,
        repeat_interval_ms=HOUR,
        at_ms=NOW,
        strict=strict,
    )
    assert found is reason


def _decide(before: Entry, firing: str, resolved: str = "") -> Reason:
    return decide(
        before, fingerprints(firing), fingerprints(resolved), send_resolved=True, repeat_interval_ms=HOUR, at_ms=NOW
    )


def test_an_alert_that_comes_back_from_being_muted_has_a_reason_of_its_own():
    assert _decide(entry("1", muted="2"), "12") is Reason.NO_LONGER_MUTED
    assert _decide(entry("", muted="2"), "2") is Reason.NO_LONGER_MUTED
    assert _decide(entry("1", muted="2"), "123") is Reason.NEW_ALERTS


def test_as_long_as_something_burns_muted_the_end_of_the_rest_is_not_the_end_of_all():
    assert _decide(entry("1", muted="2"), "", "1") is Reason.SOME_RESOLVED
    assert _decide(entry("", muted="2"), "", "2") is Reason.ALL_RESOLVED


def test_muted_alerts_are_set_aside_and_told_ones_return_from_there():
    aside = set_aside(entry("12"), fingerprints("23"))
    assert (aside.firing, aside.muted) == (fingerprints("1"), fingerprints("2"))
    assert told(aside, fingerprints("12"), frozenset(), NOW).muted == frozenset()


def test_an_alert_that_ended_untold_is_news_when_it_fires_again():
    after = untold(entry("12"), fingerprints("2"))
    assert _decide(after, "12") is Reason.NEW_ALERTS


def test_every_reason_that_tells_is_the_reason_of_some_message_and_the_others_are_not():
    telling = {reason for reason in Reason if reason.tells}
    assert {Reason.FIRST, Reason.REPEAT, Reason.ESCALATION, Reason.ALL_RESOLVED} <= telling
    assert not telling & {Reason.NOTHING_NEW, Reason.NOTHING_FIRING, Reason.ACKNOWLEDGED, Reason.ALREADY_TOLD}
