"""Scraping real servers on loopback: rows, staleness, credentials, and every way in which a target can be bad."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from aiohttp import web

import agent.collect
from agent.collect import (
    Authorization,
    BasicAuth,
    Health,
    RelabelConfig,
    ScrapeJob,
    Scraper,
    StaticConfig,
    targets_of,
)
from agent.collect.compression import gunzip
from agent.collect.slots import next_slot, run_in_slots
from agent.errors import ScrapeError
from agent.model import Secret


def test_the_door_is_exact():
    """`__all__` is sorted and each of its names can be had from the door."""
    assert agent.collect.__all__ == sorted(agent.collect.__all__)
    assert all(hasattr(agent.collect, name) for name in agent.collect.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = agent.collect.Nothing


def test_reading_a_configuration_loads_no_engine():
    """The dataclasses cost neither aiohttp nor numpy nor psutil: `burnline check` stays quick."""
    code = (
        "import sys, agent.collect as c; c.ScrapeJob, c.relabel, c.targets_of, c.parse_exposition; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"aiohttp", "numpy", "psutil"} & set(loaded)


async def test_a_scrape_is_one_row(serve, bench, text):
    """The page's samples and the scrape's own series lie in one row at the given instant, under job and instance."""
    address = await serve(text("# TYPE q counter\nq 1\nq2 2\n", "# TYPE q counter\nq 3\nq2 4\n"))
    target = bench(address, labels={"tier": "web"})
    first = await target.scraper.scrape(15_000)
    assert (first.error, first.scraped, first.kept, first.added) == ("", 2, 2, 2)
    await target.scraper.scrape(30_000)
    assert [row.timestamp_ms for row in target.rows] == [15_000, 30_000]
    assert target.rows[0].columns is target.rows[1].columns
    found = target.last
    assert found.pop('scrape_duration_seconds{tier="web"}') > 0
    assert found == {
        'q{tier="web"}': 3.0,
        'q2{tier="web"}': 4.0,
        'up{tier="web"}': 1.0,
        'scrape_samples_scraped{tier="web"}': 2.0,
        'scrape_samples_post_metric_relabeling{tier="web"}': 2.0,
        'scrape_series_added{tier="web"}': 0.0,
    }
    assert {dict(each)["job"] for each in target.rows[0].columns.labels} == {"rag"}
    assert {dict(each)["instance"] for each in target.rows[0].columns.labels} == {address}
    assert target.scraper.metadata["q"].type == "counter"


async def test_a_target_that_fails_is_down_and_its_series_end(serve, bench, text):
    """`up` is 0, each living series has one staleness marker, and the next good page brings them back."""
    target = bench(await serve(text("a 1\nb 2\n", 500, 500, "a 3\n")))
    health = [target.scraper.status.health]
    for number in range(4):
        await target.scraper.scrape(number * 1000)
        health.append(target.scraper.status.health)
    assert [row_of(target, number) for number in range(4)] == [
        {"a": 1.0, "b": 2.0, "up": 1.0},
        {"a": "stale", "b": "stale", "up": 0.0},
        {"up": 0.0},
        {"a": 3.0, "up": 1.0},
    ]
    assert health == [Health.UNKNOWN, Health.UP, Health.DOWN, Health.DOWN, Health.UP]
    assert target.counted("burnline_scrapes_failed_total", reason="status") == 2


def row_of(target, number) -> dict:
    from tests.collect.conftest import cells

    return {name: value for name, value in cells(target.rows[number]).items() if not name.startswith("scrape_")}


async def test_a_retired_target_ends_all_its_series_once(serve, bench, text):
    """Also `up`: a target that is no longer watched is not down. A scrape that was under way adds nothing after."""
    target = bench(await serve(text("a 1\n")))
    await target.scraper.scrape(1000)
    target.scraper.retire(2000)
    target.scraper.retire(3000)
    await target.scraper.scrape(4000)
    assert len(target.rows) == 2
    assert set(target.last.values()) == {"stale"}
    assert {"a", "up", "scrape_duration_seconds"} <= set(target.last)


async def test_status_tells_what_the_api_shows(serve, bench, text):
    """URL, labels before and after relabeling, last error and times are as /api/v1/targets wants them."""
    address = await serve(text(503))
    target = bench(address, metrics_path="/m", params={"a": ("x y",)}, scrape_interval=20_000)
    await target.scraper.scrape(7000)
    status = target.scraper.status
    assert status.scrape_url == f"http://{address}/m?a=x+y"
    assert status.scrape_pool == "rag"
    assert dict(status.labels) == {"job": "rag", "instance": address}
    assert status.discovered_labels["__address__"] == address
    assert status.discovered_labels["__param_a"] == "x y"
    assert status.last_error == f"scrape {status.scrape_url}: server returned HTTP status 503 Service Unavailable"
    assert (status.last_scrape_ms, status.scrape_interval_ms, status.scrape_timeout_ms) == (7000, 20_000, 5000)
    assert status.last_scrape_duration_seconds > 0


async def answer_html(_):
    return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")


async def answer_html_as_text(_):
    return web.Response(text="<html><body>Welcome</body></html>")


async def answer_half_announced(request):
    response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(b"a 1\nb 2\n")
    request.transport.close()
    return response


async def answer_half_chunked(request):
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(b"a 1\nb 2\n")
    request.transport.close()
    return response


async def answer_never(_):
    await asyncio.Event().wait()


async def answer_a_drip(request):
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(b"a 1\n")
    await asyncio.Event().wait()
    return response


async def answer_endlessly(request):
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    line = b"a 1\n" * 16_384
    while True:
        await response.write(line)


async def answer_a_bomb(request):
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(b"# " + b"x" * 1_000_000 + b"\n") for _ in range(50)) + packer.flush()
    return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


async def answer_broken_gzip(request):
    return web.Response(body=b"no gzip at all", headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


async def answer_half_gzip(request):
    body = gzip.compress(b"a 1\n" * 1000)
    return web.Response(body=body[:-9], headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})


async def answer_other_encoding(request):
    return web.Response(body=b"a 1\n", headers={"Content-Encoding": "br", "Content-Type": "text/plain"})


async def answer_latin_1(_):
    return web.Response(body=b'a{x="\xff"} 1\n', content_type="text/plain")


async def answer_wrong(_):
    return web.Response(text="a 1\nb two\n")


async def answer_and_hang_up(request):
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("handler", "reason", "message"),
    [
        (answer_html, "body", "server answered a page of type text/html, not metrics; is metrics_path right?"),
        (answer_html_as_text, "parse", "1:1: expected a metric name (this looks like HTML; is metrics_path right?)"),
        (answer_half_announced, "body", "the body ended before its announced end"),
        (answer_half_chunked, "body", "the body ended before its announced end"),
        (answer_never, "timeout", "no complete answer within 300ms (scrape_timeout)"),
        (answer_a_drip, "timeout", "no complete answer within 300ms (scrape_timeout)"),
        (answer_endlessly, "body_size_limit", "body is larger than body_size_limit (1000000 bytes)"),
        (answer_a_bomb, "body_size_limit", "body is larger than body_size_limit (1000000 bytes)"),
        (answer_broken_gzip, "body", "its compression is broken"),
        (answer_half_gzip, "body", "its compression is broken"),
        (answer_other_encoding, "body", 'server sent a body in the encoding "br"; gzip was asked for'),
        (answer_latin_1, "parse", "1:6: the page is not valid UTF-8, found byte 0xff"),
        (answer_wrong, "parse", '2:3: expected a number, found "two"'),
        (answer_and_hang_up, "connection", "isconnected"),
    ],
)
async def test_a_bad_target_has_one_clear_error(serve, bench, handler, reason, message):
    """The error names the URL and the reason, the row says `up` 0, and nothing of a half page is kept."""
    address = await serve(handler)
    target = bench(address, scrape_timeout=300 if reason == "timeout" else 5000, body_size_limit=1_000_000)
    outcome = await target.scraper.scrape(1000)
    assert outcome.error.startswith(f"scrape http://{address}/metrics: ")
    assert message in outcome.error
    assert outcome.error.count("\n") == 0
    assert target.last["up"] == 0.0
    assert target.page == {}
    assert target.counted("burnline_scrapes_failed_total", reason=reason) == 1
    assert target.scraper.status.last_error == outcome.error


async def test_a_port_where_nobody_listens(serve, bench, unused_tcp_port):
    """The error says that the connection was refused."""
    target = bench(f"127.0.0.1:{unused_tcp_port}")
    outcome = await target.scraper.scrape(1)
    assert outcome.error == f"scrape http://127.0.0.1:{unused_tcp_port}/metrics: cannot connect: connection refused"


async def test_bad_targets_do_not_hold_up_the_others(serve, bench, text):
    """While one never answers and one streams without end, a good one is scraped in its own time."""
    never, endless = bench(await serve(answer_never), scrape_timeout=600), bench(await serve(answer_endlessly))
    good = bench(await serve(text("a 1\n")))
    bad = asyncio.gather(never.scraper.scrape(1), endless.scraper.scrape(1))
    await good.scraper.scrape(1)
    assert good.page == {"a": 1.0}
    assert not bad.done()
    outcomes = await bad
    assert "within 600ms" in outcomes[0].error
    assert "larger than body_size_limit (67108864 bytes)" in outcomes[1].error


async def test_a_compressed_page_is_asked_for_and_read(serve, bench):
    """Gzip is offered, and who asks and for how long is said."""
    seen = {}

    async def answer(request):
        seen.update(request.headers)
        body = gzip.compress(b"a 1\n")
        return web.Response(
            body=body, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain; version=0.0.4"}
        )

    target = bench(await serve(answer), enable_compression=True)
    await target.scraper.scrape(1)
    assert target.page == {"a": 1.0}
    assert seen["Accept-Encoding"] == "gzip"
    assert seen["X-Prometheus-Scrape-Timeout-Seconds"] == "5"
    assert re.fullmatch(r"burnline/\d+\.\d+\.\d+", seen["User-Agent"])


def test_a_compressed_body_may_have_several_members():
    """They are one page, and their bound is one; what follows the last one is an error."""
    body = gzip.compress(b"a 1\n") + gzip.compress(b"b 2\n")
    assert gunzip(body, 8) == b"a 1\nb 2\n"
    with pytest.raises(ScrapeError, match=r"larger than body_size_limit \(7 bytes\)"):
        gunzip(body, 7)
    with pytest.raises(ScrapeError, match="compression is broken"):
        gunzip(body + b"more", 100)


def test_a_bomb_is_unpacked_no_further_than_its_bound():
    """A hundred megabytes in a hundred kilobytes: memory stays near the bound."""
    body = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    with pytest.raises(ScrapeError, match="larger than body_size_limit"):
        gunzip(body, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


async def answer_authorization(request):
    return web.Response(text=f'seen{{header="{request.headers.get("Authorization", "")}"}} 1\n')


@pytest.mark.parametrize(
    ("job", "header"),
    [
        ({}, None),
        ({"basic_auth": BasicAuth("ana", Secret("pä:ss"))}, "Basic YW5hOnDDpDpzcw=="),
        ({"authorization": Authorization(credentials=Secret("t0ken"))}, "Bearer t0ken"),
        ({"authorization": Authorization(type="Token", credentials=Secret("x"))}, "Token x"),
        ({"bearer_token": Secret("t0ken")}, "Bearer t0ken"),
    ],
)
async def test_credentials_are_sent(serve, bench, job, header):
    """Basic and bearer, under each of Prometheus' spellings."""
    target = bench(await serve(answer_authorization), **job)
    await target.scraper.scrape(1)
    assert target.page == {f'seen{{header="{header}"}}' if header else "seen": 1.0}


