"""One service, watched by the agent's budget engine and by a real Prometheus 2.42 with the compiled rules. Budget: 60 s.

Windows are seconds long, by an `AlertWindows` file. Both must count alike, page alike and stop alike; a counter that is born with
its first errors is where they differ, and by how much is shown too.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from agent.slo import Catalog, Dialect, Setting, compile_slos, read_slos, rule_file
from tests.peers.processes import api, free_port, get, running
from tests.peers.slo_service import BURST, COUNTED, OUTAGE, RATE, Counting, specification
from tests.serving import serving
from tests.waiting import until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200), pytest.mark.xdist_group("peers")]

HEALTHY = 14.0
PATIENCE = 45.0
"""Seconds in which alerts must be over, on a machine that does other things too."""
DAY_MS = 86_400_000

# Burn rates 4, 2.5, 2 and 1.5: with 5 % to spare, half of all being bad opens them after 4.8, 5, 4.8 and 4.5 seconds.
WINDOWS = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 1d
  page:
    quick: {errorBudgetPercent: 0.05555555555555555, shortWindow: 4s, longWindow: 12s}
    slow: {errorBudgetPercent: 0.05787037037037037, shortWindow: 6s, longWindow: 20s}
  ticket:
    quick: {errorBudgetPercent: 0.05555555555555555, shortWindow: 8s, longWindow: 24s}
    slow: {errorBudgetPercent: 0.052083333333333336, shortWindow: 10s, longWindow: 30s}
"""
UNHURT = ("quiet", "restarted", "tenants/globex")
LONG = ("12s", "20s", "24s", "30s")


@dataclass
class Seen:
    """What one watcher told: when each alert began and ended, by (SLO, severity); one of a group as SLO/tenant."""

    port: int
    service: str
    began: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: dict[tuple[str, str], float] = field(default_factory=dict)

    def until_it_scrapes(self) -> None:
        """Wait until the service was scraped, so that all count its requests from the first one on."""
        until(lambda: api(self.port, "query", query='steady_requests_total{job="service"}')["data"]["result"])

    def look(self) -> None:
        now = time.time()
        firing = set()
        for each in api(self.port, "query", query='ALERTS{alertname="Burns",alertstate="firing"}')["data"]["result"]:
            labels = each["metric"]
            if labels["sloth_service"] == self.service:
                tenant = f"/{labels['tenant']}" if "tenant" in labels else ""
                firing.add((labels["sloth_slo"] + tenant, labels["sloth_severity"]))
        for each in firing:
            self.began.setdefault(each, now)
            self.ended.pop(each, None)
        for each in self.began.keys() - firing:
            self.ended.setdefault(each, now)

    def points(self, query: str, start: float, end: float) -> dict[float, float]:
        answer = api(self.port, "query_range", query=query, start=str(start), end=str(end), step="1")
        (series,) = answer["data"]["result"]
        return {float(at): float(value) for at, value in series["values"]}

    def recorded(self, at: float) -> set[frozenset[tuple[str, str]]]:
        """Return the labels of what is recorded of objectives whose numbers can be right."""
        selector = f'{{__name__=~"slo:.*|sloth_slo_info", sloth_service="{self.service}", sloth_slo!="wrong"}}'
        found = api(self.port, "query", query=selector, time=str(at))["data"]["result"]
        return {frozenset(pair for pair in each["metric"].items() if pair[0] != "sloth_version") for each in found}

    def counted(self, what: str, name: str, window: str, start: float, end: float) -> dict[float, float]:
        slo, _, tenant = name.partition("/")
        labels = f'sloth_id="{self.service}-{slo}", tenant="{tenant}"'
        return self.points(f"slo:{what}:increase{window}{{{labels}}}", start, end)


@dataclass
class World:
    """The agent, and Prometheus by our rules and by sloth's, from before the outage until all is over."""

    ours: Seen
    theirs: Seen
    sloths: Seen
    began: float
    outage: float
    over: float
    states: set[tuple[str, str]]
    """What the agent said of the wrong service: states and reasons."""


@contextmanager
def agent_and_prometheus(folder, prometheus, target):
    windows = folder / "windows"
    windows.mkdir()
    (windows / "seconds.yml").write_text(WINDOWS)
    catalog = Catalog.load(windows)
    for service, dialect in (("rag", Dialect.BURNLINE), ("slothed", Dialect.SLOTH)):
        compiled = compile_slos(read_slos(specification(service), "f").slos, Setting(dialect, DAY_MS, catalog))
        (folder / f"{dialect}.rules.yml").write_text(rule_file(compiled, dialect))
    (folder / "slos.yml").write_text(specification("rag"))
    scrape = (
        "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nscrape_configs:\n- job_name: service\n"
        f'  static_configs: [{{targets: ["127.0.0.1:{target}"]}}]\n'
    )
    (folder / "prometheus.yml").write_text(scrape + 'rule_files: ["*.rules.yml"]\n')
    (folder / "burnline.yml").write_text(
        scrape + "system: {enabled: false}\nslo_files: [slos.yml]\nslo: {default_period: 1d, windows: windows}\n"
    )
    theirs, ours = free_port(), free_port()
    their_command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    our_command = [sys.executable, "-m", "agent", "run", f"--config.file={folder}/burnline.yml"]
    our_command += [f"--web.listen-address=127.0.0.1:{ours}", f"--storage.path={folder}/data"]
    with (
        running(
            [*their_command, f"--web.listen-address=127.0.0.1:{theirs}"], theirs, "/-/ready", folder / "theirs.log"
        ),
        running(our_command, ours, "/-/ready", folder / "ours.log"),
    ):
        yield Seen(ours, "rag"), Seen(theirs, "rag"), Seen(theirs, "slothed")


