"""Budgets of groups: which have one, what becomes of those without events, and that what is remembered of others stays."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StorageError
from agent.model import Labels, is_stale
from agent.slo import Calendar, Exclusion, RatioTimeslices, Raw, Rolling, Timeslices
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Key, Objective, burns_of
from agent.slo.budget.readings import State
from agent.slo.budget.series import Recorder
from agent.slo.windows import Catalog
from tests.slo.budget.service import BURNS, BY_VERSION, DAY, HOUR, MINUTE, START, Memory, Service, Told, objective, slo


def test_the_first_group_of_an_objective_with_other_windows_ends_no_page_of_others():
    other = slo("other", indicator=BY_VERSION, group_by=("version",), window=Rolling(14 * DAY))
    fortnight = Objective.of(other, burns_of(Catalog().windows(14 * DAY)), 14 * DAY)
    service = Service(Engine([objective(), fortnight]), requests_total=0.0, errors_total=0.0)
    for number in range(260):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100 if number >= 240 else 0)
        service.scraped()
    for _ in range(60):
        service.down()
    before = service.engine.read(service.at_ms).find(Key("rag-answers"))
    assert before.state is State.NO_DATA
    assert before.tiers[0].open

    service.engine.backfill(Key("rag-other", Labels({"version": "1"})), [])
    service.down()

    after = service.engine.read(service.at_ms).find(Key("rag-answers"))
    assert (after.state, after.since_ms, after.tiers) == (before.state, before.since_ms, before.tiers)


HALF_DAY = 12 * HOUR


def grouped(burns=(), **other) -> Objective:
    return objective(
        slo(**{"indicator": BY_VERSION, "group_by": ("version",), "window": Rolling(HALF_DAY), **other}), burns
    )


def engine_of(*objectives: Objective, **other) -> Engine:
    """Places for two, and half a day until one is free; an hour between two scrapes is no gap."""
    return Engine(objectives or [grouped()], **{"interval_ms": 5 * HOUR, "most_groups": 2, **other})


def ask(service: Service, *versions: str, hours: int = 1, bad: int = 0, total: int = 10) -> None:
    """Let hours go on in which each version is asked `total` times."""
    for _ in range(hours):
        for version in versions:
            service.rise("asked_total", total, version=version)
            service.rise("failed_total", bad, version=version)
        service.scraped(HOUR)


def version(name: str) -> Key:
    return Key("rag-answers", Labels({"version": name}))


def totals(engine: Engine) -> dict[str, float]:
    return {each.key.group["version"]: each.period.total for each in engine.read(engine.last_ms)}


def test_a_new_version_takes_the_place_of_one_that_was_not_asked_for_its_period_and_the_others_share_no_more():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", "3", hours=3)
    assert totals(service.engine) == {"1": 30, "2": 30, "other": 30}

    ask(service, "2", "3", hours=11)
    assert totals(service.engine) == {"1": 10, "2": 120, "other": 120}
    ask(service, "2", "3")
    assert service.engine.retired == (version("1"),)
    ask(service, "2", "3", hours=3)

    # What was shared stays so, since nobody knows any more whose it was.
    assert totals(service.engine) == {"2": 120, "other": 90, "3": 30}
    ask(service, "2", "3", hours=12)
    assert totals(service.engine) == {"2": 120, "3": 120}


def test_a_group_that_comes_back_has_its_own_past_again_where_there_is_a_place():
    service = Service(engine_of())
    service.scraped()
    began = service.at_ms
    ask(service, "1", "2", hours=3)
    ask(service, "2", hours=14)
    assert totals(service.engine) == {"2": 120}

    ask(service, "1", "2")
    assert totals(service.engine) == {"1": 10, "2": 120}
    whole = service.engine.between(began, service.at_ms)
    assert whole.find(version("1")).total == 40


def test_a_group_that_comes_back_without_a_place_shares_one_and_has_its_own_when_there_is():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", hours=3)
    ask(service, "2", hours=14)
    ask(service, "2", "3")
    ask(service, "1", "2", "3", hours=2, bad=1)
    found = {
        each.key.group["version"]: (each.period.bad, each.period.total) for each in service.engine.read(service.at_ms)
    }
    assert found == {"2": (2, 120), "3": (2, 30), "other": (2, 20)}

    ask(service, "1", "3", hours=14)
    assert totals(service.engine) == {"1": 20, "3": 120, "other": 100}


def test_what_nobody_asks_at_all_keeps_its_groups():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", hours=3)
    ask(service, hours=30)
    assert totals(service.engine) == {"1": 0, "2": 0}

    ask(service, "2", hours=2)
    assert totals(service.engine) == {"2": 20}


def test_a_group_of_which_nothing_is_known_or_whose_page_is_open_does_not_retire():
    engine = engine_of(grouped(burns=BURNS, min_events=0), interval_ms=HOUR, most_groups=5)
    live, dead = Service(engine), Service(engine)
    dead.scrapes, dead.at_ms = live.scrapes, live.at_ms

    def hour(failing: bool) -> None:
        live.rise("asked_total", 100, version="1")
        live.scraped(HOUR)
        dead.at_ms = live.at_ms
        if failing:
            live.scrapes.failed("dead", "dead: connection refused")
        else:
            dead.rise("asked_total", 100, version="2")
            dead.rise("failed_total", 100, version="2")
            live.scrapes.landed("dead", dead.page())

    for number in range(90):
        hour(failing=number > 6)
    reading = engine.read(live.at_ms).find(version("2"))
    assert (reading.state, reading.tiers[0].open) == (State.NO_DATA, True)

    live.scrapes.landed("dead", dead.page())
    for _ in range(3):
        live.rise("asked_total", 100, version="1")
        live.scraped(HOUR)
    assert totals(engine) == {"1": 1200}


def test_none_retires_while_the_target_of_all_fails():
    """`other` is on no page then: all that shared it have their own places again."""
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", "3", hours=3)
    ask(service, "2", "3", hours=16)
    assert totals(service.engine)["other"] > 0

    ask(service, "2", "3", hours=7)
    for _ in range(3):
        service.down(HOUR)
    assert service.engine.read(service.at_ms).find(version("other")).period.total == 0
    ask(service, "2")
    assert service.engine.retired == (version("other"),)


def test_a_group_whose_counter_stands_still_on_the_page_retires_too():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", hours=3)
    ask(service, "2", hours=13)
    assert totals(service.engine) == {"2": 120}

    service.rise("asked_total", 7, version="1")
    ask(service, "2")
    assert totals(service.engine) == {"2": 120, "1": 7}


def test_a_new_group_without_an_event_yet_has_a_whole_period_for_its_first():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", hours=3)
    service.rise("asked_total", 0, version="2")
    ask(service, "1", hours=11)
    assert totals(service.engine) == {"1": 120, "2": 0}

    ask(service, "1")
    assert totals(service.engine) == {"1": 120}


def test_series_that_left_the_page_take_no_place_when_one_is_free():
    service = Service(engine_of())
    service.scraped()
    ask(service, "1", "2", *map(str, range(3, 30)), hours=2)
    service.values = {labels: value for labels, value in service.values.items() if labels["version"] in ("1", "2")}
    ask(service, "1", hours=13)
    ask(service, "1", "new", hours=2)

    assert totals(service.engine) == {"1": 120, "new": 20}


def test_what_is_excluded_is_an_event_all_the_same_so_no_group_comes_and_goes():
    shut = Exclusion("maintenance", START, START + 9 * DAY)
    service = Service(engine_of(grouped(exclusions=(shut,))))
    service.scraped()
    for _ in range(30):
        ask(service, "1", "2")
        assert service.engine.retired == ()

    assert totals(service.engine) == {"1": 0, "2": 0}


def test_a_group_of_a_calendar_keeps_its_place_in_the_period_after_that_of_its_last_event():
    service = Service(engine_of(grouped(window=Calendar("day"))), at_ms=START - HOUR)
    service.scraped()
    ask(service, "1", "2")  # on the 1st, at 0:00:15
    for hours in range(47):
        ask(service, "2")
        assert version("1") in service.engine.read(service.at_ms).layout.keys, hours
    ask(service, "2")

    assert service.engine.retired == (version("1"),)


@pytest.mark.parametrize("budgeting", [Timeslices(30 * MINUTE, 0.9), RatioTimeslices(2 * HOUR)])
def test_slices_retire_with_what_they_are_made_of_and_come_back_with_it(budgeting):
    kept = Memory()
    service = Service(engine_of(grouped(budgeting=budgeting), kept=kept, interval_ms=5 * MINUTE))
    service.scraped()

    def minutes(count: int, *versions: str) -> None:
        for _ in range(count // 5):
            for each in versions:
                service.rise("asked_total", 10, version=each)
            service.scraped(5 * MINUTE)
            for key in service.engine.retired:
                # A slice ends after the events that it is made of.
                assert service.engine.between(service.at_ms - HALF_DAY, service.at_ms).find(key).total == 0

    minutes(50, "1", "2")
    minutes(190, "2")
    minutes(15 * 60, "2")
    assert list(service.engine.read(service.at_ms).layout.keys) == [version("2")]
    minutes(240, "1", "2")
    service.engine = engine_of(grouped(budgeting=budgeting), kept=kept, interval_ms=5 * MINUTE)
    minutes(20, "1", "2")

    one = service.engine.read(service.at_ms).find(version("1"))
    slices = HALF_DAY / budgeting.slice_ms
    assert one.period.total == pytest.approx(240 * MINUTE / HALF_DAY * slices, abs=2)
    assert one.period.coverage == pytest.approx(1, abs=0.01)


def test_a_sampled_group_without_traffic_retires_and_the_mean_of_the_others_is_not_its():
    engine = engine_of(grouped(indicator=Raw("sum by (version) (avg_over_time(failed[{{.window}}]))")))

    def rows(count: int, **ratios: float) -> None:
        for _ in range(count):
            told = [(Labels({"version": name}), ratio) for name, ratio in ratios.items()]
            engine.row((engine.last_ms or START) + HOUR, Told(rag_answers=told))

    nan = float("nan")
    rows(3, a=0.5, b=0.0)
    rows(14, a=nan, b=0.0)
    assert totals(engine) == {"b": HALF_DAY}
    rows(2, a=nan, b=0.0, c=0.25)
    rows(2, a=1.0, b=0.0, c=0.25, d=0.0)
    assert totals(engine) == {"b": HALF_DAY, "c": 4 * HOUR, "other": 2 * HOUR}
    assert engine.read(engine.last_ms).find(version("other")).period.bad == HOUR

    rows(14, a=1.0, b=nan, c=0.25)
    assert set(totals(engine)) == {"a", "c", "other"}


def deployed(engine: Engine, count: int, service: Service | None = None, first: int = 0) -> Service:
    """Deploy a version each seven hours, which is asked until the next one is."""
    service = service or Service(engine)
    if engine.last_ms is None:
        service.scraped()
    for number in range(first, first + count):
        service.values = {}
        ask(service, f"v{number}", hours=7, bad=1, total=number + 1)
    return service


def test_so_many_groups_that_retired_are_remembered_and_the_oldest_are_forgotten_with_their_numbers():
    kept = Memory()
    service = deployed(engine_of(kept=kept, most_groups=4, most_retired=10), 20)
    retired = set()
    for number in range(20, 40):
        deployed(service.engine, 1, service, first=number)
        whole = service.engine.between(START, service.at_ms)
        retired.add(int(whole.layout.retired.sum()))
    # Some are forgotten at once, since all that is kept is written anew for it.
    assert retired == {8, 9, 10}

    names = [key.group["version"] for key in whole.layout.keys]
    assert names == [f"v{number}" for number in range(40 - len(names), 40)]
    assert [(each.bad, each.total) for each in map(whole.find, whole.layout.keys)] == [
        (7, 7 * (number + 1)) for number in range(40 - len(names), 40)
    ]
    widest = service.engine.nbytes
    deployed(service.engine, 12, service, first=40)
    assert service.engine.nbytes < 1.3 * widest

    again = engine_of(kept=Memory(kept.kept), most_groups=4, most_retired=10)
    one, other = (each.between(START, service.at_ms) for each in (service.engine, again))
    assert [one.find(key) for key in one.layout.keys] == [other.find(key) for key in other.layout.keys]
    assert totals(again) == totals(service.engine)


def test_what_is_forgotten_while_the_disk_is_full_is_written_with_the_others_numbers_when_it_is_not():
    kept = Full()
    service = deployed(engine_of(kept=kept, most_groups=4, most_retired=10), 13)
    kept.is_full = True
    deployed(service.engine, 20, service, first=13)
    assert "no space" in service.engine.trouble
    kept.is_full = False
    ask(service, "v32")

    again = engine_of(kept=Memory(kept.kept), most_groups=4, most_retired=10)
    one, other = (each.between(START, service.at_ms) for each in (service.engine, again))
    assert [(key, one.find(key)) for key in one.layout.keys] == [(key, other.find(key)) for key in other.layout.keys]


class Full(Memory):
    """A disk that may be full."""

    is_full = False

    def write(self, put, drop):
        if self.is_full:
            message = "no space left"
            raise StorageError(message)
        super().write(put, drop)


def test_tracks_are_written_as_an_agent_of_before_reads_them_until_a_group_retires_and_read_as_it_wrote_them():
    kept = Memory()
    service = Service(engine_of(kept=kept))
    service.scraped()
    ask(service, "1", "2", hours=3)
    form, listed = msgspec.msgpack.decode(zlib.decompress(kept.kept["tracks"]))
    assert (form, [len(each) for each in listed]) == (1, [4, 4])

    ask(service, "2", hours=14)
    form, listed = msgspec.msgpack.decode(zlib.decompress(kept.kept["tracks"]))
    assert (form, [bool(each[4]) for each in listed]) == (2, [True, False])
    kept.kept["tracks"] = zlib.compress(msgspec.msgpack.encode((1, [each[:4] for each in listed])))
    assert totals(engine_of(kept=kept)) == {"1": 0, "2": 120}


def test_the_series_of_a_group_end_when_it_retires_and_dead_columns_are_left_behind():
    service, recorder = Service(engine_of(most_groups=4)), Recorder("0.1")
    service.scraped()
    before: set[Labels] = set()
    tables, ended = set(), set()
    for number in range(45):
        service.values = {}
        for _ in range(7):
            ask(service, f"v{number}", total=number + 1)
            row = recorder.row(service.engine.read(service.at_ms))
            tables.add(row.columns)
            there = {row.columns.labels[each] for each in np.flatnonzero(~np.isnan(row.values))}
            stale = {row.columns.labels[each] for each in np.flatnonzero(is_stale(row.values))}
            assert stale == before - there
            assert {each["version"] for each in there if "version" in each} == set(totals(service.engine))
            before = there
            ended |= {each["version"] for each in stale}

    assert {"v0", "v1", "v40"} <= ended
    assert len(tables) > 1
    assert len(row.columns) < 500 + 3 * len(before)


# --- against a slow model ---


@dataclass(frozen=True)
class Hour:
    """What happens until a scrape: which versions are on its page, and how many requests each was asked, of which some failed."""

    minutes: int
    asked: dict[str, tuple[int, int]]
    gone: frozenset[str]
    down: bool


VERSIONS = ("1", "2", "3", "4", "5", "6")


def hour_of(number: int) -> Hour:
    """Read what happens from the digits of a number, which is drawn, and made smaller, sooner than all that."""

    def digit(base: int) -> int:
        nonlocal number
        number, found = divmod(number, base)
        return found

    return Hour(
        minutes=(60, 5, 15, 180, 300)[digit(5)],
        asked={VERSIONS[digit(6)]: (digit(4), digit(40)) for _ in range(digit(4))},
        gone=frozenset(VERSIONS[digit(6)] for _ in range(digit(3))),
        down=digit(10) == 9,
    )


HOURS = st.lists(st.integers(0, 10**12).map(hour_of), min_size=10, max_size=70)


class Slow:
    """Who has a place, and every event that is counted for each, in plain lists: as docs/slo.md has the rule."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.events: dict[str, list[tuple[int, int, int]]] = {}
        self.born: dict[str, int] = {}
        self.live: list[str] = []

    def row(self, before: int, at: int, page: dict[str, tuple[int, int]]) -> None:
        for version in [each for each in page if each not in self.born]:
            if self.room:
                self.born[version], self.events[version] = before, []
                self.live.append(version)
        for version in self.born:
            if version in page and version not in self.live and page[version][1] and self.room:
                self.live.append(version)
        for version, (bad, total) in page.items():
            whose = version if version in self.live or (version in self.born and not total) else "other"
            if whose == "other" and whose not in self.events:
                self.born[whose], self.events[whose] = before, []
                self.live.append(whose)
            if total:
                self.events[whose].append((at, bad, total))
                if whose not in self.live:
                    self.live.append(whose)

    def retire(self, at: int) -> None:
        since = at - HALF_DAY
        busy = {each for each in self.live if self.sum(each, since, at)[1]}
        if busy:
            self.live = [each for each in self.live if each in busy or self.born[each] > since]

    @property
    def room(self) -> bool:
        return len([each for each in self.live if each != "other"]) < self.most

    def sum(self, version: str, start: int, end: int) -> tuple[int, int]:
        inside = [each for each in self.events[version] if start < each[0] <= end]
        return sum(each[1] for each in inside), sum(each[2] for each in inside)