async def test_a_secret_file_is_read_at_each_scrape(serve, bench, tmp_path):
    """A rotated token is taken up; a missing file is a clear error, and the secret is in no message."""
    secret = tmp_path / "token"
    target = bench(await serve(answer_authorization), bearer_token_file=str(secret))
    outcome = await target.scraper.scrape(1)
    assert outcome.error.endswith(f"cannot read the secret file {secret}: no such file or directory")
    for number, token in enumerate(("one", "two"), 2):
        secret.write_text(token + "\n")
        await target.scraper.scrape(number)
        assert target.page[f'seen{{header="Bearer {token}"}}'] == 1.0


async def test_metric_relabeling_and_honor_labels_reach_the_row(serve, bench, text):
    """Both counts of samples are told; the page's own job label wins where it is honoured."""
    page = 'keep{job="own"} 1\ndrop_me 1\n'
    drop = RelabelConfig(source_labels=("__name__",), regex="drop_.*", action="drop")
    target = bench(await serve(text(page)), metric_relabel_configs=(drop,), honor_labels=True)
    await target.scraper.scrape(1)
    assert (target.last["scrape_samples_scraped"], target.last["scrape_samples_post_metric_relabeling"]) == (2.0, 1.0)
    (labels,) = (each for each in target.rows[0].columns.labels if each.name == "keep")
    assert labels["job"] == "own"
    assert target.page == {"keep": 1.0}


