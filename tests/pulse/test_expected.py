"""A heartbeat that others owe: missing when it is late, and never because we were away."""

from __future__ import annotations

import pytest

from agent.journal import MemoryJournal
from agent.model import Alert, Labels, Matcher, MatchOp, Secret
from agent.pulse import Expected, Owed, Word
from agent.telemetry import Telemetry

from .scenes import DAY, HOUR, MINUTE, SECOND, START_MS, Alarms

BACKUP = Owed("backup", DAY, HOUR, labels=Labels.of(severity="warning"))
QUICK = Owed("quick", 5 * MINUTE, MINUTE)


class Story:
    """An agent's book of what is owed, on a moved clock, looked at every ten seconds as in life."""

    def __init__(self, *owed, journal=None, now_ms=START_MS):
        self.owed = owed or (QUICK,)
        self.journal = journal or MemoryJournal()
        self.now_ms = now_ms
        self.alarms, self.telemetry = Alarms(), Telemetry()
        self.expected = self._start()

    def _start(self):
        return Expected(self.owed, self.journal, alarms=self.alarms, telemetry=self.telemetry, at_ms=self.now_ms)

    def wait(self, span_ms, step_ms=10 * SECOND):
        for at_ms in range(self.now_ms + step_ms, self.now_ms + span_ms + 1, step_ms):
            self.expected.look(at_ms)
        self.now_ms += span_ms
        self.expected.look(self.now_ms)

    def beat(self, word=Word.OK, message="", name=None):
        self.expected.beat(name or self.owed[0].name, word, self.now_ms, message)

    def restart(self, after_ms):
        """End without a word, as kill -9 does, and start again."""
        self.now_ms += after_ms
        self.alarms = Alarms()
        self.expected = self._start()

    @property
    def firing(self):
        return sorted(self.alarms.firing)


def test_it_is_missing_when_its_time_and_its_grace_have_passed():
    story = Story()
    story.beat(message="42 files")
    story.wait(6 * MINUTE)
    assert story.firing == []
    story.wait(10 * SECOND)
    assert story.firing == ["HeartbeatMissing:quick"]
    words = story.alarms.firing["HeartbeatMissing:quick"].get("description")
    assert words == (
        'It came last at 2026-01-05 08:00:00 UTC and said "42 files"; it is due every 5m, and 1m of grace have passed.'
    )


def test_one_that_never_came_is_expected_from_the_moment_it_was_configured():
    story = Story()
    story.wait(6 * MINUTE + 10 * SECOND)
    assert story.alarms.firing["HeartbeatMissing:quick"].get("description").startswith("It has never come;")


def test_it_is_over_when_it_comes_again():
    story = Story()
    story.wait(7 * MINUTE)
    story.beat()
    assert story.firing == []
    assert [what for what, _, _ in story.alarms.told] == ["fire", "end"]


def test_a_heartbeat_that_comes_regularly_is_never_missing():
    story = Story()
    for _ in range(50):
        story.wait(5 * MINUTE + 30 * SECOND)
        story.beat()
    assert story.alarms.told == []


def test_one_that_says_that_it_failed_is_an_alert_with_its_words_and_counts_as_heard():
    story = Story()
    story.beat(Word.FAIL, "disk\nfull")
    assert story.alarms.firing["HeartbeatFailed:quick"].get("description").endswith(": disk full")
    story.wait(5 * MINUTE)
    assert story.firing == ["HeartbeatFailed:quick"]
    story.beat()
    assert story.firing == []


def test_how_long_the_work_took_is_known_where_its_beginning_was_told():
    story = Story()
    story.beat(Word.START)
    story.wait(90 * SECOND)
    story.beat()
    assert story.expected.standings()["quick"][1].took_ms == 90 * SECOND
    took = story.telemetry.registry.get_sample_value("burnline_heartbeat_last_duration_seconds", {"heartbeat": "quick"})
    assert took == 90


def test_a_beginning_is_no_end():
    story = Story()
    story.wait(4 * MINUTE)
    story.beat(Word.START)
    story.wait(3 * MINUTE)
    assert story.firing == ["HeartbeatMissing:quick"]
    assert "was not finished" in story.alarms.firing["HeartbeatMissing:quick"].get("description")


@pytest.mark.parametrize("away_ms", [2 * MINUTE, HOUR, 3 * DAY])
def test_a_restart_forgets_nothing_and_makes_nothing_missing(away_ms):
    story = Story()
    story.beat(message="42 files")
    story.wait(4 * MINUTE)
    story.restart(away_ms)
    assert story.firing == []
    assert story.expected.standings()["quick"][1].message == "42 files"
    story.wait(5 * MINUTE)
    story.beat()
    story.wait(5 * MINUTE)
    assert story.alarms.told == []


