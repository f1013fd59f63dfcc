"""The life of silences: created, changed in place or replaced, ended by time or by hand, and what they hold back meanwhile."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidInput
from agent.journal import Journal, MemoryJournal, Put
from agent.model import Labels, Matcher, MatchOp, match_all
from agent.notify import Silence, Silences, SilenceState, parse_matchers

SECOND = 1_000
NOW = 1_767_600_000_000


def silence(text="a=b", start=0, end=100, *, by="ana", comment="why", key=""):
    """Make a silence whose times are seconds from NOW."""
    times = (NOW + int(start * SECOND), NOW + int(end * SECOND))
    return Silence(key, parse_matchers(text).matchers, *times, by, comment, 0)


@pytest.fixture
def silences():
    return Silences(MemoryJournal())


def put(silences, wanted, at=0):
    return silences.put(wanted, NOW + int(at * SECOND))[0]


# (the silence as it is, seconds later, what is wanted of it then, whether it keeps its id); after silence_test.go's cases.
CHANGES = [
    pytest.param(silence(), 10, silence(start=0, end=500), True, id="an active one may last longer"),
    pytest.param(silence(), 10, silence(start=0.7, end=500), True, id="within the second of its begin"),
    pytest.param(silence(), 10, silence(start=0, end=11), True, id="an active one may end sooner"),
    pytest.param(silence(), 10, silence(start=0, comment="other"), True, id="its comment may change"),
    pytest.param(silence(), 10, silence(start=20, end=500), False, id="an active one cannot begin later"),
    pytest.param(silence(), 10, silence("a=c", end=500), False, id="other matchers are another silence"),
    pytest.param(silence("a=b,c=d"), 10, silence("c=d,a=b", end=500), True, id="their order says nothing"),
    pytest.param(silence(start=50), 10, silence(start=60, end=500), True, id="a pending one may begin later"),
    pytest.param(silence(start=50), 10, silence(start=20, end=500), True, id="a pending one may begin sooner"),
    pytest.param(silence(start=50), 10, silence(start=5, end=500), False, id="but not in the past"),
    pytest.param(silence(), 200, silence(start=0, end=500), False, id="one that is over stays over"),
]


@pytest.mark.parametrize(("known", "at", "wanted", "same"), CHANGES)
def test_a_silence_is_changed_in_place_only_where_no_past_is_rewritten(silences, known, at, wanted, same):
    first = put(silences, known)

    second = put(silences, replace(wanted, id=first.id), at)

    assert (second.id == first.id) == same
    now = NOW + at * SECOND
    assert silences.get(second.id).ends_at_ms == wanted.ends_at_ms
    if not same:
        assert silences.get(first.id).state(now) is SilenceState.EXPIRED
        assert silences.get(second.id).starts_at_ms == max(now, wanted.starts_at_ms)


REFUSED = [
    pytest.param(silence("a=b", 10, 10), "end before it begins", id="no length"),
    pytest.param(silence("a=b", -20, -10), "in the past", id="over already"),
    pytest.param(silence('a=~".*"'), "empty string", id="matches all"),
    pytest.param(replace(silence(), matchers=()), "empty string", id="no matcher"),
    pytest.param(replace(silence(), matchers=(Matcher("", MatchOp.EQUAL, "x"),)), "no label name", id="no name"),
]


@pytest.mark.parametrize(("wanted", "why"), REFUSED)
def test_a_silence_that_makes_no_sense_neither_comes_nor_ends_the_one_it_would_replace(silences, wanted, why):
    known = put(silences, silence())

    for key in ("", known.id):
        with pytest.raises(InvalidInput, match=why):
            put(silences, replace(wanted, id=key), 1)

    assert silences.list(NOW + SECOND) == [known]


@pytest.mark.parametrize("text", ["a!=b", 'a!~"b|c"', 'a=~".*",b=c', 'a=""," b"=c'])
def test_one_matcher_that_asks_for_something_is_enough_and_a_negative_one_asks(silences, text):
    """Alertmanager takes `a!=b` alone, although it holds back all that has no label `a`."""
    made = put(silences, silence(text))

    assert silences.muting(Labels({"c": "d", "b": "c", " b": "c"}), NOW) == (made.id,)


def test_what_nobody_knows_can_neither_be_changed_nor_expired(silences):
    with pytest.raises(InvalidInput, match=r"nope.*not found"):
        put(silences, silence(key="nope"))
    with pytest.raises(InvalidInput, match=r"nope.*not found"):
        silences.expire("nope", NOW)


def test_expiring_a_pending_silence_leaves_it_no_time_at_all(silences):
    made = put(silences, silence(start=50))

    silences.expire(made.id, NOW + 10 * SECOND)
    silences.expire(made.id, NOW + 20 * SECOND)

    ended = silences.get(made.id)
    assert (ended.starts_at_ms, ended.ends_at_ms) == (NOW + 10 * SECOND,) * 2


def test_the_list_shows_what_ends_next_what_begins_next_and_what_ended_last(silences):
    spans = {"late": (0, 90), "soon": (0, 50), "next": (60, 99), "far": (80, 99), "old": (0, 1), "older": (0, 0.5)}
    for name in random.Random(1).sample(sorted(spans), len(spans)):
        put(silences, silence(f"n={name}", *spans[name]))

    shown = [each.matchers[0].value for each in silences.list(NOW + 10 * SECOND)]

    assert shown == ["soon", "late", "next", "far", "old", "older"]


def test_whoever_waits_hears_of_each_begin_and_end_once_and_the_version_moves_with_them():
    heard = []
    silences = Silences(
        MemoryJournal(), lambda changed, at: heard.append((at - NOW, [each.comment for each in changed]))
    )
    put(silences, silence(start=10, end=20, comment="one"))
    put(silences, silence(start=15, end=90, comment="two"))
    versions = []
    for at in (5, 10, 12, 15, 20, 30):
        silences.advance(NOW + at * SECOND)
        versions.append(silences.version)

    assert heard == [(0, ["one"]), (0, ["two"]), (10_000, ["one"]), (15_000, ["two"]), (20_000, ["one"])]
    assert versions == [2, 3, 3, 4, 5, 5]
    assert silences.next_change_ms == NOW + 90 * SECOND
    silences.expire(silences.list(NOW + 30 * SECOND)[0].id, NOW + 30 * SECOND)
    assert heard[-1] == (30_000, ["two"])
    assert silences.next_change_ms is None


def test_what_is_asked_in_between_takes_nothing_from_whoever_waits():
    """`muting` is asked in the middle of a flush: it must not call back, and what it noticed is told later."""
    heard = []
    silences = Silences(MemoryJournal(), lambda changed, _: heard.append(len(changed)))
    put(silences, silence(start=10, end=20))
    heard.clear()

    assert silences.muting(Labels.of(a="b"), NOW + 10 * SECOND)
    assert heard == []
    silences.advance(NOW + 11 * SECOND)
    assert heard == [1]


def test_a_clock_that_is_set_back_finds_the_silence_of_then(silences):
    put(silences, silence(start=10, end=20))

    assert [bool(silences.muting(Labels.of(a="b"), NOW + at * SECOND)) for at in (15, 25, 15, 5)] == [
        True,
        False,
        True,
        False,
    ]


MATCHERS = st.lists(
    st.builds(Matcher, st.sampled_from("abc"), st.sampled_from(MatchOp), st.sampled_from(["", "x", "y", "x|y", ".+"])),
    min_size=1,
    max_size=3,
).map(tuple)
SPANS = st.tuples(st.integers(0, 50), st.integers(51, 100))
LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y", "z"])).map(Labels)


@given(st.lists(st.tuples(MATCHERS, SPANS), max_size=6), st.lists(st.tuples(LABELS, st.integers(0, 110)), max_size=12))
def test_the_index_finds_what_trying_every_silence_finds(wanted, asked):
    silences = Silences(MemoryJournal())
    kept = []
    for matchers, (start, end) in wanted:
        if not all(each.matches("") for each in matchers):
            kept.append(put(silences, replace(silence(start=start, end=end), matchers=matchers)))
    for labels, at in asked:
        now = NOW + at * SECOND
        slowly = {
            each.id for each in kept if each.starts_at_ms <= now < each.ends_at_ms and match_all(each.matchers, labels)
        }
        found = silences.muting(labels, now)
        assert set(found) == slowly
        assert len(found) == len(slowly)


def test_silences_outlive_the_process_with_who_why_and_annotations(tmp_path):
    with closing(Journal.open(tmp_path / "a.db")) as journal:
        made, written = Silences(journal).put(
            replace(silence('"ü" = "x\\"y",b=~"c.*"'), annotations=Labels.of(ticket="OPS-1")), NOW
        )
        written.result()
    with closing(Journal.open(tmp_path / "a.db")) as journal:
        again = Silences(journal)
        assert again.get(made.id) == made
        assert again.muting(Labels({"ü": 'x"y', "b": "cd"}), NOW) == (made.id,)
        said = journal.events("notify.history", made.id)
    assert [(each.value["what"], each.value["by"], each.value["reason"]) for each in said] == [
        ("silence created", "ana", "why")
    ]


def test_a_silence_written_before_there_were_annotations_is_read():
    journal = MemoryJournal()
    old = {
        "matchers": [["a", "=", "b"]],
        "starts_at_ms": NOW,
        "ends_at_ms": NOW + 1,
        "created_by": "x",
        "comment": "",
        "updated_at_ms": NOW,
    }
    journal.write(Put("notify.silence", "one", old))

    assert Silences(journal).get("one").annotations == Labels()
