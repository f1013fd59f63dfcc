"""`step` against a slow reference: the life of one alert told from the whole history of its evaluations, over and over."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ExecutionError
from agent.model import Labels
from agent.rules import Absence, LimitExceeded, Observation, State, step

RETENTION = 15 * 60_000
NAMES = ("a", "b", "c")


@dataclass(frozen=True)
class Round:
    """One evaluation: `for` and keep_firing_for of the rule at that time, and what it saw."""

    at: int
    for_ms: int
    keep_firing_for_ms: int
    present: frozenset[str]
    unknown: frozenset[str] = frozenset()
    twice: bool = False

    @property
    def fails(self):
        return self.twice and bool(self.present)


MINUTES = st.integers(0, 3).map(lambda minutes: minutes * 60_000)
GAPS = st.sampled_from([60_000, 60_000, 60_000, 120_000, 900_000])
SEEN = st.sampled_from([frozenset(), frozenset("a"), frozenset("ab"), frozenset("abc")])
UNKNOWN = st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset("a"), frozenset("abc")])
TWICE = st.sampled_from([False] * 9 + [True])


@st.composite
def histories(draw):
    """Draw rounds under one timing after another, as reloads leave them: mostly the same for many rounds."""
    rounds = []
    for _ in range(draw(st.integers(1, 3))):
        for_ms, keep_ms = draw(MINUTES), draw(MINUTES)
        for gap, seen, unknown, twice in draw(st.lists(st.tuples(GAPS, SEEN, UNKNOWN, TWICE), max_size=12)):
            rounds.append(Round(gap, for_ms, keep_ms, seen, unknown, twice))
    return rounds


ROUNDS = histories()


def timed(rounds):
    """Turn gaps into instants."""
    at, made = 0, []
    for each in rounds:
        at += each.at
        made.append(replace(each, at=at))
    return made


def story(name, rounds):
    """Return (state, active since, fired, resolved, keep firing since, unknown since) after `rounds`, None for nothing.

    Prometheus' rules one after the other, as sentences:
    - an evaluation that fails is as if it had not been;
    - a series that appears begins a pending alert, unless it is active already;
    - a pending alert fires in the evaluation in which `for` has passed;
    - a firing alert whose `for` has not passed (any more) is pending;
    - a pending alert whose series is absent is nothing;
    - a firing one is kept for keep_firing_for from the first absence, then resolved, and forgotten after 15 minutes.
    And ours: while an absent alert is unknown it stays, and if pending that time does not count.
    """
    state = active = fired = resolved = keeping = unknown = None
    for each in rounds:
        if each.fails:
            continue
        if name in each.present:
            if state in (None, "inactive"):
                state, active, fired, resolved, keeping, unknown = "pending", each.at, None, None, None, None
            if unknown is not None:
                active += each.at - unknown if state == "pending" else 0
                unknown = None
            keeping = None
        elif state in ("pending", "firing") and name in each.unknown:
            unknown = each.at if unknown is None else unknown
            continue
        elif state == "pending":
            state = active = unknown = None
        elif state == "firing":
            unknown = None
            keeping = each.at if keeping is None else keeping
            if each.at - keeping >= each.keep_firing_for_ms:
                # Where keep_firing_for is 0 nothing was kept, and no such instant is remembered.
                state, resolved = "inactive", each.at
        elif state == "inactive" and each.at - resolved > RETENTION:
            state = None
        if state == "pending" and each.at - active >= each.for_ms:
            state, fired = "firing", each.at
        elif state == "firing" and each.at - active < each.for_ms:
            state, fired, keeping = "pending", None, None
    if state is None:
        return None
    return (state, active, fired, resolved, keeping if state == "firing" else None, unknown)


def labels_of(name):
    return Labels.of(alertname="x", n=name)


def stepped(rounds, limit=0):
    """Return the alerts after each evaluation and all transitions; an evaluation that fails leaves what was."""
    active, after, transitions = {}, [], []
    for each in rounds:
        observed = [Observation(labels_of(name), 1.0, Labels()) for name in sorted(each.present)]
        unknown = {labels_of(name): Absence("?") for name in each.unknown - each.present}
        try:
            active, made = step(
                each, active, observed * 2 if each.twice else observed, each.at, limit=limit, unknown=unknown
            )
            transitions += made
        except LimitExceeded:
            active = {}
        except ExecutionError:
            assert each.fails
        after.append(active)
    return after, transitions


def shown(alert):
    return (
        str(alert.state),
        alert.active_at_ms,
        alert.fired_at_ms,
        alert.resolved_at_ms,
        alert.keep_firing_since_ms if alert.state is State.FIRING else None,
        alert.no_data_since_ms,
    )


@given(ROUNDS)
def test_every_alert_of_every_history_is_what_the_definition_makes_of_it(rounds):
    rounds = timed(rounds)
    after, _ = stepped(rounds)
    for count, active in enumerate(after, 1):
        expected = {labels_of(name): story(name, rounds[:count]) for name in NAMES}
        assert {labels: shown(alert) for labels, alert in active.items()} == {
            labels: told for labels, told in expected.items() if told is not None
        }


@given(ROUNDS)
def test_the_transitions_of_every_history_chain_and_tell_the_states(rounds):
    after, transitions = stepped(timed(rounds))
    states = dict.fromkeys(map(labels_of, NAMES), State.INACTIVE)
    for each in transitions:
        assert states[each.labels] is each.before
        assert each.before is not each.after
        assert each.why
        states[each.labels] = each.after
    if after:
        last = {labels: alert.state for labels, alert in after[-1].items()}
        assert states == {labels: last.get(labels, State.INACTIVE) for labels in states}


@given(ROUNDS, st.integers(1, 2))
def test_a_passed_limit_forgets_everything_and_the_next_evaluation_begins_anew(rounds, limit):
    """Between two passings the alerts are those of the history since the last one."""
    rounds = timed(rounds)
    after, _ = stepped(rounds, limit)
    begin = 0
    for count, active in enumerate(after, 1):
        told = {labels_of(name): story(name, rounds[begin:count]) for name in NAMES}
        told = {labels: each for labels, each in told.items() if each is not None}
        if sum(each[0] != "inactive" for each in told.values()) > limit and not rounds[count - 1].fails:
            begin, told = count, {}
        assert {labels: shown(alert) for labels, alert in active.items()} == told
