"""The history gives what was written, newest first, filtered and page by page; what cannot be read stops nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal import Append, Event, Journal, Position
from agent.model import Labels, Matcher, MatchOp
from agent.rules import TRANSITION_KIND, State, Transition, Wanted, past
from agent.rules.history import MOST_LOOKED_AT
from agent.rules.records import RuleKey, append_transition

STATES = (State.INACTIVE, State.PENDING, State.FIRING)


def rule(name: str, group: str = "g") -> RuleKey:
    return RuleKey("f.yml", group, name, "", 0)


def change(name, before, after, at_ms, value=1.0, group="g", **labels) -> Append:
    transition = Transition(before, after, Labels.of(alertname=name, **labels), value, at_ms, f"because of {at_ms}")
    return append_transition(rule(name, group), transition)


CHANGES = [
    change("Down", State.INACTIVE, State.PENDING, 1_000, job="a"),
    change("Down", State.PENDING, State.FIRING, 2_000, job="a"),
    change("Slow", State.INACTIVE, State.FIRING, 2_500, float("inf"), group="h", job="b"),
    change("Down", State.FIRING, State.INACTIVE, 3_000, None, job="a"),
    change("Slow", State.PENDING, State.INACTIVE, 4_000, group="h", job="c"),
]


@pytest.fixture
def journal():
    made = Journal.open(":memory:")
    made.write(*CHANGES, Append("something else", "x", 2_000, {"rule": "Down"})).result()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("wanted", "instants"),
    [
        (Wanted(), [4_000, 3_000, 2_500, 2_000, 1_000]),
        (Wanted(rules=frozenset({"Slow"})), [4_000, 2_500]),
        (Wanted(groups=frozenset({"g"})), [3_000, 2_000, 1_000]),
        (Wanted(states=frozenset({"firing", "pending"})), [2_500, 2_000, 1_000]),
        (Wanted(states=frozenset({"resolved"})), [3_000]),
        (Wanted(states=frozenset({"inactive"})), [4_000, 3_000]),
        (Wanted(since_ms=2_000, until_ms=3_000), [3_000, 2_500, 2_000]),
        (Wanted(fingerprint=Labels.of(alertname="Down", job="a").fingerprint()), [3_000, 2_000, 1_000]),
        (Wanted(selectors=[[Matcher("job", MatchOp.REGEX, "a|c")]]), [4_000, 3_000, 2_000, 1_000]),
        (
            Wanted(selectors=[[Matcher("job", MatchOp.EQUAL, "b")], [Matcher("job", MatchOp.EQUAL, "c")]]),
            [4_000, 2_500],
        ),
        (Wanted(selectors=[[Matcher("nothing", MatchOp.EQUAL, "")]]), [4_000, 3_000, 2_500, 2_000, 1_000]),
        (Wanted(limit=2), [4_000, 3_000]),
    ],
)
def test_what_is_asked_for_comes_newest_first(journal, wanted, instants):
    assert [line.position.at_ms for line in past(journal.newest, wanted).lines] == instants


def test_a_line_says_all_that_was_written(journal):
    page = past(journal.newest, Wanted(states=frozenset({"resolved"})))
    (line,) = page.lines
    assert (line.file, line.group, line.rule, line.labels) == (
        "f.yml",
        "g",
        "Down",
        Labels.of(alertname="Down", job="a"),
    )
    assert (line.before, line.after, line.value, line.why, line.resolved) == (
        State.FIRING,
        State.INACTIVE,
        None,
        "because of 3000",
        True,
    )
    assert line.fingerprint == line.labels.fingerprint()
    (endless,) = past(journal.newest, Wanted(rules=frozenset({"Slow"}), states=frozenset({"firing"}))).lines
    assert endless.value == float("inf")


@given(
    instants=st.lists(st.integers(0, 30), max_size=40),
    size=st.integers(1, 7),
    names=st.frozensets(st.sampled_from(["r0", "r1", "r2"])),
)
def test_pages_together_are_the_whole_history_and_nothing_twice(instants, size, names):
    events = [
        Event(number, TRANSITION_KIND, "x", at_ms, change(f"r{number % 3}", *STATES[:2], at_ms).value)
        for number, at_ms in enumerate(instants, 1)
    ]

    def newest(kind, before, *, subject=None, limit=1000):
        older = [each for each in events if each.position < before]
        return sorted(older, key=lambda each: each.position, reverse=True)[:limit]

    lines, after = [], None
    while True:
        page = past(newest, Wanted(rules=names, limit=size, after=after))
        lines += page.lines
        if page.following is None:
            break
        after = page.following
    expected = [each.position for each in events if not names or each.value["rule"] in names]
    assert [line.position for line in lines] == sorted(expected, reverse=True)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"labels": 1},
        {"labels": {}},
        CHANGES[0].value | {"to": "elsewhere"},
        CHANGES[0].value | {"value": "x"},
    ],
)
def test_an_event_that_cannot_be_read_is_passed_over(value):
    events = [Event(2, TRANSITION_KIND, "x", 20, value), Event(1, TRANSITION_KIND, "x", 10, CHANGES[0].value)]
    page = past(lambda kind, before, *, subject=None, limit=1000: events, Wanted())
    assert [line.position for line in page.lines] == [Position(10, 1)]


def test_a_page_looks_at_a_bounded_number_of_events_and_says_where_to_go_on():
    plain = CHANGES[0].value

    def endless(kind, before, *, subject=None, limit=1000):
        return [Event(1, kind, "x", before.at_ms - each - 1, plain) for each in range(limit)]

    page = past(endless, Wanted(rules=frozenset({"Nothing"}), until_ms=10**9))
    assert (page.lines, page.following) == ((), Position(10**9 + 1 - MOST_LOOKED_AT, 1))
