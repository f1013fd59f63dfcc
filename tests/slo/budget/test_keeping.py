"""Budgets outlive the process: a power cut costs the row under way, and the past comes back from bytes or from elsewhere."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StorageError
from agent.model import Labels
from agent.slo import Raw, Timeslices
from agent.slo.budget import remembered
from agent.slo.budget.engine import Engine
from agent.slo.budget.objective import Key
from agent.slo.budget.past import Slot
from agent.slo.budget.ring import ROWS
from tests.slo.budget.service import DAY, HOUR, MINUTE, SECOND, START, Memory, Service, Told, objective, slo

STEP = 15 * SECOND
KEY = Key("rag-answers")


def objectives():
    return [objective(), objective(slo("slices", budgeting=Timeslices(5 * MINUTE, 0.95)))]


def numbers(engine: Engine, at_ms: int):
    return [
        [(each.key, each.period.bad, each.period.total, round(each.period.coverage, 6), *(w.bad for w in each.windows))]
        for each in engine.read(at_ms)
    ]


class Dying(Memory):
    """Loses power at the write of one row: nothing of it, nor of any later one, is kept."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def write(self, put, drop):
        self.left -= {*put} != {"stood"}  # how tiers stand is written after a row, where it turned
        if self.left >= 0:
            super().write(put, drop)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 2 * ROWS + 30))
def test_after_a_power_cut_everything_is_there_but_the_row_under_way(cut):
    kept = Dying(cut)
    engine = Engine(objectives(), kept=kept)
    service = Service(engine, requests_total=0.0, errors_total=0.0)
    wanted = None
    for number in range(cut + 2):
        service.rise("requests_total", 7)
        service.rise("errors_total", number % 2)
        if number == cut:
            wanted, at_ms = numbers(engine, service.at_ms), service.at_ms
        service.scraped()

    again = Engine(objectives(), kept=Memory(kept.kept))

    assert again.last_ms == at_ms
    assert numbers(again, at_ms) == wanted


def test_a_restored_engine_goes_on_as_if_it_had_never_stopped():
    kept = Memory()
    one, other = Engine(objectives(), kept=kept), Engine(objectives())
    first, second = (Service(each, requests_total=0.0, errors_total=0.0) for each in (one, other))
    for number in range(900):
        for service in (first, second):
            service.rise("requests_total", 7)
            service.rise("errors_total", number % 2)
            service.scraped()
        if number % 250 == 249:
            first.engine = Engine(objectives(), kept=kept)

    assert numbers(first.engine, first.at_ms) == numbers(second.engine, second.at_ms)
    assert first.engine.read(first.at_ms).of(0).tiers[0].open


def paged(kept: Memory) -> Service:
    """Return a service that failed altogether for five minutes after an hour without an error, so that its page is open."""
    service = Service(Engine([objective()], kept=kept), requests_total=0.0, errors_total=0.0)
    for number in range(260):
        service.rise("requests_total", 100)
        service.rise("errors_total", 100 if number >= 240 else 0)
        service.scraped()
    return service


def test_a_restart_ends_no_page_of_a_service_of_which_nothing_is_known_and_keeps_since_when():
    kept = Memory()
    service = paged(kept)
    for _ in range(60):
        service.down()
    before = service.read()
    assert before.tiers[0].open

    service.engine = Engine([objective()], kept=kept)
    assert (service.read().state, service.read().words) == (before.state, before.words)
    assert service.down() == ()

    assert service.read().tiers == before.tiers
    assert service.read().since_ms == before.since_ms
    service.rise("requests_total", 4000)
    assert "page.quick" in [each.burn.name for each in service.scraped() if not each.opened]


def test_a_restart_keeps_since_when_a_tier_is_open():
    kept = Memory()
    service = paged(kept)

    tiers = service.read().tiers
    service.engine = Engine([objective()], kept=kept)

    assert tiers[0].open
    assert service.read().tiers == tiers


def test_a_restart_ends_no_page_that_silence_holds_since_nobody_asks_a_dead_service():
    kept = Memory()
    service = paged(kept)
    for _ in range(40):
        service.scraped()
    before = service.read()
    assert before.tiers[0].open

    service.engine = Engine([objective()], kept=kept)

    assert service.read().tiers == before.tiers
    assert service.scraped() == ()
    service.rise("requests_total", 1)
    assert "page.quick" in [each.burn.name for each in service.scraped() if not each.opened]


def test_what_was_remembered_and_is_damaged_or_newer_is_refused():
    for data in (b"nonsense", msgspec.msgpack.encode((2, []))):
        with pytest.raises(StorageError, match="remembered"):
            remembered.unpacked(data)


def test_a_clock_that_was_set_back_is_restored_too():
    kept = Memory()
    service = Service(Engine(objectives(), kept=kept), requests_total=0.0, errors_total=0.0)
    for _ in range(ROWS + 40):
        service.rise("requests_total", 7)
        service.scraped()
    service.at_ms -= HOUR
    for _ in range(20):
        service.rise("requests_total", 7)
        service.scraped()

    again = Engine(objectives(), kept=kept)
    assert numbers(again, service.at_ms) == numbers(service.engine, service.at_ms)
    assert again.read(service.at_ms).find(KEY).period.total == 7 * (ROWS + 40 + 20 - 1)


