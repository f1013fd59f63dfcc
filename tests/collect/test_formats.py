"""Negotiation: what is asked for, and what reads the answer."""

from __future__ import annotations

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import choose_encoder

from agent.collect import ScrapeJob
from agent.collect.fetch import is_this_machine
from agent.collect.formats import OPENMETRICS, READERS, TEXT, accept_header, media_type
from agent.collect.spec import DEFAULT_PROTOCOLS
from agent.errors import SchemaError, ScrapeError
from agent.schema import read


def test_all_formats_are_asked_for_as_prometheus_asks():
    """Best first, with Prometheus' weights, and escaping where the version knows it."""
    assert accept_header(DEFAULT_PROTOCOLS) == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )


def test_the_jobs_own_order_is_asked_for():
    """scrape_protocols says which, and in which order."""
    assert accept_header(("PrometheusText0.0.4", "OpenMetricsText0.0.1")) == (
        "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,*/*;q=0.4"
    )


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("text/plain; version=0.0.4; charset=utf-8", TEXT),
        ("text/plain", TEXT),
        ("Text/Plain;version=1.0.0;escaping=allow-utf-8", TEXT),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", OPENMETRICS),
    ],
)
def test_the_answers_type_decides(content_type, kind):
    """Whatever was asked for, the page is read as what it says it is, also with a fallback."""
    assert media_type(content_type) == kind
    assert media_type(content_type, "OpenMetricsText1.0.0") == kind
    assert kind in READERS


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("", "server sent no Content-Type; if the page is one, say which by fallback_scrape_protocol"),
        ("application/json", 'server sent the Content-Type "application/json", which is no format for metrics'),
        ("text/plainer", 'server sent the Content-Type "text/plainer"'),
        ("text/html; charset=utf-8", "server answered a page of type text/html, not metrics; is metrics_path right?"),
    ],
)
def test_another_type_is_refused_unless_there_is_a_fallback(content_type, message):
    """As Prometheus 3 does; the fallback names how to read it."""
    with pytest.raises(ScrapeError) as caught:
        media_type(content_type)
    assert message in str(caught.value)
    assert caught.value.reason == "body"
    assert media_type(content_type, "PrometheusText0.0.4") == TEXT
    assert media_type(content_type, "OpenMetricsText1.0.0") == OPENMETRICS


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]", "a protocol is given twice"),
        ("scrape_protocols: [PrometheusText0.0.5]", "PrometheusText0.0.4"),
        ("fallback_scrape_protocol: text", "OpenMetricsText1.0.0"),
        ("file_sd_configs: []", "file_sd_configs"),
        ("scrape_interval: 100ms\nscrape_timeout: 101ms", "scrape_timeout is longer than scrape_interval"),
    ],
)
def test_a_wrong_setting_is_refused(keys, problem):
    """With the words that are allowed."""
    with pytest.raises(SchemaError, match=problem):
        read(ScrapeJob, f"job_name: a\n{keys}\n", "x.yml")


async def test_the_format_may_change_between_two_scrapes(serve, bench):
    """A target that is upgraded under way: its series go on, and exemplars come with the richer format."""
    registry = CollectorRegistry()
    counter = Counter("asked", "Questions.", registry=registry)
    counter.inc(2, {"trace_id": "abc"})
    plain = True

    async def answer(request):
        encoder, content_type = choose_encoder("" if plain else request.headers["Accept"])
        return web.Response(body=encoder(registry), headers={"Content-Type": content_type})

    target = bench(await serve(answer))
    await target.scraper.scrape(1000)
    assert target.rows[-1].exemplars == []
    plain = False
    await target.scraper.scrape(2000)
    assert target.page["asked_total"] == 2.0
    (exemplar,) = target.rows[-1].exemplars
    assert (str(exemplar.labels), exemplar.value, exemplar.series.name) == ('{trace_id="abc"}', 2.0, "asked_total")
    assert target.rows[0].columns is target.rows[1].columns
    assert "stale" not in target.page.values()


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/metrics", True),
        ("http://127.1.2.3/", True),
        ("http://localhost:1/", True),
        ("http://[::1]:8000/", True),
        ("http://10.0.0.1:8000/", False),
        ("http://localhost.example.org/", False),
        ("https://service:8000/", False),
    ],
)
def test_this_machine_is_what_loops_back(url, here):
    """A loopback address, or the name of one; another name is not looked up."""
    assert is_this_machine(url) is here


@pytest.mark.parametrize(("setting", "encoding"), [(None, "identity"), (True, "gzip"), (False, "identity")])
async def test_compression_is_asked_for_where_it_pays(serve, bench, setting, encoding):
    """Not on this machine, unless the job says so."""
    seen = []

    async def answer(request):
        seen.append(request.headers["Accept-Encoding"])
        return web.Response(text="a 1\n")

    await bench(await serve(answer), enable_compression=setting).scraper.scrape(1)
    assert seen == [encoding]
