"""The life of an alert, as Prometheus' rules/alerting.go has it: stories on instants, and what must hold for any story."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ExecutionError
from agent.model import Labels
from agent.rules import LimitExceeded, Observation, State, step

MINUTE = 60_000
A, B = Labels.of(alertname="x", instance="a"), Labels.of(alertname="x", instance="b")


@dataclass(frozen=True)
class Timing:
    for_ms: int | None = None
    keep_firing_for_ms: int | None = None


def seen(labels=A, value=1.0, note=""):
    return Observation(labels, value, Labels.of(summary=note))


def live(timing, story, limit=0):
    """Step through {minute: observations}; return the alerts after each and all transitions."""
    active, history, transitions = {}, {}, []
    for minute, observed in story.items():
        active, changed = step(timing, active, observed, minute * MINUTE, limit=limit)
        history[minute] = active
        transitions += [(minute, str(each.before), str(each.after)) for each in changed]
    return history, transitions


def test_without_for_an_alert_fires_at_its_first_evaluation():
    history, transitions = live(Timing(), {0: [seen()]})
    assert transitions == [(0, "inactive", "firing")]
    assert (history[0][A].active_at_ms, history[0][A].fired_at_ms) == (0, 0)


def test_an_alert_fires_once_its_condition_held_for_exactly_as_long_as_for():
    history, transitions = live(Timing(2 * MINUTE), {minute: [seen()] for minute in range(4)})
    assert transitions == [(0, "inactive", "pending"), (2, "pending", "firing")]
    assert (history[3][A].active_at_ms, history[3][A].fired_at_ms) == (0, 2 * MINUTE)


def test_a_pending_alert_whose_condition_ceases_is_forgotten_and_begins_again():
    history, transitions = live(Timing(2 * MINUTE), {0: [seen()], 1: [], 2: [seen()], 3: [seen()]})
    assert history[1] == {}
    assert transitions == [(0, "inactive", "pending"), (1, "pending", "inactive"), (2, "inactive", "pending")]
    assert history[3][A].active_at_ms == 2 * MINUTE


def test_a_firing_alert_resolves_when_its_condition_ceases_and_is_kept_for_fifteen_minutes():
    history, transitions = live(Timing(), {0: [seen()], 1: [], 16: [], 17: []})
    assert transitions == [(0, "inactive", "firing"), (1, "firing", "inactive")]
    assert history[1][A].resolved_at_ms == MINUTE
    assert A in history[16]
    assert A not in history[17]


def test_an_alert_that_comes_back_within_those_minutes_is_a_new_alert():
    history, transitions = live(Timing(MINUTE), {0: [seen()], 1: [seen()], 2: [], 5: [seen()], 6: [seen()]})
    assert history[5][A].state is State.PENDING
    assert history[5][A].resolved_at_ms is None
    assert history[6][A].active_at_ms == 5 * MINUTE
    assert transitions[-2:] == [(5, "inactive", "pending"), (6, "pending", "firing")]


def test_keep_firing_for_counts_from_the_first_evaluation_without_the_condition():
    timing = Timing(keep_firing_for_ms=3 * MINUTE)
    history, transitions = live(timing, {0: [seen(value=7.0)], 1: [], 2: [], 3: [], 4: []})
    assert [history[minute][A].state for minute in range(5)] == [State.FIRING] * 4 + [State.INACTIVE]
    assert history[3][A].keep_firing_since_ms == MINUTE
    assert history[3][A].value == 7.0
    assert history[4][A].resolved_at_ms == 4 * MINUTE
    assert len(transitions) == 2


def test_keep_firing_for_begins_again_after_the_condition_came_back():
    timing = Timing(keep_firing_for_ms=3 * MINUTE)
    history, _ = live(timing, {0: [seen()], 1: [], 2: [], 3: [seen()], 4: [], 6: [], 7: []})
    assert history[3][A].keep_firing_since_ms is None
    assert history[6][A].state is State.FIRING
    assert history[7][A].state is State.INACTIVE


def test_a_pending_alert_never_uses_keep_firing_for():
    history, _ = live(Timing(5 * MINUTE, 10 * MINUTE), {0: [seen()], 1: []})
    assert history[1] == {}


def test_value_and_annotations_follow_every_evaluation_and_the_beginning_does_not():
    history, _ = live(Timing(), {0: [seen(value=1.0, note="one")], 1: [seen(value=2.0, note="two")]})
    alert = history[1][A]
    assert (alert.value, alert.annotations["summary"], alert.active_at_ms) == (2.0, "two", 0)


def test_two_samples_that_mean_one_alert_are_an_error_and_change_nothing():
    before, _ = step(Timing(MINUTE), {}, [seen()], 0)
    with pytest.raises(ExecutionError, match="same labelset after applying alert labels"):
        step(Timing(MINUTE), before, [seen(), seen()], MINUTE)
    assert list(before) == [A]


@pytest.mark.parametrize(("limit", "refused"), [(0, False), (2, False), (1, True)])
def test_more_alerts_than_the_limit_are_an_error(limit, refused):
    if refused:
        with pytest.raises(LimitExceeded, match="exceeded limit of 1 with 2 alerts"):
            step(Timing(), {}, [seen(A), seen(B)], 0, limit=limit)
    else:
        assert len(step(Timing(), {}, [seen(A), seen(B)], 0, limit=limit)[0]) == 2


def test_resolved_alerts_do_not_count_towards_the_limit():
    history, _ = live(Timing(), {0: [seen(A)], 1: [seen(B)]}, limit=1)
    assert len(history[1]) == 2


def test_a_firing_alert_whose_for_was_made_longer_waits_again():
    firing, _ = step(Timing(), {}, [seen()], 0)
    after, changed = step(Timing(10 * MINUTE), firing, [seen()], MINUTE)
    assert after[A].state is State.PENDING
    assert (after[A].fired_at_ms, after[A].last_sent_at_ms) == (None, None)
    assert (changed[0].before, changed[0].after) == (State.FIRING, State.PENDING)


def test_so_does_one_that_keep_firing_for_keeps_and_it_is_gone_with_the_next_evaluation():
    """As Prometheus does it since 3: the kept alert is pending again, and a pending one never uses keep_firing_for."""
    firing, _ = step(Timing(0, 9 * MINUTE), {}, [seen()], 0)
    kept, _ = step(Timing(0, 9 * MINUTE), firing, [], MINUTE)
    after, _ = step(Timing(10 * MINUTE, 9 * MINUTE), kept, [], 2 * MINUTE)
    assert (after[A].state, after[A].keep_firing_since_ms) == (State.PENDING, None)
    assert step(Timing(10 * MINUTE, 9 * MINUTE), after, [], 3 * MINUTE)[0] == {}


def test_every_transition_says_why():
    _, changed = step(Timing(2 * MINUTE), {}, [seen()], 0)
    assert changed[0].why == "the condition holds; `for` 2m must pass"
    active, _ = step(Timing(2 * MINUTE), {}, [seen()], 0)
    _, changed = step(Timing(2 * MINUTE), active, [seen()], 2 * MINUTE)
    assert changed[0].why == "the condition has held for 2m; `for` 2m has passed"
    _, changed = step(Timing(2 * MINUTE), active, [], MINUTE)
    assert changed[0].why == "the condition ceased before `for` 2m had passed"


@pytest.mark.parametrize(
    ("last_sent", "resolved", "minute", "wanted"),
    [
        (None, None, 0, True),
        (0, None, 1, False),  # strictly more than the delay must have passed, so 1m and 1m give every 2m
        (0, None, 2, True),
        (0, 1, 1, True),
        (1, 1, 2, False),
        (1, 1, 3, True),
    ],
)
def test_when_an_alert_is_handed_over_again(last_sent, resolved, minute, wanted):
    from dataclasses import replace

    alert = step(Timing(), {}, [seen()], 0)[0][A]
    alert = replace(
        alert,
        last_sent_at_ms=None if last_sent is None else last_sent * MINUTE,
        resolved_at_ms=None if resolved is None else resolved * MINUTE,
    )
    assert alert.needs_sending(minute * MINUTE, MINUTE) is wanted


def test_a_pending_alert_is_never_handed_over():
    assert not step(Timing(MINUTE), {}, [seen()], 0)[0][A].needs_sending(0, 0)


# --- any story ---

LABELS = [Labels.of(alertname="x", n=str(n)) for n in range(3)]
STORIES = st.lists(
    st.tuples(st.integers(1, 20), st.sets(st.sampled_from(LABELS)), st.floats(allow_nan=False)), min_size=1, max_size=40
)
TIMINGS = st.builds(Timing, st.sampled_from([None, 0, 2, 5]), st.sampled_from([None, 3, 7]))


@given(TIMINGS, STORIES)
def test_what_holds_in_every_story(timing, story):
    """No end without a beginning, `for` and keep_firing_for respected, pending alerts are those whose condition holds."""
    active, at_ms = {}, 0
    states = dict.fromkeys(LABELS, State.INACTIVE)
    held_since, missing_since = {}, {}
    for gap, present, value in story:
        at_ms += gap
        before = dict(active)
        active, transitions = step(timing, active, [Observation(each, value, Labels()) for each in present], at_ms)
        assert {labels: before[labels] for labels in before} == before
        for labels in LABELS:
            if labels in present:
                held_since.setdefault(labels, at_ms)
                missing_since.pop(labels, None)
            else:
                missing_since.setdefault(labels, at_ms)
        for each in transitions:
            assert each.before is states[each.labels], "transitions chain"
            assert each.before is not each.after
            assert each.why
            states[each.labels] = each.after
            if each.after is State.FIRING:
                assert each.labels in present
                assert at_ms - active[each.labels].active_at_ms >= (timing.for_ms or 0)
            if each.before is State.FIRING:
                assert each.after is State.INACTIVE
                assert each.labels not in present
                assert at_ms - missing_since[each.labels] >= (timing.keep_firing_for_ms or 0)
        for labels in LABELS:
            shown = active[labels].state if labels in active else State.INACTIVE
            assert shown is states[labels]
            if shown is State.PENDING:
                assert labels in present
                assert at_ms - active[labels].active_at_ms < (timing.for_ms or 0)
            if labels in present:
                assert shown is not State.INACTIVE
                assert active[labels].value == value
            if shown is State.INACTIVE and labels in active:
                assert active[labels].resolved_at_ms is not None
                assert active[labels].fired_at_ms is not None


@given(TIMINGS, STORIES)
def test_an_evaluation_that_fails_changes_nothing(timing, story):
    """A story with failed evaluations in between goes on as if they had not been."""
    active, at_ms = {}, 0
    for gap, present, value in story:
        at_ms += gap
        observed = [Observation(each, value, Labels()) for each in present]
        copy = dict(active)
        if observed:
            with pytest.raises(ExecutionError):
                step(timing, active, [*observed, observed[0]], at_ms)
        assert active == copy
        active, _ = step(timing, active, observed, at_ms)
