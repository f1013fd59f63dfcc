"""Groups that wait for scrapes: due once in a round, when the last has landed, at the newest timestamp; never for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rules import Cadence, Due, GroupKey, Rounds, feeders, newest_of_rounds, period_of, targets_read
from tests.rules.world import rule_set

SECOND = 1000
A, B, C = (GroupKey("rules.yml", name) for name in "abc")
START = 1_700_000_040 * SECOND
"""A whole minute."""


def at(seconds):
    return START + round(seconds * SECOND)


class Story:
    """Targets by name, as (interval, offset) in seconds; what is due is told in seconds from the start."""

    def __init__(self, targets, reads, begins=0.0):
        self.rounds = Rounds()
        self.cadences = {
            name: Cadence(round(interval * SECOND), round(offset * SECOND))
            for name, (interval, offset) in targets.items()
        }
        self.told(self.rounds.assign(reads, self.cadences, at(begins)))

    @staticmethod
    def told(dues):
        found = []
        for due in dues:
            missed = ["missed", due.missed] if due.missed else []
            found.append(("".join(key.name for key in due.keys), (due.at_ms - START) / SECOND, *due.late, *missed))
        return found

    def landed(self, name, seconds):
        return self.told(self.rounds.landed(name, at(seconds)))

    def overdue(self, seconds):
        return self.told(self.rounds.overdue(at(seconds)))

    def assign(self, reads, seconds):
        return self.told(self.rounds.assign(reads, self.cadences, at(seconds)))


TWO = {"rag": (15, 7), "node": (15, 0)}


def test_a_group_is_due_when_the_last_target_that_it_reads_has_landed_at_the_newest_timestamp():
    story = Story(TWO, {A: {"rag", "node"}})
    assert story.landed("node", 0) == []
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.landed("rag", 22) == []
    assert story.landed("node", 15) == [("a", 22)]


def test_groups_that_read_different_targets_are_due_apart_and_those_that_read_the_same_together():
    story = Story(TWO, {A: {"node"}, B: {"rag"}, C: {"node"}})
    assert story.landed("node", 0) == [("ac", 0)]
    assert story.landed("rag", 7) == [("b", 7)]


def test_a_scrape_that_is_no_ones_and_a_group_that_reads_nothing_are_left_alone():
    story = Story(TWO, {A: {"rag"}, B: set(), C: {"gone"}})
    assert story.landed("node", 0) == []
    assert story.landed("stranger", 0) == []
    assert set(story.rounds.periods_ms) == {A}


def test_a_target_of_the_next_round_that_lands_before_the_last_of_this_one_is_not_mixed_in():
    story = Story(TWO, {A: {"rag", "node"}})
    story.landed("node", 0)
    assert story.landed("node", 15) == []
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.landed("rag", 22) == [("a", 22)]


def test_what_never_lands_is_waited_for_until_the_next_instant_and_named():
    story = Story(TWO, {A: {"rag", "node"}})
    story.landed("node", 0)
    assert story.rounds.next_deadline() == at(22)
    assert story.overdue(21.9) == []
    assert story.overdue(22) == [("a", 0, "rag")]
    assert story.landed("rag", 7) == [], "what lands too late is seen by the next round"
    story.landed("node", 15)
    assert story.landed("rag", 22) == [("a", 22)]


def test_a_round_in_which_nothing_lands_is_evaluated_at_the_instant_that_was_planned():
    story = Story(TWO, {A: {"rag"}})
    assert story.overdue(22) == [("a", 7, "rag")]


def test_a_round_that_is_complete_only_because_the_next_one_has_begun_counts_as_missed():
    story = Story(TWO, {A: {"rag"}})
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.landed("rag", 37) == [("a", 37, "missed", 1)]


def test_after_some_rounds_without_a_look_the_newest_is_evaluated_and_the_others_are_missed():
    story = Story(TWO, {A: {"rag"}})
    story.landed("rag", 7)
    assert story.overdue(60) == [("a", 37, "rag", "missed", 1)]
    assert story.landed("rag", 52) == [("a", 52)]


@pytest.mark.parametrize(("wakes", "first", "missed"), [(3600, 3607, 239), (3608, 3622, 240)])
def test_after_a_long_sleep_nothing_is_evaluated_before_a_scrape_has_landed(wakes, first, missed):
    """A machine that slept, or a clock that was set forward: what is known is old, and would end every alert."""
    story = Story(TWO, {A: {"rag"}})
    story.landed("rag", 7)
    assert story.overdue(wakes) == []
    assert story.overdue(first - 1) == []
    assert story.landed("rag", first) == [("a", first, "missed", missed)]
    assert story.overdue(first + 30) == [("a", first + 15, "rag")]


def test_at_the_start_nobody_waits_for_slots_that_had_passed():
    story = Story(TWO, {A: {"rag", "node"}}, begins=3)
    assert story.landed("rag", 7) == [("a", 7)]
    story.landed("node", 15)
    assert story.landed("rag", 22) == [("a", 22)]


def test_a_scrape_between_two_slots_such_as_the_first_at_the_start_counts_for_its_round():
    story = Story(TWO, {A: {"node"}}, begins=3)
    assert story.landed("node", 3) == [], "its slot had passed: the round waits for nobody"
    assert story.landed("node", 15) == [("a", 15)]


def test_a_target_with_a_longer_interval_is_waited_for_in_its_own_rounds_only():
    story = Story({"fast": (5, 1), "slow": (15, 13)}, {A: {"fast", "slow"}})
    assert story.rounds.periods_ms[A] == 5 * SECOND
    assert story.landed("fast", 1) == [("a", 1)]
    assert story.landed("fast", 6) == [("a", 6)]
    assert story.landed("fast", 11) == []
    assert story.landed("slow", 13) == [("a", 13)]
    assert story.landed("fast", 16) == [("a", 16)]


def test_reading_one_target_more_neither_repeats_nor_skips_a_round():
    story = Story(TWO, {A: {"node"}})
    assert story.landed("node", 0) == [("a", 0)]
    assert story.assign({A: {"node", "rag"}}, 3) == []
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.assign({A: {"node"}}, 8) == [("a", 0)], "whoever evaluates knows that 0 is not after 7"
    assert story.landed("node", 15) == [("a", 15)]


def test_saying_the_same_again_changes_nothing():
    story = Story(TWO, {A: {"node", "rag"}})
    story.landed("node", 0)
    assert story.assign({A: {"rag", "node"}}, 3) == []
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.assign({A: {"rag", "node"}}, 8) == []


def test_a_group_that_is_new_is_due_at_the_last_round_that_is_complete():
    story = Story(TWO, {A: {"node", "rag"}})
    story.landed("node", 0)
    story.landed("rag", 7)
    assert story.assign({A: {"node", "rag"}, B: {"rag"}}, 9) == [("b", 7)]
    assert story.assign({A: {"node", "rag"}, B: {"node", "rag"}}, 10) == [("b", 7)], (
        "whoever evaluates knows it is no news"
    )
    assert story.assign({A: {"node", "rag"}, B: {"rag"}}, 10) == [("b", 7)]
    assert story.assign({A: {"node", "rag"}, B: {"rag"}, C: {"node"}}, 16) == [("c", 0)]


def test_a_target_that_moved_in_its_interval_begins_anew():
    story = Story(TWO, {A: {"rag"}})
    story.landed("rag", 7)
    story.cadences["rag"] = Cadence(15 * SECOND, 2 * SECOND)
    story.assign({A: {"rag"}}, 8)
    assert story.landed("rag", 17) == [("a", 17)]


def test_a_clock_that_was_set_back_is_followed():
    story = Story(TWO, {A: {"rag", "node"}})
    story.landed("node", 0)
    assert story.landed("rag", 7) == [("a", 7)]
    assert story.landed("node", -3600) == []
    assert story.landed("rag", -3593) == [("a", -3593)]
    assert story.landed("node", -3585) == []
    assert story.landed("rag", -3578) == [("a", -3578)]


def test_a_clock_that_is_set_back_before_anything_has_landed_is_followed_too():
    story = Story(TWO, {A: {"rag", "node"}})
    assert story.landed("node", -3600) == []
    assert story.landed("rag", -3593) == [("a", -3593)]


def test_a_clock_that_leaps_years_ahead_is_one_step():
    years = 40 * 365 * 86_400
    story = Story(TWO, {A: {"rag"}, B: {"rag", "node"}})
    story.landed("node", 0)
    assert story.landed("rag", 7) == [("a", 7), ("b", 7)]
    assert story.landed("rag", years + 7) == [("a", years + 7, "missed", years // 15 - 1)]
    assert story.landed("node", years) == [("b", years + 7, "missed", years // 15 - 1)]
    assert story.landed("rag", years + 22) == [("a", years + 22)]
    assert story.landed("node", years + 15) == [("b", years + 22)]


CADENCES = st.dictionaries(
    st.sampled_from("pqrs"),
    st.tuples(st.sampled_from([5, 10, 15, 20]), st.integers(0, 19)).map(lambda pair: (pair[0], pair[1] % pair[0])),
    min_size=1,
)


@given(CADENCES, st.randoms(use_true_random=False))
def test_where_everything_lands_a_group_is_evaluated_at_the_newest_slot_of_each_round(targets, random):
    """And so a replay finds the same instants from the timestamps alone. Scrapes land late, in any order of targets."""
    story = Story(targets, {A: set(targets)})
    landings = [
        (slot + random.random() * 4, slot, name)
        for name, (interval, offset) in targets.items()
        for slot in range(offset, 120, interval)
    ]
    told = [due for _, slot, name in sorted(landings) for due in story.landed(name, slot)]
    period = min(interval for interval, _ in targets.values()) * SECOND
    expected = [(stamp - START) / SECOND for stamp in newest_of_rounds([at(slot) for _, slot, _ in landings], period)]
    instants = [due[1] for due in told]
    assert instants == expected[: len(instants)]
    assert len(instants) >= len(expected) - 1, "the last round may wait for what comes after the end"
    assert all(len(due) == 2 for due in told)


@given(CADENCES, st.randoms(use_true_random=False))
def test_whatever_is_lost_rounds_go_on_in_order_and_none_is_held_beyond_its_deadline(targets, random):
    story = Story(targets, {A: set(targets)})
    period = min(interval for interval, _ in targets.values())
    landings = sorted(
        (slot + random.random() * interval, slot, name)
        for name, (interval, offset) in targets.items()
        for slot in range(offset, 120, interval)
        if random.random() < 0.7
    )
    instants = []
    for second in range(160):
        now = [slot for slot in landings if second <= slot[0] < second + 1]
        for _, slot, name in now:
            instants += [(due[1], second) for due in story.landed(name, slot)]
        instants += [(due[1], second) for due in story.overdue(second + 1)]
        assert story.rounds.next_deadline() > at(second + 1)
    moments = [instant for instant, _ in instants]
    assert moments == sorted(set(moments))
    assert len({instant // period for instant in moments}) == len(moments), "no round twice"
    assert all(second + 1 >= instant for instant, second in instants), "nothing is evaluated before its time"
    assert moments[-1] >= 160 - 3 * period


def test_the_newest_of_each_round_of_recorded_timestamps():
    assert newest_of_rounds([], 15) == []
    assert newest_of_rounds([31, 7, 0, 15, 14, 44], 15) == [14, 15, 44]


def test_the_period_of_recorded_scrapes_is_the_shortest_usual_distance_of_a_target():
    assert period_of([]) is None
    assert period_of([[], [5]]) is None
    assert period_of([[0, 15, 30, 60, 75]]) == 15
    assert period_of([[0, 15, 30, 45], [3, 13, 33, 43, 53], [7]]) == 10


def test_the_newest_slot_of_a_stretch():
    cadence = Cadence(15, 7)
    assert cadence.newest_slot(30, 45) == 37
    assert cadence.newest_slot(30, 37) is None
    assert cadence.newest_slot(15, 45) == 37
    assert cadence.newest_slot(15, 30) == 22
    assert cadence.newest_slot(0, 15) == 7


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Every group's expressions; what is recorded is named r<letter>.
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y"}),
        ({"a": ["x + y"], "b": ["1"]}, {"a": "xy", "b": ""}),
        ({"a": ["rb"], "b": ["x"]}, {"a": "x", "b": "x"}),
        ({"a": ["rb + y"], "b": ["rc"], "c": ["x"]}, {"a": "xy", "b": "x", "c": "x"}),
        ({"a": ["rb + x"], "b": ["ra + y"]}, {"a": "xy", "b": "xy"}),
        ({"a": ["rb"], "b": ["rc"], "c": ["ra + x"]}, {"a": "x", "b": "x", "c": "x"}),
    ],
)
def test_a_group_reads_the_targets_of_its_selectors_and_of_the_groups_that_feed_it(rules, expected):
    text = "groups:\n" + "".join(
        f"- {{name: {name}, rules: [{', '.join(f'{{record: r{name}, expr: {each}}}' for each in expressions)}]}}\n"
        for name, expressions in rules.items()
    )
    groups = rule_set(text).groups
    found = targets_read(groups, feeders(groups), lambda selector: frozenset({selector.name} & set("xy")))
    assert {key.name: "".join(sorted(targets)) for key, targets in found.items()} == expected


def test_the_targets_of_a_group_with_an_interval_are_not_waited_for():
    groups = rule_set(
        "groups: [{name: a, rules: [{record: ra, expr: x}]}, {name: b, rules: [{record: rb, expr: ra}]}]"
    ).groups
    assert (
        targets_read(groups[1:], feeders(groups), lambda selector: frozenset({"x"} & {selector.name}))[B] == frozenset()
    )


def test_what_is_due_says_so_by_itself():
    assert Due((A,), 5) == ((A,), 5, (), 0)