def test_after_a_restart_it_is_missing_when_it_does_not_come_again():
    story = Story()
    story.beat()
    story.wait(4 * MINUTE)
    story.restart(HOUR)
    story.wait(6 * MINUTE + 10 * SECOND)
    assert story.firing == ["HeartbeatMissing:quick"]
    assert "the agent was not running" in story.alarms.firing["HeartbeatMissing:quick"].get("description")


def test_a_restart_hours_before_it_is_due_excuses_nothing():
    story = Story(BACKUP)
    story.beat()
    story.wait(12 * HOUR, MINUTE)
    story.restart(2 * HOUR)
    story.wait(11 * HOUR + MINUTE, MINUTE)
    assert story.firing == ["HeartbeatMissing:backup"]


def test_what_was_missing_before_a_restart_is_missing_since_then():
    story = Story()
    story.wait(7 * MINUTE)
    since_ms = story.alarms.told[0][2]
    story.restart(MINUTE)
    assert story.alarms.told == [("fire", "HeartbeatMissing:quick", since_ms)]


def test_a_clock_that_is_set_forward_makes_nothing_missing():
    story = Story()
    story.beat()
    story.wait(MINUTE)
    story.now_ms += 6 * HOUR
    story.expected.look(story.now_ms)
    assert story.firing == []
    story.wait(6 * MINUTE + 10 * SECOND)
    assert story.firing == ["HeartbeatMissing:quick"]


def test_a_clock_that_is_set_back_prolongs_nothing():
    story = Story()
    story.beat()
    story.wait(MINUTE)
    story.now_ms -= 6 * HOUR
    story.expected.look(story.now_ms)
    story.wait(5 * MINUTE)
    assert story.firing == []
    story.wait(20 * SECOND)
    assert story.firing == ["HeartbeatMissing:quick"]


def test_an_alert_that_others_hand_over_stands_for_a_heartbeat_while_it_fires():
    watchdog = Owed("other", 5 * MINUTE, MINUTE, match=(Matcher("alertname", MatchOp.EQUAL, "Watchdog"),))
    story = Story(watchdog)

    def alert(name, ends_ms=0):
        return Alert(Labels.of(alertname=name), Labels(), story.now_ms, ends_ms)

    assert story.expected.heard([alert("Other")], story.now_ms) == []
    assert story.expected.heard([alert("Watchdog", story.now_ms - 1)], story.now_ms) == []
    assert story.expected.heard([alert("Watchdog")], story.now_ms) == ["other"]
    assert story.expected.standings()["other"][1].last_ms == story.now_ms


def test_an_alert_stands_for_no_heartbeat_that_does_not_ask_for_one():
    story = Story()
    assert story.expected.heard([Alert(Labels.of(alertname="Watchdog"), Labels(), 1, 0)], story.now_ms) == []


def test_a_reload_that_takes_a_heartbeat_away_ends_its_alerts_and_forgets_it():
    story = Story()
    story.wait(7 * MINUTE)
    story.expected.apply((), story.now_ms)
    assert story.firing == []
    assert story.journal.records("pulse.owed") == {}


@pytest.mark.parametrize("restarts", [False, True])
def test_one_that_is_given_more_time_is_missing_no_longer_and_again_when_that_is_over(restarts):
    story = Story()
    story.wait(10 * MINUTE)
    assert story.firing == ["HeartbeatMissing:quick"]
    story.owed = (Owed("quick", HOUR, MINUTE),)
    if restarts:
        story.restart(10 * SECOND)
    else:
        story.expected.apply(story.owed, story.now_ms)
    assert story.firing == []
    story.wait(50 * MINUTE)
    assert story.firing == []
    story.wait(2 * MINUTE)
    assert story.firing == ["HeartbeatMissing:quick"]


def test_a_reload_that_gives_it_other_labels_tells_of_it_by_those():
    story = Story()
    story.wait(7 * MINUTE)
    since_ms = story.alarms.told[0][2]
    changed = Owed("quick", 5 * MINUTE, MINUTE, labels=Labels.of(severity="critical"))
    story.expected.apply((changed,), story.now_ms)
    assert story.alarms.told[-1] == ("fire", "HeartbeatMissing:quick", since_ms)


@pytest.mark.parametrize(("given", "admitted"), [("a" * 20, True), ("a" * 19, False), ("", False), ("\udcff", False)])
def test_only_the_right_token_is_admitted(given, admitted):
    assert Owed("x", MINUTE, 0, token=Secret("a" * 20)).admits(given) is admitted


def test_words_are_kept_short_and_in_one_line():
    story = Story()
    story.beat(message="x" * 100_000 + "\nend")
    assert len(story.expected.standings()["quick"][1].message) <= 1_000