def standing(port: int, name: str) -> list[dict]:
    """Return how objectives stand by the agent's API."""
    answer = json.loads(get(port, f"/api/v1/slos?slo={name}")[1])
    assert answer["status"] == "success", answer
    return answer["data"]["slos"]


@pytest.fixture(scope="module")
def world(tmp_path_factory, peer):
    folder, target = tmp_path_factory.mktemp("slo-budgets"), Counting()
    with (
        serving(lambda request: target.page()) as port,
        agent_and_prometheus(folder, peer("prometheus", "prometheus"), port) as seen,
    ):
        for each in seen:
            each.until_it_scrapes()
        target.began = began = time.time()
        target.outage = outage = began + HEALTHY
        states: set[tuple[str, str]] = set()
        while time.time() < outage + OUTAGE + PATIENCE:
            for each in seen:
                each.look()
            ((wrong,),) = (slo["budgets"] for slo in standing(seen[0].port, "rag-wrong"))
            states.add((wrong["state"], wrong["why"]))
            past = time.time() > outage + OUTAGE + 12
            if past and all(each.began.keys() <= each.ended.keys() for each in seen):
                break
            time.sleep(0.25)  # both live in real time: they are looked at until their alerts are over
        yield World(*seen, began, outage, time.time(), states)


def told(seen: Seen, outage: float) -> set[str]:
    """Return of which objectives both page and ticket began in the outage and ended; two of them have tests of their own."""
    keys = {key for key in seen.began if key[0] not in ("lazy", "wrong")}
    names = {name for name, _ in keys}
    assert keys == {(name, severity) for name in names for severity in ("page", "ticket")}
    assert keys <= seen.ended.keys()
    assert all(seen.began[key] > outage for key in keys)
    return names


def test_the_same_alerts_fire_and_end_in_both(world):
    """A hundredth of errors is far below the objective, a restart is no error, and two failures of seven are no news.

    Of the groups it is the one that fails; a part of a sum that nobody has hides none; a bucket is found by its number.
    """
    expected = {"steady", "tenants/acme", "latency", "written", "summed", "few"}

    for each in (world.ours, world.theirs):
        assert told(each, world.outage) == expected


def test_sloths_rules_fire_and_end_too_but_for_what_they_cannot_say(world):
    """Two failures are enough for them; a bucket that is written otherwise, or a part of a sum without a series, is nothing."""
    assert told(world.sloths, world.outage) == {"steady", "tenants/acme", "latency", "few", "fewer"}


@pytest.mark.parametrize("window", LONG)
@pytest.mark.parametrize(
    "name", ["steady", "quiet", "restarted", "tenants/acme", "tenants/globex", "latency", "written"]
)
def test_events_of_a_window_are_counted_alike(world, name, window):
    """Each sees what was scraped: they differ by what two scrapes and an evaluation bring, and by a guess at the edges."""
    start, end = world.began + 8, world.over - 1
    for what, rate in (("total_events", RATE), ("bad_events", RATE / 100 if name in UNHURT else RATE / 2)):
        ours, theirs = (each.counted(what, name, window, start, end) for each in (world.ours, world.theirs))
        both = sorted(ours.keys() & theirs.keys())
        assert len(both) > 15
        slack = 4 * rate
        if name == "restarted":  # a second, at most, of the old process was never scraped; which one differs
            slack += rate
        for at in both:
            assert abs(ours[at] - theirs[at]) <= slack, (what, at - world.outage, ours[at], theirs[at])


def test_whatever_rules_record_the_engine_records_with_the_same_labels(world):
    """So a dashboard of the one shows the other; of longer windows, which it compares too, the engine records more."""
    ours, theirs = (each.recorded(world.over - 1) for each in (world.ours, world.theirs))

    assert len(theirs) > 200
    assert theirs - ours == set()


def test_a_whole_outage_is_counted_to_the_last_event(world):
    """What the engine says of the period is what the stored samples rose by, resets included: not one more or less."""
    for name in COUNTED:
        for kind, what in (("requests", "total_events"), ("errors", "bad_events")):
            selector = f"{name}_{kind}_total[10m]"
            (series,) = api(world.ours.port, "query", query=selector, time=str(world.over))["data"]["result"]
            values = [(at, float(value)) for at, value in series["values"]]
            pairs = pairwise(value for _, value in values)
            rose = sum((now - before) if now >= before else now for before, now in pairs)
            rose += values[0][1] if (name, kind) == ("lazy", "errors") else 0  # it was born, from nothing
            counted = f'slo:{what}:increase1d{{sloth_id="rag-{name}"}}'
            found = world.ours.points(counted, values[-1][0], values[-1][0])
            assert list(found.values()) == [rose], (name, kind)


def test_a_counter_that_is_born_with_its_errors_is_counted_by_us_and_lost_by_rate(world):
    start, end = world.outage, world.over - 1
    ours, theirs = (each.counted("bad_events", "lazy", "30s", start, end) for each in (world.ours, world.theirs))

    assert max(ours.values()) == BURST
    assert max(theirs.values()) == 0
    assert ("lazy", "page") in world.ours.began
    assert not {key for each in (world.theirs, world.sloths) for key in each.began if key[0] == "lazy"}


def test_more_errors_than_requests_are_a_state_with_a_name_where_rules_see_a_ratio_above_one(world):
    reasons = [why for state, why in world.states if state == "SLOInvalid"]

    assert any(f"{BURST} bad events of" in why for why in reasons), world.states
    assert ("value", "") in world.states
    assert not {key for key in world.ours.began if key[0] == "wrong"}
    assert ("wrong", "page") in world.theirs.began