async def test_a_large_page_is_parsed_beside_the_loop(serve, bench, text):
    """A page of megabytes does not keep the event loop from answering: it is parsed in another thread."""
    page = "".join(f'm{{n="{number}"}} {number}\n' for number in range(30_000))
    target = bench(await serve(text(page)))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await target.scraper.scrape(1)
    ticking.cancel()
    assert len(target.page) == 30_000
    assert ticks > 20


async def test_samples_that_are_dropped_are_counted(serve, bench, text):
    """Duplicates are counted by reason and do not fail the scrape."""
    target = bench(await serve(text("a 1\na 2\n")))
    outcome = await target.scraper.scrape(1)
    assert (outcome.up, outcome.dropped) == (True, 1)
    assert target.counted("burnline_samples_dropped_total", reason="duplicate_series") == 1


async def test_landed_is_told_after_the_row(serve, session, text):
    """Whoever waits for the scrape hears of it when its row has been handed over."""
    events = []
    job = ScrapeJob("rag", static_configs=(StaticConfig((await serve(text("a 1\n")),)),)).resolved()
    (target,), _ = targets_of(job)
    scraper = Scraper(
        target,
        session=session,
        sink=lambda row: events.append("row"),
        landed=lambda outcome: events.append(outcome.at_ms),
    )
    await scraper.scrape(77)
    assert events == ["row", 77]


