"""The circuit breaker of a provider: when it opens, who tries, when it closes, and who hears of it meanwhile."""

from __future__ import annotations

import pytest

from agent.errors import Rejected, RetryLater
from agent.notify import RowState
from agent.notify.breaker import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, OPENS_AFTER, OPENS_AFTER_MS, Breaker, Circuit
from agent.telemetry import Telemetry
from tests.notify.story import ESCALATION, START_MS, alert, between

DOWN = RetryLater("sending to Slack: HTTP 503", reason="serverError")
ROUTES = """
route:
  receiver: team
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1h
  repeat_interval: 4h
receivers: [{name: team}, {name: mail}]
"""
TEAM = """
receivers:
  team: {notify: [{slack: '#alerts'}], on_failure: mail}
  mail: {notify: [{person: bob, by: [email]}]}
"""
SLACK, MAIL = "slack:#alerts", "email:bob@example.org"


def broken(messages: int = OPENS_AFTER) -> Breaker:
    made = Breaker("slack")
    for number in range(messages):
        made.failed(f"m{number}", "503", 0 if number else -OPENS_AFTER_MS)
    return made


def test_it_opens_after_failures_in_a_row_of_more_than_one_message():
    made, second = Breaker("slack"), 1_000
    assert [made.failed(f"m{number}", "503", number * second) for number in range(OPENS_AFTER)] == [
        *[False] * (OPENS_AFTER - 1),
        True,
    ]


def test_a_single_message_that_always_fails_is_no_outage():
    made = Breaker("slack")
    assert not any(made.failed("m", "503", second * 1_000) for second in range(50))
    assert made.failed("other", "503", 50_000)


def test_a_burst_of_refusals_is_no_outage_however_many_it_are():
    made = Breaker("slack")
    assert not any(made.failed(f"m{number}", "503", number) for number in range(OPENS_AFTER_MS))
    assert made.failed("m", "503", OPENS_AFTER_MS)


def test_a_success_between_failures_keeps_it_closed():
    made = Breaker("slack")
    for number in range(50):
        made.failed(f"m{number}", "503", 0)
        if number % 3 == 0:
            made.succeeded()
    assert not made.open


def test_one_message_tries_at_a_time_and_each_failure_doubles_the_pause_up_to_a_minute():
    made, at_ms, pauses = broken(), 0, []
    for number in range(7):
        held = made.held(at_ms)
        assert held is not None
        pauses.append(held.until_ms - at_ms)
        at_ms = held.until_ms
        assert made.held(at_ms) is None
        made.began()
        assert made.held(at_ms) == (0, "slack does not work, its circuit is open: 503", "circuit")
        made.failed(f"p{number}", "503", at_ms)
    assert pauses == [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]
    assert (FIRST_PAUSE_MS, LONGEST_PAUSE_MS) == (5_000, 60_000)


def test_failures_of_what_was_under_way_when_it_opened_make_no_pause_longer():
    made = broken()
    for number in range(8):
        made.failed(f"late{number}", "503", 100)
    held = made.held(100)
    assert held is not None
    assert held.until_ms == FIRST_PAUSE_MS


def test_a_message_that_tries_and_tells_nothing_lets_another_one_try():
    made = broken()
    made.began()
    made.let_go()
    assert made.held(FIRST_PAUSE_MS) is None


def test_its_view_says_how_it_stands():
    made = broken()
    assert (made.view(1).circuit, made.view(1).until_ms, made.view(1).why) == (Circuit.OPEN, FIRST_PAUSE_MS, "503")
    assert made.view(FIRST_PAUSE_MS).circuit is Circuit.HALF_OPEN
    assert made.succeeded()
    assert made.view(9).circuit is Circuit.CLOSED


@pytest.fixture
def storm(story):
    """Begin a story in which Slack fails while five warnings fire: the circuit opens at its second 0."""
    tale = story(ROUTES, TEAM)
    tale.telemetry = Telemetry()
    tale.dispatcher = tale.start()
    tale.providers["slack"].fail_always(DOWN)
    tale.at(-2).push(alert("W0", ends=99_999, severity="warning"))
    tale.at(0).push(*(alert(f"W{number}", ends=99_999, severity="warning") for number in range(1, 5)))
    return tale


