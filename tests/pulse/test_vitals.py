"""A part works while what it does again and again was done within three turns."""

from __future__ import annotations

import pytest

from agent.pulse import Progress, Watch

from .scenes import HOUR, MINUTE, START_MS


def look(last_ms, at_ms=START_MS, every_ms=MINUTE):
    return Watch("collection", "scraped").look([Progress("rag", every_ms, last_ms)], at_ms)


@pytest.mark.parametrize(
    ("ago_ms", "works"), [(0, True), (3 * MINUTE, True), (3 * MINUTE + 15_000, True), (3 * MINUTE + 15_001, False)]
)
def test_three_turns_and_a_little_may_pass_without_one_that_was_done(ago_ms, works):
    assert (look(START_MS - ago_ms).trouble == "") is works


def test_what_was_done_last_and_how_often_it_is_due_is_said():
    assert look(START_MS - 5 * MINUTE).trouble == "rag was last scraped 5m ago, although that is due every 1m"


def test_nothing_works_before_it_was_done_once():
    found = look(0)
    assert (found.trouble, found.waits) == ("", "rag has not been scraped yet")


def test_what_was_never_done_is_a_trouble_after_its_first_turns():
    watch, thing = Watch("collection", "scraped"), [Progress("rag", MINUTE, 0)]
    watch.look(thing, START_MS)
    found = watch.look(thing, START_MS + 4 * MINUTE)
    assert found.trouble == "rag has never been scraped, although that is due every 1m"


def test_a_clock_that_was_set_back_makes_nothing_late():
    assert look(START_MS + HOUR).trouble == ""


def test_of_many_that_are_late_the_three_worst_are_named():
    things = [Progress(f"t{number}", MINUTE, START_MS - HOUR - number) for number in range(5)]
    trouble = Watch("collection", "scraped").look(things, START_MS).trouble
    assert [name for name in ("t4", "t3", "t2", "t1", "t0") if name in trouble] == ["t4", "t3", "t2"]
    assert trouble.endswith("and 2 more")