async def test_a_page_that_the_store_refuses_is_a_failed_scrape(serve, bench, text):
    """As in Prometheus `up` is 0 then, and the reports are kept: the page alone was too large."""
    target = bench(await serve(text("a 1\nb 2\n")))
    target.scraper._sink = lambda row: target.rows.append(row) or (0 if len(row.values) > 5 else len(row.values))
    outcome = await target.scraper.scrape(1000)
    assert not outcome.up
    assert "none of its 2 samples was stored" in target.scraper.status.last_error
    assert [len(row.values) for row in target.rows] == [7, 5]
    assert (target.last["up"], target.last["scrape_samples_scraped"], "a" in target.last) == (0.0, 2.0, False)
    assert target.counted("burnline_scrapes_failed_total", reason="refused") == 1


class HandMovedClock:
    """Unix seconds that move when somebody sleeps, and by what a verb takes."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.mark.parametrize(
    ("took", "slots", "missed"),
    [
        ([0.1, 0.1, 0.1], [12_000, 22_000, 32_000], []),
        ([9.99, 0.1, 0.1], [12_000, 22_000, 32_000], []),
        ([10.5, 0.1, 0.1], [12_000, 32_000, 42_000], [1]),
        ([35, 0.1, 0.1], [12_000, 52_000, 62_000], [3]),
    ],
)
async def test_slots_lie_evenly_and_late_ones_are_skipped(took, slots, missed):
    """The verb is called with k·interval + offset; slots that passed meanwhile are skipped and counted."""
    clock, called, skipped = HandMovedClock(5.0), [], []

    async def verb(slot: int) -> None:
        called.append(slot)
        assert clock.seconds * 1000 >= slot
        clock.seconds += took[len(called) - 1]
        if len(called) == len(took):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_in_slots(verb, 10_000, 2000, skipped.append, now=clock.now, sleep=clock.sleep)
    assert (called, skipped) == (slots, missed)


@pytest.mark.parametrize("asleep", [False, True])
async def test_a_clock_that_is_set_back_is_followed(asleep):
    """Scraping goes on at once, also where the clock is set while the loop sleeps; a smaller step repeats no slot."""
    clock, called = HandMovedClock(100_005.0), []

    async def verb(slot: int) -> None:
        called.append(slot)
        if len(called) == 2 and not asleep:
            clock.seconds = 2_000.0
        if len(called) == 4:
            clock.seconds -= 9
        if len(called) == 6:
            raise asyncio.CancelledError

    async def sleep(seconds: float) -> None:
        clock.seconds += seconds
        if asleep and len(called) == 2 and clock.seconds > 2_010:
            clock.seconds = 2_000.0

    with pytest.raises(asyncio.CancelledError):
        await run_in_slots(verb, 10_000, 2000, called.append, now=clock.now, sleep=sleep)
    assert called == [100_012_000, 100_022_000, 2_002_000, 2_012_000, 2_022_000, 2_032_000]


async def test_run_scrapes_in_the_targets_slots_until_cancelled(serve, bench, text):
    """The loop is thin: rows come at the slots of the target's offset, an interval apart."""
    target, clock = bench(await serve(text("a 1\n"))), HandMovedClock(1000.0)

    async def sleep(seconds: float) -> None:
        if len(target.rows) == 3:
            raise asyncio.CancelledError
        await clock.sleep(seconds)

    with pytest.raises(asyncio.CancelledError):
        await target.scraper.run(now=clock.now, sleep=sleep)
    first = next_slot(1_000_000, 15_000, target.scraper.target.offset_ms())
    assert [row.timestamp_ms for row in target.rows] == [first, first + 15_000, first + 30_000]