def circuit(tale, name: str = "slack") -> Circuit:
    return {each.name: each.circuit for each in tale.dispatcher.providers(tale.now_ms)}[name]


def test_a_broken_provider_gets_one_message_at_a_time_the_most_critical_first(storm):
    assert circuit(storm) is Circuit.OPEN
    before = len(storm.providers["slack"].tried)
    storm.at(1).push(alert("Page", ends=99_999, severity="critical"))
    storm.at(4)
    assert len(storm.providers["slack"].tried) == before
    storm.at(5.1)
    assert [each.severity for each in storm.providers["slack"].tried[before:]] == ["critical"]


def test_on_failure_hears_of_a_critical_message_at_once_and_of_others_as_ever(storm):
    storm.at(1).push(alert("Page", ends=99_999, severity="critical"))
    storm.want(between(1, 1), MAIL, firing={"Page"}, reason="its channel failed")
    storm.done()
    whats = storm.history(alert("Page", severity="critical").fingerprint)
    (told,) = [each for each in whats if each["what"] == "told by another way"]
    assert "the circuit of slack is open" in told["detail"]


def test_critical_messages_that_wait_when_it_opens_are_told_to_on_failure_too(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail_always(DOWN)
    pages = [alert(f"P{number}", ends=99_999, severity="critical") for number in range(5)]
    tale.at(0).push(*pages)
    tale.at(4)
    assert {next(iter(each.firing)) for each in tale.messages(MAIL)} == {each.name for each in pages}


def test_when_it_works_again_everything_leaves_at_once_and_nothing_twice(storm):
    storm.at(9)
    storm.providers["slack"].fail_always(None)
    storm.at(100)
    assert circuit(storm) is Circuit.CLOSED
    assert sorted(next(iter(each.firing)) for each in storm.messages(SLACK)) == [f"W{number}" for number in range(5)]
    states = [each.state for each in storm.dispatcher.outbox.rows() if each.target.key == SLACK]
    assert states == [RowState.SENT] * 5


def test_a_refusal_is_an_answer_and_being_told_to_wait_is_no_failure(story):
    tale = story(ROUTES, TEAM)
    for error in (Rejected("invalid_blocks"), RetryLater("slow down", reason="rateLimited", after_ms=1_000)):
        tale.providers["slack"].fail_always(error)
        tale.push(*(alert(f"{error}{number}", ends=99_999) for number in range(8)))
        assert circuit(tale) is Circuit.CLOSED


def test_a_fault_of_ours_opens_no_circuit(story):
    tale = story(ROUTES, TEAM)
    tale.providers["slack"].fail(*(KeyError("x") for _ in range(20)))
    tale.push(*(alert(f"A{number}", ends=99_999) for number in range(8)))
    assert circuit(tale) is Circuit.CLOSED


def test_other_providers_do_not_notice(storm):
    assert [each.name for each in storm.dispatcher.providers(storm.now_ms) if each.circuit is not Circuit.CLOSED] == [
        "slack"
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("xoxb-test", "xoxb-new"), Circuit.CLOSED),
        (("127.0.0.1:25", "127.0.0.1:26"), Circuit.OPEN),
    ],
    ids=["its own settings", "another channel's"],
)
def test_a_reload_closes_the_circuit_of_a_channel_whose_settings_changed_and_no_other(storm, change, expected):
    storm.reload(ROUTES, (ESCALATION + TEAM).replace(*change))
    found = {each.name: each.circuit for each in storm.dispatcher.providers(storm.now_ms)}
    assert found.get("slack", Circuit.CLOSED) is expected


def test_strict_mode_knows_no_circuit(story):
    tale = story(ROUTES, TEAM + "settings: {alertmanager_compat: strict}\n")
    tale.providers["slack"].fail_always(DOWN)
    tale.push(*(alert(f"A{number}", ends=99_999) for number in range(20)))
    assert len(tale.providers["slack"].tried) == 20
    assert circuit(tale) is Circuit.CLOSED


def test_a_clock_that_is_set_back_keeps_no_circuit_open_for_longer(storm):
    storm.providers["slack"].fail_always(None)
    storm.dispatcher.follow(START_MS)
    storm.dispatcher.follow(START_MS - 3_600_000)
    storm.now = -3_600
    storm.at(-3_580)
    assert len(storm.messages(SLACK)) == 5
