"""Alerts about targets themselves fire from real scrapes: certificates that end, targets that leave, join or fall silent.

Real sockets and TLS, the real scraper, store, engine and evaluator; the clock is moved by hand, a minute or so at a time.
"""

from __future__ import annotations

import datetime as dt
import ssl
import time
from contextlib import asynccontextmanager

import aiohttp
import pytest
import trustme
from aiohttp import web

from agent.collect import ScrapeJob, Scraper, StaticConfig, TLSConfig, targets_of
from agent.query import Engine
from agent.rules import Evaluator, Settings, State, load_rules
from agent.store import Store

STEP_MS = 15_000
MINUTE_MS = 60_000


class Site:
    """One store and the shipped rules over the targets that are scraped into it."""

    def __init__(self, rules, session):
        self.at_ms = int(time.time()) * 1000
        self.store = Store(retention_ms=86_400_000, max_memory_bytes=2**26)
        self.session = session
        self.scrapers = {}
        engine = Engine(self.store)
        self.evaluator = Evaluator(
            load_rules(rules),
            query=lambda expr, at_ms: engine.instant(expr, at_ms).value,
            sink=self.store.append,
            notify=lambda alerts, at_ms: None,
            settings=Settings(interval_ms=STEP_MS),
        )

    def watch(self, address, **job):
        wanted = ScrapeJob(job_name="rag", static_configs=(StaticConfig(targets=(address,)),), **job)
        (target,), _ = targets_of(wanted.resolved())
        self.scrapers[address] = Scraper(target, session=self.session, sink=self.store.append)

    def leave(self, address):
        self.scrapers.pop(address).retire(self.at_ms)
        self.at_ms += 1

    async def live(self, minutes):
        """Scrape and evaluate every 15 s for so long."""
        for _ in range(int(minutes * MINUTE_MS / STEP_MS)):
            for scraper in self.scrapers.values():
                await scraper.scrape(self.at_ms)
            for key in self.evaluator.keys:
                assert self.evaluator.evaluate(key, self.at_ms).failures == ()
            self.at_ms += STEP_MS

    def firing(self):
        rules = [rule for group in self.evaluator.status() for rule in group.rules]
        return {rule.name for rule in rules if rule.is_alert and rule.state is State.FIRING}


@pytest.fixture
async def site(root):
    async with aiohttp.ClientSession() as session:
        yield Site([root / "rules" / "service.yml", root / "rules" / "events.yml"], session)


@asynccontextmanager
async def served(tls=None):
    """Give the address of a target that says when its process started: long ago."""

    async def page(_):
        return web.Response(text="process_start_time_seconds 1\n")

    app = web.Application()
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def certificate(tmp_path):
    """Give a function that makes a server's TLS context whose certificate ends in so many days, and the CA's file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def make(days):
        now = dt.datetime.now(dt.UTC)
        ends = now + dt.timedelta(days=days)
        issued = authority.issue_cert("127.0.0.1", not_before=now - dt.timedelta(days=90), not_after=ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        return context

    return make, TLSConfig(ca_file=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("days", "minutes", "expected"),
    [(30, 11, set()), (6, 11, {"CertificateExpiringSoon"}), (-1, 2, {"CertificateExpired", "ServiceDown"})],
)
async def test_a_certificate_is_told_of_before_it_ends_and_after(site, certificate, days, minutes, expected):
    """A client that checks certificates refuses an expired one, so the target is down as well."""
    make, trusting = certificate
    async with served(make(days)) as address:
        site.watch(address, scheme="https", tls_config=trusting)
        await site.live(minutes + 0.5)

        assert expected == site.firing()


async def test_a_service_that_stops_answering_is_down_after_two_minutes_and_not_before(site):
    async with served() as address:
        site.watch(address)
        await site.live(2)
        assert site.firing() == set()
    await site.live(2)
    assert site.firing() == set()
    await site.live(0.5)
    assert site.firing() == {"ServiceDown"}


async def test_a_second_target_is_a_scaling_event_and_the_last_one_that_leaves_is_missed(site):
    async with served() as first, served() as second:
        site.watch(first)
        await site.live(11)
        assert site.firing() == set()
        site.watch(second)
        await site.live(1)
        assert site.firing() == {"ScalingEvent"}
        await site.live(10)
        assert site.firing() == set()
        site.leave(second)
        await site.live(1)
        assert site.firing() == {"ScalingEvent"}
        site.leave(first)
        await site.live(6)

        assert "TargetMissing" in site.firing()
