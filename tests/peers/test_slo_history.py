"""A real Prometheus that has the past: a what-if over its API is the one over our folder, and budgets are filled from it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from click.testing import CliRunner

from agent.app import Api, StoreRecords
from agent.app.budgets.asking import Asking
from agent.cli.main import burnline
from agent.config import BackfillSection
from agent.model import ABSENT_NAN, STALE_NAN, Columns, Labels, Row
from agent.replay.slos import History, Step, past_of
from agent.slo import Catalog, read_slos
from agent.slo.budget import Engine, Objective, burns_of
from agent.store import Store
from tests.peers.processes import api, free_port, get, running
from tests.peers.test_replayed import openmetrics
from tests.serving import serving
from tests.waiting import until

pytestmark = pytest.mark.peers
SECOND, HOUR = 1_000, 3_600_000
BEGIN, HOURS = 1_699_920_000_000, 30
STEP = 30 * SECOND
SLOS = """
version: prometheus/v1
service: rag
slos:
  - name: answers
    objective: 99.5
    sli:
      events:
        error_query: sum(rate(requests_total{code="500"}[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting: {name: AnswersBurn}
  - name: share
    objective: 95
    sli: {raw: {error_ratio_query: "1 - avg_over_time(share_good[{{.window}}])"}}
    alerting: {name: ShareBurn}
"""
OBJECTIVES = tuple(
    Objective.of(each, burns_of(Catalog().windows(30 * 24 * HOUR)), 30 * 24 * HOUR)
    for each in read_slos(SLOS, "slos.yml").slos
)


def record(folder):
    """Record 30 hours: two targets, errors from 20:00 for half an hour and at times; restarts, a stretch down, a late birth."""
    store = Store.open(folder / "samples", retention_ms=10**13, max_memory_bytes=2**27)
    for place in range(2):
        own = {"job": "rag", "instance": f"h:{place}"}
        columns = Columns([Labels({"__name__": "up", **own})])
        for name, more in (("requests_total", "200"), ("requests_total", "500"), ("share_good", "")):
            columns.column(Labels({"__name__": name, **own, **({"code": more} if more else {})}))
        good = bad = 0
        for number in range(HOURS * HOUR // STEP + 1):
            at_ms = BEGIN + number * STEP + place * 7 * SECOND
            hour = number * STEP / HOUR
            if number == 1000 + 300 * place:
                good = bad = 0
            good += 300
            bad += 60 if 20 < hour <= 20.5 else int(number % 50 == 49)
            down = place == 0 and 10 <= hour < 10.5
            born = bad > 0
            cells = [1.0, good, bad if born else ABSENT_NAN, 0.99 if hour < 22 else 0.9]
            store.append(
                Row(
                    columns,
                    at_ms,
                    np.array([0, STALE_NAN, STALE_NAN if born else ABSENT_NAN, STALE_NAN] if down else cells),
                )
            )
    store.close()


@pytest.fixture(scope="module")
def past(tmp_path_factory, peer):
    """The recorded hours in our folder, and a Prometheus that holds the same; gives the folder and the port."""
    folder = tmp_path_factory.mktemp("past")
    record(folder / "ours")
    (folder / "hours.txt").write_text(openmetrics(folder / "ours"))
    (folder / "prometheus.yml").write_text("{}")
    (folder / "slos.yml").write_text(SLOS)
    promtool, prometheus = peer("promtool", "prometheus"), peer("prometheus", "prometheus")
    making = [
        promtool,
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(folder / "hours.txt"),
        str(folder / "theirs"),
    ]
    subprocess.run(making, check=True, capture_output=True)
    port = free_port()
    command = [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'theirs'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, port, "/-/ready", folder / "prometheus.log"):
        yield folder, port


def played(folder, *words):
    """Return the versions and caveats of a what-if over the last 12 hours, a minute a step."""
    until = str((BEGIN + HOURS * HOUR) // 1000)
    command = [
        "slo",
        "replay",
        str(folder / "slos.yml"),
        "--from",
        "12h",
        "--to",
        until,
        "--step",
        "1m",
        "--json",
        *words,
    ]
    result = CliRunner().invoke(burnline, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_what_if_over_prometheus_is_one_over_our_folder(past):
    folder, port = past
    theirs = played(folder, "--url", f"http://127.0.0.1:{port}", "--objective", "answers=95")
    ours = played(folder, "--storage.path", str(folder / "ours"), "--objective", "answers=95")

    assert theirs == ours
    assert [each["slos"][0]["pages"] for each in ours["versions"]] == [1, 0]
    assert ours["versions"][0]["slos"][1]["unit"] == "time"


def test_a_budget_that_is_filled_from_prometheus_is_what_promql_counts_within_its_extrapolation(past):
    folder, port = past
    until_ms = BEGIN + HOURS * HOUR
    asking = Asking(BackfillSection(source=f"http://127.0.0.1:{port}"))
    read = []
    for records in (
        Api(asking).records(),
        StoreRecords(Store.look_into(folder / "ours" / "samples", max_memory_bytes=2**27)),
    ):
        engine = Engine(OBJECTIVES)
        engine.row(until_ms, Step())
        found = past_of(History(records, OBJECTIVES, STEP), OBJECTIVES, until_ms - 30 * 24 * HOUR, until_ms - 1)
        found.fill(engine)
        read.append([(each.key, each.windows, each.period) for each in engine.read(until_ms)])

    assert read[0] == read[1]
    six = next(each for each in read[0][0][1] if each.window_ms == 6 * HOUR)
    for query, ours in (('requests_total{code="500"}', six.bad), ("requests_total", six.total)):
        answer = api(port, "query", query=f"sum(increase({query}[6h]))", time=str(until_ms // 1000))
        # Each of its series guesses at most a step at either end; ours begin at the checkpoint, up to a minute earlier.
        assert float(answer["data"]["result"][0]["value"][1]) == pytest.approx(ours, rel=3 * STEP / (6 * HOUR), abs=2)


@contextmanager
def counting():
    """Serve counters that rise by 10 requests and 1 error at every scrape by anybody; gives the port and the page's state."""
    state = {"requests": 0, "errors": 0, "rise": True}

    def page(_):
        if state["rise"]:
            state["requests"] += 10
            state["errors"] += 1
        lines = [
            f'hits_total{{code="{code}"}} {state[name]}' for code, name in (("200", "requests"), ("500", "errors"))
        ]
        return "\n".join(["# TYPE hits_total counter", *lines, ""])

    with serving(page) as port:
        yield port, state


def test_an_agent_that_starts_beside_a_prometheus_has_the_budget_from_before_its_start(tmp_path, peer):
    """Prometheus scrapes every second for a while; then nothing happens any more and the agent starts with its URL."""
    with counting() as (target, state):
        port, ours = free_port(), free_port()
        (tmp_path / "prometheus.yml").write_text(
            "scrape_configs: [{job_name: rag, scrape_interval: 1s, scrape_timeout: 1s,"
            f" static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        )
        (tmp_path / "slos.yml").write_text(SLOS.replace("requests_total", "hits_total"))
        (tmp_path / "burnline.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\nsystem: {enabled: false}\n"
            f"scrape_configs: [{{job_name: rag, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
            f"slo_files: [slos.yml]\nslo: {{backfill: {{from: 'http://127.0.0.1:{port}'}}}}\n"
            f"storage: {{path: data}}\nweb: {{listen_address: '127.0.0.1:{ours}'}}\n"
        )
        prometheus = [peer("prometheus", "prometheus"), f"--config.file={tmp_path / 'prometheus.yml'}"]
        prometheus += [f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"]
        with running(prometheus, port, "/-/ready", tmp_path / "prometheus.log"):
            until(lambda: _value(port, 'max(hits_total{code="200"})') >= 80)
            state["rise"] = False
            first = _value(port, 'min(min_over_time(hits_total{code="500"}[5m]))')
            until(lambda: _value(port, 'max(hits_total{code="500"})') == state["errors"])
            burnline = [sys.executable, "-m", "agent", "run", "--config.file", str(tmp_path / "burnline.yml")]
            with running(burnline, ours, "/-/ready", tmp_path / "burnline.log"):
                until(lambda: _period(ours)[1] > 0)
                bad, total = _period(ours)

    # Its first page is what the second one is compared with; from there on every event is counted.
    assert bad == state["errors"] - first
    assert total == (state["requests"] - 10 * first) + bad


def _value(port, query):
    found = api(port, "query", query=query)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


def _period(port):
    found = json.loads(get(port, "/api/v1/slos")[1])["data"]
    period = next(each for each in found["slos"] if each["id"] == "rag-answers")["budgets"][0]["period"]
    return period["bad"] or 0.0, period["total"] or 0.0
