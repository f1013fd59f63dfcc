"""Ours and a real Prometheus scrape the same pages and answer the same questions alike. Budget: 60 s of real time."""

from __future__ import annotations

import math
import sys
import time

import pytest

from tests.peers.pages import STEP_MS, TurningPages, make_pages
from tests.peers.processes import api, free_port, running
from tests.serving import serving
from tests.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]
PAGES = 80

QUERIES = [
    "temperature",
    'temperature{room!="hall"}',
    'temperature{room=~"h.*|attic"}',
    'requests_total{route!~"a|b"}',
    "temperature offset 5m",
    "rate(requests_total[5m])",
    "irate(requests_total[5m])",
    "increase(requests_total[10m])",
    "delta(temperature[5m])",
    "idelta(temperature[5m])",
    "deriv(temperature[5m])",
    "predict_linear(temperature[10m], 600)",
    "changes(temperature[10m])",
    "resets(requests_total[15m])",
    "avg_over_time(temperature[5m])",
    "min_over_time(temperature[5m])",
    "max_over_time(temperature[5m])",
    "sum_over_time(temperature[5m])",
    "count_over_time(requests_total[5m])",
    "last_over_time(temperature[5m])",
    "stddev_over_time(temperature[5m])",
    "quantile_over_time(0.9, temperature[10m])",
    "present_over_time(requests_total[5m])",
    "absent(nothing{a=\"b\"})",
    "absent_over_time(nothing[5m])",
    "sum by (route) (rate(requests_total[5m]))",
    "sum without (code) (rate(requests_total[5m]))",
    "avg(temperature)",
    "min by (room) (temperature)",
    "max(temperature)",
    "count(requests_total)",
    "group by (code) (requests_total)",
    "stddev(temperature)",
    "stdvar(temperature)",
    "topk(2, temperature)",
    "bottomk(1, temperature)",
    "quantile(0.5, temperature)",
    'count_values("value", limits)',
    "histogram_quantile(0.9, sum by (le, route) (rate(latency_seconds_bucket[5m])))",
    "histogram_quantile(0.5, rate(latency_seconds_bucket[10m]))",
    'sum(rate(requests_total{code="500"}[5m])) / sum(rate(requests_total[5m]))',
    "temperature > 0",
    "temperature > bool 0",
    "temperature > on (room) limits",
    "temperature * on (room) group_left (unit) limits",
    "limits / ignoring (unit) temperature",
    "temperature and on (room) limits",
    "temperature or limits",
    "temperature unless on (room) limits",
    "-temperature ^ 2",
    "temperature % 3",
    "1 + 2 * 3",
    "time() > 0",
    "vector(1)",
    "scalar(limits{room=\"hall\"})",
    "clamp(temperature, -2, 2)",
    "clamp_min(temperature, 1)",
    "clamp_max(temperature, 1)",
    "round(temperature, 0.5)",
    "abs(temperature)",
    "ceil(temperature)",
    "floor(temperature)",
    "sqrt(abs(temperature))",
    "ln(abs(temperature))",
    'label_replace(temperature, "place", "$1-x", "room", "(h.*)")',
    'label_join(limits, "both", "/", "room", "unit")',
    "sort(temperature)",
    "sort_desc(temperature)",
    "max_over_time(rate(requests_total[5m])[10m:1m])",
    "sum(rate(requests_total[5m])) by (code) > 0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def target():
    """Give a target whose pages end a moment ago, its port, and the timestamp of its last page."""
    last_ms = int(time.time() * 1000) - 20_000
    pages = TurningPages(make_pages(PAGES, last_ms), ("Prometheus/", "burnline/"))
    with serving(pages.take) as port:
        yield pages, port, last_ms


@pytest.fixture(scope="module")
def both(tmp_path_factory, peer, target):
    """Give (our port, Prometheus' port, the last timestamp), both with all pages ingested."""
    prometheus = peer("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("same-pages")
    pages, port, last_ms = target
    ours, theirs = free_port(), free_port()
    scrape = (
        "  scrape_interval: 100ms\n  scrape_timeout: 100ms\nscrape_configs:\n- job_name: pages\n"
        f'  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]\n'
    )
    (folder / "prometheus.yml").write_text("global:\n" + scrape)
    (folder / "burnline.yml").write_text("global:\n" + scrape + "system: {enabled: false}\n")
    their_command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    their_command += [f"--web.listen-address=127.0.0.1:{theirs}"]
    our_command = [sys.executable, "-m", "agent", "run", f"--config.file={folder}/burnline.yml"]
    our_command += [f"--web.listen-address=127.0.0.1:{ours}", f"--storage.path={folder}/data"]
    with (
        running(their_command, theirs, "/-/ready", folder / "prometheus.log"),
        running(our_command, ours, "/-/ready", folder / "burnline.log"),
    ):
        assert pages.finished.wait(120), (
            f"stuck at page {pages.number} of {PAGES}: {(folder / 'burnline.log').read_text()[-2000:]}"
        )
        for port in (ours, theirs):
            until(lambda port=port: _has(port, last_ms))
        yield ours, theirs, last_ms


def _has(port, at_ms):
    result = api(port, "query", query="timestamp(temperature)", time=str(at_ms / 1000))["data"]["result"]
    return bool(result) and float(result[0]["value"][1]) * 1000 == at_ms


def answer(port, path, **form):
    """Return {labels: values} of an answer, job and instance left out of nothing; errors are the error's type."""
    envelope = api(port, path, **form)
    if envelope["status"] != "success":
        return envelope["errorType"]
    data = envelope["data"]
    if data["resultType"] in ("scalar", "string"):
        return data["result"]
    found = {}
    for each in data["result"]:
        points = each.get("values") or [each["value"]]
        found[tuple(sorted(each["metric"].items()))] = [(point[0], float(point[1])) for point in points]
    return found


def assert_same(expected, got, query):
    if not isinstance(expected, dict):
        assert expected == got, query
        return
    assert expected.keys() == got.keys(), query
    for labels, points in expected.items():
        assert [at for at, _ in points] == [at for at, _ in got[labels]], (query, labels)
        for (_, one), (_, other) in zip(points, got[labels], strict=True):
            same = math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
            assert same, (query, labels, one, other)


@pytest.mark.parametrize("query", QUERIES)
def test_an_instant_query_is_answered_as_prometheus_answers_it(both, query):
    """At instants between two pages: 2.42 closes ranges at both ends, 3 opens the left one, so edges are left out."""
    ours, theirs, last_ms = both
    for back in (0, 7, 33):
        at = str((last_ms - back * STEP_MS + 4_000) / 1000)
        assert_same(answer(theirs, "query", query=query, time=at), answer(ours, "query", query=query, time=at), query)


@pytest.mark.parametrize("query", QUERIES)
def test_a_range_query_is_answered_as_prometheus_answers_it(both, query):
    """Where every window lies within the series: 2.42 extrapolates to a series' beginning in another order than 3 does."""
    ours, theirs, last_ms = both
    window = {
        "start": str((last_ms - 35 * STEP_MS + 4_000) / 1000),
        "end": str((last_ms + 4_000) / 1000),
        "step": "45",
    }
    expected = answer(theirs, "query_range", query=query, **window)
    assert_same(expected, answer(ours, "query_range", query=query, **window), query)


@pytest.mark.parametrize("path", ["labels", "label/route/values", "label/__name__/values"])
def test_labels_and_their_values_are_listed_alike(both, path):
    ours, theirs, _ = both

    def names(port):
        import json

        from tests.peers.processes import get

        found = json.loads(get(port, f"/api/v1/{path}?match[]=%7Bjob%3D%22pages%22%7D")[1])["data"]
        return [name for name in found if not name.startswith("scrape_")]

    assert names(theirs) == names(ours)
