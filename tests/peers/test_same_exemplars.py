"""Ours and a real Prometheus scrape the same OpenMetrics page and answer query_exemplars alike. Budget: 20 s of real time."""

from __future__ import annotations

import sys

import pytest

from tests.peers.processes import api, free_port, running
from tests.serving import Answer, serving
from tests.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers")]

AT = 1_700_000_000
LONG = "x" * 127
PAGE = f"""\
# TYPE asked counter
asked_total{{route="a"}} 5 # {{trace_id="one"}} 0.5 {AT}.25
asked_total{{route="b"}} 6 # {{trace_id="two",span_id="s"}} 1e-7 {AT + 10}
asked_total{{route="c"}} 7
asked_total{{route="d"}} 7 # {{t="{LONG}"}} 1 {AT}
asked_total{{route="e"}} 7 # {{t="{LONG}y"}} 1 {AT}
# TYPE took_seconds histogram
took_seconds_bucket{{le="0.1"}} 1 # {{trace_id="one"}} 0.05 {AT}.5
took_seconds_bucket{{le="+Inf"}} 2 # {{trace_id="three"}} +Inf {AT + 20}
took_seconds_count 2
took_seconds_sum 3
# EOF
"""

QUESTIONS = [
    {"query": "asked_total"},
    {"query": 'asked_total{route!="a"}', "start": str(AT), "end": str(AT + 100)},
    {"query": "asked_total", "start": str(AT), "end": f"{AT}.25"},
    {"query": "asked_total", "start": f"{AT}.251", "end": str(AT + 9)},
    {"query": "sum by (route) (rate(asked_total[5m]))", "start": str(AT), "end": str(AT + 100)},
    {"query": "histogram_quantile(0.9, rate(took_seconds_bucket[5m])) / sum(asked_total)", "start": "1", "end": "2e9"},
    {"query": 'took_seconds_bucket{le="+Inf"}', "start": "0", "end": "2000000000"},
    {"query": "nothing", "start": "0", "end": "2000000000"},
    {"query": "asked_total", "start": "5", "end": "4"},
    {"query": "asked_total", "start": "soon", "end": "4"},
    {"query": "asked_total{", "start": "3", "end": "4"},
    {"query": "", "start": "3", "end": "4"},
]


@pytest.fixture(scope="module")
def site():
    """Serve the page; give its port."""
    page = Answer(PAGE.encode(), type="application/openmetrics-text; version=1.0.0; charset=utf-8")
    with serving(lambda request: page) as port:
        yield port


@pytest.fixture(scope="module")
def both(tmp_path_factory, peer, site):
    """Give (our port, Prometheus' port), both with the page."""
    prometheus = peer("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("same-exemplars")
    ours, theirs = free_port(), free_port()
    scrape = (
        "  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n- job_name: pages\n"
        f'  static_configs: [{{targets: ["127.0.0.1:{site}"]}}]\n'
    )
    (folder / "prometheus.yml").write_text("global:\n" + scrape)
    (folder / "burnline.yml").write_text("global:\n" + scrape + "system: {enabled: false}\n")
    their_command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    their_command += [f"--web.listen-address=127.0.0.1:{theirs}", "--enable-feature=exemplar-storage"]
    our_command = [sys.executable, "-m", "agent", "run", f"--config.file={folder}/burnline.yml"]
    our_command += [f"--web.listen-address=127.0.0.1:{ours}", f"--storage.path={folder}/data"]
    with (
        running(their_command, theirs, "/-/ready", folder / "prometheus.log"),
        running(our_command, ours, "/-/ready", folder / "burnline.log"),
    ):
        for port in (ours, theirs):  # until each has seen the page a second time, repetitions and all
            until(lambda port=port: _scraped_twice(port))
        yield ours, theirs


def _scraped_twice(port):
    result = api(port, "query", query='sum_over_time(up{job="pages"}[1m])')["data"]["result"]
    return bool(result) and float(result[0]["value"][1]) >= 2


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: "&".join(each.values()))
def test_exemplars_are_answered_as_prometheus_answers_them(both, question):
    """Data alike to the last digit, refusals by their type: 2.42's words for a parse error are older."""
    ours, theirs = (api(port, "query_exemplars", **question) for port in both)
    if theirs["status"] == "error":
        assert (ours["status"], ours["errorType"]) == ("error", theirs["errorType"])
    else:
        assert ours == theirs


def test_there_was_something_to_compare(both):
    """The page has five exemplars short enough to keep, on both sides."""
    for port in both:
        found = api(port, "query_exemplars", query='{job="pages"}', start="0", end="2000000000")["data"]
        assert sum(len(each["exemplars"]) for each in found) == 5