def told(engine: Engine) -> dict[str, tuple[float, float]]:
    return {
        each.key.group["version"]: (each.period.bad, each.period.total) for each in engine.read(engine.last_ms or 0)
    }


@settings(max_examples=25, deadline=None)
@given(HOURS, st.integers(1, 3), st.integers(0, 70))
def test_groups_that_come_and_go_are_counted_exactly_whoever_has_a_place_and_over_a_restart(hours, most, restart):
    kept, slow = Memory(), Slow(most)
    service = Service(engine_of(most_groups=most, kept=kept), other_total=0.0)
    service.scraped()
    began, counted = service.at_ms, {}
    away: dict[Labels, float] = {}
    for number, hour in enumerate(hours):
        if number == restart:
            service.engine = engine_of(most_groups=most, kept=kept)
        before = service.at_ms
        service.values |= away
        for version, (bad, total) in hour.asked.items():
            service.rise("asked_total", bad + total, version=version)
            service.rise("failed_total", bad, version=version)
            have = counted.get(version, (0, 0))
            counted[version] = (have[0] + bad, have[1] + bad + total)
        away = {labels: value for labels, value in service.values.items() if labels.get("version") in hour.gone}
        service.values = {labels: value for labels, value in service.values.items() if labels not in away}
        (service.down if hour.down else service.scraped)(hour.minutes * MINUTE)
        if not hour.down:
            # Of several new ones the first of the page comes first.
            page = sorted(service.values, key=service.columns.find)
            there = dict.fromkeys(labels["version"] for labels in page if "version" in labels)
            slow.row(before, service.at_ms, {each: counted.pop(each, (0, 0)) for each in there})
            if before // HOUR < service.at_ms // HOUR:
                slow.retire(service.at_ms)

    engine = service.engine
    assert told(engine) == {each: slow.sum(each, service.at_ms - HALF_DAY, service.at_ms) for each in slow.live}
    whole = engine.between(began, service.at_ms)
    found = {key.group["version"]: whole.find(key) for key in whole.layout.keys}
    assert {name: (each.bad, each.total) for name, each in found.items()} == {
        name: slow.sum(name, 0, service.at_ms) for name in slow.born
    }
    again = engine_of(most_groups=most, kept=Memory(kept.kept))
    assert (told(again), again.between(began, service.at_ms).amounts.total.tolist()) == (
        told(engine),
        whole.amounts.total.tolist(),
    )