async def test_a_target_may_be_asked_every_tenth_of_a_second(serve, bench, text):
    """Rows lie a hundred milliseconds apart, and the target is told how long we wait."""
    target, clock = bench(await serve(text("a 1\n")), scrape_interval=100, scrape_timeout=100), HandMovedClock(1000.0)

    async def sleep(seconds: float) -> None:
        if len(target.rows) == 5:
            raise asyncio.CancelledError
        await clock.sleep(seconds)

    with pytest.raises(asyncio.CancelledError):
        await target.scraper.run(now=clock.now, sleep=sleep)
    stamps = [row.timestamp_ms for row in target.rows]
    assert [later - earlier for earlier, later in itertools.pairwise(stamps)] == [100] * 4
    assert stamps[0] % 100 == target.scraper.target.offset_ms()


def test_targets_are_spread_over_the_interval_and_stay_where_they_are():
    """Offsets come from the target itself: stable, inside the interval, not all alike."""
    config = StaticConfig(tuple(f"host{number}:80" for number in range(50)))
    job = ScrapeJob("rag", static_configs=(config,)).resolved()
    offsets = [target.offset_ms() for target in targets_of(job)[0]]
    assert offsets == [target.offset_ms() for target in targets_of(job)[0]]
    assert all(0 <= offset < 15_000 for offset in offsets)
    assert len({offset // 1500 for offset in offsets}) >= 8
    assert next_slot(1, 15_000, offsets[0]) % 15_000 == offsets[0]
