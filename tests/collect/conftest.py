"""Servers on loopback that answer as targets do, well and badly, and a scraper for one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from agent.collect import ScrapeJob, Scraper, StaticConfig, targets_of
from agent.model import Row, is_absent, is_stale
from agent.telemetry import Telemetry


def cells(row: Row) -> dict[str, float | str]:
    """A row by series, without the target's labels: values, "stale" for markers; absent cells are left out."""
    stale, absent = is_stale(row.values), is_absent(row.values)
    return {
        str(labels.without("job", "instance")): "stale" if stale[column] else float(row.values[column])
        for column, labels in enumerate(row.columns.labels[: len(row.values)])
        if not absent[column]
    }


def page_cells(row: Row) -> dict[str, float | str]:
    """The same without the scrape's own series."""
    own = ("up", "scrape_", "probe_ssl_", "node_scrape_")
    return {name: value for name, value in cells(row).items() if not name.startswith(own)}


@dataclass
class Bench:
    """A scraper, what it handed over, and what it counted."""

    scraper: Scraper
    rows: list[Row] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)

    @property
    def last(self) -> dict[str, float | str]:
        return cells(self.rows[-1])

    @property
    def page(self) -> dict[str, float | str]:
        return page_cells(self.rows[-1])

    def counted(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    """Start a server whose every path is answered by the handler; give host:port."""
    runners = []

    async def start(handler: Handler, **site) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        listening = web.TCPSite(runner, "127.0.0.1", 0, **site)
        await listening.start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def bench(session) -> Callable[..., Bench]:
    """Make a scraper for one address with the given keys of its job."""

    def make(address: str, labels: dict[str, str] | None = None, **job) -> Bench:
        job = {"job_name": "rag", "scrape_timeout": 5000, **job}
        config = StaticConfig((address,), labels or {})
        (target,), _ = targets_of(ScrapeJob(**job, static_configs=(config,)).resolved())
        telemetry, rows = Telemetry(), []
        scraper = Scraper(target, session=session, sink=rows.append, telemetry=telemetry)
        return Bench(scraper, rows, telemetry)

    return make


@pytest.fixture
def text() -> Callable[..., Handler]:
    """A handler that answers pages in order, the last one again and again; a number is an HTTP status."""

    def make(*pages: str | int) -> Handler:
        left = list(pages)

        async def answer(_: web.Request) -> web.Response:
            page = left.pop(0) if len(left) > 1 else left[0]
            return web.Response(status=page) if isinstance(page, int) else web.Response(text=page)

        return answer

    return make
