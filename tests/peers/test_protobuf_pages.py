"""Protobuf pages beside a real Prometheus: what it writes we read, and what we take for a native histogram so does it."""

from __future__ import annotations

import http.client
import math

import pytest

from agent.collect.formats import ACCEPTED, TargetReaders
from agent.collect.naming import SeriesNaming
from agent.collect.rows import RowWriter
from agent.collect.spec import ScrapeJob
from agent.model import Labels
from agent.query.native.quantiles import fraction
from tests.collect.messages import double, family, metric, packed, signed, spans, whole
from tests.peers.processes import api, free_port, running
from tests.serving import Answer, serving
from tests.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]
NATIVE = ScrapeJob("j", scrape_native_histograms=True)

PAGE = family(
    "latency_seconds",
    "histogram",
    metric(
        "histogram",
        signed(5, 1) + double(6, 0.25) + whole(7, 3) + whole(1, 20) + double(2, 31.5)
        + spans(12, (-1, 2), (2, 2)) + packed(13, [2, 1, 2, -4]) + spans(9, (0, 2)) + packed(10, [2, 1]),
        {"route": "a"},
    ),
)  # fmt: skip


def fetch(port: int, path: str, accept: str) -> tuple[str, bytes]:
    """Ask for a page in one format: its Content-Type and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def read(kind: str, body: bytes):
    """The floats of a page by series, and its histograms."""
    writer = RowWriter()
    readers = TargetReaders(SeriesNaming(Labels(), NATIVE), writer, NATIVE)
    page = readers.of(kind).read(body)
    values = dict(zip(page.cells.tolist(), page.values.tolist(), strict=True))
    return {writer.columns.labels[cell]: value for cell, value in values.items()}, dict(page.histograms), readers


@pytest.fixture(scope="module")
def served():
    """A server with one protobuf page; gives its port."""
    page = Answer(PAGE, type=ACCEPTED["PrometheusProto"])
    with serving(lambda request: page) as port:
        yield port


@pytest.fixture(scope="module")
def prometheus(peer, served, tmp_path_factory):
    """A real Prometheus that scrapes the page each second, native histograms included; gives its port."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    job = (
        f"scrape_configs: [{{job_name: j, scrape_interval: 1s, static_configs: [{{targets: ['127.0.0.1:{served}']}}]}}]"
    )
    (folder / "prometheus.yml").write_text(job)
    command = [
        peer("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=native-histograms",
    ]
    with running(command, port, "/-/ready", folder / "log"):
        yield port


def test_what_prometheus_writes_of_itself_is_the_same_in_protobuf_and_text(prometheus):
    fetch(prometheus, "/metrics", "*/*")  # its first answer has no numbers of an answer yet
    proto = fetch(prometheus, "/metrics", ACCEPTED["PrometheusProto"])
    text = fetch(prometheus, "/metrics", ACCEPTED["PrometheusText0.0.4"])

    assert "protobuf" in proto[0]
    floats, histograms, readers = read(*proto)
    expected, _, from_text = read(*text)

    assert not histograms
    assert floats.keys() == expected.keys()
    assert len(floats) > 300
    steady = [
        series for series in floats if series.name.endswith(("_info", "_ready", "_limit")) or "config" in series.name
    ]
    assert steady
    assert [floats[series] for series in steady] == [expected[series] for series in steady]
    types = {name: each.type for name, each in readers.current.metadata.items()}
    assert types == {name: each.type for name, each in from_text.current.metadata.items()}


def test_prometheus_takes_the_same_native_histogram_from_a_page_as_we_do(prometheus):
    _, histograms, _ = read(ACCEPTED["PrometheusProto"], PAGE)
    (found,) = histograms.values()

    def asked(expression: str) -> float:
        result = until(lambda: api(prometheus, "query", query=expression)["data"]["result"])
        return float(result[0]["value"][1])

    assert asked('histogram_count(latency_seconds{route="a"})') == found.count
    assert asked('histogram_sum(latency_seconds{route="a"})') == found.sum
    bounds = [-(2 ** (1 / 2)), -1.0, -0.25, 0.25, 2 ** (-1 / 2), 1.0, 2 ** (1 / 2), 2.0, 2 ** (3 / 2)]
    for bound in bounds:
        expression = f'histogram_fraction(-Inf, {bound!r}, latency_seconds{{route="a"}})'
        assert asked(expression) == pytest.approx(fraction(-math.inf, bound, found)), expression
