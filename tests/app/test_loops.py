"""The loops outlive what their verbs raise, count what they skip, and wake when something moves."""

from __future__ import annotations

import asyncio

import pytest

from agent.app.loops import at_slots, when_due


class Over(BaseException):
    """Ends a loop that never ends."""


class Hand:
    """A clock that only the test moves."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def tens(at_ms: int) -> int:
    """The first multiple of ten after an instant."""
    return at_ms - at_ms % 10 + 10


@pytest.fixture(autouse=True)
def quick_sleep(monkeypatch):
    """Sleeping moves the clock at once; `slept` tells how often and how long."""
    slept: list[float] = []
    real = asyncio.sleep
    clock = Hand(0)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now_ms += round(seconds * 1000)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return clock, slept


async def slots_of(clock, works_ms, until: int) -> tuple[list[int], list[int]]:
    """Run a loop whose n-th round takes `works_ms[n]` (then nothing), until the slot `until`."""
    seen: list[int] = []
    skipped: list[int] = []

    async def verb(slot_ms: int) -> None:
        if slot_ms >= until:
            raise Over
        clock.now_ms += works_ms[len(seen)] if len(seen) < len(works_ms) else 0
        seen.append(slot_ms)

    with pytest.raises(Over):
        await at_slots("test", tens, verb, clock, skipped.append)
    return seen, skipped


@pytest.mark.parametrize(
    ("works_ms", "seen", "skipped"),
    [
        ([], [10, 20, 30, 40, 50], []),
        ([9], [10, 20, 30, 40, 50], []),
        ([15], [10, 20, 30, 40, 50], []),  # the slot of 20 is late, and not lost
        ([20], [10, 30, 40, 50], [1]),
        ([25], [10, 30, 40, 50], [1]),
        ([35], [10, 40, 50], [2]),
        ([25, 14], [10, 30, 40, 50], [1]),  # the second began 5 late and ends within its slot's time
    ],
)
async def test_slots_that_pass_while_a_round_runs_are_skipped_and_counted(quick_sleep, works_ms, seen, skipped):
    assert await slots_of(quick_sleep[0], works_ms, 60) == (seen, skipped)


async def test_a_round_that_fails_does_not_end_the_loop_and_is_logged_with_its_name(quick_sleep, capsys):
    seen = []

    async def verb(slot_ms: int) -> None:
        if slot_ms > 40:
            raise Over
        seen.append(slot_ms)
        raise ValueError(f"boom {slot_ms}")

    with pytest.raises(Over):
        await at_slots("the rules of x", tens, verb, quick_sleep[0])
    assert seen == [10, 20, 30, 40]
    logged = capsys.readouterr()
    assert "the rules of x" in logged.out + logged.err
    assert "boom 10" in logged.out + logged.err


async def test_a_long_sleep_is_cut_into_naps_so_that_a_clock_that_was_set_is_noticed(quick_sleep):
    clock, slept = quick_sleep

    async def verb(_: int) -> None:
        raise Over

    with pytest.raises(Over):
        await at_slots("test", lambda at_ms: at_ms - at_ms % 200_000 + 200_000, verb, clock)
    assert slept == [60.0, 60.0, 60.0, 20.0]


async def test_a_clock_that_is_set_back_is_followed_while_a_round_runs_and_while_the_loop_sleeps(
    quick_sleep, monkeypatch
):
    """Waiting until the clock has come to the old place again would mean hours without rules."""
    clock, slept = quick_sleep
    seen: list[int] = []
    clock.now_ms = 5_000_001
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        await real(seconds)
        if len(seen) == 3 and clock.now_ms > 4_000:
            clock.now_ms = 905  # set back while it sleeps

    async def verb(slot_ms: int) -> None:
        seen.append(slot_ms)
        if len(seen) == 2:
            clock.now_ms = 4_003  # set back while it works
        if len(seen) == 6:
            raise Over

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Over):
        await at_slots("test", tens, verb, clock)
    assert seen == [5_000_010, 5_000_020, 4_010, 910, 920, 930]
    assert sum(slept) < 1


async def test_a_clock_that_trembles_gives_no_slot_twice(quick_sleep):
    clock = quick_sleep[0]
    seen: list[int] = []

    async def verb(slot_ms: int) -> None:
        seen.append(slot_ms)
        clock.now_ms -= 7
        if len(seen) == 4:
            raise Over

    with pytest.raises(Over):
        await at_slots("test", tens, verb, clock)
    assert seen == [10, 20, 30, 40]


async def test_after_a_year_asleep_the_slots_that_passed_are_counted_at_once(quick_sleep):
    clock, year = quick_sleep[0], 365 * 86_400_000
    asked = 0

    def counted_tens(at_ms: int) -> int:
        nonlocal asked
        asked += 1
        return tens(at_ms)

    seen: list[int] = []
    skipped: list[int] = []

    async def verb(slot_ms: int) -> None:
        seen.append(slot_ms)
        clock.now_ms += year
        if len(seen) == 2:
            raise Over

    with pytest.raises(Over):
        await at_slots("test", counted_tens, verb, clock, skipped.append)
    assert (seen, skipped) == ([10, 10 + year], [year // 10 - 1])
    assert asked < 20


async def until(condition) -> None:
    """Let other tasks run until something holds."""
    event = asyncio.Event()
    for _ in range(1000):
        if condition():
            return
        asyncio.get_running_loop().call_soon(event.set)
        await event.wait()
        event.clear()
    raise AssertionError("it never became true")


async def test_when_due_sleeps_through_nothing_and_wakes_when_told(quick_sleep):
    """With nothing due the verb is not called; `changed` makes it look again, whatever it waited for."""
    clock, changed, called = quick_sleep[0], asyncio.Event(), []
    due: list[int | None] = [None]

    async def verb(at_ms: int) -> None:
        called.append(at_ms)
        due[0] = 5_000_000
        if len(called) == 1:
            raise ValueError("the first round fails")

    task = asyncio.create_task(when_due("test", lambda: due[0], verb, changed, clock))
    await until(lambda: not changed.is_set())
    await asyncio.sleep(0)
    assert called == []
    due[0], clock.now_ms = 7, 9
    changed.set()
    await until(lambda: len(called) == 1)
    assert called == [9]
    due[0], clock.now_ms = 6_000, 6_000
    changed.set()
    await until(lambda: len(called) == 2)
    assert called == [9, 6_000]
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