def test_an_slo_that_is_gone_for_a_while_finds_its_past_again_and_has_seen_nothing_meanwhile():
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), requests_total=0.0, errors_total=0.0)
    for _ in range(50):
        service.rise("requests_total", 7)
        service.scraped()
    other = slo("other")
    for objectives_ in ([objective(other)], [objective(other), objective()]):
        service.engine = Engine(objectives_, kept=kept)
        for _ in range(50):
            service.rise("requests_total", 7)
            service.scraped()

    found = service.engine.read(service.at_ms).find(KEY)
    assert found.period.total == 7 * 99
    assert found.window(HOUR).coverage == pytest.approx(100 / 240, abs=0.02)


def test_an_indicator_that_counts_something_else_now_begins_anew():
    kept = Memory()
    service = Service(Engine([objective()], kept=kept), requests_total=0.0, errors_total=0.0)
    for _ in range(50):
        service.rise("requests_total", 7)
        service.scraped()

    sampled = Engine([objective(slo(indicator=Raw("avg_over_time(failed[{{.window}}])")))], kept=kept)
    sampled.row(service.at_ms + STEP, Told(rag_answers=[(Labels(), 0.5)]))

    assert sampled.read(service.at_ms + STEP).find(KEY).period.total == STEP


@pytest.mark.parametrize(
    ("key", "data", "words"),
    [
        ("tracks", b"no zlib", 'cannot read the budgets that were kept under "tracks"'),
        (
            "tracks",
            zlib.compress(msgspec.msgpack.encode((9, []))),
            "has format 9; this version reads 2: a newer agent wrote it",
        ),
        ("tracks", zlib.compress(b"\xc1"), "is damaged"),
        ("chunk/0", zlib.compress(msgspec.msgpack.encode((2, 0, b"", b"", []))), "budget chunk has format 2"),
        ("chunk/0", zlib.compress(msgspec.msgpack.encode((1, 0, b"1", b"", []))), "is damaged"),
        ("row/000000000001", b"", 'kept under "row/000000000001"'),
    ],
)
def test_bytes_that_cannot_be_read_are_refused_and_left_alone(key, data, words):
    kept = Memory()
    Service(Engine([objective()], kept=kept), requests_total=0.0).scraped()
    kept.kept[key] = data
    before = dict(kept.kept)

    with pytest.raises(StorageError) as refused:
        Engine([objective()], kept=kept)

    assert words in str(refused.value)
    assert kept.kept == before


def slots(start: int, end: int, step: int, bad: float, total: float) -> list[Slot]:
    return [Slot(at, at + step, bad, total) for at in range(start, end, step)]


def test_history_from_elsewhere_fills_the_past_and_coverage_says_how_much():
    kept = Memory()
    service = Service(Engine(objectives(), kept=kept), requests_total=0.0, errors_total=0.0)
    for _ in range(41):
        service.rise("requests_total", 100)
        service.scraped()
    history = slots(START - 10 * DAY, START - 5 * DAY, 5 * MINUTE, 1, 1000)
    history += slots(START - 2 * DAY, START + HOUR, 5 * MINUTE, 3, 1000)

    taken = service.engine.backfill(KEY, history)

    # The last twelve, and the one that the agent's first row is in, are known better already.
    assert taken == 5 * 288 + 2 * 288
    for engine in (service.engine, Engine(objectives(), kept=kept)):
        found = engine.read(service.at_ms).find(KEY)
        assert found.period.total == 1000 * taken + 40 * 100
        assert found.period.bad == 5 * 288 + 3 * 2 * 288
        assert found.period.coverage == pytest.approx(7 / 30, abs=0.001)
        assert found.window(DAY).bad == 3 * 288 - 3 * 2
        assert engine.read(service.at_ms).find(Key("rag-slices")).period.total == 2


def test_history_comes_before_the_first_row_too_and_slices_are_made_of_it():
    engine = Engine(objectives())
    history = slots(START - 2 * DAY, START - DAY, MINUTE, 10, 100) + slots(START - DAY, START, MINUTE, 0, 100)

    assert engine.backfill(Key("rag-slices"), history) == 2 * 1440
    service = Service(engine, requests_total=0.0, errors_total=0.0)
    service.scraped()

    period = engine.read(service.at_ms).find(Key("rag-slices")).period
    assert (period.bad, period.total) == (288, 576)


def test_history_that_overlaps_or_cannot_be_is_not_taken():
    engine = Engine(objectives())
    wrong = [Slot(5, 15, 1, 5), Slot(20, 10, 0, 1), Slot(20, 30, 6, 5), Slot(30, 40, -1, 5)]
    history = [Slot(0, 10, 1, 5), *wrong, Slot(40, 50, 0, 0)]

    assert engine.backfill(KEY, history) == 2
    assert engine.backfill(KEY, [Slot(60, 70, 0, 5)]) == 0
